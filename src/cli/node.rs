//! `lockin node`: one beacon node of a given network.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::node::driver::{EngineOptions, KeyError, NodeOptions, RunError, StoreError, run as run_node};
use crate::report::exit;
use crate::witness::Disagreement;

/// Runs a beacon node until SIGTERM or Ctrl-C.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
The network directory is what `lockin genesis --out DIR` writes; every node of a network takes the same one.
State is kept in the data directory: a node that was killed goes on where it was.

Example:
  lockin node --network-dir net --data-dir data/a --listen 127.0.0.1:9000 --rest 127.0.0.1:5052")]
pub struct NodeArgs {
    /// Folder with config.yaml and genesis.ssz.
    #[arg(long, value_name = "DIR")]
    pub network_dir: PathBuf,
    /// Folder for the database and the node key; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Address and TCP port for peers; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9000")]
    pub listen: SocketAddr,
    /// UDP port for peers that come by QUIC, on the address of --listen; 0 lets the system choose. Only in builds with the
    /// feature `quic`; those can be given QUIC addresses as --peer, too.
    #[arg(long, value_name = "PORT")]
    pub quic_port: Option<u16>,
    /// Address and port of the Beacon API and /metrics; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5052")]
    pub rest: SocketAddr,
    /// Secret key of the node's identity: 64 hex digits, or a file that holds them. By default one is made and kept in
    /// the data directory.
    #[arg(long, value_name = "HEX|FILE")]
    pub node_key: Option<String>,
    /// A peer to stay connected to, as a multiaddr that ends in /p2p/PEER_ID; may be repeated.
    #[arg(long = "peer", value_name = "MULTIADDR")]
    pub peers: Vec<String>,
    /// Address and UDP port to find more peers by (discv5); port 0 lets the system choose. Others are told the address. Off by
    /// default: then --peer and who dials us are all the peers there are.
    #[arg(long, value_name = "ADDR:PORT")]
    pub discovery: Option<SocketAddr>,
    /// A node record (enr:...) that discovery begins with; may be repeated.
    #[arg(long = "bootnode", value_name = "ENR", requires = "discovery")]
    pub bootnodes: Vec<String>,
    /// The execution engine's authenticated address, for networks that reach bellatrix. By default a stub in this process
    /// takes its place; `lockin engine` is the same as a program.
    #[arg(long, value_name = "URL", requires = "jwt_secret")]
    pub engine: Option<String>,
    /// File with the secret shared with the execution engine: 64 hexadecimal digits.
    #[arg(long, value_name = "FILE", requires = "engine")]
    pub jwt_secret: Option<PathBuf>,
    /// Hold every imported block and its state to a second implementation of SSZ, too: encoding and root. A difference is
    /// logged as an error; a state that differs from the start ends the node. For the presets as they are only.
    #[arg(long)]
    pub cross_check: bool,
    /// What is logged to stderr: off, error, warn, info, debug, trace, or a filter such as `info,libp2p=debug`.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

/// Runs the node; returns the exit code: 0 when it was told to stop, 2 for bad arguments or files, 3 when the machine is at
/// fault (a port taken, a full disk).
pub fn run(args: NodeArgs) -> u8 {
    if let Err(why) = super::log::init(&args.log_level) {
        eprintln!("error: --log-level {:?}: {why}", args.log_level);
        return 2;
    }
    let options = NodeOptions {
        network_dir: args.network_dir,
        data_dir: args.data_dir,
        listen: args.listen,
        quic: args.quic_port,
        rest: args.rest,
        node_key: args.node_key,
        peers: args.peers,
        discovery: args.discovery,
        bootnodes: args.bootnodes,
        engine: args.engine.zip(args.jwt_secret).map(|(url, jwt_secret)| EngineOptions { url, jwt_secret }),
        cross_check: args.cross_check,
    };
    match run_node(&options) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: {error}");
            exit_code(&error)
        }
    }
}

/// 2 where a file or an argument is at fault, 3 where the machine is, 1 where we are: an orchestrator must not blame a bug
/// of ours on its environment.
fn exit_code(error: &RunError) -> u8 {
    match error {
        RunError::Died(_)
        | RunError::Chain(_)
        | RunError::Store(StoreError::Open { .. } | StoreError::OtherSchema { .. }) => exit::FAIL,
        RunError::CrossCheck(Disagreement::NoMirror(_)) => exit::USAGE,
        RunError::CrossCheck(_) => exit::FAIL,
        RunError::Key(KeyError::File { .. }) => exit::UNKNOWN,
        error if error.is_usage() => exit::USAGE,
        _ => exit::UNKNOWN,
    }
}
