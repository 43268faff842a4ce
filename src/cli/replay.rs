//! `lockin replay`: blocks applied to a state, one after another, by the rules and nothing else.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::spec;
use crate::ssz::Ssz;
use crate::types::{BeaconState, ChainConfig, SignedBeaconBlock};
use crate::witness::{self, Disagreement};

/// A block further ahead than this is refused rather than waited for: each empty slot costs time.
const MAX_EMPTY_SLOTS: u64 = 1 << 16;
/// A compressed file may not claim more than this.
const MAX_DECOMPRESSED: usize = 2 << 30;

/// Apply signed blocks to a state, in order, and print the state root after each.
///
/// Signatures and state roots are verified; the execution engine is taken to say VALID. Prints `SLOT 0xSTATE_ROOT`
/// for each block. Exit code 1: a block is invalid (the reason is on standard error); 2: a file can't be decoded.
#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Example:\n  lockin replay --config net/config.yaml --pre net/genesis.ssz block-1.ssz block-2.ssz"
)]
pub struct ReplayArgs {
    /// Chain configuration of the network that state and blocks are from
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The state before the first block: SSZ, or raw snappy of it (.ssz_snappy)
    #[arg(long, value_name = "STATE.ssz")]
    pub pre: PathBuf,
    /// Hold every block and state to a second implementation of SSZ, too: encoding and root. Slow on large states
    #[arg(long)]
    pub cross_check: bool,
    /// Signed blocks in order: SSZ, or raw snappy of it (.ssz_snappy)
    #[arg(value_name = "BLOCK.ssz", required = true)]
    pub blocks: Vec<PathBuf>,
}

/// Why it ended early: the exit code and what to tell.
type Stop = (u8, String);

/// Runs the subcommand: 0, 1 for an invalid block, 2 for a file that can't be read or decoded.
pub fn run(args: ReplayArgs) -> u8 {
    let mut out = io::stdout();
    match replay(&args, &mut out) {
        Ok(()) => 0,
        Err((code, message)) => {
            eprintln!("error: {message}");
            code
        }
    }
}

fn replay(args: &ReplayArgs, out: &mut impl Write) -> Result<(), Stop> {
    let (mut cfg, warnings) = configuration(&args.config)?;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    let mut state = pre_state(&mut cfg, &args.pre)?;
    for path in &args.blocks {
        let block = block(&cfg, path)?;
        let slot = block.message.slot;
        let invalid = |why: String| (1, format!("{}: the block of slot {slot} is invalid: {why}", path.display()));
        if slot.saturating_sub(state.slot) > MAX_EMPTY_SLOTS {
            return Err(invalid(format!("it is more than {MAX_EMPTY_SLOTS} slots after the state of {}", state.slot)));
        }
        spec::state_transition(&cfg, &mut state, &block, true).map_err(|error| invalid(error.to_string()))?;
        let shape = cfg.shape_at_slot(state.slot);
        if args.cross_check {
            let disagreement = |error: Disagreement| (1, format!("{}: slot {slot}: {error}", path.display()));
            witness::check("SignedBeaconBlock", shape, &block).map_err(disagreement)?;
            witness::check("BeaconState", shape, &state).map_err(disagreement)?;
        }
        let root = state.hash_tree_root(shape);
        // A reader that went away needs no answer.
        writeln!(out, "{} {root}", state.slot).ok();
    }
    Ok(())
}

fn configuration(path: &Path) -> Result<(ChainConfig, Vec<String>), Stop> {
    let bytes = read(path)?;
    let text = String::from_utf8(bytes).map_err(|_| (2, format!("{}: not a text file", path.display())))?;
    ChainConfig::from_yaml_file(&path.display().to_string(), &text, None).map_err(|error| (2, error.to_string()))
}

/// Decodes the state. If it is of a fork that the configuration has not reached by its slot, as states of a fork's own
/// genesis are, that fork is taken to have come when the state says so.
fn pre_state(cfg: &mut ChainConfig, path: &Path) -> Result<BeaconState, Stop> {
    let bytes = read(path)?;
    let shown = path.display();
    let fork = cfg.state_shape(&bytes).fork;
    if !fork.is_built() {
        return Err((2, format!("{shown}: a state of {fork}, whose rules this program does not have yet")));
    }
    let state = cfg
        .decode_state(&bytes)
        .map_err(|error| (2, format!("{shown}: not a BeaconState of {fork}, preset {}: {error}", cfg.preset.name)))?;
    let scheduled = cfg.fork_at_slot(state.slot);
    if scheduled < fork {
        eprintln!(
            "warning: {shown}: a state of {fork}, though the configuration has {scheduled} at its slot; taken as is"
        );
        for earlier in crate::types::ForkName::ALL.into_iter().filter(|earlier| *earlier <= fork) {
            cfg.set_fork_epoch(earlier, cfg.fork_epoch(earlier).min(state.fork.epoch));
        }
    }
    if scheduled > fork {
        let why =
            format!("{shown}: a state of {fork}, but by the configuration its slot {} is in {scheduled}", state.slot);
        return Err((2, why + "; give the configuration of the state's own network"));
    }
    Ok(state)
}

fn block(cfg: &ChainConfig, path: &Path) -> Result<SignedBeaconBlock, Stop> {
    let bytes = read(path)?;
    cfg.decode_signed_block(&bytes)
        .map_err(|error| (2, format!("{}: not a SignedBeaconBlock of this network: {error}", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| (2, format!("can't read {shown}: {error}")))?;
    if path.extension().is_none_or(|end| end != "ssz_snappy") {
        return Ok(bytes);
    }
    match snap::raw::decompress_len(&bytes) {
        Ok(length) if length <= MAX_DECOMPRESSED.min(bytes.len().saturating_mul(64)) => {}
        Ok(length) => return Err((2, format!("{shown}: claims {length} bytes after decompression, which can't be"))),
        Err(error) => return Err((2, format!("{shown}: not raw snappy: {error}"))),
    }
    snap::raw::Decoder::new().decompress_vec(&bytes).map_err(|error| (2, format!("{shown}: not raw snappy: {error}")))
}
