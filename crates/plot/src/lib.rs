//! Pictures of sequence analyses as SVG text.
//!
//! Seven pictures, each a plain struct of what to show and a function that returns the text of an SVG file:
//! [`delta_heat_map`] for saturation mutagenesis, [`logo`] for attributions and motifs, [`track`] for one value
//! per position or distance, [`matrix`] for counts of pairs, [`group_chart`] for two groups of values side by side,
//! [`line_chart`] for curves such as those of training, and [`scatter`] for points in a plane.
//!
//! The text stands alone: no script, no outside font or picture, a white ground, a title for screen readers.
//! The same input gives the same bytes. Nothing here knows genomes, models or motifs; values come as slices.
//!
//! ```
//! use cistron_plot::{DeltaHeatMap, delta_heat_map};
//!
//! let map = DeltaHeatMap {
//!     title: "One position",
//!     deltas: &[0.0, -0.2, 0.1, f64::NAN],
//!     reference: Some("A"),
//!     ..DeltaHeatMap::default()
//! };
//! assert!(delta_heat_map(&map)?.starts_with("<svg "));
//! # Ok::<(), cistron_plot::PlotError>(())
//! ```

mod axes;
mod chart;
mod colour;
mod curve;
mod error;
mod five;
mod groups;
mod heatmap;
mod letters;
mod logo;
mod matrix;
mod scatter;
mod strips;
mod svg;
mod ticks;
mod track;

pub use chart::{LineChart, Series, line_chart};
pub use error::PlotError;
pub use groups::{GroupChart, GroupPanel, group_chart};
pub use heatmap::{DeltaHeatMap, delta_heat_map};
pub use logo::{Logo, LogoSpan, logo};
pub use matrix::{Matrix, matrix};
pub use scatter::{Scatter, scatter};
pub use track::{Mark, Track, track};
