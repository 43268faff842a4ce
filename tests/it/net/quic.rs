//! QUIC: the same as over TCP where it is built in, a clear refusal where it is not.

use super::*;

#[cfg(not(feature = "quic"))]
#[tokio::test]
async fn a_build_without_quic_says_so() {
    let error = start(Config { quic: Some(0), ..Config::loopback([1; 32]) }).await.err().expect("refused");
    assert!(error.to_string().contains("--features quic"), "{error}");
}

#[cfg(feature = "quic")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_gossip_over_quic() {
    let quic = |key| Config { quic: Some(0), ..Config::loopback([key; 32]) };
    let (mut a, mut b) = (node_of(quic(1)).await, node_of(quic(2)).await);
    let address = b.link.addresses().pop().expect("QUIC comes last");
    assert!(address.contains(&format!("/udp/{}/quic-v1/p2p/", b.link.quic_port().expect("it listens"))), "{address}");
    a.link.send(Command::Dial { addr: address });
    for node in [&mut a, &mut b] {
        let over = |event: &LinkEvent| match event {
            LinkEvent::Connected { addr, .. } => Some(addr.clone()),
            _ => None,
        };
        let addr = node.expect("connection", over).await;
        assert!(addr.contains("/quic-v1"), "{addr}");
    }
    // status, blocks by range, and blocks by gossip up to 9 MiB
    requests_and_gossip((a, b)).await;
}

#[cfg(feature = "quic")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_quic_port_is_named() {
    let a = node_of(Config { quic: Some(0), ..Config::loopback([1; 32]) }).await;
    let quic = a.link.quic_port();
    let error = start(Config { quic, ..Config::loopback([2; 32]) }).await.err().expect("taken").to_string();
    assert!(error.contains(&format!("UDP port {}", quic.expect("it listens"))), "{error}");
}
