//! How long clients took on this machine until they answered, so that genesis comes neither before its nodes are ready
//! nor long after. One small file in the user's cache folder, by client, program and size of the network.
//!
//! Never: matters to a verdict. A file that can't be read or written is as good as none.

use crate::client::{ClientDef, ENGINE, Role};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Starts that are remembered of each kind of node.
const REMEMBERED: usize = 5;
/// Kinds of nodes that are remembered: a file of a few kilobytes.
const MOST_KINDS: usize = 200;
/// Of a program that declares nothing, milliseconds.
const DECLARED_NOTHING_MS: u64 = 10_000;
/// Longest start of a program that declares none, milliseconds.
const WITHIN_MS: u64 = 30_000;

/// One start of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Took {
    /// Until its last program was started, milliseconds: so long the next node waits for its own start.
    pub(super) start_ms: u64,
    /// Until it answered, milliseconds.
    pub(super) ready_ms: u64,
}

/// The clients that make a node.
#[derive(Clone, Copy)]
pub(super) struct Clients<'a> {
    /// Whose roles but the engine's it has.
    pub(super) consensus: &'a ClientDef,
    /// Whose engine it has.
    pub(super) execution: Option<&'a ClientDef>,
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct StartTimes {
    /// Where; nothing is written without it.
    path: Option<PathBuf>,
    kinds: BTreeMap<String, Vec<Took>>,
}

impl StartTimes {
    /// The file of this user: `lockin/start-times.json` in the cache folder.
    pub(super) fn of_user() -> Self {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        cache.map_or_else(Self::default, |cache| Self::at(cache.join("lockin/start-times.json")))
    }

    fn at(path: PathBuf) -> Self {
        let kinds = read(&path);
        Self { path: Some(path), kinds }
    }

    /// The longest of the remembered starts of that kind, else what its client declares.
    pub(super) fn expected(&self, kind: &str, clients: Clients<'_>) -> Took {
        let longest = |of: fn(&Took) -> u64| self.kinds.get(kind)?.iter().map(of).max();
        match (longest(|took| took.start_ms), longest(|took| took.ready_ms)) {
            (Some(start_ms), Some(ready_ms)) => Took { start_ms, ready_ms },
            _ => clients.declared(),
        }
    }

    /// Remembers a start, beside what other runs have written meanwhile.
    pub(super) fn remember(&mut self, kind: String, took: Took) {
        let Some(path) = &self.path else { return };
        self.kinds = read(path);
        let starts = self.kinds.entry(kind).or_default();
        starts.push(took);
        starts.drain(..starts.len().saturating_sub(REMEMBERED));
        while self.kinds.len() > MOST_KINDS {
            self.kinds.pop_first();
        }
        if let Err(error) = write(path, &self.kinds) {
            tracing::debug!("writing {}: {error}", path.display());
        }
    }
}

fn read(path: &Path) -> BTreeMap<String, Vec<Took>> {
    fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// By a file of its own that takes the old one's place: whoever reads meanwhile reads one or the other.
fn write(path: &Path, kinds: &BTreeMap<String, Vec<Took>>) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = folder.join(format!(".start-times-{}", std::process::id()));
    fs::write(&new, serde_json::to_vec(kinds).map_err(std::io::Error::other)?)?;
    fs::rename(&new, path)
}

impl<'a> Clients<'a> {
    fn engine(self) -> Option<&'a Role> {
        self.execution?.roles.get(ENGINE)
    }

    /// The program that answers: of the consensus client, the one that can be asked.
    fn beacon(self) -> Option<&'a Role> {
        let asked = |role: &&Role| role.ready.as_ref().is_some_and(|ready| ready.get.is_some());
        self.consensus.roles.iter().filter(|(name, _)| *name != ENGINE).map(|(_, role)| role).find(asked)
    }

    /// What the clients declare: the engine first, then who needs it.
    fn declared(self) -> Took {
        let takes = |role: Option<&Role>| {
            let declared = role.and_then(|role| role.ready.as_ref()?.takes);
            declared.map_or(DECLARED_NOTHING_MS, |takes| takes.0)
        };
        let start_ms = self.engine().map_or(0, |role| takes(Some(role)));
        Took { start_ms, ready_ms: start_ms + takes(self.beacon()) }
    }

    /// The longest that a start may take by what the clients declare, milliseconds.
    pub(super) fn at_most_ms(self) -> u64 {
        let within = |role: Option<&Role>| role.and_then(|role| role.ready.as_ref()).map(|ready| ready.within.0);
        within(self.engine()).unwrap_or(0) + within(self.beacon()).unwrap_or(WITHIN_MS)
    }

    /// What makes one start like another: the clients, their definitions, their programs as they are on disk, and how
    /// large the genesis state is that they load.
    pub(super) fn kind(self, lockin: Option<&Path>, preset: &str, validators: u64) -> String {
        let all = || std::iter::once(self.consensus).chain(self.execution);
        let mut hasher = Sha256::new();
        for def in all() {
            hasher.update(serde_json::to_vec(def).unwrap_or_default());
            for program in def.roles.values().filter_map(|role| role.program.as_deref()) {
                let own = program.contains("{{ lockin }}").then_some(lockin).flatten().map(Path::to_owned);
                let file = own.or_else(|| on_path(program)).and_then(|path| fs::metadata(path).ok());
                let changed = file.as_ref().and_then(|file| file.modified().ok()?.duration_since(UNIX_EPOCH).ok());
                hasher.update(file.map_or(0, |file| file.len()).to_le_bytes());
                hasher.update(changed.unwrap_or_default().as_nanos().to_le_bytes());
            }
        }
        let names: Vec<&str> = all().map(|def| def.name.as_str()).collect();
        let digest = hex::encode(&hasher.finalize()[..6]);
        format!("{} {digest} {preset} {}", names.join("+"), validators.next_power_of_two())
    }
}

/// Where a program is: as it is named, or in a folder of PATH.
fn on_path(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program));
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lockin() -> ClientDef {
        crate::client::load("lockin").unwrap()
    }

    #[test]
    fn what_is_measured_goes_before_what_is_declared() {
        let def = lockin();
        let (alone, with_engine) =
            (Clients { consensus: &def, execution: None }, Clients { consensus: &def, execution: Some(&def) });
        let mut times = StartTimes::at(tempfile::tempdir().unwrap().path().join("times.json"));
        let kind = alone.kind(None, "minimal", 64);
        let declared = times.expected(&kind, alone);
        assert!(declared.start_ms == 0 && declared.ready_ms > 0);
        assert!(times.expected("other", with_engine).start_ms > 0);
        assert!(alone.at_most_ms() > declared.ready_ms);
        times.remember(kind.clone(), Took { start_ms: 3, ready_ms: 700 });
        times.remember(kind.clone(), Took { start_ms: 5, ready_ms: 600 });
        assert_eq!(times.expected(&kind, alone), Took { start_ms: 5, ready_ms: 700 });
    }

    #[test]
    fn another_program_size_or_definition_is_another_kind() {
        let def = lockin();
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("lockin");
        let kind = |def: &ClientDef, validators| {
            Clients { consensus: def, execution: None }.kind(Some(&program), "minimal", validators)
        };
        fs::write(&program, "1").unwrap();
        let first = kind(&def, 60);
        assert_eq!(kind(&def, 64), first);
        assert_ne!(kind(&def, 1000), first);
        fs::write(&program, "12").unwrap();
        assert_ne!(kind(&def, 64), first);
        let mut other = def.clone();
        other.about.push('!');
        fs::write(&program, "1").unwrap();
        assert_ne!(kind(&other, 64), first);
    }

    #[test]
    fn the_last_starts_are_remembered_by_kind_and_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/start-times.json");
        let mut times = StartTimes::at(path.clone());
        for ready_ms in [900, 100, 200, 300, 400, 500] {
            times.remember("one".into(), Took { start_ms: 10, ready_ms });
        }
        times.remember("two".into(), Took { start_ms: 1, ready_ms: 2 });
        let read = StartTimes::at(path.clone());
        let ready = |kind: &str| read.kinds[kind].iter().map(|took| took.ready_ms).collect::<Vec<_>>();
        assert_eq!(ready("one"), [100, 200, 300, 400, 500]);
        assert_eq!(ready("two"), [2]);
        // Two runs at once keep what both measured.
        let mut other = StartTimes::at(path.clone());
        times.remember("three".into(), Took::default());
        other.remember("four".into(), Took::default());
        assert_eq!(StartTimes::at(path.clone()).kinds.len(), 4);
        fs::write(&path, "rubbish").unwrap();
        assert!(StartTimes::at(path).kinds.is_empty());
    }
}
