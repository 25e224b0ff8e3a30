//! The chain's state in the words of the model: a number by what it is; what is 0 is left out.

use std::collections::BTreeMap;

use diem_bank::{self as bank, Pool};
use diem_core::{Address, Amount, BlockInfo, Denom, Page, QueryContext, StateRead};
use diem_credits as credits;
use diem_emissions as emissions;
use diem_staking as staking;
use diem_svvv as svvv;
use diem_types::Event;
use serde_json::{Value, json};

use super::scene::Scene;

/// The numbers of a state, by their names.
pub(crate) type Numbers = BTreeMap<String, String>;

struct Observer<'a> {
    scene: &'a Scene,
    ctx: QueryContext<'a>,
    out: Numbers,
}

/// Everything that the model knows too, read from the chain.
pub(crate) fn observe(scene: &Scene, state: &dyn StateRead, block: BlockInfo) -> Numbers {
    let mut observer = Observer { scene, ctx: QueryContext { state, block }, out: Numbers::new() };
    observer.pools();
    observer.validators();
    for person in &scene.people {
        observer.account(&person.address);
        observer.stake(&person.address);
        observer.credit(&person.address);
        observer.provider(&person.address);
    }
    observer.days();
    observer.out
}

/// The result of a call: whether it succeeded, and what became of its vouchers.
pub(crate) fn outcome(result: &diem_types::TxResult) -> Value {
    if result.code != 0 {
        return json!({"ok": false});
    }
    let settled = Event::decode_all(&result.events).unwrap().into_iter().find_map(|event| match event {
        Event::Credits(credits::Event::VouchersSettled { outcomes, .. }) => Some(outcomes),
        _ => None,
    });
    let Some(outcomes) = settled else { return json!({"ok": true}) };
    let words = outcomes.iter().map(|outcome| {
        let verdict = match outcome.verdict {
            credits::vouchers::Verdict::Paid => "paid",
            credits::vouchers::Verdict::Capped => "capped",
            credits::vouchers::Verdict::NothingNew => "nothing_new",
            credits::vouchers::Verdict::Refused(_) => "bad",
        };
        json!([verdict, outcome.paid.get().to_string()])
    });
    json!({"ok": true, "vouchers": words.collect::<Vec<_>>()})
}

impl Observer<'_> {
    fn put(&mut self, name: String, number: impl Into<u128>) {
        let number = number.into();
        if number != 0 {
            self.out.insert(name, number.to_string());
        }
    }

    fn amount(&mut self, name: impl Into<String>, amount: Amount) {
        self.put(name.into(), amount.get());
    }

    fn pools(&mut self) {
        let state = self.ctx.state;
        let pools = [
            ("bonded", Pool::Bonded),
            ("rewards", Pool::Rewards),
            ("treasury", Pool::Treasury),
            ("bonds", Pool::ProviderBonds),
            ("fees", Pool::Fees),
            ("payouts", Pool::Payouts),
            ("rent", Pool::Rent),
        ];
        for (name, pool) in pools {
            self.amount(name, bank::pool(state, pool, Denom::Vvv));
        }
        let progress = emissions::progress(state);
        self.amount("emitted", progress.emitted);
        self.amount("carry", progress.carry);
        self.amount("burned", staking::burned(state));
        self.amount("diem_supply", bank::supply(state, Denom::Diem));
        let global = credits::state::open_day(state);
        self.put("day".into(), global.day);
        self.amount("active", global.active);
        self.amount("allowance", global.allowance);
    }

    fn validators(&mut self) {
        let members = staking::query::consensus_set(&self.ctx);
        for name in self.scene.all("v") {
            let operator = self.scene.named(&name).address;
            let row = staking::validator(self.ctx.state, &operator).unwrap();
            self.amount(format!("validator {name} tokens"), row.tokens);
            self.put(format!("validator {name} shares"), row.shares);
            self.amount(format!("validator {name} commission_due"), row.commission_due);
            let view = staking::query::validator(&self.ctx, &operator).unwrap();
            self.put(format!("validator {name} commission"), view.commission_today);
            let is_member = members.iter().any(|view| view.validator.operator == operator);
            self.put(format!("validator {name} told"), is_member);
        }
    }

    fn account(&mut self, address: &Address) {
        let name = self.scene.name(address);
        for (denom, word) in [(Denom::Vvv, "vvv"), (Denom::Diem, "diem")] {
            self.amount(format!("account {name} {word}"), bank::balance(self.ctx.state, address, denom));
        }
    }

    fn stake(&mut self, account: &Address) {
        let name = self.scene.name(account);
        for view in staking::query::positions(&self.ctx, account, &Page::largest(None)).unwrap() {
            let at = format!("position {name} {}", self.scene.name(&view.validator));
            let lock = svvv::query::lock(&self.ctx, account, &view.validator);
            assert_eq!(lock.lock.shares, view.position.locked, "{at}");
            self.put(format!("{at} shares"), view.position.shares);
            self.put(format!("{at} locked"), view.position.locked);
            self.put(format!("{at} moved"), view.position.moved);
            self.amount(format!("{at} pending"), view.rewards);
            self.amount(format!("{at} outstanding"), lock.lock.outstanding);
        }
        for view in staking::query::leaving(&self.ctx, account, &Page::largest(None)) {
            let (id, from) = (view.id, self.scene.name(&view.validator));
            match view.what {
                staking::state::Leaving::Tranche(amount) => self.amount(format!("tranche {id} {name} {from}"), amount),
                staking::state::Leaving::Moved { to, shares } => {
                    self.put(format!("move {id} {name} {from} {}", self.scene.name(&to)), shares);
                }
            }
        }
    }

    fn credit(&mut self, account: &Address) {
        let name = self.scene.name(account);
        let info = credits::query::account(&self.ctx, account);
        for (day, row) in [("today", &info.today), ("previous", &info.previous)] {
            self.amount(format!("credit {day} {name} allowance"), row.allowance);
            self.amount(format!("credit {day} {name} spent"), row.spent);
            self.amount(format!("credit {day} {name} allocated"), row.allocated);
            self.amount(format!("credit {day} {name} offered"), row.offered);
        }
        for allocation in info.allocations {
            let at = format!("allocation {name} {}", self.scene.name(&allocation.provider));
            self.amount(format!("{at} today"), allocation.today.amount);
            self.amount(format!("{at} used"), allocation.today.used);
            self.amount(format!("{at} previous"), allocation.previous.amount);
            self.amount(format!("{at} previous_used"), allocation.previous.used);
            self.amount(format!("{at} next"), allocation.next);
        }
        for (beneficiary, amount) in credits::query::positions(&self.ctx, account, &Page::largest(None)) {
            self.amount(format!("diem_stake {name} {}", self.scene.name(&beneficiary)), amount);
        }
        for (id, tranche) in credits::query::tranches(&self.ctx, account) {
            let beneficiary = self.scene.name(&tranche.beneficiary);
            self.amount(format!("diem_tranche {id} {name} {beneficiary}"), tranche.amount);
        }
    }

    fn provider(&mut self, address: &Address) {
        let Ok(info) = credits::query::provider(&self.ctx, address) else { return };
        let name = self.scene.name(address);
        self.amount(format!("provider {name} bond"), info.provider.bond);
        self.amount(format!("provider {name} consumed"), info.today.consumed);
        self.put(format!("provider {name} requests"), info.today.requests);
    }

    fn days(&mut self) {
        let from = self.scene.doc.genesis_time.epoch(self.scene.doc.app.epoch_ms);
        let days = credits::query::days(&self.ctx, &Page::largest(from.checked_sub(1)));
        for info in days.into_iter().filter(|info| info.record.closed_at.is_some()) {
            let (at, record) = (format!("day {}", info.day), info.record);
            self.amount(format!("{at} allowance"), record.allowance);
            self.amount(format!("{at} supply"), record.supply);
            self.amount(format!("{at} base"), record.base);
            self.amount(format!("{at} rent"), record.rent);
            self.amount(format!("{at} consumed"), record.consumed);
            self.amount(format!("{at} counted"), record.counted);
            self.put(format!("{at} requests"), record.requests);
            self.amount(format!("{at} pot"), record.pot);
            self.amount(format!("{at} treasury"), record.treasury);
            self.amount(format!("{at} stakers"), record.stakers);
        }
    }
}
