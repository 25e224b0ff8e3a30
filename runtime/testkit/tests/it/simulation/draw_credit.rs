//! Random calls of credits.

use diem_core::{Address, Amount};
use diem_credits::{
    Msg as Credits,
    grants::ProviderLimit,
    prices::{ModelPrices, Price, PriceSheet, Unit},
    state::{Allocation, DailyAllocation, Grant, VoucherProgress},
};
use diem_types::Call;

use super::{
    draw::{Draw, call},
    plan::{Act, Draft},
    world::{Kind, ONE, World},
};

/// Longer than an endpoint may be.
const LONG_TEXT: &str = match std::str::from_utf8(&[b'x'; 200]) {
    Ok(text) => text,
    Err(_) => "",
};

fn credits(msg: Credits) -> Act {
    call(Call::Credits(msg))
}

impl Draw<'_> {
    /// DIEM into stake and out of it.
    pub(crate) fn diem_stake(&mut self, account: &Address, held: u128) -> Act {
        match self.rng.below(13) {
            0..=5 => {
                let beneficiary = self.rng.chance(25).then(|| self.anyone());
                credits(Credits::StakeDiem { amount: self.amount(held), beneficiary })
            }
            6..=9 => {
                let rows = &self.seen.credits().positions;
                let own: Vec<_> = rows.iter().filter(|((staker, _), _)| staker == account).collect();
                let (beneficiary, most) = match own.is_empty() {
                    true => (*account, 0),
                    false => {
                        let ((_, beneficiary), amount) = own[self.rng.place(own.len())];
                        (*beneficiary, amount.get())
                    }
                };
                let beneficiary = if self.rng.chance(97) { Some(beneficiary) } else { None };
                // Parts, so that tranches come in numbers.
                let most = if self.rng.chance(40) { most / 20 } else { most };
                credits(Credits::UnstakeDiem { amount: self.amount(most), beneficiary })
            }
            _ => {
                let rows = &self.seen.credits().tranches;
                let own = rows.iter().filter(|((staker, _), _)| staker == account);
                let own: Vec<u64> = own.map(|((_, id), _)| *id).collect();
                let tranche = match self.rng.below(10) {
                    0..=8 if !own.is_empty() => self.rng.pick(&own),
                    _ if !rows.is_empty() => rows[self.rng.place(rows.len())].0.1,
                    _ => self.rng.below(1_000),
                };
                let collects = self.rng.chance(40);
                credits(if collects {
                    Credits::CollectTranche { id: tranche }
                } else {
                    Credits::CancelUnstake { tranche }
                })
            }
        }
    }

    /// What providers do, and who lists them.
    pub(crate) fn provider(&mut self) -> (usize, Act) {
        let place = self.any(Kind::Provider);
        let provider = self.address(place);
        let authority = if self.rng.chance(90) { World::AUTHORITY } else { self.someone() };
        let wrong = self.rng.pick(&[LONG_TEXT, "later.example"]);
        let text = |is_wrong: bool| if is_wrong { wrong } else { "https://later.example" }.to_string();
        match self.rng.below(40) {
            0..=4 => {
                let bond = self.amount(40 * ONE);
                let (payout, endpoint) = (self.anyone(), text(self.rng.chance(5)));
                let place = if self.rng.chance(90) { place } else { self.someone() };
                let moniker = if self.rng.chance(97) { "later" } else { " " }.into();
                (place, credits(Credits::RegisterProvider { bond, payout, endpoint, moniker }))
            }
            5..=8 => {
                let payout = self.rng.chance(70).then(|| self.anyone());
                let endpoint = self.rng.chance(30).then(|| text(self.rng.chance(20)));
                let sender = if self.rng.chance(85) { place } else { self.someone() };
                (sender, credits(Credits::EditProvider { payout, endpoint, moniker: None }))
            }
            9..=14 => (place, credits(Credits::AddBond { amount: self.amount(15 * ONE) })),
            15..=20 => (place, credits(Credits::PublishPrices { sheet: self.sheet() })),
            21 if self.rng.chance(20) => (place, credits(Credits::Deregister)),
            22..=26 => {
                let forfeit = self.rng.chance(15);
                (authority, credits(Credits::DelistProvider { provider, forfeit }))
            }
            _ => {
                let provider = if self.rng.chance(95) { provider } else { self.anyone() };
                (authority, credits(Credits::ListProvider { provider }))
            }
        }
    }

    fn sheet(&mut self) -> PriceSheet {
        let mut price = || {
            let units = [
                Price { unit: Unit::InputToken, price: self.amount(ONE) },
                Price { unit: Unit::Call, price: Amount::ZERO },
            ];
            units.into_iter().take(1 + self.rng.place(2)).collect()
        };
        let prices: Vec<Vec<Price>> = (0..3).map(|_| price()).collect();
        let names = ["large", "medium", "small"];
        let models = names.into_iter().zip(prices).map(|(model, prices)| ModelPrices {
            model: model.into(),
            long_context: None,
            prices,
        });
        let mut models: Vec<ModelPrices> = models.collect();
        models.truncate(1 + self.rng.place(3));
        if self.rng.chance(10) {
            models.reverse();
        }
        PriceSheet { models }
    }

    /// A provider's address; now and then of somebody who is none.
    fn served_by(&mut self) -> Address {
        let place = if self.rng.chance(97) { self.any(Kind::Provider) } else { self.someone() };
        self.address(place)
    }

    /// Allocations and session keys.
    pub(crate) fn rights(&mut self, user: usize) -> Act {
        let (allowance, _) = self.seen.credit(&self.address(user), self.today);
        let provider = self.served_by();
        let key = self.any(Kind::SessionKey);
        let key = if self.rng.chance(96) { self.address(key) } else { self.anyone() };
        match self.rng.below(10) {
            0..=6 => {
                let amount = if self.rng.chance(8) { Amount::ZERO } else { self.amount(allowance) };
                credits(Credits::Allocate { provider, amount })
            }
            7 | 8 => {
                let last_day = (self.today + self.rng.below(5)).saturating_sub(1);
                let count = 1 + self.rng.below(3);
                let limits =
                    (0..count).map(|_| ProviderLimit { provider: self.served_by(), limit: self.amount(allowance) });
                let mut limits: Vec<ProviderLimit> = limits.collect();
                if self.rng.chance(95) {
                    limits.sort_by_key(|limit| limit.provider);
                    limits.dedup_by_key(|limit| limit.provider);
                }
                credits(Credits::Grant { key, last_day, limits })
            }
            _ => {
                let account = self.address(user);
                let own = self.seen.credits().grants.iter().find(|((of, _), _)| *of == account);
                let key = own.filter(|_| self.rng.chance(80)).map_or(key, |((_, key), _)| *key);
                credits(Credits::Revoke { key })
            }
        }
    }

    /// Somebody, mostly the provider itself, hands in vouchers of a provider.
    pub(crate) fn vouchers(&mut self) -> (usize, Act) {
        let place = if self.rng.chance(98) { self.any(Kind::Provider) } else { self.any(Kind::User) };
        let count = match self.rng.below(60) {
            0 => 0,
            _ => 1 + self.rng.below(3),
        };
        let provider = self.address(place);
        let sender = if self.rng.chance(80) { place } else { self.someone() };
        (sender, Act::Vouchers(provider, (0..count).map(|_| self.voucher(provider)).collect()))
    }

    fn voucher(&mut self, provider: Address) -> Draft {
        let rows = &self.seen.credits().allocations;
        let to_provider = |(account, allocations): &(Address, Vec<Allocation>)| {
            allocations
                .iter()
                .find(|allocation| allocation.provider == provider)
                .map(|allocation| (*account, allocation.clone()))
        };
        let allocated: Vec<(Address, Allocation)> = rows.iter().filter_map(to_provider).collect();
        let (account, allocation) = match allocated.is_empty() || self.rng.chance(2) {
            true => (self.anyone(), None),
            false => {
                let (account, allocation) = allocated[self.rng.place(allocated.len())].clone();
                (account, Some(allocation))
            }
        };
        let global = &self.seen.credits().open_day;
        let before = global.previous.as_ref().map_or(0, |previous| previous.day);
        let previous = if self.today == global.day { before } else { global.day };
        let day = if self.rng.chance(70) { self.today } else { previous };
        let day = match self.rng.below(40) {
            0 => day + 1,
            1 => day.saturating_sub(1),
            _ => day,
        };
        let grants: Vec<_> = self.seen.credits().grants.iter().filter(|((of, _), _)| *of == account).collect();
        let signer = match self.rng.below(20) {
            0 => self.any(Kind::SessionKey),
            1..=9 if !grants.is_empty() => {
                let ((_, key), _) = grants[self.rng.place(grants.len())];
                self.world.place(key).unwrap_or(0)
            }
            _ => self.world.place(&account).unwrap_or(0),
        };
        let key = self.world.address(signer);
        let grant = grants.iter().find(|((_, of), _)| *of == key).map(|(_, grant)| grant);
        let (before, left) = self.standing(account, allocation.as_ref(), grant, provider, day);
        let amount = match self.rng.below(12) {
            0 => before.paid.get(),
            1 => before.paid.get().saturating_sub(1),
            _ => before.paid.get().saturating_add(self.rng.amount(left)),
        };
        let signed_by = if self.rng.chance(97) { signer } else { self.any(Kind::User) };
        let named = if self.rng.chance(98) { provider } else { self.served_by() };
        let more = if self.rng.chance(99) { self.rng.below(100) } else { u64::MAX };
        let requests = before.requests.saturating_add(more);
        let other_chain = self.rng.chance(2);
        Draft { account, signer, signed_by, provider: named, day, amount: Amount::new(amount), requests, other_chain }
    }

    /// What a signer's vouchers of a day came to, and what is left of the allocation, as far as the rows show it.
    fn standing(
        &self,
        account: Address,
        allocation: Option<&Allocation>,
        grant: Option<&Grant>,
        provider: Address,
        day: u64,
    ) -> (VoucherProgress, u128) {
        let rows = &self.seen.credits().accounts;
        let touched = rows.binary_search_by_key(&account, |(of, _)| *of).map_or(0, |at| rows[at].1.today.day);
        let allocated = allocation.map_or(DailyAllocation::default(), |allocation| match touched.cmp(&day) {
            // Not touched yet: what stands is what will be allocated, if it fits.
            std::cmp::Ordering::Less => DailyAllocation { amount: allocation.next, ..DailyAllocation::default() },
            std::cmp::Ordering::Equal => allocation.today,
            std::cmp::Ordering::Greater => allocation.previous,
        });
        let limit = grant.and_then(|grant| {
            grant.limits.iter().find(|limit| limit.provider == provider).map(|limit| (grant.day, limit))
        });
        let signed = match limit {
            Some((on, limit)) if on == day => limit.today.signed,
            Some((on, limit)) if on > day => limit.previous.signed,
            Some(_) => VoucherProgress::default(),
            None => allocated.own,
        };
        (signed, allocated.left().get())
    }

    /// Spending, giving, selling and buying.
    pub(crate) fn market(&mut self, user: usize) -> Act {
        let account = self.address(user);
        let (_, free) = self.seen.credit(&account, self.today);
        let today = self.today;
        let day = match self.rng.below(30) {
            0 => today.saturating_sub(1),
            1 => today + 1,
            _ => today,
        };
        let price = if self.rng.chance(98) { 1 + self.rng.below_wide(20 * ONE) } else { 0 };
        let price = Amount::new(price);
        let msg = match self.rng.below(32) {
            0..=9 => {
                let (provider, amount) = (self.served_by(), self.amount(free));
                let reference = if self.rng.chance(95) { "r".into() } else { "r".repeat(65) };
                Credits::Spend { provider, day, amount, reference }
            }
            10..=14 => Credits::GiftCredit { to: self.anyone(), day, amount: self.amount(free) },
            15..=20 => Credits::OfferCredit { day, amount: self.amount(free), price },
            21 | 22 => Credits::WithdrawOffer,
            _ => {
                let offers: Vec<Address> = self.seen.credits().offers.iter().map(|((_, seller), _)| *seller).collect();
                let seller = match offers.is_empty() || self.rng.chance(10) {
                    true => self.anyone(),
                    false => self.rng.pick(&offers),
                };
                let rows = &self.seen.credits().accounts;
                let at = rows.binary_search_by_key(&seller, |(address, _)| *address);
                let offered = at.map_or(0, |at| rows[at].1.today.offered.get());
                let max_price = if self.rng.chance(80) { Amount::MAX } else { price };
                Credits::BuyCredit { seller, day, amount: self.amount(offered), max_price }
            }
        };
        credits(msg)
    }
}
