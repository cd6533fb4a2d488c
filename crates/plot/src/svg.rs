use std::fmt::{self, Display, Write};

/// The height of one line of a title.
const TITLE_LINE: f64 = 20.0;
const TITLE_SIZE: f64 = 15.0;

/// The text of an SVG file while it is written. Attributes are texts of this crate; only [`Svg::text`] and the
/// title take foreign text, and escape it.
pub(crate) struct Svg {
    body: String,
}

impl Svg {
    /// Begins a picture of this size in pixels on a white ground.
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        let (w, h) = (Num(width), Num(height));
        let mut svg = Self { body: String::new() };
        svg.push(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             role=\"img\" font-family=\"system-ui,-apple-system,'Segoe UI',Helvetica,Arial,'DejaVu Sans',\
             sans-serif\" font-size=\"11\" fill=\"#222\">\n<title>{}</title>\n",
            Escaped(title)
        ));
        svg.rect([0.0, 0.0, width, height], "fill=\"#fff\"");
        svg
    }

    fn push(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.body.write_fmt(text);
    }

    pub(crate) fn open_group(&mut self, attributes: &str) {
        self.push(format_args!("<g {attributes}>\n"));
    }

    pub(crate) fn close_group(&mut self) {
        self.push(format_args!("</g>\n"));
    }

    /// A rectangle from its left, top, width and height.
    pub(crate) fn rect(&mut self, [x, y, width, height]: [f64; 4], attributes: &str) {
        let (x, y, w, h) = (Num(x), Num(y), Num(width), Num(height));
        self.push(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" {attributes}/>\n"));
    }

    /// A path; nothing if it has no segment.
    pub(crate) fn path(&mut self, segments: &str, attributes: &str) {
        if !segments.is_empty() {
            self.push(format_args!("<path d=\"{segments}\" {attributes}/>\n"));
        }
    }

    /// One path of several pieces.
    pub(crate) fn pieces(&mut self, pieces: impl Iterator<Item = String>, attributes: &str) {
        self.path(&pieces.collect::<String>(), attributes);
    }

    /// Text whose anchor (its start unless the attributes say otherwise) and base line stand at a point.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), attributes: &str, text: impl Display) {
        let (x, y, text) = (Num(x), Num(y), Escaped(text));
        let gap = if attributes.is_empty() { "" } else { " " };
        self.push(format_args!("<text x=\"{x}\" y=\"{y}\"{gap}{attributes}>{text}</text>\n"));
    }

    /// Text that reads upward around the middle of `room` pixels, set smaller if it would not fit.
    pub(crate) fn upward(&mut self, (x, middle): (f64, f64), room: f64, text: &str) {
        let size = (room / (0.58 * text.chars().count() as f64)).clamp(5.0, 11.0);
        let attributes = format!(
            "text-anchor=\"middle\" font-size=\"{}\" transform=\"rotate(-90 {} {})\"",
            Num(size),
            Num(x),
            Num(middle)
        );
        self.text((x, middle), &attributes, text);
    }

    /// The title in as many lines as the width asks for.
    pub(crate) fn title(&mut self, left: f64, lines: &[String]) {
        let attributes = format!("font-size=\"{}\" font-weight=\"600\"", Num(TITLE_SIZE));
        let mut y = TITLE_LINE + 2.0;
        for line in lines {
            self.text((left, y), &attributes, line);
            y += TITLE_LINE;
        }
    }

    pub(crate) fn finish(mut self) -> String {
        self.body.push_str("</svg>\n");
        self.body
    }
}

/// Cuts a title at blanks into lines that fit a width, by an estimate of the width of letters.
pub(crate) fn title_lines(title: &str, width: f64) -> Vec<String> {
    let room = (width / (TITLE_SIZE * 0.58)).max(8.0) as usize;
    let mut lines: Vec<String> = Vec::new();
    for word in title.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The height that a title takes above the picture.
pub(crate) fn title_height(lines: &[String]) -> f64 {
    10.0 + TITLE_LINE * lines.len() as f64
}

/// A coordinate: at most two decimals, no trailing zero, never `-0`.
#[derive(Clone, Copy)]
pub(crate) struct Num(pub(crate) f64);

impl Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        f.write_str(if text == "-0" { "0" } else { text })
    }
}

/// Foreign text made safe for XML: markup is escaped, characters that XML 1.0 forbids are replaced.
struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => f.write_char(' ')?,
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        for (number, text) in
            [(0.0, "0"), (-0.001, "0"), (1.5, "1.5"), (100.0, "100"), (1.236, "1.24"), (-3.10, "-3.1")]
        {
            assert_eq!(Num(number).to_string(), text);
        }
    }

    #[test]
    fn foreign_text_is_escaped() {
        assert_eq!(Escaped("a<b>&\"c\0\n").to_string(), "a&lt;b&gt;&amp;&quot;c\u{fffd} ");
    }

    #[test]
    fn titles_break_at_blanks() {
        assert_eq!(title_lines("one two three", 60.0), ["one two", "three"]);
        assert_eq!(title_lines("  ", 60.0), [""; 0]);
    }
}
