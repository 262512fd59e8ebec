//! What a release needs of a board, looked for before anything of it is fetched.
//!
//! What must never be here: a need that the release could bring along itself.

use outpost_launcher::manifest::{Manifest, Needs};

use crate::board::{Root, recognise};
use crate::causes::chain;
use crate::mind::catalog::Store;

/// What this board has.
struct Here<'a> {
    board: &'a str,
    program: &'a str,
    /// Why a model is of no use here.
    fault_of: &'a dyn Fn(&str) -> Option<String>,
}

/// Whether a release can be of use on this board.
///
/// # Errors
/// The first need that is not met: what is needed, and what is here.
pub fn met(release: &Manifest) -> Result<(), String> {
    let store = Store::of_environment();
    let here = Here {
        board: &recognise(&Root::of_environment()).profile.name,
        program: env!("CARGO_PKG_VERSION"),
        fault_of: &|model| store.resolve(model).err().map(|error| chain(&error)),
    };
    let what = unmet(&release.needs, &here);
    what.map_or(Ok(()), |what| Err(format!("release {} needs {what}", release.release)))
}

fn unmet(needs: &Needs, here: &Here) -> Option<String> {
    if !needs.boards.is_empty() && !needs.boards.iter().any(|board| board == here.board) {
        return Some(format!("the board {}; this is {}", needs.boards.join(" or "), here.board));
    }
    if let Some(wanted) = &needs.program {
        let is_new_enough = match (version(wanted), version(here.program)) {
            (Some(wanted), Some(here)) => here >= wanted,
            // A form of later days: not for us.
            _ => false,
        };
        if !is_new_enough {
            return Some(format!("the program {wanted} or newer; this is {}", here.program));
        }
    }
    let mut models = needs.models.iter();
    models.find_map(|model| {
        (here.fault_of)(model).map(|fault| format!("the model {model}, and {fault}"))
    })
}

/// Three numbers with dots between them.
fn version(text: &str) -> Option<[u32; 3]> {
    let numbers: Vec<u32> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(needs: &Needs) -> Option<String> {
        let fault_of = |model: &str| (model != "base").then(|| "there is none".to_owned());
        unmet(needs, &Here { board: "rpi4", program: "1.9.0", fault_of: &fault_of })
    }

    #[test]
    fn what_is_there_is_enough() {
        assert_eq!(said(&Needs::default()), None);
        for program in ["1.9.0", "1.8.12", "0.10.0"] {
            let needs = Needs {
                boards: vec!["rpi5".into(), "rpi4".into()],
                program: Some(program.into()),
                models: vec!["base".into()],
            };
            assert_eq!(said(&needs), None, "{program}");
        }
    }

    #[test]
    fn what_is_absent_is_named_with_what_is_here() {
        let boards = vec!["rpi5".into(), "jetson-nano".into()];
        let other = said(&Needs { boards, ..Needs::default() }).unwrap();
        assert_eq!(other, "the board rpi5 or jetson-nano; this is rpi4");
        for program in ["1.10.0", "2.0.0", "1.9", "1.9.0-beta"] {
            let old = said(&Needs { program: Some(program.into()), ..Needs::default() }).unwrap();
            assert_eq!(old, format!("the program {program} or newer; this is 1.9.0"));
        }
        let models = vec!["base".into(), "other".into()];
        let absent = said(&Needs { models, ..Needs::default() }).unwrap();
        assert_eq!(absent, "the model other, and there is none");
    }
}
