use super::{Annotation, Annotations};

/// An order of annotations; ties go by position, then by motif, and what is equal there too stays as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnotationOrder {
    /// By example, start, end, motif and strand.
    #[default]
    Position,
    /// By motif.
    Motif,
    /// The lowest p-value first; unknown ones last.
    PValue,
    /// The highest score first; unknown ones last.
    Score,
    /// The largest attribution in size first; unknown ones last.
    Attribution,
}

impl AnnotationOrder {
    /// What is compared before the place: lower comes first.
    pub(super) fn key(self, row: &Annotation) -> f64 {
        let key = match self {
            Self::Position => 0.0,
            Self::Motif => f64::from(row.motif),
            Self::PValue => row.p_value,
            Self::Score => -row.score,
            Self::Attribution => -row.attribution.abs(),
        };
        // NaN of either sign comes last.
        if key.is_nan() { f64::INFINITY } else { key }
    }
}

/// Where a row stands, as a tuple that compares.
pub(super) fn place(row: &Annotation) -> (u32, u32, u32, u32, Option<cistron_core::Strand>) {
    (row.example, row.start, row.end, row.motif, row.strand)
}

impl Annotations {
    /// The rows in another order.
    ///
    /// ```
    /// use cistron_motif::{Annotation, AnnotationOrder, Annotations};
    ///
    /// let row = |motif, p_value| Annotation { p_value, ..Annotation::new(0, motif, 0, 9) };
    /// let found: Annotations = [row(0, 0.1), row(1, f64::NAN), row(2, 1e-9)].into_iter().collect();
    /// assert_eq!(found.sorted(AnnotationOrder::PValue).motifs(), [2, 0, 1]);
    /// ```
    #[must_use]
    pub fn sorted(&self, order: AnnotationOrder) -> Self {
        let mut rows: Vec<Annotation> = self.iter().collect();
        rows.sort_by(|a, b| order.key(a).total_cmp(&order.key(b)).then_with(|| place(a).cmp(&place(b))));
        rows.into_iter().collect()
    }
}
