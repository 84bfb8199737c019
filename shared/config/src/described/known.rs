//! The partners that are known while a document is read, and mistakes of the files that describe them.

use std::cell::Ref;
use std::collections::BTreeMap;

use partners::Partner;

use super::super::Mistake;
use super::super::reader::Reading;

/// Partners that a document describes.
#[derive(Default)]
pub(in super::super) struct Described {
    /// Those without a mistake.
    pub(in super::super) sound: Vec<Partner>,
    /// The ids of all.
    pub(in super::super) ids: Vec<String>,
    /// Whether there are partners whose id is not known: one has none that can be used, or a file of partners cannot be read.
    pub(in super::super) is_partial: bool,
}

impl Described {
    /// Whether a name that is no known partner may be one whose description has a mistake, which is noted there.
    pub(in super::super) fn may_be_mistaken(&self, name: &str) -> bool {
        let is_sound = self.sound.iter().any(|partner| partner.id() == name);
        !is_sound && (self.is_partial || self.ids.iter().any(|id| id == name))
    }
}

impl Reading<'_> {
    /// Makes the partners known that the document describes.
    pub(super) fn describe(&self, partners: Described) {
        self.partners.replace(partners);
    }

    /// Notes the digest of a file of partners.
    pub(super) fn note_file(&self, path: &str, digest: String) {
        self.files.borrow_mut().insert(path.to_owned(), digest);
    }

    /// The digests of the files of partners, by their paths.
    pub(in super::super) fn files(&self) -> BTreeMap<String, String> {
        self.files.borrow().clone()
    }

    /// The partners that the document describes.
    pub(in super::super) fn described(&self) -> Ref<'_, Described> {
        self.partners.borrow()
    }

    /// The partner of that id, built in or described.
    pub(in super::super) fn partner(&self, id: &str) -> Option<Partner> {
        let described = || self.partners.borrow().sound.iter().find(|partner| partner.id() == id).copied();
        Partner::from_id(id).or_else(described)
    }

    /// Warns of a value in another file.
    pub(super) fn warn_elsewhere(&self, warning: Mistake) {
        self.warnings.borrow_mut().push(warning);
    }

    /// Notes a mistake in another file.
    pub(super) fn note_elsewhere(&self, mistake: Mistake) {
        self.mistakes.borrow_mut().push(mistake);
    }
}
