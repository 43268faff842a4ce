//! One running program: started in a group of its own, bound to our life, its output in a file.

use super::leftovers::MARK;
use crate::runtime::owner::Owner;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// A program of a node.
#[derive(Debug)]
pub struct Program {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Program {
    /// Starts `command` with its output appended to `log`. The kernel kills it when this thread's process ends, in
    /// whatever way; what it starts itself carries our mark and is swept later.
    ///
    /// # Errors
    /// The log can't be opened, or the program not be started.
    pub fn start(command: &[String], env: &BTreeMap<String, String>, folder: &Path, log: &Path) -> io::Result<Self> {
        let output = OpenOptions::new().create(true).append(true).open(log)?;
        let (program, args) = command.split_first().ok_or_else(|| io::Error::other("an empty command line"))?;
        let mut builder = Command::new(program);
        builder.args(args).envs(env).current_dir(folder).stdin(Stdio::null());
        builder.stdout(output.try_clone()?).stderr(output).process_group(0);
        if let Some(owner) = Owner::me() {
            builder.env(MARK, owner.mark());
        }
        let parent = std::process::id() as libc::pid_t;
        // SAFETY: prctl and getppid are async-signal-safe and touch no memory of ours.
        unsafe {
            builder.pre_exec(move || {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                    return Err(io::Error::last_os_error());
                }
                // We may have been killed before the line above.
                if libc::getppid() != parent {
                    return Err(io::Error::other("the orchestrator is gone"));
                }
                Ok(())
            });
        }
        Ok(Self { child: builder.spawn()?, ended: None })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bytes of memory that it had in use at most so far; `None` when it has ended.
    pub fn most_memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
            if self.ended.is_some() {
                // What it started and left behind in its group goes with it.
                // SAFETY: kill has no memory effects; the group had our child as its leader until this moment.
                unsafe { libc::kill(-(self.pid() as libc::pid_t), libc::SIGKILL) };
            }
        }
        self.ended
    }

    /// Exit code and signal of an ended program.
    pub fn outcome(status: ExitStatus) -> (Option<i32>, Option<i32>) {
        (status.code(), status.signal())
    }

    /// Sends a signal to the program's whole group.
    pub fn signal(&self, signal: libc::c_int) {
        if self.ended.is_none() {
            // SAFETY: kill has no memory effects; the group is our child's, which we have not yet reaped.
            unsafe { libc::kill(-(self.pid() as libc::pid_t), signal) };
        }
    }

    /// Waits for its end, up to `patience`. `false` when it still runs.
    pub async fn wait(&mut self, patience: Duration) -> bool {
        let since = Instant::now();
        loop {
            if self.ended().is_some() {
                return true;
            }
            if since.elapsed() >= patience {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.signal(libc::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::node::last_lines;

    fn shell(script: &str, folder: &Path) -> Program {
        let command = ["sh", "-c", script].map(str::to_owned);
        Program::start(&command, &BTreeMap::new(), folder, &folder.join("log")).unwrap()
    }

    #[tokio::test]
    async fn output_and_outcome_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = shell("echo one; echo two >&2; echo three; exit 7", folder.path());
        assert!(program.wait(Duration::from_secs(10)).await);
        assert_eq!(Program::outcome(program.ended().unwrap()), (Some(7), None));
        assert_eq!(last_lines(&folder.path().join("log"), 2), ["two", "three"]);
    }

    #[tokio::test]
    async fn a_signal_reaches_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = shell("sleep 60 & echo $!; wait", folder.path());
        let mut inner = Vec::new();
        for _ in 0..200 {
            inner = last_lines(&folder.path().join("log"), 1);
            if !inner.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        program.signal(libc::SIGKILL);
        assert!(program.wait(Duration::from_secs(10)).await);
        assert_eq!(Program::outcome(program.ended().unwrap()), (None, Some(libc::SIGKILL)));
        let stat = format!("/proc/{}/stat", inner[0].trim());
        for _ in 0..200 {
            match std::fs::read_to_string(&stat) {
                Ok(text) if !text.contains(") Z ") => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => return,
            }
        }
        panic!("the inner process still runs");
    }
}
