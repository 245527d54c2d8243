//! Tools, as the upstream can take them.

use super::{Translation, WayBack};
use crate::format::{Losses, Reject, canonical::Request};

pub(super) fn fit(
    _request: &mut Request,
    _translation: &Translation,
    _losses: &mut Losses,
    _back: &mut WayBack,
) -> Result<(), Reject> {
    Ok(())
}
