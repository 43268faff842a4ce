//! `lockin matrix`: one scenario, played by every group of clients; one grid of verdicts.

mod asked;
mod progress;

use super::{
    client::ChangeArgs,
    exit,
    plan::{ScenarioArgs, Setting},
    run::Place,
};
use crate::{
    journal::UnixTime,
    matrix::{
        self, Capacity, Cell, CellReport, Choice, Day, Error, Existing, Folder, Head, Job, KnownFailures, Matrix,
        Metronome, RunRecord, RunReport, Runner, Shard, Sweep,
    },
    scenario,
};
use asked::{Asked, ask_all};
use clap::ValueEnum;
use progress::Progress;
use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Runs a scenario with every pair of clients, each on a network of its own, and shows one grid of verdicts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A client is a word as in a scenario's roles: prysm, prysm+geth, prysm/lockin, ./mine.yaml; or one version of it, prysm@new,
with --image prysm@new=REF or --program prysm@new.beacon=FILE. DIR holds a folder for each pair, with all that `lockin run`
leaves and the record of the pair (pair.json, pair.md), and matrix.html, matrix.json, junit.xml. The last line on stdout is
the verdict and the page's path.

Exit code: 1 if a pair failed, else 3 if one is unknown, else 4 if all are unsupported, else 0.

Examples:
  lockin matrix scenarios/pairwise.yaml --clients lockin,prysm,lodestar --with-self
  lockin matrix scenarios/lockin/L4.yaml --clients lockin,prysm --swap --repeat 5 --out runs/mine
  lockin matrix scenarios/pairwise.yaml --clients lockin --with-self --sweep slot_time=6s,3s,2s,1s
  lockin matrix scenarios/pairwise.yaml --clients lockin,prysm,teku --shard 2/3 --out shard-2
  lockin matrix --report shard-1 shard-2 shard-3 --out whole")]
pub struct MatrixArgs {
    /// The scenario file, such as scenarios/pairwise.yaml.
    #[arg(value_name = "FILE", required_unless_present = "report")]
    file: Option<PathBuf>,
    /// Who plays: words as in a scenario's roles, such as lockin,prysm+geth,lodestar.
    #[arg(long, value_name = "CLIENT,...", value_delimiter = ',', required_unless_present = "report")]
    clients: Vec<String>,
    /// Where the nodes run.
    #[arg(long, value_enum, default_value_t = Place::Process)]
    runtime: Place,
    /// The matrix's directory; one that holds this matrix already is taken up again [default: runs/<time>-matrix-<name>].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Clients in a group: as many as the scenario has roles.
    #[arg(long, value_name = "N", default_value_t = 2)]
    size: usize,
    /// The same clients in other roles, too.
    #[arg(long)]
    swap: bool,
    /// Clients with themselves, too.
    #[arg(long)]
    with_self: bool,
    /// Runs at once [default: as many as the cores bear; as a cluster has room for].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// One of several machines that share the matrix: the I-th of N.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Runs of each pair, for pass rates.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// A key of the scenario, as in --set, and the values that it takes in turn: a table of pairs by values.
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = Sweep::parse)]
    sweep: Option<Sweep>,
    /// Failures that are known: a YAML list of { pair, check and/or reason, why, until }.
    #[arg(long, value_name = "FILE")]
    known_failures: Option<PathBuf>,
    /// Puts shards together: the directories of matrices that are parts of one.
    #[arg(long, value_name = "DIR", num_args = 1.., requires = "out", conflicts_with_all = ["file", "clients", "shard", "sweep"])]
    report: Vec<PathBuf>,
    /// What all randomness of each run comes from, instead of the scenario's own.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Sets a value of the scenario in the place of the file's, as `lockin run` does; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = super::plan::setting)]
    settings: Vec<Setting>,
    /// Folder with definitions of your own, NAME.yaml, which come before those of the program; may be repeated.
    #[arg(long, value_name = "DIR")]
    definitions: Vec<PathBuf>,
    #[command(flatten)]
    changes: ChangeArgs,
    /// A run that takes longer, in minutes, is ended and unknown.
    #[arg(long, value_name = "MINUTES", default_value_t = 180)]
    time_limit: u64,
    /// Shows no progress.
    #[arg(long, short)]
    quiet: bool,
    /// What else each `lockin run` is told, such as -- --node-log-level debug.
    #[arg(last = true, value_name = "RUN-ARGS")]
    run_args: Vec<String>,
}

/// The exit code, of an end that was already said on stderr.
type Code = u8;

/// Runs the subcommand; the exit code.
pub fn run(args: &MatrixArgs) -> u8 {
    let done = match &args.file {
        Some(file) => grid(args, file),
        None => merged(args),
    };
    match done {
        Ok((matrix, page)) => {
            super::say(&matrix::terminal(&matrix, std::io::IsTerminal::is_terminal(&std::io::stdout())));
            super::say(&format!("{} {}", matrix.verdict, page.display()));
            matrix.exit_code
        }
        Err(code) => code,
    }
}

fn usage(why: &dyn std::fmt::Display) -> Code {
    eprintln!("error: {why}");
    exit::USAGE
}

fn trouble(error: &Error) -> Code {
    eprintln!("error: {error}");
    if matches!(error, Error::Refused { .. }) { exit::USAGE } else { exit::UNKNOWN }
}

/// The matrix that shards make together.
fn merged(args: &MatrixArgs) -> Result<(Matrix, PathBuf), Code> {
    let known = known_failures(args)?;
    let out = args.out.as_deref().unwrap_or(Path::new("."));
    let listed = args.known_failures.is_some().then(|| (&known, today()));
    let matrix = matrix::merge(&args.report, out, listed).map_err(|error| trouble(&error))?;
    std::fs::create_dir_all(out).map_err(|error| {
        eprintln!("error: creating {}: {error}", out.display());
        exit::UNKNOWN
    })?;
    let page = matrix::write(&matrix, out).map_err(|error| trouble(&error))?;
    Ok((matrix, std::path::absolute(&page).unwrap_or(page)))
}

/// Runs whatever of the matrix is not there yet.
fn grid(args: &MatrixArgs, file: &Path) -> Result<(Matrix, PathBuf), Code> {
    let known = known_failures(args)?;
    let base = scenario_args(args, file, Vec::new(), args.settings.clone());
    let plan = scenario::load(file, &base.options()).map_err(|error| super::plan::Refusal::from(error).said())?;
    let head = head(args, &plan)?;
    let choice = Choice { size: args.size, swap: args.swap, with_self: args.with_self };
    let cells = matrix::cells(&matrix::casts(&args.clients, choice), args.sweep.as_ref());
    let ours = cells.into_iter().enumerate().filter(|(n, _)| args.shard.is_none_or(|shard| shard.has(*n)));
    let cells: Vec<Cell> = ours.map(|(_, cell)| cell).collect();
    let asked = ask_all(args, file, &head, &cells)?;

    let (folder, existing) = Folder::open(&out(args, &head), &head).map_err(|error| trouble(&error))?;
    let mut done: BTreeMap<String, RunRecord> = BTreeMap::new();
    let mut jobs = Vec::new();
    for (cell, asked) in cells.iter().zip(asked) {
        for run in 1..=args.repeat {
            let place = cell.run_folder(run, args.repeat);
            match &asked {
                Asked::Unsupported(record) => drop(done.insert(place, record.as_ref().clone())),
                Asked::Ready(ready) => match folder.kept(&place, &ready.identity).map_err(|error| trouble(&error))? {
                    Some(record) => drop(done.insert(place, record)),
                    None => jobs.push(ready.job(cell, run, place)),
                },
            }
        }
    }
    if existing == Existing::Resumed && !args.quiet {
        eprintln!("taking up {}: {} runs are there, {} to be made", folder.path().display(), done.len(), jobs.len());
    }
    let interrupted = carry_out(args, &folder, jobs, &mut done)?;
    let report = |cell: Cell| {
        let run = |run| {
            let folder = cell.run_folder(run, args.repeat);
            done.get(&folder).cloned().map(|record| RunReport { folder, record })
        };
        let runs = (1..=args.repeat).filter_map(run).collect();
        CellReport::of(cell, runs, args.repeat)
    };
    let cells = cells.into_iter().map(report).collect();
    let matrix = Matrix::of(head, args.shard, cells, interrupted, &known, today());
    let page = matrix::write(&matrix, folder.path()).map_err(|error| trouble(&error))?;
    Ok((matrix, page))
}

fn known_failures(args: &MatrixArgs) -> Result<KnownFailures, Code> {
    let Some(path) = &args.known_failures else { return Ok(KnownFailures::default()) };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| usage(&format!("reading {name}: {error}")))?;
    KnownFailures::parse(&name, &text).map_err(|error| usage(&error))
}

fn today() -> Day {
    Day::of(UnixTime::from(SystemTime::now()))
}

fn out(args: &MatrixArgs, head: &Head) -> PathBuf {
    let named = || Path::new("runs").join(format!("{}-matrix-{}", UnixTime::from(SystemTime::now()), head.scenario));
    args.out.clone().unwrap_or_else(named)
}

/// What the matrix is, if the words of the command line fit the scenario.
fn head(args: &MatrixArgs, plan: &scenario::Plan) -> Result<Head, Code> {
    let roles: Vec<String> = plan.roles.keys().cloned().collect();
    if roles.len() != args.size {
        let (name, names, count) = (&plan.name, roles.join(", "), roles.len());
        return Err(usage(&format!(
            "the scenario {name} has {count} roles ({names}) and groups are of {}: use --size {count}, or another scenario",
            args.size
        )));
    }
    if let Some(twice) = args.clients.iter().enumerate().find(|(n, client)| args.clients[..*n].contains(client)) {
        let client = twice.1;
        return Err(usage(&format!("--clients: `{client}` is named twice; a version of it would be `{client}@other`")));
    }
    if args.clients.iter().any(|client| client.is_empty()) {
        return Err(usage(&"--clients: an empty name; accepted: words with commas between, such as lockin,prysm"));
    }
    if args.clients.len() < args.size && !args.with_self {
        let (named, size) = (args.clients.len(), args.size);
        return Err(usage(&format!(
            "--clients: {named} named, and a group takes {size}; name more, or use --with-self"
        )));
    }
    Ok(Head {
        scenario: plan.name.clone(),
        about: plan.about.clone(),
        runtime: place_name(args.runtime),
        roles,
        clients: args.clients.clone(),
        swap: args.swap,
        with_self: args.with_self,
        repeat: args.repeat,
        sweep: args.sweep.clone(),
    })
}

/// As `--runtime` takes it.
fn place_name(place: Place) -> String {
    place.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn scenario_args(args: &MatrixArgs, file: &Path, roles: Vec<(String, String)>, settings: Vec<Setting>) -> ScenarioArgs {
    let clients = super::client::ClientArgs { folders: args.definitions.clone(), changes: args.changes.clone() };
    ScenarioArgs { file: file.to_owned(), roles, seed: args.seed, settings, clients }
}

/// Runs the jobs; whether that was interrupted.
fn carry_out(
    args: &MatrixArgs,
    folder: &Folder,
    jobs: Vec<Job>,
    done: &mut BTreeMap<String, RunRecord>,
) -> Result<bool, Code> {
    if jobs.is_empty() {
        return Ok(false);
    }
    let unknown = |doing: &str, error: &dyn std::fmt::Display| {
        eprintln!("error: {doing}: {error}");
        exit::UNKNOWN
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let real_time = args.runtime != Place::Simulation;
    let runner = Runner {
        folder,
        program: std::env::current_exe().map_err(|error| unknown("finding this program", &error))?,
        capacity: match args.jobs {
            Some(jobs) => Capacity::Jobs(jobs.get()),
            // As many as the cluster has room for: who finds none waits, and so does who comes after.
            None if args.runtime == Place::Kubernetes => Capacity::Jobs(usize::MAX),
            None => Capacity::Cores(u32::try_from(cores.saturating_mul(1000)).unwrap_or(u32::MAX)),
        },
        limit: Duration::from_secs(args.time_limit.saturating_mul(60)),
        one_by_one: args.runtime == Place::Kubernetes,
        metronome: real_time
            .then(Metronome::start)
            .transpose()
            .map_err(|error| unknown("starting a thread", &error))?,
    };
    let mut progress = Progress::new(folder.path(), jobs.len(), args.quiet);
    // The kernel ends the runs with the thread that started them: that is this one, to the end.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(|error| unknown("starting the event loop", &error))?;
    let (ended, interrupted) = tokio.block_on(async {
        let mut interrupt = super::run::interrupts().map_err(|error| unknown("listening for signals", &error))?;
        let ended = runner.run(jobs, &mut interrupt, &mut |news| progress.take_in(&news)).await;
        let ended = ended.map_err(|error| trouble(&error))?;
        let interrupted = interrupt.borrow().is_some();
        Ok::<_, Code>((ended, interrupted))
    })?;
    progress.finish();
    done.extend(ended.into_iter().map(|ended| (ended.job.folder, ended.record)));
    Ok(interrupted)
}
