//! Measured saturation mutagenesis: which factors name the seqlets of 29 experiments, and what it costs.
//!
//! `cargo bench -p benchmarks --bench measured -- DATA PICTURES` reads the folders `regulatory` and `motifs` of the real
//! data, prints tables in Markdown and writes logos into the folder `PICTURES`.

#![expect(clippy::print_stdout, reason = "the tables are the benchmark's result")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use benchmarks::cpu_seconds;
use cistron::plot::{Logo, LogoSpan, logo};
use conformance::measured::{
    EXPECTED, Experiment, Family, Found, HARD, NEAREST, Named, Names, name_experiments, read_experiments,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The experiments that are drawn, each with a part of its positions.
const DRAWN: [(&str, std::ops::Range<usize>); 2] = [("LDLR", 115..195), ("F9", 50..110)];

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let folders: Vec<PathBuf> =
        std::env::args().skip(1).filter(|it| it != "--bench").map(PathBuf::from).collect();
    let [data, pictures] = &folders[..] else {
        println!("skipped: no folders of real data and of pictures were given");
        return Ok(());
    };
    let experiments = read_experiments(&data.join("regulatory/satmut_mpra/elements.tsv.gz"))?;
    let file = |name| Names::read(&data.join("motifs").join(name));
    let sets = [file("JASPAR2024.meme")?, file("H13CORE_meme_format.meme")?];
    let named = name_experiments(&experiments, &sets)?;
    let run = Journey { experiments, named, sets };
    run.print();
    for (name, positions) in DRAWN {
        run.draw(name, positions, pictures)?;
    }
    Ok(())
}

struct Journey {
    experiments: Vec<Experiment>,
    named: Vec<Named>,
    sets: [Names; 2],
}

impl Journey {
    fn print(&self) {
        let seqlets: usize = self.named.iter().map(|named| named.seqlets.len()).sum();
        println!("## Measured mutagenesis of promoters and enhancers\n");
        println!(
            "The measured effect of every substitution in {} experiments on 21 elements of human diseases (Kircher et al. \
             2019). Minus the mean effect of a position is the importance of its letter; seqlets are called on it \
             (threshold 0.05), {seqlets} in all, and compared with JASPAR 2024 and HOCOMOCO 13. Each element with the \
             family of factors known to act there, written down before the first run; it counts as found if it is \
             among the {NEAREST} nearest motifs of a seqlet in either set.\n",
            self.experiments.len()
        );
        println!(
            "| element | expected | seqlet | nearest motif of the family | rank | p-value | also in other elements |"
        );
        println!("|---|---|---|---|---|---|---|");
        let found: Vec<bool> = EXPECTED.iter().map(|(element, family)| self.row(element, family)).collect();
        let count = found.iter().filter(|found| **found).count();
        let missed: Vec<String> = EXPECTED
            .iter()
            .zip(&found)
            .filter(|(_, found)| !**found)
            .map(|((element, family), _)| format!("{element} {}", family.name))
            .collect();
        let missed = if missed.is_empty() { "none".to_owned() } else { missed.join(", ") };
        println!(
            "\n{count} of {} are found; missed: {missed}. Two more that are hard to find:\n",
            EXPECTED.len()
        );
        println!(
            "| element | expected | seqlet | nearest motif of the family | rank | p-value | also in other elements |"
        );
        println!("|---|---|---|---|---|---|---|");
        for (element, family) in HARD {
            self.row(element, family);
        }
        println!(
            "\nThe last column says how many of the 20 other elements have a seqlet near the family as well: what is \
             found everywhere says little. CPU seconds of all this, from reading the files on: {:.1}.\n",
            cpu_seconds()
        );
    }

    /// The best match of a family in the experiments of an element.
    fn find(&self, element: &str, family: &Family) -> Option<(&Experiment, Found)> {
        let of_element = self.experiments.iter().zip(&self.named).filter(|(it, _)| it.element() == element);
        let found = of_element.filter_map(|(it, named)| Some((it, named.find(family, &self.sets)?)));
        found.min_by_key(|(_, found)| found.rank)
    }

    fn row(&self, element: &str, family: &Family) -> bool {
        let mut others: Vec<&str> = self.experiments.iter().map(Experiment::element).collect();
        others.dedup();
        others.retain(|other| *other != element && self.find(other, family).is_some());
        let found = self.find(element, family);
        let cells = found.as_ref().map_or("- | - | - | -".to_owned(), |(experiment, found)| {
            let (start, end) = (found.seqlet.start as usize, found.seqlet.end as usize);
            let letters = &experiment.letters[start..end];
            format!("{letters} at {start} | {} | {} | {:.1e}", found.motif, found.rank, found.p_value)
        });
        println!("| {element} | {} | {cells} | {} |", family.name, others.len());
        found.is_some()
    }

    /// Draws positions of an experiment, its seqlets named by the best motif of JASPAR.
    fn draw(&self, name: &str, positions: std::ops::Range<usize>, folder: &Path) -> Result<()> {
        let place = self.experiments.iter().position(|it| it.name == name).ok_or("no such experiment")?;
        let (experiment, named) = (&self.experiments[place], &self.named[place]);
        let annotations = named.annotations(0)?;
        let labels: Vec<String> = annotations
            .iter()
            .map(|row| {
                let motif = self.sets[0].name(row.motif as usize);
                format!("{} (p = {:.0e})", motif.rsplit(' ').next().unwrap_or_default(), row.p_value)
            })
            .collect();
        let near = |(row, label): (cistron::motif::Annotation, _)| {
            let span = LogoSpan { label, start: row.start.into(), end: row.end.into() };
            ((row.start as usize) < positions.end && row.end as usize > positions.start).then_some(span)
        };
        let spans: Vec<LogoSpan<'_>> =
            annotations.iter().zip(labels.iter().map(String::as_str)).filter_map(near).collect();
        let mut heights = vec![0.0; 4 * positions.len()];
        let letters = experiment.letters[positions.clone()].chars();
        for ((cells, letter), value) in
            heights.chunks_mut(4).zip(letters).zip(&experiment.importance[positions.clone()])
        {
            if let Some(code) = "ACGT".find(letter) {
                cells[code] = *value;
            }
        }
        let picture = logo(&Logo {
            title: &format!("Measured importance of letters, {name}"),
            heights: &heights,
            value_label: "minus the mean effect",
            first_position: positions.start as i64,
            spans: &spans,
            ..Logo::default()
        })?;
        let file = format!("measured_{}.svg", name.to_lowercase());
        fs::write(folder.join(&file), picture)?;
        println!("![Measured importance of letters, {name}](images/{file})\n");
        Ok(())
    }
}
