use cistron_core::Seed;

use super::FamilyError;

/// How near to one another the members of a group of columns lie in a structure, beside random groups.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Proximity {
    /// The columns that have a place.
    pub n_placed: usize,
    /// The mean distance of two of them, in Å; NaN of fewer than two.
    pub distance: f64,
    /// The mean of the same in random groups, in Å.
    pub random: f64,
    /// The share of random groups whose mean distance is as small: (1 + how many) / (1 + how many were drawn).
    pub p_value: f64,
}

/// What [`group_proximity`] finds.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct GroupProximity {
    /// Of each group.
    pub groups: Vec<Proximity>,
    /// Of all groups that have two columns with a place: the mean of their mean distances. `n_placed` counts columns
    /// once for each group.
    pub all: Proximity,
}

/// What a sum may be off by because its terms came in another order.
const ROUNDING: f64 = 1e-9;

/// Whether the members of groups of columns lie nearer to one another than those of random groups of the same sizes.
///
/// `places` has the place of each column in Å, `None` for one that the structure does not have: such columns are in no
/// random group either. Each of the `permutations` deals the places out anew among all columns that have one, so that
/// groups that share columns share them still, and the p-value over all groups takes that into account. Columns that
/// follow one another in the sequence are near in every structure; random groups are not made to follow.
///
/// **Cost**: permutations times pairs of columns of a group.
///
/// # Errors
/// [`FamilyError::Option`] for no permutation, [`FamilyError::Data`] for a column that is not there or stands twice in
/// its group.
///
/// ```
/// use cistron_core::Seed;
/// use cistron_encode::alignment::group_proximity;
///
/// // Twenty columns on a line.
/// let places: Vec<_> = (0..20).map(|i| Some([f64::from(i), 0.0, 0.0])).collect();
/// let found = group_proximity(&places, &[vec![3, 4, 5], vec![0, 10, 19]], 999, Seed::new(1))?;
/// assert!(found.groups[0].p_value < 0.05 && found.groups[1].p_value > 0.5);
/// assert!((found.groups[0].distance - 4.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), cistron_encode::alignment::FamilyError>(())
/// ```
pub fn group_proximity(
    places: &[Option<[f64; 3]>],
    groups: &[Vec<usize>],
    permutations: u32,
    seed: Seed,
) -> Result<GroupProximity, FamilyError> {
    if permutations == 0 {
        let (found, expected) = ("0".to_owned(), "at least 1".to_owned());
        return Err(FamilyError::Option { what: "the number of permutations", found, expected });
    }
    let members: Vec<Vec<usize>> =
        groups.iter().map(|group| placed(group, places)).collect::<Result<_, _>>()?;
    let mut dealt: Vec<[f64; 3]> = places.iter().copied().flatten().collect();
    let observed: Vec<f64> = members.iter().map(|group| mean_distance(group, &dealt)).collect();
    let mut tallies = vec![Tally::default(); groups.len()];
    let mut whole = Tally::default();
    let mut stream = seed.stream("group proximity", 0);
    let mut random = vec![0.0; groups.len()];
    for _ in 0..permutations {
        stream.shuffle(&mut dealt);
        for ((group, tally), (observed, random)) in
            members.iter().zip(&mut tallies).zip(observed.iter().zip(&mut random))
        {
            *random = mean_distance(group, &dealt);
            tally.count(*random, *observed);
        }
        whole.count(mean(&random), mean(&observed));
    }
    let found = members.iter().zip(&tallies).zip(&observed);
    let groups = found.map(|((group, tally), observed)| tally.result(group.len(), *observed, permutations));
    let groups: Vec<Proximity> = groups.collect();
    let n_placed = members.iter().map(Vec::len).sum();
    Ok(GroupProximity { groups, all: whole.result(n_placed, mean(&observed), permutations) })
}

/// The columns of a group that have a place, counted among all that have one.
fn placed(group: &[usize], places: &[Option<[f64; 3]>]) -> Result<Vec<usize>, FamilyError> {
    let mut found = Vec::with_capacity(group.len());
    for (i, &column) in group.iter().enumerate() {
        let Some(place) = places.get(column) else {
            let problem = format!("group names column {column}, expected one below {}", places.len());
            return Err(FamilyError::data(problem));
        };
        if group.iter().take(i).any(|other| *other == column) {
            return Err(FamilyError::data(format!("group names column {column} twice")));
        }
        if place.is_some() {
            found.push(places.iter().take(column).flatten().count());
        }
    }
    Ok(found)
}

/// The mean distance of two members, NaN of fewer than two.
fn mean_distance(members: &[usize], places: &[[f64; 3]]) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (i, a) in members.iter().enumerate() {
        for b in members.iter().skip(i + 1) {
            let (Some(a), Some(b)) = (places.get(*a), places.get(*b)) else { continue };
            sum += a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            pairs += 1.0;
        }
    }
    sum / pairs
}

/// The mean of those that are numbers.
fn mean(distances: &[f64]) -> f64 {
    let known = || distances.iter().filter(|distance| !distance.is_nan());
    known().sum::<f64>() / known().count() as f64
}

/// Random groups so far.
#[derive(Clone, Copy, Default)]
struct Tally {
    sum: f64,
    as_near: u32,
}

impl Tally {
    fn count(&mut self, random: f64, observed: f64) {
        self.sum += random;
        self.as_near += u32::from(random <= observed * (1.0 + ROUNDING));
    }

    fn result(self, n_placed: usize, distance: f64, permutations: u32) -> Proximity {
        let p_value = f64::from(1 + self.as_near) / (1.0 + f64::from(permutations));
        let p_value = if distance.is_nan() { f64::NAN } else { p_value };
        Proximity { n_placed, distance, random: self.sum / f64::from(permutations), p_value }
    }
}

#[cfg(test)]
mod tests;
