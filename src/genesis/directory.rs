//! The directory that holds everything a client needs to join a network, in the names that each client looks for.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::engine;
use crate::keystore::write_secret;
use crate::ssz::{Fork as ForkName, Ssz};
use crate::types::{BeaconState, ChainConfig};

/// A file of the network directory that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("can't write {}: {source}; {hint}", path.display(), hint = hint(source))]
pub struct DirectoryError {
    /// Which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space or choose another folder",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "choose a folder that you may write to",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "a file is in the way; choose another folder",
        _ => "look at the disk, or choose another folder",
    }
}

/// How clients find each other when nobody tells them by argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// Signed node records, `enr:...`.
    pub enrs: Vec<String>,
}

/// Paths within a network directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkDirectory {
    /// The folder itself.
    pub path: PathBuf,
}

impl NetworkDirectory {
    /// The directory at `path`, written or yet to be.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        NetworkDirectory { path: path.into() }
    }

    /// The chain configuration.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.yaml")
    }

    /// The genesis state, SSZ.
    pub fn genesis(&self) -> PathBuf {
        self.path.join("genesis.ssz")
    }

    /// The secret that a node shares with its execution engine, hex.
    pub fn jwt(&self) -> PathBuf {
        self.path.join("jwt.hex")
    }

    /// The genesis block for execution clients, in geth's format; there on networks whose execution chain begins with the
    /// block of [`engine::genesis::execution_genesis`].
    pub fn execution_genesis(&self) -> PathBuf {
        self.path.join("genesis.json")
    }

    /// Writes every file that any client loads, replacing what is there. The secret is new each time and readable by
    /// its owner only.
    ///
    /// # Errors
    /// The first file that could not be written.
    pub fn write(&self, cfg: &ChainConfig, state: &BeaconState, peers: &Peers) -> Result<(), DirectoryError> {
        fs::create_dir_all(&self.path).map_err(|source| DirectoryError { path: self.path.clone(), source })?;
        let fork = cfg.fork_of_version(state.fork.current_version).unwrap_or_else(|| cfg.genesis_fork());
        let yaml_list: String = match peers.enrs.as_slice() {
            [] => "[]\n".into(),
            enrs => enrs.iter().map(|enr| format!("- \"{enr}\"\n")).collect(),
        };
        let lines: String = peers.enrs.iter().map(|enr| format!("{enr}\n")).collect();
        let files: [(&str, Vec<u8>); 10] = [
            ("config.yaml", cfg.to_yaml().into_bytes()),
            ("genesis.ssz", state.encode(cfg.shape(fork))),
            ("genesis_validators_root.txt", format!("{}\n", state.genesis_validators_root).into_bytes()),
            ("deposit_contract.txt", format!("{}\n", cfg.deposit_contract_address).into_bytes()),
            ("deposit_contract_block.txt", b"0\n".to_vec()),
            ("deposit_contract_block_hash.txt", format!("{}\n", state.eth1_data.block_hash).into_bytes()),
            ("deploy_block.txt", b"0\n".to_vec()),
            ("bootstrap_nodes.txt", lines.into_bytes()),
            ("bootstrap_nodes.yaml", yaml_list.clone().into_bytes()),
            ("boot_enr.yaml", yaml_list.into_bytes()),
        ];
        for (name, content) in &files {
            let path = self.path.join(name);
            fs::write(&path, content).map_err(|source| DirectoryError { path, source })?;
        }
        self.write_execution_genesis(cfg, state)?;
        let secret: [u8; 32] = rand::random();
        write_secret(&self.jwt(), hex::encode(secret)).map_err(|source| DirectoryError { path: self.jwt(), source })
    }
}

impl NetworkDirectory {
    /// Of an execution chain that begins otherwise, its own client has the file.
    fn write_execution_genesis(&self, cfg: &ChainConfig, state: &BeaconState) -> Result<(), DirectoryError> {
        let path = self.execution_genesis();
        let begins = &state.latest_execution_payload_header;
        let shape = cfg.shape(cfg.genesis_fork());
        let ours =
            shape.fork >= ForkName::Bellatrix && *begins == engine::genesis::execution_genesis(shape, begins.timestamp);
        let json = engine::genesis_json::genesis_json(cfg, begins.timestamp).filter(|_| ours);
        let done = match json {
            Some(json) => fs::write(&path, format!("{json:#}\n")),
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        };
        done.map_err(|source| DirectoryError { path, source })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::genesis::{Convention, genesis_state};
    use crate::ssz::Preset;

    fn written(dir: &Path, peers: &Peers) -> (NetworkDirectory, ChainConfig, BeaconState) {
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        cfg.start_at(ForkName::Altair);
        let state = genesis_state(&cfg, ForkName::Altair, Convention::Genesis, 1_700_000_000, 4).expect("ok");
        let directory = NetworkDirectory::at(dir.join("network"));
        directory.write(&cfg, &state, peers).expect("writes");
        (directory, cfg, state)
    }

    #[test]
    fn what_is_written_can_be_loaded() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (directory, cfg, state) = written(dir.path(), &Peers { enrs: vec!["enr:-a".into(), "enr:-b".into()] });
        let text = fs::read_to_string(directory.config()).expect("there");
        let (read, warnings) = ChainConfig::from_yaml(&text).expect("our own");
        assert_eq!((read, warnings.len()), (cfg.clone(), 0));
        let bytes = fs::read(directory.genesis()).expect("there");
        assert_eq!(cfg.decode_state(&bytes).expect("our own"), state);
        let file = |name: &str| fs::read_to_string(directory.path.join(name)).expect(name);
        assert_eq!(file("bootstrap_nodes.txt"), "enr:-a\nenr:-b\n");
        assert_eq!(file("boot_enr.yaml"), "- \"enr:-a\"\n- \"enr:-b\"\n");
        assert_eq!(file("deposit_contract_block.txt"), "0\n");
        assert_eq!(file("deposit_contract_block_hash.txt"), format!("0x{}\n", "42".repeat(32)));
        assert_eq!(file("genesis_validators_root.txt").len(), 67);
    }

    #[cfg(unix)]
    #[test]
    fn the_secret_is_new_each_time_and_nobody_elses() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("temporary folder");
        let (directory, ..) = written(dir.path(), &Peers::default());
        let first = fs::read_to_string(directory.jwt()).expect("there");
        assert_eq!(first.len(), 64);
        fs::set_permissions(directory.jwt(), fs::Permissions::from_mode(0o644)).expect("ours");
        written(dir.path(), &Peers::default());
        assert_ne!(fs::read_to_string(directory.jwt()).expect("there"), first);
        assert_eq!(fs::metadata(directory.jwt()).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(directory.path.join("boot_enr.yaml")).expect("there"), "[]\n");
    }

    #[test]
    fn execution_clients_are_given_the_block_that_the_state_begins_with_and_no_other() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut cfg = ChainConfig::lockin(Preset::minimal());
        cfg.start_at(ForkName::Deneb);
        let directory = NetworkDirectory::at(dir.path());
        let write = |convention| {
            let state = genesis_state(&cfg, ForkName::Deneb, convention, 1_700_000_000, 4).expect("ok");
            directory.write(&cfg, &state, &Peers::default()).expect("writes");
        };
        write(Convention::Live);
        let json: serde_json::Value =
            serde_json::from_slice(&fs::read(directory.execution_genesis()).expect("there")).expect("JSON");
        assert_eq!((&json["timestamp"], &json["config"]["cancunTime"]), (&"0x6553f100".into(), &1_700_000_000.into()));
        // a made-up header is of no block that could be described
        write(Convention::Merged);
        assert!(!directory.execution_genesis().exists());
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().expect("temporary folder");
        fs::write(dir.path().join("network"), "").expect("writes");
        let cfg = ChainConfig::minimal();
        let shape = cfg.shape(ForkName::Phase0);
        let state = BeaconState::zero(shape);
        let error = NetworkDirectory::at(dir.path().join("network")).write(&cfg, &state, &Peers::default());
        assert!(error.expect_err("must fail").to_string().contains("network: "));
    }
}
