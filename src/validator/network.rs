//! The network that a validator serves: its configuration and genesis, when its duties are due, and what its signatures
//! are made over. Compared with the beacon node's own idea of it before anything is signed, since a signature for
//! another fork version or genesis is worthless at best.

use crate::api::{ApiError, Client, dto};
use crate::spec::{compute_domain, compute_signing_root};
use crate::ssz::{Fork, Root, Ssz};
use crate::time::SlotClock;
use crate::types::constants::DOMAIN_VOLUNTARY_EXIT;
use crate::types::{ChainConfig, Domain, DomainType, Epoch, FAR_FUTURE_EPOCH, Slot};
use serde_json::Value;
use std::collections::BTreeMap;

/// A network, as the validator was told about it.
#[derive(Clone, Debug)]
pub struct Network {
    pub config: ChainConfig,
    /// Unix seconds.
    pub genesis_time: u64,
    pub genesis_validators_root: Root,
}

/// Why a beacon node must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("the beacon node could not be asked which network it is on: {0}")]
    Api(#[from] ApiError),
    #[error("the beacon node is on another network: {}; start both from the same network directory", .0.join("; "))]
    Different(Vec<String>),
}

impl Network {
    /// Where its slots lie in time.
    pub fn clock(&self) -> SlotClock {
        self.config.slot_clock(self.genesis_time)
    }

    /// The signature domain of `domain_type` in `epoch` (spec `get_domain`, by the schedule instead of a state). Exits
    /// keep capella's from deneb on (deneb `process_voluntary_exit`).
    pub fn get_domain(&self, domain_type: DomainType, epoch: Epoch) -> Domain {
        let fork = self.config.fork_at_epoch(epoch);
        let fork = if domain_type == DOMAIN_VOLUNTARY_EXIT { fork.min(Fork::Capella) } else { fork };
        let version = self.config.fork_version(fork);
        compute_domain(&self.config, domain_type, Some(version), Some(self.genesis_validators_root))
    }

    /// What is signed for `object` in `epoch` (spec `compute_signing_root`).
    pub fn signing_root<T: Ssz>(&self, object: &T, domain_type: DomainType, epoch: Epoch) -> Root {
        let shape = self.config.shape(self.config.fork_at_epoch(epoch));
        compute_signing_root(object, shape, self.get_domain(domain_type, epoch))
    }

    /// Asks the beacon node which network it is on. `Ok` holds the differences that no signature depends on.
    ///
    /// # Errors
    /// The node can't be asked, or differs in genesis, slot length, epoch length, or a scheduled fork.
    pub async fn check(&self, client: &Client) -> Result<Vec<String>, NetworkError> {
        let mut wrong = self.genesis_differences(&client.genesis().await?);
        let served = client.spec().await?;
        let (essential, minor) = self.config_differences(&served);
        wrong.extend(essential);
        match client.fork_schedule().await {
            Ok(schedule) => wrong.extend(self.schedule_differences(&schedule)),
            Err(error) if error.is_not_found() => {} // the values in the spec were compared
            Err(error) => return Err(error.into()),
        }
        if wrong.is_empty() { Ok(minor) } else { Err(NetworkError::Different(wrong)) }
    }

    fn genesis_differences(&self, theirs: &dto::Genesis) -> Vec<String> {
        let mut out = Vec::new();
        let mut compare = |name: &str, theirs: String, ours: String| {
            if theirs != ours {
                out.push(format!("{name} is {theirs} there and {ours} here"));
            }
        };
        let ours = self.genesis_validators_root;
        compare("genesis_validators_root", theirs.genesis_validators_root.to_string(), ours.to_string());
        compare("genesis_time", theirs.genesis_time.to_string(), self.genesis_time.to_string());
        let version = self.config.fork_version(self.config.genesis_fork());
        // the standard means GENESIS_FORK_VERSION; some nodes give the version of the genesis state
        if theirs.genesis_fork_version != version {
            let ours = self.config.genesis_fork_version.to_string();
            compare("genesis_fork_version", theirs.genesis_fork_version.to_string(), ours);
        }
        out
    }

    /// Differences in what signatures and timing depend on, and all others. A key that only one side knows is none.
    fn config_differences(&self, served: &BTreeMap<String, Value>) -> (Vec<String>, Vec<String>) {
        let (mut essential, mut minor) = (Vec::new(), Vec::new());
        for (key, ours) in self.config.entries() {
            let Some(theirs) = served.get(key).and_then(plain_text) else { continue };
            if normal(&theirs) != normal(&ours) {
                let list = if self.is_essential(key) { &mut essential } else { &mut minor };
                list.push(format!("{key} is {theirs} there and {ours} here"));
            }
        }
        (essential, minor)
    }

    fn is_essential(&self, key: &str) -> bool {
        const ALWAYS: [&str; 5] =
            ["SLOTS_PER_EPOCH", "SECONDS_PER_SLOT", "SLOT_DURATION_MS", "GENESIS_FORK_VERSION", "SYNC_COMMITTEE_SIZE"];
        let of_fork = |fork: Fork| {
            let name = fork.name().to_ascii_uppercase();
            key == format!("{name}_FORK_EPOCH") || (self.is_scheduled(fork) && key == format!("{name}_FORK_VERSION"))
        };
        ALWAYS.contains(&key) || Fork::ALL.into_iter().any(of_fork)
    }

    fn is_scheduled(&self, fork: Fork) -> bool {
        self.config.fork_epoch(fork) != FAR_FUTURE_EPOCH
    }

    /// Compares the version that is active from every epoch at which either side changes it.
    fn schedule_differences(&self, theirs: &[dto::Fork]) -> Vec<String> {
        if theirs.is_empty() {
            return Vec::new();
        }
        let ours =
            Fork::ALL.into_iter().filter(|fork| self.is_scheduled(*fork)).map(|fork| self.config.fork_epoch(fork));
        let scheduled = theirs.iter().map(|fork| fork.epoch).filter(|epoch| *epoch != FAR_FUTURE_EPOCH);
        let epochs: std::collections::BTreeSet<Epoch> = ours.chain(scheduled).collect();
        let mut out = Vec::new();
        for epoch in epochs {
            let version = self.config.fork_version(self.config.fork_at_epoch(epoch));
            let mut sorted: Vec<_> = theirs.iter().filter(|fork| fork.epoch <= epoch).collect();
            sorted.sort_by_key(|fork| fork.epoch); // stable: of several at one epoch the last counts
            match sorted.last().map(|fork| fork.current_version) {
                Some(active) if active == version => {}
                Some(active) => {
                    out.push(format!("from epoch {epoch} on, its fork version is {active}, here {version}"))
                }
                None => out.push(format!("its fork schedule has nothing for epoch {epoch}, here it is {version}")),
            }
        }
        out
    }

    /// The epoch whose sync committee signs in `slot`: its messages are for inclusion in the next slot. `None` before
    /// altair's first slot, which nobody prepares by signing in the slot before.
    pub fn sync_committee_epoch(&self, slot: Slot) -> Option<Epoch> {
        let built = self.config.fork_at_slot(slot) >= Fork::Altair;
        built.then(|| self.config.epoch_of(slot.saturating_add(1)))
    }
}

fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Hex in any case, and numbers with leading zeros, say the same; so do numbers in hex, as Prysm has the flags of
/// participation.
fn normal(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let number = match lower.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).map(u128::from),
        None => lower.parse::<u128>(),
    };
    number.map_or(lower, |number| number.to_string())
}
