//! A call's place on a key: counted from the moment it is sent to the end of its answer, whatever happens.

use std::{sync::Arc, time::Instant};

use super::{ambient, waits::Waits};
use crate::{
    keys::{LiveKey, Room},
    route::Seat,
};

pub(super) struct Place {
    pub(super) key: Arc<LiveKey>,
    whole: Arc<Room>,
    /// That of the model, where it is another one than that of the whole.
    model: Option<Arc<Room>>,
    input: u64,
    counted: [u64; 2],
    used: Option<(u64, u64)>,
    /// When it was left, if that was told.
    left: Option<Instant>,
    /// Who has to hear that the place is free again.
    waits: Option<Arc<Waits>>,
}

impl Place {
    /// Takes a place for a call of about `input` tokens, unless others took the last that the key's operator allows. If the
    /// key or its line is to prove that it is fit again, this call does so.
    pub(super) fn take(seat: &Seat, model: &str, input: u64, waits: Option<Arc<Waits>>, now: Instant) -> Option<Self> {
        let key = seat.key.clone();
        let whole = key.account.rooms.whole().clone();
        let in_whole = whole.try_enter(input, key.caps, now)?;
        key.health.try_out(model, now);
        key.account.health.try_out(model, now);
        key.link.health.try_out("", now);
        let model = (!Arc::ptr_eq(&whole, &seat.room)).then(|| seat.room.clone());
        let counted = [in_whole, model.as_ref().map_or(0, |room| room.enter(input, now))];
        Some(Self { key, whole, model, input, counted, used: None, left: None, waits })
    }

    /// Another place on the same key, for a call that asks it once more.
    pub(super) fn renew(&self, now: Instant) -> Self {
        let (key, whole, model, input) = (self.key.clone(), self.whole.clone(), self.model.clone(), self.input);
        let counted = [whole.enter(input, now), model.as_ref().map_or(0, |room| room.enter(input, now))];
        Self { key, whole, model, input, counted, used: None, left: None, waits: self.waits.clone() }
    }

    /// The room of what was asked for.
    pub(super) fn room(&self) -> &Room {
        self.model.as_ref().unwrap_or(&self.whole)
    }

    /// About how many tokens the call sends.
    pub(super) fn input(&self) -> u64 {
        self.input
    }

    /// What the call took, tokens read and written.
    pub(super) fn used(&mut self, read: u64, written: u64) {
        self.used = Some((read, written));
    }

    /// Leaves it, as dropping it does without being told when.
    pub(super) fn leave(mut self, now: Instant) {
        self.left = Some(now);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let now = self.left.unwrap_or_else(ambient::now);
        self.whole.leave(self.counted[0], self.used, now);
        if let Some(room) = &self.model {
            room.leave(self.counted[1], self.used, now);
        }
        if let Some(waits) = &self.waits {
            waits.freed();
        }
    }
}
