//! Content blocks of a Messages request.
//!
//! Thoughts keep their order, their text and their proofs byte for byte. Files of an account are refused: nobody else has
//! them.

use super::mark;
use crate::format::{
    Losses, Reject,
    canonical::{
        Call, Citation, Document, Image, Input, Part, Proof, ProofKind, SearchResult, Source, Text, Thought,
        ToolResult, compact,
    },
    messages::hosted,
    tree::{Object, Value},
};

/// Reads content: one text, or a list of blocks.
pub(super) fn read(content: Value<'_>, losses: &mut Losses) -> Result<Vec<Part>, Reject> {
    if let Some(text) = content.as_text() {
        return Ok(vec![Part::Text(Text::new(text))]);
    }
    content.objects()?.map(|block| part(block?, losses)).collect()
}

/// Reads content that must be text; `place` is what its blocks are called.
pub(super) fn texts(content: Value<'_>, place: &str, losses: &mut Losses) -> Result<Vec<Text>, Reject> {
    if let Some(text) = content.as_text() {
        return Ok(vec![Text::new(text)]);
    }
    let mut one = |block: Object<'_>| match &*block.need_word("type")? {
        "text" => {
            let text = text(block)?;
            report(block, place, losses).map(|()| text)
        }
        other => Err(unknown(block, other)),
    };
    content.objects()?.map(|block| one(block?)).collect()
}

/// Reports the members of a block that nobody took.
fn report(block: Object<'_>, place: &str, losses: &mut Losses) -> Result<(), Reject> {
    for member in block.rest() {
        let path = format!("{place}.{}", member.name());
        losses.dropped(path, "")?;
    }
    Ok(())
}

fn unknown(block: Object<'_>, kind: &str) -> Reject {
    Reject::unsupported(block.path_of("type"), format!("a block of type `{kind}` can not be translated"))
}

fn part(block: Object<'_>, losses: &mut Losses) -> Result<Part, Reject> {
    let kind = block.need_word("type")?;
    // A step of a tool that only Anthropic has goes on whole, or is told in words.
    if hosted::is_hosted(&kind) {
        return Ok(Part::Hosted(hosted::part(&kind, block.value().json())));
    }
    let read = known(block, &kind, losses)?;
    report(block, CONTENT, losses).map(|()| read)
}

/// What the blocks of a conversation are called.
const CONTENT: &str = "messages[].content[]";

fn known(block: Object<'_>, kind: &str, losses: &mut Losses) -> Result<Part, Reject> {
    Ok(match kind {
        "text" => Part::Text(text(block)?),
        "image" => Part::Image(Image { source: source(block, losses)?, detail: None, cache: mark(block)? }),
        "document" => Part::Document(document(block, losses)?),
        "search_result" => Part::SearchResult(search_result(block, losses)?),
        "thinking" => Part::Thought(thinking(block)?),
        "redacted_thinking" => Part::Thought(redacted(block)?),
        "tool_use" => Part::Call(call(block, losses)?),
        "tool_result" => Part::Result(result(block, losses)?),
        // It only names a tool that was found, in words as good as any.
        "tool_reference" => {
            losses.adjusted("messages[].content[].tool_reference", "sent as text")?;
            Part::Text(Text::new(format!("[tool {}]", block.need_word("tool_name")?)))
        }
        kind => return Err(unknown(block, kind)),
    })
}

fn text(block: Object<'_>) -> Result<Text, Reject> {
    let citations = block.objects("citations")?.map(|citation| cited(citation?)).collect::<Result<Vec<_>, _>>()?;
    Ok(Text { text: block.need_text("text")?, citations, cache: mark(block)?, ..Text::default() })
}

fn cited(citation: Object<'_>) -> Result<Citation, Reject> {
    let source = citation.text("source")?.filter(|source| source.starts_with("http"));
    Ok(Citation {
        url: citation.text("url")?.or(source),
        title: citation.text("title")?.or(citation.text("document_title")?),
        quote: citation.text("cited_text")?,
        span: None,
    })
}

fn source(block: Object<'_>, losses: &mut Losses) -> Result<Source, Reject> {
    let source = block.need("source")?.object()?;
    Ok(match &*source.need_word("type")? {
        "base64" => {
            let media_type = media_type(&source.need_word("media_type")?);
            Source::Base64 { media_type, data: source.need_text("data")? }
        }
        "url" => Source::Url(source.need_text("url")?),
        "text" => Source::Text(source.need_text("data")?),
        "content" => Source::Parts(read(source.need("content")?, losses)?),
        "file" => return Err(Reject::unsupported(source.path(), "files of an account can not be translated")),
        other => return Err(Reject::field(source.path(), format!("unknown kind of source `{other}`"))),
    })
}

fn media_type(said: &str) -> String {
    let said = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if said == "image/jpg" { "image/jpeg".to_owned() } else { said }
}

fn document(block: Object<'_>, losses: &mut Losses) -> Result<Document, Reject> {
    Ok(Document {
        source: source(block, losses)?,
        title: block.text("title")?,
        context: block.text("context")?,
        citations: is_cited(block)?,
        cache: mark(block)?,
    })
}

fn is_cited(block: Object<'_>) -> Result<bool, Reject> {
    let Some(citations) = block.object("citations")? else { return Ok(false) };
    Ok(citations.flag("enabled")?.unwrap_or_default())
}

fn search_result(block: Object<'_>, losses: &mut Losses) -> Result<SearchResult, Reject> {
    Ok(SearchResult {
        title: block.text("title")?.unwrap_or_default(),
        source: block.text("source")?.unwrap_or_default(),
        content: texts(block.need("content")?, CONTENT, losses)?,
        citations: is_cited(block)?,
        cache: mark(block)?,
    })
}

fn thinking(block: Object<'_>) -> Result<Thought, Reject> {
    let text = block.text("thinking")?.filter(|text| !text.is_empty());
    let signature = block.text("signature")?.filter(|signature| !signature.is_empty());
    let proof = signature.map(|data| Proof { kind: ProofKind::Signature, data, issuer: None });
    Ok(Thought { paragraphs: text.into_iter().collect(), proof, ..Thought::default() })
}

fn redacted(block: Object<'_>) -> Result<Thought, Reject> {
    let proof = Proof { kind: ProofKind::Redacted, data: block.need_text("data")?, issuer: None };
    Ok(Thought { proof: Some(proof), ..Thought::default() })
}

fn call(block: Object<'_>, losses: &mut Losses) -> Result<Call, Reject> {
    // Who called is told only where it was not the model itself: a program of Anthropic's, which is not there elsewhere.
    if let Some(caller) = block.object("caller")?
        && caller.need_word("type")? != "direct"
    {
        losses.dropped("messages[].content[].caller", "")?;
    }
    Ok(Call {
        id: block.need_text("id")?,
        name: block.need_text("name")?,
        namespace: None,
        input: Input::Json(block.take("input").map_or_else(|| "{}".to_owned(), |input| compact(input.raw()))),
        proof: None,
        cache: mark(block)?,
    })
}

fn result(block: Object<'_>, losses: &mut Losses) -> Result<ToolResult, Reject> {
    let content = block.take("content").map(|content| read(content, losses)).transpose()?.unwrap_or_default();
    let is_foreign = |part: &Part| matches!(part, Part::Thought(_) | Part::Call(_) | Part::Result(_) | Part::Hosted(_));
    if content.iter().any(is_foreign) {
        let why = "a result holds texts, images, documents and search results only";
        return Err(Reject::field(block.path_of("content"), why));
    }
    Ok(ToolResult {
        call: block.need_text("tool_use_id")?,
        content,
        is_error: block.flag("is_error")?.unwrap_or_default(),
        cache: mark(block)?,
    })
}
