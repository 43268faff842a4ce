//! `lockin validator`: validators with interop keys or keys out of keystores, served by one beacon node over its Beacon API.
//!
//! Here are the arguments and the start: read the network, take the slashing protection, find the beacon node and see
//! that it is on the same network. `validator::driver` then calls the validator on the wall clock.

use crate::api::{ApiError, Client, HttpTransport};
use crate::crypto::SecretKey;
use crate::genesis::{NetworkDirectory, interop_keys};
use crate::keystore;
use crate::ssz::{Bytes, Root};
use crate::types::{ChainConfig, ExecutionAddress};
use crate::validator::{Network, NetworkError, SlashingProtection, Validator, driver};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Largest answer taken from the beacon node: a block with every blob fits many times.
const MAX_ANSWER: usize = 64 << 20;

/// Runs validators, with interop keys (which everybody knows: for test networks only) or with keystores, until SIGTERM
/// or Ctrl-C.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
The network directory is the one that the beacon node was started with. The data directory holds the slashing
protection (EIP-3076): keep it for as long as the network lives, and never run the same keys twice.

Examples:
  lockin validator --beacon http://127.0.0.1:5052 --network-dir net --data-dir data/a-validator --interop 0..16
  lockin validator --network-dir net --data-dir data/b-validator --keystores b/keys --passwords b/secrets")]
pub struct ValidatorArgs {
    /// Address of the beacon node's REST API.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5052")]
    pub beacon: String,
    /// Folder with config.yaml and genesis.ssz.
    #[arg(long, value_name = "DIR")]
    pub network_dir: PathBuf,
    /// Folder for the slashing protection; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Which interop keys: half-open ranges and single indices, e.g. `0..16,20..24,30`.
    #[arg(long, value_name = "RANGES", required_unless_present = "keystores")]
    pub interop: Option<InteropRanges>,
    /// Keystores (EIP-2335): a file, or a folder in the layout of any client, Prysm's wallet included.
    #[arg(long, value_name = "PATH", requires = "passwords")]
    pub keystores: Option<PathBuf>,
    /// The keystores' passwords: a folder with a file for each, or one file with the password of all.
    #[arg(long, value_name = "PATH", requires = "keystores")]
    pub passwords: Option<PathBuf>,
    /// Text for the blocks that are proposed, at most 32 bytes.
    #[arg(long, value_name = "TEXT", default_value = "lockin")]
    pub graffiti: String,
    /// Who gets the fees of the blocks that are proposed, from bellatrix on: 0x and 40 hexadecimal digits. By default
    /// nobody does (zeros).
    #[arg(long, value_name = "ADDRESS", default_value_t)]
    pub fee_recipient: ExecutionAddress,
    /// What is logged to stderr: off, error, warn, info, debug, trace, or a filter such as `info,lockin::duty=debug`.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

/// Indices of interop keys, in order, none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InteropRanges(Vec<Range<u64>>);

impl InteropRanges {
    /// More keys than any one process should hold; a slip of the finger otherwise takes all memory.
    const MAX: u64 = 1 << 20;

    fn keys(&self) -> impl Iterator<Item = SecretKey> {
        self.0.iter().flat_map(|range| interop_keys(range.clone())).map(|key| key.secret)
    }
}

impl FromStr for InteropRanges {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| format!("{text:?} is no index"));
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let range = match part.split_once("..") {
                Some((start, end)) => number(start)?..number(end)?,
                None => {
                    let only = number(part)?;
                    only..only.checked_add(1).ok_or("that index is too large")?
                }
            };
            if range.is_empty() {
                return Err(format!("{part:?} is empty: ranges are START..END, END not included"));
            }
            ranges.push(range);
        }
        ranges.sort_by_key(|range| range.start);
        if let Some(pair) = ranges.windows(2).find(|pair| pair[1].start < pair[0].end) {
            return Err(format!("index {} is given twice", pair[1].start));
        }
        let ranges = Self(ranges);
        let count = ranges.0.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
        if count > Self::MAX {
            return Err(format!("{count} keys are more than one process can hold ({})", Self::MAX));
        }
        Ok(ranges)
    }
}

/// Why the validators could not start, with the exit code.
struct Failure {
    code: u8,
    why: String,
}

impl Failure {
    /// Bad arguments or files.
    fn usage(why: impl Display) -> Self {
        Self { code: 2, why: why.to_string() }
    }

    /// The machine's fault.
    fn environment(why: impl Display) -> Self {
        Self { code: 3, why: why.to_string() }
    }
}

/// Runs the validators; returns the exit code: 0 when told to stop, 2 for bad arguments or files or a beacon node of
/// another network, 3 when the machine is at fault.
pub fn run(args: ValidatorArgs) -> u8 {
    match start(args) {
        Ok(()) => 0,
        Err(Failure { code, why }) => {
            eprintln!("error: {why}");
            code
        }
    }
}

fn start(args: ValidatorArgs) -> Result<(), Failure> {
    super::log::init(&args.log_level)
        .map_err(|why| Failure::usage(format!("--log-level {:?}: {why}", args.log_level)))?;
    let network = read_network(&args.network_dir)?;
    let timeout =
        Duration::from_millis(network.config.slot_duration_ms).clamp(Duration::from_secs(1), Duration::from_secs(12));
    let transport = HttpTransport::with_limits(&args.beacon, timeout, MAX_ANSWER).map_err(Failure::usage)?;
    let protection = SlashingProtection::open(&args.data_dir, network.genesis_validators_root);
    let protection = protection.map_err(Failure::environment)?;
    let keys = read_keys(&args)?;
    let count = keys.len();
    let client = Client::new(Arc::new(transport.clone()));
    let validator = Validator::new(client, network, keys, protection)
        .with_graffiti(&args.graffiti)
        .with_fee_recipient(args.fee_recipient);
    tracing::info!(keys = count, beacon = transport.url(), "validators ready");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::environment)?;
    let ended = runtime.block_on(async {
        let stop = stop_signal().map_err(Failure::environment)?;
        tokio::pin!(stop);
        tokio::select! {
            () = &mut stop => return Ok(()),
            found = find_node(validator.client(), validator.network(), transport.url()) => found?,
        }
        driver::drive(&Arc::new(validator), transport, stop).await;
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_millis(200));
    tracing::info!("stopped");
    ended
}

/// The keys of all sources, each once.
fn read_keys(args: &ValidatorArgs) -> Result<Vec<SecretKey>, Failure> {
    let mut keys: Vec<SecretKey> = args.interop.iter().flat_map(InteropRanges::keys).collect();
    if let (Some(keystores), Some(passwords)) = (&args.keystores, &args.passwords) {
        keys.extend(keystore::read(keystores, passwords).map_err(Failure::usage)?);
    }
    let mut seen = BTreeSet::new();
    keys.retain(|key| seen.insert(key.to_bytes()));
    Ok(keys)
}

/// Reads configuration and genesis. Of the genesis state only its first fields are needed: the time and the root.
fn read_network(folder: &Path) -> Result<Network, Failure> {
    let files = NetworkDirectory::at(folder);
    let hint = "give the folder that `lockin genesis --out DIR` wrote as --network-dir";
    let unreadable =
        |path: &Path, why: &dyn Display| Failure::usage(format!("can't read {}: {why}; {hint}", path.display()));
    let path = files.config();
    let text = std::fs::read_to_string(&path).map_err(|why| unreadable(&path, &why))?;
    let (config, warnings) = ChainConfig::from_yaml(&text).map_err(|why| unreadable(&path, &why))?;
    for warning in warnings {
        tracing::warn!("{}: {warning}", path.display());
    }
    let path = files.genesis();
    let mut head = [0u8; 40];
    let read = std::fs::File::open(&path).and_then(|mut file| file.read_exact(&mut head));
    read.map_err(|why| unreadable(&path, &why))?;
    let (time, root) = head.split_at(8);
    let genesis_time = time.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let genesis_validators_root: Root = Bytes(root.try_into().expect("the other 32 of 40 bytes"));
    Ok(Network { config, genesis_time, genesis_validators_root })
}

/// Waits until the beacon node answers, and refuses one of another network.
async fn find_node(client: &Client, network: &Network, url: &str) -> Result<(), Failure> {
    const QUIET: Duration = Duration::from_secs(10);
    let (begun, mut told) = (Instant::now(), None::<Instant>);
    loop {
        match network.check(client).await {
            Ok(differences) => {
                for difference in differences {
                    tracing::warn!(
                        "the beacon node's configuration differs in what no signature depends on: {difference}"
                    );
                }
                tracing::info!(waited_ms = begun.elapsed().as_millis() as u64, "beacon node found");
                return Ok(());
            }
            Err(error @ NetworkError::Different(_)) => return Err(Failure::usage(error)),
            Err(NetworkError::Api(error @ ApiError::Malformed { .. })) => {
                return Err(Failure::usage(format!("{url} does not answer as a beacon node does: {error}")));
            }
            Err(NetworkError::Api(error)) => {
                if told.is_none_or(|told| told.elapsed() > QUIET) {
                    tracing::info!("waiting for the beacon node: {error}");
                    told = Some(Instant::now());
                }
            }
        }
        let pause = if begun.elapsed() < QUIET { 100 } else { 500 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Resolves on SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_half_open_and_disjoint() {
        let ranges: InteropRanges = "20..24, 0..16,30".parse().unwrap();
        assert_eq!(ranges.0, [0..16, 20..24, 30..31]);
        assert_eq!(ranges.keys().count(), 21);
        for (text, why) in [
            ("", "no index"),
            ("a..2", "no index"),
            ("3..3", "empty"),
            ("4..2", "empty"),
            ("0..4,3..5", "index 3 is given twice"),
            ("7,7", "index 7 is given twice"),
            ("0..18446744073709551615", "more than one process"),
            ("0..9223372036854775808,9223372036854775808..18446744073709551615", "more than one process"),
            ("18446744073709551615", "too large"),
        ] {
            let error = text.parse::<InteropRanges>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_missing_network_is_bad_usage_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let Err(failure) = read_network(folder.path()) else { panic!("an empty folder is no network") };
        assert_eq!(failure.code, 2);
        assert!(failure.why.contains("config.yaml") && failure.why.contains("lockin genesis"), "{}", failure.why);
    }
}
