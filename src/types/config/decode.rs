//! Decoding states and blocks whose fork is not known beforehand: it is read off the bytes.

use crate::ssz::{Bytes, DecodeError, Fork as ForkName, Shape, Ssz};
use crate::types::{BeaconState, ChainConfig, SignedBeaconBlock, Version};

/// `genesis_time`, `genesis_validators_root`, then the slot.
const STATE_SLOT_AT: usize = 8 + 32;
/// ... the slot, `fork.previous_version`, then `fork.current_version`.
const STATE_VERSION_AT: usize = STATE_SLOT_AT + 8 + 4;

impl ChainConfig {
    /// Decodes an SSZ `BeaconState`. Its fork is the one whose version the state carries, or, if this configuration
    /// gives that version to no fork or to several, the one active at its slot.
    ///
    /// # Errors
    /// Bytes that are no state of that fork and this preset.
    pub fn decode_state(&self, bytes: &[u8]) -> Result<BeaconState, DecodeError> {
        BeaconState::decode(self.state_shape(bytes), bytes)
    }

    /// The shape that [`Self::decode_state`] would decode `bytes` with.
    pub fn state_shape(&self, bytes: &[u8]) -> Shape {
        let version = bytes.get(STATE_VERSION_AT..).and_then(|rest| rest.first_chunk::<4>());
        let by_version = version.and_then(|version| self.fork_of_version(Bytes(*version)));
        match by_version {
            Some(fork) => self.shape(fork),
            None => self.shape_at_slot(u64_at(bytes, STATE_SLOT_AT).unwrap_or(0)),
        }
    }

    /// The fork that has this version here; `None` if none has, or several.
    pub fn fork_of_version(&self, version: Version) -> Option<ForkName> {
        let mut forks = ForkName::ALL.into_iter().filter(|fork| self.fork_version(*fork) == version);
        forks.next().filter(|_| forks.next().is_none())
    }

    /// Decodes an SSZ `SignedBeaconBlock` by the fork active at its slot.
    ///
    /// # Errors
    /// Bytes that are no block of that fork and this preset.
    pub fn decode_signed_block(&self, bytes: &[u8]) -> Result<SignedBeaconBlock, DecodeError> {
        // The message is the only part of variable size: its offset comes first, and it begins with the slot.
        let message_at = bytes.first_chunk::<4>().map_or(0, |offset| u32::from_le_bytes(*offset) as usize);
        let slot = u64_at(bytes, message_at).unwrap_or(0);
        SignedBeaconBlock::decode(self.shape_at_slot(slot), bytes)
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk::<8>()?))
}
