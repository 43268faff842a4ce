//! Links between nodes, and who dials whom over them.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::{NodeSpec, Start, TopologyError};

/// `from` dials `to`; over the connection both are equals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Who dials.
    pub from: String,
    /// Who is dialled.
    pub to: String,
}

impl Edge {
    /// The end that is not `name`; `None` if `name` is at neither end.
    pub fn other_end(&self, name: &str) -> Option<&str> {
        match name {
            _ if self.from == name => Some(&self.to),
            _ if self.to == name => Some(&self.from),
            _ => None,
        }
    }
}

/// How nodes are linked: `full`, `ring`, `{ star: NODE }`, or pairs `[[a, b], [b, c]]` of which the first dials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// Every node with every other.
    #[default]
    Full,
    /// Each with the next, the last with the first.
    Ring,
    /// All with this one, which dials nobody.
    Star(String),
    /// Just these; the first of a pair dials the second.
    Pairs(Vec<(String, String)>),
}

impl Links {
    /// Who dials whom. Where the links don't say it, the node that starts later dials, else the one named later: what
    /// is dialled is there already.
    pub(super) fn edges(&self, nodes: &[NodeSpec]) -> Result<Vec<Edge>, TopologyError> {
        let count = nodes.len();
        let pairs: Vec<(usize, usize)> = match self {
            Links::Full => (0..count).flat_map(|later| (0..later).map(move |earlier| (later, earlier))).collect(),
            Links::Ring => {
                let closing = (count > 2).then(|| (count - 1, 0));
                (1..count).map(|later| (later, later - 1)).chain(closing).collect()
            }
            Links::Star(hub) => {
                let hub = find(nodes, hub)?;
                (0..count).filter(|node| *node != hub).map(|node| (node, hub)).collect()
            }
            Links::Pairs(pairs) => return explicit(nodes, pairs),
        };
        let edge = |from: usize, to: usize| Edge { from: nodes[from].name.clone(), to: nodes[to].name.clone() };
        let waits = |node: usize| nodes[node].start == Start::Later;
        Ok(pairs.into_iter().map(|(a, b)| if waits(b) && !waits(a) { edge(b, a) } else { edge(a, b) }).collect())
    }
}

fn explicit(nodes: &[NodeSpec], pairs: &[(String, String)]) -> Result<Vec<Edge>, TopologyError> {
    let mut edges: Vec<Edge> = Vec::new();
    for (from, to) in pairs {
        find(nodes, from)?;
        find(nodes, to)?;
        if from == to {
            return Err(TopologyError::SelfLink(from.clone()));
        }
        if edges.iter().any(|edge| edge.other_end(from) == Some(to)) {
            return Err(TopologyError::LinkedTwice(from.clone(), to.clone()));
        }
        edges.push(Edge { from: from.clone(), to: to.clone() });
    }
    Ok(edges)
}

fn find(nodes: &[NodeSpec], name: &str) -> Result<usize, TopologyError> {
    nodes.iter().position(|node| node.name == name).ok_or_else(|| TopologyError::UnknownNode {
        name: name.into(),
        known: nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", "),
    })
}

impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Links::Full => serializer.serialize_str("full"),
            Links::Ring => serializer.serialize_str("ring"),
            Links::Star(hub) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("star", hub)?;
                map.end()
            }
            Links::Pairs(pairs) => pairs.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Links {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LinksVisitor)
    }
}

struct LinksVisitor;

impl<'de> Visitor<'de> for LinksVisitor {
    type Value = Links;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("full, ring, { star: NODE } or pairs of nodes [[a, b], [b, c]]")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Links, E> {
        match text {
            "full" => Ok(Links::Full),
            "ring" => Ok(Links::Ring),
            _ => Err(E::custom(format!(
                "`{text}` is no way to link; accepted: full, ring, {{ star: NODE }}, pairs [[a, b], [b, c]]"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Links, A::Error> {
        let key: Option<String> = map.next_key()?;
        match key.as_deref() {
            Some("star") => {}
            Some(other) => return Err(de::Error::unknown_field(other, &["star"])),
            None => return Err(de::Error::invalid_length(0, &self)),
        }
        let hub = map.next_value()?;
        match map.next_key::<String>()? {
            None => Ok(Links::Star(hub)),
            Some(other) => Err(de::Error::unknown_field(&other, &["star"])),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Links, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = seq.next_element()? {
            pairs.push(pair);
        }
        Ok(Links::Pairs(pairs))
    }
}
