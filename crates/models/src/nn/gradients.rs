use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::arithmetic::Arithmetic;
use super::kernel::compute;
use super::tensor::{Raw, RawResult, Tensor};
use crate::ModelsError;

/// From the gradient by a result those by its inputs.
type Backward = Box<dyn Fn(&Raw) -> RawResult<Vec<Option<Raw>>> + Send + Sync>;

/// How a tensor came about that depends on variables.
pub(super) struct Origin {
    /// Higher than those of its inputs.
    number: u64,
    /// `None` for one that depends on no variable.
    inputs: Vec<Option<Arc<Self>>>,
    /// `None` for a variable itself.
    backward: Option<Backward>,
}

impl Origin {
    fn new(inputs: Vec<Option<Arc<Self>>>, backward: Option<Backward>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self { number: NEXT.fetch_add(1, Ordering::Relaxed), inputs, backward })
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", self.number)
    }
}

/// The gradients of one number by all variables that it depends on.
#[derive(Debug, Default)]
pub struct Gradients(BTreeMap<u64, Raw>);

impl Gradients {
    /// The gradient by a variable; `None` if the number does not depend on it.
    pub fn get(&self, variable: &Tensor) -> Option<Tensor> {
        let origin = variable.origin.as_ref()?;
        self.0.get(&origin.number).cloned().map(Tensor::plain)
    }
}

/// The sum of two gradients.
fn sum(a: &Raw, b: &Raw) -> RawResult<Raw> {
    if a.device().is_cpu() { compute(&Arithmetic::Add, [a, b]) } else { a.add(b) }
}

impl Tensor {
    /// Values without a record.
    pub(super) fn plain(raw: Raw) -> Self {
        Self { raw, origin: None }
    }

    /// The result of an operation, with a record if an input has one.
    ///
    /// `backward` gets the inputs whose gradients are wanted and the gradient by the result.
    pub(super) fn recorded<const N: usize>(
        raw: Raw,
        inputs: [&Self; N],
        backward: impl Fn([bool; N], &Raw) -> RawResult<[Option<Raw>; N]> + Send + Sync + 'static,
    ) -> Self {
        let wanted = inputs.map(|x| x.origin.is_some());
        Self::recorded_of_all(raw, &inputs, move |gradient| backward(wanted, gradient).map(Vec::from))
    }

    /// The same of any number of inputs.
    pub(super) fn recorded_of_all(
        raw: Raw,
        inputs: &[&Self],
        backward: impl Fn(&Raw) -> RawResult<Vec<Option<Raw>>> + Send + Sync + 'static,
    ) -> Self {
        if inputs.iter().all(|x| x.origin.is_none()) {
            return Self::plain(raw);
        }
        let inputs = inputs.iter().map(|x| x.origin.clone()).collect();
        Self { raw, origin: Some(Origin::new(inputs, Some(Box::new(backward)))) }
    }

    /// The same values as a variable, by which gradients are taken.
    #[must_use]
    pub fn variable(&self) -> Self {
        Self { raw: self.raw.clone(), origin: Some(Origin::new(Vec::new(), None)) }
    }

    /// The same values without the record of how they were computed: no gradient passes through.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self::plain(self.raw.clone())
    }

    /// The gradients of the sum of all values, by the variables that it depends on.
    ///
    /// # Errors
    /// [`ModelsError::Tensor`] if the device fails.
    pub fn gradients(&self) -> Result<Gradients, ModelsError> {
        Ok(self.gradients_from(self.raw.ones_like()?)?)
    }

    /// The gradients of what has this gradient by the values, by the variables that they depend on.
    pub(super) fn gradients_from(&self, gradient: Raw) -> RawResult<Gradients> {
        let mut found = Gradients::default();
        let Some(origin) = &self.origin else { return Ok(found) };
        // By number: the highest is an input of none that is left.
        let mut open = BTreeMap::from([(origin.number, (Arc::clone(origin), gradient))]);
        while let Some((number, (origin, gradient))) = open.pop_last() {
            let Some(backward) = &origin.backward else {
                found.0.insert(number, gradient);
                continue;
            };
            for (input, gradient) in origin.inputs.iter().zip(backward(&gradient)?) {
                let (Some(input), Some(gradient)) = (input, gradient) else { continue };
                match open.entry(input.number) {
                    Entry::Vacant(place) => drop(place.insert((Arc::clone(input), gradient))),
                    Entry::Occupied(mut place) => {
                        let (_, so_far) = place.get_mut();
                        *so_far = sum(so_far, &gradient)?;
                    }
                }
            }
        }
        Ok(found)
    }
}
