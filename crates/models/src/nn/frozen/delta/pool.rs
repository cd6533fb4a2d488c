use super::changes::{Changes, Scratch};
use super::conv::ceiling;
use super::reference::Kept;
use crate::nn::Real;
use crate::nn::pool::{Pool, PoolShape};
use crate::nn::vector::vectorised;

impl<T: Real + Default> Changes<T> {
    pub(super) fn pool(&mut self, pool: Pool, shape: PoolShape, kept: &Kept<T>, scratch: &mut Scratch<T>) {
        let PoolShape { kernel, stride, padding } = shape;
        let width = (self.width + kernel - 1).div_ceil(stride);
        let (before, step) = (padding as isize - kernel as isize + 1, stride as isize);
        let first = |start: isize| ceiling(start + before, step);
        let (n, channels) = (self.n(), self.channels);
        let next = &mut scratch.next;
        next.clear();
        next.resize(width * n * channels, T::zero());
        for (row, out) in next.chunks_exact_mut(channels.max(1)).enumerate() {
            let (place, mutant) = (row / n, row % n);
            let window = first(self.starts[mutant]) + place as isize;
            let Some(window) = usize::try_from(window).ok().filter(|window| *window < kept.out_rows) else {
                continue;
            };
            let positions = shape.window(window, kept.rows);
            match pool {
                Pool::Max => {
                    let most = &kept.after[window * channels..][..channels];
                    out.fill(T::neg_infinity());
                    self.largest(mutant, positions, (&kept.before, most), out);
                }
                Pool::Mean => self.mean(mutant, positions, kernel, out),
            }
        }
        self.advance(next, width, channels, first);
    }

    /// The changes of a mutant at a position, if it lies in the span.
    fn at(&self, mutant: usize, position: usize) -> Option<&[T]> {
        let place = usize::try_from(position as isize - self.starts[mutant]).ok()?;
        (place < self.width).then(|| self.row(place, mutant))
    }

    /// How the largest value of positions changes. What is compared is how far each value lies below the largest of
    /// the reference: to the largest itself this adds no rounding.
    fn largest(
        &self,
        mutant: usize,
        positions: std::ops::Range<usize>,
        (before, after): (&[T], &[T]),
        out: &mut [T],
    ) {
        let channels = out.len();
        for position in positions {
            let reference = &before[position * channels..][..channels];
            vectorised(
                #[inline(always)]
                || {
                    let rows = reference.iter().zip(after);
                    if let Some(change) = self.at(mutant, position) {
                        for (out, ((x, most), change)) in out.iter_mut().zip(rows.zip(change)) {
                            *out = larger(*out, (*x - *most) + *change);
                        }
                    } else {
                        for (out, (x, most)) in out.iter_mut().zip(rows) {
                            *out = larger(*out, *x - *most);
                        }
                    }
                },
            );
        }
    }

    fn mean(&self, mutant: usize, positions: std::ops::Range<usize>, n: usize, out: &mut [T]) {
        let share = T::of(1.0 / n.max(1) as f64);
        for change in positions.filter_map(|position| self.at(mutant, position)) {
            out.iter_mut().zip(change).for_each(|(out, x)| *out += *x * share);
        }
    }

    /// How each channel's mean or largest value of all positions changes, of one mutant.
    pub(super) fn global(&self, pool: Pool, kept: &Kept<T>, mutant: usize, out: &mut [T]) {
        let place = |position: isize| position.clamp(0, kept.rows as isize) as usize;
        let span = place(self.starts[mutant])..place(self.starts[mutant] + self.width as isize);
        if pool == Pool::Mean {
            self.mean(mutant, span, kept.rows, out);
            return;
        }
        let [up_to, from] = &kept.running;
        let channels = out.len();
        let outside = up_to[span.start * channels..].iter().zip(&from[span.end * channels..]);
        for (out, ((up_to, from), most)) in out.iter_mut().zip(outside.zip(&kept.after)) {
            *out = larger(*up_to, *from) - *most;
        }
        self.largest(mutant, span, (&kept.before, &kept.after), out);
    }
}

#[inline(always)]
fn larger<T: Real>(a: T, b: T) -> T {
    if b > a { b } else { a }
}

/// Of rows of channels, the largest of those before each row, and of those from each row on; one row more than there
/// are.
pub(super) fn running_largest<T: Real>(rows: &[T], channels: usize) -> [Vec<T>; 2] {
    let mut up_to = vec![T::neg_infinity(); rows.len() + channels];
    let mut from = up_to.clone();
    for i in channels..up_to.len() {
        up_to[i] = larger(up_to[i - channels], rows[i - channels]);
    }
    for i in (0..rows.len()).rev() {
        from[i] = larger(from[i + channels], rows[i]);
    }
    [up_to, from]
}
