//! Known answers and rules of the spec. The vectors of the `bls` runner cover the two altair functions further.

use super::*;

fn secret(number: u8) -> SecretKey {
    let mut bytes = [0; 32];
    bytes[31] = number;
    SecretKey::from_bytes(&bytes).expect("small numbers are valid keys")
}

fn message(byte: u8) -> Root {
    Bytes([byte; 32])
}

fn signed(keys: &[u8], byte: u8) -> SignatureSet {
    let signatures: Vec<_> = keys.iter().map(|key| secret(*key).sign(&message(byte))).collect();
    SignatureSet {
        pubkeys: keys.iter().map(|key| secret(*key).public_key()).collect(),
        message: message(byte),
        signature: aggregate(&signatures).expect("valid signatures"),
    }
}

/// Compressed infinity of G1.
fn infinity() -> BlsPubkey {
    let mut bytes = [0; 48];
    bytes[0] = 0xc0;
    Bytes(bytes)
}

/// The key whose secret is the group order less one: the negative of `secret(1)`'s.
fn minus_one() -> SecretKey {
    let order_less_one = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000";
    let bytes: [u8; 32] = hex::decode(order_less_one).expect("hex").try_into().expect("32 bytes");
    SecretKey::from_bytes(&bytes).expect("below the order")
}

#[test]
fn public_key_of_the_first_interop_validator() {
    let bytes = hex::decode("25295f0d1d592a90b333e26e85149708208e9f8e8bc18f6c77bd62f8ad7a6866").expect("hex");
    let key = SecretKey::from_bytes(&bytes.try_into().expect("32 bytes")).expect("valid");
    assert_eq!(
        key.public_key().to_string(),
        "0xa99a76ed7796f7be22d5b7e85deeb7c5677e88e511e0b337618f8c4eb61349b4bf2d153f649f7b53359fe8b94a38e44c"
    );
}

#[test]
fn secret_keys_are_range_checked_and_hidden() {
    assert_eq!(SecretKey::from_bytes(&[0; 32]).map(|_| ()), Err(Error::SecretKey));
    assert_eq!(SecretKey::from_bytes(&[0xff; 32]).map(|_| ()), Err(Error::SecretKey));
    assert_eq!(format!("{:?}", secret(7)), "SecretKey(hidden)");
}

#[test]
fn verifies_what_was_signed_and_nothing_else() {
    let set = signed(&[1], 5);
    assert!(verify(&set.pubkeys[0], &set.message, &set.signature));
    assert!(!verify(&set.pubkeys[0], &message(6), &set.signature));
    assert!(!verify(&secret(2).public_key(), &set.message, &set.signature));
    assert!(!verify(&set.pubkeys[0], &set.message, &Bytes([0xff; 96])));
    assert!(!verify(&Bytes([0xff; 48]), &set.message, &set.signature));
    assert!(!verify(&set.pubkeys[0], &set.message, &G2_POINT_AT_INFINITY));
}

#[test]
fn infinity_is_no_public_key_alone_or_as_a_sum() {
    assert!(!verify(&infinity(), &message(1), &G2_POINT_AT_INFINITY));
    assert!(!fast_aggregate_verify(&[infinity(), secret(1).public_key()], &message(1), &secret(1).sign(&message(1))));
    let opposite = [secret(1).public_key(), minus_one().public_key()];
    assert!(!fast_aggregate_verify(&opposite, &message(1), &G2_POINT_AT_INFINITY));
    let sets = [
        signed(&[1, 2], 3),
        SignatureSet { pubkeys: opposite.to_vec(), message: message(1), signature: G2_POINT_AT_INFINITY },
    ];
    assert!(!verify_sets(&sets));
    assert_eq!(eth_aggregate_pubkeys(&[infinity()]), Err(Error::PublicKey(infinity())));
}

#[test]
fn empty_lists_follow_the_spec() {
    assert!(!fast_aggregate_verify(&[], &message(1), &G2_POINT_AT_INFINITY));
    assert!(eth_fast_aggregate_verify(&[], &message(1), &G2_POINT_AT_INFINITY));
    assert!(!eth_fast_aggregate_verify(&[], &message(1), &secret(1).sign(&message(1))));
    assert!(!aggregate_verify(&[], &[], &G2_POINT_AT_INFINITY));
    assert_eq!(aggregate(&[]), Err(Error::Empty("signatures")));
    assert_eq!(eth_aggregate_pubkeys(&[]), Err(Error::Empty("public keys")));
    assert!(verify_sets(&[]));
}

#[test]
fn aggregates_verify() {
    let set = signed(&[1, 2, 3], 9);
    assert!(fast_aggregate_verify(&set.pubkeys, &set.message, &set.signature));
    assert!(eth_fast_aggregate_verify(&set.pubkeys, &set.message, &set.signature));
    assert!(!fast_aggregate_verify(&set.pubkeys[..2], &set.message, &set.signature));
    let sum = eth_aggregate_pubkeys(&set.pubkeys).expect("valid keys");
    assert!(verify(&sum, &set.message, &set.signature));
    let two = [secret(1).sign(&message(1)), secret(2).sign(&message(2))];
    let signature = aggregate(&two).expect("valid signatures");
    let keys = [secret(1).public_key(), secret(2).public_key()];
    assert!(aggregate_verify(&keys, &[message(1), message(2)], &signature));
    assert!(!aggregate_verify(&keys, &[message(2), message(1)], &signature));
    assert!(!aggregate_verify(&keys, &[message(1)], &signature));
}

#[test]
fn one_bad_set_spoils_a_batch() {
    let good: Vec<_> = (1..8).map(|i| signed(&[i, i + 1], i)).collect();
    assert!(verify_sets(&good));
    for spoilt in 0..good.len() {
        let mut sets = good.clone();
        sets[spoilt].message = message(99);
        assert!(!verify_sets(&sets), "set {spoilt}");
    }
    // Swapped signatures add up to the same sum; only the random scalars tell.
    let mut swapped = vec![signed(&[1], 4), signed(&[2], 4)];
    let first = swapped[0].signature;
    swapped[0].signature = swapped[1].signature;
    swapped[1].signature = first;
    assert!(!verify_sets(&swapped));
    let mut empty = good.clone();
    empty[2].pubkeys.clear();
    assert!(!verify_sets(&empty));
}

#[test]
fn remembered_verdicts_are_the_same_verdicts() {
    let good: Vec<_> = (1..4).map(|i| signed(&[i], 40 + i)).collect();
    let mut bad = signed(&[1], 50);
    bad.message = message(51);
    remember_verdicts(true);
    for _ in 0..2 {
        assert!(verify_sets(&good));
        assert!(!verify_sets(std::slice::from_ref(&bad)));
        assert!(!verify_sets(&[good[0].clone(), bad.clone()]));
        assert!(!verify(&bad.pubkeys[0], &bad.message, &bad.signature));
        assert!(verify(&good[0].pubkeys[0], &good[0].message, &good[0].signature));
    }
    remember_verdicts(false);
    assert!(verify_sets(&good));
}
