/// The outline of a letter in a box of 100 by 100, top left at 0 0, to be filled by the even-odd rule.
///
/// The five letters of nucleic acids are drawn here, so that a logo looks the same everywhere; any other letter
/// is `None` and set from a font.
pub(crate) fn outline(letter: char) -> Option<&'static str> {
    match letter {
        'A' => Some("M0 100L38 0H62L100 100H79L70.6 78H29.4L21 100zM35.8 61H64.2L50 23.7z"),
        'C' => Some("M98.3 80.8A55 50 0 1 1 98.3 19.2L81 29.7A33 33 0 1 0 81 70.3z"),
        'G' => Some("M98.3 19.2L81 29.7A33 33 0 1 0 79 72.6V63H56V46H98.3V80.8A55 50 0 1 1 98.3 19.2z"),
        'T' => Some("M0 0H100V18H61V100H39V18H0z"),
        'U' => Some("M0 0H22V62C22 78 32 83 50 83S78 78 78 62V0H100V62C100 88 82 100 50 100S0 88 0 62z"),
        _ => None,
    }
}
