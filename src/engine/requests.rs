//! Execution requests as the Engine API carries them: one byte string a kind that has any, its first byte the kind.
//!
//! Spec: electra `get_execution_requests_list`, EIP-7685, and `engine_newPayloadV4`.

use crate::ssz::{Fork, Preset, Root, Shape, Ssz, sha256};
use crate::types::{
    ExecutionRequests,
    constants::{CONSOLIDATION_REQUEST_TYPE, DEPOSIT_REQUEST_TYPE, WITHDRAWAL_REQUEST_TYPE},
};

/// EIP-7685: the kind is one byte.
pub const MAX_KINDS: u64 = 256;

/// The strings of all kinds that are not empty, by ascending kind.
pub fn to_list(requests: &ExecutionRequests) -> Vec<Vec<u8>> {
    // Only limits differ by preset, and encoding does not look at them.
    let shape = Shape::new(Fork::Electra, Preset::mainnet());
    let of_kind = |kind: u8, write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = vec![kind];
        write(&mut out);
        out
    };
    let kinds = [
        of_kind(DEPOSIT_REQUEST_TYPE, &|out| requests.deposits.encode_into(shape, out)),
        of_kind(WITHDRAWAL_REQUEST_TYPE, &|out| requests.withdrawals.encode_into(shape, out)),
        of_kind(CONSOLIDATION_REQUEST_TYPE, &|out| requests.consolidations.encode_into(shape, out)),
    ];
    kinds.into_iter().filter(|bytes| bytes.len() > 1).collect()
}

/// Reads what [`to_list`] writes.
///
/// # Errors
/// Kinds out of order, twice or unknown; an element without content; content that is no list of that kind.
pub fn from_list<B: AsRef<[u8]>>(preset: &'static Preset, list: &[B]) -> Result<ExecutionRequests, String> {
    let shape = Shape::new(Fork::Electra, preset);
    let mut requests = ExecutionRequests::default();
    let mut before = None;
    for bytes in list {
        let Some((kind, content)) = bytes.as_ref().split_first().filter(|(_, content)| !content.is_empty()) else {
            return Err("an execution request of one byte or none".into());
        };
        if before.is_some_and(|before| *kind <= before) {
            return Err(format!("execution requests of kind {kind} are out of order or given twice"));
        }
        before = Some(*kind);
        let read = match *kind {
            DEPOSIT_REQUEST_TYPE => Ssz::decode(shape, content).map(|list| requests.deposits = list),
            WITHDRAWAL_REQUEST_TYPE => Ssz::decode(shape, content).map(|list| requests.withdrawals = list),
            CONSOLIDATION_REQUEST_TYPE => Ssz::decode(shape, content).map(|list| requests.consolidations = list),
            other => return Err(format!("execution requests of an unknown kind {other}")),
        };
        read.map_err(|error| format!("execution requests of kind {kind}: {error}"))?;
    }
    Ok(requests)
}

/// EIP-7685 `compute_requests_hash`: what a block header says of its requests.
pub fn requests_hash(requests: &ExecutionRequests) -> Root {
    let hashes: Vec<u8> = to_list(requests).iter().flat_map(|bytes| sha256(bytes).0).collect();
    sha256(&hashes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ConsolidationRequest, WithdrawalRequest};

    #[test]
    fn lists_are_read_back_and_empty_kinds_left_out() {
        let mut requests = ExecutionRequests::default();
        assert!(to_list(&requests).is_empty());
        requests.withdrawals.push(WithdrawalRequest { amount: 5, ..Default::default() });
        requests.consolidations.push(ConsolidationRequest::default());
        let list = to_list(&requests);
        assert_eq!(list.iter().map(|bytes| (bytes[0], bytes.len())).collect::<Vec<_>>(), [(1, 77), (2, 117)]);
        assert_eq!(from_list(Preset::minimal(), &list), Ok(requests));
    }

    #[test]
    fn bad_lists_are_refused() {
        let of = |list: &[&[u8]]| from_list(Preset::minimal(), list);
        let withdrawal = [&[1u8][..], &[0; 76]].concat();
        assert!(of(&[&withdrawal]).is_ok());
        for bad in
            [&[&withdrawal[..], &withdrawal][..], &[&[1]], &[&[]], &[&[9, 1]], &[&[1, 2, 3]], &[&[2; 117], &withdrawal]]
        {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_hash_of_none_is_the_hash_of_nothing() {
        let empty = requests_hash(&ExecutionRequests::default());
        assert_eq!(empty.to_string(), "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
