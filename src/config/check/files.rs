//! `[files.<name>]`, and what a sensor or an actuator in a file says instead of a topic.

use std::path::{Component, Path, PathBuf};

use super::actuators::{KindWord, Payloads};
use super::lines::Way;
use super::plain::PATH_BYTES_MAX;
use super::section::Section;
use super::{Checker, Declared, quoted};
use crate::config::checked::Port;
use crate::config::files::Files;
use crate::config::line::Line;
use crate::limits::{
    FILES_ANSWER_MS_DEFAULT, FILES_MAX, SOURCE_ANSWER_MS_MAX, SOURCE_ANSWER_MS_MIN,
    SOURCE_EVERY_MS_DEFAULT, SOURCE_EVERY_MS_MAX, SOURCE_EVERY_MS_MIN,
};

const FOLDER_FORM: &str = "the path of a folder, such as \"/sys/bus/w1/devices\"";
const FILE_FORM: &str = "a path below the folder, such as \"28-0316a2794bff/temperature\"";

impl Checker<'_> {
    /// The sections, put behind the lines that are there.
    pub(super) fn files(&mut self, top: &mut Section<'_>, lines: &mut Vec<Line>) {
        let form = "a table [files.<name>] for each folder";
        for (name, section) in self.line_tables(top, "files", form, FILES_MAX) {
            let declared = match self.files_line(name, section) {
                None => Declared::Faulty,
                Some(files) => {
                    let place = u16::try_from(lines.len()).unwrap_or(u16::MAX);
                    let every = files.every;
                    lines.push(Line::Files(files));
                    Declared::Known(place, every)
                }
            };
            self.folders.insert(name.to_owned(), declared);
        }
    }

    fn files_line(&mut self, name: &str, mut section: Section<'_>) -> Option<Files> {
        let before = self.count();
        self.line_name(&section.own_spot(), name);
        if section.get("folder").is_none() {
            section.missing(self, "folder", FOLDER_FORM);
        }
        let folder = section.bounded_text(self, "folder", PATH_BYTES_MAX);
        if let Some(folder) = folder
            && !folder.starts_with('/')
        {
            section.fault(self, "folder", quoted(folder), FOLDER_FORM);
        }
        let range = SOURCE_EVERY_MS_MIN..=SOURCE_EVERY_MS_MAX;
        let every = section.duration_or(self, "every", range, SOURCE_EVERY_MS_DEFAULT);
        let range = SOURCE_ANSWER_MS_MIN..=SOURCE_ANSWER_MS_MAX;
        let answer_within =
            section.duration_or(self, "answer_within", range, FILES_ANSWER_MS_DEFAULT);
        section.finish(self);
        let (name, folder) = (name.to_owned(), PathBuf::from(folder?));
        (self.count() == before).then_some(Files { name, folder, every, answer_within })
    }

    /// `files` with `file`.
    pub(super) fn file_port(&mut self, section: &mut Section<'_>) -> Option<(Port, Way)> {
        let line = self.named(section, "files", |c| &c.folders);
        if section.get("file").is_none() {
            section.missing(self, "file", FILE_FORM);
        }
        let file = section.bounded_text(self, "file", PATH_BYTES_MAX)?;
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !Path::new(file).components().all(plain) || file.chars().any(char::is_control) {
            section.fault(self, "file", quoted(file), FILE_FORM);
            return None;
        }
        let (line, every) = line?;
        Some((Port::Line { line, name: file.to_owned() }, Way::File(every)))
    }

    /// What is written into a file; it is read back.
    pub(super) fn file_payloads(
        &mut self,
        section: &mut Section<'_>,
        word: Option<KindWord>,
    ) -> Payloads {
        for key in ["payload", "state_topic", "state_field"] {
            section.out_of_place(self, key, "not with `files`: the file is read back");
        }
        let bare = matches!(word, Some(KindWord::Level | KindWord::Choice));
        if bare {
            for key in ["on", "off", "state_on", "state_off"] {
                section.out_of_place(self, key, "only for switch and pulse; others say the value");
            }
        }
        let words = self.words(section, bare, ["1", "0"]);
        Payloads::on_line(words.map(str::to_owned), self.confirm_within(section))
    }
}
