//! What shape each layer gives, and whether layers fit one another.

use std::collections::HashSet;

use cistron_core::Alphabet;

use super::parse::problem;
use super::{ConvNetConfig, ConvNetHead, ConvNetLayer};
use crate::ModelsError;

/// What a layer gives for one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Along the sequence; no number where any input length will do.
    Positions {
        length: Option<usize>,
        channels: usize,
    },
    Features(usize),
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Positions { length: Some(length), channels } => {
                write!(f, "{channels} channels of {length} positions")
            }
            Self::Positions { length: None, channels } => write!(f, "{channels} channels of any length"),
            Self::Features(features) => write!(f, "{features} features"),
        }
    }
}

/// How far a layer's numbers see.
#[derive(Clone, Copy, Debug)]
struct Field {
    width: usize,
    /// The distance of neighbouring positions in letters.
    step: usize,
}

impl ConvNetConfig {
    /// The letters of the input.
    ///
    /// # Errors
    /// [`ModelsError::Network`] for letters that make no alphabet.
    pub fn letters(&self) -> Result<Alphabet, ModelsError> {
        alphabet(&self.alphabet)
    }

    /// Whether layers fit one another and the heads their tracks.
    ///
    /// # Errors
    /// [`ModelsError::Network`] with the layer's place, what was found and what was expected.
    pub fn check(&self) -> Result<(), ModelsError> {
        let alphabet = alphabet(&self.alphabet)?;
        if self.input_length == Some(0) {
            return Err(problem("input_length", "found 0, expected at least 1 or null"));
        }
        self.check_names()?;
        let input = Shape::Positions { length: self.input_length, channels: alphabet.len().into() };
        let trunk = through(&self.layers, input, "layers")?;
        if self.heads.is_empty() {
            return Err(problem("heads", "found none, expected at least one"));
        }
        for (index, head) in self.heads.iter().enumerate() {
            let place = format!("heads[{index}] ({})", head.name);
            let found = through(&head.layers, trunk, &format!("{place}.layers"))?;
            self.check_head(head, found, &place)?;
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), ModelsError> {
        let mut seen = HashSet::new();
        for name in self.all_layers().into_iter().filter_map(ConvNetLayer::name) {
            if name.is_empty() || !seen.insert(name) {
                let found =
                    if name.is_empty() { "an empty name".to_owned() } else { format!("`{name}` twice") };
                return Err(problem("names of layers", format!("found {found}, expected each name once")));
            }
        }
        let mut heads = HashSet::new();
        match self.heads.iter().find(|head| !heads.insert(&head.name)) {
            Some(head) => {
                Err(problem("heads", format!("found `{}` twice, expected each name once", head.name)))
            }
            None => Ok(()),
        }
    }

    fn check_head(&self, head: &ConvNetHead, found: Shape, place: &str) -> Result<(), ModelsError> {
        let tracks = head.tracks.len();
        let mut names = HashSet::new();
        if let Some(track) = head.tracks.iter().find(|track| !names.insert(*track)) {
            return Err(problem(place, format!("found track `{track}` twice, expected each name once")));
        }
        let fits = match found {
            Shape::Features(features) => head.bins == 1 && features == tracks,
            Shape::Positions { length, channels } => length == Some(head.bins) && channels == tracks,
        };
        if tracks == 0 || head.bins == 0 || !fits {
            let expected = if head.bins == 1 {
                format!("{tracks} features, one a track")
            } else {
                format!("{tracks} channels of {} positions, one a track and bin", head.bins)
            };
            return Err(problem(place, format!("the layers give {found}, expected {expected}")));
        }
        let end = head
            .bin_width
            .unwrap_or(0)
            .checked_mul(head.bins)
            .and_then(|all| all.checked_add(head.first_bin));
        match (head.bin_width, end, self.input_length) {
            (Some(0), ..) => Err(problem(place, "found bin_width 0, expected at least 1 or null")),
            (_, None, _) => Err(problem(place, "the bins end beyond any sequence")),
            (_, Some(end), Some(length)) if end > length => Err(problem(
                place,
                format!("the bins end at {end}, expected at most the input length {length}"),
            )),
            _ => Ok(()),
        }
    }

    /// The number of neighbouring letters that a position sees before `flatten` or a global pool brings positions
    /// together, in the widest head; at most the input length.
    pub fn receptive_field(&self) -> usize {
        let heads = self.heads.iter().map(|head| {
            let mut field = Field { width: 1, step: 1 };
            let _ = see(&self.layers, &mut field) && see(&head.layers, &mut field);
            field.width
        });
        let widest = heads.max().unwrap_or(1);
        self.input_length.map_or(widest, |length| widest.min(length))
    }
}

/// Adds layers to a field; whether positions are still apart.
fn see(layers: &[ConvNetLayer], field: &mut Field) -> bool {
    for layer in layers {
        let (span, stride) = match layer {
            ConvNetLayer::Conv1d { kernel, dilation, stride, .. } => ((kernel - 1) * dilation, *stride),
            ConvNetLayer::MaxPool { kernel, stride, .. } | ConvNetLayer::AvgPool { kernel, stride, .. } => {
                (kernel - 1, *stride)
            }
            ConvNetLayer::Residual { layers } => {
                see(layers, field);
                continue;
            }
            ConvNetLayer::Flatten { .. } | ConvNetLayer::GlobalMean | ConvNetLayer::GlobalMax => {
                return false;
            }
            _ => continue,
        };
        field.width = field.width.saturating_add(span.saturating_mul(field.step));
        field.step = field.step.saturating_mul(stride);
    }
    true
}

/// The letters of a network.
pub(super) fn alphabet(letters: &str) -> Result<Alphabet, ModelsError> {
    let known = [Alphabet::dna(), Alphabet::rna(), Alphabet::protein()];
    match known.into_iter().find(|alphabet| alphabet.to_string() == letters) {
        Some(alphabet) => Ok(alphabet),
        None => Alphabet::custom(letters).map_err(|error| problem("alphabet", error.to_string())),
    }
}

/// The shape after layers.
pub(super) fn through(layers: &[ConvNetLayer], input: Shape, place: &str) -> Result<Shape, ModelsError> {
    layers.iter().enumerate().try_fold(input, |shape, (index, layer)| {
        let place = match layer.name() {
            Some(name) => format!("{place}[{index}] ({name})"),
            None => format!("{place}[{index}] ({})", layer.op()),
        };
        after(layer, shape, &place)
    })
}

fn after(layer: &ConvNetLayer, input: Shape, place: &str) -> Result<Shape, ModelsError> {
    match layer {
        ConvNetLayer::Conv1d { .. } => after_conv(layer, input, place),
        ConvNetLayer::MaxPool { kernel, stride, padding }
        | ConvNetLayer::AvgPool { kernel, stride, padding } => {
            let (length, channels) = positions(input, place)?;
            at_least_one(&[("kernel", *kernel), ("stride", *stride)], place)?;
            if *padding > kernel / 2 {
                let expected = format!("at most half the kernel of {kernel}");
                return Err(problem(place, format!("found padding {padding}, expected {expected}")));
            }
            Ok(Shape::Positions { length: windows(length, *kernel, *stride, *padding, place)?, channels })
        }
        ConvNetLayer::BatchNorm { channels, eps, .. } => {
            let (Shape::Positions { channels: found, .. } | Shape::Features(found)) = input;
            count(*channels, found, "channels", place)?;
            if eps.is_finite() && *eps > 0.0 {
                return Ok(input);
            }
            Err(problem(place, format!("found eps {eps}, expected a number above 0")))
        }
        ConvNetLayer::Residual { layers } => {
            let inner = through(layers, input, &format!("{place}.layers"))?;
            if inner == input {
                return Ok(input);
            }
            Err(problem(place, format!("its layers give {inner}, expected {input} as they take")))
        }
        ConvNetLayer::Flatten { .. } => {
            let (length, channels) = positions(input, place)?;
            let length =
                length.ok_or_else(|| problem(place, "found an input_length of null, expected a number"))?;
            let features = length.checked_mul(channels);
            Ok(Shape::Features(features.ok_or_else(|| problem(place, "more features than can be counted"))?))
        }
        ConvNetLayer::GlobalMean | ConvNetLayer::GlobalMax => Ok(Shape::Features(positions(input, place)?.1)),
        ConvNetLayer::Linear { inputs, outputs, .. } => {
            let Shape::Features(found) = input else {
                let expected = "features; flatten, global_mean and global_max make them";
                return Err(problem(place, format!("found {input}, expected {expected}")));
            };
            at_least_one(&[("in", *inputs), ("out", *outputs)], place)?;
            count(*inputs, found, "in", place)?;
            holdable(&[*inputs, *outputs], place)?;
            Ok(Shape::Features(*outputs))
        }
        ConvNetLayer::Dropout { p } if !(0.0..1.0).contains(p) => {
            Err(problem(place, format!("found p {p}, expected a probability below 1")))
        }
        ConvNetLayer::Dropout { .. } | ConvNetLayer::Activation(_) => Ok(input),
    }
}

fn after_conv(layer: &ConvNetLayer, input: Shape, place: &str) -> Result<Shape, ModelsError> {
    let &ConvNetLayer::Conv1d { inputs, outputs, kernel, stride, padding, dilation, groups, .. } = layer
    else {
        return Ok(input);
    };
    let (length, channels) = positions(input, place)?;
    let numbers = [("in", inputs), ("out", outputs), ("kernel", kernel), ("stride", stride)];
    at_least_one(&[&numbers[..], &[("dilation", dilation), ("groups", groups)]].concat(), place)?;
    count(inputs, channels, "in", place)?;
    if !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
        let found = format!("found {groups} groups of {inputs} channels in and {outputs} out");
        return Err(problem(place, format!("{found}, expected a divisor of both")));
    }
    holdable(&[inputs / groups, outputs, kernel], place)?;
    let span = (kernel - 1).checked_mul(dilation).and_then(|span| span.checked_add(1));
    let span = span.ok_or_else(|| problem(place, "the kernel is longer than any sequence"))?;
    Ok(Shape::Positions { length: windows(length, span, stride, padding, place)?, channels: outputs })
}

/// Whether a tensor of this shape can lie in memory at all.
fn holdable(shape: &[usize], place: &str) -> Result<(), ModelsError> {
    const MOST: usize = 1 << 40;
    let numbers = shape.iter().try_fold(1_usize, |all, size| all.checked_mul(*size));
    match numbers.filter(|numbers| *numbers <= MOST) {
        Some(_) => Ok(()),
        None => Err(problem(place, format!("its weights {shape:?} are more numbers than can be held"))),
    }
}

fn positions(input: Shape, place: &str) -> Result<(Option<usize>, usize), ModelsError> {
    match input {
        Shape::Positions { length, channels } => Ok((length, channels)),
        Shape::Features(_) => Err(problem(place, format!("found {input}, expected positions"))),
    }
}

fn at_least_one(numbers: &[(&str, usize)], place: &str) -> Result<(), ModelsError> {
    match numbers.iter().find(|(_, number)| *number == 0) {
        Some((name, _)) => Err(problem(place, format!("found {name} 0, expected at least 1"))),
        None => Ok(()),
    }
}

fn count(said: usize, given: usize, field: &str, place: &str) -> Result<(), ModelsError> {
    if said == given {
        return Ok(());
    }
    Err(problem(place, format!("found `{field}` {said}, expected {given} as the layer before gives")))
}

/// The number of windows over positions.
pub(super) fn windows(
    length: Option<usize>,
    span: usize,
    stride: usize,
    padding: usize,
    place: &str,
) -> Result<Option<usize>, ModelsError> {
    let Some(length) = length else { return Ok(None) };
    let whole = padding.checked_mul(2).and_then(|zeros| length.checked_add(zeros));
    let whole = whole.ok_or_else(|| problem(place, format!("found padding {padding}, expected less")))?;
    let Some(room) = whole.checked_sub(span) else {
        let expected = format!("at most the {length} positions and {padding} of padding at each end");
        return Err(problem(place, format!("the kernel spans {span} positions, expected {expected}")));
    };
    Ok(Some(room / stride + 1))
}
