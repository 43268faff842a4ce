//! The command line: one file per subcommand. Each has its arguments and `run`, which gives the exit code.

mod attach;
mod clean;
mod client;
mod completions;
mod docker;
mod doctor;
#[cfg(test)]
mod documented;
mod engine;
mod genesis;
mod image;
mod k8s;
mod keys;
mod kubernetes;
mod lock;
mod log;
mod matrix;
mod netns;
mod node;
mod plan;
mod progress;
mod replay;
mod report;
mod run;
mod validator;

use crate::{
    journal::RunDir,
    report::{Report, exit, last_line, terminal},
};
use clap::{Parser, Subcommand};
use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

const EXIT_CODES: &str = "\
Exit codes: 0 pass or known failure, 1 fail, 2 bad file or usage, 3 unknown (harness or environment failed),
4 unsupported, 130 interrupted.

First steps:
  lockin run scenarios/pairwise.yaml                        two nodes, one verdict, in a minute
  lockin run scenarios/pairwise.yaml --runtime simulation   the same in virtual time, in a second
  lockin plan scenarios/pairwise.yaml                       what would be run, with every default filled in";

/// Runs multi-client Ethereum consensus testnets and says whether they reached finality.
#[derive(Debug, Parser)]
#[command(name = "lockin", version, after_help = EXIT_CODES, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Matrix(Box<matrix::MatrixArgs>),
    Attach(attach::AttachArgs),
    Plan(plan::PlanArgs),
    Report(report::ReportArgs),
    Clean(clean::CleanArgs),
    Image(image::ImageArgs),
    Doctor(doctor::DoctorArgs),
    Lock(lock::LockArgs),
    Client(client::ClientCommandArgs),
    Genesis(genesis::GenesisArgs),
    Keys(keys::KeysArgs),
    Replay(replay::ReplayArgs),
    Node(node::NodeArgs),
    Validator(validator::ValidatorArgs),
    Engine(engine::EngineArgs),
    K8s(k8s::K8sArgs),
    #[command(hide = true)]
    Netns(netns::NetnsArgs),
    Completions(completions::CompletionsArgs),
}

/// Parses the arguments, runs the subcommand, and returns its exit code.
pub fn main() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Attach(args) => attach::run(&args),
        Command::Plan(args) => plan::run(args),
        Command::Report(args) => report::run(args),
        Command::Clean(args) => clean::run(args),
        Command::Image(args) => image::run(args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Lock(args) => lock::run(&args),
        Command::Client(args) => client::run(args),
        Command::Genesis(args) => genesis::run(args),
        Command::Keys(args) => keys::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Node(args) => node::run(args),
        Command::Validator(args) => validator::run(args),
        Command::Engine(args) => engine::run(args),
        Command::K8s(args) => k8s::run(args),
        Command::Netns(args) => netns::run(args),
        Command::Completions(args) => completions::run::<Cli>(args),
    };
    ExitCode::from(code)
}

/// Whether this program would take these words.
///
/// # Errors
/// It would not; the message is the one that a user would get.
fn check_words(words: &[String]) -> Result<(), String> {
    let words = std::iter::once("lockin").chain(words.iter().map(String::as_str));
    Cli::try_parse_from(words).map(|_| ()).map_err(|error| error.to_string())
}

/// Prints to stdout. A reader that has gone away (`| head`) is no error.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a report, its last line the verdict and the page's path; the exit code.
fn say_report(report: &Report, dir: &RunDir) -> u8 {
    say(&terminal(report, std::io::stdout().is_terminal()));
    say(&last_line(report, &dir.report_html()));
    report.exit_code
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
