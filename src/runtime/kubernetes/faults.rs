//! What can be done to nodes in pods: frozen by their supervisors, and kept from each other by rules that one container
//! of a pod sets, where that was allowed. What comes from the API server or from whoever runs the network passes.

use super::{Kubernetes, cluster::again, inside::Order, manifest::FILTER};
use crate::{
    image::BINARY,
    runtime::{Ability, Error, Fault, Faults, fault::tell_engines, netfilter::Rules},
};
use async_trait::async_trait;
use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

#[async_trait(?Send)]
impl Faults for Kubernetes {
    fn lacks(&self, ability: Ability) -> Option<String> {
        match ability {
            Ability::Pause | Ability::Answer => None,
            Ability::Partition | Ability::Loss | Ability::Bandwidth if !self.shape.net_admin => {
                let why = "no container of its pods may set rules of their network; --net-admin gives one of each pod the right to";
                Some(why.to_owned())
            }
            Ability::Partition | Ability::Loss | Ability::Bandwidth => self.no_filter.clone(),
            Ability::Latency => Some("it sets no queues that delay (netem) in pods' networks".to_owned()),
            Ability::Skew => Some("all pods of a machine read its clock".to_owned()),
        }
    }

    async fn inflict(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, true).await
    }

    async fn lift(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, false).await
    }
}

impl Kubernetes {
    /// What the kernel's packet filter is needed for.
    pub const NEEDS_FILTER: [Ability; 3] = [Ability::Partition, Ability::Loss, Ability::Bandwidth];

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
        let mut order: Vec<String> = node.roles().into_iter().rev().map(|(role, _)| role.to_owned()).collect();
        if !on {
            order.reverse();
        }
        let programs = self.running.get(name).filter(|programs| !programs.is_empty());
        let Some(programs) = programs else {
            let not_up = Error::State { node: name.to_owned(), state: "not running" };
            return if on { Err(not_up) } else { Ok(()) };
        };
        if self.paused.contains(name) != on {
            for role in order.into_iter().filter(|role| programs.contains_key(role)) {
                self.order(name, &role, Order::Pause(on), Duration::ZERO).await?;
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
    pub(super) async fn set_rules(&self) -> Result<(), Error> {
        let addresses: BTreeMap<&str, Ipv4Addr> =
            self.places.iter().map(|(name, place)| (name.as_str(), place.address)).collect();
        let set = self.places.iter().map(|(name, place)| {
            let rules = Rules::of(&self.faults, &addresses, name);
            async move { self.set_rules_of(name, &place.pod, &rules).await }
        });
        futures::future::join_all(set).await.into_iter().collect()
    }

    async fn set_rules_of(&self, name: &str, pod: &str, rules: &Rules) -> Result<(), Error> {
        let words = rules.words();
        let mut command = vec![BINARY, "netns", "rules"];
        command.extend(words.iter().map(String::as_str));
        let doing = format!("set the rules of the network of {name}");
        let (done, says) = again(&doing, || self.cluster.exec(pod, FILTER, &command)).await?;
        if done { Ok(()) } else { Err(Error::Cluster { doing, says: says.trim().to_owned() }) }
    }
}
