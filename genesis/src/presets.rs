//! The chains that come with `diemd`, for development only: their keys are public.

use diem_core::{Address, Amount, Denom, keys::SecretKey, sha256};
use diem_staking::KeyProof;

use crate::{Coin, Error, GenesisFile, Person, Validator, Vvv, Who};

/// The phrase from which the people of the presets derive their keys. Everyone knows it: never fund it elsewhere.
pub const TEST_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// The SLIP-10 path of a person's key under that phrase, counted from 0 (alice).
pub fn person_path(number: u32) -> String {
    format!("m/44'/60'/0'/0'/{number}'")
}

/// The chain that the instant engine runs: days of half a minute, one validator and four people.
pub const DEV: &str = include_str!("../dev/genesis.toml");

/// The chain with four validators that `diemd devnet` runs.
pub const LOCALNET: &str = include_str!("../localnet/genesis.toml");

/// A chain with UTC days, the terms of a real chain and the curve of the contract on Base.
pub const LIVE: &str = include_str!("../live/genesis.toml");

/// The names of the presets.
pub const NAMES: [&str; 3] = ["dev", "localnet", "live"];

/// The text of the preset of that name.
pub fn text(name: &str) -> Option<&'static str> {
    match name {
        "dev" => Some(DEV),
        "localnet" => Some(LOCALNET),
        "live" => Some(LIVE),
        _ => None,
    }
}

/// The preset of that name.
///
/// # Errors
/// The text of the preset is wrong, which the tests of this crate exclude.
pub fn preset(name: &str) -> Option<Result<GenesisFile, Error>> {
    text(name).map(|text| GenesisFile::parse(text, name).map_err(Error::from))
}

/// The same chain under that name and with this many development validators: a key proof names its chain.
///
/// # Errors
/// It returns none: every development validator has keys of the right kinds.
pub fn with_validators(mut file: GenesisFile, chain_id: &str, count: usize) -> Result<GenesisFile, Error> {
    let operators: Vec<Who> = file.validators.drain(..).map(|validator| validator.operator).collect();
    file.accounts.retain(|person| !operators.iter().any(|operator| person.is(operator)));
    file.chain_id = chain_id.into();
    for number in 1..=count {
        let (name, operator) = (validator_name(number), SecretKey::ed25519(&operator_secret(number)).address());
        let consensus = SecretKey::ed25519(&validator_secret(number));
        let bridge = SecretKey::ethereum(&bridge_secret(number)).ok_or(Error::Keys)?;
        file.validators.push(validator(chain_id, &name, operator, &consensus, &bridge).ok_or(Error::Keys)?);
        file.accounts.push(Person { name: Some(name), address: operator, balances: vec![Coin(BALANCE, Denom::Vvv)] });
    }
    Ok(file)
}

/// The balance of an operator of a preset.
const BALANCE: Amount = Amount::new(20_000 * Amount::ONE.get());
/// The part of that balance that it stakes.
pub const SELF_STAKE: Amount = Amount::new(10_000 * Amount::ONE.get());

/// A validator as presets have it: 10,000 VVV of its operator's account of the same name, 5% commission. `None` if the
/// keys are of the wrong kinds.
pub fn validator(
    chain_id: &str,
    name: &str,
    operator: Address,
    consensus: &SecretKey,
    bridge: &SecretKey,
) -> Option<Validator> {
    let SecretKey::Ed25519(key) = consensus else { return None };
    Some(Validator {
        name: name.into(),
        website: String::new(),
        operator: Who(name.into()),
        public_key: key.verifying_key().to_bytes(),
        bridge_address: bridge.address(),
        proof: KeyProof::sign(chain_id, &operator, consensus, bridge)?,
        self_stake: Vvv(SELF_STAKE),
        commission_bps: 500,
        max_commission_bps: 2_000,
        max_commission_change_bps: 100,
    })
}

/// The name of a preset's validator and of its operator's account, counted from 1.
pub fn validator_name(number: usize) -> String {
    format!("validator-{number}")
}

/// The secret of the consensus key of a preset's validator, counted from 1: sha256 of `diem development validator N`.
/// It is public, and therefore only for chains with the `-dev` marker.
pub fn validator_secret(number: usize) -> [u8; 32] {
    sha256(&[format!("diem development validator {number}").as_bytes()])
}

/// The secret of the ed25519 key of the account that operates it: sha256 of `diem development operator N`. It is as
/// public.
pub fn operator_secret(number: usize) -> [u8; 32] {
    sha256(&[format!("diem development operator {number}").as_bytes()])
}

/// The secret of its secp256k1 key for the bridge: sha256 of `diem development bridge key N`. It is as public.
pub fn bridge_secret(number: usize) -> [u8; 32] {
    sha256(&[format!("diem development bridge key {number}").as_bytes()])
}
