//! What people, stakers and the authority do on this chain, and whoever hands in what others left out.

use diem_bridge::{AdminAction, Chunk, Msg, Params, replay::missing, state};
use diem_core::Amount;

use crate::{
    blocks::chunk,
    chain::{AUTHORITY, PEOPLE, VALIDATORS},
    ledger::{Checked, Done, Out, Place, Sealed, must},
    model::{Model, cents},
    relay::{HOLDERS, pick_of},
    staking_chain::{vvv, who},
    step::{Spoilt, View},
};

/// A fee is at most this part of the amount.
const HIGHEST_FEE: u128 = 20;
/// The rule that is looked at when a history is over.
pub(crate) const END: &str = "everything comes to an end";

impl Model<'_> {
    pub(crate) fn out(&mut self, by: u8, to: u8, amount: u128, fee: u128) -> Done {
        let by = PEOPLE[usize::from(by) % PEOPLE.len()];
        let recipient = HOLDERS[usize::from(to) % HOLDERS.len()];
        let (amount, fee) = (cents(amount), cents(amount) / HIGHEST_FEE * fee / 100);
        self.chain.call(by, &Msg::BridgeOut { amount: Amount::new(amount), fee: Amount::new(fee), recipient })?;
        let id = self.ledger.transfers.len() as u64 + 1;
        self.ledger.take(&who(by), amount + fee);
        self.ledger.transfers.insert(id, Out { sender: who(by), amount, fee, place: Place::Waits });
        Ok(())
    }

    pub(crate) fn out_often(&mut self, by: u8, cents: u128, fee: u128) -> Done {
        (1..=10).try_for_each(|times| self.out(by, times, cents * u128::from(times), fee))
    }

    pub(crate) fn bump(&mut self, pick: u64, fee: u128) -> Done {
        let (id, by) = self.pick_transfer(pick)?;
        let fee = self.ledger.transfers[&id].amount / HIGHEST_FEE * fee / 100;
        self.chain.call(by, &Msg::BumpFee { id, fee: Amount::new(fee) })?;
        let before = std::mem::replace(&mut self.ledger.transfers.get_mut(&id).unwrap().fee, fee);
        self.ledger.take(&who(by), fee - before);
        Ok(())
    }

    pub(crate) fn cancel(&mut self, pick: u64) -> Done {
        let (id, by) = self.pick_transfer(pick)?;
        self.chain.call(by, &Msg::Cancel { id })?;
        let out = self.ledger.transfers.get_mut(&id).unwrap();
        must(out.place == Place::Waits, "what is sealed is final", || format!("transfer {id}: {:?}", out.place))?;
        out.place = Place::Cancelled;
        let total = out.total();
        self.ledger.give(&who(by), total);
        Ok(())
    }

    /// One of the last transfers and the account that sent it.
    fn pick_transfer(&self, pick: u64) -> Result<(u64, u8), &'static str> {
        let id = pick_of(self.ledger.transfers.len() as u64, pick)?;
        let sender = self.ledger.transfers[&id].sender;
        Ok((id, PEOPLE.into_iter().find(|person| who(*person) == sender).unwrap()))
    }

    pub(crate) fn stake(&mut self, validator: u8, amount: u128) -> Done {
        let validator = validator % VALIDATORS + 1;
        self.chain.world.stake(20 + validator, validator, vvv(amount)).map_err(|_| "stake")?;
        Ok(())
    }

    pub(crate) fn order(&mut self, action: AdminAction) -> Done {
        Ok(self.chain.call(AUTHORITY, &Msg::Admin { action })?)
    }

    pub(crate) fn resolve(&mut self, pick: u64, release: bool) -> Done {
        let queue_id = self.pick_item(pick)?;
        self.order(AdminAction::ResolveQueue { queue_id, release })?;
        self.block(u8::MAX, View::None, 0)?;
        self.act(0)
    }

    /// Orders the end of the pause and sends it to Base once it is signed.
    pub(crate) fn all_clear(&mut self) -> Done {
        self.block(u8::MAX, View::Newest, u64::MAX)?;
        self.block(u8::MAX, View::None, u64::MAX)?;
        self.block(u8::MAX, View::None, 0)?;
        self.order(AdminAction::Unpause)?;
        self.block(u8::MAX, View::None, 0)?;
        self.act(0)
    }

    /// Lets everybody do what is to be done, and time pass. Where nothing was ever forged, nothing is left then: every
    /// batch was executed or refunded in time, every burn was paid.
    pub(crate) fn finish(&mut self) -> Checked {
        const LONGER_THAN_A_HOLD: u64 = 15 * 86_400_000;
        self.halt_base(false);
        for ms in [1_000, LONGER_THAN_A_HOLD, LONGER_THAN_A_HOLD] {
            self.time(ms);
            self.block(u8::MAX, View::Newest, u64::MAX)?;
            // A block refunds some of the batches only.
            for _ in 0..10 {
                self.block(u8::MAX, View::None, u64::MAX)?;
            }
        }
        let now = self.heard.completed.map_or(0, |seen| seen.checkpoint.timestamp);
        let is_expired = |sealed: &Sealed| sealed.end.is_none() && sealed.batch.deadline < now;
        let is_open = self.ledger.batches.iter().any(is_expired);
        let is_owed = self.ledger.burns.values().any(|burn| !burn.is_paid);
        let is_forged = !self.ledger.breaches.is_empty();
        must(is_forged || !(is_open || is_owed), END, || {
            format!("a batch is open: {is_open}, a burn is not paid: {is_owed}")
        })
    }

    pub(crate) fn set_params(&mut self, params: Params) -> Done {
        let params = Params { set_every_ms: self.params.set_every_ms, ..params };
        self.chain.call(AUTHORITY, &Msg::SetParams { params })?;
        self.params = params;
        Ok(())
    }

    pub(crate) fn resume(&mut self) -> Done {
        Ok(self.chain.call(AUTHORITY, &Msg::Resume)?)
    }

    pub(crate) fn heal(&mut self, by: u8, part: u128) -> Done {
        self.block(u8::MAX, View::Newest, u64::MAX)?;
        self.block(u8::MAX, View::None, u64::MAX)?;
        self.block(u8::MAX, View::None, u64::MAX)?;
        self.resume()?;
        self.settle()?;
        self.cover(by, part)
    }

    /// Pays a part, in hundredths, of what the escrow lacks.
    pub(crate) fn cover(&mut self, by: u8, part: u128) -> Done {
        let by = PEOPLE[usize::from(by) % PEOPLE.len()];
        let amount = state::books(&self.chain.world.state).uncovered.get() * part / 100;
        self.chain.call(by, &Msg::Cover { amount: Amount::new(amount) })?;
        self.ledger.take(&who(by), amount);
        self.ledger.covered += amount;
        Ok(())
    }

    pub(crate) fn hold(&mut self, pick: u64) -> Done {
        let delayed: Vec<u64> = self.heard.delayed.keys().copied().collect();
        let place = usize::try_from(pick).unwrap() % delayed.len().max(1);
        let credit = *delayed.get(place).ok_or("nothing")?;
        Ok(self.chain.call(AUTHORITY, &Msg::Hold { credit })?)
    }

    /// Somebody hands in statements by a transaction.
    pub(crate) fn submit(&mut self, awake: u8, view: View) -> Done {
        let seen = self.view(view)?;
        let mut statements = self.chain.statements(awake, seen, 0);
        self.keep(&statements);
        statements.reverse();
        statements.truncate(diem_bridge::MAX_SUBMITTED);
        Ok(self.chain.call(PEOPLE[0], &Msg::Submit { statements })?)
    }

    /// Somebody hands in the next events of Base by a transaction, or what is not.
    pub(crate) fn replay(&mut self, size: u64, spoilt: Spoilt) -> Done {
        let missing = missing(&self.chain.world.state).ok_or("nothing")?;
        let mut chunk = match spoilt {
            // What was applied or accepted before comes again.
            Spoilt::Again => chunk(&self.base, 1, missing.first.saturating_sub(1).max(1)),
            // The first of the missing events instead of the last.
            Spoilt::OutOfOrder if missing.last > missing.first => chunk(&self.base, missing.first, missing.last - 1),
            _ => self.chain.next_chunk(&self.base, size.max(1)).unwrap(),
        };
        spoil(&mut chunk, spoilt);
        let is_good = spoilt == Spoilt::No || (spoilt == Spoilt::OutOfOrder && missing.last == missing.first);
        let is_good = is_good || (spoilt == Spoilt::Again && missing.first == 1 && missing.last == 1);
        let taken = self.chain.call(PEOPLE[1], &Msg::Replay { chunk });
        must(taken.is_err() || is_good, "only events of Base are accepted", || format!("{spoilt:?}"))?;
        must(taken.is_ok() || !is_good, "the next events of Base are accepted", || format!("{taken:?}"))?;
        Ok(taken?)
    }
}

fn spoil(chunk: &mut Chunk, spoilt: Spoilt) {
    match spoilt {
        Spoilt::No | Spoilt::Again | Spoilt::OutOfOrder => {}
        Spoilt::Byte => chunk.events[0].payload[0] ^= 1,
        Spoilt::MadeUp => {
            let made_up = chunk.events[0].clone();
            chunk.events.insert(0, made_up);
        }
        Spoilt::Before => chunk.before[31] ^= 1,
    }
}
