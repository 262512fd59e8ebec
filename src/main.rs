//! A table of contents: arguments, logging, the subcommand, the exit code. No logic lives here.

fn main() -> std::process::ExitCode {
    outpost::cli::main()
}
