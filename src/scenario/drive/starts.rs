//! In which order nodes are started.

use crate::topology::{NodePlan, Start};

/// The names of the nodes that are there from genesis, in the order in which they are started: those first whose peer id is
/// not known before they have said it, since whoever dials them needs it; otherwise as the plan names them.
pub(super) fn at_genesis(nodes: &[NodePlan], is_known: impl Fn(&str) -> bool) -> Vec<&str> {
    let mut names: Vec<&str> =
        nodes.iter().filter(|node| node.start == Start::Genesis).map(|node| node.name.as_str()).collect();
    names.sort_by_key(|name| is_known(name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssz::Bytes;
    use std::collections::BTreeMap;

    fn node(name: &str, start: Start) -> NodePlan {
        NodePlan {
            name: name.into(),
            role: None,
            client: "any".into(),
            validator: None,
            engine: None,
            validators: Vec::new(),
            start,
            config: BTreeMap::new(),
            node_key: Bytes([1; 32]),
        }
    }

    #[test]
    fn who_must_say_its_peer_id_starts_before_those_that_dial_it() {
        let nodes = ["a0", "b0", "c0", "d0"].map(|name| node(name, Start::Genesis));
        assert_eq!(at_genesis(&nodes, |name| name != "c0"), ["c0", "a0", "b0", "d0"]);
        let late = [node("late", Start::Later), node("a0", Start::Genesis)];
        assert_eq!(at_genesis(&late, |_| false), ["a0"]);
    }
}
