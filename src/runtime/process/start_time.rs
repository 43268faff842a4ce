//! How long before genesis the nodes of a network are to be started, by what their clients declare.

use crate::{
    client::{ClientDef, ENGINE},
    topology::{NetworkPlan, Start},
};
use std::{collections::BTreeMap, num::NonZeroUsize, thread};

/// Never shorter: milliseconds in which the embedded client starts anywhere.
const SHORTEST_MS: u64 = 1_500;

/// Milliseconds in which all nodes that are there at genesis can be started on this machine; `None` if there are none. Nodes start side by side, one on each core.
pub fn start_time(network: &NetworkPlan, clients: &BTreeMap<String, ClientDef>) -> Option<u64> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
    on_cores(network, clients, cores)
}

fn on_cores(network: &NetworkPlan, clients: &BTreeMap<String, ClientDef>, cores: u64) -> Option<u64> {
    let declared = |name: &str, wanted: fn(&&String) -> bool| {
        let def = clients.get(name)?;
        Some(def.starts_in(def.roles.keys().filter(wanted).map(String::as_str)).0)
    };
    let of_node = |node: &crate::topology::NodePlan| {
        let engine = node.engine.as_ref().and_then(|engine| declared(&engine.client, |role| *role == ENGINE));
        let own = declared(&node.client, |role| *role != ENGINE);
        own.unwrap_or(0).saturating_add(engine.unwrap_or(0))
    };
    let times: Vec<u64> = network.nodes.iter().filter(|node| node.start == Start::Genesis).map(of_node).collect();
    let side_by_side = times.iter().sum::<u64>() / cores.max(1);
    times.into_iter().max().map(|longest| longest.max(side_by_side).max(SHORTEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::{Bytes, Fork, Preset};
    use crate::topology::{EnginePlan, GenesisPlan, NodePlan};
    use crate::types::ChainConfig;

    fn network(nodes: &[(&str, Option<&str>, Start)]) -> NetworkPlan {
        let node = |(index, (client, engine, start)): (usize, &(&str, Option<&str>, Start))| NodePlan {
            name: format!("n{index}"),
            role: None,
            client: (*client).to_owned(),
            validator: None,
            engine: engine.map(|client| EnginePlan { client: client.to_owned(), script: Default::default() }),
            validators: Vec::new(),
            start: *start,
            node_key: Bytes([1; 32]),
        };
        NetworkPlan {
            name: "t".into(),
            seed: 1,
            config: ChainConfig::lockin(Preset::minimal()),
            genesis: GenesisPlan { fork: Fork::Phase0, validators: 1, delay_ms: None, convention: Default::default() },
            nodes: nodes.iter().enumerate().map(node).collect(),
            edges: Vec::new(),
        }
    }

    #[test]
    fn the_longest_start_or_all_of_them_on_the_cores_there_are() {
        let of = |name: &str, starts_in: &str| {
            let text = format!(
                "{{ name: {name}, about: t, supports: {{ presets: [minimal], forks: phase0 }}, roles: {{ beacon: \
                 {{ starts_in: {starts_in} }}, engine: {{ ports: {{ engine: tcp }}, starts_in: 2s }} }} }}"
            );
            (name.to_owned(), ClientDef::from_bytes("t.yaml", text.as_bytes()).unwrap())
        };
        let clients = BTreeMap::from([of("slow", "10s"), of("quick", "1s")]);
        let late = ("slow", None, Start::Later);
        let one = network(&[("quick", Some("slow"), Start::Genesis), late]);
        assert_eq!(on_cores(&one, &clients, 2), Some(3_000));
        let three = ("slow", None, Start::Genesis);
        let four = network(&[three, three, three, ("quick", None, Start::Genesis)]);
        assert_eq!(on_cores(&four, &clients, 2), Some(15_500));
        assert_eq!(on_cores(&four, &clients, 16), Some(10_000));
        assert_eq!(on_cores(&network(&[late]), &clients, 2), None);
    }
}
