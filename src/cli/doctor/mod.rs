//! `lockin doctor`: what a run needs, whether it is there, and how to mend what is not. Changes nothing.

mod engine;
mod kernel;
mod machine;
mod programs;

use super::{client::ChosenArgs, exit};
use crate::client::ClientDef;

/// Says what of engine, images, programs, ports, disk, clock, cores and memory is missing, and how to mend it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line begins with `ok`, with `missing` (the runtime needs it), or with `lacking` (it can do without, or another
runtime needs it). Without --clients all are looked for, and none but this program's own is needed. The exit code is 0 if nothing is missing, else 3.

Examples:
  lockin doctor
  lockin doctor --clients prysm,lodestar --runtime docker
  lockin doctor --clients prysm+geth --runtime docker --image prysm=lockin-peers/prysm:7.0.0")]
pub struct DoctorArgs {
    /// Where the nodes are to run.
    #[arg(long, value_enum, default_value_t = Place::Process)]
    runtime: Place,
    #[command(flatten)]
    chosen: ChosenArgs,
}

/// Where nodes are to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Place {
    /// Local programs.
    Process,
    /// Containers.
    Docker,
    /// The embedded client in virtual time.
    Simulation,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    what: String,
    /// How to mend it, if it is not there.
    mend: Option<String>,
    says: String,
    /// The runtime can't do without.
    needed: bool,
}

impl Finding {
    fn ok(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self { what: what.into(), mend: None, says: says.into(), needed: false }
    }

    fn lacks(what: impl Into<String>, says: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: Some(mend.into()), says: says.into(), needed: false }
    }

    fn needed(self, needed: bool) -> Self {
        Self { needed, ..self }
    }

    fn is_missing(&self) -> bool {
        self.needed && self.mend.is_some()
    }
}

/// A client, and whether it is to play.
struct Candidate {
    def: ClientDef,
    plays: bool,
}

/// Runs the subcommand; the exit code.
pub fn run(args: &DoctorArgs) -> u8 {
    let candidates = match candidates(args) {
        Ok(candidates) => candidates,
        Err(error) => {
            eprintln!("error: {error}");
            return exit::USAGE;
        }
    };
    let mut findings = machine::look(args.runtime == Place::Process);
    findings.extend(programs::look(&candidates, args.runtime == Place::Process));
    let needed = args.runtime == Place::Docker;
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(tokio) => findings.extend(tokio.block_on(engine::look(&candidates, needed))),
        Err(error) => findings.push(Finding::lacks("engine", error.to_string(), "try again").needed(needed)),
    }
    show(&findings);
    let missing = findings.iter().filter(|finding| finding.is_missing()).count();
    match missing {
        0 => exit::PASS,
        _ => {
            super::say(&format!("{missing} missing"));
            exit::UNKNOWN
        }
    }
}

fn candidates(args: &DoctorArgs) -> Result<Vec<Candidate>, crate::client::ClientError> {
    let (library, chosen) = (args.chosen.library(), args.chosen.names());
    let own = "lockin".to_owned();
    let names = match chosen.is_empty() {
        true => library.names()?,
        false => std::iter::once(own.clone()).chain(chosen.iter().filter(|name| **name != own).cloned()).collect(),
    };
    let mut candidates = Vec::new();
    for name in names {
        let def = library.load(&name)?;
        let plays = name == own || !chosen.is_empty();
        if plays || def.gone.is_none() {
            candidates.push(Candidate { def, plays });
        }
    }
    // What this program is made of comes first, then in the order of the names.
    candidates.sort_by_key(|candidate| !candidate.def.embedded);
    Ok(candidates)
}

fn show(findings: &[Finding]) {
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or_default();
    for finding in findings {
        let mark = match &finding.mend {
            None => "ok",
            Some(_) if finding.needed => "missing",
            Some(_) => "lacking",
        };
        super::say(&format!("{mark:7}  {:width$}  {}", finding.what, finding.says));
        if let Some(mend) = &finding.mend {
            super::say(&format!("{:7}  {:width$}  -> {mend}", "", ""));
        }
    }
}

/// Millions or thousands of millions of bytes.
fn bytes(count: u64) -> String {
    match count {
        0..1_000_000_000 => format!("{} MB", count / 1_000_000),
        _ => format!("{}.{} GB", count / 1_000_000_000, count / 100_000_000 % 10),
    }
}
