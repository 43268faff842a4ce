//! What a network is, learned from one of its nodes: for networks that somebody else runs.
//!
//! Never: believes a second node. Whether the others are on the same network is for [`super::preflight`] to find.

use super::Genesis;
use crate::{
    api::{ApiError, Client},
    ssz::{Preset, Root},
    types::{BeaconState, ChainConfig, config::ConfigError},
};
use std::sync::Arc;

/// A network as one of its nodes tells of it.
pub struct Learned {
    /// Its configuration.
    pub config: Arc<ChainConfig>,
    /// How it begins, as far as the node tells.
    pub genesis: Genesis,
    /// Unix seconds.
    pub genesis_time: u64,
    /// Root of the validators at genesis.
    pub validators_root: Root,
    /// Root of the genesis state, if the node tells it.
    pub state_root: Option<Root>,
    /// The state of the block that the node has finalized, if it hands out states: blocks are judged from there on.
    pub finalized: Option<Arc<BeaconState>>,
    /// What could not be learned, as sentences.
    pub unknown: Vec<String>,
}

/// Why nothing can be learned of a network.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The node does not tell.
    #[error("{0}")]
    Api(#[from] ApiError),
    /// The configuration is none that this program has rules for.
    #[error("its configuration (/eth/v1/config/spec): {0}")]
    Config(#[from] ConfigError),
    /// States of two networks.
    #[error("its finalized state is of another network than it says: validators root {state}, not {said}")]
    OtherNetwork {
        /// In the state.
        state: Root,
        /// As it said.
        said: Root,
    },
}

/// Asks a node for all that must be known to judge its network.
///
/// # Errors
/// It does not answer, or its network is not one to be judged here.
pub async fn learn(client: &Client) -> Result<Learned, LearnError> {
    let config = config(client).await?;
    let genesis = client.genesis().await?;
    let mut unknown = Vec::new();
    let mut known = |root: Result<Root, ApiError>| root.map_err(|error| unknown.push(error.to_string())).ok();
    let state_root = known(client.state_root("genesis").await);
    let block_root = known(client.block_root("genesis").await);
    let finalized = match client.debug_state(&config, "finalized").await {
        Ok(state) if state.data.genesis_validators_root != genesis.genesis_validators_root => {
            let (state, said) = (state.data.genesis_validators_root, genesis.genesis_validators_root);
            return Err(LearnError::OtherNetwork { state, said });
        }
        Ok(state) => Some(Arc::new(state.data)),
        Err(error) => {
            unknown.push(format!("blocks can't be recomputed, for want of a state to begin with: {error}"));
            None
        }
    };
    Ok(Learned {
        config: Arc::new(config),
        genesis: Genesis::told(genesis.genesis_time, genesis.genesis_validators_root, state_root, block_root),
        genesis_time: genesis.genesis_time,
        validators_root: genesis.genesis_validators_root,
        state_root,
        finalized,
        unknown,
    })
}

/// A node's answer is a configuration file in another form: JSON is YAML, and holds the preset's values, too.
async fn config(client: &Client) -> Result<ChainConfig, LearnError> {
    let spec = client.spec().await?;
    let text = |key: &str| spec.get(key).and_then(serde_json::Value::as_str);
    let preset = match (text("PRESET_BASE"), text("SLOTS_PER_EPOCH")) {
        (None, Some("8")) => Some(Preset::minimal()),
        (None, _) => Some(Preset::mainnet()),
        (Some(_), _) => None,
    };
    let file = serde_json::Value::from_iter(spec.clone()).to_string();
    let (config, warnings) = ChainConfig::from_yaml_file("config/spec", &file, preset)?;
    for warning in warnings {
        tracing::debug!("{warning}");
    }
    Ok(config)
}
