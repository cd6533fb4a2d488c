//! The files of a saturation mutagenesis with its picture, written alike by a whole run and by a merge.

use std::io::Write;
use std::path::{Path, PathBuf};

use cistron::effects::{ArtefactOptions, Artefacts, DeltaBlock, EffectError, Existing, Scale, Summary};
use cistron::plot::{DeltaHeatMap, delta_heat_map};
use cistron::{Alphabet, AtomicFile};

use crate::context::Context;

pub(crate) struct SaturationFiles<'a> {
    artefacts: Artefacts<'a>,
    folder: PathBuf,
    names: &'a [String],
    letters: String,
    scale: Scale,
    plot: Option<usize>,
    chosen: Option<Chosen>,
}

/// The effects that the picture shows: those of the first output.
struct Chosen {
    deltas: Vec<f64>,
    codes: Vec<u8>,
}

impl<'a> SaturationFiles<'a> {
    pub(crate) fn create(
        folder: &Path,
        options: ArtefactOptions,
        plot: Option<usize>,
        names: &'a [String],
        context: &Context,
    ) -> Result<Self, EffectError> {
        let existing = if context.force { Existing::Replace } else { Existing::Keep };
        let (letters, scale) = (options.letters.clone(), options.scale);
        let artefacts = Artefacts::create(folder, options, names, existing)?;
        Ok(Self { artefacts, folder: folder.to_path_buf(), names, letters, scale, plot, chosen: None })
    }

    pub(crate) fn push(&mut self, block: &DeltaBlock) -> Result<(), EffectError> {
        let row = self.plot.and_then(|index| index.checked_sub(block.first));
        if let Some(row) = row.filter(|&row| row < block.codes.nrows()) {
            let deltas = block.deltas.slice(cistron::ndarray::s![row, .., .., 0]);
            self.chosen = Some(Chosen {
                deltas: deltas.iter().copied().collect(),
                codes: block.codes.row(row).to_vec(),
            });
        }
        self.artefacts.push(block)
    }

    pub(crate) fn finish(self, date: &str) -> anyhow::Result<Summary> {
        let summary = self.artefacts.finish(date)?;
        if let (Some(index), Some(chosen)) = (self.plot, self.chosen) {
            let name = self.names.get(index).map_or("", String::as_str);
            let svg = draw(&chosen, name, &self.letters, self.scale)?;
            let mut file = AtomicFile::create(self.folder.join(format!("delta_map_{index}.svg")))?;
            file.write_all(svg.as_bytes())?;
            file.commit()?;
        }
        Ok(summary)
    }
}

fn draw(chosen: &Chosen, name: &str, letters: &str, scale: Scale) -> anyhow::Result<String> {
    let alphabet = Alphabet::custom(letters)?;
    // A position without a letter gets a character that names no row.
    let letter = |&code: &u8| if code < alphabet.len() { alphabet.letter(code) as char } else { '.' };
    let reference: String = chosen.codes.iter().map(letter).collect();
    Ok(delta_heat_map(&DeltaHeatMap {
        title: &format!("Effect of every substitution, {name}"),
        letters,
        deltas: &chosen.deltas,
        reference: Some(&reference),
        value_label: match scale {
            Scale::Raw => "Δ output",
            Scale::Probability => "Δ probability",
        },
        ..DeltaHeatMap::default()
    })?)
}
