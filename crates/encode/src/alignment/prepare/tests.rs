#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use proptest::prelude::*;

use super::*;

fn prepared(text: &str, options: &PrepareOptions) -> Result<(Family, PrepareReport), String> {
    let alignment = Alignment::read(text.as_bytes(), "x".as_ref()).unwrap();
    alignment.prepare(options).map_err(|error| error.to_string())
}

fn with_rule(rule: ColumnRule) -> PrepareOptions {
    PrepareOptions { rule, ..PrepareOptions::default() }
}

fn rows(family: &Family) -> Vec<String> {
    let letter = |&code: &u8| char::from(family.alphabet().letter(code));
    family.codes().rows().into_iter().map(|row| row.iter().map(letter).collect()).collect()
}

/// Lower-case, gap and foreign columns in the focus; a repeated name; a foreign letter in an insert; too many gaps.
const MIXED: &str =
    ">WT/10-15\nacD-EF\n>s\n--D-EF\n>s\nACD-EF\n>insert\nX-DAe.\n>foreign\n--DABF\n>gaps\n--D---\n";

#[test]
fn each_rule_keeps_what_its_program_keeps() {
    let cases = [
        (ColumnRule::DeepSequence, vec!["D-EF", "D-EF", "DAE-", "D---"], vec![12, 13, 14, 15]),
        // The focus has five letters; `gaps` has four gaps there and goes, the others at most two of five. Of the four
        // records left two and three have a gap in the first columns, one in the last.
        (ColumnRule::eve(), vec!["DEF", "DEF", "DE-"], vec![12, 13, 14]),
        (ColumnRule::Plmc, vec!["DEF", "DEF", "DEF", "D--"], vec![12, 14, 15]),
    ];
    for (rule, expected, positions) in cases {
        let (family, _) = prepared(MIXED, &with_rule(rule)).unwrap();
        assert_eq!((rows(&family), family.positions()), (owned(&expected), &positions[..]), "{rule:?}");
    }
}

fn owned(rows: &[&str]) -> Vec<String> {
    rows.iter().map(|row| (*row).to_owned()).collect()
}

#[test]
fn nothing_is_dropped_in_silence() {
    let (family, report) = prepared(MIXED, &with_rule(ColumnRule::DeepSequence)).unwrap();
    let dropped: Vec<(usize, u64, String)> =
        report.dropped.iter().map(|it| (it.record, it.line, it.reason.to_string())).collect();
    let expected = [
        (2, 5, "an earlier record has the name".to_owned()),
        (4, 9, "`B` in column 5 is not a letter of the alphabet".to_owned()),
    ];
    assert_eq!(dropped, expected);
    assert_eq!((report.n_records, report.width, family.len(), report.kept.len()), (6, 6, 4, 4));
    assert_eq!(
        (report.n_dropped("repeated"), report.n_dropped("alphabet"), report.n_dropped("gaps")),
        (1, 1, 0)
    );
    assert_eq!(report.warnings.len(), 2, "region and gaps of the focus: {:?}", report.warnings);
    let (_, report) = prepared(MIXED, &with_rule(ColumnRule::eve())).unwrap();
    assert_eq!(
        (report.n_dropped("repeated"), report.n_dropped("gaps"), report.n_dropped("alphabet")),
        (1, 1, 1)
    );
}

#[test]
fn inserts_of_a3m_are_left_out_and_numbered() {
    let (family, report) = prepared(">WT/5-9\nAcDEF\n>b\nA-kkEF\n", &PrepareOptions::default()).unwrap();
    assert_eq!((rows(&family), family.positions()), (owned(&["ADEF", "A-EF"]), &[5, 7, 8, 9][..]));
    assert_eq!((family.columns(), report.warnings.len()), (&[0, 2, 3, 4][..], 0));
}

#[test]
fn the_focus_is_found_by_name() {
    let text = ">a/1-2\nAC\n>bc/3-4 other\n-D\n>b/5-6\nKL\n>b\nMN\n";
    for (name, expected) in [("a/1-2", 1), ("a", 1), ("bc", 3), ("bc/3-4", 3), ("b/5-6", 5)] {
        let options = PrepareOptions { focus: Some(name.into()), ..PrepareOptions::default() };
        assert_eq!(prepared(text, &options).unwrap().0.positions()[0], expected, "{name}");
    }
    let options = PrepareOptions { focus: Some("b".into()), ..PrepareOptions::default() };
    assert_eq!(
        prepared(text, &options).unwrap_err(),
        "x:7: focus `b` has no region, expected NAME/start-stop, or an offset"
    );
    let options = PrepareOptions { focus: Some("z".into()), ..PrepareOptions::default() };
    assert_eq!(
        prepared(text, &options).unwrap_err(),
        "x: focus `z` is not there (found `a/1-2`, `bc/3-4 other`, `b/5-6`, …)"
    );
}

#[test]
fn an_offset_is_added_or_counts_from_one() {
    let with = |offset| PrepareOptions { offset: Some(offset), ..PrepareOptions::default() };
    for (text, offset, expected) in [(">a\nAC\n", 0, 1), (">a\nAC\n", -3, -2), (">a/7-8\nAC\n", 2, 9)] {
        assert_eq!(prepared(text, &with(offset)).unwrap().0.positions()[0], expected);
    }
    let error = prepared(">a/7-8\nAC\n", &with(i64::MAX)).unwrap_err();
    assert_eq!(error, "offset is 9223372036854775807, expected positions below 2^52");
}

#[test]
fn alignments_of_nothing_are_refused() {
    let cases = [
        (
            ">a/1-2\n--\n>b\nAC\n",
            "x:1: focus `a/1-2` has no letter of ACDEFGHIKLMNPQRSTVWY in a column that is kept",
        ),
        (
            ">a/1-2\nac\n>b\nAC\n",
            "x:1: focus `a/1-2` has no letter of ACDEFGHIKLMNPQRSTVWY in a column that is kept",
        ),
        (
            ">a/1-2\nAX\n>b\nBC\n",
            "x: all 2 records were dropped, expected one to be left; `a/1-2`: `X` in column 2 is not a letter of the \
             alphabet",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(prepared(text, &PrepareOptions::default()).unwrap_err(), expected);
    }
    // The focus goes, all that is left are gaps.
    assert_eq!(
        prepared(">a/1-2\nAX\n>b\n--\n", &PrepareOptions::default()).unwrap_err(),
        "x: every weight is 0, expected one above"
    );
}

#[test]
fn a_focus_that_is_dropped_or_numbered_oddly_is_told() {
    let (family, report) = prepared(">a/9-8\nAX\n>b\nAC\n", &PrepareOptions::default()).unwrap();
    assert_eq!((family.wild_type().letters().as_str(), family.names()), ("AX", &["b".to_owned()][..]));
    assert_eq!(
        report.warnings,
        [
            "the focus itself was dropped: `X` in column 2 is not a letter of the alphabet",
            "the region of the focus runs backward, 9-8; positions rise from its first number",
        ]
    );
}

proptest! {
    #[test]
    fn any_alignment_is_prepared_or_refused(
        rows in prop::collection::vec("[ACXac.*-]{6}", 1..8),
        rule in prop::sample::select(vec![ColumnRule::DeepSequence, ColumnRule::eve(), ColumnRule::Plmc]),
    ) {
        let records = rows.iter().enumerate().map(|(i, row)| format!(">n{}/4-9\n{row}\n", i / 2));
        let text = records.collect::<Vec<_>>().concat();
        if let Ok((family, report)) = prepared(&text, &with_rule(rule)) {
            prop_assert_eq!(family.len() + report.dropped.len(), rows.len());
            let start_at_4 = |(place, position): (&usize, &i64)| *position == 4 + *place as i64;
            prop_assert!(family.columns().iter().zip(family.positions()).all(start_at_4));
        }
    }
}
