//! The rights that a run needs in its namespace: no more than it uses, and asked for before anything is made.

use super::cluster::Cluster;
use crate::runtime::Error;
use futures::{StreamExt, TryStreamExt, stream};

/// Verbs, API group, resources.
type Right = (&'static [&'static str], &'static str, &'static str);

/// All of them.
pub const RIGHTS: &[Right] = &[
    (&["create", "get", "list", "watch", "delete", "deletecollection"], "", "pods"),
    (&["create", "get"], "", "pods/exec"),
    (&["create", "get"], "", "pods/portforward"),
    (&["get"], "", "pods/log"),
    (&["create", "get", "list", "delete"], "batch", "jobs"),
    (&["create", "get", "list", "patch", "delete"], "coordination.k8s.io", "leases"),
];

/// A service account that has them, for `kubectl apply`.
pub const ROLE: &str = include_str!("../../../docs/kubernetes/role.yaml");

/// Questions that are asked at once.
const AT_ONCE: usize = 8;

/// Finds out whether all are there.
///
/// # Errors
/// Which are not, or the cluster does not say.
pub async fn check(cluster: &Cluster) -> Result<(), Error> {
    let all = RIGHTS.iter().flat_map(|(verbs, group, of)| verbs.iter().map(move |verb| (*verb, *group, *of)));
    let asked = stream::iter(all).map(|(verb, group, of)| async move {
        Ok::<_, Error>(cluster.may(verb, group, of).await?.then_some(()).ok_or((verb, of)))
    });
    let asked: Vec<Result<(), (&str, &str)>> = asked.buffered(AT_ONCE).try_collect().await?;
    let missing: Vec<String> =
        asked.into_iter().filter_map(Result::err).map(|(verb, of)| format!("{verb} {of}")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let namespace = &cluster.namespace;
    Err(Error::Other(format!(
        "rights are missing in the namespace {namespace}: {}; `lockin k8s role` prints a Role that has them all",
        missing.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_role_that_people_are_given_has_these_rights_and_no_others() {
        let objects: Vec<Value> =
            ROLE.split("\n---\n").map(|text| crate::yaml::from_str("role.yaml", text).unwrap()).collect();
        let role = objects.iter().find(|it| it["kind"] == "Role").unwrap();
        let sorted = |verbs: Vec<String>| {
            let mut verbs = verbs;
            verbs.sort();
            verbs
        };
        let words = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
        let given = role["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| (sorted(words(&rule["verbs"])), words(&rule["apiGroups"]), words(&rule["resources"])));
        let mut given: Vec<_> = given.collect();
        let mut needed: Vec<_> = RIGHTS
            .iter()
            .map(|(verbs, group, of)| {
                let verbs = verbs.iter().map(|verb| (*verb).to_owned()).collect();
                (sorted(verbs), vec![(*group).to_owned()], vec![(*of).to_owned()])
            })
            .collect();
        given.sort();
        needed.sort();
        assert_eq!(given, needed);
    }
}
