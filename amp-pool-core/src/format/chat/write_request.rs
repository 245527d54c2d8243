//! Chat requests, written.
//!
//! Writes a settled request. Here is decided what of it Chat and this dialect take: `tool` messages with text only and
//! their media behind the last of them, one leading system message, the name of the output limit, how thinking is switched
//! and carried, where `strict` stands.

use crate::format::{
    Field, Losses, Reject,
    body::Body,
    canonical::{Json, Request, ServiceTier, Structured},
    capability::{Dialect, chat_limit_name},
    transcode::{Translation, WayBack, openai, schema},
};

mod assistant;
mod media;
mod messages;
#[cfg(test)]
mod tests;
mod thinking;
mod tools;

/// Writes the body for this upstream.
///
/// # Errors
/// [`Reject`] when the upstream can not be asked for this, or something is lost on a strict route.
pub(in crate::format) fn write_request(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
    _back: &mut WayBack,
) -> Result<Vec<u8>, Reject> {
    let mut writer = Writer { request, translation, losses, body: Body::with_capacity(openai::size(request)) };
    writer.body.add("model", &translation.model);
    writer.conversation()?;
    writer.limits()?;
    thinking::write(&mut writer)?;
    writer.shape()?;
    writer.stream();
    writer.identity()?;
    writer.others()?;
    Ok(writer.body.into_bytes())
}

/// What the parts of a body are written with.
struct Writer<'a> {
    request: &'a Request,
    translation: &'a Translation,
    losses: &'a mut Losses,
    body: Body,
}

/// Whether this is OpenAI's own endpoint, or one that takes all that it takes. Nobody else has custom tools, and nobody
/// else has the members that tell users, caches and queues apart.
fn is_openai(dialect: &Dialect) -> bool {
    dialect.custom_tools
}

impl Writer<'_> {
    fn dialect(&self) -> &'static Dialect {
        self.translation.dialect
    }

    fn conversation(&mut self) -> Result<(), Reject> {
        let messages = messages::write(self.request, self.translation, self.losses)?;
        self.body.add("messages", &messages);
        tools::write(self)
    }

    fn limits(&mut self) -> Result<(), Reject> {
        if self.request.max_output == Some(0) {
            return Err(self.losses.reject(Field::MaxOutput, "nothing to write: only Messages can be asked for that"));
        }
        let name = chat_limit_name(&self.dialect().provider, &self.translation.model);
        self.body.add_some(name, self.request.max_output.as_ref());
        let sampling = openai::sampling(self.request, self.translation, self.losses)?;
        self.body.add_some("temperature", sampling.temperature.as_ref());
        self.body.add_some("top_p", sampling.top_p.as_ref());
        match sampling.top_k {
            Some(top_k) if self.dialect().top_k => self.body.add("top_k", &top_k),
            Some(_) => self.losses.dropped(Field::TopK, "")?,
            None => {}
        }
        if !self.request.stop.is_empty() {
            self.body.add("stop", &self.request.stop);
        }
        Ok(())
    }

    /// What the answer is to look like.
    fn shape(&mut self) -> Result<(), Reject> {
        if let Some(structured) = &self.request.structured {
            let shape = self.structured(structured)?;
            self.body.add_object("response_format", &shape);
        }
        match &self.request.verbosity {
            Some(verbosity) if is_openai(self.dialect()) => self.body.add("verbosity", verbosity),
            Some(_) => self.losses.dropped(Field::Verbosity, "")?,
            None => {}
        }
        if let Some(count) = openai::logprobs(self.request, self.translation, self.losses)? {
            self.body.add("logprobs", &true);
            self.body.add_some("top_logprobs", Some(&count).filter(|count| **count > 0));
        }
        Ok(())
    }

    fn structured(&mut self, structured: &Structured) -> Result<Body, Reject> {
        let is_native = self.translation.model_row().is_none_or(|row| row.structured);
        let mut shape = Body::default();
        match structured {
            Structured::Object if self.dialect().json_object_ok && is_native => shape.add("type", "json_object"),
            Structured::Schema { name, description, schema, strict } if self.dialect().json_schema_ok && is_native => {
                let mut inner = Body::default();
                inner.add("name", name.as_deref().unwrap_or("response"));
                inner.add_some("description", description.as_ref());
                inner.add_json("schema", schema);
                inner.add_some("strict", self.guarantee(*strict, name.is_none(), schema)?.as_ref());
                shape.add("type", "json_schema");
                shape.add_object("json_schema", &inner);
            }
            _ => return Err(self.losses.reject(Field::Structured, "this upstream can not be held to a shape")),
        }
        Ok(shape)
    }

    /// Whether the shape is guaranteed. A schema without a name is of a format that always guarantees it; here that takes
    /// a schema in which everything is required and closed.
    fn guarantee(&mut self, asked: Option<bool>, is_nameless: bool, schema: &Json) -> Result<Option<bool>, Reject> {
        if asked.is_some() || !is_nameless {
            return Ok(asked);
        }
        let is_strict = schema::is_strict(schema);
        if !is_strict {
            self.losses.adjusted(Field::Structured, "not guaranteed, because the schema is open")?;
        }
        Ok(Some(is_strict))
    }

    fn stream(&mut self) {
        if self.request.stream {
            self.body.add("stream", &true);
        }
        if self.request.stream && self.dialect().include_usage_ok {
            let mut options = Body::default();
            // Without it nobody would know what the answer cost.
            options.add("include_usage", &true);
            self.body.add_object("stream_options", &options);
        }
    }

    /// Who asks, and what may be shared between calls.
    fn identity(&mut self) -> Result<(), Reject> {
        let user = openai::told_user(self.request, self.losses)?;
        if !is_openai(self.dialect()) {
            self.body.add_some("user", user.as_ref());
            return self.no_cache_hints();
        }
        self.body.add_some("safety_identifier", user.as_ref());
        self.body.add_some("prompt_cache_key", openai::cache_key(self.request, self.translation.client).as_ref());
        self.body.add_some("prompt_cache_retention", self.request.cache.retention.as_ref());
        self.body.add_some("prompt_cache_options", self.request.cache.options.as_ref());
        Ok(())
    }

    fn no_cache_hints(&mut self) -> Result<(), Reject> {
        let cache = &self.request.cache;
        if cache.key.is_some() {
            self.losses.dropped(Field::CacheKey, "")?;
        }
        if cache.retention.is_some() || cache.options.is_some() || cache.automatic.is_some() {
            self.losses.dropped(Field::CacheHints, "")?;
        }
        Ok(())
    }

    fn others(&mut self) -> Result<(), Reject> {
        self.service_tier()?;
        match &self.request.metadata {
            Some(metadata) if is_openai(self.dialect()) => self.body.add("metadata", metadata),
            Some(_) => self.losses.dropped(Field::Metadata, "")?,
            None => {}
        }
        if self.request.store == Some(true) {
            self.losses.dropped(Field::Store, "a pool keeps no answers")?;
        }
        Ok(())
    }

    fn service_tier(&mut self) -> Result<(), Reject> {
        let Some(tier) = &self.request.service_tier else { return Ok(()) };
        let name = match tier {
            ServiceTier::Auto => "auto",
            ServiceTier::Standard => "default",
            ServiceTier::Priority => "priority",
            ServiceTier::Other(name) => name,
        };
        if is_openai(self.dialect()) {
            self.body.add("service_tier", name);
            return Ok(());
        }
        // Where there is one queue, both of these are it.
        if matches!(tier, ServiceTier::Auto | ServiceTier::Standard) {
            return Ok(());
        }
        self.losses.dropped(Field::ServiceTier, "")
    }
}
