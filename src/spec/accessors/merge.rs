//! Whether blocks carry execution payloads yet: the predicates of bellatrix.

use crate::types::{BeaconBlock, BeaconBlockBody, BeaconState, ExecutionPayload, ExecutionPayloadHeader};

/// Whether some block of the chain has carried a payload (bellatrix/beacon-chain.md, `is_merge_transition_complete`).
pub fn is_merge_transition_complete(state: &BeaconState) -> bool {
    state.latest_execution_payload_header != ExecutionPayloadHeader::default()
}

/// Whether a block with this body, on `state`, is the first with a payload (bellatrix/beacon-chain.md,
/// `is_merge_transition_block`).
pub fn is_merge_transition_block(state: &BeaconState, body: &BeaconBlockBody) -> bool {
    !is_merge_transition_complete(state) && body.execution_payload != ExecutionPayload::default()
}

/// Whether the payload of this body counts (bellatrix/beacon-chain.md, `is_execution_enabled`).
pub fn is_execution_enabled(state: &BeaconState, body: &BeaconBlockBody) -> bool {
    is_merge_transition_block(state, body) || is_merge_transition_complete(state)
}

/// Whether the block has a payload (sync/optimistic.md, `is_execution_block`).
pub fn is_execution_block(block: &BeaconBlock) -> bool {
    block.body.execution_payload != ExecutionPayload::default()
}
