//! What one key has signed at most, and what it may therefore still sign: EIP-3076's conditions on one record each for
//! blocks and attestations. Pure.

use super::Refusal;
use crate::ssz::Root;
use crate::types::{BlsPubkey, Epoch, Slot};

/// The highest that one key has signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub block: Option<Block>,
    pub attestation: Option<Attestation>,
}

/// The newest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub slot: Slot,
    /// `None` if it is unknown (imported) or ambiguous: then nothing at this slot may be signed again.
    pub signing_root: Option<Root>,
}

/// The highest source and the highest target, which need not be of one attestation after an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attestation {
    pub source: Epoch,
    pub target: Epoch,
    /// Of the one attestation that has both; `None` if there is none, or it is unknown or ambiguous.
    pub signing_root: Option<Root>,
}

/// Something signed by one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub pubkey: BlsPubkey,
    pub signed: Signed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    Block(Block),
    Attestation(Attestation),
}

/// Why something may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It is newer than everything before.
    New,
    /// It is the very message that was signed last.
    Repeat,
}

impl Record {
    pub fn block(pubkey: BlsPubkey, slot: Slot, signing_root: Option<Root>) -> Self {
        Self { pubkey, signed: Signed::Block(Block { slot, signing_root }) }
    }

    pub fn attestation(pubkey: BlsPubkey, source: Epoch, target: Epoch, signing_root: Option<Root>) -> Self {
        Self { pubkey, signed: Signed::Attestation(Attestation { source, target, signing_root }) }
    }
}

impl History {
    /// EIP-3076 conditions 1 and 2.
    pub fn permit_block(&self, slot: Slot, signing_root: Root) -> Result<Permit, Refusal> {
        match self.block {
            Some(last) if slot == last.slot && last.signing_root == Some(signing_root) => Ok(Permit::Repeat),
            Some(last) if slot <= last.slot => Err(Refusal::BlockNotNewer { slot, last: last.slot }),
            _ => Ok(Permit::New),
        }
    }

    /// EIP-3076 conditions 3 to 5. Sources never fall and targets always rise, so no vote can surround another.
    pub fn permit_attestation(&self, source: Epoch, target: Epoch, signing_root: Root) -> Result<Permit, Refusal> {
        if source > target {
            return Err(Refusal::SourceAfterTarget { source_epoch: source, target_epoch: target });
        }
        match self.attestation {
            Some(last) if last == (Attestation { source, target, signing_root: Some(signing_root) }) => {
                Ok(Permit::Repeat)
            }
            Some(last) if source < last.source => {
                Err(Refusal::SourceBefore { source_epoch: source, last: last.source })
            }
            Some(last) if target <= last.target => {
                Err(Refusal::TargetNotNewer { target_epoch: target, last: last.target })
            }
            _ => Ok(Permit::New),
        }
    }

    /// Takes over a record, whatever its age: marks only ever rise.
    pub fn merge(&mut self, record: &Record) {
        match record.signed {
            Signed::Block(new) => self.block = Some(self.block.map_or(new, |old| old.merged(new))),
            Signed::Attestation(new) => {
                self.attestation = Some(self.attestation.map_or(new, |old| old.merged(new)));
            }
        }
    }

    /// The records that restore this history.
    pub fn records(&self, pubkey: BlsPubkey) -> impl Iterator<Item = Record> + use<> {
        let block = self.block.map(|block| Record { pubkey, signed: Signed::Block(block) });
        let attestation =
            self.attestation.map(|attestation| Record { pubkey, signed: Signed::Attestation(attestation) });
        block.into_iter().chain(attestation)
    }
}

impl Block {
    fn merged(self, other: Self) -> Self {
        match self.slot.cmp(&other.slot) {
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Equal => {
                Self { slot: self.slot, signing_root: agreed(self.signing_root, other.signing_root) }
            }
        }
    }
}

impl Attestation {
    fn merged(self, other: Self) -> Self {
        let (source, target) = (self.source.max(other.source), self.target.max(other.target));
        let holds = |it: &Self| it.source == source && it.target == target;
        let signing_root = match (holds(&self), holds(&other)) {
            (true, true) => agreed(self.signing_root, other.signing_root),
            (true, false) if other.target < target => self.signing_root,
            (false, true) if self.target < target => other.signing_root,
            _ => None,
        };
        Self { source, target, signing_root }
    }
}

fn agreed(one: Option<Root>, other: Option<Root>) -> Option<Root> {
    one.filter(|root| other == Some(*root))
}
