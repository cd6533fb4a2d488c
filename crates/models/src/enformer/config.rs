use crate::ModelsError;

use super::parse::problem;

mod head;

pub use head::{EnformerContextAttention, EnformerContextLayer, EnformerHead, EnformerHeadInput};

/// What an Enformer is made of: the `config.json` of `model_type` `enformer` (Avsec et al. 2021,
/// doi:10.1038/s41592-021-01252-x; enformer-pytorch 0.8.12).
///
/// The default is the published model: 196,608 letters, 896 bins of 128 letters, 5,313 human and 1,643 mouse tracks.
/// A file may leave out any key; keys that this version does not know are ignored. Ours alone are `input_length`,
/// `gamma_norm`, `crop`, and what a head has beside a number: `output_heads` pairs a head with the number of its
/// tracks, a list of their names, or an object of `tracks` (either), `activation` (`softplus`, `none`, or another
/// [`Activation`](crate::Activation)), `reads` ([`EnformerHeadInput`]) and `contexts` ([`EnformerContextLayer`]).
///
/// ```
/// use cistron_models::EnformerConfig;
///
/// let config = EnformerConfig::from_json(r#"{"model_type": "enformer", "depth": 2}"#)?;
/// assert_eq!(config.tower_filters(), [768, 768, 896, 1024, 1152, 1280, 1536]);
/// assert_eq!(EnformerConfig::default().n_parameters(), 251_221_292);
/// # Ok::<(), cistron_models::ModelsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the fields of a file, made by hand too")]
pub struct EnformerConfig {
    /// The width of the transformer, even and a multiple of `heads`. Default: 1536.
    pub dim: usize,
    /// The blocks of the transformer. Default: 11.
    pub depth: usize,
    /// The heads of attention; `dim / heads` is a multiple of 6. Default: 8.
    pub heads: usize,
    /// The width of keys and queries of a head. Default: 64.
    pub attn_dim_key: usize,
    /// The outputs, at least one.
    pub output_heads: Vec<EnformerHead>,
    /// The bins that are kept around the middle; `None` (−1 in files) for all. Default: 896.
    pub target_length: Option<usize>,
    /// How often the length is halved, at least 3. Default: 7.
    pub num_downsamples: usize,
    /// What the widths of the convolutions are rounded to. Default: 128.
    pub dim_divisible_by: usize,
    /// In training, how often a number is 0 after attention and within feed-forward layers. Default: 0.4.
    pub dropout_rate: f64,
    /// In training, how often an attention weight is 0. Default: 0.05.
    pub attn_dropout: f64,
    /// In training, how often a number of the positions' basis is 0. Default: 0.01.
    pub pos_dropout: f64,
    /// The letters of an input. Default: 1536 positions of the transformer, 196,608 letters.
    pub input_length: usize,
    /// What the gamma functions of distances are divided by. Default: [`GammaNorm::Features`], which weights trained
    /// with the package need, unless the file says `use_tf_gamma` or is that of the official weights by its name.
    pub gamma_norm: GammaNorm,
    /// Which bins are the middle where they do not divide evenly. Default: [`EnformerCrop::Centre`].
    pub crop: EnformerCrop,
}

/// What each gamma function of the distance is divided by.
///
/// The official weights were trained with the largest value over positions; enformer-pytorch divides by the largest
/// over the functions at one distance, unless it reads a table for 1,536 positions. The two ways differ by up to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "what models were trained with")]
pub enum GammaNorm {
    /// The largest value of the function over all distances: the official weights, at any number of positions.
    Positions,
    /// The largest value of all functions at the distance: what the package trains with.
    Features,
    /// As positions, in the values that TensorFlow computed in single precision and the official weights were trained
    /// with, from the package's table: closest to what was published, for 1,536 positions and 192 functions alone.
    /// They differ from [`Self::Positions`] by up to 2.5·10⁻³.
    Table,
}

impl GammaNorm {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Positions, Self::Features, Self::Table];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Positions => "positions",
            Self::Features => "features",
            Self::Table => "table",
        }
    }
}

/// Which bins are the middle where an odd number is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "our rule and that of the package")]
pub enum EnformerCrop {
    /// As many as asked for, the first half of the rest cut off before them, rounded down.
    Centre,
    /// As enformer-pytorch 0.8.12: the same number cut off on both sides, so one bin fewer than asked for.
    Reference,
}

impl EnformerCrop {
    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Centre => "centre",
            Self::Reference => "reference",
        }
    }
}

/// The positions of the published model's transformer.
const POSITIONS: usize = 1536;

/// More halvings than any sequence has.
const MAX_DOWNSAMPLES: usize = 24;

impl Default for EnformerConfig {
    fn default() -> Self {
        Self {
            dim: 1536,
            depth: 11,
            heads: 8,
            attn_dim_key: 64,
            output_heads: vec![EnformerHead::numbered("human", 5313), EnformerHead::numbered("mouse", 1643)],
            target_length: Some(896),
            num_downsamples: 7,
            dim_divisible_by: 128,
            dropout_rate: 0.4,
            attn_dropout: 0.05,
            pos_dropout: 0.01,
            input_length: Self::default_length(7),
            gamma_norm: GammaNorm::Features,
            crop: EnformerCrop::Centre,
        }
    }
}

impl EnformerConfig {
    /// The letters of 1,536 positions.
    pub(super) fn default_length(num_downsamples: usize) -> usize {
        POSITIONS << num_downsamples.min(MAX_DOWNSAMPLES)
    }

    /// The width of what a head reads.
    pub(super) fn read_width(&self, reads: EnformerHeadInput) -> usize {
        match reads {
            EnformerHeadInput::Embeddings => 2 * self.dim,
            EnformerHeadInput::Transformer | EnformerHeadInput::NormedTransformer => self.dim,
        }
    }

    /// The width of the values of a head, and the number of functions of the distance.
    pub(super) fn head_width(&self) -> usize {
        self.dim / self.heads.max(1)
    }

    /// The channels after the stem and after each stage of convolutions.
    ///
    /// As the package rounds: to the nearest multiple of `dim_divisible_by`, halves to the even one.
    pub fn tower_filters(&self) -> Vec<usize> {
        let half = self.dim / 2;
        let stages = self.num_downsamples.saturating_sub(1);
        let step = ((self.dim as f64 / half as f64).ln() / (stages as f64 - 1.0)).exp();
        let divisor = self.dim_divisible_by as f64;
        let width =
            |i: usize| ((half as f64 * step.powf(i as f64) / divisor).round_ties_even() * divisor) as usize;
        std::iter::once(half).chain((0..stages).map(width)).collect()
    }

    /// The positions of the transformer for a number of letters: halved and rounded up at each stage.
    pub fn n_positions(&self, letters: usize) -> usize {
        (0..self.num_downsamples).fold(letters, |length, _| length.div_ceil(2))
    }

    /// The positions that are kept of so many, as bins of the output; all if there are no more than asked for.
    pub fn kept_bins(&self, n_positions: usize) -> std::ops::Range<usize> {
        let Some(target) = self.target_length.filter(|&target| target < n_positions) else {
            return 0..n_positions;
        };
        let surplus = n_positions - target;
        match self.crop {
            EnformerCrop::Centre => surplus / 2..surplus / 2 + target,
            EnformerCrop::Reference => surplus.div_ceil(2)..n_positions - surplus.div_ceil(2),
        }
    }

    /// The number of trained numbers.
    pub fn n_parameters(&self) -> usize {
        let trained = super::parameters::parameters(self).into_iter().filter(|it| it.trained);
        trained.map(|it| it.shape.iter().product::<usize>()).sum()
    }

    /// Refuses what does not fit together.
    ///
    /// # Errors
    /// [`ModelsError::Network`] with the key, what was found and what was expected.
    pub fn check(&self) -> Result<(), ModelsError> {
        let expect = |is_right: bool, key: &str, found: String| {
            if is_right { Ok(()) } else { Err(problem(key, found)) }
        };
        for (key, value) in [
            ("dim", self.dim),
            ("heads", self.heads),
            ("attn_dim_key", self.attn_dim_key),
            ("dim_divisible_by", self.dim_divisible_by),
            ("input_length", self.input_length),
        ] {
            expect(value > 0, key, "found 0, expected at least 1".to_owned())?;
        }
        expect(self.dim.is_multiple_of(2), "dim", format!("found {}, expected an even number", self.dim))?;
        let (dim, heads) = (self.dim, self.heads);
        expect(
            dim.is_multiple_of(heads),
            "heads",
            format!("found {heads}, expected a divisor of dim {dim}"),
        )?;
        let width = self.head_width();
        let of_six = format!("found {heads}, which makes dim / heads {width}, expected a multiple of 6");
        expect(width.is_multiple_of(6), "heads", of_six)?;
        let downsamples = format!("found {}, expected 3 to {MAX_DOWNSAMPLES}", self.num_downsamples);
        expect((3..=MAX_DOWNSAMPLES).contains(&self.num_downsamples), "num_downsamples", downsamples)?;
        let filters = self.tower_filters();
        let last = filters.last().copied().unwrap_or(0);
        let divisor = self.dim_divisible_by;
        let rounded = format!("found {divisor}, which rounds the last width to {last}, expected dim {dim}");
        expect(last == dim && filters.iter().all(|&width| width > 0), "dim_divisible_by", rounded)?;
        self.check_outputs()
    }

    fn check_outputs(&self) -> Result<(), ModelsError> {
        let positions = self.n_positions(self.input_length);
        super::basis::check(positions, self.head_width(), self.gamma_norm)?;
        if let Some(target) = self.target_length.filter(|&target| target == 0 || target > positions) {
            let found = format!("found {target}, expected -1 or 1 to {positions}, the positions of an input");
            return Err(problem("target_length", found));
        }
        if self.kept_bins(positions).is_empty() {
            let found = format!("found 1, of which the reference's rule keeps no bin of {positions}");
            return Err(problem("target_length", found));
        }
        if self.output_heads.is_empty() {
            return Err(problem("output_heads", "found none, expected at least one"));
        }
        for (i, head) in self.output_heads.iter().enumerate() {
            let place = format!("output_heads.{}", head.name);
            if head.tracks.is_empty() {
                return Err(problem(place, "found no track, expected at least one"));
            }
            if self.output_heads.iter().take(i).any(|other| other.name == head.name) {
                return Err(problem(place, "found twice, expected once"));
            }
            if let Some(contexts) = head.contexts {
                contexts.check(head.reads, &place)?;
            }
        }
        for (key, rate) in [
            ("dropout_rate", self.dropout_rate),
            ("attn_dropout", self.attn_dropout),
            ("pos_dropout", self.pos_dropout),
        ] {
            if !(0.0..1.0).contains(&rate) {
                return Err(problem(key, format!("found {rate}, expected at least 0 and below 1")));
            }
        }
        Ok(())
    }
}
