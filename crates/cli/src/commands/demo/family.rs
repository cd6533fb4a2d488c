//! The relatives of a protein, and what three models say of its mutants.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use cistron::encode::Edit;
use cistron::encode::alignment::{
    Alignment, Family, FamilyModel, Potts, PottsOptions, PrepareOptions, SiteIndependent, WildType,
    average_product_correction,
};
use cistron::models::{Vae, VaeConfig, VaeTraining, train_vae};
use cistron::plot::{DeltaHeatMap, delta_heat_map};
use cistron::{AtomicFile, Run, Seed};

/// What evolution tries at each position, the wild type's letter first; one letter alone cannot be changed.
const TRIED: [&str; 20] = [
    "M", "AS", "LIV", "DK", "G", "ST", "FYW", "AGS", "P", "VIL", "NQ", "AGST", "C", "LM", "KD", "ILV", "G",
    "EQ", "AST", "RK",
];
/// The positions, from 0, that hold one charge of each kind.
const PAIR: (usize, usize) = (3, 14);
/// The position of the first letter, as the protein is numbered.
const FIRST: usize = 30;
/// Relatives, and the chance that a letter is one that nothing prefers.
const RELATIVES: usize = 400;
const STRAY: f64 = 0.02;
/// Two changes of a charge, and both at once.
const MUTANTS: [&str; 3] = ["D33K", "K44D", "D33K:K44D"];
/// Draws of the autoencoder.
const SAMPLES: usize = 30;

/// What was found.
pub(super) struct Relatives {
    n: usize,
    neff: f64,
    /// For each model the effects of the mutants.
    effects: [(&'static str, Vec<f64>); 3],
    /// The pair of positions with the strongest coupling.
    strongest: (i64, i64),
    wild_type: WildType,
    /// The autoencoder's effects of single mutants, position by position.
    singles: Vec<f64>,
}

impl Relatives {
    /// Makes up a family, writes it to `family.a2m` and fits the models.
    pub(super) fn learn(folder: &Path, (seed, run): (Seed, Run<'_>)) -> anyhow::Result<Self> {
        let path = folder.join("family.a2m");
        let text = made_up(seed);
        let mut file = AtomicFile::create(&path)?;
        file.write_all(text.as_bytes())?;
        file.commit()?;
        let alignment = Alignment::read(text.as_bytes(), &path)?;
        let family = alignment.prepare(&PrepareOptions::default())?.0;
        let sites = SiteIndependent::log_odds(&family, 1.0)?;
        let pairs = Potts::fit(&family, &PottsOptions::default(), run, |_| ())?;
        let vae = train(&family, run)?;
        let wild_type = family.wild_type().clone();
        let mutants: Vec<Vec<Edit>> =
            MUTANTS.iter().map(|name| wild_type.parse(name)).collect::<Result<_, _>>()?;
        let exact = |model: &dyn FamilyModel| mutants.iter().map(|mutant| model.effect(mutant)).collect();
        let of_vae = vae.mutant_effects(&mutants, SAMPLES, seed)?;
        let couplings = average_product_correction(&pairs.coupling_norms());
        let strongest = couplings.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1));
        let (i, j) = strongest.map_or((0, 0), |(pair, _)| pair);
        let position = |column: usize| wild_type.positions().get(column).copied().unwrap_or(0);
        Ok(Self {
            n: family.len(),
            neff: family.neff(),
            effects: [
                ("site-independent", exact(&sites)),
                ("pairwise", exact(&pairs)),
                ("variational autoencoder", of_vae.iter().map(|effect| effect.effect).collect()),
            ],
            strongest: (position(i.min(j)), position(i.max(j))),
            singles: vae.single_effects(SAMPLES, seed)?.iter().copied().collect(),
            wild_type,
        })
    }

    /// What was found, as HTML with a picture.
    pub(super) fn section(&self) -> anyhow::Result<String> {
        let wild = self.wild_type.letters();
        let mut page = format!(
            "<p>A made-up protein of {} letters, <code>{wild}</code>, has {} made-up relatives ({:.0} that count, as \
             those that are alike share one weight). At most positions evolution tries a few letters. Positions {} and \
             {} hold one negative and one positive charge, D and K, in either order. Three models learn what a \
             relative looks like; the effect of a mutant is how much more probable it is than the wild type.</p>\n",
            wild.len(),
            self.n,
            self.neff,
            FIRST + PAIR.0,
            FIRST + PAIR.1
        );
        page.push_str("<table><tr><th>model</th>");
        MUTANTS.iter().try_for_each(|name| write!(page, "<th>{name}</th>"))?;
        page.push_str("</tr>\n");
        for (model, effects) in &self.effects {
            write!(page, "<tr><td>{model}</td>")?;
            effects.iter().try_for_each(|effect| write!(page, "<td>{effect:.2}</td>"))?;
            page.push_str("</tr>\n");
        }
        let map = delta_heat_map(&DeltaHeatMap {
            title: "Effect of each single mutant, by the autoencoder",
            letters: &self.wild_type.alphabet().to_string(),
            deltas: &self.singles,
            reference: Some(&wild),
            value_label: "effect",
            first_position: FIRST as i64,
            ..DeltaHeatMap::default()
        })?;
        let (a, b) = self.strongest;
        writeln!(
            page,
            "</table>\n<p>Position by position, K is as common as D and nothing seems wrong. The pairwise model knows that \
             one change breaks the pair and that a second mends it; its strongest coupling is that of positions {a} and \
             {b}. The autoencoder here is tiny and trained briefly: enough for what each position prefers, too little for \
             one pair among {} positions.</p>\n<figure>{map}</figure>",
            wild.len()
        )?;
        Ok(page)
    }
}

/// A tiny network, trained briefly.
fn train(family: &Family, run: Run<'_>) -> anyhow::Result<Vae> {
    let config = VaeConfig {
        encoder: vec![32],
        decoder: vec![16, 8],
        n_latent: 4,
        convolution: Some(10),
        ..VaeConfig::default()
    };
    let options =
        VaeTraining { steps: 400, batch: 64, learning_rate: 1e-2, reports: 1, ..VaeTraining::default() };
    Ok(train_vae(&config, family, &options, None, run)?.vae)
}

/// The alignment, the wild type first.
fn made_up(seed: Seed) -> String {
    let mut stream = seed.stream("demo family", 0);
    let wild: String = TRIED.iter().filter_map(|letters| letters.chars().next()).collect();
    let mut text = format!(">wild_type/{FIRST}-{}\n{wild}\n", FIRST + TRIED.len() - 1);
    let amino: Vec<char> = cistron::Alphabet::protein().to_string().chars().collect();
    for number in 1..=RELATIVES {
        let mut pick = |letters: &[char]| letters.get(stream.below(letters.len() as u64) as usize).copied();
        let tried = |letters: &&str| letters.chars().collect::<Vec<char>>();
        let mut row: Vec<char> = TRIED.iter().filter_map(|letters| pick(&tried(letters))).collect();
        for letter in &mut row {
            if stream.uniform() < STRAY {
                *letter = amino.get(stream.below(amino.len() as u64) as usize).copied().unwrap_or('A');
            }
        }
        let charges = if stream.below(2) == 0 { ('D', 'K') } else { ('K', 'D') };
        (row[PAIR.0], row[PAIR.1]) = charges;
        text.extend([format!(">relative_{number}\n"), row.into_iter().collect(), "\n".to_owned()]);
    }
    text
}
