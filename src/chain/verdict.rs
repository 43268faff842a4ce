//! Why an object is not taken, and how its sender hears of it.

use super::effect::{Effect, Gossip, Level, Notice, Outcome};
use super::event::Origin;
use super::held::Asker;
use super::{Chain, Error};
use crate::ssz::Root;

/// Why an object is not taken now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Of no use; nobody's fault.
    Ignore(String),
    /// Known already.
    Duplicate(String),
    /// Invalid.
    Reject(String),
    /// Can't be judged without this block.
    NeedsBlock(Root),
    /// Can't be judged before its slot.
    Early,
}

/// Ignores as known already, with the reason, what is not new.
pub(super) fn fresh(new: bool, why: impl FnOnce() -> String) -> Result<(), Fault> {
    if new { Ok(()) } else { Err(Fault::Duplicate(why())) }
}

pub(super) fn ignore<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Ignore(why.into()))
}

pub(super) fn reject<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Reject(why.into()))
}

/// Refuses with the reason unless it holds.
pub(super) fn must(holds: bool, why: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Reject(why())) }
}

/// Ignores with the reason unless it holds.
pub(super) fn should(holds: bool, why: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Ignore(why())) }
}

impl From<Error> for Fault {
    /// What the chain itself can't do is nobody's fault.
    fn from(error: Error) -> Fault {
        Fault::Ignore(error.to_string())
    }
}

impl Chain {
    /// Tells whoever waits, once.
    pub(super) fn answer(&mut self, asker: &mut Asker, outcome: Outcome) {
        if !std::mem::replace(&mut asker.answered, true) {
            self.out.push(Effect::Outcome { origin: asker.origin, outcome });
        }
    }

    /// Tells of a fault that is final.
    pub(super) fn refuse(&mut self, asker: &mut Asker, fault: Fault) {
        let outcome = match fault {
            Fault::Reject(why) => Outcome::Reject(why),
            Fault::Ignore(why) => Outcome::Ignore(why),
            Fault::Duplicate(why) => Outcome::Duplicate(why),
            Fault::NeedsBlock(root) => {
                Outcome::Ignore(format!("block {root} is not known, and nothing more can be held"))
            }
            Fault::Early => Outcome::Ignore("from a slot to come, and nothing more can be held".into()),
        };
        self.answer(asker, outcome);
    }

    /// Tells of an object that is held, or for which there was no room: an API call at once, whoever else waits when it is
    /// judged.
    pub(super) fn tell_held(&mut self, mut asker: Asker, kept: bool, why: &str, fault: Fault) {
        match (kept, asker.origin) {
            (true, Origin::Api(_)) => self.answer(&mut asker, Outcome::Held(why.into())),
            (true, _) => {}
            (false, _) => self.refuse(&mut asker, fault),
        }
    }

    /// Accepts, and publishes what came from this node's own side.
    pub(super) fn accept(&mut self, asker: &mut Asker, gossip: impl FnOnce() -> Gossip) {
        if matches!(asker.origin, Origin::Api(_) | Origin::Own) {
            self.out.push(Effect::Publish(gossip()));
        }
        self.answer(asker, Outcome::Accept);
    }

    pub(super) fn notify(&mut self, notice: Notice) {
        self.out.push(Effect::Notify(notice));
    }

    pub(super) fn log(&mut self, level: Level, message: String) {
        self.out.push(Effect::Log { level, message });
    }

    /// Logs merges refused by a pool, and counts them.
    pub(super) fn log_refusals(&mut self, lines: Vec<String>) {
        for line in lines {
            self.metrics.overlapping_merges_refused += 1;
            self.log(Level::Warn, line);
        }
    }

    /// Asks for a block, once while it is missing; but each requester hears that its own block has no parent.
    pub(super) fn want_block(&mut self, root: Root, origin: Origin) {
        if self.held.want(root, origin) || matches!(origin, Origin::Sync(_)) {
            self.out.push(Effect::RequestBlock { root, origin });
        }
    }
}
