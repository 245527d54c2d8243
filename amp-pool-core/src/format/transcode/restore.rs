//! Tools in the answer, as the client knows them.

use super::{WayBack, answer::Stage};
use crate::format::canonical::Event;

pub(super) struct Restore;

impl Restore {
    pub(super) fn new(_back: &WayBack) -> Self {
        Self
    }
}

impl Stage for Restore {
    fn pass(&mut self, event: Event, out: &mut Vec<Event>) {
        out.push(event);
    }
}
