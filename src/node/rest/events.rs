//! `/eth/v1/events`: which topics there are, and how the chain's notices look on them.
//! This file NEVER streams: a driver keeps the connections and asks here for the text of each event.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Call, Media, Refusal, Reply, Route, call, get};
use crate::chain::Notice;
use crate::node::Core;
use crate::ssz::Json;
use crate::types::{ChainConfig, ForkName};

pub(super) const ROUTES: &[Route] = &[get("/eth/v1/events", subscribe)];

/// Path of the event stream.
pub const PATH: &str = "/eth/v1/events";

/// Every topic of the standard. Those that belong to later forks or to light clients are accepted and stay silent.
const TOPICS: &[&str] = &[
    "head",
    "head_v2",
    "block",
    "block_gossip",
    "attestation",
    "single_attestation",
    "voluntary_exit",
    "bls_to_execution_change",
    "proposer_slashing",
    "attester_slashing",
    "finalized_checkpoint",
    "chain_reorg",
    "contribution_and_proof",
    "light_client_finality_update",
    "light_client_optimistic_update",
    "payload_attributes",
    "blob_sidecar",
    "data_column_sidecar",
    "execution_payload",
    "execution_payload_gossip",
    "execution_payload_available",
    "execution_payload_bid",
    "payload_attestation_message",
    "fast_confirmation",
    "proposer_preferences",
];

/// The topics that a subscriber asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics(BTreeSet<&'static str>);

impl Topics {
    /// Reads the query parameter `topics`.
    pub fn parse<'t>(given: impl IntoIterator<Item = &'t str>) -> Result<Topics, Refusal> {
        let mut topics = BTreeSet::new();
        for name in given {
            let known = TOPICS.iter().find(|topic| **topic == name).ok_or_else(|| {
                Refusal::bad_request(format!("invalid topic: {:?}; accepted: {}", call::shown(name), TOPICS.join(", ")))
            })?;
            topics.insert(*known);
        }
        if topics.is_empty() {
            return Err(Refusal::bad_request(format!(
                "the query parameter topics is required; accepted: {}",
                TOPICS.join(", ")
            )));
        }
        Ok(Topics(topics))
    }

    /// Whether a topic is among them.
    pub fn contains(&self, topic: &str) -> bool {
        self.0.contains(topic)
    }
}

/// Checks the topics; the driver streams after a 200.
fn subscribe(_: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    Topics::parse(call.query_list("topics"))?;
    Ok(Reply::text(Media::EventStream, String::new()))
}

/// One event of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its topic.
    pub topic: &'static str,
    /// The text on the wire, blank line included.
    pub text: String,
}

fn rendered(topic: &'static str, data: &Value) -> Rendered {
    Rendered { topic, text: format!("event: {topic}\ndata: {data}\n\n") }
}

/// The events that a notice causes, of those topics that `wanted` has.
pub fn render(cfg: &ChainConfig, notice: &Notice, wanted: impl Fn(&str) -> bool) -> Vec<Rendered> {
    let topics = topics_of(notice).iter().filter(|topic| wanted(topic));
    topics.map(|topic| rendered(topic, &data(cfg, notice, topic))).collect()
}

/// The topics that tell of a notice, in the order in which they do.
///
/// `block_gossip` comes together with `block`: the chain tells of a block once it is imported.
fn topics_of(notice: &Notice) -> &'static [&'static str] {
    match notice {
        Notice::Head { .. } => &["head", "head_v2"],
        Notice::Reorg { .. } => &["chain_reorg"],
        Notice::Justified { .. } => &[],
        Notice::Finalized { .. } => &["finalized_checkpoint"],
        Notice::Block { .. } => &["block_gossip", "block"],
        Notice::Attestation(_) => &["attestation"],
        Notice::SingleAttestation(_) => &["single_attestation"],
        Notice::Contribution(_) => &["contribution_and_proof"],
        Notice::VoluntaryExit(_) => &["voluntary_exit"],
        Notice::ProposerSlashing(_) => &["proposer_slashing"],
        Notice::AttesterSlashing(_) => &["attester_slashing"],
        Notice::BlsToExecutionChange(_) => &["bls_to_execution_change"],
        Notice::BlobSidecar { .. } => &["blob_sidecar"],
        Notice::DataColumnSidecar { .. } => &["data_column_sidecar"],
        Notice::PayloadAttributes { .. } => &["payload_attributes"],
    }
}

/// What one of its topics says of a notice.
fn data(cfg: &ChainConfig, notice: &Notice, topic: &str) -> Value {
    let at = |slot| cfg.shape_at_slot(slot);
    match notice {
        Notice::Head { .. } if topic == "head_v2" => head_v2(cfg, notice),
        Notice::Head { .. } => head(notice),
        Notice::Reorg { slot, epoch, depth, old_head, new_head, old_state, new_state, optimistic, .. } => json!({
            "slot": slot.to_string(),
            "depth": depth.to_string(),
            "old_head_block": old_head.to_string(),
            "new_head_block": new_head.to_string(),
            "old_head_state": old_state.to_string(),
            "new_head_state": new_state.to_string(),
            "epoch": epoch.to_string(),
            "execution_optimistic": optimistic,
        }),
        Notice::Justified { .. } => Value::Null,
        Notice::Finalized { epoch, root, state, optimistic } => json!({
            "block": root.to_string(),
            "state": state.to_string(),
            "epoch": epoch.to_string(),
            "execution_optimistic": optimistic,
        }),
        Notice::Block { slot, root, .. } if topic == "block_gossip" => {
            json!({ "slot": slot.to_string(), "block": root.to_string() })
        }
        Notice::Block { slot, root, optimistic } => {
            json!({ "slot": slot.to_string(), "block": root.to_string(), "execution_optimistic": optimistic })
        }
        Notice::Attestation(attestation) => attestation.to_json(at(attestation.data.slot)),
        Notice::SingleAttestation(single) => single.to_json(at(single.data.slot)),
        Notice::Contribution(signed) => signed.to_json(at(signed.message.contribution.slot)),
        Notice::VoluntaryExit(exit) => exit.to_json(cfg.shape(cfg.fork_at_epoch(exit.message.epoch))),
        Notice::ProposerSlashing(slashing) => slashing.to_json(at(slashing.signed_header_1.message.slot)),
        Notice::AttesterSlashing(slashing) => slashing.to_json(at(slashing.attestation_1.data.slot)),
        Notice::BlsToExecutionChange(change) => change.to_json(cfg.shape(ForkName::Capella)),
        Notice::BlobSidecar { block, sidecar, versioned_hash } => json!({
            "block_root": block.to_string(),
            "index": sidecar.index.to_string(),
            "slot": sidecar.signed_block_header.message.slot.to_string(),
            "kzg_commitment": sidecar.kzg_commitment.to_string(),
            "versioned_hash": versioned_hash.to_string(),
        }),
        Notice::DataColumnSidecar { block, sidecar } => json!({
            "block_root": block.to_string(),
            "index": sidecar.index.to_string(),
            "slot": sidecar.signed_block_header.message.slot.to_string(),
        }),
        Notice::PayloadAttributes { .. } => payload_attributes(cfg, notice),
    }
}

fn head(notice: &Notice) -> Value {
    let Notice::Head {
        slot,
        block,
        state,
        epoch_transition,
        previous_duty_dependent_root,
        current_duty_dependent_root,
        optimistic,
    } = notice
    else {
        return Value::Null;
    };
    json!({
        "slot": slot.to_string(),
        "block": block.to_string(),
        "state": state.to_string(),
        "epoch_transition": epoch_transition,
        "previous_duty_dependent_root": previous_duty_dependent_root.to_string(),
        "current_duty_dependent_root": current_duty_dependent_root.to_string(),
        "execution_optimistic": optimistic,
    })
}

/// Before gloas a block brings its payload along, so its status is `full` from the start.
fn head_v2(cfg: &ChainConfig, notice: &Notice) -> Value {
    let Notice::Head {
        slot,
        block,
        state,
        epoch_transition,
        previous_duty_dependent_root,
        current_duty_dependent_root,
        optimistic,
    } = notice
    else {
        return Value::Null;
    };
    json!({
        "version": cfg.fork_at_slot(*slot).name(),
        "data": {
            "slot": slot.to_string(),
            "block": block.to_string(),
            "state": state.to_string(),
            "payload_status": "full",
            "epoch_transition": epoch_transition,
            "current_epoch_dependent_root": previous_duty_dependent_root.to_string(),
            "next_epoch_dependent_root": current_duty_dependent_root.to_string(),
            "execution_optimistic": optimistic,
        },
    })
}

/// The Engine API's attributes with the Beacon API's names and numbers.
fn payload_attributes(cfg: &ChainConfig, notice: &Notice) -> Value {
    let Notice::PayloadAttributes { proposer, slot, parent, parent_number, parent_hash, attributes } = notice else {
        return Value::Null;
    };
    let shape = cfg.shape_at_slot(*slot);
    let mut attributes_json = json!({
        "timestamp": attributes.timestamp.to_string(),
        "prev_randao": attributes.prev_randao.to_string(),
        "suggested_fee_recipient": attributes.suggested_fee_recipient.to_string(),
    });
    if shape.fork >= ForkName::Capella {
        let withdrawals = attributes.withdrawals.iter().map(|withdrawal| withdrawal.to_json(shape));
        attributes_json["withdrawals"] = withdrawals.collect();
    }
    if shape.fork >= ForkName::Deneb {
        attributes_json["parent_beacon_block_root"] = attributes.parent_beacon_block_root.to_string().into();
    }
    json!({
        "version": shape.fork.name(),
        "data": {
            "proposer_index": proposer.to_string(),
            "proposal_slot": slot.to_string(),
            "parent_block_root": parent.to_string(),
            "parent_block_number": parent_number.to_string(),
            "parent_block_hash": parent_hash.to_string(),
            "payload_attributes": attributes_json,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::events::{Event, Parser};
    use crate::ssz::Bytes;

    #[test]
    fn topics_must_be_there_and_known() {
        assert!(Topics::parse(["head", "block"]).expect("valid").contains("block"));
        let refusal = Topics::parse(["weather_forecast"]).expect_err("unknown");
        assert_eq!(refusal.status, 400);
        assert!(refusal.message.contains("finalized_checkpoint"), "{}", refusal.message);
        assert_eq!(Topics::parse([]).expect_err("none").status, 400);
    }

    #[test]
    fn our_own_client_reads_what_is_rendered() {
        let notices = [
            Notice::Head {
                slot: 9,
                block: Bytes([1; 32]),
                state: Bytes([2; 32]),
                epoch_transition: true,
                previous_duty_dependent_root: Bytes([3; 32]),
                current_duty_dependent_root: Bytes([4; 32]),
                optimistic: true,
            },
            Notice::Finalized { epoch: 2, root: Bytes([5; 32]), state: Bytes([6; 32]), optimistic: false },
        ];
        let cfg = ChainConfig::minimal();
        let only = |topic: &str| topic != "head_v2";
        let text: String =
            notices.iter().flat_map(|notice| render(&cfg, notice, only)).map(|event| event.text).collect();
        let events: Vec<_> =
            Parser::default().push(text.as_bytes()).into_iter().map(|event| event.expect("valid")).collect();
        let Event::Head(head) = &events[0] else { panic!("{:?}", events[0]) };
        assert!(head.slot == 9 && head.epoch_transition && head.execution_optimistic);
        assert!(head.previous_duty_dependent_root == Bytes([3; 32]));
        let Event::FinalizedCheckpoint(finalized) = &events[1] else { panic!("{:?}", events[1]) };
        assert!(finalized.epoch == 2 && finalized.block == Bytes([5; 32]));
        assert_eq!(events.len(), 2);
    }
}
