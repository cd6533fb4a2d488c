//! Writes pictures of an invented motif to a folder: `cargo run -p cistron-plot --example heat_map -- FOLDER`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use cistron_plot::{
    DeltaHeatMap, LineChart, Logo, Mark, Series, Track, delta_heat_map, line_chart, logo, track,
};

/// Letters and deltas (L, 4) of a sequence with a strong site every 97 bases, from a small fixed generator.
fn invented(positions: usize) -> (String, Vec<f64>) {
    let mut state = 7_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut letters = String::new();
    let mut deltas = Vec::new();
    for position in 0..positions {
        let reference = (random() * 4.0) as usize;
        letters.push(char::from(b"ACGT"[reference]));
        let strength = if position % 97 > 40 && position % 97 < 52 { 1.0 } else { 0.12 };
        for letter in 0..4 {
            let delta = strength * (random() - if strength > 0.5 { 0.85 } else { 0.5 });
            deltas.push(if letter == reference { 0.0 } else { delta * 2.4e-4 });
        }
    }
    (letters, deltas)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    fs::create_dir_all(&folder)?;
    for positions in [40, 200, 2000] {
        let (letters, deltas) = invented(positions);
        let map = DeltaHeatMap {
            title: "Saturation mutagenesis of an invented sequence",
            deltas: &deltas,
            reference: Some(&letters),
            value_label: "Δ logit",
            first_position: 1,
            ..DeltaHeatMap::default()
        };
        fs::write(folder.join(format!("heat-map-{positions}.svg")), delta_heat_map(&map)?)?;

        let attributions: Vec<f64> = deltas.chunks(4).map(|cells| -cells.iter().sum::<f64>() / 3.0).collect();
        let heights: Vec<f64> = letters
            .bytes()
            .zip(&attributions)
            .flat_map(|(letter, height)| b"ACGT".map(|row| if row == letter { *height } else { 0.0 }))
            .collect();
        let shown = Logo {
            title: "Attribution of each base",
            heights: &heights,
            value_label: "mean loss",
            first_position: 1,
            ..Logo::default()
        };
        fs::write(folder.join(format!("logo-{positions}.svg")), logo(&shown)?)?;

        for (name, mark) in [("bars", Mark::Bars), ("line", Mark::Line), ("area", Mark::Area)] {
            let importance: Vec<f64> = deltas
                .chunks(4)
                .map(|cells| cells.iter().fold(0.0, |most: f64, d| most.max(d.abs())))
                .collect();
            let shown = Track {
                title: "Largest effect at each position",
                values: &importance,
                first_position: 1,
                value_label: "max |Δ logit|",
                mark,
                ..Track::default()
            };
            fs::write(folder.join(format!("track-{name}-{positions}.svg")), track(&shown)?)?;
        }

        let mut sparse = deltas.clone();
        for (position, cells) in sparse.chunks_mut(4).enumerate() {
            if position % 5 != 0 {
                cells.fill(f64::NAN);
            }
        }
        let map = DeltaHeatMap { title: "Every fifth position", deltas: &sparse, ..map };
        fs::write(folder.join(format!("heat-map-sparse-{positions}.svg")), delta_heat_map(&map)?)?;
    }
    fs::write(folder.join("curves.svg"), curves()?)?;
    Ok(())
}

fn curves() -> Result<String, Box<dyn Error>> {
    let curve = |best: f64, pace: f64| -> Vec<(f64, f64)> {
        (1..=12_u32).map(|epoch| (f64::from(epoch), best - 0.4 * (-f64::from(epoch) / pace).exp())).collect()
    };
    let (training, validation) = (curve(0.97, 2.5), curve(0.91, 2.0));
    let series =
        [Series { name: "training", points: &training }, Series { name: "validation", points: &validation }];
    Ok(line_chart(&LineChart {
        title: "Probe on invented data",
        x_label: "epoch",
        y_label: "AUROC",
        series: &series,
    })?)
}
