use crate::ModelsError;

/// Windows of a genome with the numbers of their bins, each read when it is asked for.
///
/// A model reads `input_length` letters and predicts the bins around their middle.
/// [`TracksInMemory`](crate::TracksInMemory) holds them; other implementers read files.
pub trait TrackWindows: Sync {
    /// The number of windows.
    fn n_windows(&self) -> u64;

    /// The letters of an input.
    fn input_length(&self) -> usize;

    /// The bins of a window.
    fn bins(&self) -> usize;

    /// The names of the tracks.
    fn tracks(&self) -> &[String];

    /// Replaces `codes` by the letters of a window on the forward strand, `shift` bases to the right of where they
    /// are: [`input_length`](Self::input_length) codes of the DNA alphabet, padding beyond what is known.
    ///
    /// # Errors
    /// Whatever stands in the way of reading them.
    fn letters(&self, window: u64, shift: i64, codes: &mut Vec<u8>) -> Result<(), ModelsError>;

    /// The numbers of a window, (bins, tracks), from left to right.
    ///
    /// # Errors
    /// Whatever stands in the way of reading them.
    fn targets(&self, window: u64, targets: &mut [f32]) -> Result<(), ModelsError>;

    /// Shows the bytes that tell these windows from others, in an order of its own: a run is resumed, and what was
    /// computed once is used again, for data that show the same.
    ///
    /// # Errors
    /// Whatever stands in the way of reading them.
    fn identify(&self, add: &mut dyn FnMut(&[u8])) -> Result<(), ModelsError>;
}
