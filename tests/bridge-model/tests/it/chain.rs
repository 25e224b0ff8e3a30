//! This chain in memory: bank, staking, the mint curve and the bridge's module, and the bridge keys of its validators.

use std::collections::BTreeMap;

use borsh::BorshDeserialize as _;
use diem_bank::Pool;
use diem_bridge::{Bridge, Constructor, Domain, Event, Genesis, Msg, Params, setup, setup::Terms, state};
use diem_core::{
    Address, Amount, CallError, Denom, Events, Forgetful, GenesisContext, Message as _, Module as _, ModuleError as _,
    ModuleId, TxContext,
    keys::{CompactSignature, EthereumKey, KeyKind, SecretKey},
};
use diem_diem::Diem;
use diem_overlay::{Empty, Overlay};
use diem_staking::KeyProof;

use crate::{
    defect::Defect,
    staking_chain::{CHAIN, World, consensus_key, units, vvv, who},
};

/// The account that decides.
pub(crate) const AUTHORITY: u8 = 30;
/// The accounts with DIEM.
pub(crate) const PEOPLE: [u8; 3] = [31, 32, 33];
/// The number of validators.
pub(crate) const VALIDATORS: u8 = 4;

/// What an account of [`PEOPLE`] has at first, in adiem.
pub(crate) const WEALTH: u128 = 10_000 * Amount::ONE.get();

/// The signatures of keys under one thing that is meant for Base.
pub(crate) type Signatures = BTreeMap<Address, CompactSignature>;

/// A bridge key and its address, which takes long to compute.
pub(crate) struct BridgeKey {
    pub(crate) address: Address,
    key: EthereumKey,
}

impl BridgeKey {
    fn new(seed: &[u8; 32]) -> Self {
        let key = EthereumKey::new(seed).unwrap();
        Self { address: key.address(), key }
    }

    pub(crate) fn sign(&self, digest: &[u8; 32]) -> CompactSignature {
        self.key.sign(digest)
    }
}

/// This chain.
pub(crate) struct Chain<'a> {
    pub(crate) world: World<'a>,
    /// The bridge keys that each validator ever had, the current one last.
    keys: Vec<Vec<BridgeKey>>,
    /// What the bridge has reported and nobody has looked at yet, and when.
    pub(crate) events: Vec<(u64, Event)>,
    /// What is wrong with the module, on purpose.
    pub(crate) defect: Option<Defect>,
}

impl<'a> Chain<'a> {
    /// A chain whose bridge is prepared: [`Self::constructor`] tells what to create.
    pub(crate) fn new(base: &'a Empty, params: Params, terms: Terms) -> Self {
        let mut world = World::new(base, VALIDATORS);
        for number in 1..=VALIDATORS {
            // Powers that differ, so that some three of four are not more than two thirds.
            world.stake(10 + number, number, vvv(100_000 * u128::from(number) + 100_000)).unwrap();
        }
        world.next();
        let mut ctx = GenesisContext { state: &mut world.state, time: world.now.time };
        Diem::init_genesis(&mut ctx, &diem_diem::Genesis::default()).unwrap();
        Bridge::init_genesis(&mut ctx, &Genesis { params, ..Genesis::default() }).unwrap();
        for account in PEOPLE {
            diem_bank::mint(&mut world.state, ModuleId::DIEM, &who(account), Denom::Diem, units(WEALTH)).unwrap();
        }
        let keys = (1..=VALIDATORS).map(|number| vec![BridgeKey::new(&[number; 32])]).collect();
        let mut chain = Self { world, keys, events: Vec::new(), defect: None };
        let Terms { chain_id, max_set_age, mint_capacity, share_bps, guardian } = terms;
        let prepare = Msg::Prepare { chain_id, max_set_age, mint_capacity, share_bps, guardian };
        chain.call(AUTHORITY, &prepare).unwrap();
        chain
    }

    pub(crate) fn constructor(&self) -> Constructor {
        setup::constructor(&self.world.state).unwrap()
    }

    pub(crate) fn domain(&self) -> Domain {
        state::domain(&self.world.state).unwrap()
    }

    /// The time of the open block, in milliseconds.
    pub(crate) const fn now(&self) -> u64 {
        self.world.now.time.millis()
    }

    /// Runs a call of `sender`: all of it or nothing.
    ///
    /// # Errors
    /// The name of the refusal.
    pub(crate) fn call(&mut self, sender: u8, msg: &Msg) -> Result<(), &'static str> {
        let (block, mut events) = (self.world.now, Events::default());
        let (outcome, writes) = {
            let mut state = Overlay::new(&self.world.state);
            let (sender, key) = (who(sender), KeyKind::Ed25519);
            let mut ctx =
                TxContext { state: &mut state, events: &mut events, block, sender, key, verifier: &Forgetful };
            (msg.validate().and_then(|()| msg.execute(&mut ctx)), state.into_writes())
        };
        outcome.map_err(refusal)?;
        self.world.state.apply(writes);
        self.report(events);
        Ok(())
    }

    /// Keeps what the bridge reported.
    pub(crate) fn report(&mut self, events: Events) {
        let (bytes, now) = (events.into_bytes(), self.now());
        let mut rest = &bytes[..];
        while let Some((module, after)) = rest.split_first() {
            rest = after;
            match ModuleId(*module) {
                Bridge::ID => self.events.push((now, Event::deserialize(&mut rest).unwrap())),
                ModuleId(other) => panic!("module {other} reports nothing here"),
            }
        }
    }

    pub(crate) fn diem(&self, account: &Address) -> u128 {
        diem_bank::balance(&self.world.state, account, Denom::Diem).get()
    }

    pub(crate) fn pool(&self, pool: Pool) -> u128 {
        diem_bank::pool(&self.world.state, pool, Denom::Diem).get()
    }

    /// Gives a validator another bridge key.
    ///
    /// # Errors
    /// The name of the refusal.
    pub(crate) fn rotate(&mut self, validator: u8) -> Result<(), &'static str> {
        let place = usize::from(validator - 1);
        let mut seed = [validator; 32];
        seed[..8].copy_from_slice(&(self.keys[place].len() as u64).to_be_bytes());
        let new = SecretKey::ethereum(&seed).unwrap();
        let consensus = SecretKey::ed25519(&[validator; 32]);
        let proof = KeyProof::sign(CHAIN, &who(validator), &consensus, &new).unwrap();
        let (consensus_key, bridge_address) = (consensus_key(validator), new.address());
        let rotate = diem_staking::Msg::RotateBridgeKey { consensus_key, bridge_address, proof };
        self.world.call(validator, &rotate).map_err(refusal)?;
        self.keys[place].push(BridgeKey::new(&seed));
        Ok(())
    }

    /// The keys of the validators in the mask, the retired ones too: they sign until a set without them is installed.
    pub(crate) fn keys_of(&self, mask: u8) -> impl Iterator<Item = &BridgeKey> {
        let of = self.keys.iter().enumerate().filter(move |(place, _)| mask >> place & 1 == 1);
        of.flat_map(|(_, keys)| keys)
    }

    /// The current keys of the validators in the mask.
    pub(crate) fn current_keys_of(&self, mask: u8) -> impl Iterator<Item = &BridgeKey> {
        let of = self.keys.iter().enumerate().filter(move |(place, _)| mask >> place & 1 == 1);
        of.filter_map(|(_, keys)| keys.last())
    }
}

/// The name of a refusal, by whichever module.
fn refusal(error: CallError) -> &'static str {
    let table = match error.codespace {
        "bank" => diem_bank::Error::TABLE,
        "staking" => diem_staking::Error::TABLE,
        _ => diem_bridge::Error::TABLE,
    };
    table.iter().find(|line| line.code == error.code).unwrap().name
}
