//! What every runtime does alike: one table of behaviours, each tried on a network of its own. A runtime is tested by
//! implementing [`Bench`] for it and calling [`holds`].

use futures::{FutureExt, future::LocalBoxFuture};
use lockin::{
    api::Client,
    client,
    engine::{Script, stub::Say},
    genesis,
    runtime::{Ability, Ending, Error, Exit, Fault, Runtime, Started},
    ssz::{Fork, Preset},
    topology::{self, EnginePlan, GenesisPlan, Links, NetworkPlan, NodeSpec, Start, Validators},
    types::ChainConfig,
};
use std::{collections::BTreeMap, sync::Arc};

pub const SLOT_MS: u64 = 1000;
/// For what takes a moment: a busy machine is given many.
const SOON_MS: u64 = 30_000;
/// Until a connection that carries nothing any more counts as lost, on either side, or a lost one is made again.
const PEERS_MS: u64 = 120_000;

/// A runtime under test.
pub trait Bench {
    /// One of its kind with nothing prepared, able to run the embedded client.
    fn runtime(&self) -> Box<dyn Runtime>;

    /// Ends a program of a node behind the runtime's back, as it may end by its own fault. Gives the exit code or the signal
    /// that must be told; `None` where there is no such thing as a program.
    fn crash(&self, node: &str, program: &Started) -> Option<(Option<i32>, Option<i32>)>;

    /// Kills one (SIGKILL), as only somebody else does; `false` where there is no such thing as a program.
    fn kill(&self, node: &str, program: &Started) -> bool;

    /// What any of its runtimes has left on this machine and still is there.
    fn left(&self) -> Vec<String>;
}

/// A network that is prepared, and nothing of it started.
struct Trial<'a> {
    bench: &'a dyn Bench,
    runtime: Box<dyn Runtime>,
    plan: NetworkPlan,
    /// Milliseconds of the run.
    genesis_at: u64,
}

type Behaviour = for<'a> fn(&'a mut Trial<'_>) -> LocalBoxFuture<'a, ()>;

const BEHAVIOURS: &[(&str, Behaviour)] = &[
    ("names that the plan does not have are errors", |it| unknown_names(it).boxed_local()),
    ("a node answers while it runs, and only then", |it| answers_while_up(it).boxed_local()),
    ("time passes as asked, linked nodes are peers, blocks come", |it| makes_blocks(it).boxed_local()),
    ("a follower that comes later follows", |it| late_follower(it).boxed_local()),
    ("killed or stopped, a node starts again on what it had", |it| restarts(it).boxed_local()),
    ("an end that nobody asked for is told once, with last words", |it| tells_of_a_crash(it).boxed_local()),
    ("who is killed from outside is not to blame", |it| excuses_the_killed(it).boxed_local()),
    ("prepared again, a network begins anew", |it| begins_anew(it).boxed_local()),
    ("an ability is there, or its lack has a reason", |it| says_what_it_lacks(it).boxed_local()),
    ("a paused node does nothing until it is resumed", |it| pauses(it).boxed_local()),
    ("a paused node can be ended, and is not paused any more", |it| ends_the_paused(it).boxed_local()),
    ("sides of a partition lose each other until it is lifted", |it| partitions(it).boxed_local()),
    ("a partition outlasts a restart", |it| partitions_the_restarted(it).boxed_local()),
    ("an impaired network goes on, and can be mended", |it| impairs(it).boxed_local()),
    ("an engine says what it is told, until it is told no more", |it| tells_engines(it).boxed_local()),
    ("destroyed while it runs and is broken, it leaves nothing", |it| leaves_nothing(it).boxed_local()),
];

/// Tries every behaviour on networks that begin in `fork`.
pub async fn holds(bench: &dyn Bench, fork: Fork) {
    for (what, behaviour) in BEHAVIOURS {
        // shown when the test fails
        println!("{fork}: {what}");
        let (mut runtime, plan) = (bench.runtime(), plan(fork));
        let genesis_at = prepare(runtime.as_mut(), &plan).await;
        let mut trial = Trial { bench, runtime, plan, genesis_at };
        behaviour(&mut trial).await;
        trial.runtime.destroy().await.unwrap();
        drop(trial);
        assert_eq!(bench.left(), [""; 0], "left behind");
    }
}

pub fn clients() -> BTreeMap<String, client::ClientDef> {
    BTreeMap::from([("lockin".to_owned(), client::load("lockin").unwrap())])
}

/// Two nodes of eight validators each, linked, and a third that is nobody's, on a network that begins in `fork`.
pub fn plan(fork: Fork) -> NetworkPlan {
    let mut config = ChainConfig::lockin(Preset::minimal());
    config.slot_duration_ms = SLOT_MS;
    config.start_at(fork);
    let engine = EnginePlan { client: "lockin".into(), script: Script::default() };
    let engine = Some(engine).filter(|_| fork >= Fork::Bellatrix);
    let node = |name: &str, validators, start| NodeSpec {
        name: name.into(),
        role: None,
        client: "lockin".into(),
        validator: None,
        engine: engine.clone(),
        validators: Validators::Count(validators),
        start,
        config: BTreeMap::new(),
    };
    let nodes = [node("a", 8, Start::Genesis), node("b", 8, Start::Genesis), node("late", 0, Start::Later)];
    let links = Links::Pairs(vec![("a".into(), "b".into()), ("late".into(), "a".into())]);
    let convention = genesis::Convention::to_run(fork);
    let genesis = GenesisPlan { fork, validators: 16, delay_ms: None, convention };
    topology::lay_out("conformance", 1, config, genesis, &nodes, &links).unwrap()
}

/// Prepares the plan's network; genesis is at the given moment of the run.
pub async fn prepare(runtime: &mut dyn Runtime, plan: &NetworkPlan) -> u64 {
    let time = runtime.unix_ms() / 1000 + 3;
    let genesis = &plan.genesis;
    let state =
        genesis::genesis_state(&plan.config, genesis.fork, genesis.convention, time, genesis.validators).unwrap();
    let at = runtime.now_ms() + time * 1000 - runtime.unix_ms();
    runtime.prepare(plan, Arc::new(state)).await.unwrap();
    at
}

/// Lets time pass until `holds`, at most `within_ms`.
pub async fn until<F: AsyncFn(&Client) -> bool>(
    runtime: &mut dyn Runtime,
    node: &str,
    within_ms: u64,
    what: &str,
    holds: F,
) {
    let end = runtime.now_ms() + within_ms;
    loop {
        if holds(&runtime.beacon(node).unwrap()).await {
            return;
        }
        assert!(runtime.now_ms() < end, "on {}: {node}: not within {within_ms} ms: {what}", runtime.name());
        runtime.sleep_until(runtime.now_ms() + 100).await;
    }
}

pub async fn peers(client: &Client) -> Vec<String> {
    let peers = client.peers().await.unwrap_or_default();
    peers.into_iter().filter(|peer| peer.state == "connected").map(|peer| peer.peer_id).collect()
}

pub async fn head_slot(client: &Client) -> u64 {
    client.head_header().await.map_or(0, |header| header.header.message.slot)
}

impl Trial<'_> {
    fn peer_id(&self, node: &str) -> String {
        self.runtime.peer_id(node).expect("known before the embedded client says it")
    }

    async fn start(&mut self, node: &str) -> Vec<Started> {
        self.runtime.start(node).await.unwrap()
    }

    /// Starts `a` and `b` and waits until they are peers.
    async fn start_pair(&mut self) {
        self.start("a").await;
        self.start("b").await;
        self.until_peers("a", "b", true).await;
        self.until_peers("b", "a", true).await;
    }

    /// Waits until `node` has `other` as its peer, or has it no more.
    async fn until_peers(&mut self, node: &str, other: &str, want: bool) {
        let id = self.peer_id(other);
        let what = format!("{other} {} its peer", if want { "is" } else { "is not" });
        let runtime = self.runtime.as_mut();
        until(runtime, node, PEERS_MS, &what, async |client| peers(client).await.contains(&id) == want).await;
    }

    async fn until_answers(&mut self, node: &str) {
        let what = "answers";
        until(self.runtime.as_mut(), node, SOON_MS, what, async |client| client.health().await.is_ok()).await;
    }

    /// Waits until a node's head is beyond a slot.
    async fn until_beyond(&mut self, node: &str, slot: u64) {
        let what = format!("its head is beyond slot {slot}");
        until(self.runtime.as_mut(), node, SOON_MS, &what, async |client| head_slot(client).await > slot).await;
    }

    async fn answers(&self, node: &str) -> bool {
        self.runtime.beacon(node).unwrap().health().await.is_ok()
    }

    async fn head(&self, node: &str) -> u64 {
        head_slot(&self.runtime.beacon(node).unwrap()).await
    }

    async fn pass(&mut self, ms: u64) {
        let until = self.runtime.now_ms() + ms;
        self.runtime.sleep_until(until).await;
    }

    fn can(&self, ability: Ability) -> bool {
        self.runtime.lacks(ability).is_none()
    }
}

fn pause(node: &str) -> Fault {
    Fault::Pause { nodes: vec![node.into()] }
}

/// `late` is on no side.
fn partition() -> Fault {
    Fault::Partition { sides: vec![vec!["a".into()], vec!["b".into()]] }
}

async fn unknown_names(it: &mut Trial<'_>) {
    assert!(matches!(it.runtime.start("nobody").await, Err(Error::UnknownNode(_))));
    assert!(matches!(it.runtime.stop("nobody", Ending::Kill).await, Err(Error::UnknownNode(_))));
    assert!(matches!(it.runtime.beacon("nobody"), Err(Error::UnknownNode(_))));
    assert_eq!(it.runtime.peer_id("nobody"), None);
    if it.can(Ability::Pause) {
        assert!(matches!(it.runtime.inflict(&pause("nobody")).await, Err(Error::UnknownNode(_))));
    }
}

async fn answers_while_up(it: &mut Trial<'_>) {
    assert!(!it.answers("a").await);
    // A node that validates has two programs, a follower one; with payloads there is an engine, which starts first.
    let engines = usize::from(it.plan.genesis.fork >= Fork::Bellatrix);
    for (node, programs) in [("a", 2), ("late", 1)] {
        let started = it.start(node).await;
        let roles: Vec<_> = started.iter().map(|it| it.role.as_str()).collect();
        assert_eq!(roles, ["engine", "beacon", "validator"][1 - engines..=programs]);
        it.until_answers(node).await;
        assert_eq!(it.runtime.beacon(node).unwrap().identity().await.unwrap().peer_id, it.peer_id(node));
    }
    assert!(matches!(it.runtime.start("a").await, Err(Error::State { .. })));
    for (node, how) in [("a", Ending::Stop), ("late", Ending::Kill)] {
        it.runtime.stop(node, how).await.unwrap();
        assert!(!it.answers(node).await);
        // What is down already is.
        it.runtime.stop(node, how).await.unwrap();
    }
    assert_eq!(it.runtime.exits(), []);
}

async fn makes_blocks(it: &mut Trial<'_>) {
    it.start_pair().await;
    let later = it.genesis_at + 2 * SLOT_MS;
    it.runtime.sleep_until(later).await;
    assert!(it.runtime.now_ms() >= later);
    for node in ["a", "b"] {
        it.until_beyond(node, 1).await;
    }
}

async fn late_follower(it: &mut Trial<'_>) {
    it.start_pair().await;
    it.until_beyond("b", 2).await;
    it.start("late").await;
    it.until_beyond("late", 2).await;
}

async fn restarts(it: &mut Trial<'_>) {
    it.start_pair().await;
    it.until_beyond("b", 0).await;
    for how in [Ending::Kill, Ending::Stop] {
        let before = it.head("b").await;
        it.runtime.stop("b", how).await.unwrap();
        it.until_peers("a", "b", false).await;
        it.start("b").await;
        it.until_answers("b").await;
        assert!(it.head("b").await >= before, "it is not where it was");
        it.until_beyond("b", before).await;
        it.until_peers("b", "a", true).await;
    }
    assert_eq!(it.runtime.exits(), [], "what was asked for is no exit");
}

/// Starts `late`; its beacon program.
async fn start_late(it: &mut Trial<'_>) -> Started {
    let started = it.start("late").await;
    it.until_answers("late").await;
    assert_eq!(it.runtime.exits(), []);
    started.into_iter().find(|program| program.role == "beacon").unwrap()
}

/// The exit of the beacon program of `late`, which is told once.
async fn exit_of_late(it: &mut Trial<'_>) -> Exit {
    let end = it.runtime.now_ms() + SOON_MS;
    let exits = loop {
        let exits = it.runtime.exits();
        if !exits.is_empty() {
            break exits;
        }
        assert!(it.runtime.now_ms() < end, "nothing is told of the crash");
        it.pass(50).await;
    };
    let [exit] = exits.as_slice() else { panic!("{exits:?}") };
    assert_eq!((exit.node.as_str(), exit.role.as_str()), ("late", "beacon"));
    assert!(!exit.log.is_empty());
    it.pass(500).await;
    assert_eq!(it.runtime.exits(), [], "told twice");
    exit.clone()
}

async fn tells_of_a_crash(it: &mut Trial<'_>) {
    let beacon = start_late(it).await;
    let Some(told) = it.bench.crash("late", &beacon) else { return };
    let exit = exit_of_late(it).await;
    assert_eq!((exit.code, exit.signal), told);
    assert!(!exit.environment, "{exit:?}");
}

async fn excuses_the_killed(it: &mut Trial<'_>) {
    let beacon = start_late(it).await;
    if !it.bench.kill("late", &beacon) {
        return;
    }
    let exit = exit_of_late(it).await;
    assert_eq!((exit.code, exit.signal), (None, Some(libc::SIGKILL)));
    assert!(exit.environment && exit.log.last().unwrap().contains("killed from outside"), "{exit:?}");
}

async fn begins_anew(it: &mut Trial<'_>) {
    it.start_pair().await;
    it.until_beyond("a", 2).await;
    for node in ["a", "b"] {
        it.runtime.stop(node, Ending::Kill).await.unwrap();
    }
    let before = it.peer_id("a");
    it.genesis_at = prepare(it.runtime.as_mut(), &it.plan).await;
    assert_eq!(it.peer_id("a"), before);
    it.start_pair().await;
    let slot = it.runtime.now_ms().saturating_sub(it.genesis_at) / SLOT_MS;
    assert!(it.head("a").await <= slot, "it has blocks of the network that was given up");
    it.until_beyond("b", 0).await;
}

async fn says_what_it_lacks(it: &mut Trial<'_>) {
    it.start_pair().await;
    let nodes = || vec!["b".to_owned()];
    for fault in [
        pause("b"),
        partition(),
        Fault::Loss { nodes: nodes(), percent: 5 },
        Fault::Latency { nodes: nodes(), ms: 50, jitter_ms: 10 },
        Fault::Bandwidth { nodes: nodes(), kbit_per_s: 10_000 },
        Fault::Skew { nodes: nodes(), ms: 100 },
        Fault::Answer { nodes: nodes(), say: Say::Syncing },
    ] {
        let ability = fault.ability();
        if ability == Ability::Answer && it.plan.genesis.fork < Fork::Bellatrix {
            continue;
        }
        let Some(why) = it.runtime.lacks(ability) else {
            it.runtime.inflict(&fault).await.unwrap();
            it.runtime.lift(&fault).await.unwrap();
            // What is whole stays so.
            it.runtime.lift(&fault).await.unwrap();
            continue;
        };
        assert!(!why.is_empty(), "no reason for lacking {ability:?}");
        for refused in [it.runtime.inflict(&fault).await, it.runtime.lift(&fault).await] {
            match refused {
                Err(Error::Lacks { ability: lacking, why: because }) => {
                    assert_eq!((lacking, because), (ability, why.clone()))
                }
                other => panic!("{other:?}"),
            }
        }
    }
    it.until_beyond("b", 0).await;
}

async fn pauses(it: &mut Trial<'_>) {
    if !it.can(Ability::Pause) {
        return;
    }
    assert!(matches!(it.runtime.inflict(&pause("b")).await, Err(Error::State { .. })), "it is not up");
    it.start_pair().await;
    it.until_beyond("b", 0).await;
    it.runtime.inflict(&pause("b")).await.unwrap();
    let before = it.head("a").await;
    assert!(!it.answers("b").await);
    // The other one goes on alone.
    it.until_beyond("a", before).await;
    assert!(!it.answers("b").await);
    assert_eq!(it.runtime.exits(), []);
    it.runtime.lift(&pause("b")).await.unwrap();
    it.until_answers("b").await;
    let before = it.head("a").await;
    it.until_beyond("b", before).await;
    it.until_peers("b", "a", true).await;
}

async fn ends_the_paused(it: &mut Trial<'_>) {
    if !it.can(Ability::Pause) {
        return;
    }
    it.start_pair().await;
    for how in [Ending::Kill, Ending::Stop] {
        it.runtime.inflict(&pause("b")).await.unwrap();
        it.runtime.stop("b", how).await.unwrap();
        it.runtime.lift(&pause("b")).await.unwrap();
        it.start("b").await;
        it.until_answers("b").await;
    }
    assert_eq!(it.runtime.exits(), []);
}

async fn partitions(it: &mut Trial<'_>) {
    if !it.can(Ability::Partition) {
        return;
    }
    it.start_pair().await;
    it.start("late").await;
    it.until_peers("late", "a", true).await;
    it.until_beyond("b", 0).await;
    it.runtime.inflict(&partition()).await.unwrap();
    it.until_peers("a", "b", false).await;
    it.until_peers("b", "a", false).await;
    // Each goes on, and its validator reaches it; who is on no side hears everybody whom it is linked with.
    for node in ["a", "b"] {
        let before = it.head(node).await;
        it.until_beyond(node, before).await;
    }
    let before = it.head("late").await;
    it.until_beyond("late", before).await;
    it.runtime.lift(&partition()).await.unwrap();
    it.until_peers("a", "b", true).await;
    it.until_peers("b", "a", true).await;
}

async fn partitions_the_restarted(it: &mut Trial<'_>) {
    if !it.can(Ability::Partition) {
        return;
    }
    it.start_pair().await;
    it.runtime.inflict(&partition()).await.unwrap();
    it.runtime.stop("b", Ending::Kill).await.unwrap();
    it.start("b").await;
    it.until_answers("b").await;
    it.until_peers("a", "b", false).await;
    // As long as any dialer waits between two attempts.
    it.pass(10_000).await;
    assert_eq!(peers(&it.runtime.beacon("b").unwrap()).await, [""; 0]);
    it.runtime.lift(&partition()).await.unwrap();
    it.until_peers("b", "a", true).await;
}

async fn impairs(it: &mut Trial<'_>) {
    let nodes = || vec!["a".to_owned(), "b".to_owned()];
    let all = [
        Fault::Loss { nodes: nodes(), percent: 5 },
        Fault::Latency { nodes: nodes(), ms: 100, jitter_ms: 20 },
        Fault::Bandwidth { nodes: nodes(), kbit_per_s: 5_000 },
        Fault::Skew { nodes: vec!["b".into()], ms: 200 },
    ];
    let able: Vec<Fault> = all.into_iter().filter(|fault| it.can(fault.ability())).collect();
    it.start_pair().await;
    for fault in &able {
        it.runtime.inflict(fault).await.unwrap();
    }
    for _ in 0..2 {
        for (node, other) in [("a", "b"), ("b", "a")] {
            let before = it.head(other).await;
            it.until_beyond(node, before).await;
        }
        for fault in &able {
            it.runtime.lift(fault).await.unwrap();
        }
    }
}

async fn tells_engines(it: &mut Trial<'_>) {
    if !it.can(Ability::Answer) || it.plan.genesis.fork < Fork::Bellatrix {
        return;
    }
    it.start_pair().await;
    it.until_beyond("b", 0).await;
    let fault = Fault::Answer { nodes: vec!["b".into()], say: Say::Syncing };
    let optimistic = async |client: &Client| client.syncing().await.is_ok_and(|it| it.is_optimistic);
    it.runtime.inflict(&fault).await.unwrap();
    until(it.runtime.as_mut(), "b", SOON_MS, "it is optimistic", optimistic).await;
    assert!(!optimistic(&it.runtime.beacon("a").unwrap()).await, "a was told nothing");
    it.runtime.lift(&fault).await.unwrap();
    until(it.runtime.as_mut(), "b", SOON_MS, "it is sure again", async |client| !optimistic(client).await).await;
}

async fn leaves_nothing(it: &mut Trial<'_>) {
    it.start_pair().await;
    it.start("late").await;
    for fault in [partition(), pause("b")] {
        if it.can(fault.ability()) {
            it.runtime.inflict(&fault).await.unwrap();
        }
    }
    let nodes = ["a", "b", "late"].map(|node| it.runtime.beacon(node).unwrap());
    it.runtime.destroy().await.unwrap();
    for client in nodes {
        assert!(client.health().await.is_err(), "a node answers after the end");
    }
}
