//! Smooth weighted round robin.
//!
//! Each turn every seat gains its weight; the richest is taken and pays the weight of all. Weights 5, 1, 1 give
//! `a a b a c a a`: shares are exact over a round and no seat is taken in a burst.

/// Whose turn it is among numbered seats. Seats may come and go between turns.
#[derive(Debug, Clone, Default)]
pub struct Wheel {
    credit: Vec<i64>,
}

impl Wheel {
    /// A wheel with `seats` places.
    #[must_use]
    pub fn new(seats: usize) -> Self {
        Self { credit: vec![0; seats] }
    }

    /// Takes the next of `seats`, pairs of place and weight. `None` when there are none.
    pub fn turn(&mut self, seats: impl IntoIterator<Item = (usize, u32)>) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<usize> = None;
        for (seat, weight) in seats {
            let Some(credit) = self.credit.get_mut(seat) else { continue };
            *credit += i64::from(weight);
            total += i64::from(weight);
            if best.is_none_or(|b| self.credit[seat] > self.credit[b]) {
                best = Some(seat);
            }
        }
        if let Some(seat) = best {
            self.credit[seat] -= total;
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(weights: &[u32], count: usize) -> Vec<usize> {
        let mut wheel = Wheel::new(weights.len());
        (0..count).map(|_| wheel.turn(weights.iter().copied().enumerate()).unwrap()).collect()
    }

    #[test]
    fn shares_are_exact_and_spread_out() {
        assert_eq!(turns(&[5, 1, 1], 7), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(turns(&[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_seat_that_was_away_does_not_come_back_with_a_debt_to_collect() {
        let mut wheel = Wheel::new(2);
        for _ in 0..100 {
            assert_eq!(wheel.turn([(0, 1)]), Some(0));
        }
        let both: Vec<_> = (0..4).filter_map(|_| wheel.turn([(0, 1), (1, 1)])).collect();
        assert_eq!(both, [0, 1, 0, 1]);
    }

    #[test]
    fn nobody_there_is_nobody_taken() {
        assert_eq!(Wheel::new(3).turn([]), None);
    }
}
