//! What is fuzzed.
#![expect(clippy::panic, reason = "a judge panics where a reader is wrong")]

mod arrays;
#[cfg(feature = "checkpoint")]
mod checkpoint;
mod families;
mod genome;
mod motifs;
mod scan;
mod windows;

use crate::corpus::files;

/// A judge of inputs.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Target {
    /// The name on the command line.
    pub name: &'static str,
    /// The sound inputs that others are made from.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// Whether an input is taken for sound.
    ///
    /// # Panics
    /// If what is fuzzed is wrong.
    pub check: fn(&[u8]) -> bool,
}

const fn target(name: &'static str, corpus: fn() -> Vec<Vec<u8>>, check: fn(&[u8]) -> bool) -> Target {
    Target { name, corpus, check }
}

#[cfg(feature = "checkpoint")]
const N_TARGETS: usize = 25;
#[cfg(not(feature = "checkpoint"))]
const N_TARGETS: usize = 23;

/// Everything that is fuzzed.
pub const TARGETS: [Target; N_TARGETS] = [
    target("meme", || files("meme"), motifs::meme),
    target("meme-lenient", || files("meme-lenient"), motifs::lenient),
    target("jaspar", || files("jaspar"), motifs::jaspar),
    target("transfac", || files("transfac"), motifs::transfac),
    target("hocomoco", || files("hocomoco"), motifs::hocomoco),
    target("uniprobe", || files("uniprobe"), motifs::uniprobe),
    target("homer", || files("homer"), motifs::homer),
    target("background", || files("background"), motifs::background),
    target("motifs", motifs::every_format, motifs::by_content),
    target("scan", scan::corpus, scan::check),
    target("fasta", || files("fasta"), genome::fasta),
    target("fai", || files("fai"), genome::fai),
    target("bed", || files("bed"), genome::bed),
    target("vcf", || files("vcf"), genome::vcf),
    target("bigwig", || files("bigwig"), genome::bigwig),
    target("bigbed", || files("bigbed"), genome::bigbed),
    target("sizes", || files("fai"), genome::sizes),
    target("npy", arrays::npy_corpus, arrays::npy),
    target("npz", arrays::npz_corpus, arrays::npz),
    target("targets", windows::corpus, windows::check),
    target("alignment", || files("alignment"), families::alignment),
    target("structure", || files("structure"), families::structure),
    target("plmc", || files("plmc"), families::plmc),
    #[cfg(feature = "checkpoint")]
    target("checkpoint", || files("checkpoint"), checkpoint::check),
    #[cfg(feature = "checkpoint")]
    target("contexts", checkpoint::contexts_corpus, checkpoint::contexts),
];

#[cfg(test)]
mod tests {
    use cistron::Seed;

    use super::*;
    use crate::Campaign;

    /// The corpus itself and some hundred damaged files of each target.
    #[test]
    fn a_short_run_breaks_nothing() {
        for target in &TARGETS {
            let mut campaign = Campaign::new(target, Seed::new(1));
            let corpus = (target.corpus)().len() as u64;
            for step in 0..corpus + 300 {
                if let Err(failure) = campaign.step() {
                    panic!("{}: input {}: {}", target.name, failure.index, failure.message);
                }
                let tally = campaign.tally();
                // A random scan may have no hit.
                let sound = tally.taken == tally.inputs || target.name == "scan";
                assert!(step >= corpus || sound, "{}: file {step} of the corpus is refused", target.name);
            }
            let tally = campaign.tally();
            assert!(0 < tally.taken && tally.taken < tally.inputs, "{}: {tally:?}", target.name);
        }
    }
}
