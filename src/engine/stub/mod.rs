//! The stub engine: what an execution client would say, without transactions, state or peers. Sans-I/O and
//! deterministic: what it answers follows from its configuration, what it was asked before, and the time it is told.
//!
//! A payload that it can't judge, for want of its parent, is put aside and `SYNCING`. Once fork choice has named a
//! descendant of it twice, it is taken as the peers of a real engine would have delivered what is missing: so a stub
//! that starts late, or was restarted, gets back on the chain.
//!
//! Never: executes anything (see `judge` for what is taken on trust), looks at a clock, or grows without bound.

mod blobs;
mod build;
mod chain;
pub(super) mod fees;
mod judge;
mod script;
mod verdict;

pub use chain::Block;
pub use script::{Asked, BlobPlan, LatestValid, Rule, Say, Script, Span};

use self::build::Job;
use self::chain::{Chain, Recent};
use self::fees::BlobGas;
use self::script::Place;
use super::call::{Answer, BlobAndProofs, BuiltPayload, Call, Failure, ForkchoiceState, PayloadId, PayloadStatus};
use super::genesis::proof_of_work_chain;
use super::header::{EMPTY_OMMERS_HASH, Header};
use super::json::{code, method_of};
use super::requests::requests_hash;
use super::trie::ordered_trie_root;
use crate::crypto::kzg;
use crate::ssz::{Bytes, Fork, Uint256};
use crate::types::{
    BeaconState, ChainConfig, ExecutionPayloadHeader, ExecutionRequests, FAR_FUTURE_EPOCH, Hash32, PowBlock,
    Transaction,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// Payloads being built at a time.
const MAX_JOBS: usize = 64;
/// Lines of the log that are kept.
const MAX_LOG: usize = 4096;

/// What a stub is made from.
#[derive(Clone, Debug)]
pub struct StubConfig {
    /// The network.
    pub network: Arc<ChainConfig>,
    /// Unix seconds.
    pub genesis_time: u64,
    /// Where the execution chain begins.
    pub genesis: StubGenesis,
    /// What it is told to do.
    pub script: Script,
}

/// Where a stub's chain begins.
#[derive(Clone, Debug)]
pub enum StubGenesis {
    /// With this block: the network starts after the merge.
    Merged {
        /// The fork at genesis.
        fork: Fork,
        /// The genesis state's.
        header: Box<ExecutionPayloadHeader>,
    },
    /// With proof of work, whose last block is the one of [`super::genesis::terminal_block`].
    ProofOfWork,
}

impl StubConfig {
    /// For the network with this configuration and genesis state.
    pub fn of_network(network: Arc<ChainConfig>, genesis: &BeaconState) -> Self {
        let header = &genesis.latest_execution_payload_header;
        let fork = network.fork_of_version(genesis.fork.current_version).unwrap_or(network.genesis_fork());
        let genesis_time = genesis.genesis_time;
        let genesis = match header.block_hash.is_zero() {
            true => StubGenesis::ProofOfWork,
            false => StubGenesis::Merged { fork, header: Box::new(header.clone()) },
        };
        Self { network, genesis_time, genesis, script: Script::default() }
    }

    /// The same with a script.
    pub fn with_script(self, script: Script) -> Self {
        Self { script, ..self }
    }
}

/// One question and what was answered, for logs and journals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// The method, with its version.
    pub method: String,
    /// The hash of the block that it was about, where there is one.
    pub hash: Option<Hash32>,
    /// The answer in a few words.
    pub answer: String,
}

/// The stub. See the module.
#[derive(Clone, Debug)]
pub struct Stub {
    config: StubConfig,
    /// What it was told beside its script.
    told: Option<Rule>,
    chain: Chain,
    /// As fork choice last said, with a known head.
    forkchoice: ForkchoiceState,
    /// The parent that was missing when fork choice last named a head that could not be judged.
    missing: Option<Hash32>,
    /// How many of the known blobs it has put into payloads, counted from the first.
    pooled: u64,
    jobs: Recent<PayloadId, Job>,
    log: VecDeque<Heard>,
}

impl Stub {
    /// A stub at the beginning of its chain.
    pub fn new(config: StubConfig) -> Self {
        let blocks = match &config.genesis {
            StubGenesis::Merged { fork, header } => vec![merged_genesis(*fork, header)],
            StubGenesis::ProofOfWork => proof_of_work_blocks(config.network.terminal_total_difficulty),
        };
        let chain = Chain::new(blocks);
        let forkchoice = ForkchoiceState { head_block_hash: chain.head, ..ForkchoiceState::default() };
        let (jobs, log) = (Recent::new(MAX_JOBS), VecDeque::new());
        Self { config, told: None, chain, forkchoice, missing: None, pooled: 0, jobs, log }
    }

    /// Answers a question asked at `now_ms` (unix milliseconds).
    ///
    /// # Errors
    /// What the Engine API answers with an error; [`Failure::Unreachable`] when it is told to give no answer at all:
    /// whoever asked is to hear nothing until its patience ends.
    pub fn call(&mut self, now_ms: u64, call: &Call) -> Result<Answer, Failure> {
        let result = match call {
            Call::NewPayload(asked) => self.new_payload(now_ms, asked).map(Answer::PayloadStatus),
            Call::ForkchoiceUpdated { fork, state, attributes } => self
                .forkchoice_updated(now_ms, *fork, state, attributes.as_ref())
                .map(|(status, payload_id)| Answer::ForkchoiceUpdated { status, payload_id }),
            Call::GetPayload { fork, id } => {
                self.get_payload(now_ms, *fork, id).map(|built| Answer::Payload(Box::new(built)))
            }
            Call::GetBlobs { fork, versioned_hashes } => self.get_blobs(*fork, versioned_hashes).map(Answer::Blobs),
            Call::PowBlock { hash } => Ok(Answer::PowBlock(self.chain.get(hash).map(pow_block))),
            Call::TerminalPowBlock { terminal_total_difficulty } => {
                Ok(Answer::PowBlock(self.terminal_pow_block(*terminal_total_difficulty)))
            }
        };
        self.note(now_ms, call, &result);
        result
    }

    /// What was asked and answered since the last time, oldest first; bounded, the oldest are lost.
    pub fn take_log(&mut self) -> Vec<Heard> {
        self.log.drain(..).collect()
    }

    /// Tells it something else from now on.
    pub fn set_script(&mut self, script: Script) {
        self.config.script = script;
    }

    /// What it was made from.
    pub fn config(&self) -> &StubConfig {
        &self.config
    }

    /// The head that fork choice named last, or the newest block of the beginning.
    pub fn head(&self) -> &Block {
        self.chain.get(&self.chain.head).expect("the head is never forgotten")
    }

    /// What fork choice last said.
    pub fn forkchoice(&self) -> ForkchoiceState {
        self.forkchoice
    }

    /// A valid block by its hash.
    pub fn block(&self, hash: &Hash32) -> Option<&Block> {
        self.chain.get(hash)
    }

    /// A block of the canonical chain by its number.
    pub fn block_at(&self, number: u64) -> Option<&Block> {
        let ancestors = self.chain.ancestors(&self.chain.head).take_while(|block| block.header.number >= number);
        // Between those that are still known and the beginning there may be a gap.
        ancestors.chain(self.chain.beginning()).find(|block| block.header.number == number)
    }

    /// The fork of the payload that is being built under `id`.
    pub fn job_fork(&self, id: &PayloadId) -> Option<Fork> {
        self.jobs.get(id).map(|job| job.fork)
    }

    /// The fork of a payload with this timestamp (unix seconds).
    pub fn fork_at(&self, timestamp: u64) -> Fork {
        self.config.network.fork_at_slot(self.slot_of(timestamp).unwrap_or(0))
    }

    /// The slot of a payload with this timestamp: the one whose start, rounded down to seconds, it is.
    fn slot_of(&self, timestamp: u64) -> Option<u64> {
        let since = timestamp.checked_sub(self.config.genesis_time)?;
        Some(since.saturating_mul(1000).div_ceil(self.config.network.slot_duration_ms.max(1)))
    }

    fn place(&self, now_ms: u64, timestamp: u64, number: u64) -> Place {
        let now = self.config.network.slot_clock(self.config.genesis_time).slot_at(now_ms);
        Place { slot: self.slot_of(timestamp), number, now }
    }

    fn blob_gas_at(&self, timestamp: u64) -> BlobGas {
        let network = &self.config.network;
        BlobGas::at_epoch(network, network.epoch_of(self.slot_of(timestamp).unwrap_or(0)))
    }

    fn get_payload(&mut self, now_ms: u64, fork: Fork, id: &PayloadId) -> Result<BuiltPayload, Failure> {
        let unknown = || refused(code::UNKNOWN_PAYLOAD, "Unknown payload");
        let job = self.jobs.get(id).ok_or_else(unknown)?;
        if job.fork != fork {
            return Err(refused(code::UNSUPPORTED_FORK, format!("Unsupported fork: the payload is of {}", job.fork)));
        }
        let parent = self.chain.get(&job.parent).ok_or_else(unknown)?;
        let place = self.place(now_ms, job.attributes.timestamp, parent.header.number.saturating_add(1));
        let rule = self.rule(Asked::GetPayload, place).map(|rule| rule.answer);
        if rule == Some(Say::Timeout) {
            return Err(silence());
        }
        let blob_gas = self.blob_gas_at(job.attributes.timestamp);
        let plan = self.config.script.blobs;
        let count = plan.map_or(0, |plan| plan.blobs_in(fork, place.number, blob_gas.max));
        let chain_id = self.config.network.deposit_chain_id;
        let blobs: Result<Vec<_>, _> = (0..count).map(blobs::known).collect();
        let built = blobs.and_then(|blobs| job.build(parent, blob_gas, chain_id, &blobs));
        let mut built = built.map_err(|error| refused(code::SERVER_ERROR, error.to_string()))?;
        self.pooled = self.pooled.max(count);
        if rule == Some(Say::WrongHash) {
            built.payload.block_hash.0[31] ^= 1;
        }
        Ok(built)
    }

    /// Spec: `cancun.md`, `osaka.md` `engine_getBlobs`.
    fn get_blobs(&self, fork: Fork, versioned_hashes: &[Hash32]) -> Result<Vec<Option<BlobAndProofs>>, Failure> {
        if fork < Fork::Fulu && self.fork_at(self.head().header.timestamp) >= Fork::Fulu {
            return Err(refused(code::UNSUPPORTED_FORK, "Unsupported fork: cell proofs are asked for since fulu"));
        }
        let shared = self.config.script.blobs.is_some_and(|plan| plan.shared);
        let have = self.pooled.max(if shared { self.most_blobs() } else { 0 });
        let failed = |error: kzg::Error| refused(code::SERVER_ERROR, error.to_string());
        let pool = (0..have).map(blobs::known).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let find = |hash: &Hash32| match pool.iter().find(|known| known.versioned_hash == *hash) {
            None => Ok(None),
            Some(known) => {
                let proofs = known.proofs(fork).map_err(failed)?;
                Ok(Some(BlobAndProofs { blob: known.blob.clone(), proofs, cells: Vec::new() }))
            }
        };
        versioned_hashes.iter().map(find).collect()
    }

    /// Computes what payloads with blobs will take, so that the first one is given as fast as any: some seconds, and
    /// nothing if the script has no blobs.
    ///
    /// # Errors
    /// What the KZG library says.
    pub fn prepare_blobs(&self) -> Result<(), kzg::Error> {
        let network = &self.config.network;
        let forks = [Fork::Deneb, Fork::Fulu].into_iter().filter(|fork| network.fork_epoch(*fork) != FAR_FUTURE_EPOCH);
        let forks: Vec<Fork> = forks.collect();
        (0..self.most_blobs()).try_for_each(|index| {
            let blob = blobs::known(index)?;
            forks.iter().try_for_each(|fork| blob.proofs(*fork).map(drop))
        })
    }

    /// Blobs that a payload by the script has, in whichever fork allows most.
    fn most_blobs(&self) -> u64 {
        let network = &self.config.network;
        let scheduled = network.blob_schedule.iter().map(|entry| entry.max_blobs_per_block);
        let most = scheduled.chain([network.max_blobs_per_block, network.max_blobs_per_block_electra]).max();
        self.config.script.blobs.map_or(0, |plan| plan.per_block.min(most.unwrap_or(0)))
    }

    /// Spec: bellatrix `get_pow_block_at_terminal_total_difficulty`.
    fn terminal_pow_block(&self, difficulty: Uint256) -> Option<PowBlock> {
        let terminal =
            |block: &&Block| block.proof_of_work && judge::is_terminal(&self.chain, block, difficulty, Hash32::ZERO);
        self.chain.beginning().rev().find(terminal).map(pow_block)
    }

    fn note(&mut self, at_ms: u64, call: &Call, result: &Result<Answer, Failure>) {
        let hash = match call {
            Call::NewPayload(asked) => Some(asked.payload.block_hash),
            Call::ForkchoiceUpdated { state, .. } => Some(state.head_block_hash),
            Call::PowBlock { hash } => Some(*hash),
            _ => None,
        };
        let answer = match result {
            Ok(Answer::PayloadStatus(status)) => in_words(status),
            Ok(Answer::ForkchoiceUpdated { status, payload_id: None }) => in_words(status),
            Ok(Answer::ForkchoiceUpdated { status, payload_id: Some(id) }) => {
                format!("{:?}, builds {id}", status.status)
            }
            Ok(Answer::Payload(built)) => format!("block {}", built.payload.block_number),
            Ok(Answer::Blobs(blobs)) => {
                format!("{} of {} blobs", blobs.iter().filter(|blob| blob.is_some()).count(), blobs.len())
            }
            Ok(Answer::PowBlock(block)) => (if block.is_some() { "a block" } else { "no block" }).to_owned(),
            Err(failure) => failure.to_string(),
        };
        self.log.push_back(Heard { at_ms, method: method_of(call), hash, answer });
        if self.log.len() > MAX_LOG {
            self.log.pop_front();
        }
    }
}

fn in_words(status: &PayloadStatus) -> String {
    let why = status.validation_error.as_ref().map_or(String::new(), |why| format!(": {why}"));
    format!("{:?}{why}", status.status)
}

fn refused(code: i64, message: impl Into<String>) -> Failure {
    Failure::Refused { code, message: message.into() }
}

/// The failure that stands for no answer.
fn silence() -> Failure {
    Failure::Unreachable("told to give no answer".into())
}

fn pow_block(block: &Block) -> PowBlock {
    PowBlock { block_hash: block.hash, parent_hash: block.header.parent_hash, total_difficulty: block.total_difficulty }
}

fn proof_of_work_blocks(difficulty: Uint256) -> Vec<Block> {
    let block = |header: Header| Block {
        hash: header.hash(),
        total_difficulty: header.difficulty,
        header,
        transactions: Vec::<Transaction>::new(),
        withdrawals: None,
        proof_of_work: true,
    };
    proof_of_work_chain(difficulty).map(block).into()
}

/// The block of a genesis state's header. Its hash is taken as it is; roots that the state does not hold are those of an
/// empty block.
fn merged_genesis(fork: Fork, header: &ExecutionPayloadHeader) -> Block {
    let empty = ordered_trie_root::<&[u8]>([]);
    let since = |later: Fork| fork >= later;
    let fields = Header {
        parent_hash: header.parent_hash,
        ommers_hash: EMPTY_OMMERS_HASH,
        fee_recipient: header.fee_recipient,
        state_root: header.state_root,
        transactions_root: empty,
        receipts_root: header.receipts_root,
        logs_bloom: header.logs_bloom,
        difficulty: Uint256::ZERO,
        number: header.block_number,
        gas_limit: header.gas_limit,
        gas_used: header.gas_used,
        timestamp: header.timestamp,
        extra_data: header.extra_data.to_vec(),
        mix_hash: header.prev_randao,
        nonce: Bytes::ZERO,
        base_fee_per_gas: header.base_fee_per_gas,
        withdrawals_root: since(Fork::Capella).then_some(empty),
        blob_gas_used: since(Fork::Deneb).then_some(header.blob_gas_used),
        excess_blob_gas: since(Fork::Deneb).then_some(header.excess_blob_gas),
        parent_beacon_block_root: since(Fork::Deneb).then_some(Bytes::ZERO),
        requests_hash: since(Fork::Electra).then(|| requests_hash(&ExecutionRequests::default())),
    };
    Block {
        hash: header.block_hash,
        header: fields,
        transactions: Vec::new(),
        withdrawals: since(Fork::Capella).then(Vec::new),
        total_difficulty: Uint256::ZERO,
        proof_of_work: false,
    }
}
