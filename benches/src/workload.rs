//! A chain with many accounts and blocks of signed transfers between them.

use std::collections::BTreeMap;

use bytes::Bytes;
use diem_bank as bank;
use diem_core::{Address, Amount, Block, BlockInfo, Denom, Time, keys::SecretKey, sha256};
use diem_testkit::{consensus_key, with_validators};
use diem_types::{APP_VERSION, AppGenesis, Call, ConsensusParams, GenesisDoc, Tx};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rayon::prelude::*;

/// The number of accounts that have keys that sign.
const SENDERS: u32 = 100_000;

/// The accounts, senders and their next nonces.
pub(crate) struct Workload {
    /// The genesis of the chain.
    pub(crate) doc: GenesisDoc,
    genesis_hash: [u8; 32],
    senders: Vec<(SecretKey, Address, u64)>,
    accounts: Vec<Address>,
    rng: StdRng,
}

fn key(number: u32) -> SecretKey {
    SecretKey::ed25519(&sha256(&[b"bench", &number.to_be_bytes()]))
}

impl Workload {
    /// Makes a genesis with `accounts` accounts.
    pub(crate) fn new(accounts: u32) -> Self {
        let senders: Vec<_> = (0..SENDERS.min(accounts))
            .into_par_iter()
            .map(|number| {
                let key = key(number);
                let address = key.address();
                (key, address, 0)
            })
            .collect();
        let others = (senders.len() as u32..accounts).map(|number| {
            let hash = sha256(&[b"account", &number.to_be_bytes()]);
            Address(hash[..20].try_into().unwrap())
        });
        let accounts: Vec<Address> = senders.iter().map(|(_, address, _)| *address).chain(others).collect();
        let row = bank::Account { nonce: 0, vvv: Amount::ONE.checked_mul(1_000).unwrap(), diem: Amount::ZERO };
        let rows: BTreeMap<Address, bank::Account> = accounts.iter().map(|address| (*address, row)).collect();
        let doc = GenesisDoc {
            chain_id: "diem-bench-dev".into(),
            genesis_time: Time(1_790_000_000_000),
            initial_height: 1,
            app_version: APP_VERSION,
            consensus: ConsensusParams::default(),
            validators: Vec::new(),
            app: AppGenesis {
                bank: bank::Genesis { accounts: rows, ..bank::Genesis::default() },
                ..AppGenesis::default()
            },
        };
        let doc = with_validators(doc, &[(consensus_key(), 10)]);
        Self { genesis_hash: doc.hash(), doc, senders, accounts, rng: StdRng::seed_from_u64(1) }
    }

    /// Makes the validator with that consensus key the only one; returns the changed genesis.
    pub(crate) fn with_validator(&mut self, consensus: SecretKey) -> GenesisDoc {
        self.doc = with_validators(self.doc.clone(), &[(consensus, 10)]);
        self.genesis_hash = self.doc.hash();
        self.doc.clone()
    }

    /// Signs the next `count` transfers from random senders to random accounts.
    pub(crate) fn transfers(&mut self, count: usize) -> Vec<Bytes> {
        let picks: Vec<(usize, u64, Address)> = (0..count)
            .map(|_| {
                let sender = self.rng.random_range(0..self.senders.len());
                let nonce = self.senders[sender].2;
                self.senders[sender].2 += 1;
                (sender, nonce, self.accounts[self.rng.random_range(0..self.accounts.len())])
            })
            .collect();
        picks.into_par_iter().map(|(sender, nonce, to)| self.transfer(sender, nonce, to)).collect()
    }

    /// Signs one transfer of each of `count` senders, whose transaction before it is never sent.
    pub(crate) fn transfers_behind_a_gap(&mut self, count: usize) -> Vec<Bytes> {
        let (to, senders) = (self.accounts[0], 0..count);
        senders.map(|sender| self.transfer(sender, self.senders[sender].2 + 1, to)).collect()
    }

    fn transfer(&self, sender: usize, nonce: u64, to: Address) -> Bytes {
        let (key, address, _) = &self.senders[sender];
        let tx = Tx {
            chain_id: self.doc.chain_id.clone(),
            genesis_hash: self.genesis_hash,
            sender: *address,
            nonce,
            expiry: u64::MAX,
            gas_price: self.doc.app.gas.min_price,
            max_fee: Amount::ONE,
            fee_payer: None,
            calls: vec![Call::Bank(bank::Msg::Transfer { to, denom: Denom::Vvv, amount: Amount::new(1) })],
            memo: String::new(),
        };
        tx.sign(key, None).unwrap().into()
    }

    /// Describes the block at `height`.
    pub(crate) fn block(&self, height: u64) -> Block {
        let time = Time(self.doc.genesis_time.millis() + height * 1_000);
        Block { info: BlockInfo { height, time }, ..Block::default() }
    }
}

/// The hash that stands for the block at `height`.
pub(crate) fn block_hash(height: u64) -> [u8; 32] {
    sha256(&[b"block", &height.to_be_bytes()])
}
