//! The image of a program: what it holds, and that a container of it runs.

use lockin::image::{self, Packed, Program};
use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

/// The shared libraries that this very process has loaded, without links.
fn loaded() -> BTreeSet<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let files = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    files.filter(|file| file.contains(".so")).map(|file| PathBuf::from(file).canonicalize().unwrap()).collect()
}

#[test]
fn a_dynamic_program_goes_with_all_that_it_has_loaded() {
    let this = std::env::current_exe().unwrap();
    let bytes = std::fs::read(&this).unwrap();
    let program = Program::read(&this, &bytes).unwrap();
    assert_eq!(program.arch, image::this_machine());
    let packed = Packed::of(&this, &["lockin:test".into()]).unwrap();
    let parts: BTreeSet<PathBuf> = packed.parts.iter().map(|part| part.from.canonicalize().unwrap()).collect();
    let missing: Vec<_> = loaded().difference(&parts).cloned().collect();
    assert!(missing.is_empty(), "{missing:?} not in {parts:?}");
    assert!(parts.contains(&this.canonicalize().unwrap()));
    // A library is where it is here, and the loader is where the kernel looks for it.
    let loader = program.loader.expect("this test is linked to libraries");
    assert!(packed.parts.iter().any(|part| part.path == loader));
    assert!(packed.parts.iter().all(|part| part.path == part.from || part.path == Path::new(image::BINARY)));
}

#[test]
fn the_command_writes_an_image_and_says_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("image.tar");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
    let said = command.args(["image", "--tag", "mine/lockin", "--out"]).arg(&out).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(text.starts_with("mine/lockin:latest: ") && text.contains("/lockin, from "), "{text}");
    let mut manifest = String::new();
    let mut archive = tar::Archive::new(std::fs::File::open(&out).unwrap());
    let mut files = archive.entries().unwrap().map(Result::unwrap);
    let mut list = files.find(|file| file.path().unwrap() == Path::new("manifest.json")).unwrap();
    list.read_to_string(&mut manifest).unwrap();
    assert!(manifest.contains("mine/lockin:latest"), "{manifest}");
}

#[test]
fn the_dockerfile_makes_an_image_of_the_same_kind() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let (text, manifest) = (read("Dockerfile"), read("Cargo.toml"));
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let last = lines.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    let user = format!("USER {0}:{0}", image::USER);
    let (data, binary) = (format!("WORKDIR {}", image::DATA), format!("ENTRYPOINT [{:?}]", image::BINARY));
    assert_eq!(lines[last..], ["FROM scratch", "COPY --from=build /out/ /", &user, &data, &binary]);
    // It is built with the compiler that the crate asks for.
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(lines[0].starts_with(&format!("FROM rust:{rust}-alpine ")), "{}", lines[0]);
}

#[test]
fn no_program_and_no_engine_are_said_plainly() {
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockin"));
        let said = command.arg("image").args(args).env("DOCKER_HOST", "unix:///nowhere.sock").output().unwrap();
        (said.status.code(), String::from_utf8(said.stderr).unwrap())
    };
    let (code, says) = run(&["--binary", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    assert!(code == Some(2) && says.contains("Cargo.toml is no Linux program"), "{says}");
    let (code, says) = run(&[]);
    assert!(code == Some(3) && says.contains("/nowhere.sock") && says.contains("DOCKER_HOST"), "{says}");
}

#[test]
#[ignore = "needs a Docker engine: tests/docker/run"]
fn a_container_of_the_image_runs_as_nobody_and_may_write_where_data_belongs() {
    let tag = format!("lockin-test-image-{}:1", std::process::id());
    let docker = |args: &[&str]| {
        let said = Command::new("docker").args(args).output().expect("the program docker is there");
        let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
        (said.status.success(), text)
    };
    let made = Command::new(env!("CARGO_BIN_EXE_lockin")).args(["image", "--tag", &tag]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let version = docker(&["run", "--rm", "--network=none", &tag, "--version"]);
    let volume = format!("{tag}-data").replace(':', "-");
    let genesis = "genesis --preset minimal --fork phase0 --validators 1 --genesis-time 1 --out net";
    let mount = format!("{volume}:{}", image::DATA);
    let run = ["run", "--rm", "--network=none", "-v", &mount, &tag];
    let written = docker(&run.into_iter().chain(genesis.split(' ')).collect::<Vec<_>>());
    let removed = (docker(&["volume", "rm", &volume]), docker(&["image", "rm", &tag]));
    assert_eq!(version, (true, concat!("lockin ", env!("CARGO_PKG_VERSION"), "\n").to_owned()));
    assert!(written.0, "{}", written.1);
    assert!(removed.0.0 && removed.1.0, "{removed:?}");
}
