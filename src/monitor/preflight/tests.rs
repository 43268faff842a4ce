use super::*;
use crate::api::{Request, Response, Transport, TransportError};
use crate::engine::{METHODS, Secret};
use crate::genesis::{Convention, genesis_state};
use crate::ssz::{Fork, Preset};
use async_trait::async_trait;

fn names(methods: &[&str]) -> Vec<String> {
    methods.iter().map(|name| (*name).to_owned()).collect()
}

fn without(name: &str) -> Vec<String> {
    METHODS.iter().filter(|known| **known != name).map(|name| (*name).to_owned()).collect()
}

#[test]
fn methods_are_asked_for_by_the_forks_that_come() {
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    assert_eq!(missing_methods(&cfg, true, &[]), [""; 0]);
    cfg.start_at(Fork::Electra);
    let up_to_electra = names(&["engine_newPayloadV4", "engine_forkchoiceUpdatedV3", "engine_getPayloadV4"]);
    assert_eq!(missing_methods(&cfg, true, &up_to_electra), [""; 0]);
    cfg.set_fork_epoch(Fork::Fulu, 2);
    let lacks = ["its execution client has no engine_getPayloadV5, which fulu (epoch 2) needs"];
    assert_eq!(missing_methods(&cfg, true, &up_to_electra), lacks);
    // Who never proposes never asks for a payload.
    assert_eq!(missing_methods(&cfg, false, &up_to_electra), [""; 0]);
    assert_eq!(missing_methods(&cfg, true, &names(METHODS)), [""; 0]);
    // A method that several forks need is named once.
    let lacks = ["its execution client has no engine_newPayloadV4, which electra (epoch 0) needs"];
    assert_eq!(missing_methods(&cfg, true, &without("engine_newPayloadV4")), lacks);
    let mut merged = ChainConfig::lockin(Preset::minimal());
    merged.start_at(Fork::Bellatrix);
    assert_eq!(missing_methods(&merged, true, &without("engine_newPayloadV1")), [""; 0]);
}

/// A node that answers nothing but with this status.
struct Mute(u16);

#[async_trait]
impl Transport for Mute {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        Ok(Response::empty(self.0))
    }
}

/// An execution client with these methods, over HTTP.
async fn engine(has: &[&str]) -> engine::Client {
    let answer = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "result": has }).to_string();
    let router = axum::Router::new().route("/", axum::routing::post(move || async move { answer }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    engine::Client::new(&url, Secret::new([1; 32]), Preset::minimal()).unwrap()
}

fn preflight(cfg: ChainConfig) -> Preflight {
    let fork = cfg.genesis_fork();
    let state = genesis_state(&cfg, fork, Convention::to_run(fork), 1_700_000_000, 4).unwrap();
    let genesis = Genesis::of(&cfg, &state);
    Preflight::new(Arc::new(cfg), genesis)
}

const WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_lacking_method_is_found_though_the_node_says_nothing_yet() {
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    cfg.start_at(Fork::Fulu);
    let mut preflight = preflight(cfg);
    let engine = Some(engine(&["engine_newPayloadV4", "engine_forkchoiceUpdatedV3", "engine_getPayloadV4"]).await);
    preflight.expect("a0", Examined { beacon: Client::new(Arc::new(Mute(503))), engine, proposes: true });
    assert_eq!(preflight.look(&[], false, WITHIN).await, []);
    let told = preflight.look(&["a0"], false, WITHIN).await;
    let [Event::Preflight { node, differs, lacks, unknown, remarks }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((node.as_str(), differs.len(), unknown.len(), remarks.len()), ("a0", 0, 3, 2));
    assert_eq!(lacks.len(), 1);
    assert!(preflight.found() && preflight.is_done());
}

fn expects(beacon: impl Transport + 'static) -> Preflight {
    let mut preflight = preflight(ChainConfig::lockin(Preset::minimal()));
    preflight.expect("a0", Examined { beacon: Client::new(Arc::new(beacon)), engine: None, proposes: true });
    preflight
}

#[tokio::test]
async fn what_can_not_be_asked_is_asked_again_for_long_and_is_no_difference() {
    let mut preflight = expects(Mute(404));
    assert_eq!(preflight.look(&["a0"], false, WITHIN).await, []);
    for _ in 1..MOST_LOOKS {
        assert_eq!(preflight.look(&["a0"], true, WITHIN).await, []);
        assert!(!preflight.is_done());
    }
    let told = preflight.look(&["a0"], true, WITHIN).await;
    let [Event::Preflight { differs, lacks, unknown, remarks, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((differs.len(), lacks.len(), unknown.len(), remarks.len()), (0, 0, 3, 2));
    assert!(!preflight.found() && preflight.is_done());
    // When the run is over sooner, it is told then.
    let mut preflight = expects(Mute(404));
    assert_eq!(preflight.look(&["a0"], true, WITHIN).await, []);
    assert_eq!(preflight.finish(&["a0"], WITHIN).await.len(), 1);
}

/// A node that serves this, by path, and nothing else.
struct Shelf(Vec<(&'static str, serde_json::Value)>);

#[async_trait]
impl Transport for Shelf {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let found = self.0.iter().find(|(path, _)| *path == request.path);
        let Some((_, data)) = found else { return Ok(Response::empty(503)) };
        let body = serde_json::json!({ "data": data }).to_string();
        Ok(Response { body: body.into(), ..Response::empty(200) })
    }
}

#[tokio::test]
async fn without_the_configuration_no_fork_is_lacking() {
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    cfg.set_fork_epoch(Fork::Altair, 1);
    let version = cfg.genesis_fork_version.to_string();
    let past = serde_json::json!([{ "previous_version": version, "current_version": version, "epoch": "0" }]);
    let schedule = ("/eth/v1/config/fork_schedule", past);
    let spec = ("/eth/v1/config/spec", serde_json::json!({ "SLOTS_PER_EPOCH": "8" }));
    let told = async |shelf: Vec<_>| {
        let mut preflight = preflight(cfg.clone());
        let beacon = Client::new(Arc::new(Shelf(shelf)));
        preflight.expect("a0", Examined { beacon, engine: None, proposes: true });
        let told = preflight.finish(&["a0"], WITHIN).await;
        let [Event::Preflight { lacks, unknown, .. }] = told.as_slice() else { panic!("{told:?}") };
        (lacks.clone(), unknown.len())
    };
    assert_eq!(told(vec![schedule.clone()]).await, (Vec::new(), 2));
    assert_eq!(told(vec![schedule.clone(), spec]).await, (vec!["the fork altair of epoch 1".to_owned()], 1));
    // One that names no value is none.
    let empty = ("/eth/v1/config/spec", serde_json::json!({ "CONFIG_NAME": "x" }));
    assert_eq!(told(vec![schedule, empty]).await, (Vec::new(), 2));
}
