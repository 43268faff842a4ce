//! Execution requests between their container and the byte strings that the Engine API carries (EIP-7685).

use crate::{
    spec::Error,
    ssz::{DecodeError, Shape, Ssz},
    types::{
        ExecutionRequests,
        constants::{CONSOLIDATION_REQUEST_TYPE, DEPOSIT_REQUEST_TYPE, WITHDRAWAL_REQUEST_TYPE},
    },
};

/// The lists of requests that are not empty, each behind its type's byte (electra/beacon-chain.md,
/// `get_execution_requests_list`).
pub fn get_execution_requests_list(shape: Shape, execution_requests: &ExecutionRequests) -> Vec<Vec<u8>> {
    let lists = [
        (DEPOSIT_REQUEST_TYPE, execution_requests.deposits.encode(shape)),
        (WITHDRAWAL_REQUEST_TYPE, execution_requests.withdrawals.encode(shape)),
        (CONSOLIDATION_REQUEST_TYPE, execution_requests.consolidations.encode(shape)),
    ];
    // Requests have a fixed size, so only an empty list has an empty encoding.
    let present = lists.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    present.map(|(request_type, bytes)| [&[request_type], bytes.as_slice()].concat()).collect()
}

/// The requests of such a list, for the block that the payload goes into (electra/validator.md,
/// `get_execution_requests`).
///
/// # Errors
/// If a type is unknown, empty, repeated or out of order, or its bytes are no list of such requests.
pub fn get_execution_requests(
    shape: Shape,
    execution_requests_list: &[impl AsRef<[u8]>],
) -> Result<ExecutionRequests, Error> {
    let mut requests = ExecutionRequests::default();
    let mut previous = None;
    for request in execution_requests_list {
        let refused = |why| Error::ExecutionRequests { why };
        let (&request_type, data) =
            request.as_ref().split_first().ok_or_else(|| refused("a request has no type".to_owned()))?;
        if data.is_empty() {
            return Err(refused(format!("type {request_type} has no requests")));
        }
        if previous.is_some_and(|previous| previous >= request_type) {
            return Err(refused(format!("type {request_type} is repeated or out of order")));
        }
        previous = Some(request_type);
        let bad = |error: DecodeError| refused(format!("type {request_type}: {error}"));
        match request_type {
            DEPOSIT_REQUEST_TYPE => requests.deposits = Ssz::decode(shape, data).map_err(bad)?,
            WITHDRAWAL_REQUEST_TYPE => requests.withdrawals = Ssz::decode(shape, data).map_err(bad)?,
            CONSOLIDATION_REQUEST_TYPE => requests.consolidations = Ssz::decode(shape, data).map_err(bad)?,
            _ => return Err(refused(format!("type {request_type} is unknown"))),
        }
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ssz::{Bytes, Fork, Preset},
        types::{ConsolidationRequest, DepositRequest},
    };

    #[test]
    fn requests_survive_the_way_to_the_engine_and_back() {
        let shape = Shape::new(Fork::Electra, Preset::minimal());
        assert!(get_execution_requests_list(shape, &ExecutionRequests::default()).is_empty());
        let requests = ExecutionRequests {
            deposits: vec![DepositRequest { amount: 7, ..Default::default() }; 2].into(),
            consolidations: vec![ConsolidationRequest { source_pubkey: Bytes([3; 48]), ..Default::default() }].into(),
            ..Default::default()
        };
        let list = get_execution_requests_list(shape, &requests);
        assert_eq!(list.iter().map(|bytes| (bytes[0], bytes.len())).collect::<Vec<_>>(), [(0, 385), (2, 117)]);
        assert_eq!(get_execution_requests(shape, &list), Ok(requests));

        let swapped = [list[1].clone(), list[0].clone()];
        let unknown = [vec![3; 10]];
        let bad: [&[Vec<u8>]; 7] = [
            &swapped,
            &[list[0].clone(), list[0].clone()],
            &unknown,
            &[vec![]],
            &[vec![0]],
            &[list[0][..100].to_vec()],
            // Three consolidations are one too many.
            &[[&[2u8][..], &[0; 348]].concat()],
        ];
        for (index, list) in bad.into_iter().enumerate() {
            assert!(get_execution_requests(shape, list).is_err(), "{index}");
        }
    }
}
