//! Where the conformance cases find golden files and real data.
//!
//! Golden files lie in the folder named by `CISTRON_GOLDEN`, real data in that of `CISTRON_DATA`. Unset, the cases
//! that need them say so and pass, unless `CISTRON_REQUIRE_GOLDEN=1` asks them to fail.

pub mod families;
pub mod measured;

use std::path::PathBuf;

/// A golden file or folder, or `None` where there are none.
///
/// # Panics
/// If `CISTRON_REQUIRE_GOLDEN` is 1 and `CISTRON_GOLDEN` is not set.
///
/// ```
/// let Some(folder) = conformance::golden("genome-io/fasta") else { return };
/// assert!(folder.ends_with("genome-io/fasta"));
/// ```
pub fn golden(relative: &str) -> Option<PathBuf> {
    inside("CISTRON_GOLDEN", relative)
}

/// A file or folder of real data, or `None` where there are none.
///
/// # Panics
/// If `CISTRON_REQUIRE_GOLDEN` is 1 and `CISTRON_DATA` is not set.
///
/// ```
/// let Some(folder) = conformance::data("genomes") else { return };
/// assert!(folder.ends_with("genomes"));
/// ```
pub fn data(relative: &str) -> Option<PathBuf> {
    inside("CISTRON_DATA", relative)
}

#[expect(clippy::print_stdout, reason = "a case that cannot run says so")]
fn inside(variable: &str, relative: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(variable) {
        return Some(PathBuf::from(folder).join(relative));
    }
    let required = std::env::var_os("CISTRON_REQUIRE_GOLDEN").is_some_and(|value| value == "1");
    assert!(!required, "{variable} is not set, but CISTRON_REQUIRE_GOLDEN is 1");
    println!("skipped: {variable} is not set");
    None
}

/// The programs in the README and the book compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/src/guide/attributions.md")]
#[doc = include_str!("../../docs/src/guide/denoising.md")]
#[doc = include_str!("../../docs/src/guide/enformer.md")]
#[doc = include_str!("../../docs/src/guide/families.md")]
#[doc = include_str!("../../docs/src/guide/genomes.md")]
struct Texts;
