fn main() -> std::process::ExitCode {
    lockin::cli::main()
}
