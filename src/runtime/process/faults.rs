//! What can be done to local programs: halt them. Whatever is between nodes here is the loopback interface, which they share
//! with everything on this machine.

use super::Process;
use crate::runtime::{Ability, Error, Fault, Faults};
use async_trait::async_trait;

#[async_trait(?Send)]
impl Faults for Process {
    fn lacks(&self, ability: Ability) -> Option<String> {
        let why = match ability {
            Ability::Pause => return None,
            Ability::Partition | Ability::Loss | Ability::Latency | Ability::Bandwidth => {
                "all nodes share the loopback interface with this machine's other programs"
            }
            Ability::Skew => "all nodes read this machine's clock",
            Ability::Answer => "its engines can't be told anything while they run",
        };
        Some(why.to_owned())
    }

    async fn inflict(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, true)
    }

    async fn lift(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, false)
    }
}

impl Process {
    fn set(&mut self, fault: &Fault, on: bool) -> Result<(), Error> {
        let Fault::Pause { nodes } = fault else {
            let ability = fault.ability();
            return Err(Error::Lacks { ability, why: self.lacks(ability).unwrap_or_default() });
        };
        for name in nodes {
            let node = self.nodes.get(name).ok_or_else(|| Error::UnknownNode(name.clone()))?;
            match self.running.get_mut(name).filter(|programs| !programs.is_empty()) {
                Some(programs) => programs.pause(node, on),
                None if on => return Err(Error::State { node: name.clone(), state: "not running" }),
                None => {}
            }
        }
        Ok(())
    }
}
