//! One block, by the rules: its post-state, or what is wrong with it.

use crate::{
    crypto,
    spec::{self, Signatures},
    ssz::{Root, Ssz},
    types::{BeaconState, ChainConfig, SignedBeaconBlock},
};

/// Why a block is wrong by this program's rules.
#[derive(Debug, thiserror::Error)]
pub(super) enum Wrong {
    /// It has another post-state than it says.
    #[error("it says that its state root is {claimed}; by the rules it is {found}")]
    StateRoot { claimed: Root, found: Root, ours: Box<BeaconState> },
    /// It has none.
    #[error("by the rules it is invalid: {0}")]
    Invalid(#[from] spec::Error),
}

/// The state after the block, everything checked but what only an execution client knows. This is the spec's
/// `state_transition`, but that a state with another root is kept, to be looked at.
pub(super) fn post_state(
    cfg: &ChainConfig,
    pre: &BeaconState,
    signed: &SignedBeaconBlock,
) -> Result<BeaconState, Box<Wrong>> {
    let invalid = |error: spec::Error| Box::new(Wrong::Invalid(error));
    let block = &signed.message;
    let mut state = pre.clone();
    spec::process_slots(cfg, &mut state, block.slot).map_err(invalid)?;
    let mut sets = vec![spec::block_signature_set(cfg, &state, signed).map_err(invalid)?];
    spec::process_block(cfg, &mut state, block, &mut Signatures::Collect(&mut sets)).map_err(invalid)?;
    if !crypto::verify_sets(&sets) {
        // Done again for the error's sake: it names the signature.
        let why = spec::state_transition(cfg, &mut pre.clone(), signed, true).err();
        return Err(invalid(why.unwrap_or(spec::Error::InvalidSignature { what: "batch" })));
    }
    let found = state.hash_tree_root(cfg.shape_at_slot(state.slot));
    if found != block.state_root {
        return Err(Box::new(Wrong::StateRoot { claimed: block.state_root, found, ours: Box::new(state) }));
    }
    Ok(state)
}
