//! What library code does not do, and what the root of a library holds.

use super::Violation;
use super::masked::{Code, blank, closed, is_in_name, items_below, line_of, words};

/// Macros that print or stop.
const MACROS: [&str; 9] =
    ["dbg", "eprint", "eprintln", "panic", "print", "println", "todo", "unimplemented", "unreachable"];

/// Calls that stop.
const CALLS: [&str; 4] = [".unwrap()", ".unwrap_err()", ".expect(", "process::exit"];

/// Lints whose expectation, with its reason, excuses an item.
const EXCUSES: [&str; 5] =
    ["expect_used", "unwrap_used", "clippy::panic", "print_std", "clippy::unreachable"];

/// Instruction sets and the one other reason that a file may be unsafe, as file names.
const UNSAFE_FILES: [&str; 7] =
    ["avx2.rs", "avx512.rs", "neon.rs", "sse2.rs", "sse41.rs", "simd128.rs", "memory_map.rs"];

/// The files that may name the tensor library: everything else sees operations that are known to be right.
const TENSOR_FILES: [&str; 3] =
    ["crates/models/src/nn/", "crates/models/src/device.rs", "crates/models/src/error.rs"];

/// Its operations with wrong values or gradients on the processor, and the one file that shows that they are wrong.
const TRAPS: [&str; 12] = [
    ".conv1d(",
    ".conv1d_with",
    ".conv_transpose1d(",
    ".conv2d(",
    ".max_pool2d",
    ".avg_pool2d",
    ".unfold(",
    ".relu()",
    ".gelu()",
    ".gelu_erf()",
    "Tensor::rand",
    "candle_nn",
];
const TRAPS_SHOWN: &str = "crates/models/src/nn/tests/stock.rs";

/// A facade that needs more lines holds more than names.
const FACADE_LINES: usize = 100;

/// Library code neither prints nor stops the process.
pub(super) fn check_library(path: &str, code: &Code) -> Vec<Violation> {
    if path.ends_with("/tests.rs") || path.contains("/tests/") {
        return Vec::new();
    }
    let mut text = code.without_tests.clone();
    let excused = |attribute: &str| {
        attribute.starts_with("#[expect(") && EXCUSES.iter().any(|lint| attribute.contains(lint))
    };
    for (start, end) in items_below(&code.without_tests, excused) {
        blank(&mut text, start, end);
    }
    let macros = MACROS.iter().flat_map(|name| {
        let places = words(&text, name).filter(|at| text[at + name.len()..].starts_with('!'));
        places.map(move |at| (at, format!("{name}!")))
    });
    let calls =
        CALLS.iter().flat_map(|call| text.match_indices(call).map(|(at, _)| (at, (*call).to_owned())));
    let mut found: Vec<_> = macros.chain(calls).collect();
    found.sort();
    let violation = |(at, what): (usize, String)| {
        Violation::at(path, line_of(&text, at), format!("`{what}` in library code"))
    };
    found.into_iter().map(violation).collect()
}

/// Unsafe code stands in files named after an instruction set.
pub(super) fn check_unsafe(path: &str, code: &Code) -> Vec<Violation> {
    let file = path.rsplit('/').next().unwrap_or(path);
    if UNSAFE_FILES.contains(&file) {
        return Vec::new();
    }
    let what = "unsafe code outside a file named after an instruction set";
    words(&code.all, "unsafe").map(|at| Violation::at(path, line_of(&code.all, at), what)).collect()
}

/// The tensor library is named where its traps are known, and those are not stepped into there either.
pub(super) fn check_tensor_library(path: &str, code: &Code) -> Vec<Violation> {
    let text = &code.all;
    let named = |name| {
        let found = words(text, name).map(move |at| (at, format!("`{name}` outside of the tensor layer")));
        found.filter(|_| !TENSOR_FILES.iter().any(|it| path.starts_with(it))).collect::<Vec<_>>()
    };
    let trap = |call: &'static str| {
        let found =
            text.match_indices(call).map(move |(at, _)| (at, format!("`{call}` of the tensor library")));
        found.filter(|_| path.starts_with(TENSOR_FILES[0]) && path != TRAPS_SHOWN).collect::<Vec<_>>()
    };
    let found = named("candle_core").into_iter().chain(TRAPS.into_iter().flat_map(trap));
    found.map(|(at, what)| Violation::at(path, line_of(text, at), what)).collect()
}

/// The root of a library holds documentation, modules and names.
pub(super) fn check_root(path: &str, code: &Code, is_facade: bool) -> Vec<Violation> {
    let text = &code.without_tests;
    let mut violations = Vec::new();
    for (at, item) in items(text, 0, text.len()) {
        let first: String = item.bytes().take_while(|b| is_in_name(*b)).map(char::from).collect();
        let what = format!("`{first}` in the root of a library, expected `mod` and `use`");
        violations.push(Violation::at(path, line_of(text, at), what));
    }
    if is_facade && code.lines >= FACADE_LINES {
        let what = format!("the facade has {} lines, expected less than {FACADE_LINES}", code.lines);
        violations.push(Violation::new(path, what));
    }
    violations
}

/// The items of a range that are neither a module nor an import; inline modules are looked into.
fn items(code: &str, start: usize, end: usize) -> Vec<(usize, &str)> {
    let (bytes, mut found, mut at) = (code.as_bytes(), Vec::new(), start);
    while at < end {
        match bytes[at] {
            b'#' => at = code[at..end].find('[').map_or(end, |bracket| closed(code, at + bracket)),
            byte if byte.is_ascii_whitespace() || byte == b';' => at += 1,
            _ => {
                let stop = code[at..end].find([';', '{']).map_or(end, |stop| at + stop);
                let head = without_visibility(&code[at..stop]);
                let is_block = bytes.get(stop) == Some(&b'{');
                let next = if is_block { closed(code, stop) } else { stop + 1 };
                match head.split_whitespace().next() {
                    Some("mod") if is_block => found.extend(items(code, stop + 1, next - 1)),
                    Some("mod" | "use") => {}
                    _ => found.push((at, head)),
                }
                at = next;
            }
        }
    }
    found
}

fn without_visibility(item: &str) -> &str {
    let Some(rest) = item.strip_prefix("pub") else { return item };
    let rest = if rest.starts_with('(') { &rest[closed(rest, 0)..] } else { rest };
    rest.trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(violations: &[Violation]) -> Vec<String> {
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn library_code_that_prints_or_stops_is_named() {
        let source =
            "/// `x.unwrap()`\nfn f() {\n    println!(\"a\");\n    g().unwrap();\n    h.expect(\"b\");\n}\n";
        assert_eq!(
            texts(&check_library("a.rs", &Code::parse(source))),
            [
                "a.rs:3: `println!` in library code",
                "a.rs:4: `.unwrap()` in library code",
                "a.rs:5: `.expect(` in library code",
            ]
        );
    }

    #[test]
    fn tests_documentation_and_reasons_are_excused() {
        let source = "//! println!()\n/* dbg!(x) */\nfn f() { g(\"panic!\").unwrap_or(1); writeln!(w); }\n\
            #[expect(clippy::expect_used, reason = \"the table is not empty\")]\nfn t() { u.expect(\"v\"); }\n\
            #[cfg(test)]\nmod tests { fn x() { y.unwrap(); } }\n";
        assert_eq!(check_library("a.rs", &Code::parse(source)), []);
        assert_eq!(check_library("a/tests.rs", &Code::parse("fn f() { g.unwrap() }")), []);
    }

    #[test]
    fn unsafe_code_needs_its_file() {
        let code = Code::parse("// unsafe\nfn f() { unsafe { g() } }\n");
        assert_eq!(check_unsafe("crates/x/src/scan/avx2.rs", &code), []);
        assert_eq!(
            texts(&check_unsafe("crates/x/src/scan.rs", &code)),
            ["crates/x/src/scan.rs:2: unsafe code outside a file named after an instruction set"]
        );
        assert_eq!(check_unsafe("a.rs", &Code::parse("#![deny(unsafe_code)]")), []);
    }

    #[test]
    fn the_tensor_library_stays_in_its_layer() {
        let code = Code::parse("// candle_core\nuse candle_core::Tensor;\nfn f() { x.relu() }\n");
        assert_eq!(
            texts(&check_tensor_library("crates/models/src/probe.rs", &code)),
            ["crates/models/src/probe.rs:2: `candle_core` outside of the tensor layer"]
        );
        assert_eq!(
            texts(&check_tensor_library("crates/models/src/nn/loss.rs", &code)),
            ["crates/models/src/nn/loss.rs:3: `.relu()` of the tensor library"]
        );
        assert_eq!(check_tensor_library(TRAPS_SHOWN, &code), []);
        assert_eq!(check_tensor_library("crates/models/src/device.rs", &code), []);
    }

    #[test]
    fn a_root_holds_modules_and_names() {
        let good = "//! Text.\n#![warn(x)]\nmod a;\npub mod b;\npub(crate) mod c;\nuse d::{e, f};\n\
            #[doc(inline)]\npub use g::h;\npub mod i { pub use j::k; }\n#[cfg(test)]\nmod t { fn x() {} }\n";
        assert_eq!(check_root("lib.rs", &Code::parse(good), true), []);
        let wrong =
            "mod a;\npub fn f() { g(); }\nconst X: u8 = 1;\npub mod b {\n    pub struct S { x: u8 }\n}\n";
        assert_eq!(
            texts(&check_root("lib.rs", &Code::parse(wrong), false)),
            ["fn", "const", "struct"]
                .iter()
                .zip([2, 3, 5])
                .map(|(word, line)| format!(
                    "lib.rs:{line}: `{word}` in the root of a library, expected `mod` and `use`"
                ))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_long_facade_is_refused() {
        let code = Code::parse(&"mod a;\n".repeat(100));
        assert_eq!(check_root("lib.rs", &code, false), []);
        assert_eq!(
            texts(&check_root("lib.rs", &code, true)),
            ["lib.rs: the facade has 100 lines, expected less than 100"]
        );
    }
}
