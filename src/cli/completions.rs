//! `lockin completions`: shell completions.

use clap::CommandFactory;
use clap_complete::Shell;

/// Prints completions for a shell, e.g. `lockin completions bash > /etc/bash_completion.d/lockin`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// Which shell.
    shell: Shell,
}

/// Runs the subcommand; the exit code.
pub fn run<C: CommandFactory>(args: CompletionsArgs) -> u8 {
    // In memory first: a closed pipe is the reader's choice, not an error.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut C::command(), "lockin", &mut script);
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &script);
    super::exit::PASS
}
