//! Making a home: keys, genesis, configuration.

use std::path::PathBuf;

use diem_core::{Denom, Time};
use diem_genesis::{Coin, GenesisFile, Person, Who, presets};
use diem_types::GenesisDoc;
use ed25519_dalek::SigningKey;

use crate::{
    EngineKind,
    comet::keys::{KeyError, ValidatorKey, node_key, validator_key, validator_signing_key, write_validator_key},
    config::{Config, ConfigError, Override, document},
    home::{Home, HomeError},
    instant::wall_clock,
    keys::bridge::{BridgeKeyError, bridge_key, write_development_key},
};

/// Where the chain comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A chain that comes along: `dev`, `localnet` or `live`.
    Preset(String),
    /// A file: the readable TOML, or the canonical `genesis.json` of another node.
    File(PathBuf),
}

/// Why no home was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The genesis.
    #[error(transparent)]
    Genesis(#[from] diem_genesis::Error),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A chain that does not come along.
    #[error("there is no chain `{0}`: `dev`, `localnet` and `live` come along, and --genesis takes a file")]
    NoPreset(String),
    /// Not the file that was promised.
    #[error(
        "this genesis has hash {found}, not {wanted}: it is not the file that you were promised; get it again from somebody you trust"
    )]
    Hash {
        /// The hash of the file.
        found: String,
        /// The hash that was given.
        wanted: String,
    },
    /// The key for the bridge.
    #[error(transparent)]
    Bridge(#[from] BridgeKeyError),
    /// Nobody to start it.
    #[error(
        "this genesis names no validator, and none of its accounts has the 10,000 VVV that this node would stake: add [[validators]], or such an account"
    )]
    NoOperator,
    /// The wrong engine for it.
    #[error(
        "the instant engine is for development and refuses chain `{0}`: use --engine comet, or a chain id with a part -dev"
    )]
    NotDevelopment(String),
}

/// What `diemd init` was told.
#[derive(Debug, Clone)]
pub struct Init {
    /// Where the chain comes from.
    pub source: Source,
    /// The hash that its genesis must have, in hex.
    pub hash: Option<String>,
    /// Another name for the chain.
    pub chain_id: Option<String>,
    /// Settings that differ from the defaults.
    pub settings: Vec<Override>,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The chain.
    pub genesis: GenesisDoc,
    /// The settings.
    pub config: Config,
    /// This node's consensus key.
    pub public_key: [u8; 32],
    /// This node's name among its peers.
    pub node_id: String,
}

impl Init {
    /// Makes the home. The configuration is written last: a home without it is none.
    ///
    /// # Errors
    /// [`InitError`]: a sentence that says what to do.
    pub fn run(&self, home: &Home) -> Result<Made, InitError> {
        home.create()?;
        let (genesis, public_key) = self.chain(home)?;
        let found = hex::encode(genesis.hash());
        if let Some(wanted) = &self.hash
            && !wanted.trim_start_matches("0x").eq_ignore_ascii_case(&found)
        {
            return Err(InitError::Hash { found, wanted: wanted.clone() });
        }
        let config = Config::default().with(&self.settings)?;
        if config.engine == EngineKind::Instant && !diem_genesis::is_development(&genesis.chain_id) {
            return Err(InitError::NotDevelopment(genesis.chain_id));
        }
        let node_id = node_key(&home.comet())?.id;
        home.write(&home.genesis_file(), &diem_genesis::to_json(&genesis))?;
        home.write(&home.config_file(), &document(&config))?;
        Ok(Made { genesis, config, public_key, node_id })
    }

    /// The chain, and the validator's key of this home.
    fn chain(&self, home: &Home) -> Result<(GenesisDoc, [u8; 32]), InitError> {
        let now = Some(Time(wall_clock()()));
        let mut file = match &self.source {
            Source::File(path) if path.extension().is_some_and(|extension| extension == "json") => {
                let key = validator_key(&home.comet())?;
                return Ok((diem_genesis::load(path, now)?, key.public_key));
            }
            Source::File(path) => {
                GenesisFile::parse(&read(path)?, &path.display().to_string()).map_err(diem_genesis::Error::from)?
            }
            Source::Preset(name) => presets::preset(name).ok_or_else(|| InitError::NoPreset(name.clone()))??,
        };
        if let Some(chain_id) = self.chain_id.as_ref().filter(|chain_id| **chain_id != file.chain_id) {
            file = match &self.source {
                // Key proofs name their chain.
                Source::Preset(_) => {
                    let count = file.validators.len();
                    presets::with_validators(file, chain_id, count)?
                }
                Source::File(_) => GenesisFile { chain_id: chain_id.clone(), ..file },
            };
        }
        // The validators of presets have public keys; the first is this home's.
        let key = match self.source {
            Source::Preset(_) => preset_key(home)?,
            Source::File(_) => validator_key(&home.comet())?,
        };
        if file.validators.is_empty() {
            let this = self.this_node(home, &file)?;
            file.validators.push(this);
        } else if matches!(self.source, Source::Preset(_)) {
            write_development_key(home, presets::bridge_secret(1))?;
        }
        Ok((file.resolve(now)?, key.public_key))
    }

    /// This home as the only validator of a genesis that names none, operated by its first account that can.
    fn this_node(&self, home: &Home, file: &GenesisFile) -> Result<diem_genesis::Validator, InitError> {
        let can = |person: &&Person| {
            person.balances.iter().any(|Coin(amount, denom)| *denom == Denom::Vvv && *amount >= presets::SELF_STAKE)
        };
        let person = file.accounts.iter().find(can).ok_or(InitError::NoOperator)?;
        let (consensus, bridge) = (validator_signing_key(&home.comet())?, bridge_key(home)?);
        let validator = presets::validator(&file.chain_id, "this node", person.address, &consensus, &bridge);
        let validator = validator.ok_or(InitError::NoOperator)?;
        Ok(diem_genesis::Validator { operator: Who(person.address.to_string()), ..validator })
    }
}

/// The public key of the preset's first validator, unless an earlier attempt has put one there already.
fn preset_key(home: &Home) -> Result<ValidatorKey, KeyError> {
    let comet = home.comet();
    if comet.join("config/priv_validator_key.json").exists() {
        return validator_key(&comet);
    }
    write_validator_key(&comet, &SigningKey::from_bytes(&presets::validator_secret(1)))
}

fn read(path: &std::path::Path) -> Result<String, diem_genesis::Error> {
    std::fs::read_to_string(path)
        .map_err(|error| diem_genesis::Error::Open { path: path.display().to_string(), reason: error.to_string() })
}
