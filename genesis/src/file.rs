//! The genesis file that people write.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU64,
};

use diem_bank::Account;
use diem_core::{
    Address, Amount, Denom, Time,
    clock::DAY_MS,
    names::{NameError, check_name},
    text::shortened,
};
use diem_types::{APP_VERSION, AppGenesis, ChainParams, ConsensusParams, GasParams, GenesisDoc, genesis::GenesisError};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    bridge::BridgeParams,
    economy::{
        self, CreditsParams, CurveFile, DiemStake, Economy, Emissions, Lock, Provider, Stake, StakingParams, Validator,
    },
    readable::{self, ReadError},
    units::{Coin, Diem, Millis, Names, Vvv, Who},
};

/// Why a genesis file makes no chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is wrong somewhere.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file cannot be read at all.
    #[error("{path}: {reason}")]
    Open {
        /// The path of the file.
        path: String,
        /// The answer of the system.
        reason: String,
    },
    /// An account, by name or address, appears twice.
    #[error("account `{0}` is listed twice")]
    DuplicateAccount(String),
    /// An account has a name that no wallet takes.
    #[error("an account cannot be named `{0}`: {1}")]
    Name(String, NameError),
    /// An account has the same denomination twice, or a sum that fits no amount.
    #[error("account `{0}` has two balances in {1}: write one")]
    DuplicateBalance(String, Denom),
    /// There is no account of that name, and it is no address.
    #[error("there is no account `{0}`: name one of the accounts of this file, or write an address")]
    Unknown(String),
    /// The file has both forms of the curve.
    #[error("the curve has a table and numbers of the formula: write one of them")]
    Curve,
    /// A validator has keys of the wrong kinds.
    #[error("a validator needs an ed25519 key for consensus and a secp256k1 key for the bridge")]
    Keys,
    /// The day has no length.
    #[error("epoch is the length of a day and must not be 0")]
    Epoch,
    /// The balances of a denomination sum to more than any amount.
    #[error("the balances in {0} sum to more than any amount can be")]
    Supply(Denom),
    /// The start is "now", and nobody has fixed it.
    #[error(
        "genesis_time is \"now\", which `diemd init` replaces by the time at which it runs: write a time such as 2026-11-20T12:00:00Z here to get a hash"
    )]
    NotResolved,
    /// The chain that it describes cannot start.
    #[error(transparent)]
    Invalid(#[from] GenesisError),
}

/// A genesis as people write it. Names are for people only and are no part of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisFile {
    /// The chain's name; a part `-dev` marks chains for development.
    pub chain_id: String,
    /// The time at which it starts.
    pub genesis_time: Start,
    /// The height of its first block.
    #[serde(default = "first_height")]
    pub initial_height: u64,
    /// The version of the state machine with which it starts. A file that names it is refused by a `diemd` that
    /// computes another one; without it, the chain starts with that of the `diemd` that reads the file.
    #[serde(default = "this_version")]
    pub app_version: u64,
    /// The length of a day, for ever.
    #[serde(default = "day")]
    pub epoch: Millis,
    /// The parameters that consensus is told.
    #[serde(default)]
    pub consensus: Consensus,
    /// The price and the amount of gas.
    #[serde(default)]
    pub gas: Gas,
    /// The bound on the size of the state.
    #[serde(default)]
    pub chain: Chain,
    /// The parameters of accounts.
    #[serde(default)]
    pub bank: Bank,
    /// The parameters of staking.
    #[serde(default)]
    pub staking: StakingParams,
    /// The mint curve of DIEM.
    #[serde(default)]
    pub curve: CurveFile,
    /// The schedule of new VVV.
    #[serde(default)]
    pub emissions: Emissions,
    /// The parameters of credits.
    #[serde(default)]
    pub credits: CreditsParams,
    /// The parameters of the bridge to Base.
    #[serde(default)]
    pub bridge: BridgeParams,
    /// The validators that start the chain. They may be left out where `diemd devnet` or `diemd init` adds them.
    #[serde(default)]
    pub validators: Vec<Validator>,
    /// The accounts and their balances.
    #[serde(default)]
    pub accounts: Vec<Person>,
    /// The stakes of VVV.
    #[serde(default)]
    pub stakes: Vec<Stake>,
    /// The parts of those stakes that are locked for DIEM.
    #[serde(default)]
    pub locks: Vec<Lock>,
    /// The stakes of DIEM.
    #[serde(default)]
    pub diem_stakes: Vec<DiemStake>,
    /// The providers that serve from the start.
    #[serde(default)]
    pub providers: Vec<Provider>,
}

fn day() -> Millis {
    Millis(DAY_MS.get())
}

fn first_height() -> u64 {
    1
}

fn this_version() -> u64 {
    APP_VERSION
}

/// The time at which a chain starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Start {
    /// The chain starts when it is set up.
    Now,
    /// The chain starts at this time.
    At(Time),
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        if text == "now" {
            return Ok(Self::Now);
        }
        Time::parse_rfc3339(&text).map(Self::At).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is not a time: write \"now\", or RFC 3339 such as \"2026-11-20T12:00:00Z\""
            ))
        })
    }
}

/// Consensus parameters; what is left out has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consensus {
    block_max_bytes: Option<u64>,
    evidence_max_age_blocks: Option<u64>,
    evidence_max_age: Option<Millis>,
    evidence_max_bytes: Option<u64>,
}

impl Consensus {
    fn params(&self) -> ConsensusParams {
        let base = ConsensusParams::default();
        ConsensusParams {
            block_max_bytes: self.block_max_bytes.unwrap_or(base.block_max_bytes),
            evidence_max_age_blocks: self.evidence_max_age_blocks.unwrap_or(base.evidence_max_age_blocks),
            evidence_max_age_ms: self.evidence_max_age.map_or(base.evidence_max_age_ms, |age| age.0),
            evidence_max_bytes: self.evidence_max_bytes.unwrap_or(base.evidence_max_bytes),
            ..base
        }
    }
}

/// The price and amount of gas; what is left out has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gas {
    min_price: Option<Vvv>,
    per_tx: Option<u64>,
    per_byte: Option<u64>,
    per_signature: Option<u64>,
    block_limit: Option<u64>,
}

impl Gas {
    fn params(&self) -> GasParams {
        let base = GasParams::default();
        GasParams {
            min_price: self.min_price.map_or(base.min_price, |price| price.0),
            per_tx: self.per_tx.unwrap_or(base.per_tx),
            per_byte: self.per_byte.unwrap_or(base.per_byte),
            per_signature: self.per_signature.unwrap_or(base.per_signature),
            block_limit: self.block_limit.unwrap_or(base.block_limit),
        }
    }
}

/// The bound on the size of the state; what is left out has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    max_rows: Option<u64>,
}

impl Chain {
    fn params(&self) -> ChainParams {
        let base = ChainParams::default();
        ChainParams { max_rows: self.max_rows.unwrap_or(base.max_rows) }
    }
}

/// The parameters of accounts; what is left out has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bank {
    #[serde(default)]
    min_new_account: MinNewAccount,
}

/// The least first payment to an address: `{ vvv = "0.01VVV", diem = "0.001DIEM" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MinNewAccount {
    vvv: Option<Vvv>,
    diem: Option<Diem>,
}

impl Bank {
    fn params(&self) -> diem_bank::Params {
        let (base, file) = (diem_bank::MinNewAccount::default(), self.min_new_account);
        let min_new_account = diem_bank::MinNewAccount {
            vvv: file.vvv.map_or(base.vvv, |amount| amount.0),
            diem: file.diem.map_or(base.diem, |amount| amount.0),
        };
        diem_bank::Params { min_new_account }
    }
}

/// Somebody with a balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name that people call the account.
    #[serde(default)]
    pub name: Option<String>,
    /// The address, `diem1...` or `0x...`.
    pub address: Address,
    /// The balances: `["1000000VVV", "2.5DIEM"]`.
    #[serde(default)]
    pub balances: Vec<Coin>,
}

impl Person {
    /// Whether `who` is the name or the address of this account.
    pub(crate) fn is(&self, who: &Who) -> bool {
        self.name.as_deref() == Some(&who.0) || who.0.parse() == Ok(self.address)
    }

    fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.address.to_string())
    }

    fn account(&self) -> Result<Account, Error> {
        let mut seen = BTreeSet::new();
        let mut account = Account::default();
        for Coin(amount, denom) in &self.balances {
            if !seen.insert(*denom) {
                return Err(Error::DuplicateBalance(self.label(), *denom));
            }
            match denom {
                Denom::Vvv => account.vvv = *amount,
                Denom::Diem => account.diem = *amount,
            }
        }
        Ok(account)
    }
}

impl GenesisFile {
    /// Reads the text of a genesis file.
    ///
    /// # Errors
    /// [`ReadError`] with the line and, for a typo in a key, a suggestion.
    pub fn parse(text: &str, source_name: &str) -> Result<Self, ReadError> {
        readable::parse(text, source_name)
    }

    /// The chain that the file means, checked. `now` stands where the file says so.
    ///
    /// # Errors
    /// [`Error`], the first that is found.
    pub fn resolve(&self, now: Option<Time>) -> Result<GenesisDoc, Error> {
        let genesis_time = match self.genesis_time {
            Start::At(time) => time,
            Start::Now => now.ok_or(Error::NotResolved)?,
        };
        let accounts = self.accounts()?;
        let names = self.names();
        let economy = self.economy(&names);
        let staking = economy.staking()?;
        let doc = GenesisDoc {
            chain_id: self.chain_id.clone(),
            genesis_time,
            initial_height: self.initial_height,
            app_version: self.app_version,
            consensus: self.consensus.params(),
            validators: economy::powers(&staking),
            app: AppGenesis {
                gas: self.gas.params(),
                chain: self.chain.params(),
                bank: diem_bank::Genesis { params: self.bank.params(), accounts, pools: Vec::new() },
                staking,
                svvv: economy.svvv()?,
                diem: economy.diem()?,
                emissions: economy.emissions(),
                credits: economy.credits()?,
                bridge: self.bridge.genesis(&names)?,
                ..AppGenesis::with_epoch(NonZeroU64::new(self.epoch.0).ok_or(Error::Epoch)?)
            },
        };
        doc.validate()?;
        Ok(doc.canonical())
    }

    fn names(&self) -> Names {
        let named = self.accounts.iter().filter_map(|person| Some((person.name.clone()?, person.address)));
        Names(named.collect())
    }

    fn economy<'a>(&'a self, names: &'a Names) -> Economy<'a> {
        Economy {
            names,
            staking: &self.staking,
            curve: &self.curve,
            emissions: &self.emissions,
            credits: &self.credits,
            validators: &self.validators,
            stakes: &self.stakes,
            locks: &self.locks,
            diem_stakes: &self.diem_stakes,
            providers: &self.providers,
        }
    }

    fn accounts(&self) -> Result<BTreeMap<Address, Account>, Error> {
        let mut names = BTreeSet::new();
        let mut accounts = BTreeMap::new();
        for person in &self.accounts {
            if let Some(name) = &person.name {
                check_name(name).map_err(|why| Error::Name(shortened(name), why))?;
            }
            let known_name = person.name.as_ref().is_some_and(|name| !names.insert(name));
            if known_name || accounts.insert(person.address, person.account()?).is_some() {
                return Err(Error::DuplicateAccount(person.label()));
            }
        }
        for denom in Denom::ALL {
            let mut balances = accounts.values().map(|account| account.balance(denom));
            balances.try_fold(Amount::ZERO, Amount::checked_add).map_err(|_| Error::Supply(denom))?;
        }
        Ok(accounts)
    }
}
