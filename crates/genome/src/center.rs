use cistron_core::{Anchor, Region, Strand, Window};

/// The stretch of `width` bases around the middle of a region, or `None` if it would overhang its contig.
///
/// The middle is that of [`Window::centered`]; `contig_length` counts the bases of the contig.
///
/// ```
/// use cistron_core::{Anchor, Region};
/// use cistron_genome::center;
///
/// let peak = Region::new("chr1", 100, 120)?;
/// assert_eq!(center(&peak, 50, Anchor::Half, 135), Some(Region::new("chr1", 85, 135)?));
/// assert_eq!(center(&peak, 50, Anchor::Half, 134), None);
/// assert_eq!(center(&peak, 400, Anchor::Half, 1000), None);
/// # Ok::<(), cistron_core::CoreError>(())
/// ```
pub fn center(region: &Region, width: u32, anchor: Anchor, contig_length: u64) -> Option<Region> {
    let window = Window::centered(region, width, anchor, Strand::Forward);
    let start = u64::try_from(window.start()).ok()?;
    let end = start.checked_add(width.into()).filter(|end| *end <= contig_length)?;
    Region::new(region.contig().clone(), start, end).ok()
}
