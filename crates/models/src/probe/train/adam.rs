/// The optimizer of Kingma and Ba 2015 (arXiv:1412.6980, algorithm 1), with PyTorch's defaults.
pub(super) struct Adam {
    first: Vec<f64>,
    second: Vec<f64>,
    learning_rate: f64,
    steps: i32,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl Adam {
    /// Moments of 0 for `n` weights.
    pub(super) fn new(n: usize, learning_rate: f64) -> Self {
        Self { first: vec![0.0; n], second: vec![0.0; n], learning_rate, steps: 0 }
    }

    /// Moves the weights against a gradient.
    pub(super) fn step(&mut self, weights: &mut [f64], gradient: &[f64]) {
        self.steps = self.steps.saturating_add(1);
        let rate = self.learning_rate / (1.0 - BETA1.powi(self.steps));
        let second_scale = 1.0 / (1.0 - BETA2.powi(self.steps));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((weight, slope), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
            *first = BETA1 * *first + (1.0 - BETA1) * slope;
            *second = BETA2 * *second + (1.0 - BETA2) * slope * slope;
            *weight -= rate * *first / ((*second * second_scale).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by hand: the corrected moments of the first step are the gradient and its square, so the step
    /// is the learning rate against the sign; of the second, with gradients 2 and -1,
    /// m = (0.1·0.9·2 - 0.1)/0.19 and v = (0.001·0.999·4 + 0.001)/0.001999.
    #[test]
    fn steps_follow_the_paper() {
        let (mut adam, mut weights) = (Adam::new(1, 0.1), [1.0]);
        adam.step(&mut weights, &[2.0]);
        assert!((weights[0] - 0.9).abs() < 1e-8, "{weights:?}");
        adam.step(&mut weights, &[-1.0]);
        let (m, v) = (0.08 / 0.19, 0.004_996 / 0.001_999_f64);
        assert!((weights[0] - (0.9 - 0.1 * m / v.sqrt())).abs() < 1e-8, "{weights:?}");
    }
}
