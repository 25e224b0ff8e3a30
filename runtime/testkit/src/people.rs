//! Accounts with keys, and a builder of transactions with every part changeable.

use bytes::Bytes;
use diem_bank as bank;
use diem_core::{Address, Amount, Denom, Time, keys::SecretKey};
use diem_types::{AppGenesis, Call, ConsensusParams, GasParams, GenesisDoc, GenesisValidator, Tx};

/// Someone with a key.
#[derive(Debug, Clone)]
pub struct Person {
    /// The key.
    pub key: SecretKey,
    /// Its address.
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

/// A genesis with one validator in which each of `people` has 1,000 VVV and 10 DIEM.
pub fn genesis(people: &[Person]) -> GenesisDoc {
    let row = bank::Account {
        nonce: 0,
        vvv: Amount::ONE.checked_mul(1_000).unwrap(),
        diem: Amount::ONE.checked_mul(10).unwrap(),
    };
    let accounts = people.iter().map(|person| (person.address, row)).collect();
    GenesisDoc {
        chain_id: "diem-test-dev".into(),
        genesis_time: Time(1_790_000_000_000),
        initial_height: 1,
        consensus: ConsensusParams::default(),
        validators: vec![GenesisValidator { public_key: [7; 32], power: 10 }],
        app: AppGenesis { gas: GasParams::default(), bank: bank::Genesis { accounts, pools: Vec::new() } },
    }
}

/// A transaction in the making. Starts as a valid one of one call; each part can be spoilt.
#[derive(Debug, Clone)]
pub struct TxBuilder {
    /// What will be signed.
    pub tx: Tx,
    sender: SecretKey,
    payer: Option<SecretKey>,
}

impl TxBuilder {
    /// A transaction of `sender` with these calls, valid on the chain of `doc`.
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

    /// A transfer of VVV.
    pub fn transfer(doc: &GenesisDoc, from: &Person, nonce: u64, to: Address, amount: Amount) -> Self {
        let msg = bank::Msg::Transfer { to, denom: Denom::Vvv, amount };
        Self::new(doc, from, nonce, vec![Call::Bank(msg)])
    }

    /// Changes any part before it is signed.
    pub fn with(mut self, change: impl FnOnce(&mut Tx)) -> Self {
        change(&mut self.tx);
        self
    }

    /// Lets another account pay the fee.
    pub fn paid_by(mut self, payer: &Person) -> Self {
        self.tx.fee_payer = Some(payer.address);
        self.payer = Some(payer.key.clone());
        self
    }

    /// Signs.
    pub fn bytes(&self) -> Bytes {
        self.tx.sign(&self.sender, self.payer.as_ref()).expect("the keys are those of the addresses").into()
    }
}
