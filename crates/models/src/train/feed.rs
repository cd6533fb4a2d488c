use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::dataset::{BatchRows, Batches, Dataset};
use crate::ModelsError;

/// Runs `work` with a feed of batches, of which up to `ahead` are made in a background thread while the model
/// computes; with 0 each is made when it is asked for.
///
/// Batches are the same, and in the same order, for any `ahead`. Batches beyond the last one that is taken may be
/// made for nothing; an error in them is not seen.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_models::{Batches, Dataset, ModelsError, with_feed};
///
/// struct Numbers;
/// impl Dataset for Numbers {
///     type Batch = u64;
///     fn n_rows(&self) -> u64 {
///         10
///     }
///     fn batch(&self, _: u64, rows: &[u64]) -> Result<u64, ModelsError> {
///         Ok(rows.iter().sum())
///     }
/// }
///
/// let batches = Batches::new(10, 4, Seed::new(0))?;
/// let sum = with_feed(&Numbers, batches, 2, |feed| {
///     (0..batches.n_steps()).map(|index| feed.get(0, index)).sum::<Result<u64, _>>()
/// })?;
/// assert_eq!(sum, 45);
/// # Ok::<(), ModelsError>(())
/// ```
pub fn with_feed<D: Dataset, R>(
    dataset: &D,
    batches: Batches,
    ahead: usize,
    work: impl FnOnce(&mut Feed<'_, D>) -> R,
) -> R {
    if ahead == 0 {
        return work(&mut Feed { batches, source: Source::Direct { dataset, rows: batches.reader() } });
    }
    thread::scope(|scope| {
        // There are never more than `ahead` places on their way, so that neither side waits to send.
        let (ask, places) = sync_channel::<Place>(ahead);
        let (answer, answers) = sync_channel(ahead);
        scope.spawn(move || make(dataset, batches.reader(), &places, &answer));
        let asked = VecDeque::with_capacity(ahead);
        // The feed is gone when the work is done; the thread then finds its channel closed, and ends.
        work(&mut Feed { batches, source: Source::Ahead { ask, answers, asked, ahead } })
    })
}

/// An epoch and a step of it.
type Place = (u64, u64);

type Made<D> = Result<<D as Dataset>::Batch, ModelsError>;

/// Batches by step, see [`with_feed`].
pub struct Feed<'a, D: Dataset> {
    batches: Batches,
    source: Source<'a, D>,
}

enum Source<'a, D: Dataset> {
    Direct { dataset: &'a D, rows: BatchRows },
    Ahead { ask: SyncSender<Place>, answers: Receiver<Made<D>>, asked: VecDeque<Place>, ahead: usize },
}

impl<D: Dataset> Feed<'_, D> {
    /// The number of steps of an epoch.
    pub fn n_steps(&self) -> u64 {
        self.batches.n_steps()
    }

    /// The batch of step `index` of an epoch. Any step may be asked for; those that follow one another are ready.
    ///
    /// # Errors
    /// Those of the data set.
    pub fn get(&mut self, epoch: u64, index: u64) -> Made<D> {
        let n_steps = self.batches.n_steps();
        match &mut self.source {
            Source::Direct { dataset, rows } => dataset.batch(epoch, rows.rows(epoch, index)),
            Source::Ahead { ask, answers, asked, ahead } => {
                let wanted = (epoch, index);
                // After a jump, what is on its way is of no use.
                while asked.front().is_some_and(|place| *place != wanted) {
                    asked.pop_front();
                    let _ = answers.recv().map_err(|_| lost())?;
                }
                if asked.pop_front().is_none() {
                    ask.send(wanted).map_err(|_| lost())?;
                }
                let batch = answers.recv().map_err(|_| lost())?;
                // What follows is made while the caller computes.
                let mut next = following(asked.back().copied().unwrap_or(wanted), n_steps);
                while asked.len() < *ahead {
                    ask.send(next).map_err(|_| lost())?;
                    asked.push_back(next);
                    next = following(next, n_steps);
                }
                batch
            }
        }
    }
}

fn following((epoch, index): Place, n_steps: u64) -> Place {
    if index + 1 < n_steps { (epoch, index + 1) } else { (epoch + 1, 0) }
}

fn make<D: Dataset>(
    dataset: &D,
    mut rows: BatchRows,
    places: &Receiver<Place>,
    answer: &SyncSender<Made<D>>,
) {
    for (epoch, index) in places {
        if answer.send(dataset.batch(epoch, rows.rows(epoch, index))).is_err() {
            return;
        }
    }
}

/// The thread ended although it was asked for more: the data set panicked, which the scope passes on.
fn lost() -> ModelsError {
    ModelsError::Data { set: "training", problem: "the thread that makes batches ended early".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use cistron_core::Seed;

    use super::*;

    /// Batches are their epoch and rows; row 13 cannot be read.
    struct Rows(AtomicU64);

    impl Dataset for Rows {
        type Batch = (u64, Vec<u64>);

        fn n_rows(&self) -> u64 {
            50
        }

        fn batch(&self, epoch: u64, rows: &[u64]) -> Result<Self::Batch, ModelsError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if rows.contains(&13) {
                let problem = format!("row 13 of epoch {epoch} is damaged");
                return Err(ModelsError::Data { set: "training", problem });
            }
            Ok((epoch, rows.to_vec()))
        }
    }

    fn take(ahead: usize, places: &[Place]) -> (Vec<String>, u64) {
        let dataset = Rows(AtomicU64::new(0));
        let batches = Batches::new(50, 7, Seed::new(3)).unwrap();
        let all = with_feed(&dataset, batches, ahead, |feed| {
            let get = |place: &Place| match feed.get(place.0, place.1) {
                Ok(batch) => format!("{batch:?}"),
                Err(error) => error.to_string(),
            };
            places.iter().map(get).collect()
        });
        (all, dataset.0.load(Ordering::Relaxed))
    }

    #[test]
    fn batches_are_the_same_with_and_without_a_thread() {
        let in_order: Vec<Place> = (0..3).flat_map(|epoch| (0..8).map(move |index| (epoch, index))).collect();
        let jumps = [(0, 3), (0, 4), (2, 0), (2, 1), (2, 1), (0, 7), (1, 0), (0, 0)];
        let damaged = take(0, &in_order).0.iter().filter(|text| text.contains("damaged")).count();
        assert_eq!(damaged, 3, "one batch of each epoch holds row 13");
        for places in [&in_order[..], &jumps] {
            let (expected, _) = take(0, places);
            for ahead in [1, 2, 5, 40] {
                assert_eq!(take(ahead, places).0, expected, "{ahead} ahead");
            }
        }
    }

    #[test]
    fn no_more_batches_are_made_ahead_than_asked_for() {
        let (_, made) = take(3, &[(0, 0), (0, 1)]);
        assert!(made <= 5, "{made}");
        assert_eq!(take(0, &[(0, 0), (0, 1)]).1, 2);
        assert_eq!(take(5, &[]).1, 0);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_of_the_data_set_is_passed_on() {
        struct Broken;
        impl Dataset for Broken {
            type Batch = ();
            fn n_rows(&self) -> u64 {
                1
            }
            fn batch(&self, _: u64, _: &[u64]) -> Result<(), ModelsError> {
                panic!("broken")
            }
        }
        let batches = Batches::new(1, 1, Seed::new(3)).unwrap();
        let _ = with_feed(&Broken, batches, 1, |feed| feed.get(0, 0));
    }
}
