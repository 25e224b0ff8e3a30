//! The genesis file that people write.

use std::collections::{BTreeMap, BTreeSet};

use diem_bank::Account;
use diem_core::{Address, Amount, Denom, Time};
use diem_types::{AppGenesis, ConsensusParams, GasParams, GenesisDoc, GenesisValidator, genesis::GenesisError};
use serde::{Deserialize, Deserializer, de};

use crate::readable::{self, ReadError};

/// Why a genesis file makes no chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is wrong somewhere.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file cannot be read at all.
    #[error("{path}: {reason}")]
    Open {
        /// Which file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// An account, by name or address, appears twice.
    #[error("account `{0}` is listed twice")]
    DuplicateAccount(String),
    /// The same denomination twice for one account, or a sum that fits no amount.
    #[error("account `{0}` has two balances in {1}: write one")]
    DuplicateBalance(String, Denom),
    /// Together they have more than there can be.
    #[error("the balances in {0} sum to more than any amount can be")]
    Supply(Denom),
    /// A start "now" that nobody has fixed.
    #[error(
        "genesis_time is \"now\", which `diemd init` replaces by the time at which it runs: write a time such as 2026-11-20T12:00:00Z here to get a hash"
    )]
    NotResolved,
    /// The chain that it describes cannot start.
    #[error(transparent)]
    Invalid(#[from] GenesisError),
}

/// A genesis as people write it. Names are for people only and are no part of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisFile {
    /// The chain's name; a part `-dev` marks chains for development.
    pub chain_id: String,
    /// When it starts.
    pub genesis_time: Start,
    /// The first height.
    #[serde(default = "first_height")]
    pub initial_height: u64,
    /// What consensus is told.
    #[serde(default)]
    pub consensus: Consensus,
    /// What gas costs.
    #[serde(default)]
    pub gas: Gas,
    /// Who starts the chain. May be left out where `diemd devnet` or `diemd init` adds them.
    #[serde(default)]
    pub validators: Vec<Validator>,
    /// Who has what.
    #[serde(default)]
    pub accounts: Vec<Person>,
}

fn first_height() -> u64 {
    1
}

/// When a chain starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// When it is set up.
    Now,
    /// Then.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
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

/// A validator of the first block.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// What people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// Its ed25519 consensus key, in hex.
    #[serde(with = "hex::serde")]
    pub public_key: [u8; 32],
    /// Its voting power.
    pub power: u64,
}

/// Somebody with a balance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What people call them.
    #[serde(default)]
    pub name: Option<String>,
    /// Their address, `diem1...` or `0x...`.
    pub address: Address,
    /// What they have: `["1000000VVV", "2.5DIEM"]`.
    #[serde(default)]
    pub balances: Vec<Coin>,
}

impl Person {
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

/// An amount with its unit, `12.5VVV`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coin(pub Amount, pub Denom);

impl<'de> Deserialize<'de> for Coin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let (amount, denom) = Denom::parse_amount(&text).map_err(de::Error::custom)?;
        Ok(Self(amount, denom))
    }
}

/// An amount of VVV with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Vvv(Amount);

impl<'de> Deserialize<'de> for Vvv {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Coin::deserialize(deserializer)? {
            Coin(amount, Denom::Vvv) => Ok(Self(amount)),
            Coin(_, denom) => Err(de::Error::custom(format!("gas is paid in VVV, not in {denom}"))),
        }
    }
}

/// A length of time: `8d`, `12h`, `30m`, `10s`, `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Millis(u64);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        parse_millis(&text).map(Self).map_err(de::Error::custom)
    }
}

/// Parses a length of time such as `8d`, `12h`, `30m`, `10s` or `500ms` to milliseconds.
///
/// # Errors
/// A sentence that says how to write it.
pub fn parse_millis(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let millis = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    millis.ok_or_else(|| format!("`{text}` is not a length of time: write it as 8d, 12h, 30m, 10s or 500ms"))
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
        let validators = self.validators.iter().map(|v| GenesisValidator { public_key: v.public_key, power: v.power });
        let doc = GenesisDoc {
            chain_id: self.chain_id.clone(),
            genesis_time,
            initial_height: self.initial_height,
            consensus: self.consensus.params(),
            validators: validators.collect(),
            app: AppGenesis {
                gas: self.gas.params(),
                bank: diem_bank::Genesis { accounts: self.accounts()?, pools: Vec::new() },
            },
        };
        doc.validate()?;
        Ok(doc.canonical())
    }

    fn accounts(&self) -> Result<BTreeMap<Address, Account>, Error> {
        let mut names = BTreeSet::new();
        let mut accounts = BTreeMap::new();
        for person in &self.accounts {
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
