//! Motifs as weights, with their thresholds.

use crate::Result;

/// A motif as scores of its letters.
pub struct Weights {
    pub name: String,
    /// A hit scores more. Infinite if no window can.
    pub threshold: f32,
    /// (positions, letters A C G T).
    pub columns: Vec<[f64; 4]>,
}

pub fn read(path: &str) -> Result<Vec<Weights>> {
    let text = std::fs::read_to_string(path)?;
    let (mut lines, mut all) = (text.lines(), Vec::new());
    while let Some(line) = lines.next() {
        let [name, width, threshold] = words(line)?;
        let width: usize = width.parse()?;
        let columns = lines.by_ref().take(width).map(column).collect::<Result<Vec<_>>>()?;
        if columns.len() != width {
            return Err(format!("{path} ends within {name}").into());
        }
        all.push(Weights { name: name.to_owned(), threshold: threshold.parse()?, columns });
    }
    Ok(all)
}

fn column(line: &str) -> Result<[f64; 4]> {
    let [a, c, g, t] = words(line)?;
    Ok([a.parse()?, c.parse()?, g.parse()?, t.parse()?])
}

fn words<const N: usize>(line: &str) -> Result<[&str; N]> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.try_into().map_err(|_| format!("expected {N} words, found `{line}`").into())
}
