//! Judges a network that somebody else runs: watches its nodes, goes through the steps, which can only be waits, and
//! checks, with the same monitor, referee and judge as a network of one's own.
//!
//! Never: starts, ends or changes anything.

use super::{LONGEST_LOOK_MS, LOOKS_PER_SLOT, Seen, told};
use crate::{
    api::Client,
    journal::{Error as JournalError, Event, Writer},
    monitor::{self, Learned, Monitor},
    scenario::{Genesis, Judgement, Network, Now, Output, Plan, Script, Step, judge, quantity::Duration},
    ssz::Fork,
    time::{Clock, SlotClock, WallClock},
    types::FAR_FUTURE_EPOCH,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::sync::watch;

/// What the journal calls the runtime of a network that somebody else runs.
pub const ATTACHED: &str = "attached";

/// Why a scenario can't be judged of a network that somebody else runs; `None` if it can.
pub fn unattachable(plan: &Plan) -> Option<String> {
    let step = plan.steps.iter().position(|step| !matches!(step, Step::Wait(_)))?;
    let name = plan.steps[step].name();
    Some(format!("step {} is `{name}`, but nodes that somebody else runs can only be waited for", step + 1))
}

/// A network as plans have it, of what was learned.
pub fn learned_network(learned: &Learned) -> Network {
    let config = &learned.config;
    let first = config.genesis_fork();
    let later = |fork: &Fork| *fork > first && config.fork_epoch(*fork) != FAR_FUTURE_EPOCH;
    let limits = config.blob_schedule.iter().map(|entry| (entry.epoch, entry.max_blobs_per_block));
    let validators = learned.finalized.as_ref().map_or(0, |state| state.validators.len() as u64);
    Network {
        preset: config.preset.name.to_owned(),
        slots_per_epoch: config.preset.slots_per_epoch,
        slot_time: Duration(config.slot_duration_ms),
        genesis: Genesis { fork: first.name().to_owned(), validators, delay: None },
        forks: Fork::ALL
            .into_iter()
            .filter(later)
            .map(|fork| (fork.name().to_owned(), config.fork_epoch(fork)))
            .collect(),
        merge: None,
        blob_schedule: limits.collect(),
        constants: std::collections::BTreeMap::new(),
    }
}

/// Nodes that somebody else runs.
pub struct Attach<'a> {
    plan: &'a Plan,
    journal: Writer,
    monitor: Monitor,
    clock: SlotClock,
    begun: Instant,
    seen: Arc<Mutex<Seen>>,
    learned: Learned,
}

impl<'a> Attach<'a> {
    /// Judges these nodes, by the plan's names, as a network of what was learned of it.
    pub fn new(plan: &'a Plan, learned: Learned, nodes: Vec<(String, Client)>, journal: Writer) -> Self {
        let seen = Seen::listen(&journal);
        let clock = learned.config.slot_clock(learned.genesis_time);
        let mut monitor = Monitor::new(Arc::clone(&learned.config), journal.clone());
        monitor.begins_at(clock.slot_at(WallClock.now_ms()));
        if plan.preflight {
            monitor.begin_preflight(learned.genesis.clone());
        }
        if let Some(state) = &learned.finalized {
            monitor.begin_referee(Arc::clone(state));
        }
        for (name, client) in nodes {
            // Without validators it is never held against what only proposers need.
            monitor.examine(&name, monitor::Examined { beacon: client.clone(), engine: None, proposes: false });
            monitor.watch(&name, client);
        }
        Self { plan, journal, monitor, clock, begun: Instant::now(), seen, learned }
    }

    /// Watches until the steps are done, or `interrupt` gets a name. The journal ends with the judgement, as far as it
    /// can be written.
    pub async fn run(mut self, interrupt: watch::Receiver<Option<&'static str>>) -> Judgement {
        if let Err(error) = self.carry_through(interrupt.clone()).await {
            tracing::error!("{error}");
        }
        if interrupt.borrow().is_none() {
            let now = self.now();
            if let Err(error) = self.monitor.finish(monitor::Now { at_ms: now.ms, slot: now.slot }).await {
                tracing::error!("{error}");
            }
        }
        let judgement = judge(self.plan, &self.seen.lock().unwrap_or_else(PoisonError::into_inner).lines);
        for event in judgement.events() {
            if let Err(error) = self.tell(event) {
                tracing::error!("{error}");
            }
        }
        judgement
    }

    async fn carry_through(
        &mut self,
        mut interrupt: watch::Receiver<Option<&'static str>>,
    ) -> Result<(), JournalError> {
        for says in std::mem::take(&mut self.learned.unknown) {
            self.tell(Event::Note { says, node: None })?;
        }
        self.tell(Event::Genesis {
            time: Some(self.learned.genesis_time),
            root: self.learned.state_root.map_or("unknown".to_owned(), |root| root.to_string()),
            validators_root: self.learned.validators_root.to_string(),
        })?;
        let mut script = Script::new();
        loop {
            let now = self.now();
            tokio::select! {
                looked = self.monitor.poll(monitor::Now { at_ms: now.ms, slot: now.slot }) => looked?,
                () = told(&mut interrupt) => {}
            }
            if let Some(by) = *interrupt.borrow() {
                return self.tell(Event::Interrupted { by: by.to_owned() });
            }
            if self.monitor.preflight_found() && self.monitor.preflight_is_done() {
                return Ok(());
            }
            let now = self.now();
            if now.slot.is_some() {
                let outputs =
                    script.poll(self.plan, &self.seen.lock().unwrap_or_else(PoisonError::into_inner).history, now);
                for output in outputs {
                    // Waits act on nothing.
                    if let Output::Tell(event) = output {
                        self.tell(event)?;
                    }
                }
            }
            if script.ending().is_some() {
                return Ok(());
            }
            let every = (self.clock.slot_duration_ms / LOOKS_PER_SLOT).clamp(1, LONGEST_LOOK_MS);
            tokio::select! {
                () = tokio::time::sleep(std::time::Duration::from_millis(every)) => {}
                () = told(&mut interrupt) => {}
            }
        }
    }

    fn now(&self) -> Now {
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { ms, slot: self.clock.slot_at(WallClock.now_ms()) }
    }

    fn tell(&self, event: Event) -> Result<(), JournalError> {
        let now = self.now();
        self.journal.write(now.ms, now.slot, event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_waits_can_be_gone_through() {
        let plan = |steps: &str| {
            let text = format!(
                "name: t\nroles: {{ A: lockin }}\nnodes:\n  - {{ name: a0, role: A, validators: 8 }}\n  - {{ name: b0, role: A }}\nsteps:\n  - wait: 1 slots\n{steps}checks: [finalized]\n"
            );
            super::super::super::parse("t.yaml", &text, &Default::default()).unwrap()
        };
        assert_eq!(unattachable(&plan("")), None);
        let says = unattachable(&plan("  - stop: a0\n")).unwrap();
        assert!(says.starts_with("step 2 is `stop`"), "{says}");
    }
}
