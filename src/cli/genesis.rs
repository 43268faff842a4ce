//! `lockin genesis`: a genesis state of interop validators, and the directory that every client loads.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::engine::genesis::header_from_block_json;
use crate::genesis::{Convention, GenesisError, NetworkDirectory, Peers, QuickStart};
use crate::ssz::{Fork as ForkName, Preset, Shape, Ssz};
use crate::types::{ChainConfig, ExecutionPayloadHeader, FAR_FUTURE_EPOCH, Root};

/// Make a genesis state of interop validators, and the directory that every client loads.
///
/// The state depends on nothing but the arguments: two machines make the same one. Without --config the values are
/// the spec's own for the preset. Prints `genesis_state_root 0x...`.
#[derive(Args, Debug, Clone)]
#[command(after_help = "\
A network that is to run and starts in bellatrix or later needs `--convention live`, or the genesis block of its
execution clients: the answer to eth_getBlockByNumber(\"0x0\", false), as JSON.

Examples:
  lockin genesis --preset minimal --fork altair --validators 64 --genesis-time 1700000000 --out net
  lockin genesis --preset minimal --fork deneb --validators 64 --genesis-time 1700000000 --convention live --out net
  lockin genesis --config c.yaml --fork electra --validators 64 --genesis-time 1700000000 --execution-header geth.json \
--out net")]
pub struct GenesisArgs {
    /// Preset: minimal or mainnet; a PRESET_BASE in --config does as well
    #[arg(long, value_parser = preset, required_unless_present = "config")]
    pub preset: Option<&'static Preset>,
    /// Fork of the state; it and all before it are scheduled at epoch 0
    #[arg(long, value_parser = |name: &str| name.parse::<ForkName>())]
    pub fork: ForkName,
    /// Number of validators, with the interop keys from 0 on
    #[arg(long)]
    pub validators: u64,
    /// Genesis time in unix seconds
    #[arg(long, value_name = "UNIX_SECONDS")]
    pub genesis_time: u64,
    /// How it is built: upgraded (phase0 genesis, then upgrades), genesis (directly in its fork), merged (bellatrix and
    /// later: with a mocked execution payload header) or live (bellatrix and later: on the genesis block of lockin's
    /// own engine, whose time is the genesis time) [default: genesis]
    #[arg(long, value_parser = |name: &str| name.parse::<Convention>())]
    pub convention: Option<Convention>,
    /// Genesis block of an execution client that the network begins with, instead of the one of lockin's own engine
    #[arg(long, value_name = "FILE")]
    pub execution_header: Option<PathBuf>,
    /// Chain configuration; unknown keys are warned about, missing ones take the preset's values
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder to write to; made if missing, files in it are replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

fn preset(name: &str) -> Result<&'static Preset, String> {
    Preset::by_name(name).map_err(|error| error.to_string())
}

/// Runs the subcommand: 0, 2 for arguments or a configuration that make no network, 3 if files can't be written.
pub fn run(args: GenesisArgs) -> u8 {
    let mut warnings = Vec::new();
    let result = write_network(&args, &mut warnings);
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    match result {
        Ok(root) => {
            // A reader that went away needs no answer.
            writeln!(io::stdout(), "genesis_state_root {root}").ok();
            0
        }
        Err((code, message)) => {
            eprintln!("error: {message}");
            code
        }
    }
}

fn write_network(args: &GenesisArgs, warnings: &mut Vec<String>) -> Result<Root, (u8, String)> {
    let cfg = configuration(args, warnings)?;
    let usage = |error: GenesisError| (2, error.to_string());
    let validators = QuickStart::new(&cfg, args.fork, args.validators).map_err(usage)?;
    let shape = cfg.shape(args.fork);
    let state = match (&args.execution_header, args.convention) {
        (None, convention) => validators.state(convention.unwrap_or_default(), args.genesis_time),
        (Some(path), None | Some(Convention::Live)) => {
            let header = execution_header(path, shape).map_err(|why| (2, format!("{}: {why}", path.display())))?;
            validators.state_on(header, args.genesis_time)
        }
        (Some(_), Some(other)) => {
            return Err((2, format!("--execution-header makes a `live` state, not one of convention `{other}`")));
        }
    };
    let state = state.map_err(usage)?;
    NetworkDirectory::at(&args.out).write(&cfg, &state, &Peers::default()).map_err(|error| (3, error.to_string()))?;
    Ok(state.hash_tree_root(shape))
}

/// The header of an execution client's genesis block.
fn execution_header(path: &Path, shape: Shape) -> Result<ExecutionPayloadHeader, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("can't be read: {error}"))?;
    let block = serde_json::from_str(&text).map_err(|error| format!("not JSON: {error}"))?;
    header_from_block_json(shape, &block).map_err(|error| error.to_string())
}

/// The network's configuration, with the state's fork and all before it at epoch 0.
fn configuration(args: &GenesisArgs, warnings: &mut Vec<String>) -> Result<ChainConfig, (u8, String)> {
    let Some(path) = &args.config else {
        let mut cfg = match args.preset {
            Some(preset) if preset.name == "mainnet" => ChainConfig::mainnet(),
            _ => ChainConfig::minimal(),
        };
        cfg.start_at(args.fork);
        return Ok(cfg);
    };
    let file = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| (2, format!("can't read {file}: {error}")))?;
    let (mut cfg, found) =
        ChainConfig::from_yaml_file(&file, &text, args.preset).map_err(|error| (2, error.to_string()))?;
    let scheduled = cfg.genesis_fork();
    cfg.start_at(args.fork);
    let wrong = |fork: ForkName, why: String| {
        let key = format!("{}_FORK_EPOCH:", fork.name().to_uppercase());
        let line = text.lines().position(|line| line.trim_start().starts_with(&key));
        let place = line.map_or_else(|| file.clone(), |line| format!("{file}:{}", line + 1));
        Err((2, format!("{place}: {why}")))
    };
    if scheduled > args.fork {
        let why = format!("{scheduled} is scheduled at epoch 0, but the genesis state is of {}", args.fork);
        return wrong(scheduled, why + ": take --fork of the newest at epoch 0, or another epoch");
    }
    if let Some((later, earlier)) = cfg.misplaced_forks().next() {
        let at = |fork| match cfg.fork_epoch(fork) {
            FAR_FUTURE_EPOCH => "never comes".to_owned(),
            epoch => format!("comes in epoch {epoch}"),
        };
        let why = format!(
            "{later} comes in epoch {}, but {earlier}, which it builds on, {}",
            cfg.fork_epoch(later),
            at(earlier)
        );
        return wrong(later, why);
    }
    warnings.extend(found);
    Ok(cfg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: GenesisArgs,
    }

    fn parse(line: &str) -> Result<GenesisArgs, clap::Error> {
        Line::try_parse_from(std::iter::once("genesis").chain(line.split_whitespace())).map(|line| line.args)
    }

    #[test]
    fn arguments_are_checked_before_anything_is_written() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let out = dir.path().join("net");
        let base = format!("--genesis-time 5 --out {}", out.display());
        for wrong in [
            "--preset small --fork phase0 --validators 8",
            "--preset minimal --fork phase1 --validators 8",
            "--preset minimal --fork phase0 --validators -8",
            "--preset minimal --fork phase0",
            "--fork phase0 --validators 8",
            "--preset minimal --fork phase0 --validators 8 --convention other",
        ] {
            assert!(parse(&format!("{base} {wrong}")).is_err(), "{wrong}");
        }
        let args = |line: &str| parse(&format!("{base} {line}")).expect(line);
        assert_eq!(run(args("--preset minimal --fork phase0 --validators 0")), 2);
        assert_eq!(run(args("--preset minimal --fork altair --validators 8 --convention merged")), 2);
        assert_eq!(run(args("--preset minimal --fork phase0 --validators 8 --config no/such/file")), 2);
        assert!(!out.exists());
        assert_eq!(run(args("--preset minimal --fork phase0 --validators 8")), 0);
        assert!(out.join("genesis.ssz").exists());
        fs::write(dir.path().join("file"), "").expect("writes");
        let blocked = format!(
            "--genesis-time 5 --preset minimal --fork phase0 --validators 8 --out {}/file/net",
            dir.path().display()
        );
        assert_eq!(run(parse(&blocked).expect("parses")), 3);
    }

    #[test]
    fn a_configuration_file_is_followed_and_warned_about() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let config = dir.path().join("my.yaml");
        fs::write(&config, "PRESET_BASE: minimal\nGENESIS_FORK_VERSION: 0x10203040\nNEW_KEY: 1\n").expect("writes");
        let line = format!(
            "--fork phase0 --validators 8 --genesis-time 5 --config {} --out {}/net",
            config.display(),
            dir.path().display()
        );
        let mut warnings = Vec::new();
        let args = parse(&line).expect("parses");
        write_network(&args, &mut warnings).expect("writes");
        assert_eq!(warnings, [format!("{}:3: unknown key `NEW_KEY` is ignored", config.display())]);
        let written = fs::read_to_string(dir.path().join("net/config.yaml")).expect("there");
        assert!(written.contains("GENESIS_FORK_VERSION: 0x10203040\n"), "{written}");
        let other = parse(&format!("--preset mainnet {line}")).expect("parses");
        assert_eq!(run(other), 2);
    }
}
