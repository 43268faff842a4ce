//! What the Beacon API refuses, and with which status: wrong identifiers, unknown routes, hostile bodies, lists too long.

use lockin::api::{Body, Method, Request};
use lockin::node::rest;
use serde_json::{Value, json};

use super::{get, lab, message, post};

#[test]
fn wrong_identifiers_are_400_and_what_is_not_there_is_404() {
    let root = format!("0x{}", "77".repeat(32));
    for path in ["root", "fork", "validators", "committees", "randao"] {
        assert_eq!(get(&format!("/eth/v1/beacon/states/current/{path}")).status, 400, "{path}");
        assert_eq!(get(&format!("/eth/v1/beacon/states/{root}/{path}")).status, 404, "{path}");
        assert_eq!(get(&format!("/eth/v1/beacon/states/99999999/{path}")).status, 404, "{path}");
    }
    for target in ["/eth/v1/beacon/headers/", "/eth/v2/beacon/blocks/", "/eth/v1/beacon/blocks/"] {
        assert_eq!(get(&format!("{target}current")).status, 400, "{target}");
        assert_eq!(get(&format!("{target}{root}")).status, 404, "{target}");
        assert_eq!(get(&format!("{target}18446744073709551615")).status, 404, "{target}");
    }
    assert!(message(&get("/eth/v1/beacon/states/current/root")).contains("accepted: head, genesis"));
    for (target, status) in [
        ("/eth/v1/beacon/states/head/validators/99", 404),
        ("/eth/v1/beacon/states/head/validators/-1", 400),
        ("/eth/v1/beacon/states/head/validators?status=alive", 400),
        ("/eth/v1/beacon/states/head/validators?id=0x12", 400),
        ("/eth/v1/beacon/states/head/committees?epoch=9", 400),
        ("/eth/v1/beacon/states/head/committees?epoch=18446744073709551615", 400),
        ("/eth/v1/beacon/states/head/committees?epoch=3&slot=3", 400),
        ("/eth/v1/beacon/states/head/committees?index=64", 400),
        ("/eth/v1/beacon/states/head/sync_committees?epoch=99", 400),
        ("/eth/v1/beacon/states/genesis/sync_committees", 400),
        ("/eth/v1/beacon/states/head/randao?epoch=5", 400),
        ("/eth/v1/validator/duties/proposer/6", 400),
        ("/eth/v1/validator/duties/proposer/18446744073709551615", 400),
        ("/eth/v1/validator/duties/proposer/x", 400),
        ("/eth/v1/validator/attestation_data", 400),
        ("/eth/v1/validator/attestation_data?slot=18446744073709551615", 400),
        ("/eth/v1/node/peers?state=sleeping", 400),
        ("/eth/v1/node/peers/localhost", 400),
        ("/eth/v1/node/peers/16Uiu2HAm1111111111111111111111111111111111111111111", 404),
        ("/eth/v1/node/health?syncing_status=99", 400),
        ("/eth/v1/node/health?syncing_status=299", 200),
        ("/eth/v1/events", 400),
        ("/eth/v1/events?topics=weather_forecast", 400),
        ("/eth/v1/events?topics=head,block", 200),
    ] {
        let response = get(target);
        assert_eq!(response.status, status, "{target}: {}", String::from_utf8_lossy(&response.body));
    }
    let ids: Vec<String> = (0..65).map(|id| id.to_string()).collect();
    assert_eq!(get(&format!("/eth/v1/beacon/states/head/validators?id={}", ids.join(","))).status, 414);
}

#[test]
fn unknown_routes_are_404_and_wrong_methods_405() {
    assert_eq!(get("/eth/v1/beacon/nothing").status, 404);
    for kind in ["beacon", "sync"] {
        let response = post(&format!("/eth/v1/validator/{kind}_committee_selections"), &json!([]));
        assert_eq!(response.status, 501, "{}", message(&response));
    }
    let response = post("/eth/v1/beacon/genesis", &json!({}));
    assert_eq!((response.status, response.header("allow")), (405, Some("GET")));
    assert!(message(&response).contains("GET only"));
}

#[test]
fn hostile_bodies_are_refused_with_a_reason() {
    let deep = "[".repeat(100_000);
    let bodies: Vec<Body> = vec![
        Body::Empty,
        Body::Json(b"{".to_vec()),
        Body::Json(deep.into_bytes()),
        Body::Json(vec![0xff; 64]),
        Body::Json(b"null".to_vec()),
        Body::Json(b"7".to_vec()),
        Body::Json(b"{\"message\":{\"slot\":\"18446744073709551615\"}}".to_vec()),
        Body::Json(b"{\"message\":{\"slot\":{}}}".to_vec()),
        Body::Json(b"[{}]".to_vec()),
        Body::Json(b"[[[]]]".to_vec()),
        Body::Json(b"[\"x\"]".to_vec()),
        Body::Json(b"[-1, 1.5, 1e99]".to_vec()),
        Body::Ssz(Vec::new()),
        Body::Ssz(vec![0; 3]),
        Body::Ssz(vec![0xff; 4096]),
    ];
    for route in rest::routes().filter(|route| route.method == Method::Post) {
        let path = route.pattern.replace("{state_id}", "head").replace("{epoch}", "3");
        for body in &bodies {
            let request = Request { body: body.clone(), ..Request::post(path.as_str()).with_version("altair") };
            let response = lab().ask(0, &request);
            // No filter, an object without the filter's keys, and empty lists are in order.
            let lists = ["/pool/attestations", "/aggregate_and_proofs", "/bls_to_execution_changes"];
            let takes_ssz_list = lists.iter().any(|list| path.ends_with(list));
            let empty_list = *body == Body::Ssz(Vec::new()) && takes_ssz_list;
            let may_be_fine = path.contains("/head/validator") || path.contains("register") || empty_list;
            let allowed = if may_be_fine { 200..=415 } else { 400..=415 };
            let is_unserved = path.ends_with("_selections") && response.status == 501;
            assert!(is_unserved || allowed.contains(&response.status), "{path} with {body:?}: {}", response.status);
            if response.status != 200 {
                assert!(!message(&response).is_empty());
            }
        }
    }
    let versionless = Request::post("/eth/v2/beacon/blocks").with_json(&json!({}));
    assert_eq!(lab().ask(0, &versionless).status, 400);
    let unknown = Request::post("/eth/v1/beacon/blocks").with_json(&json!({})).with_version("osaka");
    assert!(message(&lab().ask(0, &unknown)).contains("phase0, altair"));
}

#[test]
fn lists_beyond_their_limit_are_refused_whole() {
    // Limits of the minimal preset: 2048 validators in each of 4 committees; 16 aggregators in each; and two of our own.
    for (target, most) in [
        ("/eth/v2/beacon/pool/attestations", 2048 * 4),
        ("/eth/v2/validator/aggregate_and_proofs", 16 * 4),
        ("/eth/v1/beacon/pool/sync_committees", 1024),
        ("/eth/v1/validator/contribution_and_proofs", 1024),
        ("/eth/v1/validator/duties/attester/4", 1 << 17),
    ] {
        let response = post(target, &Value::Array(vec![json!({}); most + 1]));
        assert_eq!(response.status, 413, "{target}");
        assert!(message(&response).contains(&format!("at most {most}")), "{target}: {}", message(&response));
        assert_eq!(post(target, &Value::Array(vec![json!({}); most])).status, 400, "{target}");
    }
}
