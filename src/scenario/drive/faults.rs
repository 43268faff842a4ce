//! Faults of a run: what the runtime can't do is said before anything starts.

use super::{Drive, DriveError};
use crate::runtime::Fault;

impl Drive<'_> {
    /// The first step that the runtime can't do.
    pub(super) fn lacking(&self) -> Option<String> {
        let lacks = |(n, ability): (usize, _)| {
            let (verb, runtime) = (self.plan.steps[n].name(), self.runtime.name());
            let why = self.runtime.lacks(ability)?;
            Some(format!("step {} (`{verb}`): runtime `{runtime}` can't {ability}: {why}", n + 1))
        };
        self.plan.needs().into_iter().find_map(lacks)
    }

    /// A paused node is not asked anything: it would only keep everybody waiting.
    pub(super) async fn inflict(&mut self, fault: &Fault) -> Result<(), DriveError> {
        if let Fault::Pause { nodes } = fault {
            nodes.iter().for_each(|node| self.monitor.forget(node));
        }
        Ok(self.runtime.inflict(fault).await?)
    }

    pub(super) async fn lift(&mut self, fault: &Fault) -> Result<(), DriveError> {
        self.runtime.lift(fault).await?;
        if let Fault::Pause { nodes } = fault {
            for node in nodes {
                self.monitor.watch(node, self.runtime.beacon(node)?);
            }
        }
        Ok(())
    }
}
