//! Slashing protection (EIP-3076, minimal strategy): remembers the highest that every key has signed, and refuses
//! whatever could contradict it. A permission is on disk before it is given, so a signature that left the process is
//! remembered after `kill -9`, whatever happened in between.
//!
//! Never: signs, knows a network beyond its genesis validators root, or forgets on purpose. When its storage fails it
//! refuses everything from then on.

mod history;
mod interchange;
mod journal;

use crate::ssz::Root;
use crate::types::{BlsPubkey, Epoch, Slot};
use history::{History, Permit, Record};
pub use interchange::InterchangeError;
use journal::Journal;
pub use journal::StoreError;
use std::collections::BTreeMap;
use std::path::Path;

/// Why something must not be signed. Each is final for this message: signing it could be slashable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("block at slot {slot} refused: this key has signed another block, at slot {last}")]
    BlockNotNewer { slot: Slot, last: Slot },
    #[error("attestation refused: its source epoch {source_epoch} is after its target epoch {target_epoch}")]
    SourceAfterTarget { source_epoch: Epoch, target_epoch: Epoch },
    #[error("attestation refused: source epoch {source_epoch} is before {last}, which this key has signed")]
    SourceBefore { source_epoch: Epoch, last: Epoch },
    #[error("attestation refused: this key has signed another for target epoch {last}, this one is for {target_epoch}")]
    TargetNotNewer { target_epoch: Epoch, last: Epoch },
    #[error("refused, since it could not be remembered: {0}; restart the validator once its disk works again")]
    Storage(String),
}

/// One attestation that wants to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationRequest {
    pub pubkey: BlsPubkey,
    pub source_epoch: Epoch,
    pub target_epoch: Epoch,
    pub signing_root: Root,
}

/// What every key of one validator process has signed.
#[derive(Debug)]
pub struct SlashingProtection {
    genesis_validators_root: Root,
    histories: BTreeMap<BlsPubkey, History>,
    journal: Option<Journal>,
}

impl SlashingProtection {
    /// Remembers for the life of this value only: for the simulation and for tests.
    pub fn in_memory(genesis_validators_root: Root) -> Self {
        Self { genesis_validators_root, histories: BTreeMap::new(), journal: None }
    }

    /// Opens or creates the database in `folder`, and holds its lock until dropped.
    ///
    /// # Errors
    /// Another process has it, it belongs to another network, or it is damaged (a torn last record is none: it was
    /// never acted upon).
    pub fn open(folder: &Path, genesis_validators_root: Root) -> Result<Self, StoreError> {
        let (journal, records) = Journal::open(folder, genesis_validators_root)?;
        let mut histories = BTreeMap::<BlsPubkey, History>::new();
        for record in &records {
            histories.entry(record.pubkey).or_default().merge(record);
        }
        Ok(Self { genesis_validators_root, histories, journal: Some(journal) })
    }

    /// Asks to sign a block, and remembers it. The same block may be signed again.
    pub fn allow_block(&mut self, pubkey: BlsPubkey, slot: Slot, signing_root: Root) -> Result<(), Refusal> {
        let history = self.histories.get(&pubkey).copied().unwrap_or_default();
        match history.permit_block(slot, signing_root)? {
            Permit::Repeat => Ok(()),
            Permit::New => self.remember(vec![Record::block(pubkey, slot, Some(signing_root))]),
        }
    }

    /// Asks to sign one attestation, and remembers it. The same attestation may be signed again.
    pub fn allow_attestation(&mut self, request: AttestationRequest) -> Result<(), Refusal> {
        self.allow_attestations(&[request]).pop().expect("one answer per request")
    }

    /// Asks to sign many attestations at the cost of one write: an answer for each, in order.
    pub fn allow_attestations(&mut self, requests: &[AttestationRequest]) -> Vec<Result<(), Refusal>> {
        let mut ahead = BTreeMap::<BlsPubkey, History>::new();
        let mut records = Vec::new();
        let mut judge = |request: &AttestationRequest| -> Result<Permit, Refusal> {
            let known = self.histories.get(&request.pubkey).copied().unwrap_or_default();
            let history = ahead.entry(request.pubkey).or_insert(known);
            let AttestationRequest { source_epoch, target_epoch, signing_root, .. } = *request;
            let permit = history.permit_attestation(source_epoch, target_epoch, signing_root)?;
            if permit == Permit::New {
                let record = Record::attestation(request.pubkey, source_epoch, target_epoch, Some(signing_root));
                history.merge(&record);
                records.push(record);
            }
            Ok(permit)
        };
        let judged: Vec<_> = requests.iter().map(&mut judge).collect();
        let stored = if records.is_empty() { Ok(()) } else { self.remember(records) };
        let settle = |permit: Permit| match permit {
            Permit::Repeat if stored.is_ok() => Ok(()),
            _ => stored.clone(),
        };
        judged.into_iter().map(|verdict| verdict.and_then(settle)).collect()
    }

    /// Takes over the history in an interchange file (EIP-3076 JSON, version 5), merged with what is known: nothing
    /// that was refused before is allowed after. Gives the number of keys in the file.
    pub fn import(&mut self, interchange: &str) -> Result<usize, InterchangeError> {
        let records = interchange::read(interchange, &self.genesis_validators_root)?;
        let keys = records.iter().map(|record| record.pubkey).collect::<std::collections::BTreeSet<_>>().len();
        self.remember(records).map_err(|refusal| InterchangeError::Storage(refusal.to_string()))?;
        Ok(keys)
    }

    /// Everything known, as an interchange file.
    pub fn export(&self) -> String {
        interchange::write(&self.genesis_validators_root, &self.histories)
    }

    /// First to disk, then to memory: if the first fails, nothing was allowed.
    fn remember(&mut self, records: Vec<Record>) -> Result<(), Refusal> {
        if let Some(journal) = &mut self.journal {
            journal.append(&records).map_err(|error| Refusal::Storage(error.to_string()))?;
        }
        for record in &records {
            self.histories.entry(record.pubkey).or_default().merge(record);
        }
        if let Some(journal) = &mut self.journal
            && journal.is_bloated(self.histories.len())
        {
            let live = self.histories.iter().flat_map(|(pubkey, history)| history.records(*pubkey)).collect::<Vec<_>>();
            // The permission is on disk already; a journal that can't be rewritten refuses the next one.
            journal.rewrite(&live);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
