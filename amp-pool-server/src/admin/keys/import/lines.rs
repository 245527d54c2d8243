//! Keys as people have them at hand: a text with a key a line, a table, JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json, value::RawValue};

use super::super::{
    super::{input::parse, table::restored},
    KeyInput, Problem,
};

/// No import is longer.
const MOST: usize = 100_000;
/// Columns that hold a list, parted by `;` or spaces.
const LISTS: [&str; 4] = ["models", "models_denied", "tags", "formats"];
const NUMBERS: [&str; 2] = ["priority", "weight"];
/// Columns that hold JSON.
const PARTED: [&str; 5] = ["limits", "budget", "headers", "balance_probe", "balance_values"];
const COLUMNS: [&str; 24] = [
    "name",
    "provider",
    "api_key",
    "ua",
    "proxy_ip",
    "base_url",
    "formats",
    "enabled",
    "priority",
    "weight",
    "models",
    "models_denied",
    "account",
    "total_balance",
    "price_factor",
    "tags",
    "memo",
    "balance_minimum",
    "balance_usd_rate",
    "limits",
    "budget",
    "headers",
    "balance_probe",
    "balance_values",
];

/// How keys are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Text,
    Table,
    Json,
}

impl Shape {
    pub(super) fn of_content_type(kind: &str) -> Result<Self, Problem> {
        match kind {
            "text/plain" => Ok(Self::Text),
            "text/csv" => Ok(Self::Table),
            "application/json" => Ok(Self::Json),
            _ => Err(Problem::new(
                http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "keys come as `text/plain`, `text/csv` or `application/json`",
            )),
        }
    }

    /// By the end of a file's name.
    pub(crate) fn of_file(name: &str) -> Self {
        match name.rsplit('.').next().map(str::to_ascii_lowercase).as_deref() {
            Some("json") => Self::Json,
            Some("csv") => Self::Table,
            _ => Self::Text,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Table => "csv",
            Self::Json => "json",
        }
    }
}

/// A key as it was written, or why it could not be read.
pub(super) struct Line {
    pub(super) line: usize,
    pub(super) input: Result<KeyInput, Problem>,
}

pub(super) fn read(shape: Shape, body: &[u8]) -> Result<Vec<Line>, Problem> {
    let lines = match shape {
        Shape::Text => text(body)?,
        Shape::Table => table(body)?,
        Shape::Json => list(body)?,
    };
    if lines.len() > MOST {
        return Err(Problem::invalid(format!("these are more than {MOST} keys")));
    }
    Ok(lines)
}

fn text(body: &[u8]) -> Result<Vec<Line>, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::invalid("the text is not UTF-8"))?;
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    let kept = lines.map(|(at, line)| (at + 1, line.trim())).filter(|(_, line)| !line.is_empty());
    let kept = kept.filter(|(_, line)| !line.starts_with('#')).take(MOST + 1);
    Ok(kept.map(|(line, text)| Line { line, input: words(text).and_then(input) }).collect())
}

/// `key`, `name key`, `key proxy`, `name key proxy`, or `NAME=key` as a shell has it.
fn words(line: &str) -> Result<Map<String, Value>, Problem> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let parts = |c: char| c.is_whitespace() || ",;|\"'`".contains(c);
    let words = line.split(parts).flat_map(|word| word.split_once('=').map_or(vec![word], |(a, b)| vec![a, b]));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let (proxies, others): (Vec<&str>, Vec<&str>) = words.into_iter().partition(|word| word.contains("://"));
    let (name, key) = match others[..] {
        [key] => (None, key),
        // A key is longer than what people call it.
        [first, second] if first.len() > second.len() => (Some(second), first),
        [first, second] => (Some(first), second),
        [] => return Err(Problem::field("api_key", "there is no key in this line")),
        _ => return Err(Problem::invalid("a line has at most a name, a key and a proxy")),
    };
    if proxies.len() > 1 {
        return Err(Problem::field("proxy_ip", "a line has at most one proxy"));
    }
    let mut members = Map::new();
    members.insert("api_key".into(), json!(key));
    members.extend(name.map(|name| ("name".into(), json!(name))));
    members.extend(proxies.first().map(|proxy| ("proxy_ip".into(), json!(proxy))));
    Ok(members)
}

fn table(body: &[u8]) -> Result<Vec<Line>, Problem> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let mut rows = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(body);
    let unreadable = |_| Problem::invalid("the table has no head that could be read");
    let head: Vec<String> = rows.headers().map_err(unreadable)?.iter().map(str::to_ascii_lowercase).collect();
    if let Some(odd) = head.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        let known = COLUMNS.join("`, `");
        // What stands there may be a key, in a table without a head.
        let shown = if odd.len() <= 16 { format!("`{odd}` is no column") } else { "the first line is no head".into() };
        return Err(Problem::field("head", format!("{shown}; there are `{known}`")));
    }
    let read = |(at, record): (usize, csv::Result<csv::StringRecord>)| {
        let line = at + 2;
        let input = match record {
            Ok(record) if record.len() > head.len() => Err(Problem::invalid("this row is longer than the head")),
            Ok(record) => input(row(&head, &record)),
            Err(_) => Err(Problem::invalid("this row is no UTF-8")),
        };
        Line { line, input }
    };
    Ok(rows.records().enumerate().take(MOST + 1).map(read).collect())
}

/// An empty cell says nothing.
fn row(head: &[String], record: &csv::StringRecord) -> Map<String, Value> {
    let cells = head.iter().zip(record.iter().map(restored)).filter(|(_, cell)| !cell.is_empty());
    cells.map(|(name, cell)| (name.clone(), cell_value(name, cell))).collect()
}

fn cell_value(name: &str, cell: &str) -> Value {
    if LISTS.contains(&name) {
        return cell.split([';', ' ']).filter(|item| !item.is_empty()).collect();
    }
    if NUMBERS.contains(&name) {
        return cell.parse::<i64>().map_or_else(|_| json!(cell), Value::from);
    }
    if PARTED.contains(&name) {
        return serde_json::from_str(cell).unwrap_or_else(|_| json!(cell));
    }
    match (name, cell.to_ascii_lowercase().as_str()) {
        ("enabled", "true" | "yes" | "1") => json!(true),
        ("enabled", "false" | "no" | "0") => json!(false),
        _ => json!(cell),
    }
}

/// A list of keys, or an object that has it as `keys` or `items`.
fn list(body: &[u8]) -> Result<Vec<Line>, Problem> {
    let wrong = || Problem::field("keys", "this is neither a list of keys nor an object with the list `keys`");
    let is_object = body.trim_ascii_start().starts_with(b"{");
    let keys: Vec<&RawValue> = if is_object {
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body).map_err(|_| wrong())?;
        let list = members.get("keys").or_else(|| members.get("items")).ok_or_else(wrong)?;
        serde_json::from_str(list.get()).map_err(|_| wrong())?
    } else {
        serde_json::from_slice(body).map_err(|_| wrong())?
    };
    let read = |(at, key): (usize, &RawValue)| Line { line: at + 1, input: json_key(key.get()) };
    Ok(keys.into_iter().enumerate().take(MOST + 1).map(read).collect())
}

/// A key, or just its credential.
fn json_key(text: &str) -> Result<KeyInput, Problem> {
    match serde_json::from_str::<String>(text) {
        Ok(credential) => words(&credential).and_then(input),
        Err(_) => parse(text.as_bytes()),
    }
}

fn input(members: Map<String, Value>) -> Result<KeyInput, Problem> {
    parse(Value::Object(members).to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&Value>) {
        assert_eq!(words(line).ok().map(Value::Object).as_ref(), expected, "{line}");
    }

    #[test]
    fn a_line_is_read_in_every_way_people_write_it() {
        check("sk-0123456789", Some(&json!({"api_key": "sk-0123456789"})));
        check("team sk-0123456789", Some(&json!({"api_key": "sk-0123456789", "name": "team"})));
        check("sk-0123456789, team", Some(&json!({"api_key": "sk-0123456789", "name": "team"})));
        check(
            "export OPENAI_API_KEY=\"sk-0123456789-0123456789\"",
            Some(&json!({"api_key": "sk-0123456789-0123456789", "name": "OPENAI_API_KEY"})),
        );
        let proxied = json!({"api_key": "sk-0123456789", "name": "a", "proxy_ip": "socks5://u:p@h:1"});
        check("a\tsk-0123456789\tsocks5://u:p@h:1", Some(&proxied));
        check("a b c", None);
        check("http://h:1", None);
        check("sk-1 http://h:1 http://h:2", None);
    }

    #[test]
    fn comments_and_empty_lines_keep_their_numbers() {
        let lines = read(Shape::Text, b"\xef\xbb\xbf# mine\r\n\r\nsk-0123456789\r\nsk-9876543210").unwrap();
        assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn a_table_names_its_columns() {
        let table = "name,api_key,tags,weight,enabled,models\na,sk-1,\"eu;fast\",3,no,\n,sk-2,,,,\nx,y,,,,,more\n";
        let lines = read(Shape::Table, table.as_bytes()).unwrap();
        assert_eq!(
            lines.iter().map(|line| (line.line, line.input.is_ok())).collect::<Vec<_>>(),
            [(2, true), (3, true), (4, false)]
        );
        let parted = "api_key,limits,budget,balance_probe\nsk-1,\"{\"\"rpm\"\":5}\",,off\nsk-2,five,,\nsk-3,,\"{\"\"limit\"\":1}\",\n";
        let lines = read(Shape::Table, parted.as_bytes()).unwrap();
        let fields = lines.into_iter().map(|line| line.input.err().and_then(|problem| problem.into_parts().0));
        assert_eq!(fields.collect::<Vec<_>>(), [None, Some("limits".into()), Some("budget".into())]);
        let wrong = read(Shape::Table, b"name,secret\n").err().unwrap().into_parts();
        assert!(wrong.1.contains("`secret` is no column"), "{}", wrong.1);
        let headless = read(Shape::Table, b"sk-planted-0123456789,x\n").err().unwrap().into_parts();
        assert!(!headless.1.contains("planted"), "{}", headless.1);
    }

    #[test]
    fn a_list_is_read_bare_and_named() {
        for body in [r#"["sk-0123456789"]"#, r#"{"keys":[{"api_key":"x"}]}"#, r#"{"items":[],"next_cursor":null}"#] {
            assert!(read(Shape::Json, body.as_bytes()).is_ok(), "{body}");
        }
        for body in ["", "null", r#"{"a":[]}"#, r#"{"keys":{}}"#, "[1"] {
            assert_eq!(
                read(Shape::Json, body.as_bytes()).err().unwrap().into_parts().0.as_deref(),
                Some("keys"),
                "{body}"
            );
        }
        let lines = read(Shape::Json, br#"[{"colour":1},7,{"name":"a"}]"#).unwrap();
        assert_eq!(lines.iter().map(|line| line.input.is_ok()).collect::<Vec<_>>(), [false, false, true]);
    }
}
