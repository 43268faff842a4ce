//! The in-memory network: order, latency, loss and the same story for the same seed. Never runs the service above it.

use super::*;

const TOPIC: &str = "/eth2/00000000/beacon_block/ssz_snappy";

/// A line of nodes 0 - 1 - 2 - ..., all up and on the topic.
fn line(seed: u64, count: usize) -> MemoryNetwork {
    let mut net = MemoryNetwork::new(seed, 5..=50);
    for i in 0..count {
        net.join(PeerId::new(format!("peer{i}")), "test");
    }
    for i in 1..count {
        net.connect(i - 1, i, 0);
    }
    for i in 0..count {
        net.start(i, 0);
        net.send(i, 0, Command::Subscribe { topic: TOPIC.into() });
    }
    net
}

/// Runs until nothing is under way; every gossip message gets `verdict`. Returns the story as text.
fn run(net: &mut MemoryNetwork, verdict: Verdict) -> Vec<String> {
    let mut story = Vec::new();
    while let Some(at) = net.next_event_time() {
        while let Some((node, event)) = net.pop_due(at) {
            match &event {
                LinkEvent::Gossip { id, .. } => net.send(node, at, Command::Report { id: *id, verdict }),
                LinkEvent::Request { id, body, .. } => {
                    for _ in 0..3 {
                        net.send(node, at, Command::Respond { id: *id, chunk: Chunk::success(None, body.clone()) });
                    }
                    net.send(node, at, Command::Finish { id: *id });
                }
                _ => {}
            }
            story.push(format!("{at} {node} {event:?}"));
        }
    }
    story
}

fn count(story: &[String], what: &str) -> usize {
    story.iter().filter(|line| line.contains(what)).count()
}

fn publish(net: &mut MemoryNetwork, node: NodeIndex, at: u64, data: &'static [u8]) {
    net.send(node, at, Command::Publish { topic: TOPIC.into(), data: Payload::from_static(data) });
}

#[test]
fn one_seed_tells_one_story() {
    let story = |seed| {
        let mut net = line(seed, 6);
        net.connect(0, 5, 0);
        let mut story = run(&mut net, Verdict::Accept);
        for (i, data) in [b"one".as_slice(), b"two", b"three"].into_iter().enumerate() {
            publish(&mut net, i, 1000, data);
        }
        story.extend(run(&mut net, Verdict::Accept));
        story
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}

#[test]
fn gossip_goes_on_only_when_accepted_and_reaches_each_once() {
    for (verdict, reached) in [(Verdict::Accept, 3), (Verdict::Ignore, 1), (Verdict::Reject, 1)] {
        let mut net = line(1, 4);
        net.connect(0, 3, 0);
        net.cut(0, 3, 0);
        run(&mut net, Verdict::Accept);
        publish(&mut net, 0, 100, b"block");
        publish(&mut net, 0, 100, b"block");
        assert_eq!(count(&run(&mut net, verdict), "Gossip"), reached);
    }
}

#[test]
fn who_is_not_on_the_topic_hears_nothing() {
    let mut net = line(1, 3);
    run(&mut net, Verdict::Accept);
    net.send(1, 50, Command::Unsubscribe { topic: TOPIC.into() });
    publish(&mut net, 0, 100, b"block");
    assert_eq!(run(&mut net, Verdict::Accept), [""; 0]);
}

#[test]
fn answers_come_in_order_and_end() {
    let mut net = line(3, 2);
    run(&mut net, Verdict::Accept);
    let offers = vec![(Protocol::Ping1, Payload::from_static(b"12345678"))];
    net.send(0, 100, Command::Request { id: RequestId(9), peer: net.peer(1), offers });
    let story = run(&mut net, Verdict::Accept);
    let mine: Vec<&String> = story.iter().filter(|line| line.contains("RequestId(9)")).collect();
    assert_eq!(mine.len(), 4, "{story:?}");
    assert!(mine[..3].iter().all(|line| line.contains("Chunk {")) && mine[3].contains("End {"), "{mine:?}");
    assert_eq!(count(&story, "Sent"), 3);
}

#[test]
fn a_killed_node_takes_its_requests_with_it_and_is_redialled_when_back() {
    let mut net = line(4, 2);
    assert_eq!(count(&run(&mut net, Verdict::Accept), "Connected"), 2);
    let offers = vec![(Protocol::Ping1, Payload::from_static(b"12345678"))];
    net.send(0, 100, Command::Request { id: RequestId(9), peer: net.peer(1), offers });
    publish(&mut net, 1, 100, b"lost");
    net.stop(1, 101);
    let story = run(&mut net, Verdict::Accept);
    assert_eq!((count(&story, "RequestFailed"), count(&story, "0 Disconnected {")), (1, 1), "{story:?}");
    assert_eq!(story.len(), 2, "{story:?}");
    net.start(1, 5000);
    assert_eq!(count(&run(&mut net, Verdict::Accept), " Connected"), 2);
}

#[test]
fn cut_and_mend() {
    let mut net = line(5, 2);
    run(&mut net, Verdict::Accept);
    net.cut(0, 1, 100);
    assert_eq!(count(&run(&mut net, Verdict::Accept), " Disconnected {"), 2);
    publish(&mut net, 0, 200, b"unheard");
    assert_eq!(run(&mut net, Verdict::Accept), [""; 0]);
    net.mend(0, 1, 300);
    run(&mut net, Verdict::Accept);
    publish(&mut net, 0, 400, b"heard");
    assert_eq!(count(&run(&mut net, Verdict::Accept), "Gossip"), 1);
}

#[test]
fn nodes_dial_by_address() {
    let mut net = MemoryNetwork::new(6, 1..=1);
    let (a, b) = (net.join(PeerId::new("a"), "x"), net.join(PeerId::new("b"), "y"));
    net.start(a, 0);
    net.send(a, 0, Command::Dial { addr: net.address(b) });
    net.send(a, 0, Command::Dial { addr: "/memory/7/p2p/c".into() });
    assert_eq!(count(&run(&mut net, Verdict::Accept), "DialFailed"), 1);
    net.start(b, 10);
    let story = run(&mut net, Verdict::Accept);
    assert!(story.iter().any(|line| line.contains("0 Connected { peer: b, direction: Outbound")), "{story:?}");
}

#[test]
fn what_was_said_before_hanging_up_is_heard() {
    let mut net = line(5, 2);
    run(&mut net, Verdict::Accept);
    let offers = vec![(Protocol::Goodbye1, Payload::from_static(b"12345678"))];
    net.send(0, 100, Command::Request { id: RequestId(1), peer: net.peer(1), offers });
    net.send(0, 100, Command::Disconnect { peer: net.peer(1) });
    let story = run(&mut net, Verdict::Accept);
    assert_eq!((count(&story, "1 Request {"), count(&story, " Disconnected {")), (1, 2), "{story:?}");
    assert_eq!(count(&story, " Connected {"), 2, "a static peer is tried again: {story:?}");
}

#[test]
fn nodes_that_are_kept_apart_can_not_find_a_new_way() {
    let mut net = MemoryNetwork::new(6, 1..=1);
    let (a, b) = (net.join(PeerId::new("a"), "x"), net.join(PeerId::new("b"), "y"));
    net.cut(a, b, 0);
    net.start(a, 0);
    net.start(b, 0);
    net.send(a, 0, Command::Dial { addr: net.address(b) });
    assert_eq!(count(&run(&mut net, Verdict::Accept), " Connected"), 0);
    net.stop(b, 10);
    net.start(b, 20);
    assert_eq!(count(&run(&mut net, Verdict::Accept), " Connected"), 0);
    net.mend(a, b, 30);
    assert_eq!(count(&run(&mut net, Verdict::Accept), " Connected"), 2);
}

/// When node 1 hears what node 0 sends at 1000, of so many bytes, over lines changed like this; and the story.
fn heard(seed: u64, bytes: usize, change: impl FnOnce(&mut MemoryNetwork)) -> (Option<u64>, Vec<String>) {
    let mut net = line(seed, 2);
    run(&mut net, Verdict::Accept);
    change(&mut net);
    for n in 0..3u8 {
        net.send(0, 1000, Command::Publish { topic: TOPIC.into(), data: vec![n; bytes].into() });
    }
    let story = run(&mut net, Verdict::Accept);
    let last = story.iter().rfind(|line| line.contains("Gossip"));
    (last.and_then(|line| line.split(' ').next()?.parse().ok()), story)
}

#[test]
fn an_impaired_line_takes_longer_and_a_whole_one_is_as_it_was() {
    let whole = heard(3, 10_000, |_| {}).0.unwrap();
    assert!((1005..=1050).contains(&whole), "{whole}");
    assert_eq!(heard(3, 10_000, |net| *net.line_mut(0) = Line::default()).0, Some(whole));
    let of = |change: fn(&mut Line)| heard(3, 10_000, |net| change(net.line_mut(0))).0.unwrap();
    let late = of(|line| line.latency_ms = (400, 0));
    assert_eq!(late, whole + 400);
    let shaken = of(|line| line.latency_ms = (400, 100));
    assert!((1305..=1550).contains(&shaken) && shaken != late, "{shaken}");
    // 240,000 bits, and the line is busy with the first when the next comes.
    let slow = of(|line| line.kbit_per_s = Some(100));
    assert!((3405..=3450).contains(&slow), "{slow}");
    // What it is sent is not its line's latency or bandwidth.
    let other = heard(3, 10_000, |net| *net.line_mut(1) = Line { latency_ms: (400, 0), ..Line::default() }).0;
    assert_eq!(other, Some(whole));
}

#[test]
fn lost_packets_are_sent_again_in_either_direction_until_the_connection_breaks() {
    let lossy = |percent| move |net: &mut MemoryNetwork| net.line_mut(1).loss_percent = percent;
    let (late, _) = heard(3, 100_000, lossy(20));
    assert!(late.unwrap() >= 1200, "{late:?}");
    assert_eq!(heard(3, 100_000, lossy(20)), heard(3, 100_000, lossy(20)));
    let mut net = line(3, 2);
    run(&mut net, Verdict::Accept);
    net.line_mut(0).loss_percent = 99;
    net.send(0, 1000, Command::Publish { topic: TOPIC.into(), data: vec![1; 100_000].into() });
    let mut heard = Vec::new();
    while let Some((_, event)) = net.pop_due(1000) {
        heard.push(format!("{event:?}"));
    }
    assert_eq!(count(&heard, "Disconnected"), 2, "{heard:?}");
}
