//! How much of the machine a run needs: a rule of thumb, so that runs go beside each other without starving. Pure.

use crate::client::ClientDef;
use crate::topology::NetworkPlan;
use std::collections::BTreeMap;

/// A run in virtual time is one thread that never waits, thousandths of a core.
pub const SIMULATION: u32 = 1_000;
/// The run itself, which recomputes every block.
const ORCHESTRATOR: u64 = 200;
/// A program of the embedded client.
const EMBEDDED: u64 = 100;
/// Any other program.
const OTHER: u64 = 300;
/// With shorter slots all of it is more.
const USUAL_SLOT_MS: u64 = 2_000;

/// Thousandths of a processor core that a run in real time keeps busy.
pub fn weight(network: &NetworkPlan, clients: &BTreeMap<String, ClientDef>) -> u32 {
    let program = |client: &str| if clients.get(client).is_some_and(|def| def.embedded) { EMBEDDED } else { OTHER };
    let mut sum = ORCHESTRATOR;
    for node in &network.nodes {
        sum += program(&node.client);
        if !node.validators.is_empty() {
            sum += program(node.validator.as_ref().unwrap_or(&node.client));
        }
        if let Some(engine) = &node.engine {
            sum += program(&engine.client);
        }
    }
    let slot_ms = network.config.slot_duration_ms.clamp(1, USUAL_SLOT_MS);
    u32::try_from(sum.saturating_mul(USUAL_SLOT_MS) / slot_ms).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::load;
    use crate::scenario::{Options, parse};

    fn of(slot: &str, cast: &str, fork: &str) -> u32 {
        let text = format!(
            "name: t\nnetwork: {{ slot_time: {slot}, preset: mainnet, genesis: {{ fork: {fork} }} }}\nroles: {{ A: lockin, B: {cast} }}\nnodes:\n  \
             - {{ name: a0, role: A, validators: 8 }}\n  - {{ name: b0, role: B, validators: 8 }}\nchecks: [peered]\n"
        );
        let network = parse("t.yaml", &text, &Options::default()).unwrap().network_plan().unwrap();
        let names =
            network.nodes.iter().flat_map(|node| node.clients()).map(|name| (name.to_owned(), load(name).unwrap()));
        weight(&network, &names.collect())
    }

    #[test]
    fn real_clients_and_short_slots_weigh_more() {
        assert_eq!(of("12s", "lockin", "phase0"), 600);
        assert_eq!(of("2s", "lockin", "phase0"), 600);
        assert_eq!(of("500ms", "lockin", "phase0"), 2_400);
        assert_eq!(of("2s", "prysm", "phase0"), 1_000);
        assert_eq!(of("2s", "prysm+geth", "deneb"), 1_400);
    }
}
