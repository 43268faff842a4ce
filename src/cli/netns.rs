//! `lockin netns`: what the container runtime runs in the container that holds a node's network. Nothing for people.

use super::exit;
use crate::runtime::{
    disk_use,
    netfilter::{self, Rules},
};
use clap::{Args, Subcommand};
use std::{net::Ipv4Addr, path::PathBuf};

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
    /// Replaces the rules by which packets are dropped in this network.
    Rules(RulesArgs),
    /// Prints the bytes of disk that a folder takes.
    Usage {
        /// The folder.
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
struct RulesArgs {
    /// Of what comes from an address, so many percent are dropped; may be repeated.
    #[arg(long, value_name = "ADDRESS=PERCENT", value_parser = lose)]
    lose: Vec<(Ipv4Addr, u8)>,
    /// Thousands of bits in a second that may go to all of `--to`, together.
    #[arg(long, value_name = "N", requires = "to")]
    limit: Option<u64>,
    /// An address; may be repeated.
    #[arg(long, value_name = "ADDRESS", requires = "limit")]
    to: Vec<Ipv4Addr>,
}

fn lose(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let pair = text.split_once('=').and_then(|(from, percent)| Some((from.parse().ok()?, percent.parse().ok()?)));
    pair.filter(|(_, percent)| (1..=100).contains(percent)).ok_or_else(|| format!("`{text}` is not ADDRESS=PERCENT"))
}

/// Runs the subcommand; the exit code.
pub fn run(args: NetnsArgs) -> u8 {
    match args.command {
        Command::Hold => hold(),
        Command::Rules(RulesArgs { lose, limit, to }) => {
            match netfilter::set(&Rules { lose, limit: limit.map(|limit| (limit, to)) }) {
                Ok(()) => exit::PASS,
                Err(error) => {
                    eprintln!("error: setting rules of the packet filter (nf_tables): {error}");
                    exit::UNKNOWN
                }
            }
        }
        Command::Usage { folder } => {
            super::say(&disk_use(&folder).to_string());
            exit::PASS
        }
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
