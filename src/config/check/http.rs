//! `[http.<name>]`, and what a sensor on such a page says instead of a topic.

use std::path::PathBuf;

use super::lines::Way;
use super::plain::PATH_BYTES_MAX;
use super::section::Section;
use super::{Checker, Declared};
use crate::config::checked::Port;
use crate::config::http::Http;
use crate::config::line::Line;
use crate::limits::{
    HTTP_ANSWER_MS_DEFAULT, HTTP_ANSWER_MS_MAX, HTTP_EVERY_MS_DEFAULT, HTTP_EVERY_MS_MIN, HTTP_MAX,
    SOURCE_ANSWER_MS_MIN, SOURCE_EVERY_MS_MAX,
};

const URL_FORM: &str = "http:// or https:// with a host, without user and password, such as \
                        \"http://192.168.1.30/status\"";

impl Checker<'_> {
    /// The sections, put behind the lines that are there.
    pub(super) fn pages(&mut self, top: &mut Section<'_>, lines: &mut Vec<Line>) {
        let form = "a table [http.<name>] for each page";
        for (name, section) in self.line_tables(top, "http", form, HTTP_MAX) {
            let declared = match self.page_line(name, section) {
                None => Declared::Faulty,
                Some(page) => {
                    let place = u16::try_from(lines.len()).unwrap_or(u16::MAX);
                    let every = page.every;
                    lines.push(Line::Http(page));
                    Declared::Known(place, every)
                }
            };
            self.pages.insert(name.to_owned(), declared);
        }
    }

    fn page_line(&mut self, name: &str, mut section: Section<'_>) -> Option<Http> {
        let before = self.count();
        self.line_name(&section.own_spot(), name);
        let url = self.web_url(&mut section, URL_FORM, |url| url.as_str().len() <= PATH_BYTES_MAX);
        let range = HTTP_EVERY_MS_MIN..=SOURCE_EVERY_MS_MAX;
        let every = section.duration_or(self, "every", range, HTTP_EVERY_MS_DEFAULT);
        let range = SOURCE_ANSWER_MS_MIN..=HTTP_ANSWER_MS_MAX;
        let answer_within =
            section.duration_or(self, "answer_within", range, HTTP_ANSWER_MS_DEFAULT);
        let mut path = |key| section.bounded_text(self, key, PATH_BYTES_MAX).map(PathBuf::from);
        let (token_file, ca_file) = (path("token_file"), path("ca_file"));
        self.warn_of_open_secret(&section, "token_file", url.as_ref());
        section.finish(self);
        let (name, url) = (name.to_owned(), url?);
        let page = Http { name, url, every, answer_within, token_file, ca_file };
        (self.count() == before).then_some(page)
    }

    /// `http`; `field` is read as on a topic.
    pub(super) fn page_port(&mut self, section: &mut Section<'_>) -> Option<(Port, Way)> {
        let (line, every) = self.named(section, "http", |c| &c.pages)?;
        // One name: the whole page, in which each sensor has its own `field`.
        Some((Port::Line { line, name: "page".into() }, Way::Page(every)))
    }
}
