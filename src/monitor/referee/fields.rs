//! Two states of one block, field by field.

use crate::{
    api::Client,
    journal::FieldDifference,
    ssz::{Container, Json, Root, Shape, Ssz},
    types::{BeaconState, ChainConfig, Slot},
};
use serde_json::Value;
use std::time::Duration;

/// Differences that are told one by one; the rest is counted.
const MOST_TOLD: usize = 8;
/// Values go into the journal no longer than this, in characters.
const LONGEST_VALUE: usize = 80;

/// Asks the node for its state of that root and compares it with ours: the first differences, and how many there are.
///
/// # Errors
/// Why there is nothing to compare, as a sentence.
pub(super) async fn compare(
    cfg: &ChainConfig,
    ours: &BeaconState,
    root: Root,
    slot: Slot,
    client: &Client,
    within: Duration,
) -> Result<(Vec<FieldDifference>, u64), String> {
    let shape = cfg.shape_at_slot(slot);
    let mut refused = String::new();
    // Some nodes find a state by its slot only.
    for id in [root.to_string(), slot.to_string(), "head".to_owned()] {
        let theirs = match tokio::time::timeout(within, client.debug_state(cfg, id)).await {
            Ok(Ok(theirs)) => theirs.data,
            Ok(Err(error)) => {
                refused = error.to_string();
                continue;
            }
            Err(_) => return Err(format!("no answer to the request for its state within {} ms", within.as_millis())),
        };
        if theirs.hash_tree_root(shape) == root {
            return Ok(differences(shape, ours, &theirs));
        }
        refused = "the node serves another state than that of the block".to_owned();
    }
    Err(refused.chars().take(2 * LONGEST_VALUE).collect())
}

/// What differs, in the order of the state's fields.
fn differences(shape: Shape, ours: &BeaconState, theirs: &BeaconState) -> (Vec<FieldDifference>, u64) {
    let (mut found, mut count) = (Vec::new(), 0);
    let roots = ours.field_roots(shape).into_iter().zip(theirs.field_roots(shape));
    let differing: Vec<&str> = BeaconState::field_names(shape)
        .into_iter()
        .zip(roots)
        .filter(|(_, (ours, theirs))| ours != theirs)
        .map(|(name, _)| name)
        .collect();
    let (ours, theirs) = (ours.to_json(shape), theirs.to_json(shape));
    for name in differing {
        let null = &Value::Null;
        let (ours, theirs) = (ours.get(name).unwrap_or(null), theirs.get(name).unwrap_or(null));
        walk(name, ours, theirs, &mut |difference| {
            count += 1;
            if found.len() < MOST_TOLD {
                found.push(difference());
            }
        });
    }
    (found, count)
}

/// Goes down to the values that differ. `told` gets a function, so that what is only counted is not written out.
fn walk(path: &str, ours: &Value, theirs: &Value, told: &mut dyn FnMut(&dyn Fn() -> FieldDifference)) {
    let null = &Value::Null;
    match (ours, theirs) {
        _ if ours == theirs => {}
        (Value::Array(a), Value::Array(b)) => {
            for index in 0..a.len().max(b.len()) {
                let (ours, theirs) = (a.get(index).unwrap_or(null), b.get(index).unwrap_or(null));
                if ours != theirs {
                    walk(&format!("{path}[{index}]"), ours, theirs, told);
                }
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            for (name, ours) in a {
                walk(&format!("{path}.{name}"), ours, b.get(name).unwrap_or(null), told);
            }
        }
        _ => told(&|| FieldDifference { field: path.to_owned(), ours: shown(ours), theirs: shown(theirs) }),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "absent".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().take(LONGEST_VALUE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genesis::{Convention, genesis_state};
    use crate::ssz::{Bytes, Fork, Preset};

    #[test]
    fn differences_are_named_down_to_the_value() {
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        cfg.start_at(Fork::Altair);
        let shape = cfg.shape(Fork::Altair);
        let ours = genesis_state(&cfg, Fork::Altair, Convention::Genesis, 1_700_000_000, 12).unwrap();
        assert_eq!(differences(shape, &ours, &ours.clone()), (Vec::new(), 0));
        let mut theirs = ours.clone();
        *theirs.balances.get_mut(3).unwrap() += 5;
        theirs.validators.get_mut(5).unwrap().slashed = true;
        theirs.current_justified_checkpoint.root = Bytes([7; 32]);
        theirs.inactivity_scores.push(9);
        let (found, count) = differences(shape, &ours, &theirs);
        let told: Vec<_> = found.iter().map(|it| format!("{} {} {}", it.field, it.ours, it.theirs)).collect();
        assert_eq!(
            told,
            [
                "validators[5].slashed false true".to_owned(),
                "balances[3] 32000000000 32000000005".to_owned(),
                format!("current_justified_checkpoint.root {} {}", Root::ZERO, Bytes([7; 32])),
                "inactivity_scores[12] absent 9".to_owned(),
            ]
        );
        assert_eq!(count, 4);
        for balance in 0..12 {
            *theirs.balances.get_mut(balance).unwrap() += 1;
        }
        let (found, count) = differences(shape, &ours, &theirs);
        assert_eq!((found.len(), count), (MOST_TOLD, 15));
    }
}
