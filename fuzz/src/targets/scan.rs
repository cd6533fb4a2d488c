//! Every SIMD path of a scan beside the portable one, on motifs, sequences and options that an input spells out.

use cistron::motif::{
    Arithmetic, Background, FimoOptions, MatrixKind, Motif, MotifSet, ScanEngine, ScanStrands, ScanThreshold,
    Scanner,
};
use cistron::ndarray::Array2;
use cistron::{Alphabet, Run, Seed};

const ENGINES: [ScanEngine; 3] = [ScanEngine::Avx2, ScanEngine::Avx512, ScanEngine::Neon];

/// An input, read from its front; zeros follow its end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let first = self.0.split_off_first();
        first.copied().unwrap_or(0)
    }

    fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }
}

/// Random bytes of several lengths.
pub(super) fn corpus() -> Vec<Vec<u8>> {
    let random = |length: u64| {
        let mut stream = Seed::new(0).stream("scan corpus", length);
        (0..length).map(|_| stream.next_u64() as u8).collect()
    };
    [40, 200, 700, 1500, 4000, 12_000].into_iter().map(random).collect()
}

/// The matrix of a motif: sharp, even and empty columns in turn.
fn matrix(bytes: &mut Bytes<'_>) -> Array2<f64> {
    let width = 1 + match bytes.below(8) {
        0 => bytes.below(3),
        1 => bytes.below(80),
        _ => bytes.below(24),
    };
    let sharp = bytes.below(3);
    Array2::from_shape_fn((width.into(), 4), |_| {
        let count = bytes.byte();
        match sharp {
            0 => f64::from(count),
            1 => f64::from(count / 64),
            _ => f64::from(u8::from(count > 190)),
        }
    })
}

fn options(bytes: &mut Bytes<'_>) -> FimoOptions {
    let arithmetic = [Arithmetic::Current, Arithmetic::Peer, Arithmetic::MemeSuite];
    let p_values = [1.0, 0.3, 0.02, 1e-3, 1e-4, 1e-5];
    let threshold = match bytes.below(8) {
        0 => ScanThreshold::Score(f64::from(bytes.byte()) / 4.0 - 20.0),
        n => ScanThreshold::PValue(p_values[usize::from(n) % p_values.len()]),
    };
    let weights: Vec<f64> = (0..4).map(|_| f64::from(bytes.below(9)) + 1.0).collect();
    let sum: f64 = weights.iter().sum();
    let background = weights.iter().map(|weight| weight / sum).collect::<Vec<f64>>();
    FimoOptions {
        arithmetic: arithmetic[usize::from(bytes.below(3))],
        threshold,
        bin_size: [0.1, 0.05, 1.0][usize::from(bytes.below(3))],
        background: Background::new(&background).ok().filter(|_| bytes.below(2) == 0),
        strands: if bytes.below(4) == 0 { ScanStrands::Forward } else { ScanStrands::Both },
        tile: 64 + 7 * usize::from(bytes.byte()),
        ..FimoOptions::default()
    }
}

fn sequences(bytes: &mut Bytes<'_>) -> Vec<Vec<u8>> {
    let (n, unknown) = (1 + usize::from(bytes.below(4)), [0, 1, 8, 128][usize::from(bytes.below(4))]);
    let code = |byte: &u8| if *byte < unknown { 4 } else { byte & 3 };
    bytes.0.chunks(bytes.0.len().div_ceil(n).max(1)).map(|piece| piece.iter().map(code).collect()).collect()
}

pub(super) fn check(input: &[u8]) -> bool {
    let mut bytes = Bytes(input);
    let options = options(&mut bytes);
    let mut set = MotifSet::new(Alphabet::dna());
    for index in 0..=bytes.below(12) {
        let motif = Motif::new(format!("m{index}"), matrix(&mut bytes), MatrixKind::Counts);
        assert!(motif.and_then(|motif| set.push(motif)).is_ok());
    }
    let sequences = sequences(&mut bytes);
    let run = |engine| {
        let scanner = Scanner::new(&set, &FimoOptions { engine, ..options.clone() }).ok()?;
        scanner.collect(&sequences, Run::default()).ok()
    };
    let expected = run(ScanEngine::Portable);
    assert!(expected.is_some(), "the portable path refuses");
    for engine in ENGINES {
        let found = run(engine);
        // A processor that lacks an engine refuses it.
        assert!(found.is_none() || found == expected, "{engine:?} differs");
    }
    expected.is_some_and(|(hits, _)| !hits.is_empty())
}
