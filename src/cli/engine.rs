//! `lockin engine`: a stub execution engine for one consensus client.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::engine::{Script, Secret, SecretError, Stub, StubConfig, StubGenesis, genesis, server};
use crate::report::exit;
use crate::ssz::DecodeError;
use crate::types::{ChainConfig, config::ConfigError};
use crate::yaml;

/// Runs a stub execution engine until SIGTERM or Ctrl-C.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
It speaks the Engine API, builds empty payloads (or with blobs, see --script) with right block hashes, checks what it is
given as far as that goes without executing it, and keeps its chain in memory. Each consensus client needs one of its own.

A script makes it answer otherwise:
  verdicts:
    - { slots: 40-44, answer: SYNCING, until_slot: 50 }     # or VALID, INVALID, ACCEPTED, timeout, wrong_hash
    - { blocks: 20, answer: INVALID, latest_valid_hash: ancestor, calls: [new_payload] }
  blobs: { every: 2, per_block: 3, shared: false }

Example:
  lockin engine --network-dir net --jwt-secret data/a/jwt.hex --listen 127.0.0.1:8551")]
pub struct EngineArgs {
    /// Folder with config.yaml and genesis.ssz: fork times, the terminal block, and where the execution chain begins.
    #[arg(long, value_name = "DIR")]
    pub network_dir: PathBuf,
    /// File with the secret that the consensus client shows it knows; made, readable by its owner only, if it is not there.
    #[arg(long, value_name = "FILE")]
    pub jwt_secret: PathBuf,
    /// Address and port of the Engine API; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8551")]
    pub listen: SocketAddr,
    /// What to answer where, and which payloads carry blobs (YAML).
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// What is logged to stderr: off, error, warn, info, debug (every question and answer), trace, or a filter.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

/// Why the engine could not be started, or could not go on.
#[derive(Debug, thiserror::Error)]
enum EngineError {
    #[error("can't read {path}: {source}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "{path} is no genesis state of this configuration: {source}; do config.yaml and genesis.ssz belong together?"
    )]
    Genesis {
        path: PathBuf,
        #[source]
        source: DecodeError,
    },
    #[error(transparent)]
    Script(#[from] yaml::Error),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("can't serve the Engine API on {address}: {source}; is another program using port {port}? Choose another with --listen", port = address.port())]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("{doing}: {source}")]
    System {
        doing: &'static str,
        #[source]
        source: std::io::Error,
    },
}

/// Runs the engine; returns the exit code: 0 when it was told to stop, 2 for bad arguments or files, 3 when the machine is
/// at fault (a port taken).
pub fn run(args: EngineArgs) -> u8 {
    if let Err(why) = super::log::init(&args.log_level) {
        eprintln!("error: --log-level {:?}: {why}", args.log_level);
        return exit::USAGE;
    }
    match start(&args) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {error}");
            match error {
                EngineError::Listen { .. } | EngineError::System { .. } => exit::UNKNOWN,
                _ => exit::USAGE,
            }
        }
    }
}

fn start(args: &EngineArgs) -> Result<(), EngineError> {
    let script = match &args.script {
        None => Script::default(),
        Some(path) => {
            let text = String::from_utf8_lossy(&read(path)?).into_owned();
            Script::from_yaml(&path.display().to_string(), &text)?
        }
    };
    let stub = Stub::new(load(&args.network_dir)?.with_script(script));
    let (secret, made) = Secret::read_or_create(&args.jwt_secret)?;
    if made {
        tracing::info!("made a secret: {}", args.jwt_secret.display());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| EngineError::System { doing: "starting the runtime", source })?;
    let ended = runtime.block_on(serve(args.listen, stub, secret));
    // Answers that are held back don't hold us.
    runtime.shutdown_background();
    ended
}

fn read(path: &Path) -> Result<Vec<u8>, EngineError> {
    std::fs::read(path).map_err(|source| EngineError::Read { path: path.to_path_buf(), source })
}

/// What the network directory says about the execution chain.
fn load(dir: &Path) -> Result<StubConfig, EngineError> {
    let path = dir.join("config.yaml");
    let text = String::from_utf8_lossy(&read(&path)?).into_owned();
    let (config, warnings) = ChainConfig::from_yaml_file(&path.display().to_string(), &text, None)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let path = dir.join("genesis.ssz");
    let state = config.decode_state(&read(&path)?).map_err(|source| EngineError::Genesis { path, source })?;
    let terminal = genesis::terminal_block(config.terminal_total_difficulty).block_hash;
    let wanted = config.terminal_block_hash;
    let stub = StubConfig::of_network(Arc::new(config), &state);
    if matches!(stub.genesis, StubGenesis::ProofOfWork) && !wanted.is_zero() && wanted != terminal {
        tracing::warn!(
            "TERMINAL_BLOCK_HASH is {wanted}, but this engine's terminal block is {terminal}: no merge here"
        );
    }
    Ok(stub)
}

async fn serve(listen: SocketAddr, stub: Stub, secret: Secret) -> Result<(), EngineError> {
    let bound = TcpListener::bind(listen).await;
    let listener = bound.map_err(|source| EngineError::Listen { address: listen, source })?;
    let on = |kind| signal(kind).map_err(|source| EngineError::System { doing: "listening for signals", source });
    let (mut terminate, mut interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let blobs = stub.clone();
    // Beside the server: it must answer at once, and the first blobs are some slots away.
    std::thread::spawn(move || {
        if let Err(error) = blobs.prepare_blobs() {
            tracing::error!("blobs can't be made: {error}");
        }
    });
    let address = listener.local_addr().unwrap_or(listen);
    tracing::info!("the Engine API is at http://{address}; the chain's head is {}", stub.head().hash);
    tokio::select! {
        ended = server::serve(listener, stub, secret) => {
            ended.map_err(|source| EngineError::System { doing: "serving the Engine API", source })
        }
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
