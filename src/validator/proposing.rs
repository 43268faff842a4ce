//! Block proposals: reveal randao, let the beacon node build the block, look at it, sign, publish. A block's blobs pass
//! through unread: the signed block commits to them. Before that, the node is told who gets the fees.

use super::{At, Duty, Ending, Outcome, Validator};
use crate::api::dto::{ProposerDuty, ProposerPreparation};
use crate::api::{BlockContents, SignedBlockContents};
use crate::ssz::Fork;
use crate::types::constants::{DOMAIN_BEACON_PROPOSER, DOMAIN_RANDAO, GENESIS_SLOT};
use crate::types::{BeaconBlock, BlsSignature, SignedBeaconBlock};

impl Validator {
    /// Proposes if it is our turn in this slot.
    pub(super) async fn propose(&self, at: At) -> Vec<Outcome> {
        let duty = self.book().proposer_at(at.epoch, at.slot).filter(|duty| duty.slot != GENESIS_SLOT);
        match duty {
            Some(duty) => {
                let ending = self.propose_block(at, &duty).await.map_or_else(|ending| ending, |()| Ending::Done);
                vec![at.outcome(Duty::Block, Some(duty.validator_index), ending)]
            }
            None => Vec::new(),
        }
    }

    /// Tells the node who gets the fees of our validators' blocks, once an epoch and whenever more of them are known,
    /// from the epoch before the first execution payload on.
    pub(super) async fn prepare_proposers(&self, at: At) -> Vec<Outcome> {
        let config = &self.network.config;
        if config.fork_at_epoch(at.epoch.saturating_add(1)) < Fork::Bellatrix {
            return Vec::new();
        }
        let preparations: Vec<ProposerPreparation> = {
            let book = self.book();
            let current = (at.epoch, book.indices.len());
            if book.prepared == Some(current) {
                return Vec::new();
            }
            let fee_recipient = self.fee_recipient;
            book.indices.keys().map(|index| ProposerPreparation { validator_index: *index, fee_recipient }).collect()
        };
        if preparations.is_empty() {
            return Vec::new();
        }
        let answer = self.client.prepare_proposers(&preparations).await;
        if answer.is_ok() {
            self.book().prepared = Some((at.epoch, preparations.len()));
        }
        vec![at.outcome(Duty::Preparation, None, Ending::of(answer))]
    }

    async fn propose_block(&self, at: At, duty: &ProposerDuty) -> Result<(), Ending> {
        let failed = |what: &str, why: &dyn std::fmt::Display| Ending::Failed(format!("{what}: {why}"));
        let no_key = || Ending::Failed("its key is not held here".into());
        let randao_reveal = self.sign(&duty.pubkey, &at.epoch, DOMAIN_RANDAO, at.epoch).ok_or_else(no_key)?;
        let config = &self.network.config;
        let produced = self.client.produce_block(config, at.slot, &randao_reveal, self.graffiti).await;
        let produced = produced.map_err(|error| failed("no block to sign", &error))?;
        if produced.fork != config.fork_at_slot(at.slot) {
            let expected = config.fork_at_slot(at.slot);
            return Err(Ending::Refused(format!("the node built a {} block where {expected} is due", produced.fork)));
        }
        let BlockContents { block, kzg_proofs, blobs } = produced.data;
        matches_duty(&block, duty, &randao_reveal).map_err(Ending::Refused)?;
        let signing_root = self.network.signing_root(&block, DOMAIN_BEACON_PROPOSER, at.epoch);
        let allowed = self.protection().allow_block(duty.pubkey, block.slot, signing_root);
        allowed.map_err(|refusal| Ending::Refused(refusal.to_string()))?;
        let signature = self.sign_root(&duty.pubkey, &signing_root).ok_or_else(no_key)?;
        let signed_block = SignedBeaconBlock { message: block, signature };
        let signed = SignedBlockContents { signed_block, kzg_proofs, blobs };
        match self.client.publish_block(self.shape(at.slot), &signed).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(Ending::Failed("published, but not imported by the node, or not yet (HTTP status 202)".into()))
            }
            Err(error) => Err(failed("signed but not published", &error)),
        }
    }
}

/// The node must have built what was asked for, whoever runs it.
fn matches_duty(block: &BeaconBlock, duty: &ProposerDuty, randao_reveal: &BlsSignature) -> Result<(), String> {
    if block.slot != duty.slot {
        return Err(format!("the node built a block for slot {}", block.slot));
    }
    if block.proposer_index != duty.validator_index {
        return Err(format!("the node built a block of proposer {}", block.proposer_index));
    }
    if block.body.randao_reveal != *randao_reveal {
        return Err("the node built a block with another randao reveal".into());
    }
    Ok(())
}
