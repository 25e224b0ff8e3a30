//! Accounts with keys, and a builder of transactions with every part changeable.

use bytes::Bytes;
use diem_bank as bank;
use diem_core::{Address, Amount, Denom, Time, keys::SecretKey};
use diem_staking::{self as staking, CreateValidator, Description, KeyProof};
use diem_svvv as svvv;
use diem_types::{APP_VERSION, AppGenesis, Call, ConsensusParams, GenesisDoc, GenesisValidator, Tx};

/// A person with a key.
#[derive(Debug, Clone)]
pub struct Person {
    /// The secret key of the person.
    pub key: SecretKey,
    /// The address of the key.
    pub address: Address,
}

impl Person {
    /// The `number`th person; every third has an Ethereum key.
    pub fn new(number: u32) -> Self {
        let mut seed = [0x5e; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let key = if number % 3 == 2 { SecretKey::ethereum(&seed).unwrap() } else { SecretKey::ed25519(&seed) };
        Self { address: key.address(), key }
    }
}

/// The first `count` people.
pub fn people(count: u32) -> Vec<Person> {
    (0..count).map(Person::new).collect()
}

/// The amount of that many whole units.
fn whole(units: u128) -> Amount {
    Amount::ONE.checked_mul(units).unwrap()
}

/// The operator of a validator of a test's chain, counted from 0.
pub fn operator(number: u32) -> Person {
    Person::new(u32::MAX - number)
}

/// The consensus key of the only validator of [`genesis`].
pub fn consensus_key() -> SecretKey {
    SecretKey::ed25519(&[7; 32])
}

/// A genesis with one validator in which each of `people` has 1,000 VVV and 10 DIEM. The operator's stake is locked for
/// all that DIEM.
pub fn genesis(people: &[Person]) -> GenesisDoc {
    let row = bank::Account { nonce: 0, vvv: whole(1_000), diem: whole(10) };
    let accounts = people.iter().map(|person| (person.address, row)).collect();
    let doc = GenesisDoc {
        chain_id: "diem-test-dev".into(),
        genesis_time: Time(1_790_000_000_000),
        initial_height: 1,
        app_version: APP_VERSION,
        consensus: ConsensusParams::default(),
        validators: Vec::new(),
        app: AppGenesis { bank: bank::Genesis { accounts, ..bank::Genesis::default() }, ..AppGenesis::default() },
    };
    with_validators(doc, &[(consensus_key(), 10_000)])
}

/// Gives the chain these validators alone, as (consensus key, power). Each has an operator who stakes that much VVV;
/// the stake of the first is locked for all DIEM that the accounts have.
pub fn with_validators(mut doc: GenesisDoc, validators: &[(SecretKey, u64)]) -> GenesisDoc {
    let operators: Vec<Address> = (0..).take(validators.len()).map(|number| operator(number).address).collect();
    let app = &mut doc.app;
    (app.staking.validators, app.svvv.locks, doc.validators) = Default::default();
    for ((number, operator), (consensus, power)) in (1..).zip(&operators).zip(validators) {
        let stake = whole((*power).into());
        // Each operator has 1,000 VVV beside the stake, for fees.
        let vvv = stake.checked_add(whole(1_000)).unwrap();
        app.bank.accounts.insert(*operator, bank::Account { vvv, ..bank::Account::default() });
        let validator = validator(&doc.chain_id, *operator, consensus, number, stake);
        doc.validators.push(GenesisValidator { public_key: validator.validator.consensus_key, power: *power });
        app.staking.validators.push(validator);
        app.staking.params.min_self_stake = app.staking.params.min_self_stake.min(stake);
    }
    let diem = app.bank.accounts.values().fold(Amount::ZERO, |sum, row| sum.checked_add(row.diem).unwrap());
    if let (Some(first), false) = (app.staking.validators.first(), diem.is_zero()) {
        let (account, vvv) = (first.operator, first.validator.self_stake);
        app.svvv.locks.push(svvv::genesis::GenesisLock { account, validator: account, vvv, diem });
    }
    doc.canonical()
}

/// The secret of the bridge key of a genesis validator, counted from 1.
pub fn bridge_secret(number: u32) -> [u8; 32] {
    let mut secret = [0xb1; 32];
    secret[..4].copy_from_slice(&number.to_be_bytes());
    secret
}

fn validator(
    chain_id: &str,
    operator: Address,
    consensus: &SecretKey,
    number: u32,
    self_stake: Amount,
) -> staking::genesis::GenesisValidator {
    let bridge = SecretKey::ethereum(&bridge_secret(number)).unwrap();
    let SecretKey::Ed25519(key) = consensus else { panic!("a consensus key is ed25519") };
    let validator = CreateValidator {
        consensus_key: key.verifying_key().to_bytes(),
        bridge_address: bridge.address(),
        proof: KeyProof::sign(chain_id, &operator, consensus, &bridge).unwrap(),
        commission: 500,
        max_commission: 2_000,
        max_commission_change: 100,
        description: Description { moniker: format!("validator-{number}"), website: String::new() },
        self_stake,
    };
    staking::genesis::GenesisValidator { operator, validator }
}

/// A builder of a transaction. It starts as a valid one of one call; each part can be made invalid.
#[derive(Debug, Clone)]
pub struct TxBuilder {
    /// The transaction that will be signed.
    pub tx: Tx,
    sender: SecretKey,
    payer: Option<SecretKey>,
}

impl TxBuilder {
    /// Builds a transaction of `sender` with these calls, valid on the chain of `doc`.
    pub fn new(doc: &GenesisDoc, sender: &Person, nonce: u64, calls: Vec<Call>) -> Self {
        let tx = Tx {
            chain_id: doc.chain_id.clone(),
            genesis_hash: doc.hash(),
            sender: sender.address,
            nonce,
            expiry: u64::MAX,
            gas_price: doc.app.gas.min_price,
            max_fee: Amount::ONE,
            fee_payer: None,
            calls,
            memo: String::new(),
        };
        Self { tx, sender: sender.key.clone(), payer: None }
    }

    /// Builds a transfer of VVV.
    pub fn transfer(doc: &GenesisDoc, from: &Person, nonce: u64, to: Address, amount: Amount) -> Self {
        let msg = bank::Msg::Transfer { to, denom: Denom::Vvv, amount };
        Self::new(doc, from, nonce, vec![Call::Bank(msg)])
    }

    /// Changes any part before it is signed.
    pub fn with(mut self, change: impl FnOnce(&mut Tx)) -> Self {
        change(&mut self.tx);
        self
    }

    /// Makes another account pay the fee.
    pub fn paid_by(mut self, payer: &Person) -> Self {
        self.tx.fee_payer = Some(payer.address);
        self.payer = Some(payer.key.clone());
        self
    }

    /// Signs the transaction and encodes it.
    pub fn bytes(&self) -> Bytes {
        self.tx.sign(&self.sender, self.payer.as_ref()).expect("the keys are those of the addresses").into()
    }
}
