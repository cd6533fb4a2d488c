//! The part of the report on the black box.

use std::fmt::Write;

use cistron::plot::{Logo, LogoSpan, Mark, Matrix, Track, logo, matrix, track};

use super::{Closest, GAP, MOTIFS, SEQUENCES, Syntax, WIDTH};

impl Syntax {
    /// What was found, as HTML with pictures.
    pub(in super::super) fn section(&self) -> anyhow::Result<String> {
        let [first, second] = MOTIFS;
        let mut page = format!(
            "<p>{SEQUENCES} random sequences of {WIDTH} bases hold both words, in three of five {GAP} bases apart. The \
             model is a function from letters to a number, in which each word counts by its best places on either \
             strand (log-sum-exp); cistron sees the numbers and nothing else and mutates every position (engine \
             <code>{}</code>). {} seqlets stand out of the contributions; their best matches among {} words:</p>\n\
             <table><tr><th>best match</th><th>seqlets</th></tr>\n",
            self.engine,
            self.seqlets,
            self.words.len()
        );
        for (motif, word) in (0..).zip(MOTIFS) {
            let n = self.named.motifs().iter().filter(|found| **found == motif).count();
            writeln!(page, "<tr><td><code>{word}</code></td><td>{n}</td></tr>")?;
        }
        let other = self.named.motifs().iter().filter(|motif| **motif as usize >= MOTIFS.len()).count();
        writeln!(
            page,
            "<tr><td>one of {} random words</td><td>{other}</td></tr></table>",
            self.words.len() - MOTIFS.len()
        )?;
        writeln!(page, "<figure>{}</figure>", self.logo()?)?;
        if let Some(Closest { distance, q_value }) = &self.closest {
            writeln!(
                page,
                "<p>Of the distances between <code>{first}</code> and <code>{second}</code>, {distance} stands out most \
                 beside words put anywhere (q = {q_value:.1e}); a \
                 seqlet may take a base beside its word.</p>"
            )?;
        }
        let pairs = matrix(&Matrix {
            title: "Sequences with seqlets of both words",
            rows: &MOTIFS,
            columns: &MOTIFS,
            values: &self.pairs.iter().copied().collect::<Vec<_>>(),
            value_label: "sequences",
        })?;
        let spacing = track(&Track {
            title: &format!("Spacing of {first} and {second}"),
            values: &self.spacing,
            value_label: "sequences",
            position_label: "bases between the two",
            mark: Mark::Bars,
            ..Track::default()
        })?;
        writeln!(page, "<figure>{spacing}</figure>\n<figure>{pairs}</figure>")?;
        Ok(page)
    }

    /// The first sequence, letter by letter, with the names of its seqlets.
    fn logo(&self) -> anyhow::Result<String> {
        let mut heights = vec![0.0; WIDTH * 4];
        let letters = self.sequences[0].codes().iter().zip(self.importance.row(0));
        for (cells, (&code, &value)) in heights.chunks_mut(4).zip(letters) {
            if let Some(cell) = cells.get_mut(usize::from(code)) {
                *cell = value;
            }
        }
        let here = self.named.filter(|row| row.example == 0);
        let spans: Vec<LogoSpan<'_>> = here
            .iter()
            .map(|row| LogoSpan {
                label: &self.words[row.motif as usize],
                start: row.start.into(),
                end: row.end.into(),
            })
            .collect();
        Ok(logo(&Logo {
            title: "What each letter of the first sequence contributes",
            heights: &heights,
            value_label: "contribution",
            spans: &spans,
            ..Logo::default()
        })?)
    }
}
