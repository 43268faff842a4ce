//! The Beacon API: a table of routes, one file per group, each handler a function of the core and the call.
//! Handlers NEVER do I/O: what they cause (publishing, writing) leaves the core as effects.

mod beacon_blocks;
mod beacon_states;
mod blobs;
mod call;
mod config;
mod debug;
mod duties;
pub mod events;
mod node;
mod pool;
mod produce;
mod publish;
mod queues;
mod reply;
mod subscriptions;
mod validators;

pub use call::{Call, ValidatorId};
pub use node::version;
pub(in crate::node) use produce::{Form, answer};
pub use reply::{Media, Meta, Refusal, Reply, Served};
pub use validators::status as validator_status;

use super::core::Core;
use crate::api::{Method, Request};

/// A function that serves a route: the whole node, and one call.
type AtOnce = fn(&mut Core, &Call<'_>) -> Result<Reply, Refusal>;
/// As [`AtOnce`], for what may have to wait for the execution engine.
type PerhapsLater = fn(&mut Core, &Call<'_>) -> Result<Served, Refusal>;

/// What serves a route.
pub enum Handler {
    /// Answers within the call.
    AtOnce(AtOnce),
    /// May promise an answer.
    PerhapsLater(PerhapsLater),
}

/// One line of the table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; `{name}` stands for one segment.
    pub pattern: &'static str,
    /// Whether the standard has an SSZ form of the answer.
    pub ssz: bool,
    /// What serves it.
    pub handler: Handler,
}

/// A GET route that answers with JSON.
const fn get(pattern: &'static str, handler: AtOnce) -> Route {
    Route { method: Method::Get, pattern, ssz: false, handler: Handler::AtOnce(handler) }
}

/// A GET route that answers with JSON or SSZ.
const fn get_ssz(pattern: &'static str, handler: AtOnce) -> Route {
    Route { method: Method::Get, pattern, ssz: true, handler: Handler::AtOnce(handler) }
}

/// As [`get_ssz`], where the answer may come later.
const fn get_ssz_later(pattern: &'static str, handler: PerhapsLater) -> Route {
    Route { method: Method::Get, pattern, ssz: true, handler: Handler::PerhapsLater(handler) }
}

/// A POST route that answers with JSON, or with a status only.
const fn post(pattern: &'static str, handler: AtOnce) -> Route {
    Route { method: Method::Post, pattern, ssz: false, handler: Handler::AtOnce(handler) }
}

/// A POST route that answers with JSON or SSZ.
const fn post_ssz(pattern: &'static str, handler: AtOnce) -> Route {
    Route { method: Method::Post, pattern, ssz: true, handler: Handler::AtOnce(handler) }
}

/// Every route, group by group.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    [
        node::ROUTES,
        beacon_states::ROUTES,
        queues::ROUTES,
        validators::ROUTES,
        beacon_blocks::ROUTES,
        publish::ROUTES,
        blobs::ROUTES,
        pool::ROUTES,
        duties::ROUTES,
        produce::ROUTES,
        subscriptions::ROUTES,
        config::ROUTES,
        debug::ROUTES,
        events::ROUTES,
    ]
    .into_iter()
    .flatten()
}

/// What the table says about a method and a path.
pub enum Found<'a> {
    /// Serve it with this, with these path parameters.
    Route(&'static Route, Vec<(&'static str, &'a str)>),
    /// The path is served, but only by these methods.
    OtherMethods(Vec<Method>),
    /// No such path.
    Nothing,
}

/// Looks a path up. `method` is `None` for one that no route has (PUT, DELETE, ...).
pub fn find(method: Option<Method>, path: &str) -> Found<'_> {
    let mut others = Vec::new();
    for route in routes() {
        let Some(params) = match_path(route.pattern, path) else { continue };
        if Some(route.method) == method {
            return Found::Route(route, params);
        }
        others.push(route.method);
    }
    others.dedup();
    if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
}

/// The answer where [`find`] found no route.
pub fn no_route(found: &Found<'_>, path: &str) -> Reply {
    let path = call::shown(path);
    match found {
        Found::OtherMethods(methods) => {
            let methods: Vec<String> = methods.iter().map(Method::to_string).collect();
            let methods = methods.join(", ");
            Reply::from(Refusal::new(405, format!("{path} is served by {methods} only"))).header("allow", methods)
        }
        _ => Reply::from(Refusal::not_found(format!("no such endpoint: {path}"))),
    }
}

/// Serves one request.
pub fn serve(core: &mut Core, request: &Request, now_ms: u64) -> Served {
    match find(Some(request.method), &request.path) {
        Found::Route(route, params) => {
            let call = Call { request, params, now_ms };
            let served = match route.handler {
                Handler::AtOnce(handler) => handler(core, &call).map(Served::Now),
                Handler::PerhapsLater(handler) => handler(core, &call),
            };
            served.unwrap_or_else(|refusal| Reply::from(refusal).into())
        }
        other => no_route(&other, &request.path).into(),
    }
}

/// The parameters of `path` if it fits `pattern`.
fn match_path<'a>(pattern: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let mut params = Vec::new();
    let mut given = path.split('/');
    for wanted in pattern.split('/') {
        let segment = given.next()?;
        match wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if !segment.is_empty() => params.push((name, segment)),
            None if wanted == segment => {}
            _ => return None,
        }
    }
    given.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn patterns_match_whole_paths_only() {
        assert_eq!(match_path("/a/{x}/b", "/a/7/b"), Some(vec![("x", "7")]));
        for path in ["/a/7", "/a/7/b/", "/a//b", "a/7/b", "/a/7/b/c", "", "/"] {
            assert_eq!(match_path("/a/{x}/b", path), None, "{path}");
        }
    }

    #[test]
    fn the_table_has_no_route_twice() {
        let mut seen = BTreeSet::new();
        for route in routes() {
            assert!(seen.insert((route.method.to_string(), route.pattern)), "{} is there twice", route.pattern);
        }
        assert!(seen.len() >= 70, "{} routes", seen.len());
    }

    #[test]
    fn unknown_paths_and_wrong_methods_are_told_apart() {
        assert!(matches!(find(Some(Method::Get), "/eth/v1/node/nothing"), Found::Nothing));
        let Found::OtherMethods(methods) = find(None, "/eth/v1/beacon/states/head/validators") else {
            panic!("the path exists");
        };
        assert_eq!(methods, [Method::Get, Method::Post]);
    }
}
