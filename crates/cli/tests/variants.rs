//! `effect variants`, as a person uses it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::collections::HashMap;
use std::fmt::Write;

use support::Bench;

const VARIANTS: &str = "effect variants --model probe.safetensors --fasta genome.fa --width 12";

/// The cells of a table by the names of its columns.
fn cells(table: &str) -> Vec<HashMap<String, String>> {
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells.len(), head.len(), "{line}");
        head.iter().zip(cells).map(|(name, cell)| ((*name).to_owned(), cell.to_owned())).collect()
    };
    lines.map(row).collect()
}

#[test]
fn variants_do_what_saturation_says_of_their_positions() {
    let bench = Bench::new();
    bench.ok("regions variants genome.fa --region chr1:8-28 -o all.vcf.gz");
    let mut bed = String::new();
    (8..28).for_each(|start| writeln!(bed, "chr1\t{start}\t{}", start + 1).unwrap());
    bench.write("each.bed", bed);
    bench.ok(
        "effect saturate --model probe.safetensors --fasta genome.fa --bed each.bed --width 12 --out-dir vep",
    );
    let saturated = bench.read("vep/deltas_custom_bed.tsv");
    let saturated = cells(&saturated);
    let rows = cells(&bench.ok(&format!("{VARIANTS} --vcf all.vcf.gz --statistic max_abs,sad")));
    assert_eq!(rows.len(), 60);
    for row in &rows {
        let window: usize = row["pos"].parse::<usize>().unwrap() - 1 - 8;
        let there = saturated.iter().filter(|cells| cells["pos"] == "6").nth(window).unwrap();
        let expected: f64 = there[&format!("d{}", row["alt"])].parse().unwrap();
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        assert!((number("diff_logit") - expected).abs() < 6e-7, "{row:?} {expected}");
        assert!((number("alt_logit") - number("ref_logit") - number("diff_logit")).abs() < 1e-12);
        assert_eq!((&*row["status"], number("sad_logit").abs()), ("ok", number("max_abs_logit")));
        assert!((number("max_over_tracks") - number("diff_logit").abs()).abs() < 1e-15);
    }
    assert!(rows.iter().any(|row| row["diff_logit"] != "0"));
    // An allele that no exact engine takes changes nothing for the others.
    let beside = cells(&bench.ok(&format!("{VARIANTS} --variant chr1:9:A:N --variant chr1:17:A:G")));
    let alone = cells(&bench.ok(&format!("{VARIANTS} --variant chr1:17:A:G")));
    assert_eq!((&*beside[0]["status"], &beside[1]), ("ok", &alone[0]));
    // The number of threads changes nothing; several models give means and deviations.
    let one = bench.ok(&format!("{VARIANTS} --vcf all.vcf.gz --statistic max_abs,sad --threads 1"));
    assert_eq!(cells(&one), rows);
    let two =
        cells(&bench.ok(&format!("{VARIANTS} --vcf all.vcf.gz --model probe.safetensors --both-strands")));
    assert!(two.iter().all(|row| row["diff_logit_sd"] == "0"));
}

#[test]
fn every_allele_gets_a_row_or_an_entry_and_a_reason() {
    let bench = Bench::new();
    let records = "chr1\t5\trs1\tA\tC,<DEL>,*\t.\tPASS\tDB;CISTRON_MAX=1\n\
                   chr3\t5\t.\tA\tC\t.\t.\t.\nchr1\t0\t.\tN\tA\t.\t.\t.\nchr1\t6\t.\tC\t.\t.\t.\t.\n";
    let head = "##fileformat=VCFv4.2\n##source=hand\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    bench.write("some.vcf", format!("{head}{records}"));
    let ran = bench.run(&format!("{VARIANTS} --vcf some.vcf -o scored.vcf"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for expected in ["1 variants not scored: contig_missing", "1 variants not scored: symbolic"] {
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
    let written = bench.read("scored.vcf");
    let lines: Vec<&str> = written.lines().filter(|line| !line.starts_with("##")).collect();
    assert!(written.starts_with("##fileformat=VCFv4.2\n##source=hand\n##INFO=<ID=CISTRON_STATUS,Number=A"));
    let info = lines[1].rsplit('\t').next().unwrap();
    let entries: Vec<&str> = info.split(';').collect();
    assert_eq!(entries[..2], ["DB", "CISTRON_STATUS=ok,symbolic,star_allele"]);
    assert!(entries[2].starts_with("CISTRON_MAX=0.") && entries[2].ends_with(",.,."), "{info}");
    assert!(entries[3].starts_with("CISTRON=0|logit|ref|") && entries[3].matches(',').count() == 2, "{info}");
    assert!(lines[2].ends_with("CISTRON_STATUS=contig_missing;CISTRON_MAX=."), "{}", lines[2]);
    // What is scored again replaces what stood there.
    bench.run(&format!("{VARIANTS} --vcf scored.vcf -o again.vcf"));
    assert_eq!(bench.read("again.vcf"), written);
    let rows = cells(&bench.run(&format!("{VARIANTS} --vcf some.vcf")).stdout);
    let statuses: Vec<&str> = rows.iter().map(|row| &*row["status"]).collect();
    assert_eq!(statuses, ["ok", "symbolic", "star_allele", "contig_missing", "out_of_range", "no_alt"]);
    assert!(rows[1]["diff_logit"].is_empty() && rows[0]["id"] == "rs1" && rows[2]["alt_index"] == "2");
}

#[test]
fn wrong_uses_and_other_genomes_are_refused() {
    let bench = Bench::new();
    bench.write(
        "cut.vcf",
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t5\t.\tA\n",
    );
    for (arguments, code, expected) in [
        ("", 2, "--vcf"),
        ("--variant chr1:5", 2, "expected CONTIG:POSITION_REF>ALT"),
        ("--variant chr1:5:A:C --vcf cut.vcf", 2, "cannot be used with"),
        ("--variant chr1:5:A:C -o x.vcf", 2, "a VCF is written from one alone"),
        ("--variant chr1:5:A:C --statistic none", 2, "statistic is `none`, expected log2fc"),
        ("--variant chr1:5:A:C --shifts 0,9", 2, "shift is 9, expected one that leaves the variant"),
        ("--variant chr1:5:A:C --pseudocount 0", 2, "pseudocount is 0"),
        ("--variant chr1:5:A:C --tracks none", 1, "track `none`"),
        (
            "--variant chr1:5:G:C",
            1,
            "variant at chr1:5: the genome has `A`, expected the reference allele `G`",
        ),
        ("--vcf cut.vcf -o x.tsv", 1, "cut.vcf:3:5: found 4 columns, expected 8 as the header has"),
        ("--vcf none.vcf", 1, "none.vcf"),
    ] {
        let ran = bench.run(&format!("{VARIANTS} {arguments}"));
        assert_eq!(ran.code, Some(code), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    assert!(!bench.path("x.tsv").exists() && !bench.path("x.vcf").exists());
    let ran = bench.run(&format!("{VARIANTS} --variant chr1:5:G:A --on-mismatch swap"));
    let right = bench.ok(&format!("{VARIANTS} --variant chr1:5:A:G"));
    assert_eq!(cells(&ran.stdout)[0]["diff_logit"], cells(&right)[0]["diff_logit"]);
    assert!(ran.stderr.contains("1 variants scored though the genome has another reference allele"));
    let ran = bench.run(&format!("{VARIANTS} --variant chr1:5:G:C --on-mismatch skip"));
    assert_eq!((&*cells(&ran.stdout)[0]["status"], ran.code), ("ref_mismatch", Some(0)));
}

/// All substitutions of two stretches, in two records of three alternate alleles and more.
fn many(bench: &Bench) {
    bench.ok("regions variants genome.fa --region chr1:8-28 -o all.vcf");
    bench.ok("regions variants genome.fa --region chr2:0-10 -o other.vcf");
}

#[test]
fn a_background_says_how_rare_each_difference_is() {
    let bench = Bench::new();
    many(&bench);
    let plain = cells(&bench.ok(&format!("{VARIANTS} --vcf all.vcf")));
    let rows = cells(&bench.ok(&format!("{VARIANTS} --vcf all.vcf --background other.vcf")));
    let others = cells(&bench.ok(&format!("{VARIANTS} --vcf other.vcf")));
    let number = |row: &HashMap<String, String>, name: &str| row[name].parse::<f64>().unwrap();
    let background: Vec<f64> = others.iter().map(|row| number(row, "diff_logit")).collect();
    let n = background.len() as f64;
    for (row, plain) in rows.iter().zip(&plain) {
        assert!(plain.iter().all(|(name, cell)| row[name] == *cell));
        let difference = number(row, "diff_logit");
        // Bins join numbers that differ by a part in 4,096.
        let at_least = |size: f64| background.iter().filter(|it| it.abs() >= size).count() as f64;
        let size = difference.abs();
        let (most, least) = (at_least(size * (1.0 - 3e-4)), at_least(size * (1.0 + 3e-4)));
        let p = number(row, "p_logit");
        assert!((1.0 + least) / (1.0 + n) <= p && p <= (1.0 + most) / (1.0 + n), "{row:?}");
        let count = |test: &dyn Fn(f64) -> bool| background.iter().filter(|it| test(**it)).count() as f64;
        let quantile = f64::midpoint(count(&|it| it < difference), count(&|it| it <= difference)) / n;
        let near = count(&|it| it != difference && (it - difference).abs() <= 3e-4 * size);
        assert!((number(row, "quantile_logit") - quantile).abs() <= near / n + 1e-12, "{row:?}");
    }
    // Shuffles depend on the seed alone.
    let shuffled = |more: &str| bench.ok(&format!("{VARIANTS} --vcf all.vcf --background shuffles:7 {more}"));
    assert_eq!(shuffled("--threads 1"), shuffled("--threads 2"));
    assert_ne!(shuffled("--seed 1"), shuffled(""));
    // The same numbers stand in the VCF, after those of each allele.
    bench.ok(&format!("{VARIANTS} --vcf all.vcf --background other.vcf -o scored.vcf"));
    let written = bench.read("scored.vcf");
    let record = written.lines().find(|line| !line.starts_with('#')).unwrap();
    let (p, quantile) = (&rows[0]["p_logit"], &rows[0]["quantile_logit"]);
    let end = format!(",0|logit|p|{p},0|logit|quantile|{quantile}");
    assert!(record.ends_with(&end), "{record}\n{end}");
    for wrong in ["shuffles:0", "shuffles:x"] {
        let ran = bench.run(&format!("{VARIANTS} --vcf all.vcf --background {wrong}"));
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains("shuffles, expected a number from 1"), "{}", ran.stderr);
    }
    let ran = bench.run(&format!("{VARIANTS} --vcf - --background shuffles:3"));
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("standard input can be read once only"), "{}", ran.stderr);
}

#[test]
fn parts_become_the_table_and_the_vcf_of_the_whole() {
    let bench = Bench::new();
    // More records than a block has.
    let mut records = String::from("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n");
    for i in 0..40_000 {
        let position = 1 + i % 25;
        writeln!(records, "chr1\t{position}\tv{i}\tN\t{}\t.\t.\tDB", ["A", "C,G", "<DEL>"][i % 3]).unwrap();
    }
    bench.write("long.vcf", records);
    bench.ok("regions variants genome.fa --region chr2:0-10 -o other.vcf");
    for (name, background) in [
        ("plain.tsv", ""),
        ("own.tsv.gz", "--background shuffles:1"),
        ("other.vcf.gz", "--background other.vcf"),
    ] {
        let command = format!("{VARIANTS} --vcf long.vcf --on-mismatch warn {background}");
        let score = |more: &str| assert_eq!(bench.run(&format!("{command} {more}")).code, Some(0), "{more}");
        score(&format!("-o whole.{name}"));
        for part in 0..4 {
            score(&format!("--shard {part}/4 -o cut.{name}"));
        }
        let parts: Vec<String> = [2, 0, 3, 1].map(|part| format!("cut.{name}.part-{part}-of-4")).into();
        bench.ok(&format!("merge {} -o cut.{name}", parts.join(" ")));
        let bytes = |which: &str| std::fs::read(bench.path(&format!("{which}.{name}"))).unwrap();
        assert_eq!(bytes("cut"), bytes("whole"), "{name}");
        let ran = bench.run(&format!("merge {} -o few.{name}", parts[1..].join(" ")));
        assert_eq!((ran.code, ran.stderr.contains("are missing")), (Some(1), true), "{}", ran.stderr);
    }
}

#[test]
fn motifs_that_a_variant_makes_and_breaks_come_strongest_first() {
    let bench = Bench::new();
    bench.write("two.jaspar", ">M1\tcacc\nA [0 9 0 0]\nC [9 0 9 9]\nG [0 0 0 0]\nT [0 0 0 0]\n>M2\ttt\nA [1 1]\nC [1 1]\nG [0 0]\nT [9 9]\n");
    bench.write("pairs.fa", ">v_ref\nGGGCATCGG\n>v_alt\nGGGCACCGG\n");
    let rows = cells(&bench.ok("effect motifs two.jaspar --sequences pairs.fa --threshold 0.9"));
    assert_eq!(rows.len(), 2);
    let cells_of =
        |i: usize| ["id", "motif_name", "motif_idx", "strand", "position"].map(|name| &*rows[i][name]);
    assert_eq!(cells_of(0), ["v", "M1 cacc", "0", "+", "3"]);
    assert_eq!(rows[0]["p_alt"], "0.00390625");
    let number = |i: usize, name: &str| rows[i][name].parse::<f64>().unwrap();
    for i in 0..2 {
        assert!((number(i, "score_alt") - number(i, "score_ref") - number(i, "change")).abs() < 1e-12);
    }
    assert!(number(0, "change") > 0.0);
    // The genome's chr1 reads GACTCAACG around position 22; its windows and ids are genomic.
    bench.write("one.vcf", "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t22\trs7\tG\tT,<DEL>\t.\t.\t.\n");
    let ran = bench.run("effect motifs two.jaspar --fasta genome.fa --vcf one.vcf --threshold 0.5");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 variants not scored: symbolic"), "{}", ran.stderr);
    let rows = cells(&ran.stdout);
    let gained = rows.iter().find(|row| row["motif_name"] == "M2 tt").unwrap();
    assert_eq!([&*gained["id"], &*gained["strand"]], ["rs7", "+"]);
    assert!((20..=21).contains(&gained["position"].parse::<i32>().unwrap()), "{gained:?}");
    let change = |row: &HashMap<String, String>| row["change"].parse::<f64>().unwrap();
    assert!(change(gained) > 0.0);
    assert!(rows.windows(2).all(|pair| change(&pair[0]).abs() + 1e-6 >= change(&pair[1]).abs()));
    let given =
        cells(&bench.ok("effect motifs two.jaspar --fasta genome.fa --variant chr1:22_G>T --threshold 0.5"));
    assert_eq!((given.len(), &*given[0]["id"]), (rows.len(), "chr1:22:G:T"));
    for (wrong, code, expected) in [
        ("effect motifs two.jaspar --fasta genome.fa", 2, "--vcf"),
        ("effect motifs two.jaspar", 2, "--sequences"),
        ("effect motifs two.jaspar --sequences pairs.fa --threshold 2", 2, "p-value threshold is 2"),
        ("effect motifs two.jaspar --fasta genome.fa --variant chr1:22_A>T", 1, "the genome has `G`"),
    ] {
        let ran = bench.run(wrong);
        assert_eq!(ran.code, Some(code), "{wrong}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{wrong}: {}", ran.stderr);
    }
    bench.write("odd.fa", ">only\nACGT\n");
    let ran = bench.run("effect motifs two.jaspar --sequences odd.fa");
    assert!(ran.stderr.contains("odd.fa: record `only` has no alternate after it"), "{}", ran.stderr);
}

#[test]
fn variants_of_one_molecule_are_scored_together() {
    let bench = Bench::new();
    // The genome's chr1 has A at 9, C at 10, G at 11 and T at 12.
    let both = cells(&bench.ok(&format!("{VARIANTS} --haplotype chr1:12_T>TAA,chr1:9_A>C")));
    let one = cells(&bench.ok(&format!("{VARIANTS} --variant chr1:9:ACGT:CCGTAA")));
    for (name, cell) in &one[0] {
        let expected = if name == "id" { "chr1:12_T>TAA,chr1:9_A>C" } else { cell };
        assert_eq!(both[0][name], expected, "{name}");
    }
    let rows = cells(&bench.ok(&format!("{VARIANTS} --variant chr1:9_A>C --haplotype chr1:9_A>C")));
    assert_eq!(rows[0]["diff_logit"], rows[1]["diff_logit"]);
    for (haplotype, expected) in [
        ("chr1:9_A>C,chr2:3_G>A", "stand on different contigs"),
        ("chr1:9_AC>A,chr1:10_C>G", "overlap"),
        ("chr1:9_A>C,chr1:32_N>A", "spans 24 bases, expected at most 12, the width of a window"),
        ("chr1:9_G>C", "the genome has `A`"),
    ] {
        let ran = bench.run(&format!("{VARIANTS} --haplotype {haplotype}"));
        assert_eq!(ran.code, Some(1), "{haplotype}");
        assert!(ran.stderr.contains(expected), "{haplotype}: {}", ran.stderr);
    }
    let ran = bench.run(&format!("{VARIANTS} --haplotype chr1:9_A>C,chr1:x"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let ran = bench.run(&format!("{VARIANTS} --haplotype chr1:9_A>C,chr3:5_A>C"));
    assert_eq!(cells(&ran.stdout)[0]["status"], "contig_missing");
}
