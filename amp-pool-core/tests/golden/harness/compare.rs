//! Equal or not, and where.

use amp_pool_core::format::canonical::Json;

use super::seals::shown;

/// Compares two JSON texts. Space between tokens does not count; the order of keys and the spelling of numbers do.
pub(super) fn same_json(expected: &str, actual: &[u8]) -> Result<(), String> {
    let pretty = |text: &str| Json::parse(text).map(|json| pretty(&json.compact()));
    let expected = pretty(expected).map_err(|error| format!("what is expected is no JSON: {error}"))?;
    let actual = pretty(&String::from_utf8_lossy(actual)).map_err(|error| format!("no JSON came out: {error}"))?;
    same_text(&expected, &actual)
}

/// Compares two texts by lines. Line ends behind the last line do not count.
pub(super) fn same_text(expected: &str, actual: &str) -> Result<(), String> {
    let (expected, actual) = (expected.trim_end(), actual.trim_end());
    if expected == actual { Ok(()) } else { Err(difference(&shown(expected), &shown(actual))) }
}

/// One line for each member of an object or list.
fn pretty(compact: &str) -> String {
    let (mut out, mut depth, mut in_string, mut escaped) = (String::new(), 0_usize, false, false);
    let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
    for c in compact.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(c);
            continue;
        }
        in_string = c == '"';
        if matches!(c, '}' | ']') {
            depth -= 1;
            out.push_str(&line(depth));
        }
        out.push(c);
        if matches!(c, '{' | '[') {
            depth += 1;
        }
        if matches!(c, '{' | '[' | ',') {
            out.push_str(&line(depth));
        }
    }
    out
}

/// The lines that differ, each with the two before it.
fn difference(expected: &str, actual: &str) -> String {
    let lines = compared(&expected.lines().collect::<Vec<_>>(), &actual.lines().collect::<Vec<_>>());
    let is_near = |at: usize| lines[at..lines.len().min(at + 3)].iter().any(|line| !line.starts_with(' '));
    let near = (0..lines.len()).filter(|at| is_near(*at)).map(|at| &*lines[at]);
    let near: Vec<&str> = near.collect();
    format!("\n{}\n(- expected, + came out)", near.join("\n"))
}

/// All lines of both, those that they have in common once.
fn compared(left: &[&str], right: &[&str]) -> Vec<String> {
    let common = common(left, right);
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i] == right[j] {
            lines.push(format!("  {}", left[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == right.len() || i < left.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(format!("- {}", left[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", right[j]));
            j += 1;
        }
    }
    lines
}

/// How many lines the rests from each pair of lines on have in common.
fn common(left: &[&str], right: &[&str]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            let apart = common[i + 1][j].max(common[i][j + 1]);
            common[i][j] = if left[i] == right[j] { common[i + 1][j + 1] + 1 } else { apart };
        }
    }
    common
}
