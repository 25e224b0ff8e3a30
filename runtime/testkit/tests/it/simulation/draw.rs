//! Random transactions: who, what kind, and the calls of bank, staking, svvv and diem.

use diem_bank::{Msg as Bank, Output};
use diem_core::{Address, Amount, Denom};
use diem_credits::stake::MIN_STAKE;
use diem_diem::Msg as Diem;
use diem_staking::{Description, EditValidator, KeyProof, Msg as Staking, Position, state::Leaving};
use diem_svvv::Msg as Svvv;
use diem_testkit::{Rng, economy::public};
use diem_types::Call;

use super::{
    plan::{Act, Op},
    snapshot::Snapshot,
    world::{Kind, ONE, World, bridge_key},
};

/// What a random transaction is made from.
pub(crate) struct Draw<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) world: &'a World,
    pub(crate) seen: &'a Snapshot,
    /// The day that will be open.
    pub(crate) today: u64,
    /// How many bridge keys were used so far.
    pub(crate) bridge_keys: &'a mut u32,
}

impl Draw<'_> {
    /// A transaction of a plan.
    pub(crate) fn op(&mut self) -> Op {
        let user = self.someone();
        let (sender, act) = match self.rng.below(200) {
            0..=59 => (user, self.stake(user)),
            60..=64 => self.validator(),
            65..=104 => (user, self.diem(user)),
            105..=116 => self.provider(),
            117..=134 => (user, self.rights(user)),
            135..=150 => self.vouchers(),
            151..=189 => (user, self.market(user)),
            _ => (user, self.bank(user)),
        };
        let poor = self.seen.balance(&self.address(sender), Denom::Vvv) < 10 * ONE;
        Op { sender, paid: poor || self.rng.chance(30), act }
    }

    /// More parts of somebody's stake, of either kind, than may be on their way at once.
    pub(crate) fn burst(&mut self) -> Vec<Op> {
        let act = if self.rng.chance(50) {
            let least = self.seen.app.staking.params.min_stake;
            // Enough of it is free in most cases; where it is not, the refusals are those of the least stake.
            let large = |((_, validator), position): &&(_, Position)| {
                self.value(validator, position.free_to_unstake()) > 36 * least.get()
            };
            let rows = &self.seen.staking().positions;
            let enough: Vec<_> = rows.iter().filter(large).collect();
            let ((account, validator), _) = if enough.is_empty() {
                rows[self.rng.place(rows.len())]
            } else {
                *enough[self.rng.place(enough.len())]
            };
            (account, Call::Staking(Staking::Unstake { validator, amount: least }))
        } else {
            let rows = &self.seen.credits().positions;
            let ((account, beneficiary), _) = rows[self.rng.place(rows.len())];
            let (amount, beneficiary) = (MIN_STAKE, Some(beneficiary));
            (account, Call::Credits(diem_credits::Msg::UnstakeDiem { amount, beneficiary }))
        };
        let (account, part) = act;
        let sender = self.world.place(&account).unwrap_or(0);
        vec![Op { sender, paid: true, act: call(part) }; 34]
    }

    pub(crate) fn address(&self, place: usize) -> Address {
        self.world.address(place)
    }

    /// The place of one of a kind.
    pub(crate) fn any(&mut self, kind: Kind) -> usize {
        let range = World::all(kind);
        range.start + self.rng.place(range.len())
    }

    /// A user mostly, or whoever else can act.
    pub(crate) fn someone(&mut self) -> usize {
        match self.rng.below(100) {
            0..=79 => self.any(Kind::User),
            80..=88 => self.any(Kind::Provider),
            89..=97 => self.any(Kind::Operator),
            _ => World::AUTHORITY,
        }
    }

    /// The address of someone, now and then of nobody.
    pub(crate) fn anyone(&mut self) -> Address {
        match self.rng.below(60) {
            0 => Address::ZERO,
            // Some of them were paid before, others never.
            1 => Address([1 + self.rng.below(250) as u8; 20]),
            _ => {
                let place = self.someone();
                self.address(place)
            }
        }
    }

    pub(crate) fn amount(&mut self, most: u128) -> Amount {
        Amount::new(self.rng.amount(most))
    }

    /// A validator: one with which the account has stake, in most cases.
    fn with(&mut self, account: &Address) -> Address {
        let rows = &self.seen.staking().positions;
        let from = rows.partition_point(|((owner, _), _)| owner < account);
        let own = rows[from..].iter().take_while(|((owner, _), _)| owner == account).count();
        match self.rng.below(50) {
            0 => self.anyone(),
            1..=34 if own > 0 => rows[from + self.rng.place(own)].0.1,
            _ => self.any_validator(),
        }
    }

    fn any_validator(&mut self) -> Address {
        let rows = &self.seen.staking().validators;
        rows[self.rng.place(rows.len())].0
    }

    /// What so many shares of a validator are worth.
    fn value(&self, validator: &Address, shares: u128) -> u128 {
        self.seen.validator(validator).map_or(0, |row| row.value_of(shares).get())
    }

    fn stake(&mut self, user: usize) -> Act {
        let account = self.address(user);
        let validator = self.with(&account);
        let position = self.seen.position(&account, &validator);
        let msg = match self.rng.below(30) {
            0..=9 => {
                let balance = self.seen.balance(&account, Denom::Vvv);
                let part = if self.rng.chance(90) { balance / 3 } else { balance };
                Staking::Stake { validator, amount: self.amount(part) }
            }
            10..=13 => {
                let most = self.value(&validator, position.free_to_unstake());
                Staking::Unstake { validator, amount: self.amount(most) }
            }
            14 => return call(Call::Svvv(Svvv::Collect { entry: self.entry(&account, |_| true) })),
            15 | 16 => Staking::CancelUnstake { tranche: self.entry(&account, is_tranche) },
            17..=22 => {
                let most = self.value(&validator, position.free_to_move());
                let to = if self.rng.chance(96) { self.any_validator() } else { self.anyone() };
                return call(Call::Svvv(Svvv::Restake { from: validator, to, amount: self.amount(most) }));
            }
            23..=26 => Staking::Claim { validator },
            _ => Staking::ClaimAndStake { validator },
        };
        call(Call::Staking(msg))
    }

    /// The id of something on its way: of the account in most cases, else of anyone.
    fn entry(&mut self, account: &Address, of_kind: impl Fn(&Leaving) -> bool) -> u64 {
        let rows = &self.seen.staking().entries;
        let own = rows.iter().filter(|(_, entry)| entry.account == *account && of_kind(&entry.what));
        let own: Vec<u64> = own.map(|(key, _)| key.2).collect();
        match self.rng.below(10) {
            0..=7 if !own.is_empty() => self.rng.pick(&own),
            0..=8 if !rows.is_empty() => rows[self.rng.place(rows.len())].0.2,
            _ => self.rng.below(1_000),
        }
    }

    /// What operators do, and those who want to become one.
    fn validator(&mut self) -> (usize, Act) {
        let number = self.rng.place(self.world.validators.len());
        let operators = World::all(Kind::Operator);
        let mut sender = operators.start + number;
        let msg = match self.rng.below(20) {
            0..=3 => {
                if self.rng.chance(10) {
                    sender = self.any(Kind::Operator);
                }
                self.create(number)
            }
            4..=6 => {
                let bridge = self.new_bridge_key();
                let one = &self.world.validators[number];
                let key = bridge_key(bridge);
                let proof = KeyProof::sign(&self.world.doc.chain_id, &one.operator, &one.consensus, &key).unwrap();
                let bridge_address = if self.rng.chance(90) { key.address() } else { self.address(0) };
                Staking::RotateBridgeKey { consensus_key: public(&one.consensus), bridge_address, proof }
            }
            7..=12 => {
                let jailed = self.seen.staking().validators.iter().find(|(_, row)| row.jailed_until.is_some());
                if let (Some((operator, _)), true) = (jailed, self.rng.chance(80)) {
                    sender = self.world.place(operator).unwrap_or(sender);
                }
                Staking::Unjail
            }
            _ => {
                let today = self.seen.validator(&self.address(sender)).map_or(0, |row| row.commission.rate);
                let commission =
                    self.rng.chance(85).then(|| (u64::from(today) + self.rng.below(300)).saturating_sub(150) as u16);
                let moniker = self.rng.pick(&["renamed", "renamed", "renamed", "renamed", "", " "]).into();
                let website = self.rng.pick(&["", "https://one.example", "one.example"]).into();
                let description = self.rng.chance(40).then_some(Description { moniker, website });
                Staking::EditValidator(EditValidator { description, commission })
            }
        };
        (sender, call(Call::Staking(msg)))
    }

    fn new_bridge_key(&mut self) -> u32 {
        if self.rng.chance(85) {
            *self.bridge_keys += 1;
        }
        *self.bridge_keys
    }

    fn create(&mut self, number: usize) -> Staking {
        let bridge = self.new_bridge_key();
        let rate = self.rng.below(1_000) as u16;
        let commission = if self.rng.chance(95) { [rate, 2_000, 200] } else { [rate, rate / 2, 0] };
        let least = self.seen.app.staking.params.min_self_stake.get();
        let stake = if self.rng.chance(85) { least + self.rng.below_wide(5_000 * ONE) } else { self.rng.amount(least) };
        Staking::CreateValidator(self.world.creation(number, bridge, commission, Amount::new(stake)))
    }

    fn diem(&mut self, user: usize) -> Act {
        let account = self.address(user);
        let validator = self.with(&account);
        let position = self.seen.position(&account, &validator);
        let free = self.value(&validator, position.free_to_lock());
        let held = self.seen.balance(&account, Denom::Diem);
        match self.rng.below(24) {
            0..=4 => {
                let min_out = if self.rng.chance(85) { Amount::ZERO } else { self.amount(ONE) };
                call(Call::Diem(Diem::Mint { validator, lock: self.amount(free), min_out }))
            }
            5..=7 => {
                let max_lock = if self.rng.chance(70) { Amount::MAX } else { self.amount(free) };
                call(Call::Diem(Diem::MintExact { validator, out: self.amount(free / 120), max_lock }))
            }
            8..=10 => {
                let most = held.min(self.seen.lock(&account, &validator).outstanding.get());
                call(Call::Diem(Diem::Burn { validator, amount: self.amount(most) }))
            }
            _ => self.diem_stake(&account, held),
        }
    }

    fn bank(&mut self, user: usize) -> Act {
        let account = self.address(user);
        let denom = self.rng.pick(&[Denom::Vvv, Denom::Diem, Denom::Diem]);
        let most = self.seen.balance(&account, denom) / 2;
        let msg = if self.rng.chance(70) {
            Bank::Transfer { to: self.anyone(), denom, amount: self.amount(most) }
        } else {
            let count = self.rng.below(5);
            let outputs = (0..count).map(|_| Output { to: self.anyone(), amount: self.amount(most / 5) });
            Bank::MultiTransfer { denom, outputs: outputs.collect() }
        };
        call(Call::Bank(msg))
    }
}

const fn is_tranche(what: &Leaving) -> bool {
    matches!(what, Leaving::Tranche(_))
}

pub(crate) fn call(call: Call) -> Act {
    Act::Call(Box::new(call))
}
