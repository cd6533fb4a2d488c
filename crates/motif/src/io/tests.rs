use std::sync::Mutex;

use cistron_core::{Alphabet, Observer, Strand, Warning};
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::{MatrixKind, Motif};

#[derive(Default)]
struct Warnings(Mutex<Vec<Warning>>);

impl Observer for Warnings {
    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning);
    }
}

fn parse(text: &str) -> MotifSet {
    parse_motifs(text.as_bytes(), "m", &()).unwrap()
}

fn first(text: &str) -> Motif {
    parse(text).motifs()[0].clone()
}

const MINIMAL: &str = "MEME version 5.0.5

ALPHABET= ACGT

strands: + -

Background letter frequencies (from unknown source):
 A 0.3 C 0.2
 G 0.2 T 0.3

MOTIF MA0004.1 Arnt

letter-probability matrix: alength= 4 w=2 nsites= 20.5 E= 4.8e-803
\t0.2 0.8\t0 0
  0.95 0 0.05 0
URL http://jaspar.genereg.net/matrix/MA0004.1
MOTIF second
letter-probability matrix:
1 0 0 0

";

#[test]
fn minimal_meme_is_read() {
    let set = parse(MINIMAL);
    let motif = &set.motifs()[0];
    assert_eq!((&**motif.name(), motif.alternate().map(|it| &**it)), ("MA0004.1", Some("Arnt")));
    assert_eq!(motif.matrix(), array![[0.2, 0.8, 0.0, 0.0], [0.95, 0.0, 0.05, 0.0]]);
    assert_eq!((motif.nsites(), motif.e_value()), (Some(20.5), Some(0.0)));
    assert_eq!(motif.url().map(|it| &**it), Some("http://jaspar.genereg.net/matrix/MA0004.1"));
    assert_eq!(set.background().unwrap().probabilities(), [0.3, 0.2, 0.2, 0.3]);
    assert_eq!(set.strands(), [Strand::Forward, Strand::Reverse]);
    let second = &set.motifs()[1];
    assert_eq!((second.width(), second.nsites(), second.url()), (1, Some(20.0), None));
}

const FULL: &str = "\
********************************************************************************
MEME - Motif discovery tool
********************************************************************************
MEME version 4.9.1 (Release date: Mon Sep 16)
Letter frequencies in dataset:
A 0.3 C 0.2 G 0.2 T 0.3
Background letter frequencies (from dataset with add-one prior applied):
A 0.3 C 0.2 G 0.2 T 0.3
********************************************************************************
MOTIF TGACG MEME-1\twidth =   2  sites =  18  llr = 150  E-value = 1.6e-008
********************************************************************************
\tMotif TGACG MEME-1 position-specific scoring matrix
--------------------------------------------------------------------------------
log-odds matrix: alength= 4 w= 2 n= 19 bayes= 5.5 E= 1.6e-008
  -100   50   20   -30
   100  -50  -20    30
--------------------------------------------------------------------------------
letter-probability matrix: alength= 4 w= 2 nsites= 18 E= 1.6e-008
 0.1 0.4 0.3 0.2
 0.7 0.1 0.1 0.1
--------------------------------------------------------------------------------
MOTIF  2\twidth =   1   sites =  33
log-odds matrix: alength= 4 w= 1
 1 -1 0.5 0
";

#[test]
fn full_meme_is_read() {
    let set = parse(FULL);
    let names: Vec<String> = set.motifs().iter().map(Motif::full_name).collect();
    assert_eq!(names, ["TGACG MEME-1", "2"]);
    assert_eq!(set.motifs()[0].e_value(), Some(1.6e-8));
    assert_eq!(set.motifs()[0].matrix()[[1, 0]], 0.7);
    assert_eq!(set.motifs()[0].kind(), MatrixKind::Probabilities);
    assert_eq!(set.motifs()[1].kind(), MatrixKind::LogOdds);
}

#[test]
fn alphabets_are_told_by_the_header_or_by_what_follows() {
    let of = |head: &str, row: &str| {
        let text = format!("MEME version 4\n{head}\nMOTIF a\nletter-probability matrix: w= 1\n{row}\n");
        parse(&text).alphabet().to_string()
    };
    let four = "0.25 0.25 0.25 0.25";
    let twenty = ["0.05"; 20].join(" ");
    assert_eq!(of("ALPHABET= ACGU", four), "ACGU");
    assert_eq!(of("ALPHABET= ACDEFGHIKLMNPQRSTVWY", &twenty), "ACDEFGHIKLMNPQRSTVWY");
    assert_eq!(of("", four), "ACGT");
    assert_eq!(of("", &twenty), "ACDEFGHIKLMNPQRSTVWY");
    assert_eq!(of("Background letter frequencies\nA 0.2 C 0.3 G 0.3 U 0.2", four), "ACGU");
    let block = "ALPHABET \"DNA\" DNA-LIKE\nA \"Adenine\" CC0000 ~ T \"Thymine\" 008000\nC ~ G\nN = ACGT\nEND ALPHABET";
    assert_eq!(of(block, four), "ACGT");
    assert_eq!(of("ALPHABET \"bits\"\n1\n0 \"zero = none\"\n? = 01\nEND ALPHABET", "0.5 0.5"), "01");
}

#[test]
fn rows_off_one_are_counted_and_kept() {
    let warnings = Warnings::default();
    let text = "MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n0.2 0.2 0.2 0.2\n";
    let set = parse_motifs(text.as_bytes(), "m.meme", &warnings).unwrap();
    assert_eq!(set.motifs()[0].matrix()[[0, 0]], 0.2);
    let heard = warnings.0.lock().unwrap()[0].to_string();
    assert_eq!(heard, "1 rows of m.meme do not sum to 1 within 0.01 (they are divided by their sum)");
}

#[test]
fn jaspar_is_read_plain_and_bracketed() {
    let plain = first(">MA0004.1 Arnt\n4 19 0\n16 0 20.5\n0 1 0\n0 0 0\n");
    assert_eq!(plain.matrix(), array![[4.0, 16.0, 0.0, 0.0], [19.0, 0.0, 1.0, 0.0], [0.0, 20.5, 0.0, 0.0]]);
    assert_eq!((plain.full_name().as_str(), plain.nsites()), ("MA0004.1 Arnt", Some(20.5)));
    let bracketed = first(">MA0119.1\tNFIC::TLX1 (var.2)\nT  [ 1 2]\nG [3 4 ]\nC[5 6]\nA  [     7     8 ]\n");
    assert_eq!(bracketed.matrix(), array![[7.0, 5.0, 3.0, 1.0], [8.0, 6.0, 4.0, 2.0]]);
    assert_eq!(bracketed.full_name(), "MA0119.1 NFIC::TLX1 (var.2)");
    assert_eq!(parse(">a b\n1 2 3 4\n1 2 3 4\n1 2 3 4\n1 2 3 4\n").motifs()[0].kind(), MatrixKind::Counts);
}

#[test]
fn transfac_is_read() {
    let text = "VV  TRANSFAC MATRIX TABLE\nXX\n//\nAC  M00001\nXX\nID  V$MYOD_01\nXX\nNA  MyoD\nBF  T00525; MyoD\n\
                P0      T      G      C      A\n01      2      2      1      0      S\n02  0 0.5 1 4\n03  0 0 0 0 N\nXX\n\
                BA  5 functional elements\n//\nAC  M2\nPO\tA\tC\tG\tT\n1\t1\t2\t3\t4\n//\nAC M3\n//\n";
    let set = parse(text);
    let motif = &set.motifs()[0];
    assert_eq!(motif.full_name(), "M00001 MyoD");
    let expected = array![[0.0, 1.0, 2.0, 2.0], [4.0, 1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]];
    assert_eq!(motif.matrix(), expected);
    let uniform = crate::Background::uniform(4);
    assert_eq!(motif.probabilities(&uniform).unwrap().row(2).to_vec(), [0.25; 4]);
    assert_eq!(set.motifs()[1].matrix().row(0).to_vec(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(set.len(), 2);
}

#[test]
fn hocomoco_is_told_by_its_values() {
    let counts = parse(">GCR_HUMAN.H11MO.0.A\n10\t20\t30\t40\n1.5\t0\t0\t0\n>b\n1\t2\t3\t4\n");
    assert_eq!((counts.len(), counts.motifs()[0].kind()), (2, MatrixKind::Counts));
    let ppm = first(">AHR.H13CORE.0.P.B\n0.1\t0.2\t0.3\t0.4\n1\t0\t0\t0\n");
    assert_eq!(ppm.kind(), MatrixKind::Probabilities);
    let pwm = first(">AHR.H13CORE.0.P.B\n-0.1\t0.2\t0.3\t0.4\n1\t0\t0\t0\n");
    assert_eq!((pwm.kind(), pwm.matrix()[[0, 0]]), (MatrixKind::Weights, -0.1));
    let square = first(">AHR_HUMAN\n1 2 3 4\n1 2 3 4\n1 2 3 4\n1 2 3 4\n");
    assert_eq!(square.matrix()[[1, 0]], 1.0);
}

#[test]
fn uniprobe_is_read() {
    let set = parse(
        "Protein: Arid3a\tSeed k-mer\nA:\t0.1\t0.7\nC:\t0.2\t0.1\nG:\t0.3\t0.1\nT:\t0.4\t0.1\n\nb\nA: 1\nC: 0\nG: 0\nT: 0\n",
    );
    assert_eq!(set.len(), 2);
    assert_eq!(set.motifs()[0].matrix(), array![[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]]);
    assert_eq!((&**set.motifs()[0].name(), &**set.motifs()[1].name()), ("Arid3a", "b"));
    assert_eq!(set.motifs()[0].full_name(), "Arid3a Seed k-mer");
}

#[test]
fn names_with_blanks_stay_apart_where_a_name_is_one_word() {
    let rows = "A:\t1\nC:\t0\nG:\t0\nT:\t0\n\n";
    let set = parse(&format!("x one\n{rows}x two\n{rows}y one\n{rows}"));
    for format in [MotifFormat::Meme, MotifFormat::Jaspar, MotifFormat::Hocomoco] {
        let back = parse_motifs_as(&text_in(&set, format), "m", format, &()).unwrap();
        let names: Vec<String> =
            back.motifs().iter().map(|motif| motif.full_name().replace('\t', " ")).collect();
        assert_eq!(names, ["x_one", "x_two", "y one"], "{format}");
    }
    let set = parse(&format!("x one\n{rows}x two\n{rows}x_two\n{rows}"));
    let error = write_motifs(&set, MotifFormat::Meme, &mut Vec::new()).unwrap_err();
    let expected = "motif `x_two` has the name of another when its blanks are `_`, expected unique names";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn homer_is_read() {
    let set = parse(
        ">TGAC\tAP-1(bZIP)/Homer\t6.049537\t-1.7e3\t0\n0.1\t0.2\t0.3\t0.4\n0.7\t0.1\t0.1\t0.1\n>AC\t\t5\n1 0 0 0\n",
    );
    let motif = &set.motifs()[0];
    assert_eq!((&**motif.name(), motif.score_threshold()), ("AP-1(bZIP)/Homer", Some(6.049_537)));
    assert_eq!(&**set.motifs()[1].name(), "AC");
}

#[test]
fn malformed_meme_files_are_refused_with_their_place() {
    let meme = |rest: &str| format!("MEME version 4\n{rest}");
    let cases = [
        (
            String::new(),
            "m: found no motif in a known format, expected MEME, JASPAR, TRANSFAC, HOCOMOCO, UniPROBE or Homer",
        ),
        (
            "\x1f\u{8b}".to_owned(),
            "m: found no motif in a known format, expected MEME, JASPAR, TRANSFAC, HOCOMOCO, UniPROBE or Homer",
        ),
        ("MOTIF a\n".to_owned(), "m:1:1: found `MOTIF a`, expected a line `MEME version 4` or later"),
        ("MEME version 2\n".to_owned(), "m:1:14: found version `2`, expected 3 or later"),
        (meme("MOTIF\n"), "m:2:1: found a motif without a name"),
        (meme("MOTIF a\n"), "m:2:1: found motif `a` without a matrix"),
        (meme("strands: -\n"), "m:2:1: found strands `-`, expected `+ -` or `+`"),
        (meme("ALPHABET= A\n"), "m:2:1: found the alphabet `A`, expected at least two letters"),
        (meme("ALPHABET= AA\n"), "m:2:1: the alphabet `AA` holds a letter twice"),
        (
            meme(&format!("ALPHABET= {}\n", "AC".repeat(150))),
            "m:2:1: the alphabet `ACACACACACACACACACACACACACACACACACACACACACACACACACACACACACAC…` has no letter or more than 200",
        ),
        (meme("ALPHABET x\nA\n"), "m:4:1: found the end of the file, expected `END ALPHABET`"),
        (
            meme("Background letter frequencies\n\n"),
            "m:3:1: found an empty line, expected letters and their frequencies",
        ),
        (meme("Background letter frequencies\nA 0.2 C\n"), "m:3:1: found a letter without its frequency"),
        (meme("Background letter frequencies\nA 0.2 C 0.2 G 0.2\n"), "m:3:1: found no frequency of `T`"),
        (
            meme("Background letter frequencies\nA 0.2 Z 0.2\n"),
            "m:3:1: found the frequency of `Z`, expected a letter of ACGT",
        ),
        (
            meme("Background letter frequencies\nA 0.2 C 0.2 G 0.2 T 0.1\n"),
            "m:3:1: background sums to 0.7000000000000001, expected 1",
        ),
        (
            meme("letter-probability matrix: w= 1\n1 0 0 0\n"),
            "m:2:1: found a matrix before any motif, expected `MOTIF`",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: w= 0\n"),
            "m:3:31: found `0` for w, expected 1 to 10000 positions",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: w= 2\n1 0 0 0\n\n"),
            "m:5:1: found an empty line, expected row 2 of 2",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: w= 2\n1 0 0 0\nMOTIF b\n"),
            "m:5:1: found `MOTIF b`, expected row 2 of 2",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: w= 2\n1 0 0 0"),
            "m:5:1: found the end of the file, expected row 2 of 2",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: w= 1\n1 0 0 0\n1 0 0 0\n"),
            "m:5:1: found row 2, expected 1",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: alength= 4 w= 1\n1 0 0\n"),
            "m:4:1: found a row of 3 values, expected 4",
        ),
        (meme("MOTIF a\nletter-probability matrix: w= 1\n1 0 x 0\n"), "m:4:5: found `x`, expected a number"),
        (
            meme("MOTIF a\nletter-probability matrix: w= 1\n1 0 2 0\n"),
            "m:4:5: found 2, expected a probability",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: w= 1\n1.1 -0.1 0 0\n"),
            "m:4:1: found 1.1, expected a probability",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: w= 1\n0.5 -0.1 0.3 0.3\n"),
            "m:4:5: found -0.1, expected a probability",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: w= 1\n1 0 NaN 0\n"),
            "m:4:5: found `NaN`, expected a number",
        ),
        (meme("MOTIF a\nletter-probability matrix:\n1 0 inf 0\n"), "m:4:5: found `inf`, expected a number"),
        (
            meme("MOTIF a\nletter-probability matrix: w= 1 E= x\n1 0 0 0\n"),
            "m:3:36: found `x` for E, expected a number from 0",
        ),
        (
            meme(
                "MOTIF a\nletter-probability matrix: w= 1\n1 0 0 0\nMOTIF a\nletter-probability matrix: w= 1\n1 0 0 0\n",
            ),
            "m:5:1: motif `a` is there twice, expected unique names",
        ),
        (
            meme("MOTIF a\nletter-probability matrix: w= 1\n1 0 0\n"),
            "m: found rows of 3 values and no alphabet, expected a line `ALPHABET=`",
        ),
    ];
    for (text, message) in cases {
        check_refused(&text, message);
    }
}

fn check_refused(text: &str, message: &str) {
    let error = parse_motifs(text.as_bytes(), "m", &()).expect_err(text);
    assert_eq!(error.to_string(), message, "{text:?}");
}

#[test]
fn malformed_files_are_refused_with_their_place() {
    let cases = [
        (">a b\n1 2\n3 4\n5 6\n", "m:5:1: found the end of the file, expected row 4 of 4"),
        (">a b\n1 2\n3 4\n5\n7 8\n", "m:1:1: found 1 values of G, expected 2 as of A"),
        (">a b\n1 2\n3 -4\n5 6\n7 8\n", "m:3:3: found -4, expected a number from 0"),
        (">a b\nA [1 2]\nA [3 4]\nG [5 6]\nT [7 8]\n", "m:3:1: found row `A` twice"),
        (">a b\nA [1 2]\nX [3 4]\nG [5 6]\nT [7 8]\n", "m:3:1: found row `X`, expected A, C, G or T"),
        (">\n1 2\n", "m:1:2: found a motif without a name"),
        (">a\n1 2 3 4\n1 2 3 4 5\n>b\n1 2 3 4\n", "m:4:1: found `>b`, expected row 3 of 4"),
        (">a\n1 2 3 4\n>b\n1 2 3\n", "m:4:1: found a row of 3 values, expected 4"),
        (">a\n1 2 3 4\n>b\n", "m:4:1: found the end of the file, expected a row of 4 values"),
        (">a\tb\tx\n0.1 0.2 0.3 0.4\n>c\td\t1\n0 0 z 1\n", "m:4:5: found `z`, expected a number"),
        ("AC a\nP0 A C G\n", "m:2:1: found 3 columns, expected A, C, G and T"),
        ("AC a\nP0 A C G G\n", "m:2:10: found column `G`, expected A, C, G and T once"),
        ("AC a\nP0 A C G T\nXX\n", "m:3:1: found `XX`, expected a row such as `01 3 0 0 2`"),
        ("AC a\nP0 A C G T\n01 1 2 3\n", "m:3:1: found 3 values, expected 4 and a letter at most"),
        ("AC a\nP0 A C G T\n01 1 2 3 x\n", "m:3:10: found `x`, expected a number"),
        ("P0 A C G T\n01 1 2 3 4\n//\n", "m:1:1: found a matrix without a name, expected `AC`, `ID` or `NA`"),
        (
            "x\nA: 1\nC: 1\nG: 1\n",
            "m:5:1: found the end of the file, expected row 4 of 4, such as `A:` and values",
        ),
        ("x\nA: 1\nC: 1 2\n", "m:3:3: found 2 values, expected 1"),
        ("x\nA: 1\nA: 1\n", "m:3:1: found row `A` twice"),
        ("A: 1\n", "m:1:1: found a row of values, expected the motif's name"),
    ];
    for (text, message) in cases {
        check_refused(text, message);
    }
    let gzip = parse_motifs(&[0x1f, 0x8b, 8], "m.gz", &()).unwrap_err();
    assert_eq!(gzip.to_string(), "m.gz: found gzip, expected text (decompress it first)");
    let homer = parse_motifs_as(b">a\tb\tx\n0.1 0.2 0.3 0.4\n", "m", MotifFormat::Homer, &()).unwrap_err();
    assert_eq!(homer.to_string(), "m:1:6: found `x`, expected a number");
}

#[test]
fn formats_have_names() {
    assert_eq!("homer".parse::<MotifFormat>().unwrap(), MotifFormat::Homer);
    let error = "x".parse::<MotifFormat>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "motif format is `x`, expected meme, jaspar, transfac, hocomoco, uniprobe or homer"
    );
}

#[test]
fn scores_and_proteins_are_written_where_they_fit() {
    let mut set = MotifSet::new(Alphabet::dna());
    set.push(Motif::new("w", array![[1.5, -2.0, 0.0, 0.25]], MatrixKind::Weights).unwrap()).unwrap();
    let mut text = Vec::new();
    let error = write_motifs(&set, MotifFormat::Jaspar, &mut text).unwrap_err();
    assert_eq!(error.to_string(), "motif `w` holds scores, expected counts or probabilities for jaspar");
    write_motifs(&set, MotifFormat::Meme, &mut text).unwrap();
    let back = parse_motifs(&text, "m", &()).unwrap();
    assert_eq!(back.motifs()[0].matrix(), set.motifs()[0].matrix());
    let protein = Motif::new("p", Array2::from_elem((1, 20), 0.05), MatrixKind::Probabilities).unwrap();
    let mut set = MotifSet::new(Alphabet::protein());
    set.push(protein).unwrap();
    assert!(write_motifs(&set, MotifFormat::Homer, &mut Vec::new()).is_err());
    let mut text = Vec::new();
    write_motifs(&set, MotifFormat::Meme, &mut text).unwrap();
    assert_eq!(parse_motifs(&text, "m", &()).unwrap().alphabet(), &Alphabet::protein());
}

fn any_counts() -> impl Strategy<Value = Array2<f64>> {
    prop::collection::vec(prop::array::uniform4(0_u32..500), 1..12).prop_map(|rows| {
        let values: Vec<f64> = rows.iter().flatten().map(|count| f64::from(*count) + 1.0).collect();
        Array2::from_shape_vec((rows.len(), 4), values).unwrap()
    })
}

fn written(set: &MotifSet, format: MotifFormat) -> MotifSet {
    let mut text = Vec::new();
    write_motifs(set, format, &mut text).unwrap();
    parse_motifs_as(&text, "m", format, &()).unwrap()
}

proptest! {
    #[test]
    fn counts_written_are_counts_read(matrices in prop::collection::vec(any_counts(), 1..4)) {
        let mut set = MotifSet::new(Alphabet::dna());
        for (i, matrix) in matrices.into_iter().enumerate() {
            set.push(Motif::new(format!("M{i}"), matrix, MatrixKind::Counts).unwrap().with_alternate("x")).unwrap();
        }
        for format in [MotifFormat::Jaspar, MotifFormat::Transfac] {
            let back = written(&set, format);
            prop_assert_eq!(back.motifs(), set.motifs());
        }
        prop_assert_eq!(detect::format_of(&String::from_utf8(text_in(&set, MotifFormat::Jaspar)).unwrap()), Some(MotifFormat::Jaspar));
        let probabilities = written(&set, MotifFormat::Meme);
        for (motif, back) in set.motifs().iter().zip(probabilities.motifs()) {
            let uniform = crate::Background::uniform(4);
            prop_assert_eq!(&motif.probabilities(&uniform).unwrap(), &back.matrix());
            prop_assert_eq!(motif.nsites(), back.nsites());
        }
        for format in [MotifFormat::Meme, MotifFormat::Uniprobe, MotifFormat::Homer, MotifFormat::Hocomoco] {
            let back = written(&probabilities, format);
            for (motif, back) in probabilities.motifs().iter().zip(back.motifs()) {
                prop_assert_eq!(motif.matrix(), back.matrix());
                prop_assert_eq!(motif.name(), back.name());
            }
        }
    }

    #[test]
    fn mutated_files_never_panic(
        which in 0_usize..6,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..6),
    ) {
        let samples = [
            MINIMAL,
            FULL,
            ">MA0004.1\tArnt\nA [ 4 19 ]\nC [ 1 2 ]\nG [ 0 1 ]\nT [ 9 9 ]\n",
            "AC M1\nP0 A C G T\n01 1 2 3 4 N\n//\n",
            "name\nA:\t1\nC:\t0\nG:\t0\nT:\t0\n",
            ">AC\tname\t5.5\n0.1 0.2 0.3 0.4\n",
        ];
        let mut text = samples[which].as_bytes().to_vec();
        for (place, byte, action) in edits {
            if text.is_empty() {
                break;
            }
            let at = place.index(text.len());
            match action {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => text.truncate(at),
            }
        }
        let _ = parse_motifs(&text, "m", &());
        let _ = parse_meme_lenient(&text, "m", None);
        for format in ["meme", "jaspar", "transfac", "hocomoco", "uniprobe", "homer"] {
            let _ = parse_motifs_as(&text, "m", format.parse().unwrap(), &());
        }
    }
}

fn text_in(set: &MotifSet, format: MotifFormat) -> Vec<u8> {
    let mut text = Vec::new();
    write_motifs(set, format, &mut text).unwrap();
    text
}
