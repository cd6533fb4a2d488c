//! Architectures as they were published.

use super::{ConvNetConfig, ConvNetHead, ConvNetLayer, FlattenOrder, HeadActivation};
use crate::Activation;

const RELU: ConvNetLayer = ConvNetLayer::Activation(Activation::Relu);
const FLATTEN: ConvNetLayer = ConvNetLayer::Flatten { order: FlattenOrder::Channel };

fn conv(name: &str, (inputs, outputs): (usize, usize), kernel: usize, padding: usize) -> ConvNetLayer {
    ConvNetLayer::Conv1d {
        name: name.to_owned(),
        inputs,
        outputs,
        kernel,
        stride: 1,
        padding,
        dilation: 1,
        groups: 1,
        bias: true,
    }
}

fn linear(name: &str, inputs: usize, outputs: usize) -> ConvNetLayer {
    ConvNetLayer::Linear { name: name.to_owned(), inputs, outputs, bias: true }
}

const fn pool(kernel: usize) -> ConvNetLayer {
    ConvNetLayer::MaxPool { kernel, stride: kernel, padding: 0 }
}

const fn dropout(p: f64) -> ConvNetLayer {
    ConvNetLayer::Dropout { p }
}

/// A head of one number a track for the whole sequence.
fn head(name: &str, tracks: usize, activation: HeadActivation, layers: Vec<ConvNetLayer>) -> ConvNetHead {
    ConvNetHead {
        name: name.to_owned(),
        tracks: (0..tracks).map(|track| track.to_string()).collect(),
        bins: 1,
        bin_width: None,
        first_bin: 0,
        activation,
        layers,
    }
}

fn dna(input_length: usize, layers: Vec<ConvNetLayer>, heads: Vec<ConvNetHead>) -> ConvNetConfig {
    ConvNetConfig { alphabet: "ACGT".to_owned(), input_length: Some(input_length), layers, heads }
}

impl ConvNetConfig {
    /// The shape of Basset (Kelley et al. 2016, doi:10.1101/gr.200535.115) for 2,000 letters and 164 cell types: three
    /// convolutions of 300, 200 and 200 channels with pools of 3, 4 and 4, two layers of 1,000 units. Without the
    /// normalisation that the published one trains with, which its weights can take up.
    ///
    /// ```
    /// use cistron_models::ConvNetConfig;
    ///
    /// assert_eq!(ConvNetConfig::basset().n_parameters(), 10_329_664);
    /// # ConvNetConfig::basset().check()?;
    /// # Ok::<(), cistron_models::ModelsError>(())
    /// ```
    pub fn basset() -> Self {
        let layers = vec![
            conv("conv1", (4, 300), 19, 9),
            RELU,
            pool(3),
            conv("conv2", (300, 200), 11, 5),
            RELU,
            pool(4),
            conv("conv3", (200, 200), 7, 3),
            RELU,
            pool(4),
            FLATTEN,
            linear("fc1", 200 * 41, 1000),
            RELU,
            dropout(0.3),
            linear("fc2", 1000, 1000),
            RELU,
            dropout(0.3),
            linear("fc3", 1000, 164),
        ];
        dna(2000, layers, vec![head("accessibility", 164, HeadActivation::Sigmoid, Vec::new())])
    }

    /// `DeepSEA` (Zhou and Troyanskaya 2015, doi:10.1038/nmeth.3547): 1,000 letters, 919 profiles of chromatin.
    ///
    /// ```
    /// use cistron_models::ConvNetConfig;
    ///
    /// assert_eq!(ConvNetConfig::deepsea().n_parameters(), 52_843_119);
    /// # ConvNetConfig::deepsea().check()?;
    /// # Ok::<(), cistron_models::ModelsError>(())
    /// ```
    pub fn deepsea() -> Self {
        let layers = vec![
            conv("conv1", (4, 320), 8, 0),
            RELU,
            pool(4),
            dropout(0.2),
            conv("conv2", (320, 480), 8, 0),
            RELU,
            pool(4),
            dropout(0.2),
            conv("conv3", (480, 960), 8, 0),
            RELU,
            dropout(0.5),
            FLATTEN,
            linear("fc1", 960 * 53, 925),
            RELU,
            linear("fc2", 925, 919),
        ];
        dna(1000, layers, vec![head("chromatin", 919, HeadActivation::Sigmoid, Vec::new())])
    }

    /// Beluga, the network of `ExPecto` (Zhou et al. 2018, doi:10.1038/s41588-018-0160-6): 2,000 letters, 2,002 profiles
    /// of chromatin.
    ///
    /// ```
    /// use cistron_models::ConvNetConfig;
    ///
    /// assert_eq!(ConvNetConfig::beluga().n_parameters(), 149_536_251);
    /// # ConvNetConfig::beluga().check()?;
    /// # Ok::<(), cistron_models::ModelsError>(())
    /// ```
    pub fn beluga() -> Self {
        let layers = vec![
            conv("conv1", (4, 320), 8, 0),
            RELU,
            conv("conv2", (320, 320), 8, 0),
            RELU,
            dropout(0.2),
            pool(4),
            conv("conv3", (320, 480), 8, 0),
            RELU,
            conv("conv4", (480, 480), 8, 0),
            RELU,
            dropout(0.2),
            pool(4),
            conv("conv5", (480, 640), 8, 0),
            RELU,
            conv("conv6", (640, 640), 8, 0),
            RELU,
            dropout(0.5),
            FLATTEN,
            linear("fc1", 640 * 106, 2003),
            RELU,
            linear("fc2", 2003, 2002),
        ];
        dna(2000, layers, vec![head("chromatin", 2002, HeadActivation::Sigmoid, Vec::new())])
    }

    /// The shape of `BPNet` (Avsec et al. 2021, doi:10.1038/s41588-021-00782-6): a convolution of 64 channels over 25
    /// letters, nine residual ones over 3 positions whose dilation doubles from 2 to 512; for each track a profile of
    /// logits, one a base, and the logarithm of the counts. Without the control tracks that the published one takes in.
    ///
    /// ```
    /// use cistron_models::ConvNetConfig;
    ///
    /// let config = ConvNetConfig::bpnet(1000, &["plus", "minus"]);
    /// let (first, dilated) = (64 * (4 * 25 + 1), 9 * 64 * (64 * 3 + 1));
    /// assert_eq!(config.n_parameters(), first + dilated + 2 * (64 * 25 + 1) + 2 * (64 + 1));
    /// assert_eq!(config.heads[0].bins, 1000);
    /// # config.check()?;
    /// # Ok::<(), cistron_models::ModelsError>(())
    /// ```
    pub fn bpnet(input_length: usize, tracks: &[&str]) -> Self {
        const CHANNELS: usize = 64;
        let mut layers = vec![conv("conv", (4, CHANNELS), 25, 12), RELU];
        layers.extend((1..=9).map(|level| {
            let dilation = 1 << level;
            let dilated = ConvNetLayer::Conv1d {
                name: format!("dilated{level}"),
                inputs: CHANNELS,
                outputs: CHANNELS,
                kernel: 3,
                stride: 1,
                padding: dilation,
                dilation,
                groups: 1,
                bias: true,
            };
            ConvNetLayer::Residual { layers: vec![dilated, RELU] }
        }));
        let names: Vec<String> = tracks.iter().map(|track| (*track).to_owned()).collect();
        let counted = vec![ConvNetLayer::GlobalMean, linear("counts", CHANNELS, names.len())];
        let counts = ConvNetHead { tracks: names, ..head("counts", 0, HeadActivation::None, counted) };
        let profile = ConvNetHead {
            name: "profile".to_owned(),
            bins: input_length,
            bin_width: Some(1),
            layers: vec![conv("profile", (CHANNELS, tracks.len()), 25, 12)],
            ..counts.clone()
        };
        dna(input_length, layers, vec![profile, counts])
    }
}
