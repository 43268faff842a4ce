//! The program of a supervisor: started with its output passed on, ended with all that it started.

use super::message::Launch;
use std::{
    collections::VecDeque,
    fs,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

/// Bytes of output that are kept for a program's last words.
const MOST_KEPT: usize = 32 * 1024;
/// Lines of them that are told.
const LINES: usize = 20;
/// How long output may still come when all that wrote it is ended.
const DRAINED_WITHIN: Duration = Duration::from_secs(2);

/// A program that was started.
pub struct Child {
    /// Its process, which leads a group of its own.
    pub pid: libc::pid_t,
    /// Containers of this one's that were ended for their use of memory, when it was started.
    out_of_memory: u64,
    output: Mutex<Receiver<Vec<u8>>>,
}

impl Child {
    /// Starts a program, whose output goes where this one's goes. Nobody but [`reap`] may wait for it.
    pub fn start(launch: &Launch) -> io::Result<Self> {
        let (program, args) = launch.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let (reader, writer) = io::pipe()?;
        let out_of_memory = out_of_memory();
        let mut command = Command::new(program);
        command.args(args).envs(&launch.env).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        command.process_group(0);
        // SAFETY: what is called between fork and exec touches no memory but its own stack.
        unsafe { command.pre_exec(hear_everything) };
        let spawned = command.spawn()?;
        let pid = libc::pid_t::try_from(spawned.id()).map_err(io::Error::other)?;
        let (sender, output) = channel();
        std::thread::spawn(move || {
            // whoever listens may have gone; the output was passed on anyhow
            let _ = sender.send(pass_on(reader));
        });
        Ok(Self { pid, out_of_memory, output: Mutex::new(output) })
    }

    /// Its last lines, when it is ended and its output has come.
    pub fn last_lines(&self) -> Vec<String> {
        let kept = {
            let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
            output.recv_timeout(DRAINED_WITHIN).unwrap_or_default()
        };
        let text = String::from_utf8_lossy(&kept);
        let mut lines: Vec<String> = text.lines().rev().take(LINES).map(str::to_owned).collect();
        lines.reverse();
        lines
    }

    /// Whether the kernel has ended something here for its use of memory since it was started.
    pub fn was_too_large(&self) -> bool {
        out_of_memory() > self.out_of_memory
    }

    /// Bytes of memory that it used at most until now.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        most.and_then(|most| most.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: i32) {
        // SAFETY: kill has no memory to mind; what has ended already is no harm.
        unsafe { libc::kill(self.pid, signal) };
    }

    /// Sends a signal to the program and all that it has started. A container's first process is everybody's parent there.
    pub fn signal_all(&self, signal: i32) {
        let all = if std::process::id() == 1 { -1 } else { -self.pid };
        // SAFETY: as above.
        unsafe { libc::kill(all, signal) };
    }
}

/// A process that ended.
pub struct Reaped {
    /// Which.
    pub pid: libc::pid_t,
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Bytes of memory that it used at most.
    pub memory: u64,
}

/// Signals that a supervisor keeps for itself are its program's again.
fn hear_everything() -> io::Result<()> {
    // SAFETY: the set is initialized by sigemptyset before it is read.
    let set = unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut())
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The next child that has ended, if one has.
pub fn reap() -> Option<Reaped> {
    let mut status = 0;
    // SAFETY: both places are there to be written; all zeroes is a valid rusage.
    let (pid, usage) = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        (libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage), usage)
    };
    let code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
    let signal = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
    let memory = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
    (pid > 0).then_some(Reaped { pid, code, signal, memory })
}

/// Copies to stdout until nobody writes any more; the last of it.
fn pass_on(mut from: impl Read) -> Vec<u8> {
    let (mut kept, mut piece) = (VecDeque::new(), [0; 8192]);
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                let mut out = io::stdout().lock();
                // a container whose output nobody takes still runs
                let _ = out.write_all(&piece[..count]).and_then(|()| out.flush());
                kept.extend(&piece[..count]);
                kept.drain(..kept.len().saturating_sub(MOST_KEPT));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    kept.into()
}

/// How often the kernel ended something in this container for its use of memory, by either version of control groups.
fn out_of_memory() -> u64 {
    let count = |path: &str| {
        let text = fs::read_to_string(path).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
    };
    let places = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];
    places.into_iter().find_map(count).unwrap_or(0)
}
