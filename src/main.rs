//! The `lockin` program: everything is in the library.

fn main() -> std::process::ExitCode {
    lockin::cli::main()
}
