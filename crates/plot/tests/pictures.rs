//! What holds for every picture: well-formed text, the same bytes each time, and refusals that say where.

use cistron_plot::{
    DeltaHeatMap, GroupChart, GroupPanel, LineChart, Logo, Mark, PlotError, Series, Track, delta_heat_map,
    group_chart, line_chart, logo, track,
};
use proptest::prelude::*;

#[cfg(test)]
mod xml {
    /// Checks that a text is one XML element with balanced tags, quoted unique attributes and known entities only,
    /// names nothing outside itself, and holds no number that is not one.
    pub(super) fn check(text: &str) {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = text.trim_end();
        assert!(rest.starts_with("<svg "), "{}", &rest[..rest.len().min(40)]);
        while let Some(at) = rest.find('<') {
            check_characters(&rest[..at]);
            assert!(!open.is_empty() || rest.len() == text.trim_end().len(), "content outside the root");
            let end = at + rest[at..].find('>').expect("each tag is closed by >");
            let tag = &rest[at + 1..end];
            rest = &rest[end + 1..];
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
                continue;
            }
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            assert!(["svg", "title", "g", "rect", "path", "text"].contains(&name), "element {name}");
            check_attributes(attributes.trim_end_matches('/'));
            if !attributes.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty() && rest.is_empty(), "{open:?} {rest:?}");
    }

    fn check_characters(text: &str) {
        assert!(!text.contains('>'), "{text:?}");
        assert!(text.chars().all(|c| c >= ' ' || c == '\n'), "{text:?}");
        for after in text.split('&').skip(1) {
            let entity = after.split_once(';').expect("an entity ends in a semicolon").0;
            assert!(["amp", "lt", "gt", "quot"].contains(&entity), "{entity:?}");
        }
    }

    fn check_attributes(mut text: &str) {
        let mut names = Vec::new();
        while !text.trim_start().is_empty() {
            let (name, after) = text.trim_start().split_once("=\"").expect("an attribute has a value");
            assert!(!names.contains(&name), "attribute {name} twice");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name:?}");
            names.push(name);
            let (value, after) = after.split_once('"').expect("a value is closed");
            check_characters(value);
            assert!(!value.contains("NaN") && !value.contains("inf"), "{value:?}");
            assert!(!value.contains("url(") && (name == "xmlns" || !value.contains("://")), "{value:?}");
            text = after;
        }
    }
}

/// Numbers, zeros, sizes at the limits, and NaN.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1.0_f64..1.0,
        1 => Just(0.0),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(1e300), Just(-1e300), Just(5e-324), Just(1e-300), -1e9_f64..1e9],
    ]
}

fn letters() -> impl Strategy<Value = String> {
    prop_oneof![Just("ACGT".to_owned()), Just("ACDEFGHIKLMNPQRSTVWY-".to_owned()), Just("<&".to_owned())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn heat_maps_are_well_formed_and_repeat(
        letters in letters(),
        values in prop::collection::vec(value(), 21..2600),
        title in any::<String>(),
        first_position in any::<i64>(),
        limit in prop::option::of(1e-300_f64..2.0),
        per_strip in prop::option::of(1_usize..300),
    ) {
        let n = values.len() / letters.chars().count();
        let reference: String = "acgTN<".chars().cycle().take(n).collect();
        let map = DeltaHeatMap {
            title: &title,
            letters: &letters,
            deltas: &values[..n * letters.chars().count()],
            reference: Some(&reference),
            value_label: &title,
            first_position,
            limit,
            positions_per_strip: per_strip.and_then(std::num::NonZeroUsize::new),
        };
        let picture = delta_heat_map(&map).unwrap();
        xml::check(&picture);
        prop_assert_eq!(picture, delta_heat_map(&map).unwrap());
    }

    #[test]
    fn logos_are_well_formed_and_repeat(
        letters in letters(),
        values in prop::collection::vec(value(), 21..900),
        title in any::<String>(),
        first_position in any::<i64>(),
    ) {
        let n = values.len() / letters.chars().count();
        let heights = &values[..n * letters.chars().count()];
        let shown = Logo { title: &title, letters: &letters, heights, first_position, ..Logo::default() };
        let picture = logo(&shown).unwrap();
        xml::check(&picture);
        prop_assert_eq!(picture, logo(&shown).unwrap());
    }

    #[test]
    fn tracks_are_well_formed_and_repeat(
        values in prop::collection::vec(value(), 1..9000),
        title in any::<String>(),
        first_position in any::<i64>(),
        mark in prop_oneof![Just(Mark::Bars), Just(Mark::Line), Just(Mark::Area)],
    ) {
        let shown = Track { title: &title, values: &values, first_position, mark, ..Track::default() };
        let picture = track(&shown).unwrap();
        xml::check(&picture);
        prop_assert_eq!(picture, track(&shown).unwrap());
    }

    #[test]
    fn charts_are_well_formed_and_repeat(
        points in prop::collection::vec((value(), value()), 1..200),
        names in prop::collection::vec(any::<String>(), 1..20),
    ) {
        let series: Vec<Series<'_>> = names.iter().map(|name| Series { name, points: &points }).collect();
        let shown = LineChart { title: "t", x_label: "<x>", y_label: "y & z", series: &series };
        let picture = line_chart(&shown).unwrap();
        xml::check(&picture);
        prop_assert_eq!(picture, line_chart(&shown).unwrap());
    }

    #[test]
    fn groups_are_well_formed_and_repeat(
        first in prop::collection::vec(value(), 0..1200),
        second in prop::collection::vec(value(), 0..30),
        names in prop::collection::vec(any::<String>(), 1..11),
    ) {
        let panel = |name| GroupPanel { name, note: "p < 0.05 & more", first: &first, second: &second };
        let panels: Vec<GroupPanel<'_>> = names.iter().map(|name| panel(name.as_str())).collect();
        let shown = GroupChart { title: "<t>", names: ["a & b", "c"], value_label: "y", panels: &panels };
        let picture = group_chart(&shown).unwrap();
        xml::check(&picture);
        prop_assert_eq!(picture, group_chart(&shown).unwrap());
    }
}

/// The dots of the panels of a picture, in order.
fn dots(picture: &str) -> Vec<usize> {
    let paths = picture.lines().filter(|line| line.contains("stroke-opacity"));
    paths.map(|line| line.matches('M').count()).collect()
}

#[test]
fn groups_have_a_dot_for_each_value_unless_there_are_too_many() {
    let mut many: Vec<f64> = (0..100_000).map(|i| f64::from(i % 1000)).collect();
    many.extend([1e5, 1e5, 9e4, f64::NAN]);
    let panels = [
        GroupPanel { first: &[1.0, f64::NAN, 2.0], second: &[], ..GroupPanel::default() },
        GroupPanel { first: &[5.0], second: &many, ..GroupPanel::default() },
    ];
    let picture = group_chart(&GroupChart { panels: &panels, ..GroupChart::default() }).unwrap();
    assert_eq!(dots(&picture), [2, 1, 2]);
    for n in ["n = 2", "n = 0", "n = 1", "n = 100003"] {
        assert!(picture.contains(n), "{n}");
    }
    assert!(picture.len() < 8000, "{} bytes", picture.len());
}

#[test]
fn infinite_deltas_are_refused_with_position_and_letter() {
    for (bad, text) in [(f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
        let mut deltas = [0.0; 12];
        deltas[6] = bad;
        let map = DeltaHeatMap { deltas: &deltas, first_position: 100, ..DeltaHeatMap::default() };
        let expected =
            format!("value at position 101, letter `G` is {text}, expected at most 1e300 in size, or NaN");
        assert_eq!(delta_heat_map(&map).unwrap_err().to_string(), expected);
        let shown = Logo { heights: &deltas, first_position: 100, ..Logo::default() };
        assert_eq!(logo(&shown).unwrap_err().to_string(), expected);
        let error = track(&Track { title: "loss", values: &deltas, ..Track::default() }).unwrap_err();
        assert!(matches!(error, PlotError::SeriesValue { index: 6, .. }), "{error}");
    }
}

#[test]
fn wrong_lengths_say_what_was_found_and_expected() {
    let error = delta_heat_map(&DeltaHeatMap { deltas: &[0.0; 7], ..DeltaHeatMap::default() }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "array of values has 7 items, expected a multiple of 4, one for each row letter"
    );
    let map = DeltaHeatMap { deltas: &[0.0; 8], reference: Some("ACG"), ..DeltaHeatMap::default() };
    assert_eq!(
        delta_heat_map(&map).unwrap_err().to_string(),
        "reference has 3 items, expected 2, one for each position"
    );
    assert!(matches!(
        logo(&Logo { heights: &[0.0; 9], ..Logo::default() }),
        Err(PlotError::Length { found: 9, .. })
    ));
}

#[test]
fn nothing_to_draw_is_an_error() {
    assert!(matches!(delta_heat_map(&DeltaHeatMap::default()), Err(PlotError::Empty { .. })));
    let map = DeltaHeatMap { letters: "", deltas: &[0.0], ..DeltaHeatMap::default() };
    assert!(matches!(delta_heat_map(&map), Err(PlotError::Empty { .. })));
    assert!(matches!(logo(&Logo::default()), Err(PlotError::Empty { .. })));
    assert!(matches!(track(&Track::default()), Err(PlotError::Empty { .. })));
    assert!(matches!(line_chart(&LineChart::default()), Err(PlotError::Empty { .. })));
    assert!(matches!(group_chart(&GroupChart::default()), Err(PlotError::Empty { .. })));
}

#[test]
fn limits_and_letters_are_checked() {
    for limit in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let map = DeltaHeatMap { deltas: &[0.0; 4], limit: Some(limit), ..DeltaHeatMap::default() };
        assert!(matches!(delta_heat_map(&map), Err(PlotError::Limit { .. })), "{limit}");
    }
    let map = DeltaHeatMap { letters: "ACA", deltas: &[0.0; 3], ..DeltaHeatMap::default() };
    assert!(matches!(delta_heat_map(&map), Err(PlotError::RepeatedLetter { letter: 'A', .. })));
}

#[test]
fn equal_values_of_either_sign_have_the_outermost_colours() {
    let picture =
        |deltas: &[f64]| delta_heat_map(&DeltaHeatMap { deltas, ..DeltaHeatMap::default() }).unwrap();
    let text = picture(&[0.0, -0.5, 0.5, 0.0]);
    assert!(
        text.contains("<path d=\"M0 1h1v1h-1z\" fill=\"#053061\"/>"),
        "loss in row C is the darkest blue"
    );
    assert!(text.contains("<path d=\"M0 2h1v1h-1z\" fill=\"#67001f\"/>"), "gain in row G is the darkest red");
    let zero = picture(&[0.0; 4]);
    assert!(!zero.contains("<path d=\"M0 "), "zeros are the white ground");
    let gaps = picture(&[f64::NAN; 8]);
    assert!(gaps.contains("<path d=\"M0 0h2v1h-2zM0 1h2v1h-2z"), "equal neighbours are one piece");
    assert!(gaps.contains("not evaluated"));
}

#[test]
fn two_thousand_positions_stay_small() {
    // A probe that pools over positions has at most 12 distinct deltas.
    let deltas: Vec<f64> = (0..2000_usize)
        .flat_map(|position| {
            let reference = position * position % 7 % 4;
            (0..4).map(move |letter| if letter == reference { 0.0 } else { letter as f64 - reference as f64 })
        })
        .collect();
    let text = delta_heat_map(&DeltaHeatMap { deltas: &deltas, ..DeltaHeatMap::default() }).unwrap();
    // 8,000 cells at about 16 bytes, and axes.
    assert!(text.len() < 160_000, "{} bytes", text.len());
}

#[test]
fn gaps_break_a_line() {
    let shown = Track { values: &[1.0, 2.0, f64::NAN, 3.0], mark: Mark::Line, ..Track::default() };
    let text = track(&shown).unwrap();
    let line = text.lines().find(|line| line.contains("stroke-linejoin")).expect("the line is drawn");
    assert_eq!(line.matches('M').count(), 2, "{line}");
}
