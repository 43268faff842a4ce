//! Each container of ours beside its mirror, for a fork and a preset.

use super::random::{Dice, Random};
use super::{altair, bellatrix, capella, deneb, electra, fulu, phase0};
use crate::ssz::{DecodeError, Fork as ForkName, Shape, Ssz};
use crate::types;
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
    pub const WITHDRAWALS: usize = 4;
    pub const COMMITTEES: usize = 4;
    pub const ATTESTERS: usize = 2048 * 4;
    pub const PARTIALS: usize = 64;
    pub const CONSOLIDATIONS: usize = 64;
    pub const LOOKAHEAD: usize = 2 * 8;
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
    pub const WITHDRAWALS: usize = 16;
    pub const COMMITTEES: usize = 64;
    pub const ATTESTERS: usize = 2048 * 64;
    pub const PARTIALS: usize = 134_217_728;
    pub const CONSOLIDATIONS: usize = 262_144;
    pub const LOOKAHEAD: usize = 2 * 32;
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

/// What we make of a value of ours.
pub fn our_view<O: Ssz>(shape: Shape, value: &O) -> Seen {
    Seen { encoding: value.encode(shape), root: value.hash_tree_root(shape).0 }
}

/// What `ssz_rs` makes of a value of its own.
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

/// Pairs by the names that containers have in `crate::types`.
macro_rules! table {
    ($shape:expr, $fork:ident: $($name:ident $(<$($size:ident),+>)?)+) => {
        vec![$(pair::<types::$name, $fork::$name $(<$($size),+>)?>(stringify!($name), $shape)),+]
    };
}

/// What is the same in all forks and presets.
fn everywhere(shape: Shape) -> Vec<Pair> {
    let mut pairs = table!(shape, phase0:
        Fork ForkData SigningData Checkpoint Validator AttestationData Eth1Data Eth1Block DepositMessage DepositData
        BeaconBlockHeader SignedBeaconBlockHeader ProposerSlashing Deposit VoluntaryExit SignedVoluntaryExit
        BeaconBlocksByRangeRequest EnrForkId BeaconBlocksByRootRequest
    );
    if shape.fork == ForkName::Phase0 {
        pairs.extend(table!(shape, phase0: PendingAttestation));
    }
    if shape.fork < ForkName::Electra {
        pairs.extend(table!(shape, phase0:
            IndexedAttestation AttesterSlashing Attestation AggregateAndProof SignedAggregateAndProof
        ));
    }
    if shape.fork < ForkName::Fulu {
        pairs.extend(table!(shape, phase0: Status));
    }
    if (ForkName::Altair..ForkName::Fulu).contains(&shape.fork) {
        pairs.extend(table!(shape, altair: MetaData));
    }
    if shape.fork >= ForkName::Bellatrix {
        pairs.extend(table!(shape, bellatrix: PowBlock));
    }
    if shape.fork >= ForkName::Capella {
        pairs.extend(table!(shape, capella:
            Withdrawal BlsToExecutionChange SignedBlsToExecutionChange HistoricalSummary
        ));
    }
    if shape.fork >= ForkName::Deneb {
        pairs
            .extend(table!(shape, deneb: BlobSidecar BlobIdentifier BlobSidecarsByRangeRequest ExecutionPayloadHeader));
    }
    if shape.fork >= ForkName::Electra {
        pairs.extend(table!(shape, electra:
            PendingDeposit PendingPartialWithdrawal PendingConsolidation DepositRequest WithdrawalRequest
            ConsolidationRequest ExecutionRequests SingleAttestation
        ));
    }
    pairs
}

/// What depends on the preset in every fork from altair on.
fn sync_committees<const SYNC: usize, const SIZE: usize, const ROOTS: usize>(shape: Shape) -> Vec<Pair> {
    let mut pairs = table!(shape, altair:
        SyncAggregate<SYNC> SyncCommittee<SYNC> SyncCommitteeMessage SyncAggregatorSelectionData
        SyncCommitteeContribution<SIZE> ContributionAndProof<SIZE> SignedContributionAndProof<SIZE>
    );
    pairs.extend(table!(shape, phase0: HistoricalBatch<ROOTS>));
    pairs
}

/// The light client's containers of the module that last changed them.
macro_rules! light_client {
    ($shape:expr, $fork:ident, $sync:ident) => {
        table!($shape, $fork:
            LightClientHeader LightClientBootstrap<$sync> LightClientUpdate<$sync>
            LightClientFinalityUpdate<$sync> LightClientOptimisticUpdate<$sync>
        )
    };
}

/// Blocks and what is in them, the same from electra on; with the constants of a preset in scope.
macro_rules! electra_blocks {
    ($shape:expr) => {{
        let mut pairs = table!($shape, electra:
            Attestation<ATTESTERS, COMMITTEES> IndexedAttestation<ATTESTERS>
            AttesterSlashing<ATTESTERS> AggregateAndProof<ATTESTERS, COMMITTEES>
            SignedAggregateAndProof<ATTESTERS, COMMITTEES>
            BeaconBlockBody<SYNC_COMMITTEE_SIZE, WITHDRAWALS, ATTESTERS, COMMITTEES>
            BeaconBlock<SYNC_COMMITTEE_SIZE, WITHDRAWALS, ATTESTERS, COMMITTEES>
            SignedBeaconBlock<SYNC_COMMITTEE_SIZE, WITHDRAWALS, ATTESTERS, COMMITTEES>
        );
        pairs.extend(table!($shape, deneb: ExecutionPayload<WITHDRAWALS>));
        pairs.extend(light_client!($shape, electra, SYNC_COMMITTEE_SIZE));
        pairs
    }};
}

/// What depends on the fork and on the preset, whose module of constants is named.
macro_rules! sized {
    ($shape:ident, $preset:ident) => {{
        use $preset::*;
        let pairs = match $shape.fork {
            ForkName::Phase0 => vec![table!($shape, phase0:
                HistoricalBatch<SLOTS_PER_HISTORICAL_ROOT> BeaconBlockBody BeaconBlock SignedBeaconBlock MetaData
                BeaconState<SLOTS_PER_HISTORICAL_ROOT, ETH1_DATA_VOTES, EPOCHS_PER_HISTORICAL_VECTOR,
                    EPOCHS_PER_SLASHINGS_VECTOR, EPOCH_ATTESTATIONS>
            )],
            ForkName::Altair => vec![
                table!($shape, altair:
                    BeaconBlockBody<SYNC_COMMITTEE_SIZE> BeaconBlock<SYNC_COMMITTEE_SIZE>
                    SignedBeaconBlock<SYNC_COMMITTEE_SIZE>
                    BeaconState<SLOTS_PER_HISTORICAL_ROOT, ETH1_DATA_VOTES, EPOCHS_PER_HISTORICAL_VECTOR,
                        EPOCHS_PER_SLASHINGS_VECTOR, SYNC_COMMITTEE_SIZE>
                ),
                light_client!($shape, altair, SYNC_COMMITTEE_SIZE),
            ],
            ForkName::Bellatrix => vec![
                table!($shape, bellatrix:
                    ExecutionPayload ExecutionPayloadHeader BeaconBlockBody<SYNC_COMMITTEE_SIZE>
                    BeaconBlock<SYNC_COMMITTEE_SIZE> SignedBeaconBlock<SYNC_COMMITTEE_SIZE>
                    BeaconState<SLOTS_PER_HISTORICAL_ROOT, ETH1_DATA_VOTES, EPOCHS_PER_HISTORICAL_VECTOR,
                        EPOCHS_PER_SLASHINGS_VECTOR, SYNC_COMMITTEE_SIZE>
                ),
                light_client!($shape, altair, SYNC_COMMITTEE_SIZE),
            ],
            ForkName::Capella => vec![
                table!($shape, capella:
                    ExecutionPayload<WITHDRAWALS> ExecutionPayloadHeader
                    BeaconBlockBody<SYNC_COMMITTEE_SIZE, WITHDRAWALS>
                    BeaconBlock<SYNC_COMMITTEE_SIZE, WITHDRAWALS>
                    SignedBeaconBlock<SYNC_COMMITTEE_SIZE, WITHDRAWALS>
                    BeaconState<SLOTS_PER_HISTORICAL_ROOT, ETH1_DATA_VOTES, EPOCHS_PER_HISTORICAL_VECTOR,
                        EPOCHS_PER_SLASHINGS_VECTOR, SYNC_COMMITTEE_SIZE>
                ),
                light_client!($shape, capella, SYNC_COMMITTEE_SIZE),
            ],
            ForkName::Deneb => vec![
                table!($shape, deneb:
                    ExecutionPayload<WITHDRAWALS>
                    BeaconBlockBody<SYNC_COMMITTEE_SIZE, WITHDRAWALS>
                    BeaconBlock<SYNC_COMMITTEE_SIZE, WITHDRAWALS>
                    SignedBeaconBlock<SYNC_COMMITTEE_SIZE, WITHDRAWALS>
                    BeaconState<SLOTS_PER_HISTORICAL_ROOT, ETH1_DATA_VOTES, EPOCHS_PER_HISTORICAL_VECTOR,
                        EPOCHS_PER_SLASHINGS_VECTOR, SYNC_COMMITTEE_SIZE>
                ),
                light_client!($shape, deneb, SYNC_COMMITTEE_SIZE),
            ],
            ForkName::Electra => vec![
                table!($shape, electra:
                    BeaconState<SLOTS_PER_HISTORICAL_ROOT, ETH1_DATA_VOTES, EPOCHS_PER_HISTORICAL_VECTOR,
                        EPOCHS_PER_SLASHINGS_VECTOR, SYNC_COMMITTEE_SIZE, PARTIALS, CONSOLIDATIONS>
                ),
                electra_blocks!($shape),
            ],
            ForkName::Fulu => vec![
                table!($shape, fulu:
                    BeaconState<SLOTS_PER_HISTORICAL_ROOT, ETH1_DATA_VOTES, EPOCHS_PER_HISTORICAL_VECTOR,
                        EPOCHS_PER_SLASHINGS_VECTOR, SYNC_COMMITTEE_SIZE, PARTIALS, CONSOLIDATIONS,
                        LOOKAHEAD>
                    DataColumnSidecar DataColumnSidecarsByRangeRequest MatrixEntry DataColumnsByRootIdentifier PartialDataColumnHeader
                    PartialDataColumnSidecar PartialDataColumnPartsMetadata PartialDataColumnGroupId Status MetaData
                ),
                electra_blocks!($shape),
            ],
        };
        let mut pairs: Vec<Pair> = pairs.into_iter().flatten().collect();
        if $shape.fork >= ForkName::Altair {
            pairs.extend(sync_committees::<SYNC_COMMITTEE_SIZE, SUBCOMMITTEE_SIZE, SLOTS_PER_HISTORICAL_ROOT>(
                $shape,
            ));
        }
        pairs
    }};
}

/// Every container that exists in the shape's fork, under one of the two presets as the specs have them.
///
/// # Panics
/// On a preset of another name: mirrors have their lengths compiled in.
pub fn pairs(shape: Shape) -> Vec<Pair> {
    let mut pairs = everywhere(shape);
    pairs.extend(match shape.preset.name {
        "minimal" => sized!(shape, minimal),
        "mainnet" => sized!(shape, mainnet),
        other => panic!("there is no mirror of the preset {other}"),
    });
    pairs
}

/// The container called `name`, if the shape's fork has it.
pub fn named(name: &str, shape: Shape) -> Option<Pair> {
    pairs(shape).into_iter().find(|pair| pair.name == name)
}
