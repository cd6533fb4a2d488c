use super::super::{KmerDenoiser, KmerError};

/// Denoises a read of any length by the votes of its k-mers.
///
/// Each window of known bases is denoised by itself and gives, at each of its places, its confidence to the base that
/// it predicts. The base with the highest sum wins, ties go to the read's own base, then to the lowest code. Places
/// that no window covers, and reads shorter than a k-mer, stay as they are.
///
/// * `read`: DNA codes, anything above 3 is an unknown base; changed in place
/// * returns the number of bases changed
///
/// # Errors
/// The denoiser's own; the read is then as it was.
///
/// ```
/// use cistron_encode::kmer::{CodebookDenoiser, CodebookOptions, PackedSequences, vote};
///
/// let mut genome = PackedSequences::default();
/// genome.push(b"ACGGTCATTACCGATTTGCA");
/// let codebook = CodebookDenoiser::new(genome, 9, CodebookOptions::default())?;
/// // CGGTCATTACCGA with two other bases.
/// let mut read = [1, 2, 0, 3, 1, 0, 3, 3, 1, 1, 1, 2, 0];
/// assert_eq!(vote(&codebook, &mut read)?, 2);
/// assert_eq!(read, [1, 2, 2, 3, 1, 0, 3, 3, 0, 1, 1, 2, 0]);
/// # Ok::<(), cistron_encode::kmer::KmerError>(())
/// ```
pub fn vote(denoiser: &dyn KmerDenoiser, read: &mut [u8]) -> Result<usize, KmerError> {
    let k = denoiser.k();
    let known = |start: &usize| read[*start..*start + k].iter().all(|&code| code < 4);
    let starts: Vec<usize> = (0..(read.len() + 1).saturating_sub(k)).filter(known).collect();
    let noisy: Vec<u8> = starts.iter().flat_map(|&start| &read[start..start + k]).copied().collect();
    let (mut prediction, mut confidence) = (vec![0; noisy.len()], vec![0.0; noisy.len()]);
    denoiser.denoise(&noisy, &mut prediction, &mut confidence)?;
    let mut votes = vec![[0.0_f64; 4]; read.len()];
    let windows = prediction.chunks_exact(k).zip(confidence.chunks_exact(k));
    for (start, (codes, weights)) in starts.into_iter().zip(windows) {
        for ((votes, &code), &weight) in votes[start..].iter_mut().zip(codes).zip(weights) {
            votes[usize::from(code & 3)] += f64::from(weight);
        }
    }
    let mut changes = 0;
    for (code, votes) in read.iter_mut().zip(votes) {
        let own = votes.get(usize::from(*code)).copied().unwrap_or(0.0);
        let (best, _) = (0..4).fold((*code, own), |best, other| {
            let votes = votes[usize::from(other)];
            if votes > best.1 { (other, votes) } else { best }
        });
        changes += usize::from(best != *code);
        *code = best;
    }
    Ok(changes)
}
