//! A pairwise model of a small family, and what it says of two mutations together:
//! `cargo run --release -p cistron --example family`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::encode::alignment::{
    Alignment, FamilyModel, Potts, PottsOptions, PrepareOptions, average_product_correction,
};
use cistron::{Run, Seed};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = made_up(400);
    let alignment = Alignment::read(text.as_bytes(), "made-up.fa".as_ref())?;
    let (family, _) = alignment.prepare(&PrepareOptions::default())?;
    println!("{} sequences of {} columns, Neff {:.1}", family.len(), family.width(), family.neff());

    let options = PottsOptions { lambda_j: Some(1.0), ..PottsOptions::default() };
    let model = Potts::fit(&family, &options, Run::default(), |_| ())?;
    for name in ["D12K", "K17D", "D12K:K17D"] {
        let mutant = model.wild_type().parse(name)?;
        println!("{name}: {:.2}", model.effect(&mutant));
    }

    let scores = average_product_correction(&model.coupling_norms());
    let strongest = scores.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1));
    if let Some(((i, j), _)) = strongest {
        println!("strongest pair: positions {} and {}", family.positions()[i], family.positions()[j]);
    }
    Ok(())
}

/// Sequences of 10 letters in which the charges at positions 12 and 17 are opposite, and the rest is anything.
fn made_up(n: usize) -> String {
    let mut stream = Seed::new(1).stream("family", 0);
    let mut text = ">WT/10-19\nAADAAAAKAA\n".to_owned();
    for number in 0..n {
        let mut row: Vec<char> = (0..10).map(|_| char::from(b"AGLS"[stream.below(4) as usize])).collect();
        (row[2], row[7]) = if stream.below(2) == 0 { ('D', 'K') } else { ('K', 'D') };
        text.extend([">s".to_owned(), number.to_string(), "\n".to_owned()]);
        text.extend(row.into_iter().chain(['\n']));
    }
    text
}
