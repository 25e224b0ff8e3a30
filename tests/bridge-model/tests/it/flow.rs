//! Limits of net flow, checked from what flowed alone.

use crate::ledger::{Checked, must};

/// What flowed at one moment.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: u64,
    filled: u128,
    drained: u128,
    capacity: u128,
}

/// All that flowed into a bucket and out of it, in adiem. Times are in units of the bucket's own clock.
#[derive(Debug, Default)]
pub(crate) struct Flow(Vec<Moment>);

impl Flow {
    /// Something left the bucket beside what time drains.
    pub(crate) fn drain(&mut self, at: u64, drained: u128) {
        self.0.push(Moment { at, filled: 0, drained, capacity: 0 });
    }

    /// Something went in, while the bucket had this capacity; `day` is a day of the clock. Over any span of time that ends
    /// here, what went in is at most the capacity, what drained with time, and what was taken out.
    pub(crate) fn fill(&mut self, at: u64, filled: u128, capacity: u128, day: u64) -> Checked {
        self.0.push(Moment { at, filled, drained: 0, capacity });
        let (mut filled, mut drained, mut widest) = (0, 0, 0);
        for moment in self.0.iter().rev() {
            filled += moment.filled;
            widest = widest.max(moment.capacity);
            let span = at - moment.at;
            let most = widest + widest * u128::from(span) / u128::from(day) + drained;
            must(filled <= most, "no day takes more than its limit", || {
                format!("{filled} in {span}, more than {most}")
            })?;
            drained += moment.drained;
        }
        Ok(())
    }
}
