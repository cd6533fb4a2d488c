//! From a genome to the effect of every substitution, in memory: `cargo run --release -p cistron --example saturation`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::effects::{SaturationOptions, SaturationPlan, attributions};
use cistron::genome::Genome;
use cistron::models::{KmerWeights, LinearProbe};
use cistron::{Alphabet, Anchor, Reference, Region, Run, Sequence, Shard, Strand, Window};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A genome; from a file it would be `genome::open_reference("genome.fa", max_memory)`.
    let genome = Genome::from_contigs("toy", [("chr1", "ACCGTTGACTCAGGATTACAGGCA")])?;

    // The window of 16 bases around a region.
    let region = Region::new("chr1", 8, 10)?;
    let window = Window::centered(&region, 16, Anchor::Half, Strand::Forward);
    let mut codes = Vec::new();
    genome.fetch_into(&window, &mut codes)?;
    let sequences = [Sequence::from_codes(&Alphabet::dna(), codes)?];

    // A probe that likes TGACTC on either strand; from a file it would be `models::load_model("probe.safetensors")`.
    let mut weights = KmerWeights::zeros(6, true)?;
    weights.set("TGACTC", 2.0)?;
    let probe = LinearProbe::from_parts(None, Some(weights), -1.0)?;

    // Every substitution at every position, exactly.
    let plan = SaturationPlan::new(&sequences, &probe, SaturationOptions::default())?;
    plan.execute(Shard::WHOLE, Run::default(), &mut |block| {
        let (contributions, _) = attributions(block.deltas.view(), block.codes.view());
        println!("{window} by the engine `{}`", plan.engine());
        println!("position\tletter\tcontribution");
        for (position, (letter, value)) in
            sequences[0].to_string().chars().zip(contributions.row(0)).enumerate()
        {
            println!("{position}\t{letter}\t{value:.3}");
        }
        Ok(())
    })?;
    Ok(())
}
