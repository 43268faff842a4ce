//! Messages that come one after the other, and what is to be said of each.

use super::super::super::case::Case;
use super::view::{BlockMeta, FinalizedMeta, World};
use lockin::spec::gossip::{self, Fault, Seen};
use lockin::types::{
    Attestation, AttesterSlashing, BlobSidecar, DataColumnSidecar, ForkName, PartialDataColumnGroupId,
    PartialDataColumnHeader, PartialDataColumnSidecar, ProposerSlashing, SignedAggregateAndProof, SignedBeaconBlock,
    SignedBlsToExecutionChange, SignedContributionAndProof, SignedVoluntaryExit, SingleAttestation,
    SyncCommitteeMessage,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    topic: String,
    #[serde(default)]
    blocks: Vec<BlockMeta>,
    finalized_checkpoint: Option<FinalizedMeta>,
    #[serde(default)]
    seen_partial_data_column_headers: Vec<HeaderMeta>,
    current_time_ms: Option<u64>,
    messages: Vec<MessageMeta>,
    #[serde(default)]
    bls_setting: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderMeta {
    block_root: String,
    header: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageMeta {
    #[serde(default)]
    offset_ms: i64,
    subnet_id: Option<u64>,
    column_index: Option<u64>,
    group_id: Option<String>,
    message: String,
    expected: String,
    reason: Option<String>,
}

impl MessageMeta {
    fn subnet(&self) -> Result<u64, String> {
        self.subnet_id.ok_or_else(|| "a message of a subnet's topic has no subnet_id".into())
    }
}

/// Reasons that the cases have from an older text of the spec: theirs, and ours.
const REWORDED: &[(&str, &str)] = &[
    (
        "block is not the first valid block for this proposer and slot",
        "block is not the first valid block for this slot and proposer",
    ),
    (
        "already seen attestation from this validator for this epoch",
        "already seen attestation for this epoch and validator",
    ),
    (
        "already seen aggregate from this aggregator for this epoch",
        "already seen aggregate for this epoch and aggregator",
    ),
];

pub fn run(case: &Case) -> Result<(), String> {
    let meta: Meta = case.yaml("meta.yaml")?;
    if meta.bls_setting == 2 {
        return Err("holds only without signatures, which gossip always checks".into());
    }
    let mut world = World::new(case, &meta.blocks, meta.finalized_checkpoint.as_ref())?;
    let mut seen = Seen::default();
    for HeaderMeta { block_root, header } in &meta.seen_partial_data_column_headers {
        let header: PartialDataColumnHeader = case.ssz(header)?;
        let root = block_root.parse().map_err(|_| format!("{block_root} is no root"))?;
        seen.add_partial_data_column_header(root, header);
    }
    for (index, message) in meta.messages.iter().enumerate() {
        if let Some(base) = meta.current_time_ms {
            world.set_time(base.checked_add_signed(message.offset_ms).ok_or("a time before genesis")?);
        }
        let outcome = judge(case, &world, &mut seen, &meta.topic, message)?;
        check(message, outcome).map_err(|error| format!("message {index}: {error}"))?;
    }
    Ok(())
}

fn check(message: &MessageMeta, outcome: Result<(), Fault>) -> Result<(), String> {
    let verdict = match &outcome {
        Ok(()) => "valid",
        Err(Fault::Reject(_)) => "reject",
        Err(_) => "ignore",
    };
    let reason = outcome.err().map(|fault| fault.to_string());
    if verdict != message.expected {
        return Err(format!("{verdict} ({reason:?}), expected {} ({:?})", message.expected, message.reason));
    }
    let ours = |theirs: &String| {
        let reworded = REWORDED.iter().find(|(old, _)| old == theirs);
        reworded.map_or(theirs.clone(), |(_, new)| (*new).to_owned())
    };
    match message.reason.as_ref().map(ours) {
        Some(expected) if reason.as_ref() != Some(&expected) => {
            Err(format!("{verdict} as expected, but for the reason {reason:?} instead of {expected}"))
        }
        _ => Ok(()),
    }
}

/// Judges the message, and marks it if it is valid.
fn judge(
    case: &Case,
    world: &World,
    seen: &mut Seen,
    topic: &str,
    message: &MessageMeta,
) -> Result<Result<(), Fault>, String> {
    let file = &message.message;
    let outcome = match topic {
        "beacon_block" => {
            let block: SignedBeaconBlock = case.ssz(file)?;
            gossip::validate_beacon_block_gossip(world, seen, &block).map(|()| seen.add_block(&block.message))
        }
        "beacon_attestation" => judge_attestation(case, world, seen, message)?,
        "beacon_aggregate_and_proof" => {
            let signed: SignedAggregateAndProof = case.ssz(file)?;
            gossip::validate_beacon_aggregate_and_proof_gossip(world, seen, &signed).map(|vote| {
                let bits = signed.message.aggregate.aggregation_bits.iter().collect();
                seen.add_aggregate(signed.message.aggregator_index, &vote, bits);
            })
        }
        "voluntary_exit" => {
            let exit: SignedVoluntaryExit = case.ssz(file)?;
            gossip::validate_voluntary_exit_gossip(world, seen, &exit).map(|()| seen.add_exit(&exit))
        }
        "proposer_slashing" => {
            let slashing: ProposerSlashing = case.ssz(file)?;
            let outcome = gossip::validate_proposer_slashing_gossip(world, seen, &slashing);
            outcome.map(|()| seen.add_proposer_slashing(&slashing))
        }
        "attester_slashing" => {
            let slashing: AttesterSlashing = case.ssz(file)?;
            let outcome = gossip::validate_attester_slashing_gossip(world, seen, &slashing);
            outcome.map(|()| seen.add_attester_slashing(&slashing))
        }
        "sync_committee" => {
            let (message, subnet): (SyncCommitteeMessage, _) = (case.ssz(file)?, message.subnet()?);
            let outcome = gossip::validate_sync_committee_message_gossip(world, seen, &message, subnet);
            outcome.map(|()| seen.add_sync_message(&message, subnet))
        }
        "sync_committee_contribution_and_proof" => {
            let signed: SignedContributionAndProof = case.ssz(file)?;
            let outcome = gossip::validate_sync_committee_contribution_and_proof_gossip(world, seen, &signed);
            outcome.map(|()| seen.add_contribution(&signed.message))
        }
        "bls_to_execution_change" => {
            let change: SignedBlsToExecutionChange = case.ssz(file)?;
            let outcome = gossip::validate_bls_to_execution_change_gossip(world, seen, &change);
            outcome.map(|()| seen.add_bls_to_execution_change(&change))
        }
        "partial_data_column_sidecar" => judge_partial(case, world, seen, message)?,
        _ => judge_sidecar(case, world, seen, topic, message)?,
    };
    Ok(outcome)
}

fn judge_attestation(
    case: &Case,
    world: &World,
    seen: &mut Seen,
    message: &MessageMeta,
) -> Result<Result<(), Fault>, String> {
    let subnet = Some(message.subnet()?);
    let vote = if case.fork()? < ForkName::Electra {
        let vote: Attestation = case.ssz(&message.message)?;
        gossip::validate_beacon_attestation_gossip(world, seen, &vote, subnet)
    } else {
        let vote: SingleAttestation = case.ssz(&message.message)?;
        gossip::validate_single_attestation_gossip(world, seen, &vote, subnet)
    };
    Ok(vote.map(|vote| seen.add_attestation(&vote)))
}

fn judge_sidecar(
    case: &Case,
    world: &World,
    seen: &mut Seen,
    topic: &str,
    message: &MessageMeta,
) -> Result<Result<(), Fault>, String> {
    let (file, subnet) = (&message.message, message.subnet());
    match topic {
        "blob_sidecar" => {
            let sidecar: BlobSidecar = case.ssz(file)?;
            let outcome = gossip::validate_blob_sidecar_gossip(world, seen, &sidecar, subnet?);
            Ok(outcome.map(|()| seen.add_blob_sidecar(&sidecar)))
        }
        "data_column_sidecar" => {
            let sidecar: DataColumnSidecar = case.ssz(file)?;
            let outcome = gossip::validate_data_column_sidecar_gossip(world, seen, &sidecar, subnet?);
            Ok(outcome.map(|()| seen.add_data_column_sidecar(&sidecar)))
        }
        other => Err(format!("unknown topic {other}")),
    }
}

fn judge_partial(
    case: &Case,
    world: &World,
    seen: &mut Seen,
    message: &MessageMeta,
) -> Result<Result<(), Fault>, String> {
    let sidecar: PartialDataColumnSidecar = case.ssz(&message.message)?;
    let group: PartialDataColumnGroupId = case.ssz(message.group_id.as_ref().ok_or("no group_id")?)?;
    let column = message.column_index.ok_or("no column_index")?;
    Ok(gossip::validate_partial_data_column_sidecar_gossip(world, seen, &sidecar, &group, column))
}
