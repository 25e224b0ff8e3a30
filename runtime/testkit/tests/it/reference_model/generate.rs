//! Random blocks that look for trouble: around midnight and the end of a grace, after halts, at the edges of balances.

use std::collections::{BTreeMap, BTreeSet};

use diem_core::{Address, Amount};
use diem_credits::Msg as Credits;
use diem_diem::Msg as Diem;
use diem_staking::Msg as Staking;
use diem_testkit::Rng;
use diem_types::Call;

use super::{
    play::{Plan, Play},
    scene::{DAY_MS, Scene},
};

/// A source of blocks.
pub(crate) struct Generator<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) rng: Rng,
    /// What each signer's last voucher came to, by (account, signer, provider, day).
    pub(crate) signed: BTreeMap<(String, String, String, u64), u128>,
    /// Which keys were granted something: (account, key).
    pub(crate) granted: BTreeSet<(String, String)>,
    /// When the bonds of providers that left may be paid.
    pub(crate) bonds: Vec<u64>,
    /// The times of the blocks by height.
    pub(crate) times: Vec<u64>,
}

impl<'a> Generator<'a> {
    /// The generator of a seed.
    pub(crate) fn new(scene: &'a Scene, rng: Rng) -> Self {
        Self { scene, rng, signed: BTreeMap::new(), granted: BTreeSet::new(), bonds: Vec::new(), times: Vec::new() }
    }

    /// The first block stands at the time of genesis and is empty.
    pub(crate) fn first(&mut self) -> Plan {
        let time = self.scene.doc.genesis_time.millis();
        self.times.push(time);
        Plan { time, ..Plan::default() }
    }

    /// Draws the next block.
    pub(crate) fn block(&mut self, play: &Play<'_>) -> Plan {
        let time = self.time(play);
        let evidence = self.evidence(play.last().height + 1, time).into_iter().collect();
        self.times.push(time);
        let view = View { play };
        let mut calls = self.opening(&view, self.times.len() - 2);
        calls.extend((0..self.rng.below(9)).filter_map(|_| self.call(&view)));
        Plan { time, evidence, calls }
    }

    /// In the first blocks most users do what the rest needs: stake, mint, stake DIEM, allocate credit.
    fn opening(&mut self, view: &View<'_>, step: usize) -> Vec<(Address, Call)> {
        let mut calls = Vec::new();
        for user in self.scene.all("u") {
            if step > 3 || self.rng.chance(20) {
                continue;
            }
            let part = |most: u128, of: u64| Amount::new(most / u128::from(of));
            let call = match step {
                0 => {
                    let validator = self.any("v");
                    let amount = part(view.number(&format!("account {user} vvv")), 2 + self.rng.below(3));
                    Call::Staking(Staking::Stake { validator: self.address(&validator), amount })
                }
                1 => {
                    let name = self.validator(view, &user);
                    let lock = part(view.position(&user, &name, "shares"), 1 + self.rng.below(4));
                    Call::Diem(Diem::Mint { validator: self.address(&name), lock, min_out: Amount::ZERO })
                }
                2 => {
                    let amount = part(view.number(&format!("account {user} diem")), 1 + self.rng.below(4));
                    Call::Credits(Credits::StakeDiem { amount, beneficiary: None })
                }
                _ => self.rights(view, &user),
            };
            calls.extend(call.message().validate().is_ok().then(|| (self.address(&user), call)));
        }
        calls
    }

    fn time(&mut self, play: &Play<'_>) -> u64 {
        let now = play.last().time.millis();
        let midnight = (now / DAY_MS + 1) * DAY_MS;
        let app = &self.scene.doc.app;
        let (credits, staking) = (&app.credits.params, &app.staking.params);
        // Whatever began in a block, a grace, a cooldown or an unbonding, ends so long after it.
        let spans = [credits.grace_ms, credits.cooldown_ms, credits.provider_unbonding_ms, staking.unbonding_ms];
        let ends = self.times.iter().flat_map(|time| spans.map(|span| time + span));
        let mut marks: Vec<u64> = ends.filter(|mark| (now + 1..now + DAY_MS / 2).contains(mark)).collect();
        marks.extend([midnight; 4]);
        marks.extend(
            self.bonds.iter().filter(|end| (now + 1..now + 3 * DAY_MS).contains(end)).flat_map(|end| [*end; 4]),
        );
        match self.rng.below(20) {
            0..=7 => self.rng.pick(&marks) + self.rng.pick(&[0, 0, 1, 5]),
            8 => midnight.saturating_sub(1).max(now + 1),
            9 => now + DAY_MS * (1 + self.rng.below(4)) + self.rng.below(DAY_MS),
            10 => now + 1,
            _ => now + 1 + self.rng.below(4 * 3_600_000),
        }
    }

    /// Somebody voted twice, not long ago in most cases; evidence grows too old to the millisecond.
    fn evidence(&mut self, height: u64, now: u64) -> Option<(usize, u64, u64)> {
        if !self.rng.chance(5) {
            return None;
        }
        let back = if self.rng.chance(80) { self.rng.below(8) } else { self.rng.below(60) };
        let height = height.saturating_sub(1 + back).max(1);
        let oldest = now - self.scene.doc.app.staking.params.unbonding_ms;
        let time = if self.rng.chance(70) { self.times[height as usize - 1] } else { oldest - 1 + self.rng.below(3) };
        Some((self.rng.place(3), height, time))
    }

    fn call(&mut self, view: &View<'_>) -> Option<(Address, Call)> {
        let (sender, call) = match self.rng.below(50) {
            0..=12 => {
                let user = self.user();
                let call = self.stake(view, &user);
                (user, call)
            }
            13 => self.commission(view),
            14..=22 => self.diem(view),
            23..=25 => self.provider(),
            26..=31 => {
                let user = self.with_credit(view);
                let call = self.rights(view, &user);
                (user, call)
            }
            32..=38 => self.vouchers(view),
            _ => self.market(view),
        };
        // What can never succeed is refused without an account paying for it: no history holds it.
        call.message().validate().is_ok().then(|| (self.scene.named(&sender).address, call))
    }

    /// Somebody with credit today, in most cases.
    pub(crate) fn with_credit(&mut self, view: &View<'_>) -> String {
        self.with(&view.all("credit today ", " allowance"))
    }

    /// One of them in most cases, else any user.
    pub(crate) fn with(&mut self, some: &[String]) -> String {
        if some.is_empty() || self.rng.chance(10) { self.user() } else { self.choose(some) }
    }

    pub(crate) fn any(&mut self, kind: &str) -> String {
        self.choose(&self.scene.all(kind))
    }

    pub(crate) fn choose(&mut self, of: &[String]) -> String {
        of[self.rng.place(of.len())].clone()
    }

    pub(crate) fn user(&mut self) -> String {
        let kind = if self.rng.chance(85) { "u" } else { self.rng.pick(&["v", "p"]) };
        self.any(kind)
    }

    pub(crate) fn address(&self, name: &str) -> Address {
        self.scene.named(name).address
    }

    pub(crate) fn amount(&mut self, most: u128) -> Amount {
        Amount::new(self.rng.amount(most))
    }

    /// A validator: one in which the account has a stake, in most cases.
    pub(crate) fn validator(&mut self, view: &View<'_>, user: &str) -> String {
        let own: Vec<String> =
            self.scene.all("v").into_iter().filter(|v| view.position(user, v, "shares") > 0).collect();
        match self.rng.below(50) {
            // Nobody operates this one.
            0 => "u0".into(),
            n if n < 40 && !own.is_empty() => self.choose(&own),
            _ => self.any("v"),
        }
    }
}

/// What the generator sees of the chain.
pub(crate) struct View<'a> {
    pub(crate) play: &'a Play<'a>,
}

impl View<'_> {
    pub(crate) fn number(&self, name: &str) -> u128 {
        self.play.state().get(name).map_or(0, |number| number.parse().unwrap())
    }

    pub(crate) fn position(&self, account: &str, validator: &str, field: &str) -> u128 {
        self.number(&format!("position {account} {validator} {field}"))
    }

    /// What stands between `prefix` and `suffix` in the names of the state.
    pub(crate) fn all(&self, prefix: &str, suffix: &str) -> Vec<String> {
        let names = self.play.state().keys();
        names.filter_map(|name| Some(name.strip_prefix(prefix)?.strip_suffix(suffix)?.to_string())).collect()
    }

    /// The second word of such a name.
    pub(crate) fn second(&self, prefix: &str, suffix: &str) -> Vec<String> {
        self.all(prefix, suffix).iter().map(|words| words.split(' ').nth(1).unwrap().into()).collect()
    }

    pub(crate) fn free(&self, account: &str) -> u128 {
        let number = |field| self.number(&format!("credit today {account} {field}"));
        number("allowance") - number("spent") - number("allocated") - number("offered")
    }
}
