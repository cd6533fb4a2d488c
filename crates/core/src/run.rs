use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{CoreError, Seed};

/// One part of a plan that several processes share: blocks `⌊index·B/count⌋ … ⌊(index+1)·B/count⌋` of `B`.
///
/// The parts are contiguous, disjoint and cover every block, for any count.
///
/// ```
/// use cistron_core::Shard;
///
/// let shard: Shard = "1/3".parse()?;
/// assert_eq!(shard.blocks(10), 3..6);
/// # Ok::<(), cistron_core::CoreError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// The one shard that is the whole.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Part `index`, from 0, of `count`.
    ///
    /// # Errors
    /// [`CoreError::Syntax`] unless `index < count`.
    pub fn new(index: u32, count: u32) -> Result<Self, CoreError> {
        if index < count { Ok(Self { index, count }) } else { Err(syntax(&format!("{index}/{count}"))) }
    }

    /// Which part this is, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many parts there are.
    pub fn count(self) -> u32 {
        self.count
    }

    /// The blocks of this part of a plan of `blocks` blocks.
    pub fn blocks(self, blocks: u64) -> Range<u64> {
        let cut = |index: u32| (u128::from(index) * u128::from(blocks) / u128::from(self.count)) as u64;
        cut(self.index)..cut(self.index + 1)
    }
}

fn syntax(found: &str) -> CoreError {
    CoreError::Syntax { what: "shard", found: found.to_owned(), expected: "I/N with I from 0 and below N" }
}

impl FromStr for Shard {
    type Err = CoreError;

    fn from_str(text: &str) -> Result<Self, CoreError> {
        let (index, count) = text.split_once('/').ok_or_else(|| syntax(text))?;
        match (index.parse(), count.parse()) {
            (Ok(index), Ok(count)) => Self::new(index, count),
            _ => Err(syntax(text)),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// Something that a run found odd but could work with; never printed by a library.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// How many times it happened.
    pub count: u64,
    /// What happened, in words that follow the count: `windows over a contig end dropped`.
    pub what: String,
}

impl Warning {
    /// A warning about `count` things.
    pub fn new(count: u64, what: impl Into<String>) -> Self {
        Self { count, what: what.into() }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.count, self.what)
    }
}

/// Who watches a run. Every method does nothing by default, and `()` is the observer that does nothing.
pub trait Observer: Send + Sync {
    /// A task begins; `total` items are expected if that is known.
    fn begin(&self, _task: &str, _total: Option<u64>) {}
    /// `items` more items of the current task are done.
    fn advance(&self, _items: u64) {}
    /// The current task has ended.
    fn end(&self) {}
    /// The run found something odd.
    fn warn(&self, _warning: Warning) {}
}

impl Observer for () {}

/// A wish to stop, shared by whoever may utter it and the run that hears it.
///
/// ```
/// let cancel = cistron_core::Cancel::default();
/// let heard = cancel.clone();
/// cancel.cancel();
/// assert!(heard.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the run to stop at its next block.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a long operation runs: who watches, how to stop it, and the seed.
///
/// ```
/// use cistron_core::{Run, Seed};
///
/// let run = Run { seed: Seed::new(1), ..Run::default() };
/// assert!(!run.is_cancelled());
/// ```
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Told of progress and warnings.
    pub observer: &'a dyn Observer,
    /// Asked once a block.
    pub cancel: Option<&'a Cancel>,
    /// Where randomness comes from.
    pub seed: Seed,
}

impl Run<'_> {
    /// Whether the run was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(Cancel::is_cancelled)
    }
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self { observer: &(), cancel: None, seed: Seed::default() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shards_cover_every_block_once(blocks in 0_u64..100_000, count in 1_u32..300) {
            let mut next = 0;
            for index in 0..count {
                let range = Shard::new(index, count).unwrap().blocks(blocks);
                prop_assert_eq!(range.start, next);
                prop_assert!(range.end >= range.start);
                next = range.end;
            }
            prop_assert_eq!(next, blocks);
        }
    }

    #[test]
    fn shards_outside_their_count_are_refused() {
        for bad in ["", "1", "3/3", "-1/3", "0/0", "a/b", "1/2/3"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad:?}");
        }
        assert_eq!("0/1".parse(), Ok(Shard::WHOLE));
    }
}
