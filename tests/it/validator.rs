//! The validator client against a scripted beacon node, in virtual time on one thread.

mod dialects;
mod node;

use crate::slashing::Signed;
use futures::FutureExt;
use lockin::api::events::HeadEvent;
use lockin::api::{Client, Response};
use lockin::ssz::{Bytes, Fork};
use lockin::types::Slot;
use lockin::validator::{Duty, Ending, Network, NetworkError, Outcome, Phase, SlashingProtection, Validator};
use node::{Node, OURS, message_of, refusing};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

fn network(node: &Node) -> Network {
    let Node { config, genesis_time, genesis_validators_root, .. } = node;
    Network { config: config.clone(), genesis_time: *genesis_time, genesis_validators_root: *genesis_validators_root }
}

fn validator_with(node: &Arc<Node>, protection: SlashingProtection) -> Validator {
    let keys = lockin::genesis::interop_keys(0..OURS).into_iter().map(|key| key.secret);
    Validator::new(Client::new(node.clone()), network(node), keys, protection).with_graffiti("test")
}

fn validator(node: &Arc<Node>) -> Validator {
    validator_with(node, SlashingProtection::in_memory(node.genesis_validators_root))
}

fn open(folder: &Path, node: &Node) -> SlashingProtection {
    SlashingProtection::open(folder, node.genesis_validators_root).unwrap()
}

/// Runs one phase, on time. Every future must be ready at once: that is what lets a simulation drive validators.
fn run(validator: &Validator, phase: Phase) -> Vec<Outcome> {
    let due = phase.due_ms(validator.network());
    validator.on(phase, due).now_or_never().expect("a validator never waits for anything but its transport")
}

fn run_slot(validator: &Validator, slot: Slot) -> Vec<Outcome> {
    let phases = [Phase::SlotStart(slot), Phase::Attest(slot), Phase::Aggregate(slot)];
    phases.into_iter().flat_map(|phase| run(validator, phase)).collect()
}

fn of(outcomes: &[Outcome], duty: Duty) -> Vec<&Outcome> {
    outcomes.iter().filter(|outcome| outcome.duty == duty).collect()
}

fn offences(node: &Node) -> usize {
    let log = node.log.lock().unwrap();
    let mut signed = Signed::default();
    for block in log.blocks.iter().map(|(_, contents)| &contents.signed_block) {
        signed.block(node.shape(block.message.slot), block);
    }
    for (validator, attestation) in &log.attestations {
        signed.vote(node.shape(attestation.data.slot), *validator, &attestation.data);
    }
    assert!(signed.counts() != (0, 0), "nothing to judge");
    signed.offences().len()
}

fn failing(node: &Node, part: &str, response: Response) {
    node.script.lock().unwrap().answers.push((part.into(), response));
}

#[test]
fn every_duty_is_done_across_the_altair_boundary() {
    let node = Arc::new(Node::new(2));
    let validator = validator(&node);
    let outcomes: Vec<Outcome> = (0..9 * 8).flat_map(|slot| run_slot(&validator, slot)).collect();
    let undone: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_done()).collect();
    assert_eq!(undone, Vec::<&Outcome>::new());
    assert!(outcomes.iter().all(|outcome| outcome.late_ms == 0));
    let log = node.log.lock().unwrap();

    // one vote per validator and epoch; the node verified the signatures
    let votes: BTreeSet<_> = log.attestations.iter().map(|(who, it)| (*who, it.data.target.epoch)).collect();
    assert_eq!((votes.len(), log.attestations.len()), (OURS as usize * 9, OURS as usize * 9));
    // committees are far below 16, so everybody aggregates, and aggregates hold both of our members
    assert_eq!(log.aggregates.len(), log.attestations.len());
    let members: usize = log.aggregates.iter().map(|it| it.message.aggregate.aggregation_bits.count()).sum();
    assert_eq!(members, log.aggregates.len(), "16 of 32 validators: one per committee is ours");

    // all of our turns but genesis, in the fork of the slot
    let slots: Vec<_> = log.blocks.iter().map(|(fork, it)| (it.signed_block.message.slot, *fork)).collect();
    let turns = (1..72).filter(|slot| slot % 32 < OURS);
    let fork = |slot: Slot| if slot < 16 { Fork::Phase0 } else { Fork::Altair };
    assert_eq!(slots, turns.map(|slot| (slot, fork(slot))).collect::<Vec<_>>());
    assert!(log.blocks.iter().all(|(_, it)| it.signed_block.message.body.graffiti.0.starts_with(b"test\0")));
    assert!(log.preparations.is_empty(), "nobody gets fees before bellatrix");

    // sync messages from altair's first slot on, by all, for the committee of the next slot
    let slots: BTreeSet<Slot> = log.sync_messages.iter().map(|message| message.slot).collect();
    assert_eq!(slots, (16..72).collect());
    assert_eq!(log.sync_messages.len(), 56 * OURS as usize);
    // each of our 16 sits in two subcommittees, and everybody contributes
    assert_eq!(log.contributions.len(), 56 * 32);
    assert!(log.contributions.iter().all(|it| it.message.contribution.aggregation_bits.count() == 8));

    let subscribed: BTreeSet<_> = log.committee_subscriptions.iter().map(|it| (it.validator_index, it.slot)).collect();
    assert_eq!(subscribed.len(), OURS as usize * 10, "one epoch ahead");
    assert!(log.committee_subscriptions.iter().all(|it| it.is_aggregator));
    let until: BTreeSet<_> = log.sync_subscriptions.iter().map(|it| it.until_epoch).collect();
    assert_eq!(until, [8, 16].into());
    drop(log);
    assert_eq!(offences(&node), 0);
}

/// Every fork after phase0, one an epoch.
fn all_forks() -> Vec<(Fork, u64)> {
    Fork::ALL.into_iter().skip(1).zip(1..).collect()
}

#[test]
fn every_duty_is_done_across_every_fork() {
    let node = Arc::new(Node::with_forks(&all_forks()));
    let validator = validator(&node).with_fee_recipient(Bytes([7; 20]));
    let outcomes: Vec<Outcome> = (0..8 * 8).flat_map(|slot| run_slot(&validator, slot)).collect();
    let undone: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_done()).collect();
    assert_eq!(undone, Vec::<&Outcome>::new());
    let log = node.log.lock().unwrap();

    // the node checked each vote's form, committee and signature
    assert_eq!(log.attestations.len(), OURS as usize * 8);
    assert_eq!(log.aggregates.len(), log.attestations.len());
    for signed in &log.aggregates {
        let aggregate = &signed.message.aggregate;
        let of_electra = node.shape(aggregate.data.slot).fork >= Fork::Electra;
        assert_eq!(aggregate.committee_bits.ones().count(), usize::from(of_electra));
    }
    // from electra on one question for all committees of a slot
    let asked =
        |slot: Slot| log.requests.iter().filter(|it| it.contains(&format!("attestation_data?slot={slot}&"))).count();
    assert_eq!((asked(39), asked(40)), (2, 1));

    // blobs and proofs pass through to whoever publishes
    let turns: Vec<_> = (1..64).filter(|slot| slot % 32 < OURS).collect();
    assert_eq!(log.blocks.len(), turns.len());
    for (fork, contents) in &log.blocks {
        let slot = contents.signed_block.message.slot;
        let proofs = [0, 1, 128][usize::from(*fork >= Fork::Deneb) + usize::from(*fork >= Fork::Fulu)];
        assert_eq!((contents.blobs.len(), contents.kzg_proofs.len()), (proofs.min(1), proofs), "slot {slot}");
        assert!(contents.kzg_proofs.iter().all(|proof| *proof == Bytes([slot as u8; 48])));
    }

    // from the epoch before bellatrix on, once an epoch
    assert_eq!(log.preparations.len(), OURS as usize * 7);
    assert!(log.preparations.iter().all(|it| it.fee_recipient == Bytes([7; 20])));
    drop(log);
    assert_eq!(offences(&node), 0);
}

#[test]
fn nothing_is_signed_for_a_head_that_nobody_validated() {
    let node = Arc::new(Node::with_forks(&all_forks()));
    node.script.lock().unwrap().optimistic = true;
    let validator = validator(&node);
    let outcomes: Vec<Outcome> = (16..24).flat_map(|slot| run_slot(&validator, slot)).collect();
    let messages = of(&outcomes, Duty::SyncMessage);
    assert!(!messages.is_empty());
    assert!(messages.iter().all(|it| matches!(&it.ending, Ending::Failed(why) if why.contains("optimistic"))));
    assert!(node.log.lock().unwrap().sync_messages.is_empty());
}

#[test]
fn an_aggregate_of_another_committee_is_not_signed() {
    let node = Arc::new(Node::with_forks(&Fork::ALL[1..6].iter().map(|fork| (*fork, 0)).collect::<Vec<_>>()));
    node.script.lock().unwrap().aggregate = Some(|aggregate| {
        aggregate.committee_bits.set(0, true);
        aggregate.committee_bits.set(1, true);
    });
    let validator = validator(&node);
    let outcomes = run_slot(&validator, 3);
    let aggregates = of(&outcomes, Duty::Aggregate);
    assert_eq!(aggregates.len(), 2);
    assert!(aggregates.iter().all(|it| matches!(&it.ending, Ending::Refused(why) if why.contains("committees"))));
    assert!(node.log.lock().unwrap().aggregates.is_empty());
}

#[test]
fn exits_keep_capellas_domain_from_deneb_on() {
    let node = Node::with_forks(&all_forks());
    let network = network(&node);
    let domain = |epoch| network.get_domain(lockin::types::constants::DOMAIN_VOLUNTARY_EXIT, epoch);
    assert_ne!(domain(2), domain(3));
    assert!((4..8).all(|epoch| domain(epoch) == domain(3)));
}

#[test]
fn one_failing_duty_stops_no_other() {
    let node = Arc::new(Node::new(0));
    let validator = validator(&node);
    failing(&node, "/eth/v3/validator/blocks/3", Response::error(500, "no payload"));
    failing(&node, "attestation_data?slot=4&committee_index=1", Response::error(503, "optimistic"));
    failing(&node, "subcommittee_index=2", Response::error(404, "none"));
    (0..3).for_each(|slot| drop(run_slot(&validator, slot)));

    let outcomes = run_slot(&validator, 3);
    let blocks = of(&outcomes, Duty::Block);
    assert!(matches!(&blocks[0].ending, Ending::Failed(why) if why.contains("no payload")), "{blocks:?}");
    assert!(of(&outcomes, Duty::Attestation).iter().all(|it| it.is_done()));
    let contributions = of(&outcomes, Duty::Contribution);
    let skipped = contributions.iter().filter(|it| matches!(it.ending, Ending::Skipped(_))).count();
    assert_eq!((skipped, contributions.len()), (8, 32));

    let outcomes = run_slot(&validator, 4);
    let (done, failed): (Vec<_>, Vec<_>) = of(&outcomes, Duty::Attestation).into_iter().partition(|it| it.is_done());
    assert_eq!((done.len(), failed.len()), (1, 1));
    assert!(matches!(&failed[0].ending, Ending::Failed(why) if why.contains("503: optimistic")));
}

#[test]
fn items_that_the_node_refuses_by_position_are_told_apart() {
    let node = Arc::new(Node::new(0));
    let validator = validator(&node);
    failing(&node, "/pool/attestations", refusing(&[(1, "unknown head")]));
    let outcomes = run_slot(&validator, 0);
    let endings: Vec<_> = of(&outcomes, Duty::Attestation).into_iter().map(|it| it.ending.clone()).collect();
    assert_eq!(endings, [Ending::Done, Ending::Failed("unknown head".into())]);
    assert_eq!(message_of(&refusing(&[])), "some failed");
}

#[test]
fn what_is_not_due_is_not_signed() {
    let node = Arc::new(Node::new(0));
    let validator = validator(&node);
    let changes: [fn(&mut lockin::types::BeaconBlock); 3] =
        [|block| block.slot += 1, |block| block.proposer_index += 1, |block| block.body.randao_reveal = Bytes([1; 96])];
    for (slot, change) in (1..).zip(changes) {
        node.script.lock().unwrap().block = Some(change);
        let outcomes = run(&validator, Phase::SlotStart(slot));
        let blocks = of(&outcomes, Duty::Block);
        assert!(matches!(&blocks[..], [Outcome { ending: Ending::Refused(_), .. }]), "{blocks:?}");
    }
    let changes: [fn(&mut lockin::types::AttestationData); 4] = [
        |data| data.slot += 1,
        |data| data.index += 1,
        |data| data.target.epoch += 1,
        |data| data.source.epoch = data.target.epoch + 1,
    ];
    for (slot, change) in (4..).zip(changes) {
        node.script.lock().unwrap().data = Some(change);
        let outcomes = run(&validator, Phase::Attest(slot));
        let votes = of(&outcomes, Duty::Attestation);
        assert!(votes.len() == 2 && votes.iter().all(|it| matches!(it.ending, Ending::Refused(_))), "{votes:?}");
    }
    let log = node.log.lock().unwrap();
    assert_eq!((log.blocks.len(), log.attestations.len()), (0, 0));
}

#[test]
fn a_killed_validator_signs_nothing_slashable_when_it_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let node = Arc::new(Node::new(1));
    // twelve lives, each killed after its slot's attestations; the chain and the duties look different each time
    for life in 0..12u8 {
        {
            let mut script = node.script.lock().unwrap();
            (script.branch, script.shuffle) = (life, u64::from(life) * 3);
        }
        let validator = validator_with(&node, open(folder.path(), &node));
        let from = u64::from(life) * 2;
        (from..from + 5).for_each(|slot| drop(run_slot(&validator, slot)));
    }
    let count =
        |ending: fn(&Ending) -> bool, outcomes: &[Outcome]| outcomes.iter().filter(|it| ending(&it.ending)).count();
    let validator = validator_with(&node, open(folder.path(), &node));
    node.script.lock().unwrap().branch = 99;
    let again: Vec<_> = (22..27).flat_map(|slot| run_slot(&validator, slot)).collect();
    assert!(count(|ending| matches!(ending, Ending::Refused(_)), &again) > 0, "other messages for signed slots");
    assert_eq!(offences(&node), 0);
}

#[test]
fn without_protection_the_same_lives_would_be_slashable() {
    let node = Arc::new(Node::new(1));
    for life in 0..12u8 {
        node.script.lock().unwrap().branch = life;
        let validator = validator(&node);
        let from = u64::from(life) * 2;
        (from..from + 5).for_each(|slot| drop(run_slot(&validator, slot)));
    }
    assert!(offences(&node) > 0, "or the test above proves nothing");
}

#[test]
fn a_reorganization_that_changes_duties_is_followed() {
    let node = Arc::new(Node::new(5));
    let validator = validator(&node);
    (0..3).for_each(|slot| drop(run_slot(&validator, slot)));
    let lookups = |node: &Node| {
        let log = node.log.lock().unwrap();
        log.requests.iter().filter(|it| it.contains("/duties/attester/")).count()
    };
    let root = |number: u8| Bytes([number; 32]);
    let head = |previous, current| HeadEvent {
        slot: 2,
        previous_duty_dependent_root: root(previous),
        current_duty_dependent_root: root(current),
        ..HeadEvent::default()
    };
    let before = lookups(&node);
    validator.on_head(&head(1, 1));
    drop(run_slot(&validator, 3));
    assert_eq!(lookups(&node), before, "the same branch asks for nothing");
    {
        let mut script = node.script.lock().unwrap();
        (script.branch, script.shuffle) = (6, 1);
    }
    validator.on_head(&head(7, 7));
    let outcomes = run_slot(&validator, 4);
    assert_eq!(lookups(&node), before + 2, "this epoch and the next");
    let who: Vec<_> = of(&outcomes, Duty::Attestation).iter().map(|it| it.validator).collect();
    assert_eq!(who, [Some(3), Some(11)], "the duties of the new branch");
}

#[test]
fn a_node_that_comes_late_is_asked_again_in_every_phase() {
    let node = Arc::new(Node::new(0));
    let validator = validator(&node);
    failing(&node, "/eth/", Response::error(503, "syncing"));
    let outcomes = run_slot(&validator, 0);
    assert!(!outcomes.is_empty() && outcomes.iter().all(|it| it.duty == Duty::Lookup && !it.is_done()));
    node.script.lock().unwrap().answers.clear();
    drop(run(&validator, Phase::SlotStart(1)));
    failing(&node, "/duties/", Response::error(503, "syncing"));
    let outcomes = run_slot(&validator, 1);
    assert!(of(&outcomes, Duty::Attestation).iter().all(|it| it.is_done()), "{outcomes:?}");
    assert_eq!(of(&outcomes, Duty::Attestation).len(), 2);
}

#[test]
fn lateness_is_told() {
    let node = Arc::new(Node::new(0));
    let validator = validator(&node);
    let due = Phase::SlotStart(1).due_ms(validator.network());
    let late = validator.on(Phase::SlotStart(1), due + 1234).now_or_never().unwrap();
    assert_eq!(of(&late, Duty::Block)[0].late_ms, 1234);
    let due = Phase::Attest(1).due_ms(validator.network());
    let early = validator.on(Phase::Attest(1), due - 500).now_or_never().unwrap();
    assert_eq!(of(&early, Duty::Attestation)[0].late_ms, -500);
}

fn check(node: &Arc<Node>, network: &Network) -> Result<Vec<String>, NetworkError> {
    network.check(&Client::new(node.clone())).now_or_never().unwrap()
}

#[test]
fn a_beacon_node_of_another_network_is_refused_by_name_of_what_differs() {
    let node = Arc::new(Node::new(2));
    let ours = network(&node);
    assert_eq!(check(&node, &ours), Ok(vec![]));

    let mut other = ours.clone();
    other.genesis_validators_root = Bytes([1; 32]);
    other.config.set_fork_epoch(Fork::Altair, 3);
    other.config.set_fork_epoch(Fork::Bellatrix, 9);
    other.config.set("SLOT_DURATION_MS", "4000").unwrap();
    let error = check(&node, &other).unwrap_err().to_string();
    for part in [
        "genesis_validators_root is 0x4242",
        "ALTAIR_FORK_EPOCH is 2 there and 3 here",
        "BELLATRIX_FORK_EPOCH is 18446744073709551615 there and 9 here",
        "SLOT_DURATION_MS is 6000 there and 4000 here",
        "from epoch 2 on, its fork version is",
        "same network directory",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }

    let mut minor = ours.clone();
    minor.config.set("MIN_GENESIS_TIME", "1").unwrap();
    minor.config.set("BELLATRIX_FORK_VERSION", "0x99999999").unwrap();
    let differences = check(&node, &minor).unwrap();
    assert_eq!(differences.len(), 2, "{differences:?}");
}

#[test]
fn a_node_that_tells_little_is_taken_and_one_that_tells_nothing_is_not() {
    let node = Arc::new(Node::new(2));
    let odd = serde_json::json!({"data": {"SLOTS_PER_EPOCH": 8, "TIMELY_HEAD_FLAG_INDEX": "0x02", "ODD": [1]}});
    failing(&node, "/config/spec", Response::json(&odd));
    failing(&node, "/config/fork_schedule", Response::error(404, "no such route"));
    assert_eq!(check(&node, &network(&node)), Ok(vec![]));
    failing(&node, "/beacon/genesis", Response::error(404, "Chain genesis info is not yet known"));
    assert!(matches!(check(&node, &network(&node)), Err(NetworkError::Api(error)) if error.is_not_found()));
}
