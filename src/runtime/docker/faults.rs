//! What can be done to nodes in containers: frozen, and kept from each other by rules in the container that holds a
//! node's network. That one outlives the node's programs, and so do the rules; what comes from this machine passes.

use super::{
    Docker,
    container::{self, NET},
};
use crate::{
    image,
    runtime::{Ability, Error, Fault, Faults, fault::tell_engines, netfilter::Rules},
};
use async_trait::async_trait;
use std::{collections::BTreeMap, net::Ipv4Addr};

/// Sets rules: root in the container, which there may set them and no more.
const ROOT: &str = "0:0";

#[async_trait(?Send)]
impl Faults for Docker {
    fn lacks(&self, ability: Ability) -> Option<String> {
        match ability {
            Ability::Pause | Ability::Answer => None,
            Ability::Partition | Ability::Loss | Ability::Bandwidth => self.no_filter.clone(),
            Ability::Latency => Some("it sets no queues that delay (netem) in containers' networks".to_owned()),
            Ability::Skew => Some("all containers read this machine's clock".to_owned()),
        }
    }

    async fn inflict(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, true).await
    }

    async fn lift(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, false).await
    }
}

impl Docker {
    /// What the kernel's packet filter is needed for.
    pub const NEEDS_FILTER: [Ability; 3] = [Ability::Partition, Ability::Loss, Ability::Bandwidth];

    /// Finds out whether the kernel has the filter that rules are for: tries it in a network that is nobody's.
    ///
    /// # Errors
    /// The engine does not run the trial.
    pub async fn try_filter(&mut self) -> Result<(), Error> {
        let image = self.images.net_id().to_owned();
        let id = self.engine.create(&self.run.container("trial", NET), container::trial(&self.run, &image)).await?;
        let tried = match self.engine.start(&id).await {
            Ok(()) => self.set_rules_of(&id, Rules::of_every_kind()).await,
            Err(error) => Err(error),
        };
        self.engine.remove_container(&id).await?;
        self.no_filter = tried.err().map(|error| error.to_string());
        Ok(())
    }

    async fn set(&mut self, fault: &Fault, on: bool) -> Result<(), Error> {
        if let Some(why) = self.lacks(fault.ability()) {
            return Err(Error::Lacks { ability: fault.ability(), why });
        }
        for name in fault.nodes() {
            self.node(name)?;
        }
        match fault {
            Fault::Pause { nodes } => {
                for name in nodes {
                    self.pause(name, on).await?;
                }
                Ok(())
            }
            Fault::Answer { nodes, say } => tell_engines(self, nodes, on.then_some(*say)).await,
            _ => {
                self.faults.retain(|other| other != fault);
                if on {
                    self.faults.push(fault.clone());
                }
                self.set_rules().await
            }
        }
    }

    /// Freezes a node's programs, those first that need others, or lets them go on, those last.
    async fn pause(&mut self, name: &str, on: bool) -> Result<(), Error> {
        let node = self.node(name)?;
        let mut order: Vec<&str> = node.roles().into_iter().rev().map(|(role, _)| role).collect();
        if !on {
            order.reverse();
        }
        let programs = self.running.get(name).filter(|programs| !programs.is_empty());
        let Some(programs) = programs else {
            let not_up = Error::State { node: name.to_owned(), state: "not running" };
            return if on { Err(not_up) } else { Ok(()) };
        };
        if self.paused.contains(name) != on {
            for program in order.into_iter().filter_map(|role| programs.get(role)).filter(|it| it.ended().is_none()) {
                self.engine.pause(&program.id, on).await?;
            }
        }
        if on {
            self.paused.insert(name.to_owned());
        } else {
            self.paused.remove(name);
        }
        Ok(())
    }

    /// A program that is frozen hears of nothing.
    pub(super) async fn wake(&mut self, name: &str) -> Result<(), Error> {
        if self.paused.contains(name) { self.pause(name, false).await } else { Ok(()) }
    }

    /// Sets the rules of all nodes as the faults that are in force ask for.
    async fn set_rules(&self) -> Result<(), Error> {
        let addresses: BTreeMap<&str, Ipv4Addr> =
            self.nodes.iter().map(|(name, node)| (name.as_str(), node.seat.address)).collect();
        let set =
            self.nets.iter().map(|(name, net)| self.set_rules_of(&net.id, Rules::of(&self.faults, &addresses, name)));
        futures::future::join_all(set).await.into_iter().collect()
    }

    async fn set_rules_of(&self, net: &str, rules: Rules) -> Result<(), Error> {
        let mut command: Vec<String> = [image::BINARY, "netns", "rules"].map(str::to_owned).to_vec();
        command.extend(rules.words());
        let said = self.engine.exec(net, ROOT, command).await?;
        if said.code == 0 {
            return Ok(());
        }
        Err(Error::Engine { doing: "set the rules of a node's network".to_owned(), says: said.text.trim().to_owned() })
    }
}
