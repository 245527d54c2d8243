//! Translates files: requests there, answers and streams back. Nothing is sent anywhere.
//!
//! ```text
//! translate --from chat --to messages --model claude-sonnet-4-5 request.json answer.sse
//! ```
//!
//! `--from` is what the client speaks, `--to` what the upstream speaks. The first file is the client's request; it is printed
//! as the upstream would get it, with what is lost on the way. All other files are answers of the upstream to it, whole
//! (`.json`) or streamed; each is printed as the client would get it.

use std::{error::Error, fs, io::Write as _};

use amp_pool_core::{
    format::{Format, Policy, SealKey, Sent, Transcoder, Translation, canonical::Issuer, capability::Dialect, peek},
    id::CallId,
    time::Timestamp,
};

const USAGE: &str = "translate --from FORMAT --to FORMAT [--model NAME] [--provider NAME] [--strict] REQUEST [ANSWER…]";

fn main() -> Result<(), Box<dyn Error>> {
    let asked = Asked::read(std::env::args().skip(1))?;
    let request = fs::read(&asked.request)?;
    let sent = translation(&asked, &request)?.request(&request)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "POST {}", sent.path)?;
    for (name, header) in [("dropped", sent.losses.dropped_header()), ("adjusted", sent.losses.adjusted_header())] {
        if let Some(fields) = header {
            writeln!(out, "{name}: {fields}")?;
        }
    }
    writeln!(out, "\n{}", String::from_utf8_lossy(&sent.body))?;
    for path in &asked.answers {
        out.write_all(&answer(&sent, path)?)?;
    }
    Ok(())
}

/// An answer as the client gets it: a stream for a stream, a body for a body.
fn answer(sent: &Sent, path: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let said = fs::read(path)?;
    if path.ends_with(".json") {
        let whole = sent.back.whole(200, &said);
        return Ok([format!("\nstatus {}\n", whole.status).into_bytes(), whole.body, b"\n".to_vec()].concat());
    }
    let mut transcoder = Transcoder::new(sent.back.clone());
    let mut out = b"\n".to_vec();
    // As it would come from a socket: in pieces that know nothing of events.
    for frame in said.chunks(1_000) {
        transcoder.feed(frame, &mut out);
    }
    transcoder.finish(&mut out);
    Ok(out)
}

/// Whatever is not in the files. A pool takes the call, the time and the account from what it does.
fn translation(asked: &Asked, request: &[u8]) -> Result<Translation, Box<dyn Error>> {
    let model = peek(request)?.model.map(String::from).unwrap_or_default();
    let seal = SealKey::derive(b"a secret of the installation", "a tenant");
    let mut policy = Policy::default();
    policy.strict = asked.is_strict;
    Ok(Translation {
        client: asked.from,
        upstream: asked.to,
        call: CallId::new(Timestamp::from_millis(0), &[0; 10]),
        created: Timestamp::from_millis(0),
        model: asked.model.clone().unwrap_or_else(|| model.clone()),
        asked_model: model,
        dialect: Dialect::find(&asked.provider),
        issuer: Issuer { format: asked.to, provider: asked.provider.clone(), account: seal.tag("an account") },
        seal,
        policy,
    })
}

/// The command line.
struct Asked {
    from: Format,
    to: Format,
    model: Option<String>,
    provider: String,
    is_strict: bool,
    request: String,
    answers: Vec<String>,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut from, mut to, mut model, mut provider) = (None, None, None, None);
        let (mut is_strict, mut files) = (false, Vec::new());
        while let Some(word) = words.next() {
            let value = match word.as_str() {
                "--from" => &mut from,
                "--to" => &mut to,
                "--model" => &mut model,
                "--provider" => &mut provider,
                "--strict" => {
                    is_strict = true;
                    continue;
                }
                file => {
                    files.push(file.to_owned());
                    continue;
                }
            };
            *value = Some(words.next().ok_or_else(|| format!("{word} needs a value"))?);
        }
        let mut files = files.into_iter();
        let (Some(from), Some(to), Some(request)) = (from, to, files.next()) else { return Err(USAGE.into()) };
        let (from, to): (Format, Format) = (from.parse()?, to.parse()?);
        if from == to {
            return Err("a pool passes on the same format as it is: there is nothing to translate".into());
        }
        let provider = provider.unwrap_or_else(|| if to == Format::Messages { "anthropic" } else { "openai" }.into());
        Ok(Self { from, to, model, provider, is_strict, request, answers: files.collect() })
    }
}
