//! The stages an answer passes on its way back.

use super::{WayBack, restore::Restore, serial::Serial, stops::Stops, thoughts::Sealing};
use crate::format::{Format, canonical::Event};

/// A change of events into events, legal ones into legal ones.
pub(super) trait Stage: Send {
    /// Takes the next event, and gives on what comes of it: perhaps nothing yet.
    fn pass(&mut self, event: Event, out: &mut Vec<Event>);
}

/// All stages, in their order.
pub(super) struct Answer {
    stages: Vec<Box<dyn Stage>>,
    /// What goes into a stage, and what comes out: kept, because a stream is made of very many events.
    buffers: (Vec<Event>, Vec<Event>),
}

impl Answer {
    pub(super) fn new(back: &WayBack) -> Self {
        let mut stages: Vec<Box<dyn Stage>> = vec![
            // First: the others see tools and texts as the client knows them.
            Box::new(Restore::new(back)),
            Box::new(Sealing::new(back)),
        ];
        if !back.stops.is_empty() {
            stages.push(Box::new(Stops::new(back)));
        }
        if back.client() == Format::Messages {
            // Last: nothing behind it may open a second block.
            stages.push(Box::new(Serial::default()));
        }
        Self { stages, buffers: (Vec::new(), Vec::new()) }
    }

    /// Passes one event through all stages.
    pub(super) fn pass(&mut self, event: Event, out: &mut Vec<Event>) {
        let (events, next) = &mut self.buffers;
        events.push(event);
        for stage in &mut self.stages {
            events.drain(..).for_each(|event| stage.pass(event, next));
            std::mem::swap(events, next);
        }
        out.append(events);
    }
}
