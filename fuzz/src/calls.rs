//! The calls that a plan stands for: every call of every module, with amounts, addresses and days from nothing to all.

use diem_bank::{Msg, Output};
use diem_core::{Address, Amount, Denom, keys::SecretKey, tx::MAX_CALLS};
use diem_credits::{
    self as credits, SignedVoucher, Voucher,
    grants::ProviderLimit,
    prices::{LongContext, ModelPrices, Price, PriceSheet, Unit},
};
use diem_diem as diem;
use diem_staking::{self as staking, CreateValidator, Description, EditValidator, KeyProof};
use diem_svvv as svvv;
use diem_testkit::economy::{bridge, consensus, public, validator};
use diem_types::Call;

use crate::{plan::Plan, world::World};

/// The number of choices of calls: the first sixteen are transfers.
pub const KINDS: u8 = 56;

/// The amount that a plan's choice stands for.
pub(crate) fn amount(choice: u8) -> Amount {
    let milli = |thousandths: u128| Amount::new(Amount::ONE.get() / 1_000 * thousandths);
    match choice {
        0..=15 => Amount::new(choice.into()),
        // These are 0.01 to 1.01, then 1 to 100 of a unit, then hundreds and thousands.
        16..=117 => milli(u128::from(choice - 15) * 10),
        118..=217 => milli(u128::from(choice - 117) * 1_000),
        218..=249 => milli(u128::from(choice - 217) * 500_000),
        250 => milli(100),
        251 => Amount::ONE,
        // Everybody starts with this amount: it can no longer be paid beside a fee.
        252 => milli(100_000_000),
        253 => milli(500_000_000),
        254 => Amount::new(u128::MAX / 2 + 1),
        255 => Amount::MAX,
    }
}

/// The choices of a plan, translated into arguments of calls.
struct Choices<'a> {
    world: &'a World,
    plan: &'a Plan,
    amount: Amount,
    /// The person whom a call names.
    to: Address,
    /// The day that a call names: today, most of the time.
    day: u64,
}

pub(crate) fn calls(world: &World, plan: &Plan) -> Vec<Call> {
    let to = world.person(plan.to).address;
    let today = world.today();
    let day = match plan.detail >> 6 {
        0 | 1 => today,
        2 => today.saturating_sub(1),
        _ => today.saturating_add(1),
    };
    let choices = Choices { world, plan, amount: amount(plan.amount), to, day };
    match plan.calls % KINDS {
        kind @ 0..=15 => choices.transfers(kind),
        kind @ 16..=25 => vec![Call::Staking(choices.staking(kind - 16))],
        26 | 27 => {
            let (from, to) = (choices.validator(plan.to), choices.validator(plan.detail));
            vec![Call::Svvv(svvv::Msg::Restake { from, to, amount: choices.amount })]
        }
        kind @ 28..=32 => vec![Call::Diem(choices.diem(kind - 28))],
        kind @ 33..=53 => vec![Call::Credits(choices.credits(kind - 33))],
        54 => vec![Call::Svvv(svvv::Msg::Collect { entry: (plan.detail % 32).into() })],
        _ => vec![Call::Credits(credits::Msg::CollectTranche { id: (plan.detail % 32).into() })],
    }
}

impl Choices<'_> {
    fn transfers(&self, kind: u8) -> Vec<Call> {
        let (to, amount) = (self.to, self.amount);
        let transfer = |denom| Call::Bank(Msg::Transfer { to, denom, amount });
        let outputs =
            |count| Call::Bank(Msg::MultiTransfer { denom: Denom::Vvv, outputs: vec![Output { to, amount }; count] });
        match kind {
            0..=7 => vec![transfer(Denom::Vvv)],
            8 => vec![transfer(Denom::Diem)],
            9 => vec![outputs(1), transfer(Denom::Diem)],
            10 => vec![outputs(100)],
            11 => vec![outputs(0)],
            12 => vec![Call::Bank(Msg::Transfer { to: Address::ZERO, denom: Denom::Vvv, amount })],
            13 => Vec::new(),
            14 => vec![transfer(Denom::Vvv); MAX_CALLS],
            _ => vec![transfer(Denom::Vvv); MAX_CALLS + 1],
        }
    }

    /// The validator that a call names: one of the three of the genesis, one of the people, who may be one, or nobody.
    fn validator(&self, choice: u8) -> Address {
        match choice % 8 {
            number @ 0..=5 => validator(u32::from(number) % 3),
            6 => self.world.person(choice / 8).address,
            _ => Address([choice; 20]),
        }
    }

    fn text(&self) -> String {
        let texts = ["one", "https://one.example", "", "two\nlines", "in \"quotes\"", "節 ö", "\u{202e}"];
        match usize::from(self.plan.detail) % 8 {
            7 => "x".repeat(self.plan.detail.into()),
            number => texts[number].into(),
        }
    }

    /// A key proof for the sender, or one that is invalid.
    fn proof(&self, consensus: &SecretKey, bridge: &SecretKey) -> KeyProof {
        let chain = &self.world.chain.doc.chain_id;
        let operator = self.world.person(self.plan.sender).address;
        let mut proof = KeyProof::sign(chain, &operator, consensus, bridge).unwrap();
        if self.plan.detail % 16 == 15 {
            proof.bridge[usize::from(self.plan.amount) % 64] ^= 1;
        }
        proof
    }

    fn staking(&self, kind: u8) -> staking::Msg {
        let (validator, amount) = (self.validator(self.plan.to), self.amount);
        let description = Description { moniker: self.text(), website: String::new() };
        // The rate is up to 99.45%, and once beyond all bounds.
        let rate = if self.plan.detail == 14 { 10_001 } else { u16::from(self.plan.amount) * 39 };
        match kind {
            0 | 1 => staking::Msg::Stake { validator, amount },
            2 => staking::Msg::Unstake { validator, amount },
            3 => staking::Msg::CancelUnstake { tranche: (self.plan.detail % 32).into() },
            4 => staking::Msg::Claim { validator },
            5 => staking::Msg::ClaimAndStake { validator },
            6 => staking::Msg::Unjail,
            7 => {
                let (consensus, bridge) = (consensus(self.plan.to % 6), bridge(self.plan.to % 8));
                staking::Msg::CreateValidator(CreateValidator {
                    consensus_key: public(&consensus),
                    bridge_address: bridge.address(),
                    proof: self.proof(&consensus, &bridge),
                    commission: rate / 2,
                    max_commission: rate,
                    max_commission_change: 100,
                    description,
                    self_stake: amount,
                })
            }
            8 => {
                let commission = self.plan.to.is_multiple_of(2).then_some(rate);
                staking::Msg::EditValidator(EditValidator { description: Some(description), commission })
            }
            _ => {
                let bridge = bridge(self.plan.to % 8);
                let consensus = consensus(self.plan.sender % 6);
                let proof = self.proof(&consensus, &bridge);
                let (consensus_key, bridge_address) = (public(&consensus), bridge.address());
                staking::Msg::RotateBridgeKey { consensus_key, bridge_address, proof }
            }
        }
    }

    fn diem(&self, kind: u8) -> diem::Msg {
        let (validator, amount, limit) = (self.validator(self.plan.to), self.amount, amount(self.plan.detail));
        match kind {
            0 | 1 => diem::Msg::Mint { validator, lock: amount, min_out: limit },
            2 => diem::Msg::MintExact { validator, out: amount, max_lock: limit },
            _ => diem::Msg::Burn { validator, amount },
        }
    }

    fn credits(&self, kind: u8) -> credits::Msg {
        use credits::Msg as M;
        let (to, day, amount, plan) = (self.to, self.day, self.amount, self.plan);
        let beneficiary = (plan.detail % 4 == 3).then_some(to);
        match kind {
            0 | 1 => M::StakeDiem { amount, beneficiary },
            2 => M::UnstakeDiem { amount, beneficiary },
            3 => M::CancelUnstake { tranche: (plan.detail % 32).into() },
            4 => M::RegisterProvider {
                bond: amount,
                payout: to,
                endpoint: "https://x.example".into(),
                moniker: self.text(),
            },
            5 => M::EditProvider { payout: Some(to), endpoint: None, moniker: Some(self.text()) },
            6 => M::AddBond { amount },
            7 => M::PublishPrices { sheet: self.sheet() },
            8 => M::Deregister,
            9 => M::ListProvider { provider: to },
            10 => M::DelistProvider { provider: to, forfeit: plan.detail % 2 == 1 },
            11 => M::Allocate { provider: to, amount },
            12 => self.grant(),
            13 => M::Revoke { key: self.world.person(plan.detail).address },
            14 => M::SettleVouchers { provider: self.world.person(plan.sender).address, vouchers: self.vouchers() },
            15 => M::SettleVouchers { provider: to, vouchers: self.vouchers() },
            16 => M::Spend { provider: to, day, amount, reference: self.text() },
            17 => M::GiftCredit { to, day, amount },
            18 => M::OfferCredit { day, amount, price: self::amount(plan.detail | 0x80) },
            19 => M::WithdrawOffer,
            _ => M::BuyCredit { seller: to, day, amount, max_price: self::amount(plan.detail | 0xc0) },
        }
    }

    fn sheet(&self) -> PriceSheet {
        let long = LongContext { threshold: 1_000, multiplier_bps: 10_000 + u32::from(self.plan.to % 4) };
        let model = |number: u8| ModelPrices {
            model: format!("model-{:03}", number % 100),
            long_context: number.is_multiple_of(2).then_some(long),
            prices: vec![Price { unit: Unit::InputToken, price: self.amount }],
        };
        PriceSheet { models: (0..self.plan.detail % 70).map(model).collect() }
    }

    fn grant(&self) -> credits::Msg {
        let last_day = self.day.saturating_add(u64::from(self.plan.detail % 4));
        let mut limits = vec![
            ProviderLimit { provider: self.to, limit: self.amount },
            ProviderLimit { provider: self.world.person(3).address, limit: self.amount },
        ];
        limits.sort_by_key(|limit| limit.provider);
        limits.dedup_by_key(|limit| limit.provider);
        credits::Msg::Grant { key: self.world.person(self.plan.detail).address, last_day, limits }
    }

    /// Makes vouchers of a person and of a session key for the sender, some of them bad.
    fn vouchers(&self) -> Vec<SignedVoucher> {
        let signer = self.world.person(self.plan.detail);
        let voucher = Voucher {
            chain_id: self.world.chain.doc.chain_id.clone(),
            genesis_hash: self.world.genesis_hash(),
            account: self.to,
            signer: signer.address,
            provider: self.world.person(self.plan.sender).address,
            day: self.day,
            amount: self.amount,
            requests: self.plan.detail.into(),
            price_sheet: [0; 32],
            usage_root: [self.plan.to; 32],
        };
        let own = self.world.person(self.plan.to);
        let mut own_voucher = Voucher { signer: own.address, ..voucher.clone() }.sign(&own.key);
        if self.plan.detail % 8 == 7 {
            own_voucher.voucher.requests ^= 1;
        }
        let by_key = voucher.sign(&signer.key);
        vec![own_voucher.clone(), by_key, own_voucher]
    }
}
