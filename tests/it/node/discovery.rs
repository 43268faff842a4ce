//! `lockin node --discovery`: a node that was given another's record only becomes its peer.

use std::fs;

use super::process::{Process, get, network, wait_for};

#[test]
fn a_node_finds_its_peer_by_a_record_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    network(dir.path());
    let searching = ["--discovery", "127.0.0.1:0"];
    let mut first = Process::start(dir.path(), &searching);
    let identity = get(first.rest(), "/eth/v1/node/identity");
    let told = identity["data"]["discovery_addresses"][0].as_str().expect("an address");
    assert!(told.starts_with("/ip4/127.0.0.1/udp/"), "{identity}");
    let record = identity["data"]["enr"].as_str().expect("a record");

    let other = tempfile::tempdir().expect("a directory");
    fs::create_dir(other.path().join("net")).expect("writes");
    for file in ["config.yaml", "genesis.ssz"] {
        fs::copy(dir.path().join("net").join(file), other.path().join("net").join(file)).expect("copies");
    }
    let mut second = Process::start(other.path(), &[&searching[..], &["--bootnode", record]].concat());
    let address = second.rest();
    wait_for(&second, address, "/eth/v1/node/peer_count", |count| count["data"]["connected"] == "1");
    let peers = get(address, "/eth/v1/node/peers?state=connected");
    assert_eq!(peers["data"][0]["peer_id"], identity["data"]["peer_id"]);
}
