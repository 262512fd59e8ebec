//! `outpost completions` and `outpost man`: what a shell and `man` know of the command line, made
//! from the same description that parses it. Nothing is written by hand here.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap_complete::Shell;

/// Options of `outpost completions`.
#[derive(clap::Args)]
pub struct CompletionsArgs {
    /// Whose completions to print
    shell: Shell,
}

/// Options of `outpost man`.
#[derive(clap::Args)]
pub struct ManArgs {
    /// Write one page a subcommand into this folder, instead of the first page to standard output
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// The command line without what is hidden, which the generators would offer all the same.
fn shown(whole: &clap::Command) -> clap::Command {
    let about = whole.get_about().cloned().unwrap_or_default();
    clap::Command::new("outpost")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .args(whole.get_arguments().cloned())
        .subcommands(whole.get_subcommands().filter(|one| !one.is_hide_set()).cloned())
}

/// The script in memory: the generator panics where its output is closed.
fn script(shell: Shell, whole: &clap::Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(whole), "outpost", &mut script);
    script
}

/// Prints a script for the shell.
///
/// # Errors
/// Where standard output is closed.
pub fn completions(args: &CompletionsArgs, whole: &clap::Command) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(&script(args.shell, whole))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints or writes manual pages (roff).
///
/// # Errors
/// Where the folder cannot be made or written, or standard output is closed.
pub fn man(args: &ManArgs, whole: &clap::Command) -> anyhow::Result<ExitCode> {
    let command = shown(whole);
    match &args.output {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command, folder))
                .with_context(|| format!("--output {}", folder.display()))?;
        }
        None => clap_mangen::Man::new(command).render(&mut std::io::stdout())?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// What bash offers after these words, by the script itself.
    fn bash_offers(words: &[&str]) -> Vec<String> {
        let script = script(Shell::Bash, &Cli::command());
        let last = words.last().unwrap();
        let line = format!(
            "\nCOMP_WORDS=({}); COMP_CWORD={}; _outpost outpost '{last}' '{}'\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.iter().map(|word| format!("'{word}' ")).collect::<String>(),
            words.len() - 1,
            words[words.len() - 2],
        );
        // In a file: it is longer than one argument of a program may be.
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[&script, line.as_bytes()].concat()).unwrap();
        let output = std::process::Command::new("bash").arg(file.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_description_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bash_completes_subcommands_and_options() {
        assert_eq!(bash_offers(&["outpost", "dec"]), ["decide"]);
        assert_eq!(bash_offers(&["outpost", "run", "--conf"]), ["--config"]);
        let offers = bash_offers(&["outpost", "log", "v"]);
        assert_eq!(offers, ["verify"]);
        assert!(!bash_offers(&["outpost", ""]).contains(&"mind".to_owned()), "it is internal");
    }

    #[test]
    fn every_subcommand_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let args = ManArgs { output: Some(folder.path().join("man1")) };
        man(&args, &Cli::command()).unwrap();
        let shown = Cli::command();
        let shown: Vec<_> = shown.get_subcommands().filter(|one| !one.is_hide_set()).collect();
        assert!(shown.len() > 10);
        for one in shown {
            let path = folder.path().join(format!("man1/outpost-{}.1", one.get_name()));
            let page = std::fs::read_to_string(&path).unwrap_or_else(|error| {
                panic!("{}: {error}", path.display());
            });
            assert!(page.contains(".SH SYNOPSIS"), "{page}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let args = ManArgs { output: Some(file.path().to_owned()) };
        let error = man(&args, &Cli::command()).unwrap_err();
        assert!(format!("{error:#}").contains("--output"), "{error:#}");
    }
}
