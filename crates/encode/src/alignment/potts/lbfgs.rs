//! Minimisation by the limited-memory BFGS method (Nocedal 1980, doi:10.1090/S0025-5718-1980-0572855-7).

/// Numbers summed in single precision before they join a sum in double.
const CHUNK: usize = 1 << 14;
const LANES: usize = 16;
/// How much of the decrease that the slope promises a step must bring.
const SUFFICIENT: f64 = 1e-4;
/// By how much a step that does not is shortened.
const SHORTER: f64 = 0.4;
/// A step below this part of the first has failed.
const SHORTEST: f64 = 1e-8;

/// Where a search stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) iteration: usize,
    pub(super) evaluations: usize,
    pub(super) loss: f64,
    /// The length of the gradient beside that of the point (or 1).
    pub(super) gradient: f64,
}

/// A pair of differences of points and gradients.
struct Memory {
    step: Vec<f32>,
    change: Vec<f32>,
    /// Their product.
    product: f64,
}

/// Walks from `point` downhill. `evaluate` gives the loss at a point and writes its gradient; `each` hears of every
/// point, the first included, and says whether to go on.
pub(super) fn minimise<E>(
    point: &mut [f32],
    memories: usize,
    mut evaluate: impl FnMut(&[f32], &mut [f32]) -> f64,
    mut each: impl FnMut(State) -> Result<bool, E>,
) -> Result<(), E> {
    let mut gradient = vec![0.0; point.len()];
    let mut before = vec![0.0; point.len()];
    let mut direction = vec![0.0; point.len()];
    let mut memory: Vec<Memory> = Vec::new();
    let mut loss = evaluate(point, &mut gradient);
    let mut evaluations = 1;
    for iteration in 0.. {
        let length = dot(&gradient, &gradient).sqrt();
        let relative = length / dot(point, point).sqrt().max(1.0);
        if !each(State { iteration, evaluations, loss, gradient: relative })? || length == 0.0 {
            break;
        }
        descend(&mut direction, &gradient, &memory);
        let mut slope = dot(&direction, &gradient);
        if slope.is_nan() || slope >= 0.0 {
            // Rounding has spoilt what is remembered.
            memory.clear();
            descend(&mut direction, &gradient, &memory);
            slope = -length * length;
        }
        let mut size = if memory.is_empty() { 1.0 / length } else { 1.0 };
        before.copy_from_slice(&gradient);
        add(point, size, &direction);
        let start = loss;
        loop {
            loss = evaluate(point, &mut gradient);
            evaluations += 1;
            if loss <= start + SUFFICIENT * size * slope || size < SHORTEST {
                break;
            }
            add(point, size * (SHORTER - 1.0), &direction);
            size *= SHORTER;
        }
        if loss > start {
            // Nothing below is left to be found at this precision.
            add(point, -size, &direction);
            break;
        }
        remember(&mut memory, memories, size, &direction, (&before, &gradient));
    }
    Ok(())
}

/// The direction of the next step: the gradient through the inverse curvature that is remembered.
fn descend(direction: &mut [f32], gradient: &[f32], memory: &[Memory]) {
    for (direction, gradient) in direction.iter_mut().zip(gradient) {
        *direction = -gradient;
    }
    let mut factors = Vec::with_capacity(memory.len());
    for Memory { step, change, product } in memory.iter().rev() {
        let factor = dot(step, direction) / product;
        add(direction, -factor, change);
        factors.push(factor);
    }
    if let Some(Memory { change, product, .. }) = memory.last() {
        let scale = (product / dot(change, change)) as f32;
        for direction in &mut *direction {
            *direction *= scale;
        }
    }
    for (Memory { step, change, product }, factor) in memory.iter().zip(factors.into_iter().rev()) {
        let other = dot(change, direction) / product;
        add(direction, factor - other, step);
    }
}

/// Keeps a pair of differences in the place of the oldest, if it tells of a curvature that is positive.
fn remember(
    memory: &mut Vec<Memory>,
    memories: usize,
    size: f64,
    direction: &[f32],
    (before, after): (&[f32], &[f32]),
) {
    let mut oldest = if memory.len() < memories {
        Memory { step: vec![0.0; direction.len()], change: vec![0.0; direction.len()], product: 0.0 }
    } else if memory.is_empty() {
        return;
    } else {
        memory.remove(0)
    };
    let size = size as f32;
    for (step, direction) in oldest.step.iter_mut().zip(direction) {
        *step = size * direction;
    }
    for ((change, after), before) in oldest.change.iter_mut().zip(after).zip(before) {
        *change = after - before;
    }
    oldest.product = dot(&oldest.step, &oldest.change);
    if oldest.product > 0.0 {
        memory.push(oldest);
    }
}

/// The sum of products, each chunk in single precision in an order of its own, chunks in double in their order.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let part = |(a, b): (&[f32], &[f32])| {
        let mut lanes = [0.0_f32; LANES];
        let (a, rest_a) = a.as_chunks::<LANES>();
        let (b, rest_b) = b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                *lane += a * b;
            }
        }
        let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
        lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>() + f64::from(rest)
    };
    a.chunks(CHUNK).zip(b.chunks(CHUNK)).map(part).sum()
}

fn add(to: &mut [f32], factor: f64, what: &[f32]) {
    let factor = factor as f32;
    for (to, what) in to.iter_mut().zip(what) {
        *to += factor * what;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_valley_of_rosenbrock_is_walked_to_its_end() {
        let evaluate = |x: &[f32], g: &mut [f32]| {
            let (x, y) = (f64::from(x[0]), f64::from(x[1]));
            g[0] = (-400.0 * x * (y - x * x) - 2.0 * (1.0 - x)) as f32;
            g[1] = (200.0 * (y - x * x)) as f32;
            100.0 * (y - x * x).powi(2) + (1.0 - x).powi(2)
        };
        let mut point = [-1.2_f32, 1.0];
        let mut last = f64::INFINITY;
        minimise(&mut point, 5, evaluate, |state| {
            assert!(state.loss <= last, "never uphill");
            last = state.loss;
            Ok::<_, ()>(state.iteration < 100)
        })
        .unwrap();
        // Single precision keeps seven digits of x*x.
        assert!(point.iter().all(|x| (x - 1.0).abs() < 1e-3), "{point:?}");
    }

    #[test]
    fn a_search_at_its_end_stops() {
        let mut point = [0.0_f32; 3];
        let mut calls = 0;
        minimise(
            &mut point,
            3,
            |_, g| {
                g.fill(0.0);
                1.0
            },
            |_| {
                calls += 1;
                Ok::<_, ()>(true)
            },
        )
        .unwrap();
        assert_eq!(calls, 1);
    }

    #[test]
    fn long_products_are_exact_enough() {
        let a: Vec<f32> = (0..50_001).map(|i| (i % 7) as f32).collect();
        let exact: f64 = a.iter().map(|&a| f64::from(a) * f64::from(a)).sum();
        assert_eq!(dot(&a, &a), exact, "sums of small integers are exact");
    }
}
