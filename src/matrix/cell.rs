//! A cell of the grid: who plays, with which value of the sweep, in which folder. And which cells are whose. Pure.

use super::Sweep;
use crate::ssz::sha256;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Its folder in that of the matrix.
    pub folder: String,
    /// Who plays, in the order of the roles.
    pub cast: Vec<String>,
    /// Its value of the sweep, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Cell {
    /// `lockin / prysm`, with the sweep's value behind it.
    pub fn title(&self) -> String {
        let cast = self.cast.join(" / ");
        self.value.as_ref().map_or(cast.clone(), |value| format!("{cast} at {value}"))
    }

    /// The folder of one of `of` runs, counted from 1: the cell's own if there is but one.
    pub fn run_folder(&self, run: u32, of: u32) -> String {
        if of <= 1 { self.folder.clone() } else { format!("{}/run-{run}", self.folder) }
    }
}

/// The cells of these casts: with a sweep, one a value for each. Folders are names that no shell and no container engine
/// minds: `lockin_prysm-geth/slot-time-6s`.
pub fn cells(casts: &[Vec<String>], sweep: Option<&Sweep>) -> Vec<Cell> {
    let mut taken = BTreeSet::new();
    let mut cells = Vec::new();
    for cast in casts {
        let name = cast.iter().map(|client| plain(client)).collect::<Vec<_>>().join("_");
        let folder = unlike(&mut taken, name);
        match sweep {
            None => cells.push(Cell { folder, cast: cast.clone(), value: None }),
            Some(sweep) => {
                let mut values = BTreeSet::new();
                for value in &sweep.values {
                    let inner = unlike(&mut values, plain(&format!("{}-{value}", sweep.key)));
                    let folder = format!("{folder}/{inner}");
                    cells.push(Cell { folder, cast: cast.clone(), value: Some(value.clone()) });
                }
            }
        }
    }
    cells
}

/// The name, or if another has it already, the name and a number.
fn unlike(taken: &mut BTreeSet<String>, name: String) -> String {
    let mut free = name.clone();
    let mut again = 2u32;
    while !taken.insert(free.clone()) {
        free = format!("{name}-{again}");
        again += 1;
    }
    free
}

/// A client's word as part of a folder's name. No `_`: that stands between two of them.
fn plain(word: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = word.chars().map(allowed).collect();
    let name = name.trim_matches(['-', '.']).to_owned();
    if name.is_empty() { "client".to_owned() } else { name }
}

/// One of several machines that share a matrix: `2/5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 1.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

impl Shard {
    /// Whether the cell in this place of the list is its own. Neighbours, which often share a client, go to different
    /// shards.
    pub fn has(self, place: usize) -> bool {
        place % self.of == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let wrong = || format!("`{text}` is no shard; accepted: I/N with I from 1 to N, such as 2/5");
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Shard { index: index.parse().map_err(|_| wrong())?, of: of.parse().map_err(|_| wrong())? };
        if (1..=shard.of).contains(&shard.index) { Ok(shard) } else { Err(wrong()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// What was run, as digests: a result is kept for as long as all three are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Of the resolved scenario, its cast included.
    pub plan: String,
    /// Of the clients' definitions, with the user's changes.
    pub clients: String,
    /// Of this program's very bytes, the runtime, the lock file and what else `lockin run` is told.
    pub arguments: String,
}

impl Identity {
    /// The identity of a run of these.
    pub fn of(plan: &str, clients: &str, arguments: &str) -> Identity {
        let digest = |text: &str| hex::encode(&sha256(text.as_bytes()).0[..8]);
        Identity { plan: digest(plan), clients: digest(clients), arguments: digest(arguments) }
    }

    /// What is not the same, as a phrase; `None` if all is.
    pub fn differs(&self, other: &Identity) -> Option<String> {
        let parts = [
            ("scenario", self.plan != other.plan),
            ("clients", self.clients != other.clients),
            ("arguments, lock file or build of lockin", self.arguments != other.arguments),
        ];
        let other: Vec<&str> = parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
        (!other.is_empty()).then(|| format!("other {}", other.join(" and other ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &str) -> Vec<String> {
        words.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn folders_are_plain_and_no_two_are_the_same() {
        let casts = [
            words("lockin prysm+geth"),
            words("lockin prysm-geth"),
            words("prysm@new prysm/lockin"),
            words("./x/y.yaml lockin"),
        ];
        let folders: Vec<_> = cells(&casts, None).into_iter().map(|cell| cell.folder).collect();
        assert_eq!(folders, ["lockin_prysm-geth", "lockin_prysm-geth-2", "prysm-new_prysm-lockin", "x-y.yaml_lockin"]);
        let sweep = Sweep::parse("slot_time=6s,500ms").unwrap();
        let swept = cells(&casts[..1], Some(&sweep));
        assert_eq!(swept[1].folder, "lockin_prysm-geth/slot-time-500ms");
        assert_eq!(swept[1].title(), "lockin / prysm+geth at 500ms");
        assert_eq!(swept[0].run_folder(2, 3), "lockin_prysm-geth/slot-time-6s/run-2");
        assert_eq!(swept[0].run_folder(1, 1), swept[0].folder);
    }

    #[test]
    fn every_cell_is_in_one_shard_and_none_has_many_more() {
        for of in 1..=7 {
            let shards: Vec<Shard> = (1..=of).map(|index| format!("{index}/{of}").parse().unwrap()).collect();
            for place in 0..20 {
                assert_eq!(shards.iter().filter(|shard| shard.has(place)).count(), 1);
            }
            let sizes = shards.iter().map(|shard| (0..20).filter(|place| shard.has(*place)).count());
            let sizes: Vec<usize> = sizes.collect();
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        }
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", ""] {
            assert!(wrong.parse::<Shard>().unwrap_err().contains("such as 2/5"), "{wrong}");
        }
        assert_eq!("2/5".parse::<Shard>().unwrap().to_string(), "2/5");
    }

    #[test]
    fn an_identity_says_what_is_another() {
        let one = Identity::of("plan", "clients", "arguments");
        assert_eq!(one.differs(&one.clone()), None);
        let says = "other scenario and other arguments, lock file or build of lockin";
        assert_eq!(one.differs(&Identity::of("other", "clients", "x")).unwrap(), says);
    }
}
