//! Walks through the steps of a plan. Says what is to be done; does nothing itself, and reads no clock.
//!
//! Whoever runs a network drives it:
//!
//! ```text
//! let mut script = Script::new();
//! while script.ending().is_none() {
//!     for output in script.poll(&plan, &history, now) {
//!         match output {
//!             Output::Tell(event) => journal.write(now.ms, now.slot, event)?,
//!             Output::Act(Action::Start(node)) => runtime.start(&node).await?,
//!             ...
//!         }
//!     }
//!     // wait a little: wall clock or virtual
//! }
//! ```

use super::plan::Plan;
use super::steps::{Ctx, Now, Out, Output, Progress, Running, Step, Turn};
use crate::journal::{Event, History, StepState};

/// How far a run has come in its steps.
#[derive(Default)]
pub struct Script {
    next: usize,
    running: Option<Box<dyn Running>>,
    progress: Option<Progress>,
    ending: Option<Ending>,
}

/// How the steps ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All are done.
    Finished,
    /// A wait was missed: the steps after it are not begun.
    Missed,
}

impl Script {
    /// Before the first step.
    pub fn new() -> Script {
        Script::default()
    }

    /// How the steps ended; `None` while they go on.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The step that goes on, from 0, and how far it has come, if it can tell.
    pub fn at(&self) -> (usize, Option<&Progress>) {
        (self.next, self.progress.as_ref())
    }

    /// Goes as far as it can at this moment. The outputs are to be carried out in order.
    pub fn poll(&mut self, plan: &Plan, history: &History, now: Now) -> Vec<Output> {
        let ctx = Ctx { plan, history, now };
        let mut out = Out::default();
        while self.ending.is_none() {
            let Some(step) = plan.steps.get(self.next) else {
                self.ending = Some(Ending::Finished);
                break;
            };
            let running = self.running.get_or_insert_with(|| {
                out.0.push(Output::Tell(told(self.next, step, StepState::Begin, None)));
                step.common().begin(&ctx)
            });
            match running.poll(&ctx, &mut out) {
                Turn::Going(progress) => {
                    self.tell_progress(progress, &mut out);
                    break;
                }
                Turn::Done(says) => {
                    out.0.push(Output::Tell(told(self.next, step, StepState::End, Some(says))));
                    self.next += 1;
                }
                Turn::Missed(says) => {
                    out.0.push(Output::Tell(told(self.next, step, StepState::Missed, Some(says))));
                    self.ending = Some(Ending::Missed);
                }
            }
            (self.running, self.progress) = (None, None);
        }
        out.0
    }

    /// To the journal only what changed: a wait is asked many times a slot.
    fn tell_progress(&mut self, progress: Option<Progress>, out: &mut Out) {
        let known = |progress: &Option<Progress>| progress.as_ref().map(|it| (it.have, it.want));
        if let Some(now) = &progress
            && known(&self.progress) != known(&progress)
        {
            let Progress { goal, have, want, eta_slots } = now.clone();
            let event = Event::Wait { step: self.next, goal, have, want, eta_slots };
            out.0.push(Output::Tell(event));
        }
        self.progress = progress;
    }
}

fn told(step: usize, plan: &Step, state: StepState, says: Option<String>) -> Event {
    let verb = plan.name().to_owned();
    // a step is written as `{ verb: arguments }`; it always has a JSON form, being plain data with string keys
    let args = serde_json::to_value(plan).ok().and_then(|step| step.get(&verb).cloned()).unwrap_or_default();
    Event::Step { step, verb, args, state, says }
}

#[cfg(test)]
mod tests {
    use super::super::steps::Action;
    use super::super::steps::test::{history, scenario};
    use super::*;

    fn at(slot: u64) -> Now {
        Now { ms: slot * 1000, slot: Some(slot) }
    }

    fn shown(outputs: &[Output]) -> Vec<String> {
        let one = |output: &Output| match output {
            Output::Act(action) => format!("{action:?}"),
            Output::Tell(Event::Step { step, verb, state, .. }) => format!("{step} {verb} {state:?}"),
            Output::Tell(Event::Wait { have, want, .. }) => format!("{have}/{want}"),
            Output::Tell(other) => panic!("{other:?}"),
        };
        outputs.iter().map(one).collect()
    }

    #[test]
    fn steps_run_one_after_the_other() {
        let plan = scenario("- wait: { finalized: 2, within: 6 epochs }");
        let mut script = Script::new();
        assert_eq!(shown(&script.poll(&plan, &history(&[]), at(0))), ["0 wait Begin", "0/2"]);
        assert_eq!(shown(&script.poll(&plan, &history(&[]), at(1))), Vec::<String>::new());
        assert_eq!(script.at().1.unwrap().eta_slots, Some(31));
        let done = history(&[("a0", 2), ("b0", 2)]);
        let last = script.poll(&plan, &done, at(32));
        assert_eq!(shown(&last), ["0 wait End", "1 start Begin", "Start(\"late\")", "1 start End"]);
        assert_eq!(script.ending(), Some(Ending::Finished));
        let Output::Tell(Event::Step { args, .. }) = &last[3] else { panic!() };
        assert_eq!(args, &serde_json::json!(["late"]));
        assert!(matches!(&last[2], Output::Act(Action::Start(node)) if node == "late"));
    }

    #[test]
    fn after_a_missed_wait_nothing_is_begun() {
        let plan = scenario("- wait: { finalized: 2, within: 2 slots }");
        let mut script = Script::new();
        script.poll(&plan, &history(&[]), at(0));
        assert_eq!(shown(&script.poll(&plan, &history(&[]), at(3))), ["0 wait Missed"]);
        assert_eq!(script.ending(), Some(Ending::Missed));
        assert!(script.poll(&plan, &history(&[]), at(4)).is_empty());
    }
}
