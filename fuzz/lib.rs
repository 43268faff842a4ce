//! What the fuzz targets share: bytes taken piece by piece, and a node to hand hostile input to.

use lockin::chain::{Memo, MemoryRows};
use lockin::genesis::{Convention, genesis_state};
use lockin::node::{Core, Identity};
use lockin::ssz::{Fork, Preset};
use lockin::types::{BeaconState, ChainConfig};
use std::sync::{Arc, OnceLock};

/// Unix seconds of every node's genesis.
const GENESIS_TIME: u64 = 1_700_000_000;
/// Validators of every node's network.
const VALIDATORS: u64 = 16;

/// The input, taken from the front.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte; 0 when none is left.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next two bytes as a number.
    pub fn short(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        if end <= 256 { usize::from(self.byte()) % end.max(1) } else { self.short() % end }
    }

    /// Up to `count` of the next bytes.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// A network that starts in `fork`.
fn network(fork: Fork) -> (Arc<ChainConfig>, Arc<BeaconState>) {
    static NETWORKS: OnceLock<Vec<(Arc<ChainConfig>, Arc<BeaconState>)>> = OnceLock::new();
    let networks = NETWORKS.get_or_init(|| {
        let network = |fork| {
            let mut cfg = ChainConfig::lockin(Preset::minimal());
            cfg.start_at(fork);
            let state = genesis_state(&cfg, fork, Convention::Genesis, GENESIS_TIME, VALIDATORS).expect("a genesis");
            (Arc::new(cfg), Arc::new(state))
        };
        Fork::ALL.into_iter().map(network).collect()
    });
    networks[Fork::ALL.iter().position(|each| *each == fork).expect("a fork of the list")].clone()
}

/// A node of a network that starts in `fork`, in its second slot, and the time there.
pub fn node(fork: Fork) -> (Core, u64) {
    let (cfg, state) = network(fork);
    let now_ms = GENESIS_TIME * 1000 + cfg.slot_duration_ms;
    let identity = Identity { peer_id: "fuzz".into(), addresses: Vec::new() };
    let rows = Arc::new(MemoryRows::default());
    let mut core = Core::new(cfg, Memo::new(16), rows, state, identity).expect("a node");
    core.start(&[], now_ms);
    core.take_effects();
    (core, now_ms)
}
