//! Keys, texts and sheets that make a call as dear as it can be.

use diem_core::{Address, Amount, keys::SecretKey, sha256};
use diem_credits::{
    self as credits, Msg as Credits,
    grants::ProviderLimit,
    prices::{LongContext, ModelPrices, Price, PriceSheet, Unit},
};
use diem_staking::Msg as Staking;
use diem_types::Call;

use super::scene::VALIDATORS;
use crate::{
    economy::{validator, whole},
    people::Person,
    story::stake,
};

/// The address of a session key; nobody needs to have the key.
pub(super) fn session_key(number: usize) -> Address {
    let mut address = [0xaa; 20];
    address[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Address(address)
}

/// The seed of the session key of a customer.
pub(super) fn key_seed(person: &Person) -> [u8; 32] {
    sha256(&[b"session", &person.address.0])
}

/// The address of the session key of a customer.
pub(super) fn key_of(person: &Person) -> Address {
    SecretKey::ed25519(&key_seed(person)).address()
}

/// Makes the call that gives a session key its limits until that day.
pub(super) fn grant(key: Address, last_day: u64, limits: Vec<ProviderLimit>) -> Call {
    Call::Credits(Credits::Grant { key, last_day, limits })
}

/// Makes the call that publishes a price sheet.
pub(super) fn publish(sheet: PriceSheet) -> Call {
    Call::Credits(Credits::PublishPrices { sheet })
}

/// Makes the call by which the sender becomes a provider with the longest texts.
pub(super) fn register(payout: Address) -> Call {
    let most = credits::providers::MAX_TEXT_BYTES;
    let (endpoint, moniker) = (longest_url(most), "x".repeat(most));
    Call::Credits(Credits::RegisterProvider { bond: whole(1_000), payout, endpoint, moniker })
}

/// Makes a URL of that many bytes.
pub(super) fn longest_url(bytes: usize) -> String {
    format!("{:x<bytes$}", "https://ai.example/")
}

/// Makes the largest sheet; two with different letters have no model in common.
pub(super) fn big_sheet(letter: &str) -> PriceSheet {
    let units = [
        Unit::InputToken,
        Unit::OutputToken,
        Unit::CachedToken,
        Unit::CacheWriteToken,
        Unit::Image,
        Unit::Second,
        Unit::Character,
        Unit::Call,
    ];
    let prices = units.map(|unit| Price { unit, price: Amount::new(7) }).to_vec();
    let model = |number: usize| ModelPrices {
        model: format!("{letter}{number:03}{}", "m".repeat(credits::prices::MAX_MODEL_BYTES - 4)),
        long_context: Some(LongContext { threshold: 1, multiplier_bps: 20_000 }),
        prices: prices.clone(),
    };
    PriceSheet { models: (0..credits::prices::MAX_MODELS).map(model).collect() }
}

/// The `number`th validator, modulo their number.
pub(super) fn nth_validator(number: usize) -> Address {
    validator(u32::try_from(number % usize::from(VALIDATORS)).unwrap())
}

/// Makes a call that stakes with the `number`th validator, modulo their number.
pub(super) fn stake_with(number: usize, amount: Amount) -> Call {
    stake(nth_validator(number), amount)
}

/// Makes a call of staking with the `number`th validator, modulo their number.
pub(super) fn with(number: usize, call: fn(Address) -> Staking) -> Call {
    Call::Staking(call(nth_validator(number)))
}
