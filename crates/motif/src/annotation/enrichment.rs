use std::collections::BTreeMap;

use cistron_core::falling_q_values;

use super::arrangement::Arrangement;
use super::{Annotations, Orientation, OverlapRule, PairCounting, PairOrder, Spacing, SpacingOptions, tail};
use super::{count_annotations, count_pairs};
use crate::MotifError;

/// A count beside what chance gives.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Enrichment {
    /// How often it was found.
    pub count: u64,
    /// The mean under the null.
    pub expected: f64,
    /// How likely the null gives so many or more.
    pub p_value: f64,
    /// The least false discovery rate at which it is found among all that could have been (Benjamini and Hochberg); what
    /// does not occur counts as a test with p = 1.
    pub q_value: f64,
}

/// Which motifs are found together in more examples than chance puts them.
///
/// Counts are those of [`count_pairs`], each pair once an example, the lower index first. **Null**: each motif is found
/// in as many of the `n_examples` examples as it was, chosen at random and without regard to the other motif. Then the
/// number of examples that hold both is hypergeometric: the expectation is `n_a n_b / n` and the p-value that of
/// Fisher's exact test, one-sided. Both are exact. Examples are taken to be alike; a mixture of long and short, or of
/// GC-rich and GC-poor ones, brings motifs together by itself.
///
/// Q-values are over all pairs of motifs that occur. `n_examples` counts the examples without annotation as well.
///
/// # Errors
/// [`MotifError::Annotation`] for a row of example `n_examples` or above.
///
/// ```
/// use cistron_motif::{Annotation, Annotations, pair_enrichment};
///
/// // Motifs 0 and 1 share the first five of twenty examples: one chance in C(20, 5).
/// let row = |example, motif| Annotation::new(example, motif, 0, 5);
/// let found: Annotations = (0..5).flat_map(|example| [row(example, 0), row(example, 1)]).collect();
/// let pairs = pair_enrichment(&found, 20)?;
/// assert_eq!((pairs[&(0, 1)].count, pairs[&(0, 1)].expected), (5, 1.25));
/// assert!((pairs[&(0, 1)].p_value * 15504.0 - 1.0).abs() < 1e-9);
/// # Ok::<(), cistron_motif::MotifError>(())
/// ```
pub fn pair_enrichment(
    annotations: &Annotations,
    n_examples: u64,
) -> Result<BTreeMap<(u32, u32), Enrichment>, MotifError> {
    let beyond = |&example: &u32| u64::from(example) >= n_examples;
    if let Some(row) = annotations.examples().iter().position(beyond) {
        let problem =
            format!("is of example {}, expected one below {n_examples}", annotations.examples()[row]);
        return Err(MotifError::Annotation { row, problem });
    }
    let mut examples: BTreeMap<u32, u64> = BTreeMap::new();
    for (_, motif) in count_annotations(annotations).into_keys() {
        *examples.entry(motif).or_default() += 1;
    }
    let n = examples.len() as u64;
    let counts = count_pairs(annotations, PairCounting::OncePerExample, PairOrder::ByIndex);
    let enrichment = |((a, b), count): ((u32, u32), u64)| {
        let (n_a, n_b) = (examples[&a], examples[&b]);
        let expected = n_a as f64 * n_b as f64 / n_examples as f64;
        let p_value = tail::hypergeometric(count, n_examples, n_a, n_b);
        ((a, b), Enrichment { count, expected, p_value, q_value: f64::NAN })
    };
    let mut found = counts.into_iter().map(enrichment).collect();
    set_q_values(&mut found, n * n.saturating_sub(1) / 2);
    Ok(found)
}

/// Which distances two motifs keep more often than chance.
///
/// Counts are those of [`count_spacings`](super::count_spacings) for pairs that do not overlap; where the options
/// refuse overlaps they are refused here too. **Null**: in each example every annotation is put to a random place by
/// itself, each start as likely, and of what that gives those outcomes are looked at that have as many pairs of the two
/// motifs (in this order and orientation, if these are told apart) without overlap and nearer than `max_distance` as
/// were found. Then a pair whose widths leave `r` positions of its example free is at distance `d` with a chance
/// proportional to `r - d + 1`, the number of places for it; so the test asks which distances stand out among the near
/// ones, not whether motifs are near. The expectation is the sum of the chances, exactly. The p-value is that of as many
/// trials with the mean chance each: exact where examples and motifs are of one width, else too large where it is
/// small (Hoeffding 1956, doi:10.1214/aoms/1177728178). Pairs count as independent; those of many annotations in one
/// example are so nearly.
///
/// Q-values are over all distances from 0 of all pairs of motifs that have one.
///
/// * `lengths` (N): the number of positions of each example
///
/// Source: the test of `SpaMo` (Whitington et al. 2011, doi:10.1093/nar/gkr341), for which all places of the right
/// motif are as likely; here those near the end of an example are rarer, as they are by chance.
///
/// # Errors
/// [`MotifError::Annotation`] for a row that does not lie in its example, [`MotifError::Overlap`] as
/// [`count_spacings`](super::count_spacings).
///
/// ```
/// use cistron_motif::{Annotation, Annotations, SpacingOptions, spacing_enrichment};
///
/// // In each of ten examples of 1,000 positions the two stand 7 apart.
/// let row = |example, motif, start| Annotation::new(example, motif, start, start + 10);
/// let found: Annotations = (0..10).flat_map(|i| [row(i, 0, 50 * i), row(i, 1, 50 * i + 17)]).collect();
/// let spacings = spacing_enrichment(&found, SpacingOptions::default(), &[1000; 10])?;
/// let (spacing, found) = spacings.first_key_value().ok_or("none")?;
/// assert_eq!((spacing.distance, found.count), (7, 10));
/// // About one in a hundred each.
/// assert!((found.expected - 0.1).abs() < 0.01 && found.p_value < 1e-19);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn spacing_enrichment(
    annotations: &Annotations,
    options: SpacingOptions,
    lengths: &[u32],
) -> Result<BTreeMap<Spacing, Enrichment>, MotifError> {
    check_lengths(annotations, lengths)?;
    let overlaps =
        if options.overlaps == OverlapRule::Refuse { OverlapRule::Refuse } else { OverlapRule::Skip };
    let options = SpacingOptions { overlaps, ..options };
    let arrangement = Arrangement::of(annotations);
    options.check(&arrangement)?;
    let (mut found, mut tests) = (BTreeMap::new(), 0);
    for places in arrangement.motifs() {
        for ((a, b, orientation), group) in groups(&arrangement, places, options, lengths) {
            tests += group.possible(options.max_distance);
            for (distance, enrichment) in group.enrichment(options.max_distance) {
                found.insert(Spacing { a, b, orientation, distance }, enrichment);
            }
        }
    }
    set_q_values(&mut found, tests);
    Ok(found)
}

/// The pairs of which the motif at these places is named first, by their motifs and orientation.
fn groups(
    found: &Arrangement,
    places: &[u32],
    options: SpacingOptions,
    lengths: &[u32],
) -> BTreeMap<(u32, u32, Option<Orientation>), Group> {
    let mut groups: BTreeMap<_, Group> = BTreeMap::new();
    found.for_each_pair(places, options.order, options.max_distance, |left, right| {
        let Some(spacing) = options.spacing(left, right) else { return };
        let group = groups.entry((spacing.a, spacing.b, spacing.orientation)).or_default();
        *group.distances.entry(spacing.distance).or_default() += 1;
        // Neither overlaps the other nor leaves its example, so this is not negative.
        let free = lengths[left.example as usize] - (left.end - left.start) - (right.end - right.start);
        *group.free.entry(free).or_default() += 1;
    });
    groups
}

fn check_lengths(annotations: &Annotations, lengths: &[u32]) -> Result<(), MotifError> {
    for (row, found) in annotations.iter().enumerate() {
        let problem = match lengths.get(found.example as usize) {
            None => format!("is of example {}, expected one below {}", found.example, lengths.len()),
            Some(length) if found.start > found.end || found.end > *length => {
                format!("is at {}-{}, expected a span of the {length} positions", found.start, found.end)
            }
            Some(_) => continue,
        };
        return Err(MotifError::Annotation { row, problem });
    }
    Ok(())
}

/// The pairs of two motifs that do not overlap and are near.
#[derive(Default)]
struct Group {
    /// How many keep each distance.
    distances: BTreeMap<i64, u64>,
    /// How many leave each number of positions of their example free.
    free: BTreeMap<u32, u64>,
}

impl Group {
    /// The number of distances below `max_distance` that some pair has room for.
    fn possible(&self, max_distance: u32) -> u64 {
        let most = self.free.keys().next_back().map_or(0, |free| u64::from(*free) + 1);
        most.min(u64::from(max_distance))
    }

    fn enrichment(&self, max_distance: u32) -> impl Iterator<Item = (i64, Enrichment)> + '_ {
        let trials: u64 = self.distances.values().sum();
        self.distances.iter().map(move |(&distance, &count)| {
            let chance =
                |(&free, &n): (&u32, &u64)| n as f64 * chance(distance as u64, free.into(), max_distance);
            let expected: f64 = self.free.iter().map(chance).sum();
            let p_value = tail::binomial(count, trials, (expected / trials as f64).min(1.0));
            (distance, Enrichment { count, expected, p_value, q_value: f64::NAN })
        })
    }
}

/// The chance of a distance among those below `max_distance`, for a pair that leaves `free` positions.
fn chance(distance: u64, free: u64, max_distance: u32) -> f64 {
    if distance > free {
        return 0.0;
    }
    let distances = (free + 1).min(max_distance.into()) as f64;
    // The sum of free + 1 - d over these distances.
    let places = distances * ((free + 1) as f64 - (distances - 1.0) / 2.0);
    (free + 1 - distance) as f64 / places
}

/// By Benjamini and Hochberg; tests beyond those given have p = 1.
fn set_q_values<K: Ord>(found: &mut BTreeMap<K, Enrichment>, tests: u64) {
    let mut rows: Vec<&mut Enrichment> = found.values_mut().collect();
    rows.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
    let p_values: Vec<f64> = rows.iter().map(|row| row.p_value).collect();
    for (row, q_value) in rows.into_iter().rev().zip(falling_q_values(p_values.into_iter(), tests)) {
        row.q_value = q_value;
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::{Seed, Stream};

    use super::*;
    use crate::Annotation;

    /// The largest distance of the shares of values from the uniform distribution's (Kolmogorov and Smirnov).
    fn from_uniform(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let gap = |(i, p): (usize, &f64)| (p - i as f64 / n).max((i + 1) as f64 / n - p);
        values.iter().enumerate().map(gap).fold(0.0, f64::max)
    }

    /// Beyond this a uniform sample goes once in ten thousand.
    fn limit(n: usize) -> f64 {
        2.23 / (n as f64).sqrt()
    }

    /// `P(X > k) + U P(X = k)`: uniform under the null, where the p-value of a count is not.
    fn randomised(at_least: f64, more: f64, stream: &mut Stream) -> f64 {
        more + stream.uniform() * (at_least - more)
    }

    #[test]
    fn p_values_of_pairs_are_uniform_for_independent_motifs() {
        let mut stream = Seed::new(3).stream("pairs", 0);
        let (n, mut values, mut small) = (60_u64, Vec::new(), 0);
        for _ in 0..2000 {
            let mut found = Annotations::new();
            for example in 0..n as u32 {
                for (motif, chance) in [(0, 0.3), (1, 0.5)] {
                    if stream.uniform() < chance {
                        found.push(Annotation::new(example, motif, 0, 5));
                    }
                }
            }
            let of = |motif| found.motifs().iter().filter(|found| **found == motif).count() as u64;
            let (a, b) = (of(0), of(1));
            let pairs = pair_enrichment(&found, n).unwrap();
            let (count, at_least) = pairs.get(&(0, 1)).map_or((0, 1.0), |pair| (pair.count, pair.p_value));
            small += u32::from(at_least <= 0.05);
            values.push(randomised(at_least, tail::hypergeometric(count + 1, n, a, b), &mut stream));
        }
        assert!(from_uniform(values) < limit(2000));
        // Four standard deviations above 5 % of 2,000.
        assert!(small <= 139, "{small}");
    }

    /// Two motifs in each of 80 examples, each put anywhere.
    fn scattered(stream: &mut Stream, lengths: &[u32], widths: [u64; 2]) -> Annotations {
        let mut found = Annotations::new();
        for (example, &length) in (0..).zip(lengths) {
            for (motif, width) in (0..).zip(widths) {
                let start = stream.below(u64::from(length) - width + 1) as u32;
                found.push(Annotation::new(example, motif, start, start + width as u32));
            }
        }
        found
    }

    #[test]
    fn p_values_of_spacings_are_uniform_for_scattered_motifs() {
        let mut stream = Seed::new(4).stream("spacings", 0);
        let options = SpacingOptions { max_distance: 40, ..SpacingOptions::default() };
        // One width: exact. Several: no p-value is small more often than it says.
        let even = [70; 80];
        let uneven: Vec<u32> = (0..80).map(|i| 30 + 2 * i).collect();
        for lengths in [&even[..], &uneven[..]] {
            let (mut values, mut small, mut tests) = (Vec::new(), 0, 0);
            for _ in 0..1500 {
                let found = scattered(&mut stream, lengths, [6, 9]);
                let spacings = spacing_enrichment(&found, options, lengths).unwrap();
                let trials: u64 = spacings.values().map(|found| found.count).sum();
                small += spacings.values().filter(|found| found.p_value <= 0.01).count();
                tests += 40;
                let at = |d: i64| {
                    spacings.iter().find(|(spacing, _)| spacing.distance == d).map(|(_, found)| *found)
                };
                let Some(found) = at(5) else { continue };
                let more = tail::binomial(found.count + 1, trials, found.expected / trials as f64);
                values.push((found.p_value, more));
            }
            // One in a hundred, and four standard deviations.
            assert!(
                (small as f64) < 0.01 * f64::from(tests) + 4.0 * (0.01 * f64::from(tests)).sqrt(),
                "{small}"
            );
            if lengths == even {
                // A distance that does not occur has no row; its share of the unit interval is the upper end.
                let occurs: Vec<f64> =
                    values.iter().map(|&(p, more)| randomised(p, more, &mut stream)).collect();
                let rare: Vec<f64> = occurs.into_iter().filter(|p| *p < 0.5).map(|p| p * 2.0).collect();
                assert!(rare.len().abs_diff(750) < 80, "four standard deviations: {}", rare.len());
                assert!(from_uniform(rare.clone()) < limit(rare.len()));
            }
        }
    }

    #[test]
    fn expectations_are_the_means_of_scattered_motifs() {
        let mut stream = Seed::new(5).stream("means", 0);
        let options = SpacingOptions { max_distance: 25, ..SpacingOptions::default() };
        let lengths: Vec<u32> = (0..80).map(|i| 25 + i % 40).collect();
        let (mut expected, mut counts) = (vec![0.0; 25], vec![0.0; 25]);
        for _ in 0..400 {
            let found = scattered(&mut stream, &lengths, [5, 11]);
            let skip = SpacingOptions { overlaps: OverlapRule::Skip, ..options };
            let arrangement = Arrangement::of(&found);
            let mut free: BTreeMap<u32, u64> = BTreeMap::new();
            for group in arrangement
                .motifs()
                .flat_map(|places| groups(&arrangement, places, skip, &lengths).into_values())
            {
                group.distances.iter().for_each(|(distance, n)| counts[*distance as usize] += *n as f64);
                group.free.into_iter().for_each(|(width, n)| *free.entry(width).or_default() += n);
            }
            for (distance, sum) in expected.iter_mut().enumerate() {
                *sum += free
                    .iter()
                    .map(|(f, n)| *n as f64 * chance(distance as u64, u64::from(*f), 25))
                    .sum::<f64>();
            }
        }
        for (expected, count) in expected.iter().zip(&counts) {
            // Four and a half standard deviations of a sum of rare events, for 25 of them.
            assert!((expected - count).abs() < 4.5 * expected.sqrt(), "{expected} {count}");
        }
        let total: f64 = expected.iter().sum();
        assert!((total - counts.iter().sum::<f64>()).abs() < 1e-6, "chances of a pair add up to 1");
    }

    #[test]
    fn what_does_not_occur_is_a_test_as_well() {
        // Two pairs of three motifs: three tests.
        let row = |(example, motif)| Annotation::new(example, motif, 0, 5);
        let found: Annotations = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)].map(row).into_iter().collect();
        let pairs = pair_enrichment(&found, 10).unwrap();
        let p = |pair| pairs[&pair].p_value;
        assert_eq!(pairs.keys().copied().collect::<Vec<_>>(), [(0, 1), (1, 2)]);
        // 0 is in one example and 1 in two of ten: 2/10. 1 and 2 are in two: 1 - C(8,2)/C(10,2) = 17/45.
        assert!((p((0, 1)) - 0.2).abs() < 1e-12 && (p((1, 2)) - 17.0 / 45.0).abs() < 1e-12);
        assert!((pairs[&(1, 2)].q_value - 17.0 / 45.0 * 1.5).abs() < 1e-12);
        assert!((pairs[&(0, 1)].q_value - 17.0 / 45.0 * 1.5).abs() < 1e-12);
        assert!(pair_enrichment(&found, 2).is_err());
        assert!(spacing_enrichment(&found, SpacingOptions::default(), &[5, 5]).is_err());
        assert!(spacing_enrichment(&found, SpacingOptions::default(), &[5, 5, 4]).is_err());
    }
}
