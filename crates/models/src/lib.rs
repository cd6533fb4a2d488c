//! Models of sequences: linear probes, networks, Enformer and denoisers of k-mers, the training loop, checkpoints and
//! devices.
//!
//! A [`Checkpoint`] holds named tensors of a `.safetensors` file or a PyTorch state dict. [`load_model`] makes
//! a model of one; a [`LinearProbe`] is also made by [`train_probe`]. Every model is a
//! [`SequenceModel`](cistron_encode::SequenceModel), so that what works for one works for all. A [`Denoiser`] is a
//! [`KmerDenoiser`](cistron_encode::kmer::KmerDenoiser). All are trained by [`fit`]. A [`Device`] says where tensors
//! are computed.
//!
//! No public name shows the tensor library that models are built on.

mod checkpoint;
mod convnet;
mod denoiser;
mod device;
mod enformer;
mod error;
mod load;
#[doc(hidden)]
pub mod nn;
mod probe;
mod tracks;
mod train;
mod vae;

pub use checkpoint::{Checkpoint, LoadReport, Tensor, TensorElement};
pub use convnet::{
    ConvNet, ConvNetConfig, ConvNetData, ConvNetHead, ConvNetLayer, ConvNetLoss, ConvNetTraining,
    FlattenOrder, HeadActivation, TrainedConvNet, train_convnet,
};
pub use denoiser::{Denoiser, DenoiserKind, DenoiserTraining, TrainedDenoiser, train_denoiser};
pub use device::Device;
pub use enformer::{
    Enformer, EnformerConfig, EnformerContextAttention, EnformerContextHead, EnformerContextLayer,
    EnformerContexts, EnformerCrop, EnformerHead, EnformerHeadInput, EnformerStart, EnformerTraining,
    GammaNorm, HeadStart, TrackLoss, Trainable, TrainableGroup, TrainedEnformer, finetune_enformer,
    relative_position_basis,
};
pub use error::ModelsError;
pub use load::{LoadedModel, ModelInfo, load_model};
pub use nn::{Activation, Precision};
pub use probe::{
    KmerWeights, LinearProbe, MeanWeights, ProbeData, ProbeEpoch, ProbeKind, ProbeTarget, ProbeTraining,
    TrainedProbe, train_probe,
};
pub use tracks::{TrackCorrelations, TrackWindows, TracksInMemory};
pub use train::{
    Adam, AdamStep, BatchRows, Batches, Dataset, Ended, EpochReport, Feed, FitOptions, FitReport,
    GradientNorm, Initializer, Moments, Optimizer, Plateau, RowOrder, RunFolder, Scalar, Schedule, Sgd, Step,
    StepReport, Trainee, Validation, Watch, adam_first_moment, adam_second_moment, adam_update, add_penalty,
    decay_weights, decays, fit, scale_gradient, sgd_momentum, sgd_nesterov, sgd_update, with_feed,
};
pub use vae::{
    MutantEffect, TrainedVae, Vae, VaeActivation, VaeAdam, VaeConfig, VaeEmbedding, VaeLearner,
    VaeLikelihood, VaeNoise, VaePoint, VaeSparsity, VaeStart, VaeTerms, VaeTraining, VaeUpdate,
    ensemble_effects, train_vae,
};
