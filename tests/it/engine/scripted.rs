//! The stub says what a script tells it to say.

use super::setup::{Lab, attributes, network, rehashed};
use super::stub::{FORKS, changed};
use lockin::engine::{Failure, ForkchoiceState, Validity};
use lockin::ssz::{Bytes, Fork};

#[test]
fn it_says_what_it_is_told() {
    let script = "verdicts:
- { slots: 2, answer: INVALID }
- { slots: 3, answer: SYNCING, until_slot: 6 }
- { slots: 4, answer: ACCEPTED }
- { slots: 5, answer: timeout }
- { slots: 7, answer: wrong_hash }
- { slots: 8, answer: VALID }
- { slots: 9, answer: timeout, calls: [get_payload] }
- { blocks: 1, answer: INVALID, latest_valid_hash: none, calls: [forkchoice_updated], until_slot: 1 }
";
    let mut lab = Lab::new(network(Fork::Deneb), true, script);
    let (_, first) = lab.build(1);
    let first_hash = first.payload.block_hash;
    assert_eq!(lab.say(&first), Validity::Valid);
    assert_eq!(lab.choose(first_hash), Validity::Invalid, "until slot 1");
    lab.now = 1;
    assert_eq!(lab.choose(first_hash), Validity::Valid);
    lab.head = first_hash;

    let (_, second) = lab.build(2);
    let status = lab.new_payload(&second).expect("an answer");
    assert_eq!((status.status, status.latest_valid_hash), (Validity::Invalid, Some(first_hash)));

    let (_, third) = lab.build(3);
    let third_hash = third.payload.block_hash;
    assert_eq!(lab.say(&third), Validity::Syncing);
    assert_eq!([lab.choose(third_hash), lab.choose(third_hash)], [Validity::Syncing; 2]);
    lab.now = 6;
    assert_eq!(lab.choose(third_hash), Validity::Valid, "the rule has ended");

    let (_, fourth) = lab.build(4);
    assert_eq!(lab.say(&fourth), Validity::Accepted);
    assert_eq!(lab.choose(fourth.payload.block_hash), Validity::Valid, "as the head it is judged");

    let (_, fifth) = lab.build(5);
    assert!(matches!(lab.new_payload(&fifth), Err(Failure::Unreachable(_))));

    let (built, seventh) = lab.build(7);
    assert_ne!(rehashed(seventh.clone()).payload.block_hash, built.payload.block_hash);
    assert_eq!(lab.say(&seventh), Validity::Invalid, "nobody takes it");

    let (_, eighth) = lab.build(8);
    let odd = changed(&eighth, |asked| asked.payload.parent_hash = Bytes([0x77; 32]));
    assert_eq!(lab.say(&odd), Validity::Valid);

    let state = ForkchoiceState { head_block_hash: lab.head, ..ForkchoiceState::default() };
    let (_, id) = lab.update(Fork::Deneb, state, Some(attributes(9))).expect("an answer");
    assert!(matches!(lab.get_payload(Fork::Deneb, id.expect("it builds")), Err(Failure::Unreachable(_))));
    let log = lab.stub.take_log();
    assert!(log.iter().any(|heard| heard.method == "engine_newPayloadV3" && heard.answer == "Accepted"));
    assert!(lab.stub.take_log().is_empty());
}

#[test]
fn a_wrong_hash_is_a_verdict_that_stands() {
    let script = "verdicts: [{ slots: 2, answer: wrong_hash, calls: [new_payload], until_slot: 5 }]";
    for fork in FORKS {
        let mut lab = Lab::new(network(fork), true, script);
        let parent = lab.extend(1).payload.block_hash;
        let (_, second) = lab.build(2);
        let expected = if fork == Fork::Bellatrix { Validity::InvalidBlockHash } else { Validity::Invalid };
        let status = lab.new_payload(&second).expect("an answer");
        assert_eq!((status.status, status.latest_valid_hash), (expected, None), "{fork}");
        lab.now = 5;
        assert_eq!(lab.say(&second), Validity::Invalid, "{fork}: what was invalid never becomes valid");
        assert_eq!(lab.choose(second.payload.block_hash), Validity::Invalid, "{fork}");
        assert_eq!(lab.stub.head().hash, parent);
    }
}
