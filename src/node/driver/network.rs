//! The network directory: `config.yaml` and `genesis.ssz`. This file NEVER writes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::net::libp2p as link;
use crate::net::service::Schedule;
use crate::ssz::{DecodeError, Root, Ssz};
use crate::types::config::ConfigError;
use crate::types::{BeaconState, ChainConfig};

/// Why a network directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error(
        "can't read {path}: {source}; --network-dir names a folder with config.yaml and genesis.ssz, as `lockin genesis` writes it"
    )]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "{path} is no genesis state of this configuration: {source}; do config.yaml and genesis.ssz belong together?"
    )]
    Genesis {
        path: PathBuf,
        #[source]
        source: DecodeError,
    },
}

/// A network, ready to be started.
pub(super) struct Network {
    pub config: Arc<ChainConfig>,
    pub genesis: BeaconState,
    pub genesis_root: Root,
}

impl Network {
    /// Reads `DIR/config.yaml` and `DIR/genesis.ssz`; warnings about the former go to the log.
    pub fn load(dir: &Path) -> Result<Network, NetworkError> {
        let path = dir.join("config.yaml");
        let text =
            std::fs::read_to_string(&path).map_err(|source| NetworkError::Read { path: path.clone(), source })?;
        let (config, warnings) = ChainConfig::from_yaml_file(&path.display().to_string(), &text, None)?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let path = dir.join("genesis.ssz");
        let bytes = std::fs::read(&path).map_err(|source| NetworkError::Read { path: path.clone(), source })?;
        let shape = config.state_shape(&bytes);
        let genesis = BeaconState::decode(shape, &bytes).map_err(|source| NetworkError::Genesis { path, source })?;
        let genesis_root = genesis.hash_tree_root(shape);
        Ok(Network { config: Arc::new(config), genesis, genesis_root })
    }

    /// How the link is to be set up for this network.
    pub fn link_config(&self, secret: [u8; 32], listen: SocketAddr, quic: Option<u16>) -> link::Config {
        let cfg = &*self.config;
        let schedule = Schedule::new(cfg, self.genesis.genesis_validators_root);
        let epoch_ms = cfg.slot_duration_ms.saturating_mul(cfg.preset.slots_per_epoch);
        link::Config {
            ip: listen.ip(),
            port: listen.port(),
            quic,
            agent: super::super::rest::version(),
            digests: schedule.digests(),
            phase0_digest: schedule.phase0_digest(),
            seen_ttl: Duration::from_millis(epoch_ms.saturating_mul(2)),
            judged_within: Duration::from_millis(cfg.slot_duration_ms.saturating_mul(2)),
            ..link::Config::loopback(secret)
        }
    }
}
