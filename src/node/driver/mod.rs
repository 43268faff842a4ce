//! The real node: [`Core`] on libp2p, redb, HTTP and the wall clock, in one thread beside the database's.
//! This module NEVER decides: it carries inputs to the core and the core's effects out.

mod cross_check;
mod discovery;
mod engine;
mod http;
mod key;
mod network;
mod process;
mod server;
mod sse;
mod store;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};

pub use engine::{EngineError, EngineOptions};
pub use key::KeyError;
pub use network::NetworkError;
pub use store::{Store, StoreError};

use self::cross_check::CrossCheck;
use self::discovery::Discovery;
use self::engine::Engine;
use self::network::Network;
use self::sse::Subscribers;
use super::rest::Reply;
use super::{CallId, Core, Endpoint, Identity, LogLine};
use crate::chain::{EngineId, Level, Memo, StateId};
use crate::engine::{Call, Client};
use crate::net::libp2p as link;
use crate::net::service::Reach;
use crate::net::{Link, LinkEvent};
use crate::time::{Clock, WallClock};
use crate::types::{ChainConfig, FAR_FUTURE_EPOCH, ForkName};

/// States that a node's memo of transitions holds: the head and what may follow it.
const MEMO_STATES: usize = 4;
/// How long goodbyes may take to leave when the node is told to stop.
const FAREWELL: Duration = Duration::from_millis(300);
/// Threads for blocking work; little does any.
const BLOCKING_THREADS: usize = 2;

/// How a node is to be run.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Folder with `config.yaml` and `genesis.ssz`.
    pub network_dir: PathBuf,
    /// Folder for the database and the node key; made if it is not there.
    pub data_dir: PathBuf,
    /// Where peers reach us (TCP).
    pub listen: SocketAddr,
    /// UDP port where they reach us by QUIC, on the same address; by default they do not.
    pub quic: Option<u16>,
    /// Where the Beacon API is served.
    pub rest: SocketAddr,
    /// Secret of the node's identity as hex, or a file that holds it; by default `node-key` in the data directory.
    pub node_key: Option<String>,
    /// Multiaddrs, each with a peer id, of peers to be connected to.
    pub peers: Vec<String>,
    /// Where peers are looked for by discv5 (UDP); by default they are not.
    pub discovery: Option<SocketAddr>,
    /// Node records that the search begins with.
    pub bootnodes: Vec<String>,
    /// The execution engine; by default a stub in this process.
    pub engine: Option<EngineOptions>,
    /// Whether imported blocks and their states are held to a second implementation of SSZ.
    pub cross_check: bool,
}

/// Why a node could not be started, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The network directory is missing, incomplete or broken.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The node key can't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The execution engine can't be asked.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A peer's address is unusable.
    #[error("--peer: {0}")]
    Peer(String),
    /// Discovery could not be started.
    #[error("{0}; see --discovery and --bootnode")]
    Discovery(#[from] crate::net::discovery::Error),
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain can't be built from the genesis state or the database.
    #[error("starting the chain: {0}")]
    Chain(#[from] crate::chain::Error),
    /// libp2p could not be started; says which port.
    #[error("{0}; see --listen and --quic-port")]
    Link(#[from] link::Error),
    /// The REST port is taken or not ours.
    #[error("can't serve the Beacon API on {address}: {source}; is another program using port {port}? Choose another with --rest", port = address.port())]
    Rest {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// The system refuses what every program needs.
    #[error("{doing}: {source}")]
    System {
        doing: &'static str,
        #[source]
        source: std::io::Error,
    },
    /// The second implementation of SSZ can't be asked, or disagrees on the state to start from.
    #[error("beginning the cross-check: {0}")]
    CrossCheck(#[from] crate::witness::Disagreement),
    /// A task of ours ended on its own.
    #[error("{0}; this is a bug, the log above may tell more")]
    Died(&'static str),
}

impl RunError {
    /// Whether a file or argument that the user gave is at fault, rather than the machine.
    pub fn is_usage(&self) -> bool {
        match self {
            RunError::Network(_) | RunError::Key(_) | RunError::Peer(_) | RunError::Engine(_) => true,
            RunError::Link(error) => matches!(error, link::Error::NoQuic(_)),
            RunError::Discovery(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// The core with its surroundings; every input goes through [`Shell::with`].
struct Shell {
    core: Core,
    link: link::Handle,
    store: Store,
    /// To whoever carries calls to the execution engine.
    engine: UnboundedSender<(EngineId, Box<Call>)>,
    /// HTTP requests that are answered later.
    waiting: BTreeMap<CallId, oneshot::Sender<Reply>>,
    subscribers: Subscribers,
    cross_check: Option<CrossCheck>,
    started: f64,
}

impl Shell {
    /// Lets the core take one input, then carries out what it wants. The database is told first, but it gathers writes
    /// and commits them up to [`store::GATHER`] later: after a crash a node may have told others what it does not know
    /// any more itself. That is safe: only validators' signatures must outlive a crash, and they keep their own journal.
    fn with<R>(&mut self, input: impl FnOnce(&mut Core, u64) -> R) -> R {
        let result = input(&mut self.core, WallClock.now_ms());
        let effects = self.core.take_effects();
        for batch in effects.writes {
            self.store.apply(batch);
        }
        for command in effects.commands {
            self.link.send(command);
        }
        for call in effects.engine {
            let _ = self.engine.send(call); // fails only when the node ends
        }
        for (call, reply) in effects.answers {
            if let Some(sender) = self.waiting.remove(&call) {
                let _ = sender.send(reply); // fails only if the asker is gone
            }
        }
        for notice in &effects.notices {
            self.subscribers.tell(self.core.chain().config(), notice);
            if let Some(cross_check) = &self.cross_check {
                cross_check.see(self.core.chain(), notice);
            }
        }
        for line in &effects.logs {
            log(line);
        }
        result
    }
}

fn log(line: &LogLine) {
    match line.level {
        Level::Debug => tracing::debug!("{}", line.message),
        Level::Info => tracing::info!("{}", line.message),
        Level::Warn => tracing::warn!("{}", line.message),
        Level::Error => tracing::error!("{}", line.message),
    }
}

/// What the event loop and the HTTP handlers share. The lock is never held across an await.
struct Shared<S = Shell> {
    shell: Mutex<S>,
    /// An HTTP call may have moved the core's next wakeup, or broken the core.
    called: Notify,
}

impl<S> Shared<S> {
    /// The shell. The HTTP server catches a panic in a handler; the core that it left half changed is of no more use, so
    /// that whoever comes next gets an error, and the node ends.
    fn shell(&self) -> Result<MutexGuard<'_, S>, RunError> {
        self.shell.lock().map_err(|_| RunError::Died("the node broke while it answered a Beacon API request"))
    }

    /// Runs `call`, and wakes the event loop after it, even if it panics.
    fn called<R>(&self, call: impl FnOnce(&mut S) -> R) -> Result<R, RunError> {
        struct Wake<'a>(&'a Notify);
        impl Drop for Wake<'_> {
            fn drop(&mut self) {
                self.0.notify_one();
            }
        }
        let _wake = Wake(&self.called);
        let mut shell = self.shell()?;
        Ok(call(&mut shell))
    }
}

/// Runs a node until SIGTERM or SIGINT.
///
/// # Errors
/// Whatever keeps it from starting or from going on; the message says what to do.
pub fn run(options: &NodeOptions) -> Result<(), RunError> {
    let network = Network::load(&options.network_dir)?;
    let secret = key::node_key(options.node_key.as_deref(), &options.data_dir)?;
    for peer in &options.peers {
        peer.parse::<crate::net::PeerId>().map_err(|error| RunError::Peer(error.to_string()))?;
        link::check_address(peer).map_err(|error| RunError::Peer(error.to_string()))?;
    }
    options.bootnodes.iter().try_for_each(|bootnode| crate::net::discovery::check_bootnode(bootnode))?;
    let remote = options.engine.as_ref().map(|given| engine::remote(given, &network.config)).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|source| RunError::System { doing: "starting the runtime", source })?;
    let store = Store::open(&options.data_dir, network.genesis_root)?;
    let ended = runtime.block_on(serve(options, network, secret, store, remote));
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

async fn serve(
    options: &NodeOptions,
    network: Network,
    secret: [u8; 32],
    store: Store,
    remote: Option<Client>,
) -> Result<(), RunError> {
    let listener =
        TcpListener::bind(options.rest).await.map_err(|source| RunError::Rest { address: options.rest, source })?;
    let (link, events) = link::start(network.link_config(secret, options.listen, options.quic)).await?;
    let socket = Discovery::bind(options.discovery).await?;
    let udp = socket.as_ref().map(|socket| socket.address());
    let reach = Reach { tcp: link.listens_at(), quic: link.quic_port(), udp };
    let identity = Identity {
        peer_id: link.peer_id().to_string(),
        addresses: link.addresses(),
        endpoint: Some(Endpoint { secret, reach }),
    };
    tracing::info!("{} listens on {}", super::rest::version(), link.addresses().join(" and "));
    let core = start_core(network, &store, identity)?;
    let discovery = Discovery::start(socket, &core, secret, &options.bootnodes).await?;
    let begin_cross_check = || CrossCheck::start(core.chain().config(), &core.chain().head().state);
    let cross_check = options.cross_check.then(begin_cross_check).transpose()?;
    let blobs = tokio::spawn(prepare_for_blobs(core.chain().config().clone(), core.chain().genesis_time()));
    let finalized = core.chain().state(StateId::Finalized)?;
    let carried = Engine::new(remote, core.chain().config(), &finalized);
    let (engine, calls) = unbounded_channel();
    let (waiting, subscribers, started) = (BTreeMap::new(), Subscribers::default(), seconds(WallClock.now_ms()));
    let shell = Shell { core, link, store, engine, waiting, subscribers, cross_check, started };
    let shared = Arc::new(Shared { shell: Mutex::new(shell), called: Notify::new() });
    let carrier = tokio::spawn(engine::carry(calls, carried, shared.clone()));
    shared.shell()?.with(|core, now_ms| core.start(&options.peers, now_ms));
    let address = listener.local_addr().unwrap_or(options.rest);
    tracing::info!("the Beacon API is at http://{address}");
    let server = tokio::spawn(server::serve(listener, shared.clone()));
    let ended = event_loop(&shared, events, discovery).await;
    carrier.abort();
    blobs.abort();
    // a broken core says nothing more
    if let Ok(mut shell) = shared.shell() {
        shell.with(|core, now_ms| core.say_goodbye(now_ms));
    }
    tokio::time::sleep(FAREWELL).await;
    server.abort();
    // the database was given whole batches only, whatever became of the core
    let closed = shared.shell.lock().unwrap_or_else(PoisonError::into_inner).store.finish();
    ended.and(closed.map_err(RunError::from))
}

/// Loads what blobs are judged with an epoch before they can come, on a thread of its own: two seconds of work would cost
/// the event loop a slot.
async fn prepare_for_blobs(cfg: Arc<ChainConfig>, genesis_time: u64) {
    let deneb = cfg.fork_epoch(ForkName::Deneb);
    if deneb == FAR_FUTURE_EPOCH {
        return;
    }
    let at_ms = cfg.slot_clock(genesis_time).start_of(cfg.start_slot(deneb.saturating_sub(1)));
    tokio::time::sleep(Duration::from_millis(at_ms.saturating_sub(WallClock.now_ms()))).await;
    std::thread::spawn(crate::crypto::kzg::load);
}

/// Restores the node from the database, or starts it at genesis.
fn start_core(network: Network, store: &Store, identity: Identity) -> Result<Core, RunError> {
    let memo = Memo::new(MEMO_STATES);
    let cfg = network.config;
    let restored = Core::restore(cfg.clone(), memo.clone(), store.rows(), identity.clone(), WallClock.now_ms())?;
    if let Some(core) = restored {
        let head = core.chain().head();
        tracing::info!("restored from the database: head {} of slot {}", head.root, head.slot);
        return Ok(core);
    }
    tracing::info!("starting at genesis {}", network.genesis_root);
    Ok(Core::new(cfg, memo, store.rows(), Arc::new(network.genesis), identity)?)
}

/// Feeds the core until the node is told to stop.
async fn event_loop(
    shared: &Shared,
    mut events: Receiver<LinkEvent>,
    mut discovery: Discovery,
) -> Result<(), RunError> {
    let on = |kind| signal(kind).map_err(|source| RunError::System { doing: "listening for signals", source });
    let (mut terminate, mut interrupt) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    loop {
        let wait = {
            let shell = shared.shell()?;
            shell.store.check()?;
            let now_ms = WallClock.now_ms();
            Duration::from_millis(shell.core.next_wakeup(now_ms).saturating_sub(now_ms))
        };
        tokio::select! {
            event = events.recv() => {
                let event = event.ok_or(RunError::Died("the network task ended"))?;
                shared.shell()?.with(|core, now_ms| core.on_link(event, now_ms));
            }
            found = discovery.next() => {
                let event = found.ok_or(RunError::Died("discovery ended"))?;
                shared.shell()?.with(|core, now_ms| core.on_link(event, now_ms));
            }
            () = tokio::time::sleep(wait) => {
                let mut shell = shared.shell()?;
                shell.with(|core, now_ms| core.on_tick(now_ms));
                discovery.renew(&shell.core, WallClock.now_ms())?;
            }
            () = shared.called.notified() => {}
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

/// Unix seconds.
fn seconds(unix_ms: u64) -> f64 {
    unix_ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_wakes_the_event_loop_and_ends_the_node() {
        let shared = Arc::new(Shared { shell: Mutex::new(0), called: Notify::new() });
        let theirs = shared.clone();
        let handler = tokio::spawn(async move {
            let _ = theirs.called(|shell| {
                *shell = 1;
                panic!("half way");
            });
        });
        assert!(handler.await.is_err_and(|error| error.is_panic()));
        tokio::time::timeout(Duration::from_secs(5), shared.called.notified()).await.expect("the event loop is woken");
        assert!(matches!(shared.shell(), Err(RunError::Died(_))));
        assert!(matches!(shared.called(|_| ()), Err(RunError::Died(_))));
    }
}
