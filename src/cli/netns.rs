//! `lockin netns`: what the container runtime runs in the container that holds a node's network. Nothing for people.

use super::exit;
use clap::{Args, Subcommand};

/// Holds a node's network in a container. Run by `lockin run --runtime docker`, not by people.
#[derive(Debug, Args)]
pub struct NetnsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Does nothing until it is asked to end.
    Hold,
}

/// Runs the subcommand; the exit code.
pub fn run(args: NetnsArgs) -> u8 {
    match args.command {
        Command::Hold => hold(),
    }
}

/// The first process of a container hears only the signals that it asks for.
fn hold() -> u8 {
    // SAFETY: the set is initialized by sigemptyset before it is read; no thread has been started yet.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        let mut signal = 0;
        libc::sigwait(&raw const set, &raw mut signal);
    }
    exit::PASS
}
