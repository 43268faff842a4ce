//! What can be done to local programs: halt them. Whatever is between nodes here is the loopback interface, which they share
//! with everything on this machine.

use super::Process;
use crate::runtime::{Ability, Error, Fault, Faults, fault::tell_engines};
use async_trait::async_trait;

#[async_trait(?Send)]
impl Faults for Process {
    fn lacks(&self, ability: Ability) -> Option<String> {
        let why = match ability {
            Ability::Pause | Ability::Answer => return None,
            Ability::Partition | Ability::Loss | Ability::Latency | Ability::Bandwidth => {
                "all nodes share the loopback interface with this machine's other programs"
            }
            Ability::Skew => "all nodes read this machine's clock",
        };
        Some(why.to_owned())
    }

    async fn inflict(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, true).await
    }

    async fn lift(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, false).await
    }
}

impl Process {
    async fn set(&mut self, fault: &Fault, on: bool) -> Result<(), Error> {
        match fault {
            Fault::Pause { nodes } => nodes.iter().try_for_each(|name| self.pause(name, on)),
            Fault::Answer { nodes, say } => tell_engines(self, nodes, on.then_some(*say)).await,
            _ => {
                let ability = fault.ability();
                Err(Error::Lacks { ability, why: self.lacks(ability).unwrap_or_default() })
            }
        }
    }

    fn pause(&mut self, name: &str, on: bool) -> Result<(), Error> {
        let node = self.nodes.get(name).ok_or_else(|| Error::UnknownNode(name.to_owned()))?;
        match self.running.get_mut(name).filter(|programs| !programs.is_empty()) {
            Some(programs) => programs.pause(node, on),
            None if on => return Err(Error::State { node: name.to_owned(), state: "not running" }),
            None => {}
        }
        Ok(())
    }
}
