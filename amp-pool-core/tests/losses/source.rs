//! The places in the sources that tell a loss.

use std::{
    fs,
    path::{Path, PathBuf},
};

use amp_pool_core::format::{Field, Format};

use crate::mentions;

/// One such place.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) stage: Stage,
    pub(crate) fate: &'static str,
    pub(crate) member: Member,
    pub(crate) words: String,
}

/// Whose work it is done in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Whoever reads what a client of this format sent.
    Read(Format),
    /// Whatever the formats are.
    Between,
    /// Whoever writes for an upstream of this format.
    Write(Format),
    /// Both OpenAI formats.
    WriteOpenAi,
}

/// What is lost.
#[derive(Debug, Clone)]
pub(crate) enum Member {
    Field(Field),
    /// As the client wrote it; `…` for what only the request knows.
    Path(String),
}

const CALLS: [(&str, &str); 4] = [
    (".dropped(", "dropped"),
    (".adjusted(", "adjusted"),
    (".reject(", "refused"),
    ("Reject::unsupported(", "refused"),
];

/// What stands in a variable at a place, by file and expression. A new one has to be added here, or the page can not be
/// made.
const VARIABLES: [(&str, &str, &[&str]); 16] = [
    ("transcode/translation.rs", "name", &["\"…\""]),
    ("transcode/openai.rs", "field", &["Field::Effort", "Field::Thinking", "Field::Temperature", "Field::TopP"]),
    ("transcode/inline.rs", "field", &["Field::Tools", "Field::Structured"]),
    ("transcode/hosted.rs", "field", &["Field::Tools", "Field::WebSearch"]),
    ("messages/write_request.rs", "field", &["Field::Temperature", "Field::TopP", "Field::TopK"]),
    (
        "messages/write_request.rs",
        "place",
        &[
            "Field::TopK",
            "Field::Verbosity",
            "Field::Metadata",
            "Field::Store",
            "Field::CacheKey",
            "Field::CacheHints",
            "\"prompt_cache_retention\"",
        ],
    ),
    ("messages/read_request.rs", "name", &["\"…\""]),
    ("messages/read_request/parts.rs", "path", &["\"messages[].content[].…\"", "\"system[].…\""]),
    ("messages/read_request/parts.rs", "source.path()", &["\"messages[…].content[…].source\""]),
    ("messages/read_request/parts.rs", "block.path_of(\"type\")", &["\"messages[…].content[…].type\""]),
    ("responses/read_request.rs", "name", &["\"…\""]),
    ("responses/read_request/content.rs", "path", &["\"input[…].content[…].type\""]),
    ("responses/read_request/items.rs", "item.path()", &["\"input[…].type\""]),
    ("responses/read_request.rs", "member.path()", &["\"….…\""]),
    ("chat/read_request/messages.rs", "message.path_of(\"audio\")", &["\"….audio\""]),
    ("chat/read_request/parts.rs", "file.path_of(\"file_id\")", &["\"….file.file_id\""]),
];

/// All of them, in the order of the files.
pub(crate) fn sites(format: &Path) -> Vec<Site> {
    let mut sites = Vec::new();
    for (file, source) in files(format) {
        let Some(stage) = stage(&file) else { continue };
        for (call, fate) in CALLS {
            for (at, _) in source.match_indices(call) {
                sites.extend(told(&file, &source, &arguments(&source[at + call.len()..]), stage, fate));
            }
        }
    }
    sites
}

/// The sources below `root` without their tests, by their path from there.
pub(crate) fn files(root: &Path) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    collect(root, &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let source = fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        (path.strip_prefix(root).unwrap().to_string_lossy().into_owned(), source)
    };
    paths.into_iter().map(read).collect()
}

/// Places that the page knows of in another way, by file below `src` and how many there are.
const ELSEWHERE: [(&str, usize); 2] = [("format/transcode/unsaid.rs", 2), ("service/admit/worst.rs", 1)];

/// How often a file names one of the methods that tell losses. Outside of translation only the first two are theirs.
pub(crate) fn mentioned(file: &str, source: &str) -> usize {
    let words: &[&str] = match file.split_once('/') {
        _ if file == "format/loss.rs" => &[],
        Some(("format", _)) => &["dropped", "adjusted", "reject", "unsupported"],
        _ => &["dropped", "adjusted"],
    };
    mentions::count(source, words)
}

/// How many of these places the page is made from.
pub(crate) fn found(file: &str, source: &str) -> usize {
    if let Some((_, count)) = ELSEWHERE.iter().find(|(other, _)| *other == file) {
        return *count;
    }
    let is_staged = file.strip_prefix("format/").is_some_and(|file| stage(file).is_some());
    CALLS.iter().filter(|_| is_staged).map(|(call, _)| source.matches(call).count()).sum()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            collect(&path, files);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            files.push(path);
        }
    }
}

/// The stage of a file. The type that collects losses, and what has none, have no stage; answers have a table of their own.
fn stage(file: &str) -> Option<Stage> {
    let (folder, rest) = file.split_once('/')?;
    if rest == "unsaid.rs" {
        return None;
    }
    if folder == "transcode" {
        return Some(if rest == "openai.rs" { Stage::WriteOpenAi } else { Stage::Between });
    }
    let format: Format = folder.parse().ok()?;
    let is_writer = rest.starts_with("write_request");
    Some(if is_writer { Stage::Write(format) } else { Stage::Read(format) })
}

/// The arguments of a call, of which `rest` begins behind the bracket.
fn arguments(rest: &str) -> Vec<String> {
    let (mut depth, mut is_text, mut was_escape) = (0, false, false);
    let mut arguments = vec![String::new()];
    for c in rest.chars() {
        match c {
            '"' if !was_escape => is_text = !is_text,
            '(' | '[' | '{' if !is_text => depth += 1,
            ')' | ']' | '}' if !is_text && depth > 0 => depth -= 1,
            ')' if !is_text => break,
            ',' if !is_text && depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        was_escape = c == '\\' && !was_escape;
        arguments.last_mut().unwrap().push(c);
    }
    arguments.iter().map(|argument| argument.trim().to_owned()).filter(|argument| !argument.is_empty()).collect()
}

fn told(file: &str, source: &str, arguments: &[String], stage: Stage, fate: &'static str) -> Vec<Site> {
    let [place, words] = arguments else { panic!("{file}: {arguments:?}") };
    let words = literal(words).or_else(|| constant(source, words)).unwrap_or_else(|| "…".into());
    let members = member(place).map_or_else(|| variable(file, place), |member| vec![member]);
    members.into_iter().map(|member| Site { stage, fate, member, words: words.clone() }).collect()
}

fn variable(file: &str, place: &str) -> Vec<Member> {
    let known = VARIABLES.iter().find(|(of, name, _)| *of == file && *name == place);
    let (_, _, values) = known.unwrap_or_else(|| panic!("{file}: say in VARIABLES what `{place}` can be"));
    values.iter().map(|value| member(value).unwrap()).collect()
}

fn member(place: &str) -> Option<Member> {
    if let Some(name) = place.strip_prefix("Field::") {
        let field = Field::ALL.iter().find(|field| format!("{field:?}") == name);
        return Some(Member::Field(*field.unwrap_or_else(|| panic!("no field {name}"))));
    }
    literal(place).map(Member::Path)
}

/// A text in the sources, also one with values in it.
fn literal(expression: &str) -> Option<String> {
    let text = expression.strip_prefix("format!(").map_or(expression, |rest| rest.trim_end_matches(')'));
    let text = text.strip_prefix('"')?;
    let text = &text[..text.rfind('"')?];
    let mut told = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        told.push_str(before);
        told.push('…');
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    Some(told + rest)
}

/// The text of a constant of the same file.
fn constant(source: &str, name: &str) -> Option<String> {
    let (_, after) = source.split_once(&format!("const {name}: &str ="))?;
    literal(after.split_once(';')?.0.trim())
}
