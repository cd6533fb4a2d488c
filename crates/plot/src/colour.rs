/// The stops of a diverging scale from the most negative to the most positive, white in the middle: the `RdBu` of
/// Brewer reversed, readable with any common colour blindness (doi:10.1179/000870403235002042).
const STOPS: [[u8; 3]; 11] = [
    [0x05, 0x30, 0x61],
    [0x21, 0x66, 0xac],
    [0x43, 0x93, 0xc3],
    [0x92, 0xc5, 0xde],
    [0xd1, 0xe5, 0xf0],
    [0xff, 0xff, 0xff],
    [0xfd, 0xdb, 0xc7],
    [0xf4, 0xa5, 0x82],
    [0xd6, 0x60, 0x4d],
    [0xb2, 0x18, 0x2b],
    [0x67, 0x00, 0x1f],
];

/// The number of steps of the scale on each side of 0.
pub(crate) const LEVELS: i32 = 60;

/// The step of a value on a scale from `-limit` to `limit`: 0 is white, values beyond the limit take the last
/// colour. Any value that is not 0 leaves white only if it is at least half a step.
pub(crate) fn level(value: f64, limit: f64) -> i32 {
    let share = if limit > 0.0 { (value / limit).clamp(-1.0, 1.0) } else { 0.0 };
    (share * f64::from(LEVELS)).round() as i32
}

/// The colour of a step between `-LEVELS` and `LEVELS`, as `#rrggbb`.
pub(crate) fn diverging(level: i32) -> String {
    let place = f64::from(level.clamp(-LEVELS, LEVELS) + LEVELS) / f64::from(2 * LEVELS) * 10.0;
    let below = (place.floor() as usize).min(9);
    let share = place - below as f64;
    let [r, g, b] = match STOPS.get(below..below + 2) {
        Some([low, high]) => [0, 1, 2].map(|i| {
            let (low, high) = (f64::from(low[i]), f64::from(high[i]));
            (low + (high - low) * share).round() as u8
        }),
        _ => [255; 3],
    };
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The colours of curves, told apart with any common colour blindness (Okabe and Ito 2008), black last.
const CURVES: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// The colour and dashes of curve `index`; dashes tell curves apart once the colours are used up.
pub(crate) fn curve(index: usize) -> (&'static str, &'static str) {
    let colour = CURVES.get(index % CURVES.len()).copied().unwrap_or("#000000");
    let dashes = match index / CURVES.len() % 3 {
        0 => "",
        1 => " stroke-dasharray=\"6 3\"",
        _ => " stroke-dasharray=\"2 2\"",
    };
    (colour, dashes)
}

/// The colour of a letter: bases in the usual four colours, other letters by the chemistry of their amino acid.
///
/// `nucleic` says whether A, C, G and T are bases.
pub(crate) fn letter(letter: char, nucleic: bool) -> &'static str {
    match letter.to_ascii_uppercase() {
        'A' if nucleic => "#109648",
        'C' if nucleic => "#255c99",
        'G' if nucleic => "#f2a61d",
        'T' | 'U' if nucleic => "#d62839",
        'D' | 'E' => "#c8102e",
        'K' | 'R' | 'H' => "#2456b3",
        'A' | 'V' | 'L' | 'I' | 'M' | 'F' | 'W' | 'P' => "#333333",
        'S' | 'T' | 'Y' | 'C' | 'G' => "#13803c",
        'N' | 'Q' => "#8e3fa8",
        _ => "#777777",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_white_at_zero_and_ends_in_the_last_stops() {
        assert_eq!([-LEVELS, 0, LEVELS].map(diverging), ["#053061", "#ffffff", "#67001f"]);
        assert_eq!(diverging(LEVELS / 5 * 4), "#b2182b");
    }

    #[test]
    fn levels_are_symmetric_and_survive_a_limit_of_zero() {
        assert_eq!([level(-2.0, 2.0), level(2.0, 2.0), level(9.0, 2.0), level(0.0, 2.0)], [-60, 60, 60, 0]);
        assert_eq!(level(0.0, 0.0), 0);
    }

    #[test]
    fn curves_differ_in_colour_or_dashes() {
        let all: Vec<_> = (0..21).map(curve).collect();
        assert!((0..21).all(|i| !all[..i].contains(&all[i])));
    }
}
