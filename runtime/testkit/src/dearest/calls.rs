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
    arguments::{big_sheet, grant, key_seed, longest_url, nth_validator, register, session_key, stake_with, with},
    scene::{HALF, MOVES, VALIDATORS},
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
        let own = |i: usize| (place * HALF + i) as u64;
        let (day, some) = (self.today, milli(10));
        match what {
            Use::Transfer => each(&|i| pay(customer(i))),
            Use::MultiTransfer => vec![self.multi_transfer(number)],
            Use::CreateValidator => vec![self.create_validator(sender, number)],
            Use::EditValidator => each(&edit_validator),
            Use::Unjail => vec![Call::Staking(Staking::Unjail)],
            Use::RotateBridgeKey => each(&|i| self.rotate(sender, place, number * MAX_CALLS + i)),
            Use::Stake => each(&|i| stake_with(i, whole(1))),
            Use::Unstake => each(&|i| unstake(nth_validator(i), whole(2))),
            Use::CancelUnstake => each(&|i| Call::Staking(Staking::CancelUnstake { tranche: own(i) })),
            Use::Claim => each(&|i| with(i, |validator| Staking::Claim { validator })),
            Use::ClaimAndStake => each(&|i| with(i, |validator| Staking::ClaimAndStake { validator })),
            Use::Restake => each(&restake),
            Use::Collect => self.collects(place),
            Use::Mint => self.mints(|scene| mint(scene.rest_of_curve.1)),
            Use::MintExact => self.mints(|scene| mint_exact(scene.rest_of_curve.0)),
            Use::Burn => each(&|_| Call::Diem(Diem::Burn { validator: validator(0), amount: milli(5) })),
            Use::StakeDiem => each(&|i| stake_diem(some, Some(customer(i)))),
            Use::UnstakeDiem => each(&|i| unstake_diem(some, Some(self.customer(place * HALF + i)))),
            Use::CancelUnstakeDiem => credits(&|i| Credits::CancelUnstake { tranche: own(i) }),
            Use::RegisterProvider => vec![register(sender.address)],
            Use::EditProvider => credits(&|_| edit_provider(sender)),
            Use::AddBond => credits(&|_| Credits::AddBond { amount: whole(1) }),
            Use::PublishPrices => credits(&|i| prices(number, i)),
            Use::Deregister => vec![Call::Credits(Credits::Deregister)],
            Use::ListProvider => credits(&|i| Credits::ListProvider { provider: provider(i) }),
            Use::DelistProvider => credits(&|i| Credits::DelistProvider { provider: provider(i), forfeit: true }),
            Use::Allocate => each(&|i| allocate(provider(HALF + i % HALF), milli(11))),
            Use::Grant => each(&|i| grant(session_key(i), day + 9, self.limits(milli(20)))),
            Use::Revoke => credits(&|i| Credits::Revoke { key: session_key(i) }),
            Use::SettleVouchers => vec![self.settle(sender, number)],
            Use::Spend => credits(&|i| spend(provider(i), day)),
            Use::GiftCredit => credits(&|i| Credits::GiftCredit { to: customer(i), day, amount: some }),
            Use::OfferCredit => credits(&|_| Credits::OfferCredit { day, amount: some, price: Amount::ONE }),
            Use::WithdrawOffer => credits(&|i| match i % 2 {
                0 => Credits::WithdrawOffer,
                _ => Credits::OfferCredit { day, amount: some, price: Amount::ONE },
            }),
            Use::CollectTranche => credits(&|i| Credits::CollectTranche { id: own(i) }),
            Use::BuyCredit => credits(&|i| self.buy(i)),
            // These are all calls of bridge.
            _ => self.bridge_calls(what, place, number),
        }
    }

    /// Collects what a mover has on its way.
    fn collects(&self, place: usize) -> Vec<Call> {
        // The entries of the full accounts have lower numbers, because they were made before.
        let entry = |i: usize| (self.full.len() * HALF + place * MOVES + i) as u64;
        (0..MOVES).map(|i| Call::Svvv(Svvv::Collect { entry: entry(i) })).collect()
    }

    fn buy(&self, number: usize) -> Credits {
        let seller = self.sellers[number % self.sellers.len()].address;
        Credits::BuyCredit { seller, day: self.today, amount: milli(10), max_price: Amount::ONE }
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

fn pay(to: Address) -> Call {
    Call::Bank(Bank::Transfer { to, denom: Denom::Vvv, amount: Amount::new(1) })
}

/// Moves stake from the first validator, where it is locked beyond what is free.
fn restake(number: usize) -> Call {
    let to = nth_validator(1 + number % (usize::from(VALIDATORS) - 1));
    let amount = whole(if number == 0 { 150 } else { 2 });
    Call::Svvv(Svvv::Restake { from: validator(0), to, amount })
}

fn mint(lock: Amount) -> Diem {
    Diem::Mint { validator: validator(0), lock, min_out: Amount::ZERO }
}

fn mint_exact(out: Amount) -> Diem {
    Diem::MintExact { validator: validator(0), out, max_lock: Amount::MAX }
}

fn edit_provider(sender: &Person) -> Credits {
    let most = diem_credits::providers::MAX_TEXT_BYTES;
    let (endpoint, moniker) = (Some(longest_url(most)), Some("y".repeat(most)));
    Credits::EditProvider { payout: Some(sender.address), endpoint, moniker }
}

/// Publishes a sheet. The empty one costs no bytes, and all models of today are kept until tomorrow; every other
/// transaction pays for a whole sheet.
fn prices(number: usize, place: usize) -> Credits {
    let full = number % 2 == 1 && place % 2 == 1;
    Credits::PublishPrices { sheet: if full { big_sheet("a") } else { PriceSheet::default() } }
}

fn spend(provider: Address, day: u64) -> Credits {
    let reference = "r".repeat(diem_credits::spend::MAX_REFERENCE_BYTES);
    Credits::Spend { provider, day, amount: milli(1), reference }
}
