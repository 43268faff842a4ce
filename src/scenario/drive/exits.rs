//! Programs that ended without being asked to.

use super::{Drive, DriveError};
use crate::{
    journal::{Event, NodeEvent, NodeState},
    runtime::Exit,
};

impl Drive<'_> {
    /// Programs that ended by themselves: a crash, or trouble if it is the environment's fault.
    pub(super) fn tell_exits(&mut self) -> Result<(), DriveError> {
        for exit in excuses_first(self.runtime.exits()) {
            self.lost = true;
            self.monitor.forget(&exit.node);
            if exit.environment {
                let says = exit.log.last().cloned().unwrap_or_else(|| "it left no word in its log".to_owned());
                self.tell(Event::Trouble { doing: format!("running {} ({})", exit.node, exit.role), says })?;
                continue;
            }
            let mut event = NodeEvent::new(&exit.node, NodeState::Exited);
            event.role = Some(exit.role);
            (event.code, event.signal, event.log) = (exit.code, exit.signal, exit.log);
            self.tell(Event::Node(event))?;
        }
        Ok(())
    }
}

/// Exits that were seen in one look, those first that the environment is to blame for: an engine that was out of memory is
/// why its beacon node gave up, whichever is named first.
fn excuses_first(mut exits: Vec<Exit>) -> Vec<Exit> {
    exits.sort_by_key(|exit| !exit.environment);
    exits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excuses_a_crash_is_told_before_it() {
        let exit = |node: &str, environment| {
            let (node, role) = (node.to_owned(), "beacon".to_owned());
            Exit { node, role, code: Some(1), signal: None, environment, log: Vec::new() }
        };
        let exits = vec![exit("a0", false), exit("b0", false), exit("c0", true)];
        let order: Vec<String> = excuses_first(exits).into_iter().map(|exit| exit.node).collect();
        assert_eq!(order, ["c0", "a0", "b0"]);
    }
}
