//! How thinking is switched, which every provider of Chat does in its own way.

use super::Writer;
use crate::format::{
    Field, Reject,
    body::Body,
    canonical::{Effort, Thinking},
    capability::ThinkingSwitch,
    transcode::openai,
};

/// Writes the switch.
pub(super) fn write(writer: &mut Writer<'_>) -> Result<(), Reject> {
    if writer.refuses_tools_while_thinking() {
        return writer.no_thinking();
    }
    match writer.dialect().thinking_switch {
        ThinkingSwitch::None => writer.no_switch(),
        ThinkingSwitch::Effort => writer.effort(),
        ThinkingSwitch::ThinkingType => writer.thinking_type(),
        ThinkingSwitch::ThinkingTypeAndEffort => writer.thinking_type_and_effort(),
        ThinkingSwitch::EnableThinking => writer.enable_thinking(),
        ThinkingSwitch::ReasoningObject => writer.reasoning_object(),
    }
}

impl Writer<'_> {
    fn refuses_tools_while_thinking(&self) -> bool {
        !self.request.tools.is_empty() && self.translation.model_row().is_some_and(|row| !row.chat_tools_while_thinking)
    }

    /// Some models take tools on this endpoint only while they do not think; saying nothing is not enough.
    fn no_thinking(&mut self) -> Result<(), Reject> {
        let can_stop = self.translation.model_row().is_some_and(|row| row.efforts.contains(&Effort::None));
        if !can_stop {
            return Err(self.losses.reject(Field::Tools, "this model takes tools over Responses only"));
        }
        if self.wanted().is_some_and(|effort| effort != Effort::None) {
            self.losses.adjusted(Field::Effort, "none, because tools are sent")?;
        }
        self.body.add("reasoning_effort", &Effort::None);
        Ok(())
    }

    fn wanted(&self) -> Option<Effort> {
        self.request.reasoning.wanted()
    }

    /// Whether thinking is switched on or off. `None`: the client left it to the model.
    fn is_on(&self) -> Option<bool> {
        let adaptive = self.request.reasoning.thinking.map(|thinking| thinking != Thinking::Disabled);
        self.wanted().map(|effort| effort != Effort::None).or(adaptive)
    }

    fn no_switch(&mut self) -> Result<(), Reject> {
        if self.wanted().is_some() { self.losses.dropped(Field::Thinking, "it can not be switched") } else { Ok(()) }
    }

    fn effort(&mut self) -> Result<(), Reject> {
        let says_none = self.wanted() == Some(Effort::None);
        if says_none && self.translation.model_row().is_none() && self.dialect().effort_values.is_empty() {
            // Most servers refuse the word, and a model that nobody told us of may not think at all.
            return self.losses.dropped(Field::Thinking, "the model is not known to take `none`");
        }
        let effort = openai::effort(self.request, self.translation, self.losses)?;
        self.body.add_some("reasoning_effort", effort.as_ref());
        Ok(())
    }

    fn thinking_type(&mut self) -> Result<(), Reject> {
        let Some(is_on) = self.is_on() else { return Ok(()) };
        self.body.add_object("thinking", &switch(is_on));
        let has_level = self.wanted().is_some_and(|effort| effort != Effort::None);
        if has_level { self.losses.adjusted(Field::Effort, "thinking on") } else { Ok(()) }
    }

    fn thinking_type_and_effort(&mut self) -> Result<(), Reject> {
        let Some(is_on) = self.is_on() else { return Ok(()) };
        self.body.add_object("thinking", &switch(is_on));
        if is_on {
            let effort = openai::effort(self.request, self.translation, self.losses)?;
            self.body.add_some("reasoning_effort", effort.as_ref());
        }
        Ok(())
    }

    fn enable_thinking(&mut self) -> Result<(), Reject> {
        let Some(is_on) = self.is_on() else { return Ok(()) };
        self.body.add("enable_thinking", &is_on);
        match (self.request.reasoning.effort, self.request.reasoning.thinking) {
            (None, Some(Thinking::Budget(budget))) => self.body.add("thinking_budget", &budget),
            (Some(effort), _) if effort != Effort::None => self.losses.adjusted(Field::Effort, "thinking on")?,
            _ => {}
        }
        Ok(())
    }

    fn reasoning_object(&mut self) -> Result<(), Reject> {
        let mut object = Body::default();
        match (self.request.reasoning.effort, self.request.reasoning.thinking) {
            (None, Some(Thinking::Budget(budget))) => object.add("max_tokens", &budget),
            (None, Some(Thinking::Adaptive)) => object.add("enabled", &true),
            _ => {
                let effort = openai::effort(self.request, self.translation, self.losses)?;
                object.add_some("effort", effort.as_ref());
            }
        }
        if self.request.reasoning.is_hidden {
            object.add("exclude", &true);
        }
        self.body.add_filled("reasoning", &object);
        Ok(())
    }
}

fn switch(is_on: bool) -> Body {
    Body::of(if is_on { "enabled" } else { "disabled" })
}
