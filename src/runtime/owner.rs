//! Who owns what a run makes: the process that runs it. When that is gone, what it made is a leftover.

use std::fs;

/// A process by its id and the moment it started, in clock ticks since boot: ids are used again, pairs are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub pid: u32,
    pub started: u64,
}

impl Owner {
    /// This very process. `None` where there is no `/proc`.
    pub fn me() -> Option<Self> {
        let pid = std::process::id();
        started(pid).map(|started| Self { pid, started })
    }

    /// As a program's environment has it.
    pub fn mark(&self) -> String {
        format!("{}:{}", self.pid, self.started)
    }

    pub fn parse(mark: &str) -> Option<Self> {
        let (pid, started) = mark.split_once(':')?;
        Some(Self { pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    pub fn is_alive(&self) -> bool {
        started(self.pid) == Some(self.started)
    }
}

/// When a process started; `None` if there is none, or only its corpse.
pub fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in parentheses, may hold anything; fields are counted behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}
