//! `engine_newPayload` and `engine_forkchoiceUpdated`: what the stub says of payloads and heads.
//!
//! Spec: `paris.md`, with what `shanghai.md` and `cancun.md` changed.

use super::build::Job;
use super::chain::{Block, Invalid};
use super::judge::{self, Fault};
use super::script::{Asked, LatestValid, Place, Rule, Say};
use super::{Stub, refused, silence};
use crate::engine::call::{
    Failure, ForkchoiceState, NewPayload, PayloadAttributes, PayloadId, PayloadStatus, Validity,
};
use crate::engine::header::Header;
use crate::engine::json::code;
use crate::ssz::Fork;
use crate::types::Hash32;

/// Why a payload is invalid of which a rule says so.
const TOLD: &str = "told to say so";

fn valid(hash: Hash32) -> PayloadStatus {
    PayloadStatus { status: Validity::Valid, latest_valid_hash: Some(hash), validation_error: None }
}

fn without_hash(status: Validity) -> PayloadStatus {
    PayloadStatus { status, latest_valid_hash: None, validation_error: None }
}

fn invalid(invalid: &Invalid) -> PayloadStatus {
    PayloadStatus {
        status: Validity::Invalid,
        latest_valid_hash: invalid.latest_valid_hash,
        validation_error: Some(invalid.why.clone()),
    }
}

/// `paris.md`; `shanghai.md` did away with the status.
fn wrong_hash(fork: Fork, why: String) -> PayloadStatus {
    let status = if fork < Fork::Capella { Validity::InvalidBlockHash } else { Validity::Invalid };
    PayloadStatus { validation_error: Some(why), ..without_hash(status) }
}

impl Stub {
    /// Tells it what to answer to everything that can be answered so, before it looks into its script; `None`: nothing
    /// any more.
    pub fn tell(&mut self, say: Option<Say>) {
        self.told = say.map(Rule::always);
    }

    /// The rule for a question about a payload.
    pub(super) fn rule(&self, asked: Asked, place: Place) -> Option<&Rule> {
        let told = self.told.as_ref().filter(|rule| rule.is_about(asked));
        told.or_else(|| self.config.script.rule(asked, place))
    }

    pub(super) fn new_payload(&mut self, now_ms: u64, asked: &NewPayload) -> Result<PayloadStatus, Failure> {
        let payload = &asked.payload;
        let fork = self.fork_at(payload.timestamp);
        if fork != asked.fork {
            return Err(refused(code::UNSUPPORTED_FORK, format!("Unsupported fork: the timestamp is of {fork}")));
        }
        let place = self.place(now_ms, payload.timestamp, payload.block_number);
        let rule = self.rule(Asked::NewPayload, place).cloned();
        let answer = rule.as_ref().map(|rule| rule.answer);
        match answer {
            Some(Say::Timeout) => return Err(silence()),
            Some(Say::Valid) => {
                self.accept(asked);
                return Ok(valid(payload.block_hash));
            }
            _ => {}
        }
        match judge::alone(asked) {
            Ok(()) => {}
            Err(Fault::Hash(why)) => return Ok(wrong_hash(fork, why)),
            Err(Fault::Content(why)) => {
                return Ok(PayloadStatus { validation_error: Some(why), ..without_hash(Validity::Invalid) });
            }
        }
        match (answer, rule) {
            (Some(Say::Invalid), Some(rule)) => {
                let latest_valid_hash = match rule.latest_valid_hash {
                    LatestValid::Ancestor => self.latest_valid(&payload.parent_hash),
                    LatestValid::Zero => Some(Hash32::ZERO),
                    LatestValid::None => None,
                };
                let verdict = Invalid { latest_valid_hash, why: TOLD.into() };
                self.chain.invalid.insert(payload.block_hash, verdict.clone());
                return Ok(invalid(&verdict));
            }
            (Some(Say::WrongHash), _) => {
                let verdict = Invalid { latest_valid_hash: None, why: TOLD.into() };
                self.chain.invalid.insert(payload.block_hash, verdict.clone());
                return Ok(wrong_hash(fork, verdict.why));
            }
            (Some(Say::Syncing), _) => {
                self.chain.aside.insert(payload.block_hash, asked.clone());
                return Ok(without_hash(Validity::Syncing));
            }
            (Some(Say::Accepted), _) => {
                self.chain.aside.insert(payload.block_hash, asked.clone());
                return Ok(without_hash(Validity::Accepted));
            }
            _ => {}
        }
        Ok(self.judge(asked))
    }

    /// The verdict on a payload that is in order by itself.
    fn judge(&mut self, asked: &NewPayload) -> PayloadStatus {
        let payload = &asked.payload;
        if self.chain.get(&payload.block_hash).is_some() {
            return valid(payload.block_hash);
        }
        if let Some(verdict) = self.chain.invalid.get(&payload.block_hash) {
            return invalid(verdict);
        }
        if let Some(verdict) = self.chain.invalid.get(&payload.parent_hash).cloned() {
            let verdict = Invalid { why: "it follows an invalid block".into(), ..verdict };
            self.chain.invalid.insert(payload.block_hash, verdict.clone());
            return invalid(&verdict);
        }
        let Some(parent) = self.chain.get(&payload.parent_hash) else {
            self.chain.aside.insert(payload.block_hash, asked.clone());
            return without_hash(Validity::Syncing);
        };
        let judged = match parent.proof_of_work && !self.is_terminal(parent) {
            true => Err("its parent is no terminal proof-of-work block".to_owned()),
            false => judge::on_parent(asked, parent, self.blob_gas_at(payload.timestamp)),
        };
        match judged {
            Ok(()) => {
                self.accept(asked);
                valid(payload.block_hash)
            }
            Err(why) => {
                let verdict = Invalid { latest_valid_hash: self.latest_valid(&payload.parent_hash), why };
                self.chain.invalid.insert(payload.block_hash, verdict.clone());
                self.chain.aside.remove(&payload.block_hash);
                invalid(&verdict)
            }
        }
    }

    /// `latestValidHash` for an invalid child of `parent`: zero if that is of the chain before the merge.
    fn latest_valid(&self, parent: &Hash32) -> Option<Hash32> {
        match (self.chain.get(parent), self.chain.invalid.get(parent)) {
            (Some(block), _) if block.proof_of_work => Some(Hash32::ZERO),
            (Some(block), _) => Some(block.hash),
            (None, Some(verdict)) => verdict.latest_valid_hash,
            (None, None) => None,
        }
    }

    fn is_terminal(&self, block: &Block) -> bool {
        let network = &self.config.network;
        judge::is_terminal(&self.chain, block, network.terminal_total_difficulty, network.terminal_block_hash)
    }

    /// Makes the payload a block of the chain.
    fn accept(&mut self, asked: &NewPayload) {
        let payload = &asked.payload;
        let parent = self.chain.get(&payload.parent_hash);
        let total_difficulty = parent.map(|parent| parent.total_difficulty).unwrap_or_default();
        self.chain.insert(Block {
            hash: payload.block_hash,
            header: Header::of_payload(asked),
            transactions: payload.transactions.iter().cloned().collect(),
            withdrawals: (asked.fork >= Fork::Capella).then(|| payload.withdrawals.iter().copied().collect()),
            total_difficulty,
            proof_of_work: false,
        });
    }

    pub(super) fn forkchoice_updated(
        &mut self,
        now_ms: u64,
        fork: Fork,
        state: &ForkchoiceState,
        attributes: Option<&PayloadAttributes>,
    ) -> Result<(PayloadStatus, Option<PayloadId>), Failure> {
        let head = state.head_block_hash;
        if let Some(status) = self.told_of_head(now_ms, &head)? {
            return Ok((status, None));
        }
        if self.chain.get(&head).is_none() {
            self.fetch(now_ms, head);
        }
        if let Some(verdict) = self.chain.invalid.get(&head) {
            return Ok((invalid(verdict), None));
        }
        let Some(block) = self.chain.get(&head) else {
            return Ok((without_hash(Validity::Syncing), None));
        };
        if block.proof_of_work && !self.is_terminal(block) {
            let latest_valid_hash = Some(Hash32::ZERO);
            let why = "the head is no terminal proof-of-work block".into();
            return Ok((invalid(&Invalid { latest_valid_hash, why }), None));
        }
        let finalized = self.forkchoice.finalized_block_hash;
        if !finalized.is_zero() && head != finalized && self.chain.is_ancestor(&head, &finalized) == Some(true) {
            return Ok((valid(head), None));
        }
        for (name, hash) in [("safe", state.safe_block_hash), ("finalized", state.finalized_block_hash)] {
            if !hash.is_zero() && self.chain.is_ancestor(&hash, &head) == Some(false) {
                let message = format!("Invalid forkchoice state: the {name} block is no ancestor of the head");
                return Err(refused(code::INVALID_FORKCHOICE_STATE, message));
            }
        }
        let timestamp = block.header.timestamp;
        self.chain.head = head;
        self.chain.finalized(&state.finalized_block_hash);
        self.forkchoice = *state;
        self.missing = None;
        let id = attributes.map(|attributes| self.begin(fork, head, timestamp, attributes)).transpose()?;
        Ok((valid(head), id))
    }

    /// What a rule says of this head.
    fn told_of_head(&mut self, now_ms: u64, head: &Hash32) -> Result<Option<PayloadStatus>, Failure> {
        let known = self.chain.get(head).map(|block| (block.header.timestamp, block.header.number));
        let aside = self.chain.aside.get(head).map(|asked| (asked.payload.timestamp, asked.payload.block_number));
        let Some((timestamp, number)) = known.or(aside) else { return Ok(None) };
        let place = self.place(now_ms, timestamp, number);
        let Some(rule) = self.rule(Asked::ForkchoiceUpdated, place).cloned() else { return Ok(None) };
        match rule.answer {
            Say::Timeout => Err(silence()),
            Say::Syncing => Ok(Some(without_hash(Validity::Syncing))),
            Say::Invalid => {
                let parent = self.chain.get(head).map(|block| block.header.parent_hash);
                let parent = parent.or(self.chain.aside.get(head).map(|asked| asked.payload.parent_hash));
                let latest_valid_hash = match rule.latest_valid_hash {
                    LatestValid::Ancestor => parent.and_then(|parent| self.latest_valid(&parent)),
                    LatestValid::Zero => Some(Hash32::ZERO),
                    LatestValid::None => None,
                };
                Ok(Some(invalid(&Invalid { latest_valid_hash, why: TOLD.into() })))
            }
            Say::Valid => {
                if let Some(asked) = self.chain.aside.remove(head) {
                    self.accept(&asked);
                }
                Ok(None)
            }
            Say::Accepted | Say::WrongHash => Ok(None),
        }
    }

    /// Judges a head that was put aside, and those of its ancestors that were. See the module for what happens when
    /// the oldest one's parent is missing.
    fn fetch(&mut self, now_ms: u64, head: Hash32) {
        let mut branch = Vec::new();
        let mut hash = head;
        while let Some(asked) = self.chain.aside.get(&hash) {
            hash = asked.payload.parent_hash;
            branch.push(asked.clone());
        }
        let Some(oldest) = branch.last() else { return };
        let known = self.chain.get(&hash).is_some() || self.chain.invalid.get(&hash).is_some();
        if !known {
            if self.missing != Some(hash) {
                self.missing = Some(hash);
                return;
            }
            if self.held(now_ms, oldest) {
                return;
            }
            self.accept(oldest);
        }
        for asked in branch.iter().rev() {
            if self.held(now_ms, asked) || self.judge(asked).status == Validity::Syncing {
                return;
            }
        }
    }

    /// Whether a rule still says that this payload is `SYNCING`.
    fn held(&self, now_ms: u64, asked: &NewPayload) -> bool {
        let place = self.place(now_ms, asked.payload.timestamp, asked.payload.block_number);
        self.rule(Asked::NewPayload, place).is_some_and(|rule| rule.answer == Say::Syncing)
    }

    /// Begins to build on the head.
    fn begin(
        &mut self,
        fork: Fork,
        parent: Hash32,
        parent_timestamp: u64,
        attributes: &PayloadAttributes,
    ) -> Result<PayloadId, Failure> {
        let wrong =
            |why: String| refused(code::INVALID_PAYLOAD_ATTRIBUTES, format!("Invalid payload attributes: {why}"));
        if attributes.timestamp <= parent_timestamp {
            let why = format!("timestamp {} is not after the head's {parent_timestamp}", attributes.timestamp);
            return Err(wrong(why));
        }
        let at = self.fork_at(attributes.timestamp);
        if at != fork {
            return Err(refused(code::UNSUPPORTED_FORK, format!("Unsupported fork: the timestamp is of {at}")));
        }
        if attributes.withdrawals.len() as u64 > self.config.network.preset.max_withdrawals_per_payload {
            return Err(wrong(format!("{} withdrawals", attributes.withdrawals.len())));
        }
        let job = Job { fork, parent, attributes: attributes.clone() };
        let id = job.id();
        self.jobs.insert(id, job);
        Ok(id)
    }
}
