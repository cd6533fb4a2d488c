use cistron_core::Run;

use super::graph::{Entry, Graph, GraphOptions};
use super::{Enformer, EnformerConfig, Place};
use crate::nn::Precision;
use crate::train::{Batches, FitReport, NetworkTrainee, RunFolder, fit, with_feed};
use crate::{LoadReport, ModelsError, TrackWindows};

mod cache;
mod learner;
mod options;
mod rows;
mod start;

use cache::TrunkCache;
use learner::{Learner, Tuned, tune_identity};
pub use options::{EnformerTraining, HeadStart, TrackLoss};
use rows::{Inlet, Rows, Views};
pub use start::EnformerStart;
use start::Start;

use super::engine::Engine;

/// A finetuned Enformer and how it came about.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct TrainedEnformer {
    /// The model of the best epoch, with all its weights.
    pub model: Enformer,
    /// Each epoch that ran. Metrics are `pearson`, over all bins of the validation windows, and `pearson_windows`, the
    /// mean of the windows' own; both are means over tracks.
    pub report: FitReport,
    /// The names of the tensors that were trained.
    pub trained: Vec<String>,
    /// What loading had to do and to leave; nothing for a model that began anew.
    pub loaded: LoadReport,
}

/// Trains an Enformer on windows and their tracks.
///
/// What is below the lowest trained layer is not part of training: the engine of predictions computes it, and with
/// [`EnformerTraining::cache`] once for each window and strand. A layer of which nothing is trained runs as in
/// prediction, without dropout and with its running statistics.
///
/// The result depends on the data, the options and the seed, to the last bit, and not on the number of threads. With a
/// folder there are, beside the files of [`RunFolder`]: `config.json`, so that the folder is a model for
/// [`load_model`](crate::load_model) after the first epoch; `trained.tsv`, the trained tensors with their shapes; and
/// `tracks-<epoch>.tsv`, the correlations of each track. `model.safetensors` then has all weights, those of low rank
/// added to the weights that they change. A run that was interrupted goes on as if it had not been.
///
/// # Errors
/// [`ModelsError::Network`] for a configuration that does not fit together; [`ModelsError::Option`];
/// [`ModelsError::Data`] for windows that do not fit the model or one another, or numbers that the loss does not take;
/// [`ModelsError::Diverged`], [`ModelsError::Cancelled`], those of the folder and of reading the weights.
///
/// **Memory**: the weights once (1.0 GB at full size), again while a better epoch is saved, and what gradients need of
/// the trained layers.
///
/// ```
/// use cistron_core::{Alphabet, Run, Seed};
/// use cistron_encode::random_sequences;
/// use cistron_models::{
///     EnformerConfig, EnformerStart, EnformerTraining, TracksInMemory, finetune_enformer,
/// };
///
/// // As small as one can be: 64 letters become 8 positions of 12 numbers, of which 4 are kept.
/// let config = EnformerConfig {
///     dim: 12,
///     depth: 1,
///     heads: 2,
///     attn_dim_key: 4,
///     target_length: Some(4),
///     num_downsamples: 3,
///     dim_divisible_by: 6,
///     input_length: 64,
///     ..EnformerConfig::default()
/// };
/// // The number of Gs in each bin of 8 letters.
/// let letters = random_sequences(&Alphabet::dna(), 20, 64, &[], Seed::new(1))?;
/// let counts = ndarray::Array3::from_shape_fn((20, 4, 1), |(window, bin, _)| {
///     let first = 16 + 8 * bin;
///     (first..first + 8).filter(|&at| letters.codes()[(window, at)] == 2).count() as f32
/// });
/// let windows = TracksInMemory::new(letters, counts, vec!["G".to_owned()])?;
/// let options = EnformerTraining {
///     trainable: "head,pointwise".parse()?,
///     learning_rate: 1e-2,
///     epochs: 2,
///     ..EnformerTraining::default()
/// };
/// let start = EnformerStart::Scratch(&config);
/// let trained = finetune_enformer(start, &windows, &windows, &options, None, Run::default())?;
/// assert_eq!(trained.model.config().output_heads[0].tracks, ["G"]);
/// assert_eq!(trained.trained.len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn finetune_enformer(
    start: EnformerStart<'_>,
    training: &dyn TrackWindows,
    validation: &dyn TrackWindows,
    options: &EnformerTraining,
    folder: Option<&RunFolder>,
    run: Run<'_>,
) -> Result<TrainedEnformer, ModelsError> {
    options.check(training.tracks().len())?;
    let start = Start::new(start, options, training, run.seed)?;
    let config = &start.config;
    check_windows("training", training, config)?;
    check_windows("validation", validation, config)?;
    check_mirror(config, options)?;
    let trained = options.trainable.resolve(config)?;
    let identity = tune_identity(&start, training, validation, options)?;
    let batches = Batches::new(training.n_windows(), options.batch, run.seed)?;
    let graph = graph_of(&start, options, run)?;
    let engine = match graph.entry() {
        Entry::Letters => None,
        Entry::Block(block) => Some((Engine::new(config, &mut |parameter| start.values(parameter))?, block)),
    };
    let strands = if options.reverse_complement { 2 } else { 1 };
    let n_training = training.n_windows().saturating_mul(strands);
    let slots = n_training.saturating_add(validation.n_windows());
    let cache = cache_of(config, options, &identity, graph.entry(), slots)?;
    let inlet = Inlet::new(config, engine.as_ref(), cache.as_ref());
    let rows =
        |set, windows, views, first_slot| Rows { set, windows, inlet: &inlet, views, first_slot, options };
    let views = Views { seed: run.seed, reverse: options.reverse_complement, max_shift: options.max_shift };
    let learned = rows("training", training, Some(views), 0);
    let measured = rows("validation", validation, None, n_training);
    let learner = Learner {
        graph: &graph,
        config,
        measured: &measured,
        options,
        identity,
        trained: &trained,
        folder,
        run,
    };
    let (report, changed) = with_feed(&learned, batches, 1, |feed| {
        let trainee = NetworkTrainee::new(&learner, feed, options.stepping(), run.seed)?;
        let mut tuned = Tuned::new(trainee, &graph, &start);
        let report = fit(&mut tuned, &options.fitting(), folder, run)?;
        Ok::<_, ModelsError>((report, tuned.changed()?))
    })?;
    drop(engine);
    let model = Enformer::build(config, Place::default(), &mut |parameter| start.with(&changed, parameter))?;
    Ok(TrainedEnformer { model, report, trained, loaded: start.loaded })
}

/// The trained layers.
fn graph_of(start: &Start, options: &EnformerTraining, run: Run<'_>) -> Result<Graph, ModelsError> {
    let how = GraphOptions {
        device: options.device,
        precision: Precision::Single,
        seed: run.seed,
        recompute: options.recompute,
    };
    Graph::new(&start.config, &options.trainable, &mut |parameter| start.values(parameter), how)
}

/// The file of what lies below them, if it is wanted.
fn cache_of(
    config: &EnformerConfig,
    options: &EnformerTraining,
    identity: &[(String, String)],
    entry: Entry,
    n_slots: u64,
) -> Result<Option<TrunkCache>, ModelsError> {
    let n_values = config.n_positions(config.input_length) * config.dim;
    match (&options.cache, entry) {
        (None, _) => Ok(None),
        (Some(_), Entry::Letters) => Err(options::nothing_frozen()),
        (Some(path), Entry::Block(block)) => {
            TrunkCache::open(path, identity, block, n_slots, n_values).map(Some)
        }
    }
}

fn check_windows(
    set: &'static str,
    windows: &dyn TrackWindows,
    config: &EnformerConfig,
) -> Result<(), ModelsError> {
    let refuse = |problem: String| Err(ModelsError::Data { set, problem });
    if windows.n_windows() == 0 {
        return refuse("found no window, expected at least 1".to_owned());
    }
    let bins = config.kept_bins(config.n_positions(config.input_length)).len();
    for (what, found, expected) in
        [("letters of an input", windows.input_length(), config.input_length), ("bins", windows.bins(), bins)]
    {
        if found != expected {
            return refuse(format!("found {found} {what}, expected the model's {expected}"));
        }
    }
    let tracks: Vec<&String> = config.output_heads.iter().flat_map(|head| &head.tracks).collect();
    if !tracks.iter().copied().eq(windows.tracks()) {
        let found = windows.tracks().join(", ");
        let expected = tracks.iter().map(|track| track.as_str()).collect::<Vec<_>>().join(", ");
        return refuse(format!("found tracks {found}, expected {expected}"));
    }
    Ok(())
}

/// The bins of a window are those of its reverse complement, last first, only if they lie in the middle.
fn check_mirror(config: &EnformerConfig, options: &EnformerTraining) -> Result<(), ModelsError> {
    let positions = config.n_positions(config.input_length);
    let kept = config.kept_bins(positions);
    let is_even = positions << config.num_downsamples == config.input_length
        && kept.start == positions.saturating_sub(kept.end);
    if is_even || !options.reverse_complement {
        return Ok(());
    }
    Err(ModelsError::Option {
        option: "reverse complement",
        found: format!("given for bins {}..{} of {positions}", kept.start, kept.end),
        expected: "bins in the middle of the input".to_owned(),
    })
}

#[cfg(test)]
mod tests;
