//! Rust sources without what the rules do not speak of: comments, literals and tests.
//!
//! Everything left out becomes blanks, so that lines and columns stay what they are.

/// A source file.
#[derive(Debug)]
pub(super) struct Code {
    /// Comments and literals are blank.
    pub(super) all: String,
    /// Test modules are blank as well.
    pub(super) without_tests: String,
    /// How many lines the file has outside its tests.
    pub(super) lines: usize,
}

impl Code {
    pub(super) fn parse(source: &str) -> Self {
        let all = mask(source);
        let mut without_tests = all.clone();
        let total = source.lines().count();
        let tests = items_below(&all, |attribute| attribute == "#[cfg(test)]");
        let mut test_lines = 0;
        for (start, end) in tests {
            test_lines += all[start..end].matches('\n').count() + 1;
            blank(&mut without_tests, start, end);
        }
        Self { all, without_tests, lines: total.saturating_sub(test_lines) }
    }
}

/// The 1-based line of a byte.
pub(super) fn line_of(code: &str, at: usize) -> usize {
    code.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// Where a word stands, with no letter, digit or underscore around it.
pub(super) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let is_free = move |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_none_or(|b| !is_in_name(*b));
    let places = code.match_indices(word).map(|(at, _)| at);
    places.filter(move |&at| is_free(at.checked_sub(1)) && is_free(Some(at + word.len())))
}

pub(super) fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Blanks a range but for its line ends.
pub(super) fn blank(code: &mut String, start: usize, end: usize) {
    let blanks: String = code[start..end].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
    code.replace_range(start..end, &blanks);
}

/// The items, with their attributes, that stand below an attribute which is asked for.
pub(super) fn items_below(code: &str, wanted: impl Fn(&str) -> bool) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (start, _) in code.match_indices("#[") {
        let end = closed(code, start + 1);
        let inside = found.last().is_some_and(|(_, last)| start < *last);
        if !inside && wanted(&code[start..end]) {
            found.push((start, item_end(code, end)));
        }
    }
    found
}

/// The end of the item that begins here: its closing brace or semicolon.
fn item_end(code: &str, from: usize) -> usize {
    let bytes = code.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b';' => return at + 1,
            b'{' => return closed(code, at),
            b'(' | b'[' => at = closed(code, at),
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The place behind the bracket that closes the one here.
pub(super) fn closed(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// Blanks comments and literals.
fn mask(source: &str) -> String {
    let mut code = source.to_owned();
    let mut at = 0;
    while at < source.len() {
        let end = at + skipped(&source[at..], at > 0 && is_in_name(source.as_bytes()[at - 1]));
        if end > at {
            blank(&mut code, at, end);
            // A character of several bytes has become as many blanks: the length is the same.
            at = end;
        } else {
            at += source[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    code
}

/// The length of the comment or literal that begins here, or 0.
fn skipped(rest: &str, in_name: bool) -> usize {
    match rest.as_bytes() {
        [b'/', b'/', ..] => rest.find('\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, 1),
        [b'\'', ..] => character(rest),
        [b'r', b'"' | b'#', ..] if !in_name => raw(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !in_name => raw(rest, 2),
        _ => 0,
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// A string or character up to the quote that opened it.
fn quoted(rest: &str, from: usize) -> usize {
    let quote = rest.as_bytes()[0];
    let mut at = from;
    while let Some(byte) = rest.as_bytes().get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A character literal, or 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), _) => quoted(rest, 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

fn raw(rest: &str, prefix: usize) -> usize {
    let hashes = rest[prefix..].bytes().take_while(|byte| *byte == b'#').count();
    let start = prefix + hashes;
    if rest.as_bytes().get(start) != Some(&b'"') {
        // A raw name such as `r#type`.
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    rest[start + 1..].find(&end).map_or(rest.len(), |at| start + 1 + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_become_blanks() {
        for (source, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"a\\\"b\") g", "f(      ) g"),
            ("f('\"', 'x', '\\'', &'a T)", "f(   ,    ,     , &'a T)"),
            ("f(r#\"a\"b\"#, br\"c\") r#type", "f(        ,      ) r#type"),
            ("\"über\" x", "        x"),
            ("attr\"x\"", "attr   "),
        ] {
            let found = mask(source);
            // "ü" takes two bytes and so leaves two blanks.
            assert_eq!(found.len(), source.len());
            assert_eq!(found.trim_end(), expected.trim_end(), "{source}");
        }
    }

    #[test]
    fn tests_are_left_out_and_not_counted() {
        let code =
            Code::parse("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() { \"}\" }\n}\nfn c() {}\n");
        assert!(code.without_tests.contains("fn a") && code.without_tests.contains("fn c"));
        assert!(!code.without_tests.contains("fn b") && code.all.contains("fn b"));
        assert_eq!(code.lines, 3);
        assert_eq!(line_of(&code.without_tests, code.without_tests.find("fn c").unwrap()), 7);
    }

    #[test]
    fn words_stand_alone() {
        let found: Vec<_> = words("unsafe unsafe_code (unsafe)", "unsafe").collect();
        assert_eq!(found, [0, 20]);
    }

    #[test]
    fn items_end_at_brace_or_semicolon() {
        let code = "#[x] const A: [u8; 2] = [0; 2]; #[y] fn f(a: [u8; 1]) { g(); } h";
        let ends: Vec<_> = items_below(code, |_| true).iter().map(|(_, end)| &code[*end..]).collect();
        assert_eq!(ends, [" #[y] fn f(a: [u8; 1]) { g(); } h", " h"]);
    }
}
