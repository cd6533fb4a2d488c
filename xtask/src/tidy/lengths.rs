//! How long files and functions are.

use super::Violation;
use super::masked::{Code, closed, line_of, words};

/// A file of more lines is reported, one of more than the second number is wrong.
const FILE: (usize, usize) = (400, 800);
/// A function of more lines is reported.
const FUNCTION: usize = 50;

/// The long files and functions.
#[derive(Debug, Default)]
pub(super) struct Report {
    files: Vec<(usize, String)>,
    functions: Vec<(usize, String)>,
}

impl Report {
    /// Takes in a file. Tests do not count.
    pub(super) fn add(&mut self, path: &str, code: &Code) -> Option<Violation> {
        if code.lines > FILE.0 {
            self.files.push((code.lines, path.to_owned()));
        }
        for (lines, line, name) in functions(&code.without_tests) {
            if lines > FUNCTION {
                self.functions.push((lines, format!("{path}:{line} {name}")));
            }
        }
        let what = format!("{} lines outside tests, expected at most {}", code.lines, FILE.1);
        (code.lines > FILE.1).then(|| Violation::new(path, what))
    }

    /// The longest first.
    pub(super) fn lines(mut self) -> Vec<String> {
        for list in [&mut self.files, &mut self.functions] {
            list.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        }
        let all = self.files.into_iter().chain(self.functions);
        all.map(|(lines, place)| format!("{lines:4} lines  {place}")).collect()
    }
}

/// `(lines, first line, name)` of every function with a body, nested ones included.
fn functions(code: &str) -> Vec<(usize, usize, String)> {
    words(code, "fn").filter_map(|at| function(code, at)).collect()
}

fn function(code: &str, at: usize) -> Option<(usize, usize, String)> {
    let rest = code[at + 2..].trim_start();
    let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    // `fn(u8)` is a type.
    let arguments = code[at..].find('(').filter(|_| !name.is_empty())?;
    let behind = closed(code, at + arguments);
    let body = behind + code[behind..].find(['{', ';'])?;
    if code.as_bytes()[body] == b';' {
        return None;
    }
    let first = line_of(code, at);
    Some((line_of(code, closed(code, body) - 1) + 1 - first, first, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_by_their_braces() {
        let code = Code::parse(
            "trait T { fn a(&self, x: [u8; 2]); }\nfn b(f: fn(u8) -> u8) -> u8 {\n    if x { \"}\" }\n}\nfn c() {}\n",
        );
        let found = functions(&code.without_tests);
        assert_eq!(found, [(3, 2, "b".to_owned()), (1, 5, "c".to_owned())]);
    }

    #[test]
    fn long_ones_are_reported_and_the_longest_refused() {
        let mut report = Report::default();
        let body = |lines: usize| Code::parse(&format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines)));
        assert_eq!(report.add("short.rs", &body(48)), None);
        assert_eq!(report.add("function.rs", &body(49)), None);
        assert_eq!(report.add("long.rs", &body(399)), None);
        assert!(report.add("wrong.rs", &body(799)).is_some());
        assert_eq!(
            report.lines(),
            [
                " 801 lines  wrong.rs",
                " 401 lines  long.rs",
                " 801 lines  wrong.rs:1 f",
                " 401 lines  long.rs:1 f",
                "  51 lines  function.rs:1 f",
            ]
        );
    }
}
