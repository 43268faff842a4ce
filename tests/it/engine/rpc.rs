//! The stub's JSON-RPC: methods, versions, error codes, and rubbish.

use super::setup::{GENESIS_TIME, Lab, attributes, genesis_state, network};
use super::{outside_json, with_blobs};
use lockin::engine::json::answer_from;
use lockin::engine::rpc::{CAPABILITIES, Reply, answer};
use lockin::engine::{Call, METHODS, Script, Stub, StubConfig, genesis};
use lockin::ssz::{Bytes, Fork, Preset, Shape};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

struct Rpc {
    stub: Stub,
    now: u64,
}

impl Rpc {
    fn new(fork: Fork) -> Self {
        let cfg = network(fork);
        let state = genesis_state(&cfg, true);
        Self { stub: Stub::new(StubConfig::of_network(Arc::new(cfg), &state)), now: GENESIS_TIME * 1000 }
    }

    fn raw(&mut self, body: &str) -> Value {
        match answer(&mut self.stub, self.now, body.as_bytes()) {
            Reply::Now(value) => value,
            Reply::Never => panic!("no answer"),
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value, i64> {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let answer = self.raw(&request.to_string());
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)));
        match answer.get("error") {
            Some(error) => Err(error["code"].as_i64().expect("a code")),
            None => Ok(answer["result"].clone()),
        }
    }

    fn ok(&mut self, method: &str, params: Value) -> Value {
        self.ask(method, params).unwrap_or_else(|code| panic!("{method}: {code}"))
    }

    fn state(&self) -> Value {
        let zero = format!("0x{}", "0".repeat(64));
        json!({"headBlockHash": self.stub.head().hash.to_string(), "safeBlockHash": zero, "finalizedBlockHash": zero})
    }
}

fn attributes_of(fork: Fork, slot: u64) -> Value {
    let attributes = attributes(slot);
    let mut out = json!({
        "timestamp": format!("{:#x}", attributes.timestamp),
        "prevRandao": attributes.prev_randao.to_string(),
        "suggestedFeeRecipient": attributes.suggested_fee_recipient.to_string(),
    });
    if fork >= Fork::Capella {
        out["withdrawals"] = json!([]);
    }
    if fork >= Fork::Deneb {
        out["parentBeaconBlockRoot"] = json!(attributes.parent_beacon_block_root.to_string());
    }
    out
}

/// Everything that a consensus client does in a slot, by the methods of its fork; `None` where there is no parameter.
#[test]
fn a_slot_of_every_fork() {
    let versions = [
        (Fork::Bellatrix, 1, 1, 1),
        (Fork::Bellatrix, 2, 2, 2),
        (Fork::Capella, 2, 2, 2),
        (Fork::Deneb, 3, 3, 3),
        (Fork::Electra, 3, 4, 4),
        (Fork::Fulu, 3, 5, 4),
    ];
    for (fork, update, get, new) in versions {
        let mut rpc = Rpc::new(fork);
        let state = rpc.state();
        let updated = rpc.ok(&format!("engine_forkchoiceUpdatedV{update}"), json!([state, attributes_of(fork, 1)]));
        assert_eq!(updated["payloadStatus"]["status"], "VALID");
        let built = rpc.ok(&format!("engine_getPayloadV{get}"), json!([updated["payloadId"]]));
        let payload = if get == 1 { built.clone() } else { built["executionPayload"].clone() };
        assert_eq!(built.get("blobsBundle").is_some(), get >= 3);
        assert_eq!(built.get("executionRequests"), (get >= 4).then_some(&json!([])));
        let mut params = vec![payload.clone()];
        if new >= 3 {
            params.extend([json!([]), attributes_of(fork, 1)["parentBeaconBlockRoot"].clone()]);
        }
        if new >= 4 {
            params.push(json!([]));
        }
        let status = rpc.ok(&format!("engine_newPayloadV{new}"), json!(params));
        assert_eq!((&status["status"], &status["latestValidHash"]), (&json!("VALID"), &payload["blockHash"]), "{fork}");
        let hash = &payload["blockHash"];
        let head = json!({"headBlockHash": hash, "safeBlockHash": hash, "finalizedBlockHash": hash});
        rpc.ok(&format!("engine_forkchoiceUpdatedV{update}"), json!([head, null]));
        for which in ["latest", "safe", "finalized", "0x1"] {
            assert_eq!(rpc.ok("eth_getBlockByNumber", json!([which, false]))["hash"], *hash, "{which}");
        }
        assert_eq!(rpc.ok("eth_getBlockByHash", json!([hash, false]))["number"], "0x1");
        assert_eq!(rpc.ok("eth_blockNumber", json!([])), "0x1");
        let body = json!([{"transactions": [], "withdrawals": payload.get("withdrawals")}]);
        assert_eq!(rpc.ok("engine_getPayloadBodiesByHashV1", json!([[hash]])), body);
        assert_eq!(rpc.ok("engine_getPayloadBodiesByRangeV1", json!(["0x1", "0x5"])), body);
    }
}

#[test]
fn wrong_questions_get_the_specs_codes() {
    let mut rpc = Rpc::new(Fork::Deneb);
    let state = rpc.state();
    let good = attributes_of(Fork::Deneb, 1);
    let mut update = |version: u8, attributes: Value| {
        rpc.ask(&format!("engine_forkchoiceUpdatedV{version}"), json!([state, attributes]))
    };
    assert!(update(3, good.clone()).is_ok() && update(2, Value::Null).is_ok());
    assert_eq!(update(3, attributes_of(Fork::Capella, 1)), Err(-38003), "no parent root");
    assert_eq!(update(2, attributes_of(Fork::Capella, 1)), Err(-38005), "V2 is older than the timestamp");
    assert_eq!(update(2, good.clone()), Err(-38003), "no V2 structure");
    assert_eq!(update(3, json!({"timestamp": "0x01"})), Err(-38003));
    assert_eq!(update(3, json!([])), Err(-38003));
    let mut old = good.clone();
    old["timestamp"] = json!("0x1");
    assert_eq!(update(3, old), Err(-38003), "not after the head");

    let unknown = json!({"headBlockHash": format!("0x{}", "7".repeat(64)), "safeBlockHash": state["safeBlockHash"],
        "finalizedBlockHash": state["finalizedBlockHash"]});
    let answer = rpc.ok("engine_forkchoiceUpdatedV3", json!([unknown, {"timestamp": "rubbish"}]));
    assert_eq!(answer["payloadStatus"]["status"], "SYNCING", "attributes are for a valid head only");

    for (method, params, expected) in [
        ("engine_forkchoiceUpdatedV3", json!([{}, null]), -32602),
        ("engine_forkchoiceUpdatedV3", json!([]), -32602),
        ("engine_getPayloadV3", json!(["0x0000000000000001"]), -38001),
        ("engine_getPayloadV3", json!(["0x1"]), -32602),
        ("engine_getPayloadV9", json!(["0x0000000000000001"]), -32601),
        ("engine_newPayloadV3", json!([{}]), -32602),
        ("engine_getBlobsV1", json!([vec![format!("0x{}", "7".repeat(64)); 129]]), -38004),
        ("engine_getPayloadBodiesByHashV1", json!([vec![format!("0x{}", "7".repeat(64)); 129]]), -38004),
        ("engine_getPayloadBodiesByRangeV1", json!(["0x0", "0x1"]), -32602),
        ("engine_getPayloadBodiesByRangeV1", json!(["0x1", "0x81"]), -38004),
        ("eth_getBlockByNumber", json!(["0x01", false]), -32602),
        ("eth_sendRawTransaction", json!(["0x00"]), -32000),
        ("eth_mining", json!([]), -32601),
    ] {
        assert_eq!(rpc.ask(method, params.clone()), Err(expected), "{method} {params}");
    }
    let id = rpc.ok("engine_forkchoiceUpdatedV3", json!([state, good]))["payloadId"].clone();
    assert_eq!(rpc.ask("engine_getPayloadV4", json!([id])), Err(-38005));
    let mut payload = rpc.ok("engine_getPayloadV3", json!([id]))["executionPayload"].clone();
    let root = attributes_of(Fork::Deneb, 1)["parentBeaconBlockRoot"].clone();
    assert_eq!(rpc.ask("engine_newPayloadV4", json!([payload, [], root, []])), Err(-38005));
    assert_eq!(rpc.ask("engine_newPayloadV2", json!([payload])), Err(-38005));
    assert_eq!(rpc.ask("engine_newPayloadV3", json!([payload, [], null])), Err(-32602));
    payload["blobGasUsed"] = Value::Null;
    assert_eq!(rpc.ask("engine_newPayloadV3", json!([payload, [], root])), Err(-32602));
}

#[test]
fn what_clients_ask_beside_payloads() {
    let mut rpc = Rpc::new(Fork::Capella);
    assert_eq!(rpc.ok("eth_chainId", json!([])), "0x5");
    assert_eq!(rpc.ok("net_version", json!([])), "5");
    assert_eq!(rpc.ok("eth_syncing", Value::Null), false);
    assert_eq!(rpc.ok("eth_getLogs", json!([{}])), json!([]));
    assert_eq!(rpc.ok("eth_call", json!([{}, "latest"])), "0x");
    assert_eq!(rpc.ok("eth_getCode", json!([format!("0x{}", "4".repeat(40)), "latest"])), "0x");
    assert_eq!(rpc.ok("engine_exchangeCapabilities", json!([METHODS])), json!(CAPABILITIES));
    assert!(METHODS.iter().all(|method| CAPABILITIES.contains(method)));
    let version = rpc.ok("engine_getClientVersionV1", json!([{}]));
    assert_eq!((&version[0]["name"], version[0]["code"].as_str().map(str::len)), (&json!("lockin"), Some(2)));
    let zero = format!("0x{}", "0".repeat(64));
    let theirs = json!({"terminalTotalDifficulty": "0x1", "terminalBlockHash": zero, "terminalBlockNumber": "0x0"});
    assert_eq!(rpc.ok("engine_exchangeTransitionConfigurationV1", json!([theirs])), theirs);
    for which in ["safe", "finalized", "0x5"] {
        assert_eq!(rpc.ok("eth_getBlockByNumber", json!([which, false])), Value::Null);
    }
    let block = rpc.ok("eth_getBlockByNumber", json!(["earliest", false]));
    let shape = Shape::new(Fork::Capella, Preset::minimal());
    let header = genesis::header_from_block_json(shape, &json!({"jsonrpc": "2.0", "result": block}));
    assert_eq!(header, Ok(genesis::execution_genesis(shape, GENESIS_TIME)));
}

#[test]
fn a_wrong_hash_has_a_status_of_its_own_in_the_first_version_only() {
    let mut rpc = Rpc::new(Fork::Bellatrix);
    let state = rpc.state();
    let updated = rpc.ok("engine_forkchoiceUpdatedV1", json!([state, attributes_of(Fork::Bellatrix, 1)]));
    let mut payload = rpc.ok("engine_getPayloadV1", json!([updated["payloadId"]]));
    payload["blockHash"] = state["safeBlockHash"].clone();
    for (version, expected) in [(1, "INVALID_BLOCK_HASH"), (2, "INVALID")] {
        let status = rpc.ok(&format!("engine_newPayloadV{version}"), json!([payload]));
        assert_eq!((&status["status"], &status["latestValidHash"]), (&json!(expected), &Value::Null));
    }
}

#[test]
fn requests_come_alone_or_in_batches() {
    let mut rpc = Rpc::new(Fork::Bellatrix);
    let one = r#"{"jsonrpc":"2.0","id":"a","method":"eth_chainId"}"#;
    assert_eq!(rpc.raw(one), json!({"jsonrpc": "2.0", "id": "a", "result": "0x5"}));
    let batch = rpc.raw(&format!("[{one}, 5, {one}]"));
    assert_eq!(batch[1]["error"]["code"], -32600);
    assert_eq!((&batch[0], &batch[0]), (&batch[2], &json!({"jsonrpc": "2.0", "id": "a", "result": "0x5"})));
    for (rubbish, code) in [("", -32700), ("{", -32700), ("[]", -32600), ("{}", -32600), ("null", -32600)] {
        assert_eq!(rpc.raw(rubbish)["error"]["code"], code, "{rubbish}");
    }
    let script = Script::from_yaml("script", "verdicts: [{ answer: timeout }]").expect("a script");
    let mut silent = Lab::new(network(Fork::Capella), true, "");
    let (_, asked) = silent.build(1);
    let cfg = network(Fork::Capella);
    let config = StubConfig::of_network(Arc::new(cfg.clone()), &genesis_state(&cfg, true)).with_script(script);
    let (method, params) = lockin::engine::json::request(&Call::NewPayload(Box::new(asked)));
    let body = json!({"id": 1, "method": method, "params": params}).to_string();
    assert_eq!(answer(&mut Stub::new(config), 0, body.as_bytes()), Reply::Never);
}

/// Requests that are right, to be damaged.
fn samples() -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for example in outside_json("examples.json").as_array().expect("a list") {
        all.push(json!({"jsonrpc": "2.0", "id": 1, "method": example["method"], "params": example["params"]}));
    }
    for method in ["eth_getBlockByNumber", "eth_getBlockByHash", "eth_getLogs", "eth_call"] {
        all.push(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": ["0x0", false]}));
    }
    all
}

/// Replaces the `at`th value of a tree, counted from its root.
fn damage(value: &mut Value, at: &mut usize, with: &Value) -> bool {
    if *at == 0 {
        *value = with.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Array(list) => list.iter_mut().any(|value| damage(value, at, with)),
        Value::Object(map) => map.values_mut().any(|value| damage(value, at, with)),
        _ => false,
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let hex = prop::collection::vec(any::<u8>(), 0..80).prop_map(|bytes| json!(format!("0x{}", hex::encode(bytes))));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<u64>().prop_map(|number| json!(format!("{number:#x}"))),
        hex,
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z]{1,8}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn damaged_requests_get_an_answer(pick in any::<prop::sample::Index>(), at in 0usize..40, with in any_json()) {
        let samples = samples();
        let mut request = pick.get(&samples).clone();
        let mut at = at;
        damage(&mut request, &mut at, &with);
        let mut rpc = Rpc::new(Fork::Deneb);
        let answer = rpc.raw(&request.to_string());
        let all = if let Value::Array(list) = &answer { list.clone() } else { vec![answer.clone()] };
        prop_assert!(all.iter().all(|answer| answer.get("result").is_some() != answer.get("error").is_some()), "{}", answer);
    }

    #[test]
    fn damaged_answers_are_refused_or_read(pick in any::<prop::sample::Index>(), at in 0usize..40, with in any_json()) {
        let all = outside_json("examples.json");
        let mut result = with_blobs(pick.get(all.as_array().expect("a list"))["result"].clone());
        let mut at = at;
        damage(&mut result, &mut at, &with);
        for fork in [Fork::Bellatrix, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu] {
            for call in [
                Call::GetPayload { fork, id: Bytes::ZERO },
                Call::GetBlobs { fork, versioned_hashes: vec![Bytes::ZERO] },
                Call::ForkchoiceUpdated { fork, state: Default::default(), attributes: None },
                Call::PowBlock { hash: Bytes::ZERO },
            ] {
                let _ = answer_from(Preset::minimal(), &call, &result);
            }
        }
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut rpc = Rpc::new(Fork::Deneb);
        prop_assert!(matches!(answer(&mut rpc.stub, 0, &bytes), Reply::Now(_)));
    }
}
