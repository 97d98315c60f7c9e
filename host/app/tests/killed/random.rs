//! Numbers that look random and come from a seed, so that a run can be had again.

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Those of a part, which are the same whatever the other parts do.
    pub(crate) fn of_part(&self, part: u64) -> Self {
        let mut mixed = Self(self.0.wrapping_add(part.wrapping_mul(0xa076_1d64_78bd_642f)));
        Self(mixed.next())
    }

    /// One below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// One of some.
    pub(crate) fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    /// A counter whose bits are mixed (a Weyl sequence).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }
}
