//! What anybody sends to Base, and what the guardian and forgers do there.

use diem_base::Call;
use diem_bridge::{
    BaseEvent, Batch, OutboundKind, Preimage, SignatureList, Threshold, Transfer, ValidatorSet, admin,
    pause_struct_hash, state,
};
use diem_core::{Address, Amount, keccak256};

use crate::{
    base::abi::DiemBridge::{lowerLimitsCall, pauseByGuardianCall, vetoCall, vetoSetCall},
    chain::{PEOPLE, Signatures},
    defect::Defect,
    ledger::{Done, must},
    model::{GUARDIAN, Model, cents},
    reported::Moment,
    staking_chain::who,
    step::{Forged, To, View},
};

/// The accounts on Base that get DIEM and burn it.
pub(crate) const HOLDERS: [Address; 3] = [Address([0xb0; 20]), Address([0xb1; 20]), Address([0xb2; 20])];
/// Those who relay.
const RELAYERS: [Address; 2] = [Address([0xa0; 20]), Address([0xa1; 20])];
/// The account on Base for which validators forge.
const FORGER: Address = Address([0xff; 20]);
/// One of the last six things, which are numbered from 1 on.
pub(crate) fn pick_of(last: u64, pick: u64) -> Result<u64, &'static str> {
    const PICKED_FROM: u64 = 6;
    let back = pick.checked_rem(last.min(PICKED_FROM)).ok_or("nothing")?;
    Ok(last - back)
}

/// All accounts on Base that ever have DIEM.
pub(crate) fn owners() -> Vec<Address> {
    [&HOLDERS[..], &RELAYERS, &[FORGER]].concat()
}

type Reported = Result<Vec<BaseEvent>, &'static str>;

impl Model<'_> {
    /// Sends a call that needs signatures, and remembers it if it succeeds.
    fn send_signed(&mut self, from: &Address, call: Call) -> Done {
        self.send(from, &call)?;
        self.done.push(call);
        Ok(())
    }

    /// Sends a call again that succeeded before: it never does twice.
    pub(crate) fn send_again(&mut self, pick: u64) -> Done {
        let place = usize::try_from(pick).unwrap().checked_rem(self.done.len()).ok_or("nothing")?;
        let call = self.done[place].clone();
        let taken = self.send(&RELAYERS[1], &call);
        must(taken.is_err(), "no past call is taken again", || format!("{call:?}"))?;
        taken
    }

    fn send(&mut self, from: &Address, call: &Call) -> Done {
        if self.shape.defect == Some(Defect::MintsPastRoom) {
            self.base.forget_level();
        }
        let reported = if self.base_halts { Err("halted") } else { self.base.send(from, call) };
        self.book(reported)
    }

    fn book(&mut self, reported: Reported) -> Done {
        let events = reported?;
        let is_minted = events.iter().any(|event| matches!(event, BaseEvent::BatchExecuted { .. }));
        let capacity = if is_minted { self.base.limits().capacity } else { 0 };
        let moment = Moment { now: self.base.now, capacity };
        for event in events {
            self.ledger.report(&event, self.shape, moment)?;
        }
        Ok(())
    }

    /// The set that is stored on Base.
    fn stored_set(&mut self) -> ValidatorSet {
        self.sets[&self.base.state().set_nonce].set()
    }

    /// The stored set, and of these signatures the fewest of its members that are enough.
    fn signed(&mut self, signatures: &Signatures, threshold: Threshold) -> (ValidatorSet, SignatureList) {
        let set = self.stored_set();
        let of = |member: &diem_bridge::Member| signatures.get(&member.address).copied();
        let all = SignatureList::new(set.members().iter().map(of).collect());
        let list = all.fewest(&set, threshold).unwrap_or(all);
        (set, list)
    }

    fn kept(&self, kind: OutboundKind, nonce: u64) -> Signatures {
        self.signatures.get(&(kind, nonce)).cloned().unwrap_or_default()
    }

    /// Lets time pass until Base is so many seconds after the deadline of a batch.
    pub(crate) fn time_to_deadline(&mut self, pick: u64, after: u64) -> Done {
        let nonce = pick_of(self.ledger.batches.len() as u64, pick)?;
        let second = self.ledger.sealed(nonce).unwrap().batch.deadline + after;
        let seconds = second.checked_sub(self.base.now).ok_or("over")?;
        self.time(seconds * 1_000);
        Ok(())
    }

    pub(crate) fn relay(&mut self, pick: u64, by: u8) -> Done {
        self.relay_batch(pick_of(self.ledger.batches.len() as u64, pick)?, by)
    }

    /// Sends DIEM, lets what waits be sealed and signed, and relays it at once.
    pub(crate) fn ship(&mut self, by: u8) -> Done {
        self.out(by, by, 100, 50)?;
        self.time(self.params.seal_wait_ms);
        for view in [View::None, View::Newest, View::None] {
            self.block(u8::MAX, view, u64::MAX)?;
        }
        let newest = self.ledger.batches.last().filter(|sealed| sealed.end.is_none()).ok_or("nothing")?;
        self.relay_batch(newest.batch.nonce, by)
    }

    fn relay_batch(&mut self, nonce: u64, by: u8) -> Done {
        let (set, list) = self.signed(&self.kept(OutboundKind::Batch, nonce), Threshold::MoreThanTwoThirds);
        let call = Call::submit_batch(&set, &list, &self.ledger.sealed(nonce).unwrap().batch);
        self.send_signed(&RELAYERS[usize::from(by) % RELAYERS.len()], call)
    }

    pub(crate) fn update(&mut self, back: u64) -> Done {
        let nonce = (self.sets.len() as u64 - 1).saturating_sub(back % 3);
        let (set, list) = self.signed(&self.kept(OutboundKind::Valset, nonce), Threshold::MoreThanTwoThirds);
        let newer = &self.sets[&nonce];
        let call = Call::update_set(&set, &list, nonce, newer.created_at, &newer.set());
        self.send_signed(&RELAYERS[0], call)
    }

    pub(crate) fn act(&mut self, back: u64) -> Done {
        let nonce = state::issued(&self.chain.world.state).actions.saturating_sub(back % 3);
        let action = admin::action(&self.chain.world.state, nonce).ok_or("nothing")?;
        let signatures = self.kept(OutboundKind::Admin, nonce);
        self.decide(&action, &signatures)
    }

    fn decide(&mut self, action: &Preimage, signatures: &Signatures) -> Done {
        let (set, list) = self.signed(signatures, Threshold::MoreThanTwoThirds);
        let call = Call::admin(&set, &list, action).unwrap();
        self.send_signed(&RELAYERS[0], call)
    }

    pub(crate) fn install_proposed(&mut self) -> Done {
        self.send(&RELAYERS[1], &Call::install_proposed())
    }

    /// Installs a newer set in place of a stale one, which takes half the age of a set.
    pub(crate) fn recover(&mut self) -> Done {
        self.block(u8::MAX, View::Newest, u64::MAX)?;
        self.block(u8::MAX, View::None, u64::MAX)?;
        self.block(u8::MAX, View::None, u64::MAX)?;
        self.update(0)?;
        self.base.proposed().ok_or("nothing")?;
        self.time((self.shape.max_set_age / 2 + 1) * 1_000);
        self.block(u8::MAX, View::Newest, u64::MAX)?;
        self.install_proposed()
    }

    pub(crate) fn pause(&mut self, mask: u8, ahead: u64) -> Done {
        let nonce = self.base.pause_nonce() + 1 + ahead % 5;
        let signatures = self.sign(mask, &pause_struct_hash(nonce));
        let (set, list) = self.signed(&signatures, Threshold::AtLeastOneThird);
        self.send_signed(&RELAYERS[0], Call::pause(&set, &list, nonce))
    }

    /// What the keys of these validators sign when they do not ask the chain.
    fn sign(&self, mask: u8, struct_hash: &[u8; 32]) -> Signatures {
        let domain = self.chain.domain();
        let digest = domain.digest(struct_hash);
        self.chain.keys_of(mask).map(|key| (key.address, key.sign(&digest))).collect()
    }

    pub(crate) fn pause_by_guardian(&mut self) -> Done {
        self.guard(&pauseByGuardianCall {})
    }

    pub(crate) fn veto(&mut self, pick: u64) -> Done {
        let queue_id = self.pick_item(pick)?;
        self.guard(&vetoCall { queueId: queue_id })
    }

    pub(crate) fn veto_set(&mut self) -> Done {
        let (nonce, _) = self.base.proposed().ok_or("nothing")?;
        self.guard(&vetoSetCall { nonce })
    }

    pub(crate) fn lower_limits(&mut self, percent: u128) -> Done {
        let now = self.base.limits();
        self.guard(&lowerLimitsCall { mintCapacity: now.capacity * percent / 100, shareBps: now.share_bps })
    }

    fn guard(&mut self, call: &impl alloy_sol_types::SolCall) -> Done {
        let reported = if self.base_halts { Err("halted") } else { self.base.act(&GUARDIAN, call) };
        self.book(reported)
    }

    pub(crate) fn release(&mut self, pick: u64) -> Done {
        let queue_id = self.pick_item(pick)?;
        self.send(&RELAYERS[1], &Call::release(queue_id))
    }

    /// One of the last items of the queue.
    pub(crate) fn pick_item(&self, pick: u64) -> Result<u64, &'static str> {
        pick_of(self.ledger.items.len() as u64, pick)
    }

    /// Burns more often than a chunk has events, in one block of Base.
    pub(crate) fn burn_often(&mut self, by: u8) -> Done {
        const OFTEN: usize = 250;
        let by = HOLDERS[usize::from(by) % HOLDERS.len()];
        for _ in 0..OFTEN {
            self.send(&by, &Call::burn(Amount::new(cents(1)), &who(PEOPLE[0])))?;
        }
        Ok(())
    }

    /// Burns a part, in hundredths, of what somebody has.
    pub(crate) fn burn(&mut self, by: u8, to: To, part: u128) -> Done {
        let mut owners = owners();
        // Whoever has nothing is tried only where nobody has anything.
        owners.sort_by_key(|owner| self.base.balance(owner) == 0);
        owners.truncate(owners.iter().filter(|owner| self.base.balance(owner) > 0).count().max(1));
        let by = owners[usize::from(by) % owners.len()];
        let recipient = match to {
            To::Person(number) => who(PEOPLE[usize::from(number) % PEOPLE.len()]),
            To::Stranger => Address::last_of(&keccak256(&(self.ledger.sums.len() as u64).to_be_bytes())),
        };
        let amount = self.base.balance(&by) * part / 100;
        self.send(&by, &Call::burn(Amount::new(amount), &recipient))
    }

    /// All keys sign what the chain never decided, and Base takes it.
    pub(crate) fn forge(&mut self, forged: &Forged) -> Done {
        const ALL: u8 = 0xff;
        let (nonce, amount) = match *forged {
            Forged::Ahead { cents: amount, ahead } => (self.ledger.batches.len() as u64 + 1 + ahead % 4, amount),
            Forged::InPlace { cents: amount, pick } => {
                let last = self.ledger.batches.len() as u64;
                (pick_of(last, pick)?, amount)
            }
            Forged::Action(action) => {
                let nonce = state::issued(&self.chain.world.state).actions + 1;
                let action = action.issue(nonce, self.base.pause_nonce());
                let signatures = self.sign(ALL, &action.struct_hash());
                return self.decide(&action, &signatures);
            }
        };
        let transfers = vec![Transfer { recipient: FORGER, amount: Amount::new(cents(amount)) }];
        let deadline = self.base.now + 600;
        let batch = Batch { nonce, deadline, fee: Amount::new(cents(1)), transfers };
        let signatures = self.sign(ALL, &batch.struct_hash());
        let (set, list) = self.signed(&signatures, Threshold::MoreThanTwoThirds);
        self.send_signed(&FORGER, Call::submit_batch(&set, &list, &batch))
    }
}
