//! The making of a home: keys, genesis, configuration.
//!
//! Every check runs before anything is written: the whole genesis is executed in memory, as a start would. What was
//! written before the disk refuses is removed again.

use std::path::PathBuf;

use diem_core::{Denom, Time, keys::SecretKey};
use diem_engine::EngineKind;
use diem_genesis::{Coin, GenesisFile, Person, Who, presets};
use diem_host::{
    clock::wall_clock,
    home::{Home, HomeError},
};
use diem_runtime::{App, Options};
use diem_types::GenesisDoc;
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::{
    Config, ConfigError, Override,
    bridge_key::{self, BridgeKeyError},
    consensus_key::{self, KeyError, node_key, write_validator_key},
    document,
    known_keys::{self, KnownKeyError},
};

/// The source of the chain's genesis.
#[derive(Debug, Clone)]
pub enum Source {
    /// A preset that is part of the program: `dev`, `localnet` or `live`.
    Preset(String),
    /// A genesis file: the readable TOML, or the canonical `genesis.json` of another node.
    File(PathBuf),
    /// The genesis that was asked of other nodes.
    Chain(Box<GenesisDoc>),
}

/// The reason why no home was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The genesis is not valid.
    #[error(transparent)]
    Genesis(#[from] diem_genesis::Error),
    /// The genesis is well-formed, and no chain can start from it.
    #[error("{0}")]
    NoStart(String),
    /// A CometBFT key cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The settings are not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No preset has this name.
    #[error("there is no chain `{0}`: `dev`, `localnet` and `live` come along, and --genesis takes a file")]
    NoPreset(String),
    /// The genesis file is not the one whose hash was given.
    #[error(
        "this genesis has hash {found}, not {wanted}: it is not the file that you were promised; get it again from somebody you trust"
    )]
    Hash {
        /// The hash of the file.
        found: String,
        /// The hash that was given.
        wanted: String,
    },
    /// The home holds another genesis already.
    #[error(
        "{path} is there already and has hash {found}, not {wanted}: move it away, or let `diemd init` \
         use it, without --genesis and --preset"
    )]
    GenesisThere {
        /// The path of the genesis file in the home.
        path: PathBuf,
        /// The hash of that file.
        found: String,
        /// The hash of the genesis that was asked for.
        wanted: String,
    },
    /// Another chain id was asked for, but that of a genesis file is part of what everybody has agreed on.
    #[error("{path} is the genesis of chain `{found}`, and --chain-id cannot rename it: only a TOML file is renamed")]
    Renamed {
        /// The path of the genesis file.
        path: PathBuf,
        /// The chain id in the file.
        found: String,
    },
    /// The bridge key cannot be used.
    #[error(transparent)]
    Bridge(#[from] BridgeKeyError),
    /// The home holds a key whose secret is public.
    #[error(transparent)]
    Known(#[from] KnownKeyError),
    /// The genesis has no validator, and no account that could start it.
    #[error(
        "this genesis names no validator, and none of its accounts has the 10,000 VVV that this node would stake: add [[validators]], or such an account"
    )]
    NoOperator,
    /// The genesis has no validator, and the key of this node is in a remote signer, which is not asked here.
    #[error(
        "this genesis names no validator, and this node's key is in a signer: prove it with `diemd validator prove --signer`, \
         and add [[validators]] with that proof"
    )]
    NoKeyHere,
    /// The instant engine was asked for, and the chain is not for development.
    #[error(
        "the instant engine is for development and refuses chain `{0}`: use --engine comet, or a chain id with a part -dev"
    )]
    NotDevelopment(String),
}

/// The options of `diemd init`.
#[derive(Debug, Clone)]
pub struct Init {
    /// The source of the genesis; `None` means the genesis that lies in the home, else `dev`.
    pub source: Option<Source>,
    /// The hash that the genesis must have, in hex.
    pub hash: Option<String>,
    /// The chain id, if it is not that of the source.
    pub chain_id: Option<String>,
    /// The settings that differ from the defaults.
    pub settings: Vec<Override>,
}

/// The home that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The genesis of the chain.
    pub genesis: GenesisDoc,
    /// The configuration that was written.
    pub config: Config,
    /// The public consensus key of this node; `None` where a remote signer has it.
    pub public_key: Option<[u8; 32]>,
    /// The peer id of this node.
    pub node_id: String,
}

/// The keys of the home, both those that lie there already and those that are new.
struct Keys {
    validator: SigningKey,
    /// The bridge key, where the home has or will have one, and its secret if it is new.
    bridge: Option<(SecretKey, Option<Zeroizing<[u8; 32]>>)>,
}

impl Init {
    /// Makes the home. The configuration is written last: a home without it is none.
    ///
    /// # Errors
    /// [`InitError`] says what to do. The home is then as it was.
    pub fn run(&self, home: &Home) -> Result<Made, InitError> {
        if home.exists() {
            return Err(HomeError::Exists(home.root().into()).into());
        }
        let source = self.source(home);
        let (genesis, keys) = self.chain(home, &source)?;
        let lies_there = self.check_genesis(home, &source, &genesis)?;
        let config = self.config(&source, &genesis)?;
        let file = consensus_key::key_file_of(&home.comet());
        known_keys::refuse_consensus(&file, &keys.validator.verifying_key().to_bytes(), &genesis.chain_id)?;
        if let Some((key, _)) = &keys.bridge {
            known_keys::refuse_bridge(&home.bridge_key_file(), key, &genesis.chain_id)?;
        }
        App::in_memory(Options::default()).init_chain(&genesis).map_err(|fatal| InitError::NoStart(fatal.0))?;

        let attempt = home.begin()?;
        let public_key = match consensus_key::found_validator_key(&home.comet())? {
            Some(key) => Some(key.verifying_key().to_bytes()),
            None if self.has_signer() => None,
            None => Some(write_validator_key(&home.comet(), &keys.validator)?.public_key),
        };
        if let Some((key, Some(secret))) = &keys.bridge {
            bridge_key::write_bridge_key(home, secret, key)?;
        }
        let node_id = node_key(&home.comet())?.id;
        if !lies_there {
            home.write(&home.genesis_file(), &diem_genesis::to_json(&genesis))?;
        }
        home.write_config(&document(&config))?;
        attempt.finish();
        Ok(Made { genesis, config, public_key, node_id })
    }

    /// Whether the settings leave the consensus key to a remote signer.
    fn has_signer(&self) -> bool {
        let last = self.settings.iter().rfind(|setting| setting.key == "comet.signer");
        last.is_some_and(|setting| setting.value != "off")
    }

    fn source(&self, home: &Home) -> Source {
        let there = || home.genesis_file().exists().then(|| Source::File(home.genesis_file()));
        self.source.clone().or_else(there).unwrap_or_else(|| Source::Preset("dev".into()))
    }

    /// Checks whether the home has this genesis already. Another genesis that lies there is never replaced.
    fn check_genesis(&self, home: &Home, source: &Source, genesis: &GenesisDoc) -> Result<bool, InitError> {
        let wanted = hex::encode(genesis.hash());
        if let Some(promised) = &self.hash
            && !promised.trim_start_matches("0x").eq_ignore_ascii_case(&wanted)
        {
            return Err(InitError::Hash { found: wanted, wanted: promised.clone() });
        }
        let path = home.genesis_file();
        if matches!(source, Source::File(file) if *file == path) {
            return Ok(true);
        }
        if !path.exists() {
            return Ok(false);
        }
        let found = diem_genesis::load(&path, None).map_or_else(|_| "none".into(), |found| hex::encode(found.hash()));
        if found == wanted { Ok(true) } else { Err(InitError::GenesisThere { path, found, wanted }) }
    }

    /// Loads the chain and the keys of this home.
    fn chain(&self, home: &Home, source: &Source) -> Result<(GenesisDoc, Keys), InitError> {
        let now = Some(Time(wall_clock()()));
        let mut keys = Keys::of(home, source)?;
        let mut file = match source {
            Source::Chain(genesis) => {
                genesis.validate().map_err(diem_genesis::Error::from)?;
                return Ok(((**genesis).clone().canonical(), keys));
            }
            Source::File(path) if path.extension().is_some_and(|extension| extension == "json") => {
                let genesis = diem_genesis::load(path, now)?;
                if self.chain_id.as_ref().is_some_and(|chain_id| *chain_id != genesis.chain_id) {
                    return Err(InitError::Renamed { path: path.clone(), found: genesis.chain_id });
                }
                return Ok((genesis, keys));
            }
            Source::File(path) => {
                GenesisFile::parse(&read(path)?, &path.display().to_string()).map_err(diem_genesis::Error::from)?
            }
            Source::Preset(name) => presets::preset(name).ok_or_else(|| InitError::NoPreset(name.clone()))??,
        };
        if let Some(chain_id) = self.chain_id.as_ref().filter(|chain_id| **chain_id != file.chain_id) {
            file = match source {
                // Each key proof names its chain, so a preset with another chain id needs new ones.
                Source::Preset(_) => {
                    let count = file.validators.len();
                    presets::with_validators(file, chain_id, count)?
                }
                _ => GenesisFile { chain_id: chain_id.clone(), ..file },
            };
        }
        if file.validators.is_empty() {
            if self.has_signer() {
                return Err(InitError::NoKeyHere);
            }
            let this = keys.this_node(&file)?;
            file.validators.push(this);
        }
        Ok((file.resolve(now)?, keys))
    }

    fn config(&self, source: &Source, genesis: &GenesisDoc) -> Result<Config, InitError> {
        // The preset `live` rehearses a real chain: its nodes are on different machines and have addresses of their
        // own.
        let rehearsal = matches!(source, Source::Preset(name) if name == "live");
        let local = diem_core::development::is_development(&genesis.chain_id) && !rehearsal;
        let own = Override::flag("preset", "comet.local", local);
        let config = Config::default().with(&[own])?.with(&self.settings)?;
        config.check_whole()?;
        if config.engine == EngineKind::Instant && !diem_core::development::is_development(&genesis.chain_id) {
            return Err(InitError::NotDevelopment(genesis.chain_id.clone()));
        }
        Ok(config)
    }
}

impl Keys {
    /// Reads the keys that lie in the home and generates those that are missing. The first validator of a preset has
    /// keys that everybody knows.
    fn of(home: &Home, source: &Source) -> Result<Self, InitError> {
        let preset = matches!(source, Source::Preset(_));
        let validator = match consensus_key::found_validator_key(&home.comet())? {
            Some(key) => key,
            None if preset => SigningKey::from_bytes(&presets::validator_secret(1)),
            None => consensus_key::generate(),
        };
        let bridge = match bridge_key::found_bridge_key(home)? {
            Some(key) => Some((key, None)),
            None if preset => {
                let secret = Zeroizing::new(presets::bridge_secret(1));
                SecretKey::ethereum(&secret).map(|key| (key, Some(secret)))
            }
            None => None,
        };
        Ok(Self { validator, bridge })
    }

    /// Describes this home as the only validator of a genesis that names none, operated by the first account that can.
    fn this_node(&mut self, file: &GenesisFile) -> Result<diem_genesis::Validator, InitError> {
        let can = |person: &&Person| {
            person.balances.iter().any(|Coin(amount, denom)| *denom == Denom::Vvv && *amount >= presets::SELF_STAKE)
        };
        let person = file.accounts.iter().find(can).ok_or(InitError::NoOperator)?;
        let (bridge, _) = self.bridge.get_or_insert_with(|| {
            let (secret, key) = bridge_key::generate();
            (key, Some(secret))
        });
        let consensus = SecretKey::ed25519(&Zeroizing::new(self.validator.to_bytes()));
        let validator = presets::validator(&file.chain_id, "this node", person.address, &consensus, bridge);
        let validator = validator.ok_or(InitError::NoOperator)?;
        Ok(diem_genesis::Validator { operator: Who(person.address.to_string()), ..validator })
    }
}

fn read(path: &std::path::Path) -> Result<String, diem_genesis::Error> {
    std::fs::read_to_string(path)
        .map_err(|error| diem_genesis::Error::Open { path: path.display().to_string(), reason: error.to_string() })
}
