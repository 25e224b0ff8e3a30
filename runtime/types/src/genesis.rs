//! The genesis of a chain in its one canonical form, and its hash.

use std::num::NonZeroU64;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Denom, Time, clock::DAY_MS, sha256, tx::MAX_CHAIN_ID_BYTES};
use diem_staking::{MAX_POWER, key_proof::PROOF_CHAIN_ID};
use serde::{Deserialize, Serialize};

use crate::{Call, ChainParams, ConsensusParams, GasParams, known_keys};

/// The state machine's part of the genesis: one field per module, in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "a field is the genesis of the module of its name")]
pub struct AppGenesis {
    /// The price and the amount of gas.
    pub gas: GasParams,
    /// The bound on the size of the state.
    #[serde(default)]
    pub chain: ChainParams,
    /// The length of a day in milliseconds, for ever.
    pub epoch_ms: NonZeroU64,
    /// Accounts, their balances and the pools.
    pub bank: diem_bank::Genesis,
    /// Validators and stakes. Their power must be what `validators` of the document says.
    pub staking: diem_staking::Genesis,
    /// Locks on stakes, and the DIEM outstanding against them.
    pub svvv: diem_svvv::Genesis,
    /// The curve of DIEM.
    pub diem: diem_diem::Genesis,
    /// The schedule of new VVV.
    pub emissions: diem_emissions::Genesis,
    /// Providers and staked DIEM.
    pub credits: diem_credits::Genesis,
    /// The parameters of the bridge to Base.
    #[serde(default)]
    pub bridge: diem_bridge::Genesis,
}

/// Rows that the chain writes by itself beside those of consensus: parameters, pools, and one of each day for two
/// years.
const OTHER_OWN_ROWS: u64 = 750;

impl Default for AppGenesis {
    fn default() -> Self {
        Self::with_epoch(DAY_MS)
    }
}

impl AppGenesis {
    /// A state with nothing in it, whose days have this length in milliseconds.
    pub fn with_epoch(epoch_ms: NonZeroU64) -> Self {
        Self {
            gas: GasParams::default(),
            chain: ChainParams::default(),
            epoch_ms,
            bank: diem_bank::Genesis::default(),
            staking: diem_staking::Genesis::default(),
            svvv: diem_svvv::Genesis::default(),
            diem: diem_diem::Genesis::default(),
            emissions: diem_emissions::Genesis::default(),
            credits: diem_credits::Genesis::default(),
            bridge: diem_bridge::Genesis::default(),
        }
    }
}

/// A validator that starts the chain.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct GenesisValidator {
    /// Its ed25519 consensus key.
    #[serde(with = "hex::serde")]
    pub public_key: [u8; 32],
    /// The voting power with which it starts.
    pub power: u64,
}

/// Everything that defines a chain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisDoc {
    /// The name of the chain.
    pub chain_id: String,
    /// The time at which it starts.
    pub genesis_time: Time,
    /// The height of its first block.
    pub initial_height: u64,
    /// The version of the state machine with which it starts.
    pub app_version: u64,
    /// The parameters that consensus is told.
    pub consensus: ConsensusParams,
    /// The validators that start the chain.
    pub validators: Vec<GenesisValidator>,
    /// The state from which it starts.
    pub app: AppGenesis,
}

/// Why a genesis cannot start a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// The chain id is missing or not of its form.
    #[error("chain_id `{0}` must be 1 to {MAX_CHAIN_ID_BYTES} letters, digits, `-`, `_` or `.`")]
    ChainId(String),
    /// The name stands in the votes by which consensus keys prove themselves.
    #[error("chain_id `{0}` is no chain's: consensus keys sign under it to prove themselves")]
    ReservedChainId(&'static str),
    /// Heights start at 1, and consensus counts them in an int64.
    #[error("initial_height must be 1 to {MAX_INITIAL_HEIGHT}")]
    InitialHeight,
    /// No validator has power, so nobody would make blocks.
    #[error("there is no validator with voting power")]
    NoValidators,
    /// A validator is listed twice.
    #[error("validator {0} is listed twice")]
    DuplicateValidator(String),
    /// A validator has no power.
    #[error("validator {0} has no voting power")]
    NoPower(String),
    /// The powers sum to more than CometBFT's limit.
    #[error("the voting power sums to more than {MAX_TOTAL_POWER}")]
    TotalPower,
    /// The chain would start where the calendar of headers ends.
    #[error(
        "genesis_time is {0}, but no chain can start after {latest}: headers have no time after the year 9999",
        latest = Time::LATEST
    )]
    Time(Time),
    /// A validator has more stake than power can stand for.
    #[error(
        "validator {validator} has stake worth a power of {power}: with one validator at most {MAX_POWER} VVV can be staked"
    )]
    Power {
        /// The consensus key of the validator.
        validator: String,
        /// The power of its stake, one for each whole VVV.
        power: u64,
    },
    /// A parameter is out of its bounds.
    #[error("{0}")]
    Params(&'static str),
    /// A block would have no room for the smallest payment.
    #[error(
        "by [gas] a transfer needs {transfer} gas, and a block has {limit}: set app.gas.block_limit to {transfer} or more, or per_tx, per_byte and per_signature to less"
    )]
    NoTransferFits {
        /// The gas of a transfer.
        transfer: u64,
        /// The gas of a block.
        limit: u64,
    },
    /// The chain's own rows do not fit beside those of everybody.
    #[error(
        "app.chain.max_rows must be at least {least}: a tenth of it is for what the chain writes by itself, up to {own} rows with these app.staking.params.max_validators and signed_window"
    )]
    OwnRows {
        /// The least number of rows.
        least: u64,
        /// The number of rows that the chain writes by itself.
        own: u64,
    },
    /// The fees of a block could be more than any amount.
    #[error(
        "the gas of a block, {limit}, costs more than an amount can be at app.gas.min_price: set min_price to at most {most} avvv, or block_limit to less"
    )]
    Fees {
        /// The gas of a block.
        limit: u64,
        /// The highest price with which the fees of a block are an amount.
        most: u128,
    },
    /// Everybody knows the secret of a key.
    #[error(
        "everybody knows {key}, and in this genesis it is {role}: use a key of your own, or a chain id with a part -dev, which `{chain_id}` has not"
    )]
    KnownKey {
        /// The role of the key in the genesis.
        role: String,
        /// The name of the key among those that everybody knows.
        key: String,
        /// The name of the chain.
        chain_id: String,
    },
}

/// CometBFT's limit of the sum of voting power: int64 max / 8.
pub const MAX_TOTAL_POWER: u64 = (i64::MAX / 8) as u64;

/// A block must hold the largest transaction and what consensus adds to it.
const MIN_BLOCK_BYTES: u64 = 1024 * 1024;
const _: () = assert!(diem_core::tx::MAX_TX_BYTES as u64 <= MIN_BLOCK_BYTES / 2);
/// The limit of CometBFT on the bytes of a block.
const MAX_BLOCK_BYTES: u64 = 100 * 1024 * 1024;

/// The highest first height: half of what consensus can count to, which leaves room for a chain above it.
pub const MAX_INITIAL_HEIGHT: u64 = (i64::MAX / 2) as u64;

/// The longest that evidence can count: consensus has an int64 of nanoseconds.
const MAX_EVIDENCE_AGE_MS: u64 = (i64::MAX / 1_000_000) as u64;

/// The bytes of a transfer with one signature, the longest chain id and no memo, rounded up.
const LARGEST_TRANSFER_BYTES: u64 = 320;

/// A day holds at least some blocks, and times stay far from where they end.
const MIN_EPOCH_MS: u64 = 10_000;
const MAX_EPOCH_MS: u64 = 365 * 86_400_000;

impl GenesisDoc {
    /// The document with its validators in the order of their keys and operators, as the hash wants them.
    pub fn canonical(mut self) -> Self {
        self.validators.sort();
        self.app.staking.validators.sort_by_key(|validator| validator.operator);
        self
    }

    /// sha256 of the canonical borsh form; never of JSON, which others re-marshal.
    pub fn hash(&self) -> [u8; 32] {
        let canonical = self.clone().canonical();
        #[expect(clippy::expect_used, reason = "memory takes every write, and a genesis holds nothing unencodable")]
        let bytes = borsh::to_vec(&canonical).expect("a genesis encodes into memory");
        sha256(&[&bytes])
    }

    /// Checks what can be checked without running it.
    ///
    /// # Errors
    /// [`GenesisError`], the first that is found.
    pub fn validate(&self) -> Result<(), GenesisError> {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if !(1..=MAX_CHAIN_ID_BYTES).contains(&self.chain_id.len()) || !self.chain_id.bytes().all(is_name) {
            return Err(GenesisError::ChainId(self.chain_id.clone()));
        }
        if self.chain_id == PROOF_CHAIN_ID {
            return Err(GenesisError::ReservedChainId(PROOF_CHAIN_ID));
        }
        if !(1..=MAX_INITIAL_HEIGHT).contains(&self.initial_height) {
            return Err(GenesisError::InitialHeight);
        }
        if self.genesis_time > Time::LATEST {
            return Err(GenesisError::Time(self.genesis_time));
        }
        self.validate_validators()?;
        self.validate_params()?;
        self.validate_gas()?;
        match known_keys::first_of(self) {
            Some((role, key)) => Err(GenesisError::KnownKey { role, key, chain_id: self.chain_id.clone() }),
            None => Ok(()),
        }
    }

    fn validate_validators(&self) -> Result<(), GenesisError> {
        if self.validators.is_empty() {
            return Err(GenesisError::NoValidators);
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut total = 0u64;
        for validator in &self.validators {
            let name = hex::encode(validator.public_key);
            if validator.power == 0 {
                return Err(GenesisError::NoPower(name));
            }
            if validator.power > MAX_POWER {
                return Err(GenesisError::Power { validator: name, power: validator.power });
            }
            if !seen.insert(validator.public_key) {
                return Err(GenesisError::DuplicateValidator(name));
            }
            total = total.saturating_add(validator.power);
        }
        if total > MAX_TOTAL_POWER { Err(GenesisError::TotalPower) } else { Ok(()) }
    }

    fn validate_params(&self) -> Result<(), GenesisError> {
        let consensus = &self.consensus;
        if !(MIN_BLOCK_BYTES..=MAX_BLOCK_BYTES).contains(&consensus.block_max_bytes) {
            return Err(GenesisError::Params("consensus.block_max_bytes must be 1 MiB to 100 MiB"));
        }
        if consensus.evidence_max_bytes > consensus.block_max_bytes {
            return Err(GenesisError::Params("consensus.evidence_max_bytes must not exceed block_max_bytes"));
        }
        let ages = [
            (consensus.evidence_max_age_blocks, i64::MAX as u64),
            (consensus.evidence_max_age_ms, MAX_EVIDENCE_AGE_MS),
        ];
        if !ages.iter().all(|(age, most)| (1..=*most).contains(age)) {
            return Err(GenesisError::Params(
                "consensus.evidence_max_age_blocks and _ms must not be 0 and must fit an int64, _ms in nanoseconds",
            ));
        }
        // Evidence that is too old by blocks alone still counts: consensus drops what is too old by both.
        if consensus.evidence_max_age_ms < self.app.staking.params.unbonding_ms {
            return Err(GenesisError::Params(
                "consensus.evidence_max_age_ms must be at least the unbonding time, app.staking.params.unbonding_ms",
            ));
        }
        if consensus.vote_extensions_enable_height != 1 {
            return Err(GenesisError::Params("consensus.vote_extensions_enable_height must be 1"));
        }
        if !(MIN_EPOCH_MS..=MAX_EPOCH_MS).contains(&self.app.epoch_ms.get()) {
            return Err(GenesisError::Params("app.epoch_ms must be 10 seconds to a year"));
        }
        self.app.chain.check().map_err(GenesisError::Params)?;
        let own = self.app.staking.params.own_rows().saturating_add(OTHER_OWN_ROWS);
        let least = own.saturating_mul(10);
        if self.app.chain.max_rows < least { Err(GenesisError::OwnRows { least, own }) } else { Ok(()) }
    }

    /// Refuses a chain on which nobody can pay anybody.
    fn validate_gas(&self) -> Result<(), GenesisError> {
        let gas = &self.app.gas;
        let limit = gas.block_limit;
        if !(1..=i64::MAX as u64).contains(&limit) {
            return Err(GenesisError::Params("app.gas.block_limit must not be 0 and must fit an int64"));
        }
        let call = diem_bank::Msg::Transfer { to: Address([0xff; 20]), denom: Denom::Vvv, amount: Amount::ONE };
        let transfer = gas
            .per_tx
            .saturating_add(gas.per_byte.saturating_mul(LARGEST_TRANSFER_BYTES))
            .saturating_add(gas.per_signature)
            .saturating_add(Call::Bank(call).message().gas());
        if transfer > limit {
            return Err(GenesisError::NoTransferFits { transfer, limit });
        }
        // A block never pays more than this.
        if gas.min_price.checked_mul(limit.into()).is_err() {
            let most = u128::MAX.checked_div(limit.into()).unwrap_or_default();
            return Err(GenesisError::Fees { limit, most });
        }
        Ok(())
    }
}
