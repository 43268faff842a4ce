//! What is known of a run's pods and of the programs in them, as tasks hear it. Never asks.

use super::{
    cluster::Change,
    inside::{Ended, State},
    view::Pod,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Shared by all who hear.
#[derive(Clone, Default)]
pub struct Board(Arc<Inner>);

#[derive(Default)]
struct Inner {
    known: Mutex<Known>,
    changed: Notify,
}

/// What is known.
#[derive(Default)]
pub struct Known {
    /// Pods by name.
    pub pods: BTreeMap<String, Pod>,
    /// Names of pods that were there and are not any more.
    pub gone: BTreeSet<String>,
    /// What became of programs, by node and role.
    pub states: BTreeMap<(String, String), State>,
    /// Programs that ended and were not told to, their pods being well.
    pub exits: Vec<Exited>,
    /// What the cluster did to nodes, in words.
    pub troubles: Vec<(String, String)>,
}

/// A program that ended.
pub struct Exited {
    /// The node.
    pub node: String,
    /// The role.
    pub role: String,
    /// Which of its programs.
    pub number: u64,
    /// How.
    pub ended: Ended,
}

impl Board {
    /// What is known now.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known.
    pub fn learn<T>(&self, learn: impl FnOnce(&mut Known) -> T) -> T {
        let learned = learn(&mut self.known());
        self.0.changed.notify_waiters();
        learned
    }

    /// Waits for the next change.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// What a watch tells.
    pub fn hear(&self, change: Change) {
        self.learn(|known| match change {
            Change::All(pods) => {
                let there: BTreeMap<_, _> = pods.into_iter().map(|(name, pod)| (name, Pod::of(pod))).collect();
                let before = std::mem::replace(&mut known.pods, there);
                let gone: Vec<String> = before.into_keys().filter(|name| !known.pods.contains_key(name)).collect();
                known.gone.extend(gone);
            }
            Change::Is(name, pod) => drop(known.pods.insert(name, Pod::of(pod))),
            Change::Gone(name) => {
                known.pods.remove(&name);
                known.gone.insert(name);
            }
        });
    }
}

impl Known {
    /// What happened to a pod that nobody here wanted, in the cluster's words.
    pub fn lost(&self, pod: &str) -> Option<String> {
        if self.gone.contains(pod) {
            return Some("somebody deleted its pod".to_owned());
        }
        let seen = self.pods.get(pod)?;
        let says = seen.taken().or_else(|| seen.broken())?;
        Some(format!("its pod on {}: {says}", seen.machine().unwrap_or("no machine")))
    }

    /// The machine of a pod.
    pub fn machine(&self, pod: &str) -> String {
        self.pods.get(pod).and_then(Pod::machine).unwrap_or("no machine").to_owned()
    }
}
