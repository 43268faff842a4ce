//! `ssz_static`: every container, decoded, encoded, hashed and read from its YAML value.

use super::super::case::Case;
use super::super::compare::same;
use super::unknown_handler;
use lockin::ssz::{Json, Root, Shape, Ssz};
use lockin::types;
use serde::Deserialize;

#[derive(Deserialize)]
struct Roots {
    root: String,
}

/// One arm for each container: the handler is its name, or what is said where acronyms are written otherwise.
macro_rules! containers {
    ($case:ident: $($name:ident)*; $($handler:literal: $other:ident)*) => {
        match $case.id.handler.as_str() {
            $(stringify!($name) => static_case::<types::$name>($case),)*
            $($handler => static_case::<types::$other>($case),)*
            _ => Err(unknown_handler($case)),
        }
    };
}

pub fn run(case: &Case) -> Result<(), String> {
    containers!(case:
        AggregateAndProof Attestation AttestationData AttesterSlashing BeaconBlock BeaconBlockBody BeaconBlockHeader
        BeaconState BlobIdentifier BlobSidecar Checkpoint ConsolidationRequest ContributionAndProof DataColumnSidecar
        DataColumnsByRootIdentifier Deposit DepositData DepositMessage DepositRequest Eth1Block Eth1Data
        ExecutionPayload ExecutionPayloadHeader ExecutionRequests Fork ForkData HistoricalBatch HistoricalSummary
        IndexedAttestation LightClientBootstrap LightClientFinalityUpdate LightClientHeader
        LightClientOptimisticUpdate LightClientUpdate MatrixEntry PartialDataColumnHeader
        PartialDataColumnPartsMetadata PartialDataColumnSidecar PendingAttestation PendingConsolidation PendingDeposit
        PendingPartialWithdrawal PowBlock ProposerSlashing SignedAggregateAndProof SignedBeaconBlock
        SignedBeaconBlockHeader SignedContributionAndProof SignedVoluntaryExit SigningData SingleAttestation
        SyncAggregate SyncAggregatorSelectionData SyncCommittee SyncCommitteeContribution SyncCommitteeMessage
        Validator VoluntaryExit Withdrawal WithdrawalRequest;
        "BLSToExecutionChange": BlsToExecutionChange
        "PartialDataColumnGroupID": PartialDataColumnGroupId
        "SignedBLSToExecutionChange": SignedBlsToExecutionChange
    )
}

fn static_case<T: Ssz + Json + PartialEq>(case: &Case) -> Result<(), String> {
    let shape = case.shape()?;
    let roots: Roots = case.yaml("roots.yaml")?;
    round_trip::<T>(shape, &case.bytes("serialized")?, &roots.root, &case.yaml("value.yaml")?)
}

/// Bytes, root and YAML value stand for the same value, in both directions.
pub fn round_trip<T: Ssz + Json + PartialEq>(
    shape: Shape,
    bytes: &[u8],
    root: &str,
    yaml: &serde_json::Value,
) -> Result<(), String> {
    let root: Root = root.parse().map_err(|error| format!("the expected root: {error}"))?;
    let value = T::decode(shape, bytes).map_err(|error| format!("decoding: {error}"))?;
    if value.encode(shape) != bytes {
        return Err("encodes to other bytes than it was decoded from".into());
    }
    let actual = value.hash_tree_root(shape);
    if actual != root {
        return Err(format!("has the root {actual}, expected {root}"));
    }
    let read = T::from_json(shape, yaml).map_err(|error| format!("reading value.yaml: {error}"))?;
    same("value.yaml", shape, &value, &read)?;
    let again = T::from_json(shape, &value.to_json(shape)).map_err(|error| format!("reading its own JSON: {error}"))?;
    if again != value || read != value {
        return Err("is not equal to itself after JSON".into());
    }
    damaged::<T>(shape, bytes)
}

/// A fixed-size value accepts no other length; a variable-size one may, but re-encodes to what it was given.
fn damaged<T: Ssz>(shape: Shape, bytes: &[u8]) -> Result<(), String> {
    let mut longer = bytes.to_vec();
    longer.push(1);
    let shorter = &bytes[..bytes.len().saturating_sub(1)];
    for other in [shorter, &longer] {
        let Ok(value) = T::decode(shape, other) else { continue };
        if other.len() != bytes.len() && (T::fixed_len(shape).is_some() || value.encode(shape) != other) {
            return Err(format!("{} bytes were accepted where {} are right", other.len(), bytes.len()));
        }
    }
    Ok(())
}
