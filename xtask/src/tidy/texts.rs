//! What stands in no text of the project.

use super::Violation;

/// Folders of one machine: a path that begins in one of them is nobody else's.
const FOLDERS: [&str; 5] = ["home", "root", "tmp", "Users", "work"];

/// Checks sources, documents and scripts line by line.
pub(super) fn check(path: &str, text: &str) -> Vec<Violation> {
    let lines = text.lines().zip(1..);
    let paths = lines.flat_map(|(line, number)| {
        let found = FOLDERS.iter().filter(move |folder| names(line, folder));
        found.map(move |folder| {
            Violation::at(path, number, format!("a path below `/{folder}` stands on one machine only"))
        })
    });
    paths.collect()
}

/// Whether a line holds `/folder/` as the beginning of a path.
fn names(line: &str, folder: &str) -> bool {
    let wanted = format!("/{folder}/");
    let starts = |at: usize| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|letter| {
            !letter.is_alphanumeric() && !matches!(letter, '.' | '_' | '-' | '/' | '}' | ')' | '~')
        })
    };
    line.match_indices(&wanted).any(|(at, _)| starts(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_refused() {
        for folder in FOLDERS {
            let text = format!("fine\nsee `/{folder}/x`\n");
            let found = check("a.md", &text);
            assert_eq!(found.len(), 1, "{folder}");
            assert_eq!(found[0].place, "a.md:2");
        }
    }

    #[test]
    fn addresses_and_relative_paths_pass() {
        for folder in FOLDERS {
            for before in ["https://a.org", "target", "..", "{root}", "~"] {
                assert_eq!(check("a.md", &format!("{before}/{folder}/x")), [], "{before} {folder}");
            }
        }
    }
}
