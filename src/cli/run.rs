//! `lockin run`: one scenario, one verdict.

use super::{
    docker::{self as containers, DockerArgs},
    exit,
    kubernetes::{self as pods, KubernetesArgs},
    plan::{Resolved, ScenarioArgs},
    progress::Progress,
};
use crate::{
    client::Role,
    journal::{self, Event, RunDir, UnixTime, Writer},
    report,
    runtime::{Runtime, docker, kubernetes::Kubernetes, process, simulation},
    scenario::Drive,
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Runs a scenario and judges it: starts the network, goes through the steps, checks, and writes a report.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
DIR holds journal.jsonl (everything that happened), report.json, report.html, junit.xml, and a folder for each node
with its logs, command lines and network directory. The last line on stdout is the verdict and the report's path.

Examples:
  lockin run scenarios/pairwise.yaml
  lockin run scenarios/lockin/L6.yaml --runtime simulation --seed 7
  lockin run scenarios/late-joiner.yaml --out runs/mine")]
pub struct RunArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Where the nodes run.
    #[arg(long, value_enum, default_value_t = Place::Process)]
    runtime: Place,
    /// The run's directory [default: runs/<time>-<name>].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What nodes log to their files.
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = ["error", "warn", "info", "debug", "trace"])]
    node_log_level: String,
    /// Shows no progress.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    docker: DockerArgs,
    #[command(flatten)]
    kubernetes: KubernetesArgs,
}

/// Where nodes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Place {
    /// Local programs on loopback, in real time.
    Process,
    /// Containers on a network of their own, in real time.
    Docker,
    /// Pods in a namespace of a cluster, in real time.
    Kubernetes,
    /// The embedded client in virtual time; a seed replays exactly.
    Simulation,
}

impl Place {
    /// Why the scenario's clients can't run here; `None` if they can.
    pub(super) fn lacks(self, resolved: &Resolved) -> Option<String> {
        resolved.clients.values().find_map(|client| match self {
            Place::Simulation if !client.embedded => {
                Some(format!("client {}: only the embedded client runs in the simulation", client.name))
            }
            Place::Process => {
                let (role, _) = client.roles.iter().find(|(_, role)| role.program.is_none())?;
                Some(format!("client {}: its role `{role}` names no program", client.name))
            }
            Place::Kubernetes => {
                let unnamed = |role: &Role| role.entrypoint.is_empty() && !client.embedded;
                let (role, _) = client.roles.iter().find(|(_, role)| unnamed(role))?;
                let why = "names no entrypoint, and a pod's containers begin with another program";
                Some(format!("client {}: its role `{role}` {why}", client.name))
            }
            // Which images are needed is known when templates are filled in.
            Place::Docker | Place::Simulation => None,
        })
    }
}

/// Runs the subcommand; the exit code.
pub fn run(args: RunArgs) -> u8 {
    let resolved = match args.scenario.resolve() {
        Ok(resolved) => resolved,
        Err(code) => return code,
    };
    if let Some(why) = args.runtime.lacks(&resolved) {
        eprintln!("error: unsupported: {why}");
        return exit::UNSUPPORTED;
    }
    if args.docker.keep && args.runtime != Place::Docker {
        eprintln!("error: --keep is for --runtime docker: other networks end with this program");
        return exit::USAGE;
    }
    if args.runtime == Place::Process
        && let Err(missing) = process::check_programs(&resolved.network, &resolved.clients)
    {
        eprintln!("error: {missing}");
        return exit::UNKNOWN;
    }
    // What can't be told to the journal, such as that it can't be written; what a cluster refuses is told there, or tried again.
    if let Err(error) = super::log::init("error,kube_client=off") {
        eprintln!("error: logging: {error}");
    }
    // The kernel ends nodes with the thread that started them: that is this one, to the end.
    let tokio = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(tokio) => tokio,
        Err(error) => {
            eprintln!("error: starting the event loop: {error}");
            return exit::UNKNOWN;
        }
    };
    let went = tokio.block_on(async {
        let ready = match args.runtime {
            Place::Docker => Ready::Docker(Box::new(args.docker.ready(&resolved, args.quiet).await?)),
            Place::Kubernetes => Ready::Kubernetes(Box::new(args.kubernetes.ready(&args.docker, &resolved).await?)),
            Place::Process => Ready::Process,
            Place::Simulation => Ready::Simulation,
        };
        let dir = make_dir(args.out.as_deref(), &resolved.plan.name).map_err(|error| {
            eprintln!("error: {error}");
            if matches!(error, journal::Error::Taken { .. }) { exit::USAGE } else { exit::UNKNOWN }
        })?;
        carry_out(&args, resolved, &dir, ready).await.map_err(|error| {
            eprintln!("error: {error}");
            exit::UNKNOWN
        })
    });
    went.unwrap_or_else(|code| code)
}

/// What a run begins with.
enum Ready {
    Process,
    Simulation,
    Docker(Box<containers::Ready>),
    Kubernetes(Box<pods::Ready>),
}

pub(super) fn make_dir(out: Option<&Path>, name: &str) -> Result<RunDir, journal::Error> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    match out {
        Some(path) => RunDir::at(path),
        None => RunDir::create(Path::new("runs"), UnixTime(since.map_or(0, |since| since.as_secs())), name),
    }
}

async fn carry_out(
    args: &RunArgs,
    resolved: Resolved,
    dir: &RunDir,
    ready: Ready,
) -> Result<u8, Box<dyn std::error::Error>> {
    let quirks = resolved.quirks();
    let Resolved { plan, network, clients } = resolved;
    let journal = dir.journal_writer()?;
    let (progress, done) = listen(&journal, Progress::new(plan.network.slots_per_epoch, plan.slot_ms(), args.quiet));
    let folder = dir.path().file_name().map(|name| name.to_string_lossy().into_owned());
    let mut id = match args.runtime {
        Place::Docker => docker::run_id(&folder.unwrap_or_default()),
        Place::Process | Place::Kubernetes => format!("{}-{}", folder.unwrap_or_default(), std::process::id()),
        Place::Simulation => plan.run_id(),
    };
    let (mut swept, mut kept) = (Vec::new(), None);
    let mut runtime: Box<dyn Runtime> = match ready {
        Ready::Docker(ready) => {
            let containers::Ready { engine, images, notes } = *ready;
            swept.extend(notes);
            let (id, log_level) = (id.clone(), args.node_log_level.clone());
            let options = docker::Options { id, log_level, limits: args.docker.limits(), keep: args.docker.keep };
            let keep = args.docker.keep.then(|| engine.clone());
            let mut docker = docker::Docker::new(engine, dir.clone(), clients, images, options)?.with_start_times();
            if plan.needs().iter().any(|(_, ability)| docker::Docker::NEEDS_FILTER.contains(ability)) {
                docker.try_filter().await?;
            }
            kept = keep.map(|engine| (engine, docker.id().to_owned()));
            Box::new(docker)
        }
        Ready::Kubernetes(ready) => {
            if !ready.swept.is_empty() {
                swept.push(format!("removed what a killed run had left: {}", ready.swept));
            }
            let options = args.kubernetes.options(&args.docker, &ready, &id, &args.node_log_level);
            let mut pods = Kubernetes::new(ready.cluster.clone(), dir.clone(), clients, options).with_start_times();
            if plan.needs().iter().any(|(_, ability)| Kubernetes::NEEDS_FILTER.contains(ability)) {
                pods.try_filter().await?;
            }
            id = pods.id().to_owned();
            Box::new(pods)
        }
        Ready::Simulation => Box::new(simulation::Simulation::new(Some(dir.clone()), clients)),
        Ready::Process => {
            let left =
                |it: process::Leftover| format!("ended process {} that a killed run had left: {}", it.pid, it.command);
            swept.extend(process::sweep().into_iter().map(left));
            Box::new(process::Process::new(dir.clone(), clients, &args.node_log_level).with_start_times())
        }
    };
    journal.write(
        0,
        None,
        Event::Run {
            id,
            name: plan.name.clone(),
            lockin: env!("CARGO_PKG_VERSION").to_owned(),
            runtime: runtime.name().to_owned(),
            seed: plan.seed,
            plan: serde_json::to_value(&plan)?,
        },
    )?;
    for quirk in quirks {
        journal.write(0, None, quirk)?;
    }
    for says in swept {
        journal.write(0, None, Event::Note { says, node: None })?;
    }
    let interrupt = interrupts()?;
    let judgement = Drive::new(&plan, &network, runtime.as_mut(), journal).run(interrupt).await;
    done(&progress);
    if let Some((engine, id)) = kept {
        super::docker::say_kept(&engine, &id, dir.path()).await;
    }
    match report::write_all(dir) {
        Ok(report) => Ok(super::say_report(&report, dir)),
        Err(error) => {
            // The verdict stands, though nobody can read the report.
            eprintln!("error: {error}");
            super::say(&format!("{} (no report could be written)", judgement.verdict));
            Ok(exit::UNKNOWN)
        }
    }
}

pub(super) type Shown = std::sync::Arc<std::sync::Mutex<Progress>>;

/// Hangs the progress display on the journal; gives it and what ends it.
pub(super) fn listen(journal: &Writer, progress: Progress) -> (Shown, fn(&Shown)) {
    let shown = Shown::new(progress.into());
    let listener = Shown::clone(&shown);
    journal.observe(move |line| listener.lock().unwrap_or_else(|broken| broken.into_inner()).take_in(line));
    (shown, |shown| shown.lock().unwrap_or_else(|broken| broken.into_inner()).finish())
}

/// Between two signals of which the second is another one: a terminal's goes to all of a group, and to some by their parent, too.
const AGAIN: Duration = Duration::from_secs(3);

/// Gets the name of the first signal that asks this program to end. Who asks again some seconds later, because it is busy with
/// something long, ends it at once; processes end with it, and containers with the next command.
pub(super) fn interrupts() -> std::io::Result<watch::Receiver<Option<&'static str>>> {
    let (sender, receiver) = watch::channel(None);
    // A thread of its own, which no long computation keeps from hearing.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut int, mut term, mut hup) = {
        let _within = tokio.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    let listening = async move {
        let mut first: Option<Instant> = None;
        loop {
            let by = tokio::select! {
                _ = int.recv() => "SIGINT",
                _ = term.recv() => "SIGTERM",
                _ = hup.recv() => "SIGHUP",
            };
            if first.get_or_insert_with(Instant::now).elapsed() >= AGAIN {
                eprintln!("error: {by} again: ended at once, without a report");
                std::process::exit(exit::INTERRUPTED.into());
            }
            // Nobody may listen any more: then the run is over.
            let _ = sender.send(Some(by));
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || tokio.block_on(listening))?;
    Ok(receiver)
}
