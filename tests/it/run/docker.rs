//! Runs in containers, as a user or a CI job starts them. Needs an engine: tests/docker/run.

use super::{Case, Said, finish, pair, signal};
use crate::runtime::docker::{has_image, things};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// A pair with slots that containers on a busy machine keep.
pub fn slow_pair(steps: &str) -> Case {
    has_image();
    Case::new(&pair(steps).replace("slot_time: 500ms", "slot_time: 2s"))
}

const DOCKER: [&str; 2] = ["--runtime", "docker"];

fn lockin(args: &[&str]) -> Said {
    Said::of(Command::new(env!("CARGO_BIN_EXE_lockin")).args(args).output().unwrap())
}

/// The run's id, as soon as it is told.
pub fn id(case: &Case, out: &str) -> String {
    let journal = case.wait_for(out, "\"event\":\"run\"");
    let line: serde_json::Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    line["id"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs a Docker engine: tests/docker/run"]
fn docker_runs_a_pair_to_finality_and_leaves_nothing() {
    let case = slow_pair("  - wait: { finalized: 2, within: 6 epochs }");
    let said = Said::of(case.run("out", &DOCKER).output().unwrap());
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.last_line().starts_with("pass "), "{said}");
    assert_eq!(things(&id(&case, "out")), [""; 0]);
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(case.path("out").join("report.json")).unwrap()).unwrap();
    assert_eq!(report["run"]["runtime"], "docker");
    for node in report["nodes"].as_array().unwrap() {
        for role in ["beacon", "validator"] {
            let memory = node["memory"][role].as_u64().unwrap();
            assert!((1 << 20..1 << 30).contains(&memory), "{node}");
        }
        assert!(node["disk"].as_u64().unwrap() > 0, "{node}");
    }
    let journal = case.journal("out");
    assert!(journal.contains(concat!("\"image\":\"lockin:", env!("CARGO_PKG_VERSION"))), "{journal}");
    assert!(journal.contains("\"digest\":\"sha256:"), "{journal}");
    for log in ["a0/beacon.log", "a0/validator.log", "b0/beacon.log"] {
        assert!(fs::metadata(case.path("out").join(log)).unwrap().len() > 0, "{log}");
    }
}

/// How often a run is killed; once by hand it was 50.
fn kills() -> u64 {
    std::env::var("LOCKIN_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(4)
}

#[test]
#[ignore = "needs a Docker engine: tests/docker/run"]
fn docker_leftovers_of_a_killed_run_are_gone_after_the_next_command() {
    let case = slow_pair("  - wait: { finalized: 9, within: 20 epochs }");
    // Spread over the first seconds, in which everything is made.
    for kill in 0..kills() {
        let out = format!("out{kill}");
        let child = case.run(&out, &DOCKER).spawn().unwrap();
        let run = format!("{out}-{}", child.id());
        let since = Instant::now();
        std::thread::sleep(Duration::from_millis(100 + kill * 7919 % 8000));
        signal(&child, libc::SIGKILL);
        let killed_after = since.elapsed();
        child.wait_with_output().unwrap();
        let cleaned = lockin(&["clean"]);
        assert_eq!(cleaned.code, Some(0), "{cleaned}");
        assert_eq!(things(&run), [""; 0], "killed after {killed_after:?}: {cleaned}");
    }
}

#[test]
#[ignore = "needs a Docker engine: tests/docker/run"]
fn docker_runs_sweep_what_killed_ones_left_and_leave_living_ones_alone() {
    let case = slow_pair("  - wait: { finalized: 9, within: 20 epochs }");
    let killed = case.run("killed", &DOCKER).spawn().unwrap();
    case.wait_for("killed", "\"state\":\"ready\"");
    signal(&killed, libc::SIGKILL);
    killed.wait_with_output().unwrap();
    let left = things(&id(&case, "killed"));
    assert!(left.len() > 6, "{left:?}");
    assert_eq!(lockin(&["clean", "--dry-run"]).code, Some(0));
    assert_eq!(things(&id(&case, "killed")), left, "a dry run removes nothing");
    let living = case.run("living", &DOCKER).spawn().unwrap();
    let journal = case.wait_for("living", "\"state\":\"ready\"");
    assert!(journal.contains("removed what a killed run had left"), "{journal}");
    assert_eq!(things(&id(&case, "killed")), [""; 0]);
    let before = things(&id(&case, "living"));
    assert_eq!(lockin(&["clean", "--kept"]).code, Some(0));
    assert_eq!(things(&id(&case, "living")), before, "a living run is left alone");
    signal(&living, libc::SIGINT);
    assert_eq!(finish(living).code, Some(130));
    assert_eq!(things(&id(&case, "living")), [""; 0]);
}

#[test]
#[ignore = "needs a Docker engine: tests/docker/run"]
fn docker_says_which_images_are_missing_before_anything_starts() {
    let case = slow_pair("  - wait: { finalized: 2, within: 6 epochs }");
    let images = ["--image", "lockin.beacon=nowhere/beacon:1", "--image", "lockin.validator=nowhere/validator:1"];
    for (policy, code) in [("fail", 3), ("skip", 4)] {
        let args = [&DOCKER[..], &images, &["--pull", "never", "--missing-image", policy]].concat();
        let said = Said::of(case.run("out", &args).output().unwrap());
        assert_eq!(said.code, Some(code), "{said}");
        for image in ["nowhere/beacon:1 of lockin (beacon)", "nowhere/validator:1 of lockin (validator)"] {
            assert!(said.stderr.contains(&format!("missing image {image}: ")), "{said}");
        }
        assert!(said.stderr.contains("--image lockin=REF"), "{said}");
        assert!(!case.path("out").exists(), "{said}");
    }
}

#[test]
#[ignore = "needs a Docker engine: tests/docker/run"]
fn docker_keeps_a_network_on_request_until_it_is_cleaned_up() {
    let case = slow_pair("  - wait: { head_slot: 2, within: 2 epochs }");
    let said = Said::of(case.run("out", &[&DOCKER[..], &["--keep"]].concat()).output().unwrap());
    assert_eq!(said.code, Some(0), "{said}");
    let id = id(&case, "out");
    let url = said.stdout.lines().find_map(|line| line.strip_prefix("a0  Beacon API ")).expect("its URL is told");
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let transport = lockin::api::HttpTransport::with_limits(url, Duration::from_secs(5), 1 << 20).unwrap();
    let client = lockin::api::Client::new(std::sync::Arc::new(transport));
    let head = || tokio.block_on(client.head_header()).unwrap().header.message.slot;
    let before = head();
    std::thread::sleep(Duration::from_secs(8));
    assert!(head() > before, "it goes on");
    assert!(said.stdout.contains(&format!("docker logs -f lockin-{id}-a0-beacon")), "{said}");
    assert_eq!(lockin(&["clean"]).code, Some(0));
    assert!(things(&id).len() > 6, "kept");
    let cleaned = lockin(&["clean", "--run", &id]);
    assert!(cleaned.stdout.contains(&format!("of {id} ended")), "{cleaned}");
    assert_eq!(things(&id), [""; 0]);
    assert_eq!(lockin(&["clean", "--run", &id]).code, Some(2), "there is no such run any more");
}

#[test]
#[ignore = "needs a Docker engine: tests/docker/run"]
fn docker_is_asked_for_where_it_is_needed() {
    let case = Case::new(&pair("  - wait: { finalized: 2, within: 6 epochs }"));
    let mut command = case.run("out", &DOCKER);
    let said = Said::of(command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap());
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.stderr.contains("DOCKER_HOST") && !case.path("out").exists(), "{said}");
    let said = Said::of(case.run("out", &["--keep"]).output().unwrap());
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.stderr.contains("--keep"), "{said}");
    assert!(!Path::new(&case.path("out")).exists());
}
