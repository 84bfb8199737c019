//! Records of the hub's own beside the events.

use hub::Work;

/// Records of the hub's own, which are due apart from other work: neither hides the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// Watches of shipments.
    Watches,
    /// Files that events and answers name.
    Files,
}

impl Aside {
    /// Whether such work is of it.
    #[must_use]
    pub const fn holds(self, work: &Work) -> bool {
        match self {
            Self::Watches => work.watch.is_some(),
            Self::Files => work.files.is_some(),
        }
    }
}
