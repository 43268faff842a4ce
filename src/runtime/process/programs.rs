//! The programs of one node that is up, and how they end.

use super::program::Program;
use crate::{
    client::Signal,
    runtime::{Ending, Error, node::Node},
};
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    process::ExitStatus,
    time::{Duration, Instant},
};

/// How long the kernel may take to end a killed process.
const KILL_WITHIN: Duration = Duration::from_secs(5);
/// Between two attempts to connect to a program that is starting.
const CONNECT_EVERY: Duration = Duration::from_millis(20);

/// By the role that they play.
#[derive(Debug, Default)]
pub struct Programs {
    by_role: BTreeMap<String, Program>,
    /// They are stopped, to be continued.
    paused: bool,
}

impl Programs {
    /// One more.
    pub fn insert(&mut self, role: &str, program: Program) {
        self.by_role.insert(role.to_owned(), program);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_role.is_empty()
    }

    /// All, with their roles.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Program)> {
        self.by_role.iter()
    }

    /// All.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Program> {
        self.by_role.values_mut()
    }

    /// Whether none has ended by itself.
    pub fn all_run(&mut self) -> bool {
        self.by_role.values_mut().all(|program| program.ended().is_none())
    }

    /// Takes out those that ended by themselves.
    pub fn ended(&mut self) -> Vec<(String, ExitStatus)> {
        let ended = |(role, program): (&String, &mut Program)| Some((role.clone(), program.ended()?));
        let ended: Vec<_> = self.by_role.iter_mut().filter_map(ended).collect();
        self.by_role.retain(|role, _| ended.iter().all(|(gone, _)| gone != role));
        ended
    }

    /// Waits until a role's program takes connections; no longer than it declares, and not for one that has ended:
    /// whoever needs it will say so.
    pub async fn wait_for(&mut self, role: &str, port: u16, within: Duration) {
        let end = Instant::now() + within;
        while Instant::now() < end && self.by_role.get_mut(role).is_some_and(|program| program.ended().is_none()) {
            if tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(CONNECT_EVERY).await;
        }
    }

    /// Halts them, those first that need others, or lets them go on, those last.
    pub fn pause(&mut self, node: &Node, on: bool) {
        let signal = if on { libc::SIGSTOP } else { libc::SIGCONT };
        let mut order: Vec<&str> = node.roles().into_iter().rev().map(|(role, _)| role).collect();
        if !on {
            order.reverse();
        }
        for program in order.into_iter().filter_map(|role| self.by_role.get(role)) {
            program.signal(signal);
        }
        self.paused = on;
    }

    /// Asks them to end, all at once.
    pub fn ask_to_end(&mut self, node: &Node) {
        for (role, program) in &self.by_role {
            program.signal(stop_signal(node, role).0);
        }
        self.wake(node);
    }

    /// A program that is paused hears of nothing but its death.
    fn wake(&mut self, node: &Node) {
        if self.paused {
            self.pause(node, false);
        }
    }

    /// Ends them, those first that need others.
    pub async fn end(mut self, node: &Node, how: Ending) -> Result<(), Error> {
        if how == Ending::Stop {
            self.wake(node);
        }
        for (role, _) in node.roles().into_iter().rev() {
            let Some(mut program) = self.by_role.remove(role) else { continue };
            if how == Ending::Stop {
                let (signal, within) = stop_signal(node, role);
                program.signal(signal);
                if program.wait(within).await {
                    continue;
                }
            }
            program.signal(libc::SIGKILL);
            if !program.wait(KILL_WITHIN).await {
                return Err(Error::Immortal { node: node.plan.name.clone(), pid: program.pid() });
            }
        }
        Ok(())
    }
}

/// The signal that asks a role's program to end, and how long it is given.
fn stop_signal(node: &Node, role: &str) -> (libc::c_int, Duration) {
    let (signal, within) = node.stop_of(role);
    let signal = match signal {
        Signal::Term => libc::SIGTERM,
        Signal::Int => libc::SIGINT,
        Signal::Kill => libc::SIGKILL,
    };
    (signal, within)
}
