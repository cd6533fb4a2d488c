//! `effect compare`, as a person uses it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::fmt::Write;

use support::Bench;

/// Scores of 611 variants, of which the first two are functional, with the published U of 1197.
fn write_groups(bench: &Bench) {
    let (mut scores, mut groups) = ("chrom\tpos\tid\tref\talt\tK562\tHepG2\n".to_owned(), String::new());
    let values = [588.25, 609.5].into_iter().chain((1..=609).map(f64::from));
    for (index, value) in values.enumerate() {
        let other = if index == 5 { String::new() } else { (value / 2.0).to_string() };
        let position = index + 1;
        writeln!(scores, "chr1\t{position}\trs{index}\tA\tC\t-{value}\t{other}").unwrap();
        let group = if index < 2 { "functional" } else { "neutral" };
        writeln!(groups, "rs{index}\t{group}").unwrap();
    }
    bench.write("scores.tsv", scores);
    bench.write("groups.tsv", format!("id\tgroup\n{groups}"));
    let keys = "id\tgroup\nchr1:611:A:C\thigh\nchr1:3:A:C\tlow\nchr1:2:A:C\thigh\nchr1:9:A:C\tmiddle\n";
    bench.write("keys.tsv", keys);
}

#[test]
fn groups_of_variants_are_compared() {
    let bench = Bench::new();
    write_groups(&bench);
    let ran = bench.run(
        "effect compare scores.tsv --groups groups.tsv --columns K562 HepG2 --absolute -o found.json --plot found.svg",
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "warning: 1 empty scores left out\n"));
    let found: serde_json::Value = serde_json::from_str(&bench.read("found.json")).unwrap();
    assert_eq!((&found["version"], &found["first"]), (&1.into(), &"functional".into()));
    assert_eq!(found["second"], "neutral");
    let k562 = &found["columns"]["K562"];
    assert_eq!((&k562["u"], &k562["method_used"]), (&1197.0.into(), &"exact".into()));
    assert!((k562["p_value"].as_f64().unwrap() / 0.001_416_651_015_534_866 - 1.0).abs() < 1e-12);
    let ratio = k562["p_bonferroni"].as_f64().unwrap() / k562["p_value"].as_f64().unwrap();
    // The reader of JSON may lose the last digit.
    assert!((ratio - 2.0).abs() < 1e-14, "{ratio}");
    assert_eq!((&found["columns"]["HepG2"]["n_second"], &k562["n_second"]), (&608.into(), &609.into()));
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&found), ["version", "first", "second", "columns", "max_over_columns"]);
    let expected = "n_first n_second mean_first mean_second median_first median_second u p_value method_used auc cohens_d \
                    hedges_g q_value_bh p_bonferroni";
    assert_eq!(keys(k562).join(" "), expected);
    // The scores of K562 are the larger ones, in size.
    let largest = &found["max_over_columns"];
    assert_eq!((&largest["u"], &largest["n_second"]), (&1197.0.into(), &609.into()));
    let picture = bench.read("found.svg");
    assert!(["K562", "HepG2", "max over columns", "n = 608"].iter().all(|text| picture.contains(text)));

    // Signs kept, the first group is the lower; keys of variants, one group against two others, one left out.
    let found = bench.ok("effect compare scores.tsv --groups groups.tsv --columns K562 --quiet");
    assert!(found.contains("\"u\": 21.0"), "{found}");
    let second = |arguments: &str| {
        let command = format!(
            "effect compare scores.tsv --groups keys.tsv --columns K562,HepG2 --key variant {arguments}"
        );
        let found: serde_json::Value = serde_json::from_str(&bench.ok(&(command + " --quiet"))).unwrap();
        let sizes = &found["columns"]["HepG2"];
        (found["first"].clone(), found["second"].clone(), sizes["n_first"].clone(), sizes["n_second"].clone())
    };
    assert_eq!(second(""), ("high".into(), "others".into(), 2.into(), 2.into()));
    assert_eq!(second("--second low"), ("high".into(), "low".into(), 2.into(), 1.into()));
    assert_eq!(second("--first middle"), ("middle".into(), "others".into(), 1.into(), 3.into()));
}

#[test]
fn groups_that_cannot_be_compared_are_refused() {
    let bench = Bench::new();
    write_groups(&bench);
    let refuse = |arguments: &str, code, message| {
        bench.refuses(&format!("effect compare {arguments} --quiet"), code, message)
    };
    refuse("scores.tsv --groups groups.tsv", 2, "--columns");
    refuse("scores.tsv --groups groups.tsv --columns K562,K562", 2, "`K562` twice");
    refuse("scores.tsv --groups groups.tsv --columns K1", 1, "scores.tsv:1:1: found columns chrom, pos, id");
    refuse(
        "scores.tsv --groups groups.tsv --columns K562 --first a",
        1,
        "no group `a` (it has `functional`, `neutral`)",
    );
    refuse(
        "scores.tsv --groups groups.tsv --columns K562 --second functional",
        2,
        "--second is `functional`",
    );
    refuse("scores.tsv --groups keys.tsv --columns K562", 1, "no row is in group `high`");
    bench.write("one.tsv", "id\tgroup\nrs1\ta\n");
    refuse("scores.tsv --groups one.tsv --columns K562", 1, "found 1 groups, expected at least two");
    bench.write("twice.tsv", "id\tgroup\nrs1\ta\nrs2\tb\nrs1\ta\nrs2\ta\n");
    refuse(
        "scores.tsv --groups twice.tsv --columns K562",
        1,
        "twice.tsv:5: `rs2` is in group `a` and was in `b`",
    );
    bench.write("bad.tsv", "id\tx\nrs1\t0.5\nrs2\tlow\n");
    bench.write("two.tsv", "id\tgroup\nrs1\ta\nrs2\tb\n");
    refuse(
        "bad.tsv --groups two.tsv --columns x",
        1,
        "bad.tsv:3:2: found `low`, expected a number or an empty cell",
    );
    bench.write("short.tsv", "id\tx\nrs1\t0.5\nrs2\n");
    refuse("short.tsv --groups two.tsv --columns x", 1, "short.tsv:3:2: found the end of the line");
    bench.write("empty.tsv", "");
    refuse("empty.tsv --groups two.tsv --columns x", 1, "empty.tsv: is empty");
    bench.write("there.svg", "");
    refuse("scores.tsv --groups groups.tsv --columns K562 --plot there.svg", 1, "there.svg exists already");
}
