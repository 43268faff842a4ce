//! The reference vectors: every case of the official layout, `<preset>/<fork>/<runner>/<handler>/<suite>/<case>/`, in
//! archives named `<preset>-<fork>.tar.zst`, run against the library and counted.
//!
//! `LOCKIN_VECTORS=DIR cargo test --release --test it vectors` reads every archive in DIR; without it, those in
//! `../shared/vectors`, or else the repository's own small set in `tests/vectors`.
//! `LOCKIN_VECTORS_ONLY=TEXT` runs only cases whose path holds TEXT, for work on one of them.
//!
//! A later fork's cases are counted as not applicable until `Fork::NEWEST_BUILT` says it is built. A new runner is one
//! line in `runners/mod.rs` and one function. What this never does is pass over a case silently: an unknown runner,
//! handler, suite or check is a failure.

mod archive;
mod case;
mod compare;
mod report;
mod runners;
mod self_test;

use case::{Case, CaseId};
use report::Report;
use runners::Verdict;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Cases read ahead of the workers: enough to keep them busy, few enough to stay small in memory.
const READ_AHEAD: usize = 16;
const WORKERS: usize = 2;

/// The folder with the archives.
fn folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some(named) = std::env::var_os("LOCKIN_VECTORS") {
        return here.join(named);
    }
    let shared = here.join("../shared/vectors");
    if shared.is_dir() { shared } else { here.join("tests/vectors") }
}

/// The archives in `folder`, by name.
fn archives(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("reading the vectors in {}: {error}; set LOCKIN_VECTORS", folder.display()));
    let mut archives: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder that could be opened can be listed").path())
        .filter(|path| path.to_string_lossy().ends_with(".tar.zst"))
        .collect();
    archives.sort();
    archives
}

/// Judges one case; a panic is a failure of this case only.
fn judge(case: &Case) -> runners::Outcome {
    catch_unwind(AssertUnwindSafe(|| runners::run(case))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without a message")))
    })
}

fn work(cases: &Mutex<Receiver<Case>>, report: &Mutex<Report>) {
    loop {
        let next = cases.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(case) = next else { return };
        let outcome = judge(&case);
        report.lock().unwrap_or_else(PoisonError::into_inner).add(&case.id, outcome);
    }
}

/// Whether the files of this case must be read; if not, it is counted here.
fn wanted(id: &CaseId, only: Option<&str>, report: &Mutex<Report>) -> bool {
    if only.is_some_and(|only| !id.to_string().contains(only)) {
        return false;
    }
    let without_reading = match runners::before_reading(id) {
        Ok(None) => return true,
        Ok(Some(reason)) => Ok(Verdict::NotApplicable(reason)),
        Err(error) => Err(error),
    };
    report.lock().unwrap_or_else(PoisonError::into_inner).add(id, without_reading);
    false
}

fn read(archives: &[PathBuf], only: Option<&str>, cases: SyncSender<Case>, report: &Mutex<Report>) {
    for path in archives {
        let read = archive::for_each_case(
            path,
            |id| wanted(id, only, report),
            |case| cases.send(case).expect("the workers live until this channel closes"),
        );
        if let Err(error) = read {
            report.lock().unwrap_or_else(PoisonError::into_inner).broken(format!("{}: {error}", path.display()));
        }
    }
}

/// Runs every case of the archives in `folder` whose path holds `only`.
fn run(folder: &Path, only: Option<&str>) -> Report {
    let archives = archives(folder);
    let report = Mutex::new(Report::default());
    let (sender, receiver) = sync_channel(READ_AHEAD);
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(&receiver, &report));
        }
        read(&archives, only, sender, &report);
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn every_case_passes() {
    let folder = folder();
    let report = run(&folder, std::env::var("LOCKIN_VECTORS_ONLY").ok().as_deref());
    report.print(&folder);
    if let Err(summary) = report.verdict() {
        panic!("{summary}");
    }
}
