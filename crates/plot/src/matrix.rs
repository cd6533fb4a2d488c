use crate::colour;
use crate::error::{PlotError, is_drawable};
use crate::svg::{Num, Svg, title_height, title_lines};

/// A matrix as coloured cells with a name for each row and column, such as how often motifs are found together.
///
/// ```
/// let names = ["AP-1", "ETS"];
/// let pairs = cistron_plot::Matrix { rows: &names, columns: &names, values: &[0.0, 3.0, 3.0, 1.0], ..Default::default() };
/// assert!(cistron_plot::matrix(&pairs).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Matrix<'a> {
    /// The heading, broken at blanks where it is long; empty for none.
    pub title: &'a str,
    /// The R names of the rows, from the top.
    pub rows: &'a [&'a str],
    /// The C names of the columns, from the left.
    pub columns: &'a [&'a str],
    /// (R, C), row by row; NaN = none, a grey cell.
    pub values: &'a [f64],
    /// What the values measure; empty by default.
    pub value_label: &'a str,
}

/// The width of a letter of a name, by estimate.
const LETTER: f64 = 7.8;
/// The area that cells share.
const AREA: f64 = 640.0;
const WIDEST_CELL: f64 = 34.0;
/// In smaller cells no number can be read.
const READABLE_CELL: f64 = 20.0;
/// In lower rows no name can be read.
const READABLE_ROW: f64 = 9.0;
const MARGIN: f64 = 14.0;

/// Draws a matrix as the text of an SVG file.
///
/// White is 0, red above and blue below it, the darkest the largest value in size; where there is room each cell that
/// is not 0 has its number. Names are left out where rows are too low to be read.
///
/// # Errors
/// [`PlotError::Empty`] without a row or a column, [`PlotError::Length`] if values do not fit,
/// [`PlotError::SeriesValue`] for an infinite value.
///
/// ```
/// use cistron_plot::{Matrix, matrix};
///
/// let picture = matrix(&Matrix { title: "Pairs", rows: &["a"], columns: &["b"], values: &[7.0], ..Matrix::default() })?;
/// assert!(picture.contains(">7<"));
/// # Ok::<(), cistron_plot::PlotError>(())
/// ```
pub fn matrix(matrix: &Matrix<'_>) -> Result<String, PlotError> {
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    if rows == 0 || columns == 0 {
        return Err(PlotError::Empty { what: "matrix" });
    }
    if matrix.values.len() != rows * columns {
        let expected = format!("{}, {rows} rows of {columns}", rows * columns);
        return Err(PlotError::Length { what: "matrix", found: matrix.values.len(), expected });
    }
    if let Some(index) = matrix.values.iter().position(|value| !is_drawable(*value)) {
        let found = matrix.values.get(index).copied().unwrap_or(f64::NAN);
        return Err(PlotError::SeriesValue { series: matrix.title.to_owned(), index, found });
    }
    Ok(draw(matrix))
}

fn draw(matrix: &Matrix<'_>) -> String {
    let longest = |names: &[&str]| names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64;
    let cell = (AREA / matrix.rows.len().max(matrix.columns.len()) as f64).min(WIDEST_CELL);
    let named = cell >= READABLE_ROW;
    let room = |names| if named { LETTER * longest(names) + 10.0 } else { 0.0 };
    let (left, above) = (MARGIN + room(matrix.rows), room(matrix.columns));
    let (width, height) = (cell * matrix.columns.len() as f64, cell * matrix.rows.len() as f64);
    let page = (left + width + MARGIN).max(320.0);
    let lines = title_lines(matrix.title, page - 2.0 * MARGIN);
    let top = title_height(&lines) + 22.0 + above;
    let mut svg = Svg::new(page, top + height + MARGIN, matrix.title);
    svg.title(MARGIN, &lines);
    let largest =
        matrix.values.iter().filter(|value| !value.is_nan()).fold(0.0_f64, |most, v| most.max(v.abs()));
    let scale = format!("{}: white 0, darkest {largest}", matrix.value_label);
    svg.text(
        (MARGIN, title_height(&lines) + 10.0),
        "font-size=\"10\" fill=\"#555\"",
        scale.trim_start_matches(": "),
    );
    cells(&mut svg, matrix, (left, top), cell, largest);
    if named {
        names(&mut svg, matrix, (left, top), cell);
    }
    svg.finish()
}

fn cells(svg: &mut Svg, matrix: &Matrix<'_>, (left, top): (f64, f64), cell: f64, largest: f64) {
    let columns = matrix.columns.len();
    svg.open_group("stroke=\"#e4e4e4\" stroke-width=\".6\"");
    for (index, value) in matrix.values.iter().enumerate() {
        let (x, y) = (left + (index % columns) as f64 * cell, top + (index / columns) as f64 * cell);
        let fill = if value.is_nan() {
            "#bbb".to_owned()
        } else {
            colour::diverging(colour::level(*value, largest))
        };
        svg.rect([x, y, cell, cell], &format!("fill=\"{fill}\""));
    }
    svg.close_group();
    if cell < READABLE_CELL {
        return;
    }
    svg.open_group("text-anchor=\"middle\" font-size=\"10\"");
    for (index, value) in matrix.values.iter().enumerate().filter(|(_, v)| !v.is_nan() && **v != 0.0) {
        let (x, y) = ((index % columns) as f64 + 0.5, (index / columns) as f64 + 0.5);
        // On the darkest cells black cannot be read.
        let style = if value.abs() > 0.7 * largest { "fill=\"#fff\"" } else { "" };
        let number = format!("{value:.3}");
        let number = number.trim_end_matches('0').trim_end_matches('.');
        svg.text((left + x * cell, top + y * cell + 3.5), style, number);
    }
    svg.close_group();
}

fn names(svg: &mut Svg, matrix: &Matrix<'_>, (left, top): (f64, f64), cell: f64) {
    let size = (cell - 1.0).min(11.0);
    svg.open_group(&format!("text-anchor=\"end\" font-size=\"{}\"", Num(size)));
    for (row, name) in matrix.rows.iter().enumerate() {
        svg.text((left - 6.0, top + (row as f64 + 0.5) * cell + size * 0.35), "", name);
    }
    svg.close_group();
    svg.open_group(&format!("font-size=\"{}\"", Num(size)));
    for (column, name) in matrix.columns.iter().enumerate() {
        let (x, y) = (left + (column as f64 + 0.5) * cell + size * 0.35, top - 6.0);
        svg.text((x, y), &format!("transform=\"rotate(-90 {} {})\"", Num(x), Num(y)), name);
    }
    svg.close_group();
}
