//! The command line: one file per subcommand.

pub mod node;
pub mod validator;

/// Parses the arguments, runs the subcommand, and returns the documented exit code.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(2)
}
