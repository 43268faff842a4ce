//! What became of a duty, and its log line. The line's fields are stable, for whoever reads logs by machine: `duty`,
//! `slot`, `validator` (absent if it concerns all), `late_ms`, `outcome`, `why`.

use crate::api::ApiError;
use crate::types::{Slot, ValidatorIndex};
use std::fmt;

/// Log target of all outcomes.
pub const TARGET: &str = "lockin::duty";

/// The kinds of duties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Learning from the beacon node what there is to do.
    Lookup,
    Block,
    Attestation,
    Aggregate,
    SyncMessage,
    Contribution,
    Subscription,
    /// Telling the beacon node who gets the fees.
    Preparation,
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Duty::Lookup => "lookup",
            Duty::Block => "block",
            Duty::Attestation => "attestation",
            Duty::Aggregate => "aggregate",
            Duty::SyncMessage => "sync_message",
            Duty::Contribution => "contribution",
            Duty::Subscription => "subscription",
            Duty::Preparation => "preparation",
        })
    }
}

/// How a duty ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The beacon node took it.
    Done,
    /// There was nothing to do after all.
    Skipped(String),
    /// Slashing protection said no, or the beacon node asked for something else to be signed than is due.
    Refused(String),
    /// The beacon node did not do its part.
    Failed(String),
}

impl Ending {
    /// The ending of a duty that consists of one question.
    pub fn of(answer: Result<(), ApiError>) -> Ending {
        answer.map_or_else(|error| Ending::Failed(error.to_string()), |()| Ending::Done)
    }
}

/// One duty's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub duty: Duty,
    pub slot: Slot,
    /// `None` if it concerns all validators of this process.
    pub validator: Option<ValidatorIndex>,
    /// Milliseconds from when it was due to when it was begun; negative if early.
    pub late_ms: i64,
    pub ending: Ending,
}

impl Outcome {
    /// Writes the log line: blocks and attestations that went well on level info, the many others on debug, and what
    /// went wrong as a warning.
    pub fn log(&self) {
        let Outcome { duty, slot, validator, late_ms, ending } = self;
        match ending {
            Ending::Done if matches!(duty, Duty::Block | Duty::Attestation) => {
                tracing::info!(target: TARGET, %duty, slot, validator, late_ms, outcome = "done");
            }
            Ending::Done => tracing::debug!(target: TARGET, %duty, slot, validator, late_ms, outcome = "done"),
            Ending::Skipped(why) => {
                tracing::info!(target: TARGET, %duty, slot, validator, late_ms, outcome = "skipped", why);
            }
            Ending::Refused(why) => {
                tracing::warn!(target: TARGET, %duty, slot, validator, late_ms, outcome = "refused", why);
            }
            Ending::Failed(why) => {
                tracing::warn!(target: TARGET, %duty, slot, validator, late_ms, outcome = "failed", why);
            }
        }
    }

    /// Whether the beacon node took it.
    pub fn is_done(&self) -> bool {
        self.ending == Ending::Done
    }
}
