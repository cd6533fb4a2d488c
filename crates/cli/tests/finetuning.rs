//! From a track of a genome to a trained Enformer and the variants that matter to it, by commands alone.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fmt::Write as _;

use cistron::encode::random_sequences;
use cistron::genome::bigwig::Writer;
use cistron::models::EnformerConfig;
use cistron::{Alphabet, Contig, Seed, reverse_complement_letters};
use serde_json::Value;
use support::Bench;

/// The site of AP-1, which makes signal around it on either strand.
const SITE: &[u8] = b"TGACTCA";
/// Contigs to learn from, to choose an epoch by and to be asked about, and their lengths.
const CONTIGS: [(&str, usize); 3] = [("chr1", 60_000), ("chr2", 8_000), ("chr3", 8_000)];
/// One place for a site every so many letters.
const SPACING: usize = 100;

/// Random letters with sites, and where the middles of these are.
fn contig(number: u64, length: usize) -> (Vec<u8>, Vec<usize>) {
    let batch = random_sequences(&Alphabet::dna(), 1, length, &[], Seed::new(number)).unwrap();
    let mut letters = batch.to_sequences().unwrap()[0].to_string().into_bytes();
    let mut stream = Seed::new(number).stream("sites", 0);
    let mut middles = Vec::new();
    for begin in (0..length - SPACING).step_by(SPACING) {
        let mut site = SITE.to_vec();
        if stream.below(2) == 1 {
            reverse_complement_letters(&mut site);
        }
        let start = begin + stream.below(90) as usize;
        if stream.uniform() < 0.7 {
            letters[start..start + site.len()].copy_from_slice(&site);
            middles.push(start + site.len() / 2);
        }
    }
    (letters, middles)
}

/// A bump around each site, on 0.2.
fn write_track(bench: &Bench, genome: &[(Vec<u8>, Vec<usize>)]) {
    let contigs = CONTIGS.map(|(name, length)| Contig { name: name.into(), length: length as u64 });
    let mut writer = Writer::create(bench.path("ap1.bw"), &contigs).unwrap();
    for (contig, (letters, middles)) in contigs.iter().zip(genome) {
        for position in 0..letters.len() {
            let near = middles.iter().filter(|middle| middle.abs_diff(position) < 60);
            let bump = |middle: &usize| 5.0 * (-0.5 * (middle.abs_diff(position) as f64 / 8.0).powi(2)).exp();
            let value = 0.2 + near.map(bump).sum::<f64>();
            writer.write(&contig.name, position as u32, position as u32 + 1, value as f32).unwrap();
        }
    }
    writer.finish().unwrap();
}

/// Variants of the last contig, one in each site and one beside it, and what each does to the site.
fn write_variants(bench: &Bench, (letters, middles): &(Vec<u8>, Vec<usize>)) {
    let mut stream = Seed::new(4).stream("variants", 0);
    let name = CONTIGS[2].0;
    let mut vcf = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n".to_owned();
    let mut groups = "id\tgroup\n".to_owned();
    for &middle in middles.iter().filter(|&&middle| (80..letters.len() - 80).contains(&middle)) {
        let beside = middle + 8 + stream.below(20) as usize;
        let is_free = middles.iter().all(|other| other.abs_diff(beside) > SITE.len());
        for (position, group) in [(middle, "breaks"), (beside, "spares")] {
            if position == middle || is_free {
                let reference = char::from(letters[position]);
                let alternate = if reference == 'A' { 'C' } else { 'A' };
                writeln!(vcf, "{name}\t{}\tv{position}\t{reference}\t{alternate}\t.\t.\t.", position + 1)
                    .unwrap();
                writeln!(groups, "v{position}\t{group}").unwrap();
            }
        }
    }
    bench.write("variants.vcf", vcf);
    bench.write("groups.tsv", groups);
}

#[test]
fn a_track_is_learned_and_variants_that_break_its_sites_stand_out() {
    let bench = Bench::new();
    let genome: Vec<_> = (1..).zip(CONTIGS).map(|(number, (_, length))| contig(number, length)).collect();
    let (mut fasta, mut sizes, mut peaks) = (String::new(), String::new(), String::new());
    for ((name, length), (letters, middles)) in CONTIGS.iter().zip(&genome) {
        writeln!(fasta, ">{name}\n{}", String::from_utf8_lossy(letters)).unwrap();
        writeln!(sizes, "{name}\t{length}").unwrap();
        // Not each middle is that of its window.
        for middle in middles {
            writeln!(peaks, "{name}\t{}\t{}", middle - 3, middle + 24).unwrap();
        }
    }
    bench.write("made.fa", fasta);
    bench.write("sizes", sizes);
    bench.write("peaks.bed", peaks);
    write_track(&bench, &genome);
    write_variants(&bench, &genome[2]);
    let config = EnformerConfig {
        dim: 24,
        depth: 1,
        heads: 2,
        attn_dim_key: 8,
        target_length: Some(8),
        num_downsamples: 3,
        dim_divisible_by: 12,
        dropout_rate: 0.1,
        input_length: 128,
        ..EnformerConfig::default()
    };
    config.write(bench.path("new")).unwrap();
    bench.ok(
        "enformer targets ap1.bw --peaks peaks.bed --sizes sizes --bins 8 --bin-size 8 --context 128 --stat mean \
         --train chr1 --valid chr2 --test chr3 --out-dir targets",
    );
    let said = bench.ok(
        "enformer finetune --model new --from-scratch --targets targets --fasta made.fa --out-dir run --lr 6e-3 \
         --train head,pointwise,transformer,tower,batch-norm --warmup 20 --cosine --batch 16 --epochs 12 --rc-augment",
    );
    let best = said.lines().find(|line| line.ends_with("\t*")).unwrap();
    let pearson: f64 = best.split('\t').nth(3).unwrap().parse().unwrap();
    assert!(pearson > 0.8, "{said}");
    bench.ok("effect variants --model run --fasta made.fa --vcf variants.vcf --width 128 -o scores.tsv");
    let scores = bench.read("scores.tsv");
    let column = scores.lines().next().unwrap().split('\t').find(|name| name.starts_with("diff_")).unwrap();
    bench.ok(&format!(
        "effect compare scores.tsv --groups groups.tsv --columns {column} --absolute --first breaks -o compared.json"
    ));
    let compared: Value = serde_json::from_str(&bench.read("compared.json")).unwrap();
    let numbers = &compared["columns"][column];
    assert!(numbers["n_first"].as_u64() > Some(30) && numbers["n_second"].as_u64() > Some(20), "{numbers}");
    assert!(numbers["auc"].as_f64() > Some(0.95), "{numbers}");

    // The same track by a context, and what its head says of contexts that it has not seen.
    bench.write("cells.tsv", "track\tx\ty\nother\t0.1\t1\nap1\t1\t0.5\nap1\t0.5\t0.5\n");
    bench.write("seen.tsv", "track\tx\ty\nap1\t1\t0.5\n");
    bench.write("unseen.tsv", "track\tx\ty\nap1\t1\t0.5\nless\t0.2\t0.1\n");
    let finetune = |more: &str| {
        format!(
            "enformer finetune --model run --targets targets --fasta made.fa --train head --lr 1e-3 --epochs 2 {more}"
        )
    };
    for (run, contexts) in
        [("vectors", "seen.tsv"), ("attention", "cells.tsv --context-heads 2 --context-head-width 4")]
    {
        bench.ok(&finetune(&format!("--out-dir {run} --contexts {contexts}")));
        bench.ok(&format!("enformer contexts --model {run} --contexts unseen.tsv --out-dir {run}-more"));
        bench.ok(&format!(
            "effect variants --model {run}-more --fasta made.fa --vcf variants.vcf --width 128 -o {run}.tsv"
        ));
        let header = bench.read(&format!("{run}.tsv")).lines().next().unwrap().to_owned();
        assert!(header.contains("diff_ap1") && header.contains("diff_less"), "{header}");
    }
    let of_two_rows = finetune("--out-dir refused --contexts cells.tsv");
    bench.refuses(&of_two_rows, 1, "found 2 tokens, masked or not, expected a vector");
}
