//! `/eth/v{1,2}/validator/duties`: who does what, when.

use serde_json::{Value, json};

use super::call::json_numbers;
use super::{Call, Meta, Refusal, Reply, Route, get, post};
use crate::chain::{Chain, Duties};
use crate::node::Core;
use crate::spec::compute_sync_committee_period;
use crate::ssz::Root;
use crate::types::Epoch;

pub(super) const ROUTES: &[Route] = &[
    get("/eth/v1/validator/duties/proposer/{epoch}", proposer_v1),
    get("/eth/v2/validator/duties/proposer/{epoch}", proposer_v2),
    post("/eth/v1/validator/duties/attester/{epoch}", attester),
    post("/eth/v1/validator/duties/sync/{epoch}", sync),
];

/// 400 for an epoch further ahead than the next one. A caller's clock may be a little ahead of ours, as peers' may: what it
/// asks for at the very beginning of an epoch must not be refused for that.
fn check_ahead(core: &Core, call: &Call<'_>, epoch: Epoch) -> Result<(), Refusal> {
    let cfg = core.chain().config();
    let soonest_ms = call.now_ms.saturating_add(cfg.maximum_gossip_clock_disparity);
    let slot = cfg.slot_clock(core.chain().genesis_time()).slot_at(soonest_ms).unwrap_or_default();
    let current = cfg.epoch_of(slot.max(core.chain().current_slot()));
    if epoch > current + 1 {
        return Err(Refusal::bad_request(format!(
            "epoch {epoch} is too far ahead: the clock is in epoch {current}; accepted up to {}",
            current + 1
        )));
    }
    Ok(())
}

/// The metadata of what the head decides.
fn of_head(core: &Core) -> Meta {
    Meta { optimistic: core.chain().is_optimistic(&core.chain().head().root), ..Meta::default() }
}

fn proposer(core: &Core, call: &Call<'_>, dependent_root: impl Fn(&Chain, Epoch) -> Root) -> Result<Reply, Refusal> {
    let epoch = call.number_param("epoch")?;
    check_ahead(core, call, epoch)?;
    core.refuse_while_syncing()?;
    let duties = core.chain().proposer_duties(epoch)?.duties;
    let data = duties.iter().map(|duty| {
        json!({
            "pubkey": duty.pubkey.to_string(),
            "validator_index": duty.validator_index.to_string(),
            "slot": duty.slot.to_string(),
        })
    });
    let meta = Meta { dependent_root: Some(dependent_root(core.chain(), epoch)), ..of_head(core) };
    Ok(Reply::with_meta(meta.duty_fields(), Value::Array(data.collect())))
}

/// The standard's first version tells the block before the epoch, whatever the fork.
fn proposer_v1(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    proposer(core, call, Chain::canonical_before)
}

/// The second tells the block before the epoch before, which is what decides since fulu's lookahead.
fn proposer_v2(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    proposer(core, call, |chain, epoch| chain.canonical_before(epoch.saturating_sub(1)))
}

fn attester(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let epoch = call.number_param("epoch")?;
    let indices = call.indices()?;
    check_ahead(core, call, epoch)?;
    core.refuse_while_syncing()?;
    let Duties { dependent_root, duties } = core.chain().attester_duties(epoch, &indices)?;
    let data = duties.iter().map(|duty| {
        json!({
            "pubkey": duty.pubkey.to_string(),
            "validator_index": duty.validator_index.to_string(),
            "committee_index": duty.committee_index.to_string(),
            "committee_length": duty.committee_length.to_string(),
            "committees_at_slot": duty.committees_at_slot.to_string(),
            "validator_committee_index": duty.validator_committee_index.to_string(),
            "slot": duty.slot.to_string(),
        })
    });
    let meta = Meta { dependent_root: Some(dependent_root), ..of_head(core) };
    Ok(Reply::with_meta(meta.duty_fields(), Value::Array(data.collect())))
}

fn sync(core: &mut Core, call: &Call<'_>) -> Result<Reply, Refusal> {
    let epoch = call.number_param("epoch")?;
    let indices = call.indices()?;
    let chain = core.chain();
    let cfg = chain.config();
    let current = compute_sync_committee_period(cfg, cfg.epoch_of(chain.current_slot()));
    if compute_sync_committee_period(cfg, epoch) > current + 1 {
        return Err(Refusal::bad_request(format!(
            "epoch {epoch} is too far ahead: accepted up to {}, the end of the next sync committee period",
            (current + 2) * cfg.preset.epochs_per_sync_committee_period - 1
        )));
    }
    core.refuse_while_syncing()?;
    let duties = chain.sync_duties(epoch, &indices)?;
    let data = duties.iter().map(|duty| {
        json!({
            "pubkey": duty.pubkey.to_string(),
            "validator_index": duty.validator_index.to_string(),
            "validator_sync_committee_indices": json_numbers(duty.validator_sync_committee_indices.iter().copied()),
        })
    });
    Ok(Reply::with_meta(of_head(core).duty_fields(), Value::Array(data.collect())))
}
