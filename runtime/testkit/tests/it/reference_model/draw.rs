//! Random calls: most could succeed, many at the edge of what there is, some are wrong.

use diem_bank::Msg as Bank;
use diem_core::{Amount, Denom};
use diem_credits::{Msg as Credits, SignedVoucher, Voucher, grants::ProviderLimit};
use diem_diem::Msg as Diem;
use diem_staking::{EditValidator, Msg as Staking};
use diem_svvv::Msg as Svvv;
use diem_types::Call;

use super::{
    generate::{Generator, View},
    scene::ONE,
};

impl Generator<'_> {
    pub(crate) fn stake(&mut self, view: &View<'_>, user: &str) -> Call {
        let name = self.validator(view, user);
        let validator = self.address(&name);
        let shares = view.position(user, &name, "shares");
        let msg = match self.rng.below(20) {
            0..=6 => Staking::Stake { validator, amount: self.amount(view.number(&format!("account {user} vvv")) / 4) },
            7..=9 => Staking::Unstake { validator, amount: self.amount(shares - view.position(user, &name, "locked")) },
            10 => {
                let kind = self.rng.pick(&["tranche", "tranche", "move"]);
                let entry = self.id(view, kind, user);
                if self.rng.chance(60) {
                    return Call::Svvv(Svvv::Collect { entry });
                }
                Staking::CancelUnstake { tranche: entry }
            }
            11..=15 => {
                let to = self.any("v");
                let amount = self.amount(shares - view.position(user, &name, "moved"));
                return Call::Svvv(Svvv::Restake { from: validator, to: self.address(&to), amount });
            }
            16 | 17 => Staking::Claim { validator },
            _ => Staking::ClaimAndStake { validator },
        };
        Call::Staking(msg)
    }

    /// Another commission: about as far from today's as it may be.
    pub(crate) fn commission(&mut self, view: &View<'_>) -> (String, Call) {
        let user = if self.rng.chance(95) { self.any("v") } else { self.any("u") };
        let today = view.number(&format!("validator {user} commission")) as u64;
        let commission = Some((today + self.rng.below(210)).saturating_sub(105) as u16);
        (user, Call::Staking(Staking::EditValidator(EditValidator { commission, ..EditValidator::default() })))
    }

    /// The id of something on its way, of the user in most cases.
    fn id(&mut self, view: &View<'_>, kind: &str, user: &str) -> u64 {
        let rows: Vec<Vec<&str>> = view.play.state().keys().map(|key| key.split(' ').collect()).collect();
        let own = if self.rng.chance(80) { user } else { "" };
        let ids =
            rows.iter().filter(|row| row[0] == kind && row[2].starts_with(own)).map(|row| row[1].parse().unwrap());
        let ids: Vec<u64> = ids.collect();
        if ids.is_empty() { self.rng.below(10) } else { self.rng.pick(&ids) }
    }

    pub(crate) fn diem(&mut self, view: &View<'_>) -> (String, Call) {
        let user = self.user();
        let name = self.validator(view, &user);
        let validator = self.address(&name);
        let free = view.position(&user, &name, "shares") - view.position(&user, &name, "locked");
        let call = match self.rng.below(20) {
            0..=4 => {
                let min_out = if self.rng.chance(90) { Amount::ZERO } else { self.amount(ONE) };
                Diem::Mint { validator, lock: self.amount(free), min_out }
            }
            5 | 6 => {
                let out = self.amount(free / 100);
                let max_lock = if self.rng.chance(70) { Amount::MAX } else { self.amount(free) };
                Diem::MintExact { validator, out, max_lock }
            }
            7 | 8 => {
                let held = view.number(&format!("account {user} diem"));
                let most = held.min(view.position(&user, &name, "outstanding"));
                Diem::Burn { validator, amount: self.amount(most) }
            }
            _ => return self.staked_diem(view),
        };
        (user, Call::Diem(call))
    }

    fn staked_diem(&mut self, view: &View<'_>) -> (String, Call) {
        match self.rng.below(10) {
            0..=4 => {
                let user = self.with(&view.all("account ", " diem"));
                let amount = self.amount(view.number(&format!("account {user} diem")));
                let beneficiary = self.rng.chance(25).then(|| self.any("u")).map(|name| self.address(&name));
                (user, Call::Credits(Credits::StakeDiem { amount, beneficiary }))
            }
            5..=7 => {
                let stakes = view.all("diem_stake ", "");
                let (user, name) = match stakes.len() {
                    0 => (self.user(), self.any("u")),
                    _ => self.choose(&stakes).split_once(' ').map(|(a, b)| (a.into(), b.into())).unwrap(),
                };
                let amount = self.amount(view.number(&format!("diem_stake {user} {name}")));
                let beneficiary = Some(self.address(&name)).filter(|_| name != user || self.rng.chance(50));
                (user, Call::Credits(Credits::UnstakeDiem { amount, beneficiary }))
            }
            _ => {
                let user = self.with(&view.second("diem_tranche ", ""));
                let tranche = self.id(view, "diem_tranche", &user);
                let collects = self.rng.chance(50);
                (
                    user,
                    Call::Credits(if collects {
                        Credits::CollectTranche { id: tranche }
                    } else {
                        Credits::CancelUnstake { tranche }
                    }),
                )
            }
        }
    }

    pub(crate) fn provider(&mut self) -> (String, Call) {
        let name = self.any("p");
        let (provider, bond) = (self.address(&name), self.amount(20 * ONE));
        match self.rng.below(13) {
            12 => {
                let payout = self.any("u");
                let payout = Some(self.address(&payout));
                (name, Call::Credits(Credits::EditProvider { payout, endpoint: None, moniker: None }))
            }
            0..=2 => {
                let (endpoint, moniker) = ("https://later.example".into(), "later".into());
                let payout = self.any("u");
                let payout = self.address(&payout);
                (name, Call::Credits(Credits::RegisterProvider { bond, payout, endpoint, moniker }))
            }
            3..=5 => (name, Call::Credits(Credits::AddBond { amount: bond })),
            6 if self.rng.chance(60) => {
                let unbonding = self.scene.doc.app.credits.params.provider_unbonding_ms;
                self.bonds.extend(self.times.last().map(|now| now + unbonding));
                (name, Call::Credits(Credits::Deregister))
            }
            7 => ("gov".into(), Call::Credits(Credits::DelistProvider { provider, forfeit: self.rng.chance(20) })),
            8 => (self.user(), Call::Credits(Credits::ListProvider { provider })),
            _ => ("gov".into(), Call::Credits(Credits::ListProvider { provider })),
        }
    }

    /// A provider's name; now and then somebody who is none.
    fn served_by(&mut self) -> String {
        if self.rng.chance(97) { self.any("p") } else { "u1".into() }
    }

    pub(crate) fn rights(&mut self, view: &View<'_>, user: &str) -> Call {
        let most = view.number(&format!("credit today {user} allowance"));
        let allocated = view.all(&format!("allocation {user} "), " today");
        let name = if allocated.is_empty() || self.rng.chance(70) { self.served_by() } else { self.choose(&allocated) };
        let provider = self.address(&name);
        match self.rng.below(10) {
            0..=5 => {
                let amount = if self.rng.chance(10) { Amount::ZERO } else { self.amount(most) };
                Call::Credits(Credits::Allocate { provider, amount })
            }
            6..=8 => {
                let key = self.any("k");
                let last_day = (view.number("day") as u64 + self.rng.below(4)).saturating_sub(1);
                let mut limits = vec![ProviderLimit { provider, limit: self.amount(most) }];
                if self.rng.chance(30) {
                    let name = self.any("p");
                    limits.push(ProviderLimit { provider: self.address(&name), limit: self.amount(most) });
                }
                self.granted.insert((user.to_string(), key.clone()));
                Call::Credits(Credits::Grant { key: self.address(&key), last_day, limits })
            }
            _ => {
                let keys = self.keys_of(user);
                let key = if keys.is_empty() { self.any("k") } else { self.choose(&keys) };
                Call::Credits(Credits::Revoke { key: self.address(&key) })
            }
        }
    }

    pub(crate) fn vouchers(&mut self, view: &View<'_>) -> (String, Call) {
        let allocated = view.second("allocation ", " today");
        let provider = if allocated.is_empty() { self.served_by() } else { self.choose(&allocated) };
        let vouchers = (0..1 + self.rng.below(5)).map(|_| self.voucher(view, &provider)).collect();
        let sender = if self.rng.chance(80) { provider.clone() } else { self.any("u") };
        (sender, Call::Credits(Credits::SettleVouchers { provider: self.address(&provider), vouchers }))
    }

    /// The keys to which it granted something at any time.
    fn keys_of(&self, account: &str) -> Vec<String> {
        self.granted.iter().filter(|(of, _)| of == account).map(|(_, key)| key.clone()).collect()
    }

    fn voucher(&mut self, view: &View<'_>, provider: &str) -> SignedVoucher {
        let allocations = view.play.state().keys().filter(|key| key.starts_with("allocation "));
        let allocations: Vec<Vec<&str>> = allocations.map(|key| key.split(' ').collect()).collect();
        let to_provider: Vec<&Vec<&str>> = allocations.iter().filter(|row| row[2] == provider).collect();
        let account = match to_provider.len() {
            0 => self.any("u"),
            _ => to_provider[self.rng.place(to_provider.len())][1].to_string(),
        };
        let today = view.number("day") as u64;
        let day = today.saturating_sub(self.rng.pick(&[0, 0, 0, 0, 1, 1, 2])) + u64::from(self.rng.chance(2));
        let keys = self.keys_of(&account);
        let signer = match self.rng.below(20) {
            0 => self.any("k"),
            n if n < 8 && !keys.is_empty() => self.choose(&keys),
            _ => account.clone(),
        };
        let key = (account.clone(), signer.clone(), provider.to_string(), day);
        let before = self.signed.get(&key).copied().unwrap_or(0);
        let allocated = view.number(&format!("allocation {account} {provider} today"));
        let amount = match self.rng.below(8) {
            0 => before,
            1 => before.saturating_sub(1),
            _ => before.saturating_add(self.rng.amount(allocated)),
        };
        if amount < u128::MAX / 4 {
            self.signed.insert(key, amount.max(before));
        }
        let of = if self.rng.chance(98) { provider.to_string() } else { self.any("p") };
        let chain_id = if self.rng.chance(98) { self.scene.doc.chain_id.clone() } else { "diem-other-dev".into() };
        let voucher = Voucher {
            chain_id,
            genesis_hash: self.scene.doc.hash(),
            account: self.address(&account),
            signer: self.address(&signer),
            provider: self.address(&of),
            day,
            amount: Amount::new(amount),
            requests: self.rng.below(100),
            price_sheet: [0; 32],
            usage_root: [0; 32],
        };
        let signs = if self.rng.chance(97) { signer } else { self.any("u") };
        voucher.sign(&self.scene.named(&signs).key)
    }

    pub(crate) fn market(&mut self, view: &View<'_>) -> (String, Call) {
        let user = self.with_credit(view);
        let free = view.free(&user);
        let day =
            (view.number("day") as u64 + u64::from(self.rng.chance(4))).saturating_sub(u64::from(self.rng.chance(4)));
        let price = Amount::new(self.rng.amount(10 * ONE).min(1_000 * ONE));
        let msg = match self.rng.below(16) {
            0..=4 => {
                let (name, amount) = (self.served_by(), self.amount(free));
                Credits::Spend { provider: self.address(&name), day, amount, reference: String::new() }
            }
            5 | 6 => {
                let name = self.user();
                Credits::GiftCredit { to: self.address(&name), day, amount: self.amount(free) }
            }
            7..=9 => Credits::OfferCredit { day, amount: self.amount(free), price },
            10 => {
                let seller = self.with(&view.all("credit today ", " offered"));
                return (seller, Call::Credits(Credits::WithdrawOffer));
            }
            11..=13 => {
                let name = self.with(&view.all("credit today ", " offered"));
                let offered = view.number(&format!("credit today {name} offered"));
                let max_price = if self.rng.chance(80) { Amount::MAX } else { price };
                Credits::BuyCredit { seller: self.address(&name), day, amount: self.amount(offered), max_price }
            }
            _ => {
                let name = self.any("u");
                let denom = self.rng.pick(&[Denom::Vvv, Denom::Diem, Denom::Diem]);
                let word = if denom == Denom::Vvv { "vvv" } else { "diem" };
                let amount = self.amount(view.number(&format!("account {user} {word}")) / 4);
                return (user, Call::Bank(Bank::Transfer { to: self.address(&name), denom, amount }));
            }
        };
        (user, Call::Credits(msg))
    }
}
