//! What code says, without what it quotes: whether a method is named anywhere, in whatever spelling.

/// How often one of `words` is named as a method or a function of a type in `source`.
pub(crate) fn count(source: &str, words: &[&str]) -> usize {
    let code = code(source);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    words
        .iter()
        .flat_map(|word| code.match_indices(word))
        .filter(|(at, word)| {
            let (before, behind) = (&code[..*at], &code[at + word.len()..]);
            let is_part = before.ends_with(is_word) || behind.starts_with(is_word);
            // A name behind a point that is not called is a field.
            let is_method = before.trim_end().ends_with('.') && behind.trim_start().starts_with('(');
            !is_part && (is_method || before.trim_end().ends_with(':'))
        })
        .count()
}

/// The source without comments, and without the insides of its texts.
fn code(source: &str) -> String {
    let (mut code, mut rest) = (String::with_capacity(source.len()), source);
    while let Some(at) = rest.find(['/', '"', '\'', 'r']) {
        let (before, here) = rest.split_at(at);
        code.push_str(before);
        let length = quoted(here, before.ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        if length == 0 {
            code.push_str(&here[..1]);
        }
        rest = &here[length.max(1)..];
    }
    code + rest
}

/// How long the comment or text is that begins here; 0: none does.
fn quoted(here: &str, is_in_word: bool) -> usize {
    if here.starts_with("//") {
        return here.find('\n').unwrap_or(here.len());
    }
    if here.starts_with('"') {
        return ended(here, 1);
    }
    if let Some(raw) = here.strip_prefix('r') {
        let marks = raw.bytes().take_while(|byte| *byte == b'#').count();
        if is_in_word || !raw[marks..].starts_with('"') {
            return 0;
        }
        let end = format!("\"{}", "#".repeat(marks));
        return here[2 + marks..].find(&end).map_or(here.len(), |at| 2 + marks + at + end.len());
    }
    // A letter between quotes, and no lifetime.
    let mut letters = here.char_indices().skip(1);
    match (here.starts_with('\''), letters.next(), letters.next()) {
        (true, Some((_, '\\')), _) => here[3..].find('\'').map_or(0, |at| at + 4),
        (true, Some(_), Some((end, '\''))) => end + 1,
        _ => 0,
    }
}

/// Where the text ends whose inside begins at `at`.
fn ended(here: &str, mut at: usize) -> usize {
    while let Some(found) = here[at..].find(['"', '\\']) {
        at += found + 1;
        if here[..at].ends_with('"') {
            return at;
        }
        at += here[at..].chars().next().map_or(0, char::len_utf8);
    }
    here.len()
}

#[test]
fn a_method_is_found_in_every_spelling_and_nowhere_else() {
    let check = |source: &str, expected: usize| assert_eq!(count(source, &["dropped"]), expected, "{source}");
    check("losses.dropped(a, b)", 1);
    check("self\n    .losses\n    . dropped (a)", 1);
    check("let tell = Losses::dropped;", 1);
    check("Losses :: dropped(&mut losses, \"x\")", 1);
    check("losses.dropped_header() // losses.dropped(", 0);
    check(r##"".dropped(" r#"".dropped("#  '"' '\'' 'a' for.dropped()"##, 1);
    check("self.dropped += 1; Done { dropped: 1 }", 0);
    check("fn dropped<'a>(dropped: &'a str) {}", 0);
}
