//! Training of the k-mer autoencoder, beside loops in PyTorch.

use anyhow::{Result, ensure};

use super::peers::{Peers, TORCH};
use super::release;
use super::report::{Claim, Comparison, Contender, finish, race};
use crate::workspace::{Workspace, folder_of};

/// Each loop runs for seconds: more rounds say no more.
const MOST_RUNS: usize = 3;

/// Batch, epochs, the peer's loop and what ours may cost of it.
const CASES: [(&str, &str, &str, f64); 3] = [
    ("128", "4", "tensors", 1.0 / 1.3),
    ("4096", "8", "tensors", 1.0 / 1.3),
    ("128", "2", "notebook", 1.0 / 3.0),
];

pub(super) fn run(workspace: &Workspace, runs: usize) -> Result<()> {
    let peers = Peers::install(workspace, &TORCH)?;
    let fasta = folder_of("CISTRON_DATA")?.join("genomes").join("lambda_NC_001416.fa.gz");
    let compare = |(batch, epochs, task, at_most): (&'static str, &str, &'static str, f64)| {
        let mut ours = release(workspace, "denoiser")?;
        ours.args([batch, epochs]).arg(&fasta).env("RAYON_NUM_THREADS", "1");
        let mut theirs = peers.script("denoiser.py");
        theirs.args([task, batch, epochs]).arg(&fasta);
        let contenders = vec![
            Contender { name: "cistron", command: ours },
            Contender { name: "PyTorch", command: theirs },
        ];
        let series = race(contenders, runs.min(MOST_RUNS))?;
        ensure!(series[0].result()? == series[1].result()?, "the two were not trained on as many k-mers");
        let ratio = series[0].process() / series[1].work();
        let claims = vec![Claim::ratio("CPU of our whole process / CPU of the loop alone", ratio, at_most)];
        let title = match task {
            "notebook" => {
                format!("training with batches of {batch}, beside the notebook's loop and preparation")
            }
            _ => format!("training with batches of {batch}, beside a loop over tensors made before"),
        };
        Ok(Comparison { title, series, claims })
    };
    let all = CASES.map(compare).into_iter().collect::<Result<Vec<_>>>()?;
    finish(workspace, "kmer", &TORCH, &all)
}
