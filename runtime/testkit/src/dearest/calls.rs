//! The calls of each use, with arguments that cost the most work.

use diem_bank::{Msg as Bank, Output};
use diem_core::{Address, Amount, Denom, keys::SecretKey, sha256, tx::MAX_CALLS};
use diem_credits::{Msg as Credits, SignedVoucher, Voucher, prices::PriceSheet, vouchers::MAX_VOUCHERS};
use diem_diem::Msg as Diem;
use diem_staking::{self as staking, CreateValidator, Description, EditValidator, KeyProof, Msg as Staking};
use diem_svvv::Msg as Svvv;
use diem_types::Call;

use super::{
    Scene, Use,
    scene::{
        HALF, MOVES, VALIDATORS, big_sheet, key_seed, longest_url, nth_validator, register, session_key, stake_with,
        with,
    },
};
use crate::{
    economy::{consensus, milli, public, validator, whole},
    people::Person,
    story::{allocate, stake_diem, unstake, unstake_diem},
};

impl Scene {
    /// Makes as many of these calls as a transaction has; `number` makes those of two transactions differ where they
    /// must.
    pub(super) fn calls(&self, what: Use, sender: &Person, number: usize) -> Vec<Call> {
        let place = self.senders(what).iter().position(|person| person.address == sender.address).unwrap();
        let each = |call: &dyn Fn(usize) -> Call| (0..MAX_CALLS).map(call).collect::<Vec<_>>();
        let credits = |call: &dyn Fn(usize) -> Credits| each(&|i| Call::Credits(call(i)));
        let provider = |i: usize| self.providers[i % self.providers.len()].address;
        let customer = |i: usize| self.customer(number * MAX_CALLS + i);
        let day = self.today;
        match what {
            Use::Transfer => {
                each(&|i| Call::Bank(Bank::Transfer { to: customer(i), denom: Denom::Vvv, amount: Amount::new(1) }))
            }
            Use::MultiTransfer => vec![self.multi_transfer(number)],
            Use::CreateValidator => vec![self.create_validator(sender, number)],
            Use::EditValidator => each(&|i| edit_validator(i)),
            Use::Unjail => vec![Call::Staking(Staking::Unjail)],
            Use::RotateBridgeKey => each(&|i| self.rotate(sender, place, number * MAX_CALLS + i)),
            Use::Stake => each(&|i| stake_with(i, whole(1))),
            Use::Unstake => each(&|i| unstake(nth_validator(i), whole(2))),
            Use::CancelUnstake => each(&|i| {
                let tranche = (place * HALF + i) as u64;
                Call::Staking(Staking::CancelUnstake { tranche })
            }),
            Use::Claim => each(&|i| with(i, |validator| Staking::Claim { validator })),
            Use::ClaimAndStake => each(&|i| with(i, |validator| Staking::ClaimAndStake { validator })),
            // The stake leaves the first validator, where it is locked beyond what is free.
            Use::Restake => each(&|i| {
                let to = nth_validator(1 + i % (usize::from(VALIDATORS) - 1));
                let amount = whole(if i == 0 { 150 } else { 2 });
                Call::Svvv(Svvv::Restake { from: validator(0), to, amount })
            }),
            Use::Collect => {
                // The entries of the full accounts have lower numbers, because they were made before.
                let entry = |i: usize| (self.full.len() * HALF + place * MOVES + i) as u64;
                (0..MOVES).map(|i| Call::Svvv(Svvv::Collect { entry: entry(i) })).collect()
            }
            Use::Mint => self.mints(|scene| {
                let (_, lock) = scene.rest_of_curve;
                Diem::Mint { validator: validator(0), lock, min_out: Amount::ZERO }
            }),
            Use::MintExact => self.mints(|scene| {
                let (out, _) = scene.rest_of_curve;
                Diem::MintExact { validator: validator(0), out, max_lock: Amount::MAX }
            }),
            Use::Burn => each(&|_| Call::Diem(Diem::Burn { validator: validator(0), amount: milli(5) })),
            Use::StakeDiem => each(&|i| stake_diem(milli(10), Some(customer(i)))),
            Use::UnstakeDiem => each(&|i| unstake_diem(milli(10), Some(self.customer(place * HALF + i)))),
            Use::CancelUnstakeDiem => credits(&|i| Credits::CancelUnstake { tranche: (place * HALF + i) as u64 }),
            Use::RegisterProvider => vec![register(sender.address)],
            Use::EditProvider => credits(&|_| {
                let most = diem_credits::providers::MAX_TEXT_BYTES;
                let (endpoint, moniker) = (Some(longest_url(most)), Some("y".repeat(most)));
                Credits::EditProvider { payout: Some(sender.address), endpoint, moniker }
            }),
            Use::AddBond => credits(&|_| Credits::AddBond { amount: whole(1) }),
            // The empty sheet costs no bytes, and all models of today are kept until tomorrow; every other transaction
            // pays for a whole sheet.
            Use::PublishPrices => credits(&|i| {
                let full = number % 2 == 1 && i % 2 == 1;
                Credits::PublishPrices { sheet: if full { big_sheet("a") } else { PriceSheet::default() } }
            }),
            Use::Deregister => vec![Call::Credits(Credits::Deregister)],
            Use::ListProvider => credits(&|i| Credits::ListProvider { provider: provider(i) }),
            Use::DelistProvider => credits(&|i| Credits::DelistProvider { provider: provider(i), forfeit: true }),
            Use::Allocate => each(&|i| allocate(provider(HALF + i % HALF), milli(11))),
            Use::Grant => credits(&|i| {
                let limits = self.limits(milli(20));
                Credits::Grant { key: session_key(i), last_day: day + 9, limits }
            }),
            Use::Revoke => credits(&|i| Credits::Revoke { key: session_key(i) }),
            Use::SettleVouchers => vec![self.settle(sender, number)],
            Use::Spend => credits(&|i| {
                let reference = "r".repeat(diem_credits::spend::MAX_REFERENCE_BYTES);
                Credits::Spend { provider: provider(i), day, amount: milli(1), reference }
            }),
            Use::GiftCredit => credits(&|i| Credits::GiftCredit { to: customer(i), day, amount: milli(10) }),
            Use::OfferCredit => credits(&|_| Credits::OfferCredit { day, amount: milli(10), price: Amount::ONE }),
            Use::WithdrawOffer => credits(&|i| match i % 2 {
                0 => Credits::WithdrawOffer,
                _ => Credits::OfferCredit { day, amount: milli(10), price: Amount::ONE },
            }),
            Use::CollectTranche => credits(&|i| Credits::CollectTranche { id: (place * HALF + i) as u64 }),
            Use::BuyCredit => credits(&|i| {
                let seller = self.sellers[i % self.sellers.len()].address;
                Credits::BuyCredit { seller, day, amount: milli(10), max_price: Amount::ONE }
            }),
        }
    }

    /// Makes a transfer with the most outputs, to addresses that have no row.
    fn multi_transfer(&self, number: usize) -> Call {
        let output = |i: usize| {
            let hash = sha256(&[b"fresh", &number.to_be_bytes(), &i.to_be_bytes()]);
            let mut to = [0; 20];
            to.copy_from_slice(&hash[..20]);
            Output { to: Address(to), amount: milli(20) }
        };
        let outputs = (0..diem_bank::msg::MAX_OUTPUTS).map(output).collect();
        Call::Bank(Bank::MultiTransfer { denom: Denom::Vvv, outputs })
    }

    fn create_validator(&self, sender: &Person, number: usize) -> Call {
        let seed = |kind: &[u8]| sha256(&[kind, &number.to_be_bytes()]);
        let (consensus, bridge) = (SecretKey::ed25519(&seed(b"consensus")), bridge_key(number));
        Call::Staking(Staking::CreateValidator(CreateValidator {
            consensus_key: public(&consensus),
            bridge_address: bridge.address(),
            proof: KeyProof::sign(&self.chain.doc.chain_id, &sender.address, &consensus, &bridge).unwrap(),
            commission: 1_000,
            max_commission: 5_000,
            max_commission_change: 200,
            description: longest_description(),
            self_stake: whole(1_000),
        }))
    }

    fn rotate(&self, sender: &Person, place: usize, number: usize) -> Call {
        let (consensus, bridge) = (consensus(u8::try_from(place).unwrap()), bridge_key(number));
        Call::Staking(Staking::RotateBridgeKey {
            consensus_key: public(&consensus),
            bridge_address: bridge.address(),
            proof: KeyProof::sign(&self.chain.doc.chain_id, &sender.address, &consensus, &bridge).unwrap(),
        })
    }

    /// Mints all that is left of the curve and burns it, so that it can be minted again.
    fn mints(&self, mint: impl Fn(&Self) -> Diem) -> Vec<Call> {
        let burn = Diem::Burn { validator: validator(0), amount: self.rest_of_curve.0 };
        (0..MAX_CALLS).map(|i| Call::Diem(if i % 2 == 0 { mint(self) } else { burn.clone() })).collect()
    }

    /// Settles vouchers of as many accounts as there is room for, every other one signed by a session key.
    fn settle(&self, provider: &Person, number: usize) -> Call {
        let (chain_id, genesis_hash) = self.chain_name();
        let voucher = |(place, account): (usize, &Person)| -> SignedVoucher {
            let session = SecretKey::ed25519(&key_seed(account));
            let key = if place % 2 == 0 { &account.key } else { &session };
            let voucher = Voucher {
                chain_id: chain_id.clone(),
                genesis_hash,
                account: account.address,
                signer: key.address(),
                provider: provider.address,
                day: self.today,
                amount: milli(1),
                requests: number as u64,
                price_sheet: [0; 32],
                usage_root: [0; 32],
            };
            voucher.sign(key)
        };
        let vouchers = self.customers.iter().take(MAX_VOUCHERS).enumerate().map(voucher).collect();
        Call::Credits(Credits::SettleVouchers { provider: provider.address, vouchers })
    }
}

fn bridge_key(number: usize) -> SecretKey {
    SecretKey::ethereum(&sha256(&[b"bridge", &number.to_be_bytes()])).unwrap()
}

fn longest_description() -> Description {
    Description {
        moniker: "m".repeat(staking::msg::MAX_MONIKER_BYTES),
        website: longest_url(staking::msg::MAX_WEBSITE_BYTES),
    }
}

fn edit_validator(number: usize) -> Call {
    let commission = Some(if number.is_multiple_of(2) { 550 } else { 500 });
    let edit = EditValidator { description: Some(longest_description()), commission };
    Call::Staking(Staking::EditValidator(edit))
}
