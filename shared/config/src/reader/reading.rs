//! A document that is read: its secrets, and the mistakes and warnings that are noted on the way.

use std::cell::{Cell, RefCell};

use super::super::shown::HiddenValues;
use super::super::{Credentials, Mistake, Sources};
use super::Reading;

impl<'d> Reading<'d> {
    pub(in super::super) fn new(text: &'d str, sources: &'d Sources<'d>) -> Self {
        Self {
            text,
            sources,
            mistakes: RefCell::default(),
            warnings: RefCell::default(),
            holds_secrets: Cell::new(false),
            written_out: RefCell::default(),
            kept_apart: Cell::new(false),
            hidden: RefCell::default(),
            files: RefCell::default(),
            partners: RefCell::default(),
        }
    }

    /// The values that are not shown, as far as they were read.
    pub(in super::super) fn hidden(&self) -> HiddenValues {
        self.hidden.borrow().clone()
    }

    /// Notes that a secret stands in the document itself.
    pub(in super::super) fn note_secret(&self) {
        self.holds_secrets.set(true);
    }

    /// Whether one does.
    pub(in super::super) const fn holds_secrets(&self) -> bool {
        self.holds_secrets.get()
    }

    /// Line and column, from 1, of a byte of the document.
    pub(in super::super) fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    pub(in super::super) fn note(&self, key: String, offset: usize, what: String) {
        let (line, _) = self.position(offset);
        self.mistakes.borrow_mut().push(Mistake { key, what, line });
    }

    /// Notes errors of the notation. One slip makes several errors of one line; the first says it.
    pub(in super::super) fn note_syntax(&self, errors: &[toml::de::Error]) {
        let mut lines = Vec::new();
        for error in errors {
            let span = error.span().unwrap_or_default();
            let (line, column) = self.position(span.start);
            if lines.contains(&line) {
                continue;
            }
            lines.push(line);
            let key = self.text.get(span.clone()).filter(|_| error.message() == "duplicate key");
            let what = key.map_or_else(
                || format!("{} at column {column}", error.message()),
                |key| format!("{key} is given twice: remove one of them, or write [[ ]] around the name of each table of a list"),
            );
            self.note("syntax".to_owned(), span.start, what);
        }
    }

    /// Sources of the secrets that are not in the document.
    pub(in super::super) const fn sources(&self) -> &'d Sources<'d> {
        self.sources
    }

    /// Warns of the credentials that stand in the document where others are kept apart from it, or could be.
    fn warn_of_written_out(&self) {
        let has_values = matches!(self.sources.credentials, Credentials::Read(_));
        let written_out = self.written_out.borrow();
        let Some((first, line)) = written_out.iter().min_by_key(|(_, line)| *line) else { return };
        if !has_values && !self.kept_apart.get() {
            return;
        }
        let more = match written_out.len() - 1 {
            0 => String::new(),
            1 => ", as does 1 more credential".to_owned(),
            more => format!(", as do {more} more credentials"),
        };
        let what = format!(
            "stands in the document, which every webhook reads{more}: put it into the credentials secret and write \
             {{ secret = \"name\" }} here"
        );
        self.warnings.borrow_mut().push(Mistake { key: first.clone(), what, line: *line });
    }

    /// The mistakes and the warnings noted, each in the order of the document.
    pub(in super::super) fn into_notes(self) -> (Vec<Mistake>, Vec<Mistake>) {
        self.warn_of_written_out();
        let (mut mistakes, mut warnings) = (self.mistakes.into_inner(), self.warnings.into_inner());
        mistakes.sort_by_key(|mistake| mistake.line);
        warnings.sort_by_key(|warning| warning.line);
        (mistakes, warnings)
    }
}
