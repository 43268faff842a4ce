//! Each container of ours beside its mirror, for a fork and a preset.

use super::random::{Dice, Random};
use super::{altair, phase0};
use lockin::ssz::{DecodeError, Fork, Shape, Ssz};
use lockin::types;
use ssz_rs::{DeserializeError, SimpleSerialize};

/// The lengths in which the presets differ: `presets/minimal/` of the consensus specs.
mod minimal {
    pub const SLOTS_PER_HISTORICAL_ROOT: usize = 64;
    pub const ETH1_DATA_VOTES: usize = 4 * 8;
    pub const EPOCHS_PER_HISTORICAL_VECTOR: usize = 64;
    pub const EPOCHS_PER_SLASHINGS_VECTOR: usize = 64;
    pub const EPOCH_ATTESTATIONS: usize = 128 * 8;
    pub const SYNC_COMMITTEE_SIZE: usize = 32;
    pub const SUBCOMMITTEE_SIZE: usize = 32 / 4;
}

/// The same of `presets/mainnet/`.
mod mainnet {
    pub const SLOTS_PER_HISTORICAL_ROOT: usize = 8192;
    pub const ETH1_DATA_VOTES: usize = 64 * 32;
    pub const EPOCHS_PER_HISTORICAL_VECTOR: usize = 65_536;
    pub const EPOCHS_PER_SLASHINGS_VECTOR: usize = 8192;
    pub const EPOCH_ATTESTATIONS: usize = 128 * 32;
    pub const SYNC_COMMITTEE_SIZE: usize = 512;
    pub const SUBCOMMITTEE_SIZE: usize = 512 / 4;
}

/// What a side makes of an encoding that it accepts.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub encoding: Vec<u8>,
    pub root: [u8; 32],
}

/// A container: how it is made at random, and read by both sides.
pub struct Pair {
    pub name: &'static str,
    pub shape: Shape,
    /// The encoding of a random value, by ssz_rs.
    pub random: fn(&mut Dice) -> Vec<u8>,
    /// The default value of ssz_rs.
    pub default: fn() -> Seen,
    /// Our zero value.
    pub zero: fn(Shape) -> Seen,
    pub ours: fn(Shape, &[u8]) -> Result<Seen, DecodeError>,
    pub theirs: fn(&[u8]) -> Result<Seen, DeserializeError>,
}

impl Pair {
    /// Container, fork and preset.
    pub fn title(&self) -> String {
        format!("{} {} {}", self.name, self.shape.fork, self.shape.preset)
    }
}

pub fn our_view<O: Ssz>(shape: Shape, value: &O) -> Seen {
    Seen { encoding: value.encode(shape), root: value.hash_tree_root(shape).0 }
}

pub fn their_view<M: SimpleSerialize>(mut value: M) -> Seen {
    let encoding = ssz_rs::serialize(&value).expect("ssz_rs encodes what it holds");
    let root = value.hash_tree_root().expect("ssz_rs hashes what it holds");
    Seen { encoding, root: root.as_ref().try_into().expect("a root has 32 bytes") }
}

fn pair<O: Ssz, M: Random + SimpleSerialize>(name: &'static str, shape: Shape) -> Pair {
    Pair {
        name,
        shape,
        random: |dice| ssz_rs::serialize(&M::random(dice)).expect("random values keep their limits"),
        default: || their_view(M::default()),
        zero: |shape| our_view(shape, &O::zero(shape)),
        ours: |shape, bytes| O::decode(shape, bytes).map(|value| our_view(shape, &value)),
        theirs: |bytes| M::deserialize(bytes).map(their_view),
    }
}

/// Pairs by the names that containers have in `lockin::types`.
macro_rules! table {
    ($shape:expr, $fork:ident: $($name:ident $(<$($size:ident),+>)?)+) => {
        vec![$(pair::<types::$name, $fork::$name $(<$($size),+>)?>(stringify!($name), $shape)),+]
    };
}

/// What is the same in both forks and presets.
fn everywhere(shape: Shape) -> Vec<Pair> {
    table!(shape, phase0:
        Fork ForkData SigningData Checkpoint Validator AttestationData IndexedAttestation PendingAttestation Eth1Data
        Eth1Block DepositMessage DepositData BeaconBlockHeader SignedBeaconBlockHeader ProposerSlashing
        AttesterSlashing Attestation Deposit VoluntaryExit SignedVoluntaryExit AggregateAndProof
        SignedAggregateAndProof Status BeaconBlocksByRangeRequest EnrForkId BeaconBlocksByRootRequest
    )
}

fn of_phase0<
    const ROOTS: usize,
    const VOTES: usize,
    const MIXES: usize,
    const SLASHINGS: usize,
    const PENDING: usize,
>(
    shape: Shape,
) -> Vec<Pair> {
    table!(shape, phase0:
        HistoricalBatch<ROOTS> BeaconBlockBody BeaconBlock SignedBeaconBlock
        BeaconState<ROOTS, VOTES, MIXES, SLASHINGS, PENDING> MetaData
    )
}

fn of_altair<const ROOTS: usize, const VOTES: usize, const MIXES: usize, const SLASHINGS: usize, const SYNC: usize>(
    shape: Shape,
) -> Vec<Pair> {
    let mut pairs = table!(shape, phase0: HistoricalBatch<ROOTS>);
    pairs.extend(table!(shape, altair:
        SyncAggregate<SYNC> SyncCommittee<SYNC> SyncCommitteeMessage SyncAggregatorSelectionData
        BeaconBlockBody<SYNC> BeaconBlock<SYNC> SignedBeaconBlock<SYNC>
        BeaconState<ROOTS, VOTES, MIXES, SLASHINGS, SYNC> MetaData
        LightClientHeader LightClientBootstrap<SYNC> LightClientUpdate<SYNC> LightClientFinalityUpdate<SYNC>
        LightClientOptimisticUpdate<SYNC>
    ));
    pairs
}

fn contributions<const SIZE: usize>(shape: Shape) -> Vec<Pair> {
    table!(shape, altair:
        SyncCommitteeContribution<SIZE> ContributionAndProof<SIZE> SignedContributionAndProof<SIZE>
    )
}

macro_rules! sized {
    ($shape:ident, $preset:ident) => {
        match $shape.fork {
            Fork::Phase0 => of_phase0::<
                { $preset::SLOTS_PER_HISTORICAL_ROOT },
                { $preset::ETH1_DATA_VOTES },
                { $preset::EPOCHS_PER_HISTORICAL_VECTOR },
                { $preset::EPOCHS_PER_SLASHINGS_VECTOR },
                { $preset::EPOCH_ATTESTATIONS },
            >($shape),
            Fork::Altair => {
                let mut pairs = of_altair::<
                    { $preset::SLOTS_PER_HISTORICAL_ROOT },
                    { $preset::ETH1_DATA_VOTES },
                    { $preset::EPOCHS_PER_HISTORICAL_VECTOR },
                    { $preset::EPOCHS_PER_SLASHINGS_VECTOR },
                    { $preset::SYNC_COMMITTEE_SIZE },
                >($shape);
                pairs.extend(contributions::<{ $preset::SUBCOMMITTEE_SIZE }>($shape));
                pairs
            }
            other => panic!("there is no mirror of {other}"),
        }
    };
}

/// Every container that exists in the shape's fork.
pub fn pairs(shape: Shape) -> Vec<Pair> {
    let mut pairs = everywhere(shape);
    pairs.extend(match shape.preset.name {
        "minimal" => sized!(shape, minimal),
        "mainnet" => sized!(shape, mainnet),
        other => panic!("there is no mirror of the preset {other}"),
    });
    pairs
}

/// The container called `name`.
pub fn named(name: &str, shape: Shape) -> Pair {
    pairs(shape).into_iter().find(|pair| pair.name == name).expect("a container of the table")
}
