//! What the command line sets in a file, `--set KEY=VALUE`: it stands in the place of what the file says there, and is
//! read by the same rules. Pure.

use super::error::Error;
use super::raw::{RawScenario, Word, nowhere};

/// Keys, as they are accepted.
const KEYS: &str = "slot_time, preset, merge, seed, genesis.fork, genesis.validators, genesis.delay, forks.FORK, \
                    constants.NAME";

/// Puts the settings into a file that was read.
pub(super) fn apply(raw: &mut RawScenario, settings: &[(String, String)]) -> Result<(), Error> {
    for (key, value) in settings {
        let word = nowhere(value.clone());
        let network = &mut raw.network;
        let place: &mut Option<Word> = match key.strip_prefix("network.").unwrap_or(key) {
            "slot_time" => &mut network.slot_time,
            "preset" => &mut network.preset,
            "merge" => &mut network.merge,
            "genesis.fork" => &mut network.genesis.fork,
            "genesis.validators" => &mut network.genesis.validators,
            "genesis.delay" => &mut network.genesis.delay,
            "seed" => &mut raw.seed,
            other => {
                let map = match other.split_once('.') {
                    Some(("forks", name)) if !name.is_empty() => Some((&mut network.forks, name)),
                    Some(("constants", name)) if !name.is_empty() => Some((&mut network.constants, name)),
                    _ => None,
                };
                let Some((map, name)) = map else {
                    return Err(Error::Usage(format!("--set {key}={value}: no such key; accepted: {KEYS}")));
                };
                map.insert(name.to_owned(), word);
                continue;
            }
        };
        *place = Some(word);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Options, parse};

    const FILE: &str = "name: t\nnetwork: { slot_time: 2s, forks: { altair: 2 } }\nroles: { A: lockin }\nnodes:\n  \
                        - { name: a0, role: A, validators: 16 }\nchecks: [finalized]\n";

    fn set(settings: &[(&str, &str)]) -> Result<super::super::Plan, String> {
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        parse("t.yaml", FILE, &Options { settings, ..Options::default() }).map_err(|error| error.to_string())
    }

    #[test]
    fn a_setting_takes_the_place_of_what_the_file_says() {
        let plan = set(&[("slot_time", "500ms"), ("forks.altair", "3"), ("seed", "9")]).unwrap();
        assert_eq!((plan.slot_ms(), plan.network.forks["altair"], plan.seed), (500, 3, 9));
        let plan = set(&[("network.preset", "mainnet"), ("constants.SHUFFLE_ROUND_COUNT", "10")]).unwrap();
        assert_eq!((plan.network.preset.as_str(), plan.network.slots_per_epoch), ("mainnet", 32));
        assert_eq!(plan.network.constants["SHUFFLE_ROUND_COUNT"], "10");
    }

    #[test]
    fn it_is_held_to_the_rules_of_the_file() {
        for (key, value, mentions) in [
            ("slot_time", "2 slots", "`2 slots` is no clock time"),
            ("slot_time", "1h", "accepted: 50ms to 60s"),
            ("forks.altiar", "2", "`altiar` is no fork"),
            ("nodes", "3", "--set nodes=3: no such key; accepted: slot_time"),
            ("forks.", "3", "no such key"),
            ("seed", "x", "`x` is no seed"),
        ] {
            let said = set(&[(key, value)]).unwrap_err();
            assert!(said.contains(mentions), "{said}");
        }
    }
}
