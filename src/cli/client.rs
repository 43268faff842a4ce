//! `lockin client`: what is known of clients, and the command lines that they would be started with. Also how every
//! subcommand that starts clients is told of other definitions, images, programs and arguments.

use super::{exit, say};
use crate::{
    client::{Change, Changed, ClientDef, ClientError, ENGINE, Library},
    genesis::{Convention, genesis_state},
    runtime::process::{Shown, preview},
    scenario::{self, Options},
    ssz::Fork,
};
use clap::{Args, Subcommand};
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

/// Lists the clients that can play, shows their definitions, and prints the command lines they would be started with.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lockin client list
  lockin client show prysm
  lockin client command prysm+geth --fork electra
  lockin client command nimbus --preset minimal --arg nimbus.beacon=--num-threads=1")]
pub struct ClientCommandArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists every client that can play, with the networks that it can take part in.
    List {
        #[command(flatten)]
        clients: ClientArgs,
    },
    /// Prints a client's definition.
    Show {
        /// The client, or the path of a definition.
        name: String,
        #[command(flatten)]
        clients: ClientArgs,
    },
    #[command(name = "command")]
    Lines(CommandArgs),
}

/// Prints the command lines of a node of a client, one that dials another, without starting anything.
#[derive(Debug, Args)]
struct CommandArgs {
    /// As in a scenario's `roles`: prysm, prysm+geth (with that execution client), prysm/lodestar (with that validator);
    /// or an execution client alone.
    player: String,
    /// Preset of the network [default: the first that the client supports].
    #[arg(long)]
    preset: Option<String>,
    /// The fork that it begins in [default: the newest that the client supports].
    #[arg(long)]
    fork: Option<String>,
    /// Length of a slot, such as 2s [default: that of the preset].
    #[arg(long, value_name = "TIME")]
    slot_time: Option<String>,
    /// The validators of the node: ranges below 24, such as 0..8,12..16, or 0 for none.
    #[arg(long, value_name = "RANGES", default_value = "0..8")]
    validators: String,
    /// The run directory that paths begin with.
    #[arg(long, value_name = "DIR", default_value = "RUN")]
    dir: PathBuf,
    #[command(flatten)]
    clients: ClientArgs,
}

/// Other definitions of clients, and changes of them.
#[derive(Clone, Debug, Default, Args)]
pub struct ClientArgs {
    /// Folder with definitions of your own, NAME.yaml, which come before those of the program; may be repeated.
    #[arg(long = "clients", value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// Changes of definitions.
    #[command(flatten)]
    pub changes: ChangeArgs,
}

/// Changes of clients' definitions. CLIENT may be CLIENT@LABEL: then they are of that version of the client alone, which
/// plays as `CLIENT@LABEL`.
#[derive(Clone, Debug, Default, Args)]
pub struct ChangeArgs {
    /// Container image in a client's place, CLIENT=REF or CLIENT.ROLE=REF; may be repeated.
    #[arg(long = "image", value_name = "CLIENT=REF", value_parser = |text: &str| Changed::Image.parse(text))]
    images: Vec<Change>,
    /// Program in a client's place; may be repeated.
    #[arg(long = "program", value_name = "CLIENT.ROLE=FILE", value_parser = |text: &str| Changed::Program.parse(text))]
    programs: Vec<Change>,
    /// Argument for a client, in the place of its own of the same flag; may be repeated.
    #[arg(long = "arg", value_name = "CLIENT.ROLE=ARG", value_parser = |text: &str| Changed::Arg.parse(text))]
    args: Vec<Change>,
}

/// Clients, where no scenario names them.
#[derive(Clone, Debug, Default, Args)]
pub struct ChosenArgs {
    /// Which clients: names with commas between, such as lockin,prysm+geth.
    #[arg(long, value_name = "CLIENT,...", value_delimiter = ',')]
    clients: Vec<String>,
    /// Folder with definitions of your own, NAME.yaml, which come before those of the program; may be repeated.
    #[arg(long, value_name = "DIR")]
    definitions: Vec<PathBuf>,
    #[command(flatten)]
    changes: ChangeArgs,
}

impl ChosenArgs {
    /// The definitions that can be had.
    pub fn library(&self) -> Library {
        Library::new(self.definitions.clone(), self.changes.all())
    }

    /// The clients that were named, each once; of `prysm+geth` both.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.clients.iter().flat_map(|word| word.split(['+', '/'])) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

impl ClientArgs {
    /// The definitions that can be had.
    pub fn library(&self) -> Library {
        Library::new(self.folders.clone(), self.changes.all())
    }
}

impl ChangeArgs {
    /// All of them.
    pub fn all(&self) -> Vec<Change> {
        [&self.images, &self.programs, &self.args].into_iter().flatten().cloned().collect()
    }

    /// Those of these clients alone.
    pub fn of(&self, clients: &BTreeMap<String, ClientDef>) -> Vec<Change> {
        self.all().into_iter().filter(|change| clients.values().any(|def| change.is_of(&def.name))).collect()
    }
}

/// Runs the subcommand; the exit code.
pub fn run(args: ClientCommandArgs) -> u8 {
    let text = match args.command {
        Command::List { clients } => list(&clients.library()).map_err(|error| error.to_string()),
        Command::Show { name, clients } => show(&name, &clients.library()),
        Command::Lines(args) => command(&args),
    };
    match text {
        Ok(text) => {
            say(text.trim_end());
            exit::PASS
        }
        Err(error) => {
            eprintln!("error: {error}");
            exit::USAGE
        }
    }
}

fn list(library: &Library) -> Result<String, ClientError> {
    let mut rows = vec![["CLIENT", "ROLES", "PRESETS", "FORKS", "SLOTS", "TRIED"].map(str::to_owned)];
    let mut gone = Vec::new();
    for name in library.names()? {
        let def = library.load(&name)?;
        if let Some(why) = &def.gone {
            gone.push(format!("{name} can't be had any more: {why}."));
            continue;
        }
        let supports = &def.supports;
        rows.push([
            def.name.clone(),
            def.start_order().join(", "),
            supports.presets.join(", "),
            supports.forks.to_string(),
            supports.slot_time.to_string(),
            def.versions.tried.join(", "),
        ]);
    }
    let widths: [usize; 6] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or_default());
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    for line in gone {
        out.push('\n');
        out.push_str(&line);
    }
    Ok(out)
}

fn show(name: &str, library: &Library) -> Result<String, String> {
    let def = library.load(name).map_err(|error| error.to_string())?;
    crate::yaml::to_string(&def).map_err(|error| error.to_string())
}

fn command(args: &CommandArgs) -> Result<String, String> {
    let library = args.clients.library();
    let load = |name: &str| library.load(name).map_err(|error| error.to_string());
    let first = args.player.split(['+', '/']).next().unwrap_or_default();
    let named = if first.is_empty() { load(&args.player)? } else { load(first).or_else(|_| load(&args.player))? };
    // an execution client alone serves the embedded client
    let player = match named.roles.keys().all(|role| role == ENGINE) {
        true => format!("lockin+{}", args.player),
        false => args.player.clone(),
    };
    let text = sample(&named, &player, args);
    let plan = scenario::parse("the sample network", &text, &Options::default()).map_err(|error| error.to_string())?;
    let network = plan.network_plan().map_err(|error| error.to_string())?;
    let mut clients = BTreeMap::new();
    for name in network.nodes.iter().flat_map(|node| node.clients()) {
        clients.insert(name.to_owned(), load(name)?);
    }
    library.all_used(&clients).map_err(|error| error.to_string())?;
    let fork = network.genesis.fork;
    let genesis =
        genesis_state(&network.config, fork, Convention::to_run(fork), SAMPLE_GENESIS, network.genesis.validators)
            .map_err(|error| error.to_string())?;
    let shown = preview(&network, &clients, &genesis, &args.dir, "info").map_err(|error| error.to_string())?;
    let mut out = String::new();
    for def in clients.values().filter(|def| !def.embedded || def.name == named.name) {
        if let Some(why) = def.unsupported(&network.config) {
            let _ = writeln!(out, "# unsupported: {why}");
        }
    }
    for program in shown.iter().filter(|program| program.node == SAMPLE_NODE) {
        out.push_str(&in_words(program));
    }
    Ok(out)
}

/// Genesis of the network that commands are shown for, unix seconds.
const SAMPLE_GENESIS: u64 = 1_800_000_000;
/// The node whose commands are shown.
const SAMPLE_NODE: &str = "a0";

/// A scenario of two nodes: the one that is shown dials the other.
fn sample(named: &ClientDef, player: &str, args: &CommandArgs) -> String {
    let preset = args.preset.clone().unwrap_or_else(|| named.supports.presets.first().cloned().unwrap_or_default());
    let fork = args.fork.clone().unwrap_or_else(|| named.supports.forks.last.min(Fork::NEWEST_BUILT).name().to_owned());
    let slot_time = args.slot_time.as_ref().map_or(String::new(), |time| format!(", slot_time: {time:?}"));
    let validators = &args.validators;
    format!(
        "name: sample\nnetwork: {{ preset: {preset:?}, genesis: {{ fork: {fork:?}, validators: 32 }}{slot_time} }}\n\
         roles: {{ A: {player:?}, B: lockin }}\nnodes:\n  \
         - {{ name: {SAMPLE_NODE}, role: A, validators: {validators:?} }}\n  - {{ name: b0, role: B, validators: 8 }}\n\
         links: [[{SAMPLE_NODE}, b0]]\nchecks: [peered]\n"
    )
}

/// A program as a person reads it: what it is, what is done before it first starts, and its command line.
fn in_words(shown: &Shown) -> String {
    let (command, mut out) = (&shown.command, String::new());
    let image = command.image.as_ref().map_or(String::new(), |image| format!(", image {image}"));
    let _ = writeln!(out, "# {}, {}{image}", shown.client, shown.role);
    for path in command.files.keys() {
        let _ = writeln!(out, "# with the file {}", shown.data.join(path).display());
    }
    let program = command.program.as_deref().unwrap_or("(no local program)");
    let env: String = command.env.iter().map(|(name, value)| format!("{name}={} ", quoted(value))).collect();
    let line = |args: &[String]| {
        let words = args.iter().map(|arg| quoted(arg));
        std::iter::once(format!("{env}{program}")).chain(words).collect::<Vec<_>>().join(" \\\n  ")
    };
    for args in command.setup.iter().chain([&command.args]) {
        let _ = writeln!(out, "{}\n", line(args));
    }
    out
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
