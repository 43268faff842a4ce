//! The text of `/metrics`: the standard beacon metrics, those of the process, and our own with the prefix `lockin_`.
//! Values are read when they are asked for; this file NEVER keeps any.

use std::fmt;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use super::Core;
use super::live::live_validators;
use super::rest::validator_status;
use crate::ssz::Root;
use crate::types::BeaconState;

/// A registry that is filled with values read just now.
struct Page(Registry);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.0.register(name, help, ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn float(&mut self, name: &str, help: &str, value: f64) {
        self.0.register(name, help, ConstGauge::new(value));
    }

    /// Roots are shown as the standard has it: the last eight bytes as a little-endian number.
    fn root(&mut self, name: &str, help: &str, root: &Root) {
        let mut last = [0; 8];
        last.copy_from_slice(&root.0[24..]);
        self.0.register(name, help, ConstGauge::new(i64::from_le_bytes(last)));
    }

    /// The text format adds `_total` to the name.
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.0.register(name, help, ConstCounter::new(value));
    }
}

/// All metrics of a node, in OpenMetrics text.
pub fn render(core: &Core) -> Result<String, fmt::Error> {
    let mut page = Page(Registry::default());
    standard(&mut page, core);
    validators(&mut page, core);
    own(&mut page, core);
    process(&mut page, core);
    let mut text = String::new();
    encode(&mut text, &page.0)?;
    Ok(text)
}

/// The interop metrics of the beacon-metrics list.
fn standard(page: &mut Page, core: &Core) {
    let chain = core.chain();
    let head = chain.head();
    let state: &BeaconState = &head.state;
    page.gauge("libp2p_peers", "Peers connected", core.peer_count());
    page.gauge("beacon_slot", "Latest slot of the beacon chain state", chain.current_slot());
    page.gauge("beacon_head_slot", "Slot of the head block of the beacon chain", head.slot);
    page.root("beacon_head_root", "Root of the head block of the beacon chain", &head.root);
    page.gauge("beacon_finalized_epoch", "Current finalized epoch", chain.finalized().epoch);
    page.root("beacon_finalized_root", "Current finalized root", &chain.finalized().root);
    page.gauge("beacon_current_justified_epoch", "Current justified epoch", state.current_justified_checkpoint.epoch);
    page.root("beacon_current_justified_root", "Current justified root", &state.current_justified_checkpoint.root);
    let previous = &state.previous_justified_checkpoint;
    page.gauge("beacon_previous_justified_epoch", "Current previously justified epoch", previous.epoch);
    page.root("beacon_previous_justified_root", "Current previously justified root", &previous.root);
    page.counter("beacon_reorgs", "Total occurrences of reorganizations of the chain", chain.metrics().reorgs);
    page.gauge(
        "beacon_pending_deposits",
        "Deposits not yet included (eth1_data.deposit_count - eth1_deposit_index)",
        state.eth1_data.deposit_count.saturating_sub(state.eth1_deposit_index),
    );
    page.gauge("beacon_processed_deposits_total", "Total deposits included on chain", state.eth1_deposit_index);
    page.gauge(
        "beacon_pending_exits",
        "Pending voluntary exits in the local operation pool",
        chain.pool_voluntary_exits().len() as u64,
    );
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

/// How many validators there are, of which status, and how many of them took part.
fn validators(page: &mut Page, core: &Core) {
    let chain = core.chain();
    let (cfg, head) = (chain.config(), chain.head());
    let state: &BeaconState = &head.state;
    let epoch = cfg.epoch_of(state.slot);
    let by_status: Family<StatusLabel, Gauge> = Family::default();
    let by_state: Family<StateLabel, Gauge> = Family::default();
    for (validator, balance) in state.validators.iter().zip(state.balances.iter()) {
        let state = validator_status(validator, *balance, epoch);
        let status = match state.split('_').next() {
            Some("withdrawal") => "withdrawable",
            Some("pending") => "pending",
            Some("active") => "active",
            _ => "exited",
        };
        by_status.get_or_create(&StatusLabel { status }).inc();
        by_state.get_or_create(&StateLabel { state }).inc();
    }
    page.0.register("beacon_current_validators", "Validators in the current epoch, by status", by_status);
    page.0.register("validator_count", "Validators in the current epoch, by the Beacon API's status", by_state);
    let active = chain.metrics().active_validators;
    page.gauge("beacon_current_active_validators", "Active validators in the current epoch", active);
    let live = |epoch| live_validators(cfg, state, epoch).len() as u64;
    let help = "Active validators with an attestation on chain for the epoch";
    page.gauge("beacon_current_live_validators", help, live(epoch));
    page.gauge("beacon_previous_live_validators", help, epoch.checked_sub(1).map_or(0, live));
}

/// What only this client counts.
fn own(page: &mut Page, core: &Core) {
    let chain = core.chain().metrics();
    page.counter("lockin_blocks_imported", "Blocks imported", chain.blocks_imported);
    page.counter("lockin_blocks_rejected", "Blocks found invalid", chain.blocks_rejected);
    page.gauge("lockin_blocks_held", "Blocks waiting for their parent or their slot", chain.blocks_held);
    page.counter("lockin_attestations_accepted", "Attestations found valid", chain.attestations_accepted);
    page.counter("lockin_attestations_rejected", "Attestations found invalid", chain.attestations_rejected);
    page.gauge("lockin_attestations_held", "Attestations waiting for their block", chain.attestations_held);
    page.counter(
        "lockin_overlapping_merges_refused",
        "Aggregations refused because a validator would have counted twice",
        chain.overlapping_merges_refused,
    );
    page.gauge("lockin_states_in_memory", "States held in memory", chain.states_in_memory);
    page.gauge("lockin_blocks_in_memory", "Blocks held in memory", chain.blocks_in_memory);
    page.gauge("lockin_store_justified_epoch", "Fork choice's justified epoch", chain.justified_epoch);
    page.gauge("lockin_store_finalized_epoch", "Fork choice's finalized epoch", chain.finalized_epoch);
    let net = core.net_metrics();
    page.counter("lockin_foreign_peers", "Peers turned away because they are of another network", net.foreign_peers);
    page.counter("lockin_gossip_received", "Gossip messages received", net.gossip_received);
    page.counter("lockin_gossip_published", "Gossip messages of our own", net.gossip_published);
    page.counter("lockin_gossip_undecodable", "Gossip messages that could not be decoded", net.gossip_undecodable);
    page.counter("lockin_gossip_rejected", "Gossip messages found invalid", net.gossip_rejected);
    page.counter("lockin_requests_sent", "Requests to peers", net.requests_sent);
    page.counter("lockin_requests_served", "Requests of peers answered", net.requests_served);
    page.counter("lockin_blocks_fetched", "Blocks fetched by range sync and lookups", net.blocks_fetched);
    page.gauge(
        "lockin_syncing",
        "1 while blocks are being fetched to catch up",
        u64::from(core.sync_view().is_syncing),
    );
}

/// The conventional metrics of a process.
fn process(page: &mut Page, core: &Core) {
    let figures = core.process();
    page.gauge("process_resident_memory_bytes", "Resident memory size in bytes", figures.resident_memory);
    page.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes", figures.virtual_memory);
    page.0.register(
        "process_cpu_seconds",
        "User and system CPU time spent in seconds",
        ConstCounter::new(figures.cpu_seconds),
    );
    page.float("process_start_time_seconds", "Start time of the process, unix seconds", figures.start_time);
    page.gauge("process_open_fds", "Open file descriptors", figures.open_fds);
}
