//! The table of `benches/states`: what states, blocks and epochs cost at three sizes of network.
//!
//! Every column is measured in a process of its own, so that peak memory is that of one state; what it measures on is
//! prepared in another one. Times are the best of several: other programs on the machine can only add to them.

mod measure;
mod mirror;
mod prepare;

use lockin::{ssz::Fork, types::ChainConfig};
use std::{path::Path, process::Command};

const FORK: Fork = Fork::Fulu;
const COLUMNS: [(&str, u64); 3] = [("minimal", 64), ("mainnet", 16_384), ("mainnet", 131_072)];

/// The network of a column: every fork at genesis.
fn config(preset: &str) -> ChainConfig {
    let mut cfg = if preset == "minimal" { ChainConfig::minimal() } else { ChainConfig::mainnet() };
    cfg.start_at(FORK);
    cfg
}

fn main() {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => table(),
        ["prepare", preset, validators, dir] => {
            prepare::prepare(&config(preset), validators.parse().expect("a number"), Path::new(dir));
        }
        ["measure", preset, dir] => {
            for (what, value) in measure::measure(&config(preset), Path::new(dir)) {
                println!("{what}|{value}");
            }
        }
        _ => panic!("usage: states [prepare PRESET VALIDATORS DIR | measure PRESET DIR]"),
    }
}

/// Measures every column and prints them side by side.
fn table() {
    let columns: Vec<Vec<(String, String)>> = COLUMNS.iter().map(|(preset, count)| column(preset, *count)).collect();
    print!("{:44}", format!("{FORK}, milliseconds"));
    COLUMNS.iter().for_each(|(preset, count)| print!("{:>18}", format!("{preset}/{count}")));
    println!();
    for (row, (what, _)) in columns[0].iter().enumerate() {
        print!("{what:44}");
        columns.iter().for_each(|column| print!("{:>18}", column[row].1));
        println!();
    }
}

fn column(preset: &str, validators: u64) -> Vec<(String, String)> {
    let dir = std::env::temp_dir().join(format!("lockin-bench-{}-{preset}-{validators}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder for temporary files");
    let path = dir.to_str().expect("a path in UTF-8");
    run(&["prepare", preset, &validators.to_string(), path]);
    let rows = run(&["measure", preset, path]);
    std::fs::remove_dir_all(&dir).expect("the folder was made here");
    let split = |line: &str| line.split_once('|').map(|(what, value)| (what.to_owned(), value.to_owned()));
    rows.lines().filter_map(split).collect()
}

/// This program with other arguments: what it printed.
fn run(args: &[&str]) -> String {
    let this = std::env::current_exe().expect("the path of this program");
    let output = Command::new(this).args(args).stderr(std::process::Stdio::inherit()).output().expect("it starts");
    assert!(output.status.success(), "{args:?} failed");
    String::from_utf8(output.stdout).expect("the table is text")
}
