//! A process that is killed at any moment leaves each output as it was, absent or complete.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cistron::encode::random_sequences;
use cistron::{Alphabet, Seed};
use support::Bench;

/// A genome and regions on which a run takes long enough to be killed inside.
fn large() -> Bench {
    let bench = Bench::new();
    let batch = random_sequences(&Alphabet::dna(), 1, 400_000, &[], Seed::new(3)).unwrap();
    let letters = batch.to_sequences().unwrap()[0].to_string();
    bench.write("large.fa", format!(">chr1\n{letters}\n"));
    let tiles: String = (0..800).map(|i| format!("chr1\t{}\t{}\n", i * 500, i * 500 + 500)).collect();
    bench.write("large.bed", tiles);
    bench
}

const RUN: &str = "effect saturate --model probe.safetensors --fasta large.fa --bed large.bed --width 500 --plot 700 --force";

#[test]
fn outputs_are_old_absent_or_complete() {
    let bench = large();
    let started = Instant::now();
    bench.ok(&format!("{RUN} --out-dir complete"));
    let whole = started.elapsed();
    let complete = bench.results("complete");
    let mut stream = Seed::new(11).stream("kill", 0);
    for index in 0..10 {
        let out = format!("out{}", index % 5);
        let old: Vec<&str> = if index < 5 { vec![] } else { vec!["deltas_large.tsv", "summary.csv"] };
        fs::create_dir_all(bench.path(&out)).unwrap();
        let delay = whole.mul_f64(stream.uniform());
        let mut child = bench.command(&format!("{RUN} --out-dir {out}")).spawn().unwrap();
        sleep(delay);
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, bytes) in bench.results(&out) {
            if name.starts_with('.') && name.ends_with(".tmp") {
                fs::remove_file(bench.path(&out).join(&name)).unwrap();
                continue;
            }
            assert!(complete.get(&name) == Some(&bytes), "{name} after {delay:?} of {whole:?}, {old:?}");
        }
    }
    // What was killed can be done again.
    bench.ok(&format!("{RUN} --out-dir out0"));
    assert!(bench.results("out0") == complete);
}

#[test]
fn an_interrupt_ends_with_130_and_leaves_nothing_behind() {
    let bench = large();
    let mut child = bench.command(&format!("{RUN} --engine blackbox --out-dir out")).spawn().unwrap();
    while !bench.path("out").exists() {
        sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(fs::read_dir(bench.path("out")).unwrap().count(), 0);
}
