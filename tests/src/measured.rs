//! Measured saturation mutagenesis: from the effects of substitutions to the factors that name their seqlets.
//!
//! Kircher et al. 2019, doi:10.1038/s41467-019-11526-w: every substitution of 21 promoters and enhancers of human
//! diseases in 29 experiments, as the log2 of the activity beside the reference's. The table spells the sequences, so
//! neither a genome nor a model is needed.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::BufRead;
use std::path::Path;

use cistron::Alphabet;
use cistron::genome::text;
use cistron::motif::{
    Annotations, Background, MotifMatch, Seqlet, SeqletOptions, TomtomOptions, TomtomTargets, call_seqlets,
    read_motifs, sequence_matrix,
};
use cistron::ndarray::{Array2, ArrayView2};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many motifs of each set a seqlet may be named by.
pub const NEAREST: usize = 5;

/// One element in one cell line.
pub struct Experiment {
    /// As the table calls it: the element, and what tells its experiments apart.
    pub name: String,
    /// The sequence; `N` where nothing was measured.
    pub letters: String,
    /// For each position, minus the mean effect of its three substitutions; 0 where nothing was measured.
    pub importance: Vec<f64>,
}

impl Experiment {
    /// The element, which several experiments may measure.
    pub fn element(&self) -> &str {
        self.name.split(['.', '-']).next().unwrap_or_default()
    }
}

/// Reads the table of elements in the coordinates of `GRCh37`; the experiments by name.
///
/// Deletions are left out, and rows without a position (seven of `MSMB` and four of `MYCrs11986220`). In `GRCh38` the
/// coordinates of `MSMB` run backward, so that its letters would spell the reverse of the sequence.
///
/// # Errors
/// If the table cannot be read or holds what is no number.
pub fn read_experiments(path: &Path) -> Result<Vec<Experiment>> {
    let mut measured: BTreeMap<String, BTreeMap<u64, (char, Vec<f64>)>> = BTreeMap::new();
    for line in text::open(path)?.lines().skip(1) {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let [_, position, reference, alternate, _, _, _, effect, _, name, release] = fields[..] else {
            return Err(format!("found {} columns, expected 11", fields.len()).into());
        };
        if release != "GRCh37" || alternate == "-" || position == "NA" {
            continue;
        }
        let letter = reference.chars().next().ok_or("a reference without a letter")?;
        let positions = measured.entry(name.to_owned()).or_default();
        positions.entry(position.parse()?).or_insert((letter, Vec::new())).1.push(effect.parse()?);
    }
    Ok(measured.into_iter().filter_map(|(name, positions)| experiment(name, &positions)).collect())
}

fn experiment(name: String, positions: &BTreeMap<u64, (char, Vec<f64>)>) -> Option<Experiment> {
    let (first, last) = (*positions.first_key_value()?.0, *positions.last_key_value()?.0);
    let at = |position| match positions.get(&position) {
        Some((letter, effects)) => (*letter, -effects.iter().sum::<f64>() / effects.len() as f64),
        None => ('N', 0.0),
    };
    let (letters, importance) = (first..=last).map(at).unzip();
    Some(Experiment { name, letters, importance })
}

/// A set of motifs, ready to be compared with.
pub struct Names {
    names: Vec<String>,
    targets: TomtomTargets,
}

impl Names {
    /// Reads a motif file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let set = read_motifs(path, &())?;
        let uniform = Background::uniform(4);
        let matrices: Vec<Array2<f64>> = set
            .motifs()
            .iter()
            .map(|motif| motif.probabilities(&uniform))
            .collect::<std::result::Result<_, _>>()?;
        let views: Vec<ArrayView2<'_, f64>> = matrices.iter().map(|matrix| matrix.view()).collect();
        let options = TomtomOptions { nearest: Some(NEAREST), ..TomtomOptions::default() };
        let names = set.motifs().iter().map(cistron::motif::Motif::full_name).collect();
        Ok(Self { names, targets: TomtomTargets::new(&views, options)? })
    }

    /// The name of a motif.
    pub fn name(&self, motif: usize) -> &str {
        self.names.get(motif).map_or("", String::as_str)
    }

    /// The nearest motifs of each span of letters, best first.
    fn nearest(&self, spans: &[&str]) -> Result<Vec<Vec<MotifMatch>>> {
        let dna = Alphabet::dna();
        let codes = |span: &&str| span.bytes().map(|letter| dna.code(letter)).collect::<Vec<u8>>();
        let queries: Vec<Array2<f64>> =
            spans.iter().map(|span| sequence_matrix(&codes(span), &dna)).collect();
        let queries: Vec<ArrayView2<'_, f64>> = queries.iter().map(|matrix| matrix.view()).collect();
        let mut nearest = Vec::with_capacity(queries.len());
        self.targets.compare_each(&queries, |_, matches| {
            nearest.push(matches);
            Ok::<(), Box<dyn Error>>(())
        })?;
        Ok(nearest)
    }
}

/// The seqlets of one experiment, and for each set of motifs the nearest of each.
pub struct Named {
    /// By p-value. Their example is the number of the experiment.
    pub seqlets: Vec<Seqlet>,
    /// `(sets, seqlets, up to NEAREST)`.
    pub matches: Vec<Vec<Vec<MotifMatch>>>,
}

impl Named {
    /// The seqlets as annotations by the motifs of one set.
    ///
    /// # Errors
    /// If there is no such set.
    pub fn annotations(&self, set: usize) -> Result<Annotations> {
        let matches = self.matches.get(set).ok_or("no such set of motifs")?;
        Ok(Annotations::from_seqlets(&self.seqlets, matches)?)
    }

    /// The seqlet and motif that name a family: of the best rank, then of the first seqlet.
    pub fn find(&self, family: &Family, sets: &[Names]) -> Option<Found> {
        let mut best: Option<Found> = None;
        for (names, matches) in sets.iter().zip(&self.matches) {
            for (seqlet, matches) in self.seqlets.iter().zip(matches) {
                for (rank, found) in (1..).zip(matches) {
                    let name = names.name(found.target);
                    if family.includes(name) && best.as_ref().is_none_or(|best| rank < best.rank) {
                        best = Some(Found {
                            seqlet: *seqlet,
                            motif: name.to_owned(),
                            rank,
                            p_value: found.p_value,
                        });
                    }
                }
            }
        }
        best
    }
}

/// A family's best motif.
pub struct Found {
    /// The seqlet that it names.
    pub seqlet: Seqlet,
    /// The motif.
    pub motif: String,
    /// Its rank among the motifs of its set, from 1.
    pub rank: usize,
    /// The p-value of the match.
    pub p_value: f64,
}

/// Calls the seqlets of each experiment on its own null (threshold 0.05) and names them.
///
/// Only positive seqlets are called: spans whose letters activity needs.
///
/// # Errors
/// If the importances cannot be used.
pub fn name_experiments(experiments: &[Experiment], sets: &[Names]) -> Result<Vec<Named>> {
    let options = SeqletOptions { threshold: 0.05, ..SeqletOptions::default() };
    let named = |experiment: &Experiment| {
        let track = ArrayView2::from_shape((1, experiment.importance.len()), &experiment.importance)?;
        let seqlets = call_seqlets(track, options)?;
        let letters = |s: &Seqlet| &experiment.letters[s.start as usize..s.end as usize];
        let spans: Vec<&str> = seqlets.iter().map(letters).collect();
        let matches = sets.iter().map(|set| set.nearest(&spans)).collect::<Result<_>>()?;
        Ok(Named { seqlets, matches })
    };
    experiments.iter().map(named).collect()
}

/// Factors that bind alike, by the beginnings of their names, to be followed by digits or a letter alone.
pub struct Family {
    /// What it is called.
    pub name: &'static str,
    genes: &'static [&'static str],
}

impl Family {
    /// Whether a motif is of the family, by any of the genes that its name joins with `::`.
    ///
    /// ```
    /// use conformance::measured::ETS;
    ///
    /// assert!(ETS.includes("MA0062.4 GABPA") && ETS.includes("FOXO1::FLI1") && ETS.includes("ETS1.H13CORE.0.P.B"));
    /// assert!(!ETS.includes("MA1006.2 ERF6") && !ETS.includes("MA0341.1 ETSX9"));
    /// ```
    pub fn includes(&self, motif: &str) -> bool {
        let gene = motif.rsplit(' ').next().unwrap_or_default().to_ascii_uppercase();
        let gene = gene.split(".H13CORE").next().unwrap_or_default();
        gene.split("::").any(|gene| self.genes.iter().any(|pattern| matches(gene, pattern)))
    }
}

/// Whether a gene is a pattern, in which `#` stands for a number and `*` for anything.
fn matches(gene: &str, pattern: &str) -> bool {
    if let Some(beginning) = pattern.strip_suffix('*') {
        return gene.starts_with(beginning);
    }
    match pattern.strip_suffix('#') {
        Some(stem) => gene
            .strip_prefix(stem)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())),
        None => gene == pattern,
    }
}

/// Sterol regulatory element-binding proteins.
pub const SREBF: Family = Family { name: "SREBF", genes: &["SREBF#", "SRBP#", "SREBP"] };
/// SP and KLF, which bind GC boxes.
pub const SP_KLF: Family = Family { name: "SP/KLF", genes: &["SP#", "KLF#"] };
/// The ETS family.
pub const ETS: Family = Family {
    name: "ETS",
    genes: &[
        "ETS#", "ETV#", "ELF#", "ELK#", "GABPA", "GABP1", "FLI#", "ERG", "ERF", "FEV", "SPI#", "SPIB",
        "SPIC", "SPDEF", "EHF",
    ],
};
/// GATA factors.
pub const GATA: Family = Family { name: "GATA", genes: &["GATA#"] };
/// The CCAAT box of NF-Y.
pub const NF_Y: Family = Family { name: "NF-Y (CCAAT)", genes: &["NFYA", "NFYB", "NFYC"] };
/// p53, p63 and p73.
pub const P53: Family = Family { name: "p53/p63/p73", genes: &["TP53", "TP63", "TP73", "P53", "P63", "P73"] };
/// NEUROD factors.
pub const NEUROD: Family = Family { name: "NEUROD", genes: &["NEUROD#", "NDF#"] };
/// RFX factors.
pub const RFX: Family = Family { name: "RFX", genes: &["RFX#"] };
/// Forkhead factors.
pub const FOX: Family = Family { name: "FOX", genes: &["FOX*"] };
/// CCAAT/enhancer-binding proteins.
pub const CEBP: Family = Family { name: "C/EBP", genes: &["CEBP*"] };
/// SOX factors.
pub const SOX: Family = Family { name: "SOX", genes: &["SOX#", "SRY"] };

/// Which families are known to act on which element, written down before the first run.
pub const EXPECTED: [(&str, &Family); 14] = [
    ("LDLR", &SREBF),
    ("LDLR", &SP_KLF),
    ("F9", &ETS),
    ("PKLR", &GATA),
    ("PKLR", &SP_KLF),
    ("HBB", &NF_Y),
    ("HBB", &SP_KLF),
    ("IRF6", &P53),
    ("ZFAND3", &NEUROD),
    ("ZFAND3", &RFX),
    ("SORT1", &FOX),
    ("SORT1", &CEBP),
    ("IRF4", &SOX),
    ("TERT", &ETS),
];

/// Two more, which other programs did not find and so are not counted.
pub const HARD: [(&str, &Family); 2] = [("HBG1", &NF_Y), ("GP1BA", &GATA)];
