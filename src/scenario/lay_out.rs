//! From a plan to the network that a runtime starts: chain configuration, keys, who dials whom.

use super::{Error, Plan};
use crate::{
    genesis::Convention,
    ssz::{Fork, Preset},
    topology::{self, GenesisPlan, Links, NetworkPlan, NodeSpec, Validators},
    types::ChainConfig,
};

impl Plan {
    /// The network of this plan, with fork versions of our own.
    ///
    /// # Errors
    /// A constant that no configuration has or whose value does not fit, and whatever makes no network.
    pub fn lay_out(&self) -> Result<NetworkPlan, Error> {
        let config = self.config()?;
        let genesis = GenesisPlan {
            fork: self.genesis_fork()?,
            validators: self.network.genesis.validators,
            delay_ms: self.network.genesis.delay.map(|delay| delay.0),
            convention: Convention::Genesis,
        };
        let nodes: Vec<NodeSpec> = self
            .nodes
            .iter()
            .map(|node| NodeSpec {
                name: node.name.clone(),
                role: Some(node.role.clone()),
                client: node.client.clone(),
                validators: Validators::Ranges(node.validators.clone()),
                start: node.start,
            })
            .collect();
        let links = Links::Pairs(self.links.clone());
        topology::lay_out(&self.name, self.seed, config, genesis, &nodes, &links)
            .map_err(|error| Error::Network(error.to_string()))
    }

    fn genesis_fork(&self) -> Result<Fork, Error> {
        self.network.genesis.fork.parse().map_err(|error: crate::ssz::UnknownFork| Error::Network(error.to_string()))
    }

    fn config(&self) -> Result<ChainConfig, Error> {
        let wrong = |error: &dyn std::fmt::Display| Error::Network(error.to_string());
        let preset = Preset::by_name(&self.network.preset).map_err(|error| wrong(&error))?;
        let mut config = ChainConfig::lockin(preset);
        config.slot_duration_ms = self.network.slot_time.0;
        config.start_at(self.genesis_fork()?);
        for (fork, epoch) in &self.network.forks {
            let fork = fork.parse().map_err(|error: crate::ssz::UnknownFork| wrong(&error))?;
            config.set_fork_epoch(fork, *epoch);
        }
        for (key, value) in &self.network.constants {
            config.set(key, value).map_err(|error| wrong(&error))?;
        }
        Ok(config)
    }
}
