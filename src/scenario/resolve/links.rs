//! Shapes of links to pairs.

use super::super::error::{Error, Source};
use super::super::plan::Node;
use super::super::raw::{At, RawLinks, Word};
use super::scope::unknown_node;

const ACCEPTED: &str = "accepted: full, ring, { star: NODE }, [[NODE, NODE], ...]";

/// Who dials whom. Nothing said is `full`. Later nodes dial earlier ones, so that a late joiner dials nodes that run.
pub(super) fn resolve(
    source: Source<'_>,
    raw: Option<&At<RawLinks>>,
    nodes: &[Node],
) -> Result<Vec<(String, String)>, Error> {
    let name = |n: usize| nodes[n].name.clone();
    let count = nodes.len();
    let full = || (1..count).flat_map(|a| (0..a).map(move |b| (a, b))).map(|(a, b)| (name(a), name(b))).collect();
    let Some(raw) = raw else { return Ok(full()) };
    match &raw.value {
        RawLinks::Shape(shape) if shape == "full" => Ok(full()),
        RawLinks::Shape(shape) if shape == "ring" => {
            let mut ring: Vec<_> = (1..count).map(|n| (name(n), name(n - 1))).collect();
            if count > 2 {
                ring.push((name(count - 1), name(0)));
            }
            Ok(ring)
        }
        RawLinks::Shape(shape) => Err(source.error(raw, format!("`{shape}` is no shape of links; {ACCEPTED}"))),
        RawLinks::Star(hub) => {
            let hub = known(source, hub, nodes)?;
            Ok(nodes.iter().filter(|node| node.name != hub).map(|node| (node.name.clone(), hub.clone())).collect())
        }
        RawLinks::Pairs(pairs) => pairs_as_written(source, pairs, nodes),
    }
}

fn pairs_as_written(
    source: Source<'_>,
    pairs: &[At<Vec<Word>>],
    nodes: &[Node],
) -> Result<Vec<(String, String)>, Error> {
    let mut links: Vec<(String, String)> = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let [from, to] = pair.value.as_slice() else {
            return Err(source.error(pair, format!("a link has two ends, this has {}; {ACCEPTED}", pair.value.len())));
        };
        let (a, b) = (known(source, from, nodes)?, known(source, to, nodes)?);
        if a == b {
            return Err(source.error(to, format!("`{a}` can't be linked to itself")));
        }
        if links.iter().any(|(c, d)| (c == &a && d == &b) || (c == &b && d == &a)) {
            return Err(source.error(pair, format!("`{a}` and `{b}` are linked already; a link works both ways")));
        }
        links.push((a, b));
    }
    Ok(links)
}

fn known(source: Source<'_>, word: &Word, nodes: &[Node]) -> Result<String, Error> {
    match nodes.iter().find(|node| node.name == word.value) {
        Some(node) => Ok(node.name.clone()),
        None => Err(source.error(word, unknown_node(&word.value, nodes))),
    }
}
