//! The commands of a developer, which change the chain between two blocks.

use diem_core::{Fatal, Time};
use diem_engine::engine::{EngineError, Incoming, SnapshotId, Warp};
use diem_index::node_block_key;
use diem_store::IndexOp;

use super::{Head, Producer, Saved, orders::Orders};

impl Producer {
    /// Moves the clock of the chain forward and returns the least time of the next block.
    pub(crate) fn warp(&mut self, warp: Warp) -> Result<Time, EngineError> {
        let next = self.next_time();
        let target = match warp {
            Warp::By(millis) => Time(next.millis().saturating_add(millis)),
            Warp::To(time) if time < next => {
                return Err(EngineError::Refused(format!("time only moves forward: the next block is at {next}")));
            }
            Warp::To(time) => time,
        };
        // A clock that was set cannot be set back: a chain close to the latest time could never make a block again.
        if target > Time::LATEST {
            return Err(EngineError::Invalid(format!(
                "a warp to {target} goes too far: the latest is {}, and the next block is at {next}",
                Time::LATEST
            )));
        }
        let offset_ms = target.millis().saturating_sub((self.clock)()).max(self.orders.offset_ms);
        self.order(Orders { offset_ms, ..self.orders.clone() })?;
        Ok(self.next_time())
    }

    /// Sets the orders for the next blocks, once they are on disk.
    fn order(&mut self, orders: Orders) -> Result<(), EngineError> {
        if orders != self.orders {
            let written = orders.put().and_then(|row| self.app.write_index(&[row]));
            written.map_err(|fatal| EngineError::Fatal(fatal.0))?;
            self.orders = orders;
        }
        Ok(())
    }

    /// Remembers the latest height, clock and pool.
    pub(crate) fn snapshot(&mut self) -> (SnapshotId, u64) {
        let (id, height) = (self.next_id, self.height());
        self.app.store().pin(height);
        self.saved.insert(id, Saved { height, offset_ms: self.orders.offset_ms, pool: self.pool.all() });
        self.next_id = id.saturating_add(1);
        (SnapshotId(id), height)
    }

    /// Undoes every height above the snapshot's, one by one, each in one atomic write.
    pub(crate) fn revert(&mut self, SnapshotId(id): SnapshotId) -> Result<u64, EngineError> {
        let fatal = |fatal: Fatal| EngineError::Fatal(fatal.0);
        let Some(Saved { height: target, offset_ms, pool }) = self.saved.get(&id) else {
            return Err(EngineError::Refused(format!(
                "there is no snapshot {id}: it was never made, or reverted past"
            )));
        };
        let (target, offset_ms, pool) = (*target, *offset_ms, pool.clone());
        while self.height() > target {
            let height = self.height();
            let info = self.app.rollback_with(vec![IndexOp::Delete { key: node_block_key(height) }]).map_err(fatal)?;
            let head = Head::load(&self.app, info.height).map_err(|error| EngineError::Fatal(error.to_string()))?;
            self.head = Some(head);
        }
        for later in self.saved.split_off(&id.saturating_add(1)).into_values() {
            self.app.store().unpin(later.height);
        }
        self.order(Orders { offset_ms, ..Orders::default() })?;
        self.pool.clear();
        let waiting = self.app.verify_signatures(&pool).into_iter().zip(pool);
        self.submit(waiting.filter_map(|(tx, bytes)| Some(Incoming { tx: tx.ok()?, bytes })).collect());
        self.commits.reverted(&self.app, target, self.last_time().unwrap_or_default().millis());
        Ok(target)
    }

    /// Marks validators as absent from the next `blocks` commits.
    pub(crate) fn set_absent(&mut self, absent: Vec<[u8; 20]>, blocks: u64) -> Result<(), EngineError> {
        absent.iter().try_for_each(|validator| self.check_validator(validator))?;
        self.order(Orders { absent: (absent.into_iter().collect(), blocks), ..self.orders.clone() })
    }

    /// Puts evidence against `validator` into the next block.
    pub(crate) fn add_evidence(&mut self, validator: [u8; 20]) -> Result<(), EngineError> {
        self.check_validator(&validator)?;
        let mut orders = self.orders.clone();
        orders.evidence.push(validator);
        self.order(orders)
    }

    fn check_validator(&self, validator: &[u8; 20]) -> Result<(), EngineError> {
        let known = self.votes().iter().any(|vote| vote.validator == *validator);
        let text = || format!("{} is no validator's consensus address", hex::encode(validator));
        if known { Ok(()) } else { Err(EngineError::Refused(text())) }
    }
}
