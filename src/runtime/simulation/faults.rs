//! Faults of a simulated network: all of them, between messages and by the clock, and exactly replayed.

use super::{Simulation, State, lock};
use crate::{
    engine::stub::Say,
    net::memory::Line,
    runtime::{Ability, Error, Fault, Faults},
};
use async_trait::async_trait;

#[async_trait(?Send)]
impl Faults for Simulation {
    fn lacks(&self, _: Ability) -> Option<String> {
        None
    }

    async fn inflict(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, true)
    }

    async fn lift(&mut self, fault: &Fault) -> Result<(), Error> {
        self.set(fault, false)
    }
}

impl Simulation {
    fn set(&mut self, fault: &Fault, on: bool) -> Result<(), Error> {
        let state = self.state.as_mut().ok_or_else(|| Error::Other("the simulation was not prepared".into()))?;
        match fault {
            Fault::Pause { nodes } => state.pause(nodes, on),
            Fault::Partition { sides } => state.part(sides, on),
            Fault::Loss { nodes, percent } => {
                state.lines(nodes, |line| line.loss_percent = if on { *percent } else { 0 })
            }
            Fault::Latency { nodes, ms, jitter_ms } => {
                state.lines(nodes, |line| line.latency_ms = if on { (*ms, *jitter_ms) } else { (0, 0) })
            }
            Fault::Bandwidth { nodes, kbit_per_s } => {
                state.lines(nodes, |line| line.kbit_per_s = on.then_some(*kbit_per_s))
            }
            Fault::Skew { nodes, ms } => state.skew(nodes, if on { *ms } else { 0 }),
            Fault::Answer { nodes, say } => state.tell(nodes, on.then_some(*say)),
        }
    }
}

impl State {
    /// The number of a node.
    fn index(&self, name: &str) -> Result<usize, Error> {
        self.nodes.get(name).map(|node| node.index).ok_or_else(|| Error::UnknownNode(name.to_owned()))
    }

    fn pause(&mut self, names: &[String], on: bool) -> Result<(), Error> {
        for name in names {
            let index = self.index(name)?;
            let mut world = lock(&self.world);
            match on {
                true if !world.is_up(index) => {
                    return Err(Error::State { node: name.clone(), state: "not running" });
                }
                true => world.pause(index),
                false => world.resume(index),
            }
        }
        if !on {
            self.catch_up(names);
        }
        Ok(())
    }

    fn part(&mut self, sides: &[Vec<String>], on: bool) -> Result<(), Error> {
        for (n, side) in sides.iter().enumerate() {
            for (a, b) in side.iter().flat_map(|a| sides[n + 1..].iter().flatten().map(move |b| (a, b))) {
                let (a, b) = (self.index(a)?, self.index(b)?);
                lock(&self.world).part(a, b, on);
            }
        }
        Ok(())
    }

    fn lines(&mut self, names: &[String], change: impl Fn(&mut Line)) -> Result<(), Error> {
        for name in names {
            let index = self.index(name)?;
            change(lock(&self.world).line_mut(index));
        }
        Ok(())
    }

    fn tell(&mut self, names: &[String], say: Option<Say>) -> Result<(), Error> {
        for name in names {
            let index = self.index(name)?;
            lock(&self.world).tell_engine(index, say);
        }
        Ok(())
    }

    fn skew(&mut self, names: &[String], ahead_ms: i64) -> Result<(), Error> {
        for name in names {
            let index = self.index(name)?;
            lock(&self.world).skew(index, ahead_ms);
        }
        self.catch_up(names);
        Ok(())
    }

    /// Lets the validators of nodes see that their clock is another one than they thought.
    fn catch_up(&mut self, names: &[String]) {
        for name in names {
            let Some(node) = self.nodes.get_mut(name) else { continue };
            let now = lock(&self.world).clock_of(node.index);
            if let Some(duties) = &mut node.duties {
                duties.catch_up(now);
            }
        }
    }
}
