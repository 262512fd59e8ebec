//! A table of contents: arguments, logging, the subcommand, the exit code. No logic lives here.

fn main() -> std::process::ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "mind") {
        return outpost::mind::process::main();
    }
    outpost::cli::main()
}
