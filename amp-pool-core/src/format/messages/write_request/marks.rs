//! Marks of what is worth caching.
//!
//! Messages takes at most four, and long ones before short ones. Other formats cache by themselves; this one only when
//! asked, so it is asked for clients that have no word for it.

use serde::Serialize;

use super::{Body, blocks::Block};
use crate::format::{
    Field, Format, Losses, Reject,
    canonical::{CacheMark, Request},
    transcode::Translation,
};

const MAX: usize = 4;

/// `cache_control`
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Mark {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl Mark {
    const SHORT: Self = Self { r#type: "ephemeral", ttl: None };

    pub(super) fn of(mark: Option<CacheMark>) -> Option<Self> {
        mark.map(|mark| match mark {
            CacheMark::Short => Self::SHORT,
            CacheMark::Hour => Self { ttl: Some("1h"), ..Self::SHORT },
        })
    }
}

/// Makes the marks what the upstream takes.
pub(super) fn settle(
    body: &mut Body<'_>,
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
) -> Result<(), Reject> {
    let mut marks: Vec<&mut Option<Mark>> = places(body).filter(|place| place.is_some()).collect();
    if !translation.dialect.cache_marks && !marks.is_empty() {
        marks.into_iter().for_each(|mark| *mark = None);
        return losses.dropped(Field::CacheMarks, "");
    }
    if marks.len() > MAX {
        let over = marks.len() - MAX;
        // The last ones cover the most.
        marks.drain(..over).for_each(|mark| *mark = None);
        losses.adjusted(Field::CacheMarks, "only the last four are sent")?;
    }
    shorten(&mut marks, losses)?;
    let has_marks = !marks.is_empty();
    if translation.dialect.automatic_cache {
        body.cache_control = Mark::of(request.cache.automatic);
    }
    let is_asked = has_marks || body.cache_control.is_some();
    if !is_asked && translation.client != Format::Messages && translation.policy.automatic_cache {
        automatic(body, translation);
    }
    Ok(())
}

/// A long mark behind a short one is refused.
fn shorten(marks: &mut [&mut Option<Mark>], losses: &mut Losses) -> Result<(), Reject> {
    let mut is_short = false;
    for mark in marks {
        if is_short && **mark != Some(Mark::SHORT) {
            **mark = Some(Mark::SHORT);
            losses.adjusted(Field::CacheMarks, "an hour behind five minutes was shortened")?;
        }
        is_short |= **mark == Some(Mark::SHORT);
    }
    Ok(())
}

/// Asks for caching: in one word where the upstream knows it, else at the end of what stays the same.
fn automatic(body: &mut Body<'_>, translation: &Translation) {
    if translation.dialect.automatic_cache {
        body.cache_control = Some(Mark::SHORT);
        return;
    }
    if !translation.dialect.cache_marks {
        return;
    }
    let user = body.messages.iter_mut().rev().find(|message| message.is_user());
    let last_user = user.and_then(|message| message.content.iter_mut().rev().find_map(Block::mark));
    let last_tool = body.tools.last_mut().and_then(super::tools::Written::mark);
    let last_system = body.system.iter_mut().rev().find_map(Block::mark);
    [last_tool, last_system, last_user].into_iter().flatten().for_each(|place| *place = Some(Mark::SHORT));
}

/// Where marks may stand, in the order of the prompt.
fn places<'b>(body: &'b mut Body<'_>) -> impl Iterator<Item = &'b mut Option<Mark>> {
    let tools = body.tools.iter_mut().filter_map(super::tools::Written::mark);
    let system = body.system.iter_mut().filter_map(Block::mark);
    let turns = body.messages.iter_mut().flat_map(|message| &mut message.content).filter_map(Block::mark);
    tools.chain(system).chain(turns)
}
