//! Content blocks of a Messages request.
//!
//! Thoughts keep their order, their text and their proofs byte for byte. Files of an account are refused: nobody else has
//! them.

use super::object::{self, Object};
use crate::format::{
    Losses, Reject,
    canonical::{
        Call, Citation, Document, Image, Input, Json, Part, Proof, ProofKind, SearchResult, Source, Text, Thought,
        ToolResult,
    },
    messages::hosted,
};

/// Reads content: one text, or a list of blocks.
pub(super) fn read(content: &Json, path: &str, losses: &mut Losses) -> Result<Vec<Part>, Reject> {
    if let Some(text) = content.as_text() {
        return Ok(vec![Part::Text(Text::new(text))]);
    }
    object::objects(content, path)?.into_iter().map(|(raw, block)| part(&raw, block, losses)).collect()
}

/// Reads content that must be text.
pub(super) fn texts(content: &Json, path: &str) -> Result<Vec<Text>, Reject> {
    if let Some(text) = content.as_text() {
        return Ok(vec![Text::new(text)]);
    }
    let blocks = object::objects(content, path)?.into_iter().map(|(_, mut block)| match &*block.need_text("type")? {
        "text" => text(&mut block),
        other => Err(unknown(&block, other)),
    });
    blocks.collect()
}

fn unknown(block: &Object, kind: &str) -> Reject {
    Reject::unsupported(block.path("type"), format!("a block of type `{kind}` can not be translated"))
}

fn part(raw: &Json, mut block: Object, losses: &mut Losses) -> Result<Part, Reject> {
    let kind = block.need_text("type")?;
    Ok(match &*kind {
        "text" => Part::Text(text(&mut block)?),
        "image" => Part::Image(Image { source: source(&mut block, losses)?, detail: None, cache: block.mark()? }),
        "document" => Part::Document(document(&mut block, losses)?),
        "search_result" => Part::SearchResult(search_result(&mut block)?),
        "thinking" => Part::Thought(thinking(&mut block)?),
        "redacted_thinking" => Part::Thought(redacted(&mut block)?),
        "tool_use" => Part::Call(call(&mut block, losses)?),
        "tool_result" => Part::Result(result(&mut block, losses)?),
        // It only names a tool that was found, in words as good as any.
        "tool_reference" => {
            losses.adjusted("messages[].content[].tool_reference", "sent as text")?;
            Part::Text(Text::new(format!("[tool {}]", block.need_text("tool_name")?)))
        }
        kind if hosted::is_hosted(kind) => Part::Hosted(hosted::part(kind, raw.clone())),
        kind => return Err(unknown(&block, kind)),
    })
}

fn text(block: &mut Object) -> Result<Text, Reject> {
    let citations = block.objects("citations")?.into_iter().map(|(_, citation)| cited(citation));
    let citations = citations.collect::<Result<Vec<_>, _>>()?;
    Ok(Text { text: block.need_text("text")?, citations, cache: block.mark()?, ..Text::default() })
}

fn cited(mut citation: Object) -> Result<Citation, Reject> {
    let source = citation.text("source")?.filter(|source| source.starts_with("http"));
    Ok(Citation {
        url: citation.text("url")?.or(source),
        title: citation.text("title")?.or(citation.text("document_title")?),
        quote: citation.text("cited_text")?,
        span: None,
    })
}

fn source(block: &mut Object, losses: &mut Losses) -> Result<Source, Reject> {
    let path = block.path("source");
    let mut source = Object::of(&block.need("source")?, path.clone())?;
    Ok(match &*source.need_text("type")? {
        "base64" => {
            Source::Base64 { media_type: media_type(&source.need_text("media_type")?), data: source.need_text("data")? }
        }
        "url" => Source::Url(source.need_text("url")?),
        "text" => Source::Text(source.need_text("data")?),
        "content" => Source::Parts(read(&source.need("content")?, &source.path("content"), losses)?),
        "file" => return Err(Reject::unsupported(path, "files of an account can not be translated")),
        other => return Err(Reject::field(path, format!("unknown kind of source `{other}`"))),
    })
}

fn media_type(said: &str) -> String {
    let said = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if said == "image/jpg" { "image/jpeg".to_owned() } else { said }
}

fn document(block: &mut Object, losses: &mut Losses) -> Result<Document, Reject> {
    Ok(Document {
        source: source(block, losses)?,
        title: block.text("title")?,
        context: block.text("context")?,
        citations: is_cited(block)?,
        cache: block.mark()?,
    })
}

fn is_cited(block: &mut Object) -> Result<bool, Reject> {
    let Some(mut citations) = block.object("citations")? else { return Ok(false) };
    Ok(citations.value("enabled", "a boolean")?.unwrap_or_default())
}

fn search_result(block: &mut Object) -> Result<SearchResult, Reject> {
    let path = block.path("content");
    Ok(SearchResult {
        title: block.text("title")?.unwrap_or_default(),
        source: block.text("source")?.unwrap_or_default(),
        content: texts(&block.need("content")?, &path)?,
        citations: is_cited(block)?,
        cache: block.mark()?,
    })
}

fn thinking(block: &mut Object) -> Result<Thought, Reject> {
    let text = block.text("thinking")?.filter(|text| !text.is_empty());
    let signature = block.text("signature")?.filter(|signature| !signature.is_empty());
    let proof = signature.map(|data| Proof { kind: ProofKind::Signature, data, issuer: None });
    Ok(Thought { paragraphs: text.into_iter().collect(), proof, ..Thought::default() })
}

fn redacted(block: &mut Object) -> Result<Thought, Reject> {
    let proof = Proof { kind: ProofKind::Redacted, data: block.need_text("data")?, issuer: None };
    Ok(Thought { proof: Some(proof), ..Thought::default() })
}

fn call(block: &mut Object, losses: &mut Losses) -> Result<Call, Reject> {
    // Who called is told only where it was not the model itself: a program of Anthropic's, which is not there elsewhere.
    if block.object("caller")?.map(|mut caller| caller.need_text("type")).transpose()?.is_some_and(|by| by != "direct")
    {
        losses.dropped("messages[].content[].caller", "")?;
    }
    Ok(Call {
        id: block.need_text("id")?,
        name: block.need_text("name")?,
        namespace: None,
        input: Input::Json(block.take("input").map_or_else(|| "{}".to_owned(), |input| input.compact())),
        proof: None,
        cache: block.mark()?,
    })
}

fn result(block: &mut Object, losses: &mut Losses) -> Result<ToolResult, Reject> {
    let path = block.path("content");
    let content = block.take("content").map(|content| read(&content, &path, losses)).transpose()?.unwrap_or_default();
    let is_foreign = |part: &Part| matches!(part, Part::Thought(_) | Part::Call(_) | Part::Result(_) | Part::Hosted(_));
    if content.iter().any(is_foreign) {
        return Err(Reject::field(path, "a result holds texts, images, documents and search results only"));
    }
    Ok(ToolResult {
        call: block.need_text("tool_use_id")?,
        content,
        is_error: block.value("is_error", "a boolean")?.unwrap_or_default(),
        cache: block.mark()?,
    })
}
