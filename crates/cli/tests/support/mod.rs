//! Runs the program in a folder of its own.
#![allow(unreachable_pub, reason = "shared by test files")]
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cistron::models::{KmerWeights, LinearProbe};
use tempfile::TempDir;

/// A motif of seven sure letters, in the MEME format.
pub const AP1: &str = "MEME version 4\n\nMOTIF M1 AP1\nletter-probability matrix: w= 7 nsites= 20\n\
    0 0 0 1\n0 0 1 0\n1 0 0 0\n0 1 0 0\n0 0 0 1\n0 1 0 0\n1 0 0 0\n";

/// A folder with a small genome, regions, a probe and room for results.
pub struct Bench {
    folder: TempDir,
}

/// What a run said and how it ended.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Bench {
    pub fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.write(
            "genome.fa",
            ">chr1 first\nACGTACGTACGTACGT\nACGTTGACTCAACGTN\nGATTACA\n>chr2\nggggccccaa\n",
        );
        bench.write("regions.bed", "chr1\t10\t20\tone\t0\t+\nchr1\t18\t19\ttwo\t0\t-\nchr2\t0\t4\n");
        let mut weights = KmerWeights::zeros(3, true).unwrap();
        weights.set("TGA", 1.5).unwrap();
        weights.set("ACG", -0.25).unwrap();
        let probe = LinearProbe::from_parts(None, Some(weights), 0.5).unwrap();
        probe.save(bench.path("probe.safetensors")).unwrap();
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program with arguments parted by blanks, run in the folder.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cistron"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        command
    }

    pub fn run(&self, arguments: &str) -> Ran {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// As [`run`](Self::run), for a run that must succeed without a word on standard error.
    pub fn ok(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "cistron {arguments}");
        ran.stdout
    }

    /// As [`run`](Self::run), for a run that must end with an exit code and a message.
    pub fn refuses(&self, arguments: &str, code: i32, message: &str) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(code), "cistron {arguments}: {}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stderr.contains(message),
            "cistron {arguments}\nfound    {}\nexpected {message}",
            ran.stderr
        );
        ran
    }

    /// The files of a results folder but for the record of the run; the date of `run_config.json` is cut out.
    pub fn results(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        results_of(&self.path(folder))
    }
}

fn results_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let mut bytes = fs::read(entry.path()).unwrap();
        if name == "run_config.json" {
            bytes.truncate(bytes.len() - r#""2026-01-01T00:00:00Z""#.len());
        }
        if name != "run.json" && name != "speed.jsonl" {
            files.insert(name, bytes);
        }
    }
    files
}
