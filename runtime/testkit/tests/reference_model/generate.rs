//! Random blocks that look for trouble: around midnight and the end of a grace, after halts, at the edges of balances.

use std::collections::BTreeMap;

use diem_bank::Msg as Bank;
use diem_core::{Address, Amount, Denom};
use diem_credits::{Msg as Credits, SignedVoucher, Voucher, grants::ProviderLimit};
use diem_diem::Msg as Diem;
use diem_staking::{EditValidator, Msg as Staking};
use diem_svvv::Msg as Svvv;
use diem_testkit::Rng;
use diem_types::Call;

use crate::{
    play::{Plan, Play},
    scene::{DAY_MS, ONE, Scene},
};

/// A source of blocks.
pub(crate) struct Generator<'a> {
    scene: &'a Scene,
    rng: Rng,
    /// What each signer's last voucher came to, by (account, signer, provider, day).
    signed: BTreeMap<(String, String, String, u64), u128>,
    /// The times of the blocks by height.
    times: Vec<u64>,
    offences: usize,
}

impl<'a> Generator<'a> {
    /// The generator of a seed.
    pub(crate) fn new(scene: &'a Scene, rng: Rng) -> Self {
        Self { scene, rng, signed: BTreeMap::new(), times: Vec::new(), offences: 0 }
    }

    /// The first block stands at the time of genesis and is empty.
    pub(crate) fn first(&mut self) -> Plan {
        let time = self.scene.doc.genesis_time.millis();
        self.times.push(time);
        Plan { time, ..Plan::default() }
    }

    /// The next block.
    pub(crate) fn block(&mut self, play: &Play<'_>) -> Plan {
        let time = self.time(play);
        let evidence = self.evidence(play.last().height + 1).into_iter().collect();
        self.times.push(time);
        let calls = (0..self.rng.below(9)).filter_map(|_| self.call(&View { play })).collect();
        Plan { time, evidence, calls }
    }

    fn time(&mut self, play: &Play<'_>) -> u64 {
        let now = play.last().time.millis();
        let midnight = (now / DAY_MS + 1) * DAY_MS;
        let grace = self.scene.doc.app.credits.params.grace_ms;
        // A closing block's grace ends so long after it; blocks that closed a day stand right after midnight.
        let graces = self.times.iter().rev().take(8).map(|closed| closed + grace);
        let marks: Vec<u64> = graces.chain([midnight, midnight]).filter(|mark| *mark > now).collect();
        match self.rng.below(20) {
            0..=6 => self.rng.pick(&marks) + self.rng.pick(&[0, 0, 1, 5]),
            7 | 8 => midnight.saturating_sub(1).max(now + 1),
            9 => now + DAY_MS * (1 + self.rng.below(4)) + self.rng.below(DAY_MS),
            10 => now + 1,
            _ => now + 1 + self.rng.below(4 * 3_600_000),
        }
    }

    /// All but one validator may vote twice; some evidence is old.
    fn evidence(&mut self, height: u64) -> Option<(usize, u64, u64)> {
        if self.offences >= 3 || !self.rng.chance(3) {
            return None;
        }
        self.offences += 1;
        let back = if self.rng.chance(80) { self.rng.below(4) } else { self.rng.below(40) };
        let height = height.saturating_sub(1 + back).max(1);
        let time = self.times[height as usize - 1];
        Some((self.rng.below(2) as usize, height, time))
    }

    fn call(&mut self, view: &View<'_>) -> Option<(Address, Call)> {
        let user = self.user();
        let (sender, call) = match self.rng.below(40) {
            0..=12 => (user.clone(), self.stake(view, &user)),
            13..=19 => (user.clone(), self.diem(view, &user)),
            20..=22 => self.provider(),
            23..=26 => (user.clone(), self.rights(view, &user)),
            27..=31 => self.vouchers(view),
            _ => (user.clone(), self.market(view, &user)),
        };
        // What can never succeed is refused without an account paying for it: no history holds it.
        call.validate().is_ok().then(|| (self.scene.named(&sender).address, call))
    }

    fn any(&mut self, kind: &str) -> String {
        self.choose(&self.scene.all(kind))
    }

    fn choose(&mut self, of: &[String]) -> String {
        of[self.rng.place(of.len())].clone()
    }

    fn user(&mut self) -> String {
        let kind = if self.rng.chance(85) { "u" } else { self.rng.pick(&["v", "p"]) };
        self.any(kind)
    }

    fn address(&self, name: &str) -> Address {
        self.scene.named(name).address
    }

    fn amount(&mut self, most: u128) -> Amount {
        Amount::new(self.rng.amount(most))
    }

    /// A validator: one in which the account has a stake, in most cases.
    fn validator(&mut self, view: &View<'_>, user: &str) -> String {
        let own: Vec<String> =
            self.scene.all("v").into_iter().filter(|v| view.position(user, v, "shares") > 0).collect();
        match self.rng.below(50) {
            // Nobody operates this one.
            0 => "u0".into(),
            n if n < 40 && !own.is_empty() => self.choose(&own),
            _ => self.any("v"),
        }
    }

    fn stake(&mut self, view: &View<'_>, user: &str) -> Call {
        let name = self.validator(view, user);
        let validator = self.address(&name);
        let shares = view.position(user, &name, "shares");
        let msg = match self.rng.below(20) {
            0..=6 => Staking::Stake { validator, amount: self.amount(view.number(&format!("account {user} vvv")) / 4) },
            7..=9 => Staking::Unstake { validator, amount: self.amount(shares - view.position(user, &name, "locked")) },
            10 => Staking::CancelUnstake { tranche: self.id(view, "tranche", user) },
            11..=15 => {
                let to = self.any("v");
                let amount = self.amount(shares - view.position(user, &name, "moved"));
                return Call::Svvv(Svvv::Restake { from: validator, to: self.address(&to), amount });
            }
            16 | 17 => Staking::Claim { validator },
            18 => Staking::ClaimAndStake { validator },
            _ => {
                let commission = Some(self.rng.below(2_001) as u16);
                Staking::EditValidator(EditValidator { commission, ..EditValidator::default() })
            }
        };
        Call::Staking(msg)
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

    fn diem(&mut self, view: &View<'_>, user: &str) -> Call {
        let name = self.validator(view, user);
        let validator = self.address(&name);
        let free = view.position(user, &name, "shares") - view.position(user, &name, "locked");
        let held = view.number(&format!("account {user} diem"));
        match self.rng.below(16) {
            0..=4 => {
                let min_out = if self.rng.chance(90) { Amount::ZERO } else { self.amount(ONE) };
                Call::Diem(Diem::Mint { validator, lock: self.amount(free), min_out })
            }
            5 | 6 => {
                let out = self.amount(free / 100);
                let max_lock = if self.rng.chance(70) { Amount::MAX } else { self.amount(free) };
                Call::Diem(Diem::MintExact { validator, out, max_lock })
            }
            7 | 8 => {
                let most = held.min(view.position(user, &name, "outstanding"));
                Call::Diem(Diem::Burn { validator, amount: self.amount(most) })
            }
            9..=12 => {
                let (amount, beneficiary) = (self.amount(held), self.beneficiary());
                Call::Credits(Credits::StakeDiem { amount, beneficiary })
            }
            13 | 14 => {
                let beneficiary = self.beneficiary();
                let name = beneficiary.map_or_else(|| user.to_string(), |address| self.scene.name(&address));
                let amount = self.amount(view.number(&format!("diem_stake {user} {name}")));
                Call::Credits(Credits::UnstakeDiem { amount, beneficiary })
            }
            _ => Call::Credits(Credits::CancelUnstake { tranche: self.id(view, "diem_tranche", user) }),
        }
    }

    fn beneficiary(&mut self) -> Option<Address> {
        self.rng.chance(25).then(|| self.any("u")).map(|name| self.address(&name))
    }

    fn provider(&mut self) -> (String, Call) {
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
            6 if self.rng.chance(30) => (name, Call::Credits(Credits::Deregister)),
            7 => ("gov".into(), Call::Credits(Credits::DelistProvider { provider, forfeit: self.rng.chance(20) })),
            8 => (self.user(), Call::Credits(Credits::ListProvider { provider })),
            _ => ("gov".into(), Call::Credits(Credits::ListProvider { provider })),
        }
    }

    /// A provider's name; now and then somebody who is none.
    fn served_by(&mut self) -> String {
        if self.rng.chance(97) { self.any("p") } else { "u1".into() }
    }

    fn rights(&mut self, view: &View<'_>, user: &str) -> Call {
        let most = view.number(&format!("credit today {user} allowance"));
        let name = self.served_by();
        let provider = self.address(&name);
        match self.rng.below(10) {
            0..=6 => {
                let amount = if self.rng.chance(10) { Amount::ZERO } else { self.amount(most) };
                Call::Credits(Credits::Allocate { provider, amount })
            }
            7 | 8 => {
                let key = self.any("k");
                let last_day = (view.number("day") as u64 + self.rng.below(4)).saturating_sub(1);
                let mut limits = vec![ProviderLimit { provider, limit: self.amount(most) }];
                if self.rng.chance(30) {
                    let name = self.any("p");
                    limits.push(ProviderLimit { provider: self.address(&name), limit: self.amount(most) });
                }
                Call::Credits(Credits::Grant { key: self.address(&key), last_day, limits })
            }
            _ => {
                let key = self.any("k");
                Call::Credits(Credits::Revoke { key: self.address(&key) })
            }
        }
    }

    fn vouchers(&mut self, view: &View<'_>) -> (String, Call) {
        let provider = self.served_by();
        let vouchers = (0..1 + self.rng.below(5)).map(|_| self.voucher(view, &provider)).collect();
        (provider, Call::Credits(Credits::SettleVouchers { vouchers }))
    }

    fn voucher(&mut self, view: &View<'_>, provider: &str) -> SignedVoucher {
        let promises = view.play.state().keys().filter(|key| key.starts_with("promise "));
        let promises: Vec<Vec<&str>> = promises.map(|key| key.split(' ').collect()).collect();
        let to_provider: Vec<&Vec<&str>> = promises.iter().filter(|row| row[2] == provider).collect();
        let account = match to_provider.len() {
            0 => self.any("u"),
            _ => to_provider[self.rng.place(to_provider.len())][1].to_string(),
        };
        let today = view.number("day") as u64;
        let day = today.saturating_sub(self.rng.pick(&[0, 0, 0, 0, 1, 1, 2])) + u64::from(self.rng.chance(2));
        let signer = if self.rng.chance(60) { account.clone() } else { self.any("k") };
        let key = (account.clone(), signer.clone(), provider.to_string(), day);
        let before = self.signed.get(&key).copied().unwrap_or(0);
        let promised = view.number(&format!("promise {account} {provider} today"));
        let amount = match self.rng.below(8) {
            0 => before,
            1 => before.saturating_sub(1),
            _ => before.saturating_add(self.rng.amount(promised)),
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

    fn market(&mut self, view: &View<'_>, user: &str) -> Call {
        let free = view.free(user);
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
            10 => Credits::WithdrawOffer,
            11..=13 => {
                let name = self.any("u");
                let offered = view.number(&format!("credit today {name} offered"));
                let max_price = if self.rng.chance(80) { Amount::MAX } else { price };
                Credits::BuyCredit { seller: self.address(&name), day, amount: self.amount(offered), max_price }
            }
            _ => {
                let name = self.any("u");
                let denom = self.rng.pick(&[Denom::Vvv, Denom::Diem, Denom::Diem]);
                let word = if denom == Denom::Vvv { "vvv" } else { "diem" };
                let amount = self.amount(view.number(&format!("account {user} {word}")) / 4);
                return Call::Bank(Bank::Transfer { to: self.address(&name), denom, amount });
            }
        };
        Call::Credits(msg)
    }
}

/// What the generator sees of the chain.
struct View<'a> {
    play: &'a Play<'a>,
}

impl View<'_> {
    fn number(&self, name: &str) -> u128 {
        self.play.state().get(name).map_or(0, |number| number.parse().unwrap())
    }

    fn position(&self, account: &str, validator: &str, field: &str) -> u128 {
        self.number(&format!("position {account} {validator} {field}"))
    }

    fn free(&self, account: &str) -> u128 {
        let number = |field| self.number(&format!("credit today {account} {field}"));
        number("allowance") - number("spent") - number("promised") - number("offered")
    }
}
