//! The program as a whole, as a user or a CI job runs it: real processes, real signals, real files.

mod attach;
mod broken;
mod docker;
mod faults;
mod forks;
mod matrix;
mod preflight;
mod referee;
mod simulation;
mod starts;
mod stray;
mod verdicts;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Slots as short as two embedded nodes keep steadily on a busy machine, so that a run takes seconds.
const SLOT: &str = "500ms";

/// A pair of nodes with 8 validators each and these steps.
fn pair(steps: &str) -> String {
    format!(
        "name: pair
about: Two nodes for a test.
network:
  preset: minimal
  genesis: {{ fork: phase0, validators: 16 }}
  slot_time: {SLOT}
roles: {{ A: lockin, B: lockin }}
nodes:
  - {{ name: a0, role: A, validators: 8 }}
  - {{ name: b0, role: B, validators: 8 }}
steps:
{steps}
checks:
  - peered: {{ within: 30s }}
"
    )
}

/// A folder for one test, with a scenario in it.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scenario.yaml"), scenario).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `lockin run` of the scenario into `out`.
    fn run(&self, out: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
        command.arg("run").arg(self.path("scenario.yaml")).arg("--out").arg(self.path(out)).args(more);
        // Start times of other tests, and of the user, are not ours.
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn journal(&self, out: &str) -> String {
        fs::read_to_string(self.path(out).join("journal.jsonl")).unwrap_or_default()
    }

    /// Every process whose command line names this case's folder: nodes and orchestrators of it.
    fn processes(&self) -> Vec<u32> {
        let needle = self.folder.path().to_str().unwrap().as_bytes().to_vec();
        let mut found = Vec::new();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            if command.windows(needle.len()).any(|window| window == needle) {
                found.push(pid);
            }
        }
        found
    }

    /// Waits until the journal of `out` has `text`, and gives the journal.
    fn wait_for(&self, out: &str, text: &str) -> String {
        let since = Instant::now();
        loop {
            let journal = self.journal(out);
            if journal.contains(text) {
                return journal;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "no `{text}` in the journal:\n{journal}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// No process of the case is left after five seconds.
    fn leaves_nothing(&self) {
        let since = Instant::now();
        while !self.processes().is_empty() {
            assert!(since.elapsed() < Duration::from_secs(5), "left over: {:?}", self.processes());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What a finished program said.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
        said
    }

    fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

fn finish(child: Child) -> Said {
    Said::of(child.wait_with_output().unwrap())
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: the process is our own child, still unreaped.
    unsafe { libc::kill(child.id() as i32, signal) };
}

/// Every line of a journal but a torn last one is whole JSON.
fn is_readable(journal: &Path) {
    let text = fs::read_to_string(journal).unwrap();
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    for line in whole.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}
