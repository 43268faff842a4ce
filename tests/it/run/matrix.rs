//! `lockin matrix`: grids of real runs, taken up again, shared by shards, interrupted and killed.

use super::{Case, Said, finish, pair, signal};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const SHORT: &str = "  - wait: { head_slot: 4, within: 12 slots }";
const LONG: &str = "  - wait: { finalized: 20, within: 40 epochs }";

/// A client whose beacon program is this shell script, for these presets.
fn scripted(name: &str, presets: &str, script: &str) -> String {
    format!(
        "name: {name}
about: A client that is a shell script.
supports: {{ presets: [{presets}], forks: phase0..altair, slot_time: at least 100ms }}
roles:
  beacon:
    program: sh
    ports: {{ p2p: tcp, rest: tcp }}
    args: [-c, '{script}']
"
    )
}

impl Case {
    /// `lockin matrix` of the scenario into `out`.
    fn matrix(&self, out: &str, more: &[&str]) -> Command {
        let mut command = self.lockin("matrix");
        command.arg(self.path("scenario.yaml")).arg("--out").arg(self.path(out)).args(more);
        command
    }

    fn lockin(&self, subcommand: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
        command.arg(subcommand).env("XDG_CACHE_HOME", self.path("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn grid(&self, out: &str) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path(out).join("matrix.json")).unwrap()).unwrap()
    }
}

/// Verdicts by title.
fn verdicts(grid: &serde_json::Value) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    grid["cells"].as_array().unwrap().iter().map(|cell| (text(&cell["title"]), text(&cell["verdict"]))).collect()
}

/// Every file that a cell's runs name is there.
fn links_lead_somewhere(folder: &Path, grid: &serde_json::Value) {
    let runs = grid["cells"].as_array().unwrap().iter().flat_map(|cell| cell["runs"].as_array().unwrap());
    for run in runs.filter(|run| run["verdict"] != "unsupported") {
        let here = folder.join(run["folder"].as_str().unwrap());
        let logs = run["nodes"].as_array().unwrap().iter().flat_map(|node| node["logs"].as_array().unwrap());
        let paths = [&run["report"], &run["output"]].into_iter().chain(logs).filter_map(|path| path.as_str());
        let paths: Vec<PathBuf> = paths.map(|path| here.join(path)).collect();
        assert!(paths.len() >= 4, "report, output and a log of each node: {paths:?}");
        for path in paths {
            assert!(path.is_file(), "{} is not there", path.display());
        }
    }
}

#[test]
fn every_pair_is_run_and_what_is_there_is_kept() {
    let case = Case::new(&pair(SHORT));
    let asked = ["--clients", "lockin,lockin@other", "--with-self", "--runtime", "simulation"];
    let said = Said::of(case.matrix("m", &asked).output().unwrap());
    let page = case.path("m").join("matrix.html");
    assert_eq!((said.code, said.last_line()), (Some(0), format!("pass {}", page.display()).as_str()), "{said}");
    let grid = case.grid("m");
    let pairs = ["lockin / lockin", "lockin / lockin@other", "lockin@other / lockin@other"];
    assert_eq!(verdicts(&grid).keys().collect::<Vec<_>>(), pairs);
    assert!(verdicts(&grid).values().all(|verdict| verdict == "pass"), "{said}");
    links_lead_somewhere(&case.path("m"), &grid);
    let record = case.path("m").join("lockin_lockin-other");
    assert!(fs::read_to_string(record.join("pair.md")).unwrap().contains("lockin@other"));

    // the second time there is nothing to do, and one that is gone is made again
    let written =
        |folder: &str| fs::metadata(case.path("m").join(folder).join("report.json")).unwrap().modified().unwrap();
    let before = [written("lockin_lockin"), written("lockin_lockin-other")];
    fs::remove_file(record.join("pair.json")).unwrap();
    let said = Said::of(case.matrix("m", &asked).output().unwrap());
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.stderr.contains("2 runs are there, 1 to be made"), "{said}");
    assert_eq!(written("lockin_lockin"), before[0]);
    assert_ne!(written("lockin_lockin-other"), before[1]);

    // another matrix has no place there
    let swapped = Said::of(case.matrix("m", &asked).arg("--swap").output().unwrap());
    assert!(swapped.code == Some(2) && swapped.stderr.contains("--swap `false` there, `true` here"), "{swapped}");
    let seeded = Said::of(case.matrix("m", &asked).args(["--seed", "5"]).output().unwrap());
    assert!(seeded.code == Some(2) && seeded.stderr.contains("other scenario"), "{seeded}");
    let changed = ["--arg", "lockin@other.beacon=--x"];
    let changed = Said::of(case.matrix("m", &asked).args(changed).output().unwrap());
    assert!(changed.code == Some(2) && changed.stderr.contains("other clients"), "{changed}");
    // nor has another build: what it would find is another thing
    let mut build = fs::read(env!("CARGO_BIN_EXE_lockin")).unwrap();
    build.push(0);
    let (built, program) = (case.matrix("m", &asked), case.path("built"));
    fs::write(&program, build).unwrap();
    fs::set_permissions(&program, fs::metadata(env!("CARGO_BIN_EXE_lockin")).unwrap().permissions()).unwrap();
    let built = Said::of(Command::new(&program).args(built.get_args()).output().unwrap());
    assert!(built.code == Some(2) && built.stderr.contains("build of lockin"), "{built}");
}

#[test]
fn shards_make_one_grid() {
    let case = Case::new(&pair(SHORT));
    let shard = |out: &str, shard: &str| {
        let asked = [
            "--clients",
            "lockin",
            "--with-self",
            "--runtime",
            "simulation",
            "--sweep",
            "seed=1,2,3",
            "--shard",
            shard,
        ];
        let said = Said::of(case.matrix(out, &asked).output().unwrap());
        assert_eq!(said.code, Some(0), "{said}");
        assert!(said.stdout.contains(&format!("shard {shard}")), "{said}");
    };
    shard("one", "1/2");
    shard("two", "2/2");
    let report = |folders: &[&str]| {
        let mut command = case.lockin("matrix");
        command.arg("--report").args(folders.iter().map(|folder| case.path(folder)));
        Said::of(command.arg("--out").arg(case.path("whole")).output().unwrap())
    };
    let said = report(&["two", "one"]);
    assert_eq!(said.code, Some(0), "{said}");
    let grid = case.grid("whole");
    assert_eq!(verdicts(&grid).len(), 3);
    assert_eq!(grid["shard"], serde_json::Value::Null, "all of it is there");
    assert_eq!(grid["cells"][1]["value"], "2", "in the order of the values");
    links_lead_somewhere(&case.path("whole"), &grid);
    for (folders, mentions) in [(&["one", "one"][..], "and so has another folder"), (&["one", "cache"], "matrix.json")]
    {
        let said = report(folders);
        assert!(said.code == Some(2) && said.stderr.contains(mentions), "{said}");
    }
    // a part is not told as the whole
    let part = report(&["one"]);
    assert_eq!(part.code, Some(3), "{part}");
    assert!(part.stdout.contains("unknown  lockin / lockin at 2: 0 of 1 runs were made; it was not run"), "{part}");
    fs::remove_file(case.path("two/matrix.json")).unwrap();
    let cut = report(&["one", "two"]);
    assert!(cut.code == Some(3) && cut.stderr.contains("two was cut off before it had a grid"), "{cut}");
}

#[test]
fn a_shard_without_cells_says_so_and_passes() {
    let case = Case::new(&pair(SHORT));
    let asked = ["--clients", "lockin", "--with-self", "--runtime", "simulation", "--shard", "2/2"];
    let said = Said::of(case.matrix("m", &asked).output().unwrap());
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.stdout.contains("pass: no cell of the matrix is this shard's"), "{said}");
}

#[test]
fn a_pair_that_fails_stops_nobody_and_may_be_known() {
    let case = Case::new(&pair(SHORT));
    fs::create_dir(case.path("own")).unwrap();
    let client = |name: &str, text: String| fs::write(case.path("own").join(format!("{name}.yaml")), text).unwrap();
    client("crash", scripted("crash", "minimal", "echo what a pity; exit 7"));
    client("large", scripted("large", "mainnet", "exit 7"));
    let own = case.path("own");
    let asked = ["--clients", "crash,lockin,large", "--with-self", "--definitions", own.to_str().unwrap()];
    let said = Said::of(case.matrix("m", &asked).output().unwrap());
    assert_eq!(said.code, Some(1), "{said}");
    let pairs = verdicts(&case.grid("m"));
    let of = |title: &str| pairs[title].as_str();
    assert_eq!([of("crash / crash"), of("crash / lockin"), of("lockin / lockin")], ["fail", "fail", "pass"], "{said}");
    assert_eq!([of("crash / large"), of("lockin / large"), of("large / large")], ["unsupported"; 3], "{said}");
    assert!(said.stdout.contains("supports the presets mainnet, not minimal"), "{said}");
    assert!(said.stdout.contains("(beacon) exited with code 7"), "{said}");
    for file in ["matrix.html", "junit.xml", "matrix.json"] {
        let text = fs::read_to_string(case.path("m").join(file)).unwrap();
        assert!(text.contains("crash / lockin") && text.contains("exited with code 7"), "{file}");
    }
    links_lead_somewhere(&case.path("m"), &serde_json::json!({ "cells": [case.grid("m")["cells"][3]] }));

    let list = "- { pair: '* / crash', reason: exited with code 7, why: it is made so, until: 2999-12-31 }\n\
                - { pair: lockin / lockin, check: peered, why: it was so once, until: 2999-12-31 }\n";
    fs::write(case.path("known.yaml"), list).unwrap();
    let known = case.path("known.yaml");
    let said = Said::of(case.matrix("m", &asked).arg("--known-failures").arg(&known).output().unwrap());
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(verdicts(&case.grid("m"))["crash / lockin"], "known-failure", "{said}");
    assert!(said.stdout.contains("lockin / lockin: it does not fail so any more"), "{said}");
    case.leaves_nothing();
}

#[test]
fn nothing_but_what_is_unsupported_ends_in_4() {
    let case = Case::new(&pair(SHORT));
    let asked = ["--clients", "harmony,trinity"];
    let said = Said::of(case.matrix("m", &asked).output().unwrap());
    assert_eq!(said.code, Some(4), "{said}");
    assert!(said.stdout.contains("can't be had any more"), "{said}");
}

#[test]
fn words_that_fit_no_scenario_end_in_2_and_make_no_folder() {
    let case = Case::new(&pair(SHORT));
    for (asked, mentions) in [
        (&["--clients", "lockin"][..], "--with-self"),
        (&["--clients", "lockin,nobody"], "nobody"),
        (&["--clients", "lockin,lockin"], "named twice"),
        (&["--clients", "lockin,,prysm"], "an empty name"),
        (&["--clients", "lockin,teku,prysm", "--size", "3"], "has 2 roles (A, B)"),
        (&["--clients", "lockin,teku", "--shard", "3/2"], "such as 2/5"),
        (&["--clients", "lockin", "--with-self", "--sweep", "slot_time=2 parsecs"], "2 parsecs"),
        (&["--clients", "lockin", "--with-self", "--sweep", "nodes=2,3"], "no such key"),
        (&["--clients", "lockin", "--with-self", "--image", "prysm=x"], "no `prysm` takes part"),
        (&["--clients", "lockin", "--with-self", "--", "--no-such-flag"], "--no-such-flag"),
        (&["--clients", "lockin", "--with-self", "--runtime", "simulation", "--", "--keep"], "--keep is for"),
        (&["--clients", "lockin", "--with-self", "--runtime", "docker", "--", "--lock=no-such-lock"], "no-such-lock"),
        (&["--clients", "lockin", "--with-self", "--known-failures", "no-such-file"], "no-such-file"),
        (&[], "--clients"),
    ] {
        let said = Said::of(case.matrix("m", asked).output().unwrap());
        assert!(said.code == Some(2) && said.stderr.contains(mentions), "`{mentions}` in {said}");
        assert!(!case.path("m").exists(), "{asked:?}");
    }
}

#[test]
fn an_interrupted_matrix_is_taken_up_again_and_a_killed_one_leaves_nothing() {
    let case = Case::new(&pair(LONG));
    let asked = ["--clients", "lockin,lockin@other", "--with-self", "--jobs", "2"];
    let both_run = |out: &str| {
        let begins = |pair: &str| case.wait_for(&format!("{out}/{pair}"), "\"event\":\"genesis\"");
        (begins("lockin_lockin"), begins("lockin_lockin-other"))
    };
    let child = case.matrix("m", &asked).spawn().unwrap();
    both_run("m");
    signal(&child, libc::SIGINT);
    let said = finish(child);
    assert_eq!(said.code, Some(130), "{said}");
    assert!(said.last_line().starts_with("unknown "), "{said}");
    case.leaves_nothing();
    assert!(!case.path("m/lockin_lockin/pair.json").exists(), "what was interrupted has no verdict");
    assert_eq!(case.grid("m")["interrupted"], true);

    let child = case.matrix("m", &asked).spawn().unwrap();
    let since = Instant::now();
    // the folder of the interrupted run is cleared before it is run again
    while case.journal("m/lockin_lockin").contains("interrupted") {
        assert!(since.elapsed() < Duration::from_secs(60), "the run was not made again");
        std::thread::sleep(Duration::from_millis(20));
    }
    both_run("m");
    signal(&child, libc::SIGKILL);
    let _ = child.wait_with_output();
    case.leaves_nothing();
    assert_eq!(
        (&case.grid("m")["interrupted"], verdicts(&case.grid("m")).len()),
        (&false.into(), 3),
        "it has its grid"
    );
}
