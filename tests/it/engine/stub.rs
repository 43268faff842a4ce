//! What the stub says.

use super::setup::{Lab, attributes, network, rehashed};
use lockin::crypto::kzg;
use lockin::engine::{Answer, Call, Failure, ForkchoiceState, NewPayload, Validity, genesis};
use lockin::ssz::{Bytes, Fork, Uint256};
use lockin::types::Hash32;

pub const FORKS: [Fork; 5] = [Fork::Bellatrix, Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu];

fn code(result: Result<impl std::fmt::Debug, Failure>) -> i64 {
    match result {
        Err(Failure::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

pub fn changed(asked: &NewPayload, change: impl FnOnce(&mut NewPayload)) -> NewPayload {
    let mut asked = asked.clone();
    change(&mut asked);
    rehashed(asked)
}

#[test]
fn it_builds_what_it_then_finds_valid_in_every_fork() {
    for fork in FORKS {
        let mut lab = Lab::new(network(fork), true, "");
        let first = lab.extend(1);
        let second = lab.extend(4);
        assert_eq!(second.payload.parent_hash, first.payload.block_hash);
        let payload = &second.payload;
        assert_eq!((payload.block_number, payload.timestamp), (2, attributes(4).timestamp));
        assert_eq!(payload.prev_randao, attributes(4).prev_randao);
        assert_eq!(payload.withdrawals.len(), usize::from(fork >= Fork::Capella), "{fork}");
        assert_eq!(payload.base_fee_per_gas, Uint256::from(765_625_000), "two empty blocks after 1 gwei");
        assert_eq!(lab.stub.block_at(1).expect("canonical").hash, first.payload.block_hash);
        assert_eq!(lab.stub.head().hash, payload.block_hash);
    }
}

#[test]
fn a_chain_crosses_the_forks() {
    let mut cfg = network(Fork::Bellatrix);
    for (fork, epoch) in [(Fork::Capella, 1), (Fork::Deneb, 2), (Fork::Electra, 3), (Fork::Fulu, 4)] {
        cfg.set_fork_epoch(fork, epoch);
    }
    let mut lab = Lab::new(cfg, false, "");
    let forks: Vec<Fork> = (1..40).map(|slot| lab.extend(slot).fork).collect();
    assert_eq!([forks[6], forks[7], forks[15], forks[23], forks[31]], FORKS);
}

#[test]
fn wrong_payloads_are_invalid_for_their_own_reason() {
    for fork in FORKS {
        let mut lab = Lab::new(network(fork), true, "");
        let parent = lab.extend(1).payload.block_hash;
        let (_, good) = lab.build(2);
        let mut wrong: Vec<(&str, NewPayload)> = vec![
            ("number", changed(&good, |asked| asked.payload.block_number = 7)),
            ("is not after", changed(&good, |asked| asked.payload.timestamp = attributes(1).timestamp)),
            ("gas limit", changed(&good, |asked| asked.payload.gas_limit += 30_000)),
            ("gas used", changed(&good, |asked| asked.payload.gas_used = u64::MAX)),
            ("base fee", changed(&good, |asked| asked.payload.base_fee_per_gas = Uint256::from(1))),
        ];
        if fork >= Fork::Deneb {
            let mut blobs = good.clone();
            blobs.versioned_hashes = vec![Bytes::ZERO];
            wrong.push(("versioned hashes", blobs));
            wrong.push(("blob gas used", changed(&good, |asked| asked.payload.blob_gas_used = 1)));
            let unreadable = changed(&good, |asked| asked.payload.transactions.push(vec![3, 1, 2].into()));
            wrong.push(("can't be read", unreadable));
        }
        wrong.push(("no bytes", changed(&good, |asked| asked.payload.transactions.push(Vec::new().into()))));
        for (why, asked) in wrong {
            let status = lab.new_payload(&asked).expect("an answer");
            assert_eq!(status.status, Validity::Invalid, "{fork} {why}");
            let alone = ["versioned hashes", "blob gas used", "can't be read", "no bytes"].contains(&why);
            assert_eq!(status.latest_valid_hash, if alone { None } else { Some(parent) }, "{fork} {why}");
            let said = status.validation_error.expect("a reason");
            assert!(said.contains(why), "{fork} {why}: {said}");
        }
        assert_eq!(lab.say(&good), Validity::Valid, "it is not held against the good one");
    }
}

#[test]
fn every_field_counts_in_the_hash() {
    for fork in FORKS {
        let mut lab = Lab::new(network(fork), true, "");
        let (_, good) = lab.build(1);
        let expected = if fork == Fork::Bellatrix { Validity::InvalidBlockHash } else { Validity::Invalid };
        let mut changes: Vec<fn(&mut NewPayload)> = vec![
            |asked| asked.payload.parent_hash.0[0] ^= 1,
            |asked| asked.payload.fee_recipient.0[0] ^= 1,
            |asked| asked.payload.state_root.0[0] ^= 1,
            |asked| asked.payload.receipts_root.0[0] ^= 1,
            |asked| asked.payload.logs_bloom.0[0] ^= 1,
            |asked| asked.payload.prev_randao.0[0] ^= 1,
            |asked| asked.payload.extra_data = vec![1].into(),
            |asked| asked.payload.block_hash.0[0] ^= 1,
            |asked| asked.payload.transactions.push(vec![1].into()),
        ];
        if fork >= Fork::Capella {
            changes.push(|asked| asked.payload.withdrawals.clear());
        }
        if fork >= Fork::Deneb {
            changes.push(|asked| asked.payload.excess_blob_gas += 1);
            changes.push(|asked| asked.parent_beacon_block_root.0[0] ^= 1);
        }
        if fork >= Fork::Electra {
            changes.push(|asked| asked.execution_requests.deposits.push(Default::default()));
        }
        for (index, change) in changes.iter().enumerate() {
            let mut asked = good.clone();
            change(&mut asked);
            let status = lab.new_payload(&asked).expect("an answer");
            assert_eq!((status.status, status.latest_valid_hash), (expected, None), "{fork}, change {index}");
        }
    }
}

#[test]
fn descendants_of_an_invalid_payload_are_invalid() {
    let mut lab = Lab::new(network(Fork::Deneb), true, "");
    let valid = lab.extend(1).payload.block_hash;
    let (_, good) = lab.build(2);
    let bad = changed(&good, |asked| asked.payload.gas_limit = 1);
    assert_eq!(lab.say(&bad), Validity::Invalid);
    let mut hash = bad.payload.block_hash;
    for slot in 3..6 {
        let child = changed(&good, |asked| {
            asked.payload.parent_hash = hash;
            asked.payload.timestamp = attributes(slot).timestamp;
        });
        let status = lab.new_payload(&child).expect("an answer");
        assert_eq!((status.status, status.latest_valid_hash), (Validity::Invalid, Some(valid)));
        hash = child.payload.block_hash;
    }
    assert_eq!(lab.choose(hash), Validity::Invalid);
    assert_eq!(lab.stub.head().hash, valid, "the head stays");
}

#[test]
fn unknown_parents_are_syncing_until_fork_choice_insists() {
    let mut other = Lab::new(network(Fork::Deneb), true, "");
    let chain: Vec<NewPayload> = (1..6).map(|slot| other.extend(slot)).collect();
    let hash = |index: usize| chain[index].payload.block_hash;

    let mut lab = Lab::new(network(Fork::Deneb), true, "");
    assert_eq!(lab.choose(hash(4)), Validity::Syncing, "never heard of");
    assert_eq!(lab.say(&chain[1]), Validity::Syncing);
    assert_eq!(lab.say(&chain[2]), Validity::Syncing);
    assert_eq!(lab.say(&chain[0]), Validity::Valid);
    assert_eq!(lab.choose(hash(2)), Validity::Valid, "what was missing has come");

    let mut late = Lab::new(network(Fork::Deneb), true, "");
    assert_eq!(late.say(&chain[3]), Validity::Syncing);
    assert_eq!(late.choose(hash(3)), Validity::Syncing);
    assert_eq!(late.say(&chain[4]), Validity::Syncing);
    assert_eq!(late.choose(hash(4)), Validity::Valid, "as if its peers had delivered the rest");
    late.head = hash(4);
    late.extend(7);
}

#[test]
fn fork_choice_is_checked() {
    let mut lab = Lab::new(network(Fork::Capella), true, "");
    let blocks: Vec<Hash32> = (1..5).map(|slot| lab.extend(slot).payload.block_hash).collect();
    lab.head = blocks[1];
    let (_, branch) = lab.build(9);
    assert_eq!(lab.say(&branch), Validity::Valid);
    let branch = branch.payload.block_hash;
    let state = |head: Hash32, safe: Hash32, finalized: Hash32| ForkchoiceState {
        head_block_hash: head,
        safe_block_hash: safe,
        finalized_block_hash: finalized,
    };
    let mut update = |state| lab.update(Fork::Capella, state, None);
    assert_eq!(code(update(state(blocks[3], branch, Hash32::ZERO))), -38002);
    assert_eq!(code(update(state(blocks[3], blocks[2], branch))), -38002);
    assert_eq!(code(update(state(blocks[3], Bytes([5; 32]), Hash32::ZERO))), -38002, "a safe block nobody knows");
    assert!(update(state(blocks[3], blocks[2], blocks[2])).is_ok());
    let (status, _) = update(state(blocks[0], Hash32::ZERO, Hash32::ZERO)).expect("an answer");
    assert_eq!(status.status, Validity::Valid);
    assert_eq!(lab.stub.head().hash, blocks[3], "heads before the finalized block are skipped");
    let old = ForkchoiceState { head_block_hash: blocks[3], ..ForkchoiceState::default() };
    assert_eq!(code(lab.update(Fork::Capella, old, Some(attributes(4)))), -38003);
    assert_eq!(code(lab.update(Fork::Deneb, old, Some(attributes(9)))), -38005);
    let mut many = attributes(9);
    many.withdrawals = vec![many.withdrawals[0]; 5];
    assert_eq!(code(lab.update(Fork::Capella, old, Some(many))), -38003);
    assert_eq!(code(lab.get_payload(Fork::Capella, Bytes([1; 8]))), -38001);
}

#[test]
fn the_fork_of_a_question_is_that_of_its_timestamp() {
    let mut lab = Lab::new(network(Fork::Deneb), true, "");
    let (_, mut asked) = lab.build(1);
    asked.fork = Fork::Electra;
    assert_eq!(code(lab.new_payload(&asked)), -38005);
    let state = ForkchoiceState { head_block_hash: lab.head, ..ForkchoiceState::default() };
    let (_, id) = lab.update(Fork::Deneb, state, Some(attributes(1))).expect("an answer");
    assert_eq!(code(lab.get_payload(Fork::Electra, id.expect("it builds"))), -38005);
    let again = lab.update(Fork::Deneb, state, Some(attributes(1))).expect("an answer").1;
    assert_eq!(again, id, "the same process");
    assert_ne!(lab.update(Fork::Deneb, state, Some(attributes(2))).expect("an answer").1, id);
}

#[test]
fn a_network_merges_on_the_terminal_block() {
    for (key, difficulty) in [("1", 1u64), ("58750000000000000000000", 0)] {
        let mut cfg = network(Fork::Bellatrix);
        cfg.set("TERMINAL_TOTAL_DIFFICULTY", key).expect("a key");
        let total = cfg.terminal_total_difficulty;
        let terminal = genesis::terminal_block(total);
        assert!(difficulty == 0 || total == Uint256::from(difficulty));
        let mut lab = Lab::new(cfg, false, "");
        let asked = |lab: &mut Lab, call| match lab.ask(&call) {
            Ok(Answer::PowBlock(block)) => block,
            other => panic!("{other:?}"),
        };
        assert_eq!(asked(&mut lab, Call::TerminalPowBlock { terminal_total_difficulty: total }), Some(terminal));
        assert_eq!(asked(&mut lab, Call::PowBlock { hash: terminal.block_hash }), Some(terminal));
        let parent = asked(&mut lab, Call::PowBlock { hash: terminal.parent_hash }).expect("genesis");
        assert!(terminal.total_difficulty >= total && parent.total_difficulty < total);
        assert_eq!(asked(&mut lab, Call::PowBlock { hash: Bytes([1; 32]) }), None);
        assert_eq!(lab.head, terminal.block_hash);
        let (_, good) = lab.build(1);
        let on_genesis = changed(&good, |asked| asked.payload.parent_hash = terminal.parent_hash);
        let status = lab.new_payload(&on_genesis).expect("an answer");
        assert_eq!((status.status, status.latest_valid_hash), (Validity::Invalid, Some(Hash32::ZERO)));
        assert_eq!(lab.choose(terminal.parent_hash), Validity::Invalid, "no terminal block");
        assert_eq!(lab.extend(1).payload.parent_hash, terminal.block_hash);
        assert_eq!(asked(&mut lab, Call::TerminalPowBlock { terminal_total_difficulty: total }), Some(terminal));
    }
}

#[test]
fn a_network_merges_by_terminal_block_hash() {
    let mut cfg = ChainConfigWithHash::undecided();
    let terminal = genesis::terminal_block(cfg.terminal_total_difficulty);
    cfg.terminal_block_hash = terminal.block_hash;
    let total = cfg.terminal_total_difficulty;
    let mut lab = Lab::new(cfg, false, "");
    let none = lab.ask(&Call::TerminalPowBlock { terminal_total_difficulty: total });
    assert_eq!(none, Ok(Answer::PowBlock(None)), "not by difficulty");
    assert_eq!(lab.extend(1).payload.parent_hash, terminal.block_hash);

    let mut other = ChainConfigWithHash::undecided();
    other.terminal_block_hash = Bytes([3; 32]);
    let mut lab = Lab::new(other, false, "");
    assert_eq!(lab.choose(lab.head), Validity::Invalid);
}

#[test]
fn the_beginning_is_never_forgotten() {
    let mut lab = Lab::new(network(Fork::Bellatrix), false, "");
    let terminal = genesis::terminal_block(Uint256::from(1));
    let hashes: Vec<Hash32> = (1..150).map(|slot| lab.extend(slot).payload.block_hash).collect();
    let state = ForkchoiceState {
        head_block_hash: lab.head,
        safe_block_hash: lab.head,
        finalized_block_hash: hashes[hashes.len() - 3],
    };
    lab.update(Fork::Bellatrix, state, None).expect("an answer");
    assert!(lab.stub.block(&hashes[0]).is_none() && lab.stub.block_at(2).is_none(), "far below the finalized block");
    let at = |number| lab.stub.block_at(number).map(|block| block.hash);
    assert_eq!([at(0), at(1)], [Some(terminal.parent_hash), Some(terminal.block_hash)]);
    assert_eq!(at(150), Some(lab.head));
    let search = Call::TerminalPowBlock { terminal_total_difficulty: Uint256::from(1) };
    for call in [search, Call::PowBlock { hash: terminal.block_hash }] {
        assert_eq!(lab.ask(&call), Ok(Answer::PowBlock(Some(terminal))));
    }
}

struct ChainConfigWithHash;

impl ChainConfigWithHash {
    /// The spec's placeholder for a difficulty that is not decided.
    fn undecided() -> lockin::types::ChainConfig {
        let mut cfg = network(Fork::Bellatrix);
        let minimal = lockin::types::ChainConfig::minimal();
        cfg.terminal_total_difficulty = minimal.terminal_total_difficulty;
        cfg
    }
}

/// All of a bundle fits together, by the KZG library's own word.
fn assert_bundle(fork: Fork, built: &lockin::engine::BuiltPayload, asked: &NewPayload) {
    let blobs: Vec<&[u8]> = built.blobs.iter().map(|blob| &**blob).collect();
    let hashes: Vec<Hash32> = built.commitments.iter().map(|commitment| versioned(&commitment.0)).collect();
    assert_eq!(hashes, asked.versioned_hashes);
    if fork < Fork::Fulu {
        assert_eq!(kzg::verify_blob_proofs(&blobs, &built.commitments, &built.proofs), Ok(true));
        return;
    }
    assert_eq!(built.proofs.len(), 128 * blobs.len());
    for ((blob, commitment), proofs) in blobs.iter().zip(&built.commitments).zip(built.proofs.chunks(128)) {
        let cells = kzg::cells(blob).expect("a blob");
        let cells: Vec<&[u8]> = cells.iter().map(|cell| &**cell).collect();
        let indices: Vec<u64> = (0..128).collect();
        assert_eq!(kzg::verify_cell_proofs(&[*commitment; 128], &indices, &cells, proofs), Ok(true));
    }
}

fn versioned(commitment: &[u8]) -> Hash32 {
    let mut hash = lockin::ssz::sha256(commitment);
    hash.0[0] = 1;
    hash
}

#[test]
fn some_payloads_carry_blobs() {
    let script = "blobs: { every: 2, per_block: 2 }";
    for fork in [Fork::Capella, Fork::Deneb, Fork::Fulu] {
        let mut lab = Lab::new(network(fork), true, script);
        assert!(lab.extend(1).payload.transactions.is_empty());
        let (built, asked) = lab.build(2);
        assert_eq!(lab.say(&asked), Validity::Valid);
        if fork == Fork::Capella {
            assert!(built.payload.transactions.is_empty() && built.blobs.is_empty());
            continue;
        }
        assert_eq!((built.blobs.len(), built.payload.blob_gas_used, built.payload.gas_used), (2, 2 << 17, 21_000));
        assert_bundle(fork, &built, &asked);

        let mut wanted = asked.versioned_hashes.clone();
        wanted.push(Bytes([1; 32]));
        let call = Call::GetBlobs { fork, versioned_hashes: wanted };
        let Ok(Answer::Blobs(found)) = lab.ask(&call) else { panic!("no blobs") };
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
        let proofs: Vec<_> = found.iter().flatten().flat_map(|found| found.proofs.clone()).collect();
        assert_eq!(proofs, built.proofs);

        let mut other = Lab::new(network(fork), true, "");
        assert_eq!(other.ask(&call), Ok(Answer::Blobs(vec![None; 3])), "it built none");
        let mut other = Lab::new(network(fork), true, "blobs: { every: 2, per_block: 2, shared: true }");
        assert_eq!(other.ask(&call), Ok(Answer::Blobs(found)));
        if fork == Fork::Fulu {
            let old = Call::GetBlobs { fork: Fork::Deneb, versioned_hashes: Vec::new() };
            assert_eq!(code(lab.ask(&old)), -38005);
        }
    }
}

#[test]
fn no_payload_holds_more_blobs_than_its_fork_allows() {
    let mut cfg = network(Fork::Deneb);
    cfg.set("MAX_BLOBS_PER_BLOCK", "1").expect("a key");
    let mut lab = Lab::new(cfg, true, "blobs: { every: 1, per_block: 3 }");
    let (built, good) = lab.build(1);
    assert_eq!(built.blobs.len(), 1);
    let twice = changed(&good, |asked| {
        asked.payload.transactions.push(built.payload.transactions[0].clone());
        asked.versioned_hashes.push(asked.versioned_hashes[0]);
        asked.payload.blob_gas_used *= 2;
    });
    let status = lab.new_payload(&twice).expect("an answer");
    assert!(status.validation_error.is_some_and(|why| why.contains("more than 1 blobs")));
}
