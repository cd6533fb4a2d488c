/// Numbers of the state.
const N: usize = 624;
const M: usize = 397;

/// Random numbers of a peer: the 32-bit Mersenne Twister as numpy's `RandomState` draws from it.
///
/// Only for functions that must repeat what another program drew, and say so in their names. Everything else draws
/// from a [`Stream`](crate::Stream).
///
/// Source: Matsumoto and Nishimura 1998, doi:10.1145/272991.272995; `numpy.random.RandomState` of numpy 2.4, whose
/// streams are frozen: `seed` with an integer, `random_sample`, `randint`, `shuffle`, `permutation`, and
/// `numpy.random` within numba 0.68, which draws alike.
///
/// ```
/// use cistron_core::PeerRng;
///
/// let mut rng = PeerRng::new(1234);
/// assert_eq!(rng.uniform(), 0.1915194503788923); // numpy.random.RandomState(1234).random_sample()
/// ```
#[derive(Clone, Debug)]
pub struct PeerRng {
    state: [u32; N],
    next: usize,
}

impl PeerRng {
    /// The stream of `RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: N }
    }

    fn renew(&mut self) {
        let twist = |high: u32, low: u32, other: u32| {
            let bits = (high & 0x8000_0000) | (low & 0x7fff_ffff);
            other ^ (bits >> 1) ^ (0x9908_b0df & (bits & 1).wrapping_neg())
        };
        let state = &mut self.state;
        for i in 0..N - M {
            state[i] = twist(state[i], state[i + 1], state[i + M]);
        }
        for i in N - M..N - 1 {
            state[i] = twist(state[i], state[i + 1], state[i + M - N]);
        }
        state[N - 1] = twist(state[N - 1], state[0], state[M - 1]);
        self.next = 0;
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.renew();
        }
        let mut bits = self.state[self.next];
        self.next += 1;
        bits ^= bits >> 11;
        bits ^= (bits << 7) & 0x9d2c_5680;
        bits ^= (bits << 15) & 0xefc6_0000;
        bits ^ (bits >> 18)
    }

    /// A number in `[0, 1)`, a multiple of 2⁻⁵³, as of `random_sample`.
    pub fn uniform(&mut self) -> f64 {
        let (high, low) = (self.next_u32() >> 5, self.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// An integer in `0..=most` without bias, as of `randint(0, most + 1)`: bits are masked to the length of `most`
    /// and drawn again while they are above it. Nothing is drawn for a `most` of 0.
    pub fn at_most(&mut self, most: u32) -> u32 {
        if most == 0 {
            return 0;
        }
        let mask = u32::MAX >> most.leading_zeros();
        loop {
            let bits = self.next_u32() & mask;
            if bits <= most {
                return bits;
            }
        }
    }

    /// Puts items in the order of `shuffle`.
    ///
    /// Lists of more than 2³² items, for which numpy draws 64 bits, are not what a peer shuffles.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        // Places are drawn some at a time, so that no draw waits for an item to come from memory.
        let mut places = [0; 256];
        let mut end = items.len();
        while end > 1 {
            let n = places.len().min(end - 1);
            for (i, place) in (0..end).rev().zip(&mut places[..n]) {
                *place = self.at_most(i as u32) as usize;
            }
            for (i, &place) in (0..end).rev().zip(&places[..n]) {
                items.swap(i, place);
            }
            end -= n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_of_the_published_generator() {
        // mt19937ar.c with init_genrand(5489), as std::mt19937: the 10,000th number is given in the C++ standard.
        let mut rng = PeerRng::new(5489);
        assert_eq!(rng.next_u32(), 3_499_211_612);
        let last = (1..10_000).map(|_| rng.next_u32()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn draws_are_those_of_numpy() {
        // numpy 2.4.6: r = RandomState(1234); r.random_sample(2); r.permutation(10); r.randint(20, 41);
        // r.randint(0, 2**31 - 1)
        let mut rng = PeerRng::new(1234);
        assert_eq!([rng.uniform(), rng.uniform()], [0.191_519_450_378_892_3, 0.622_108_771_039_831_9]);
        let mut items: Vec<u32> = (0..10).collect();
        rng.shuffle(&mut items);
        assert_eq!(items, [5, 0, 3, 9, 2, 6, 7, 1, 8, 4]);
        assert_eq!((20 + rng.at_most(20), rng.at_most(2_147_483_646)), (36, 2_090_933_724));
        assert_eq!(rng.at_most(0), 0);
    }
}
