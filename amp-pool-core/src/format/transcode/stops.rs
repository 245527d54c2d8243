//! Stop sequences that the upstream does not look for.

use super::{Translation, WayBack, answer::Stage};
use crate::format::{
    Losses, Reject,
    canonical::{Event, Request},
};

pub(super) fn fit(
    _request: &mut Request,
    _translation: &Translation,
    _losses: &mut Losses,
    _back: &mut WayBack,
) -> Result<(), Reject> {
    Ok(())
}

pub(super) struct Stops;

impl Stops {
    pub(super) fn new(_back: &WayBack) -> Self {
        Self
    }
}

impl Stage for Stops {
    fn pass(&mut self, event: Event, out: &mut Vec<Event>) {
        out.push(event);
    }
}
