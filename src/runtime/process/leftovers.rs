//! Who owns a process: each program of a run carries its owner in its environment, and so do the programs that it starts.
//! When the owner is gone, however it went, what still carries its mark is a leftover, and anybody may end it.

use crate::{
    journal::redact,
    runtime::owner::{Owner, started},
};
use std::{fs, path::Path, time::Duration};

/// The variable that marks a program and all that it starts.
pub const MARK: &str = "LOCKIN_OWNER";

/// A process whose owner is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its process id.
    pub pid: u32,
    /// Its command line, secrets blotted out.
    pub command: String,
}

/// Every process of this user whose owner is gone. Other users' processes can't be read and are not looked at.
pub fn leftovers() -> Vec<Leftover> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let mut found = Vec::new();
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some(owner) = owner_of(&process.path())
            && !owner.is_alive()
            && started(pid).is_some()
        {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let words: Vec<String> =
                String::from_utf8_lossy(&command).split_terminator('\0').map(str::to_owned).collect();
            let command = redact(&words).join(" ");
            found.push(Leftover { pid, command });
        }
    }
    found.sort_by_key(|leftover| leftover.pid);
    found
}

fn owner_of(process: &Path) -> Option<Owner> {
    let environment = fs::read(process.join("environ")).ok()?;
    let prefix = format!("{MARK}=");
    let mark = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(prefix.as_bytes()))?;
    Owner::parse(std::str::from_utf8(mark).ok()?)
}

/// Kills what was left over and waits, up to a second, until it is gone. Gives back what was ended.
pub fn sweep() -> Vec<Leftover> {
    let found = leftovers();
    for leftover in &found {
        // SAFETY: kill has no memory effects; the process was just seen to carry the mark of a dead owner.
        unsafe { libc::kill(leftover.pid as libc::pid_t, libc::SIGKILL) };
    }
    for _ in 0..20 {
        if found.iter().all(|leftover| started(leftover.pid).is_none()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_is_left_over_when_its_owner_is_gone_and_only_then() {
        let me = Owner::me().unwrap();
        assert_eq!(Owner::parse(&me.mark()), Some(me));
        assert!(me.is_alive());
        let gone = Owner { started: me.started + 1, ..me };
        let sleeper = |mark: String| Command::new("sleep").arg("30").env(MARK, mark).spawn().unwrap();
        let (mut owned, mut orphan) = (sleeper(me.mark()), sleeper(gone.mark()));
        // A freshly forked process shows its parent's environment until it has executed its program.
        for _ in 0..100 {
            if leftovers().iter().any(|leftover| leftover.pid == orphan.id()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let ended = sweep();
        assert!(ended.iter().any(|leftover| leftover.pid == orphan.id() && leftover.command == "sleep 30"));
        assert!(!ended.iter().any(|leftover| leftover.pid == owned.id()));
        assert!(!orphan.wait().unwrap().success());
        assert!(owned.try_wait().unwrap().is_none());
        owned.kill().unwrap();
        owned.wait().unwrap();
    }
}
