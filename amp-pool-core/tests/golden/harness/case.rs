//! One case: a folder with what goes in and what has to come out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use amp_pool_core::format::{Format, Losses, Reject, Translation, WayBack, Whole};
use serde::Deserialize;

use super::{
    compare::{same_json, same_text},
    seals::Seals,
    settings::{Settings, problem},
    stream,
};

/// Every file that a case may have. Another would be overlooked, so it is an error.
const FILES: [&str; 8] =
    ["in.json", "in.sse", "out.json", "out.sse", "refused.json", "ask.json", "loss.json", "case.json"];

/// Which way a case goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The client's request to the upstream.
    There,
    /// The upstream's answer to the client.
    Back,
}

/// A folder.
pub(super) struct Case {
    folder: PathBuf,
    name: String,
    client: Format,
    upstream: Format,
    way: Way,
}

/// All there are, by name.
pub(super) fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = folders(&root()).iter().flat_map(|pair| of_pair(pair)).collect();
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

/// The cases of `<client>-<upstream>`; none of a folder that is called otherwise.
fn of_pair(pair: &Path) -> Vec<Case> {
    let name = file_name(pair);
    let formats =
        name.split_once('-').and_then(|(client, upstream)| Some((client.parse().ok()?, upstream.parse().ok()?)));
    let Some((client, upstream)) = formats else { return Vec::new() };
    let mut cases = Vec::new();
    for (way, word) in [(Way::There, "there"), (Way::Back, "back")] {
        for folder in folders(&pair.join(word)) {
            let name = format!("{name}/{word}/{}", file_name(&folder));
            cases.push(Case { folder, name, client, upstream, way });
        }
    }
    cases
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether each pair is shown by at least 25 cases each way, and its answers by 12 streams.
pub(super) fn are_enough(cases: &[Case]) -> Result<(), String> {
    let pairs = Format::ALL.into_iter().flat_map(|client| Format::ALL.map(|upstream| (client, upstream)));
    for (client, upstream) in pairs.filter(|(client, upstream)| client != upstream) {
        let of =
            |way| cases.iter().filter(move |case| (case.client, case.upstream, case.way) == (client, upstream, way));
        let (there, back) = (of(Way::There).count(), of(Way::Back).count());
        let streams = of(Way::Back).filter(|case| case.is_stream()).count();
        if there < 25 || back < 25 || streams < 12 {
            return Err(format!("{client}-{upstream}: {there} there, {back} back, {streams} of them streams"));
        }
    }
    Ok(())
}

/// What `loss.json` says, as the headers do.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Told {
    dropped: Vec<String>,
    adjusted: Vec<String>,
}

impl Case {
    /// Its place: `chat-messages/there/a-name`.
    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    fn is_stream(&self) -> bool {
        ["in.sse", "out.sse"].iter().any(|name| self.folder.join(name).exists())
    }

    /// Whether what comes out is what the files say.
    pub(super) fn check(&self) -> Result<(), String> {
        for entry in fs::read_dir(&self.folder).unwrap() {
            let name = file_name(&entry.unwrap().path());
            if !FILES.contains(&&*name) {
                return Err(format!("`{name}` is no file of a case"));
            }
        }
        let settings = self.settings()?;
        let translation = settings.translation(self.client, self.upstream);
        match self.way {
            Way::There => self.there(&translation),
            Way::Back => self.back(&translation, &settings),
        }
    }

    fn there(&self, translation: &Translation) -> Result<(), String> {
        let body = self.needed("in.json")?;
        match (translation.request(body.as_bytes()), self.file("out.json")?, self.file("refused.json")?) {
            (Ok(sent), Some(expected), None) => {
                let again = translation.request(body.as_bytes()).map(|sent| sent.body);
                assert_eq!(again.as_ref(), Ok(&sent.body), "the second translation differs from the first");
                same_json(&expected, &sent.body)?;
                self.losses(&sent.losses)
            }
            (Err(reject), None, Some(expected)) => same_json(&expected, &problem(self.client, &reject)),
            (Ok(sent), None, Some(_)) => Err(format!("was not refused but sent: {}", text(&sent.body))),
            (Err(Reject { field, message, .. }), Some(_), None) => Err(format!("was refused at {field:?}: {message}")),
            _ => Err("needs `out.json` or `refused.json`, one of them".into()),
        }
    }

    fn losses(&self, losses: &Losses) -> Result<(), String> {
        let told: Told = match self.file("loss.json")? {
            Some(told) => serde_json::from_str(&told).map_err(|error| format!("loss.json: {error}"))?,
            None => Told::default(),
        };
        let header = |fields: &[String]| (!fields.is_empty()).then(|| fields.join(", "));
        let lines = |dropped: Option<String>, adjusted: Option<String>| {
            let line =
                |name, value: Option<String>| value.map(|value| format!("{name}: {value}\n")).unwrap_or_default();
            format!("{}{}", line("dropped", dropped), line("adjusted", adjusted))
        };
        let expected = lines(header(&told.dropped), header(&told.adjusted));
        same_text(&expected, &lines(losses.dropped_header(), losses.adjusted_header()))
    }

    fn back(&self, translation: &Translation, settings: &Settings) -> Result<(), String> {
        let ask = self.file("ask.json")?.unwrap_or_else(|| settings.ask(self.client).to_owned());
        let back = translation.request(ask.as_bytes()).map_err(|reject| format!("the ask was refused: {reject}"))?.back;
        let answer = self.file("in.json")?.map_or_else(|| self.needed("in.sse"), Ok)?;
        match (self.file("out.json")?, self.file("out.sse")?) {
            (Some(expected), None) => whole(&back, settings, &answer, &expected),
            (None, Some(expected)) => stream::check(&back, &ask, answer.as_bytes(), &expected),
            _ => Err("needs `out.json` or `out.sse`, one of them".into()),
        }
    }

    fn settings(&self) -> Result<Settings, String> {
        let Some(text) = self.file("case.json")? else { return Ok(Settings::default()) };
        serde_json::from_str(&text).map_err(|error| format!("case.json: {error}"))
    }

    fn needed(&self, name: &str) -> Result<String, String> {
        self.file(name)?.ok_or_else(|| format!("`{name}` is missing"))
    }

    /// A file, with the names of sealed thoughts in it replaced by the thoughts. `None` when it is not there.
    fn file(&self, name: &str) -> Result<Option<String>, String> {
        let path = self.folder.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        Seals::read(&root()).unfold(&text).map(Some)
    }
}

/// A whole answer, which the reader of its format must understand too.
fn whole(back: &WayBack, settings: &Settings, answer: &str, expected: &str) -> Result<(), String> {
    let Whole { status, body, .. } = back.whole(settings.status, answer.as_bytes());
    same_json(expected, &body)?;
    if status != settings.answered {
        return Err(format!("came under {status}, not under {}", settings.answered));
    }
    stream::read_again(back.client(), &body, status >= 400)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
