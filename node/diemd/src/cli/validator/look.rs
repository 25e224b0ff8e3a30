//! A look at a validator: what the chain says of it, and what its node says of itself.

use std::collections::BTreeSet;

use anyhow::anyhow;
use clap::Args;
use diem_api::{At, BridgeStage, Hash, Head, Status, ValidatorDetail, ValidatorSigning};
use diem_cli::{
    Failure, clock,
    common::{Common, DEFAULT_NODE, HEADING},
    failure::{failed, usage},
    output::Output,
    proven::Proven,
    query::{newest, who},
    trust::{Verify, not_proven},
};
use diem_client::{Client, ClientError, LightClient, LightError, ProvenAnswer};
use diem_config::{
    Config,
    consensus_key::{address, validator_signing_key},
    exported::Exported,
};
use diem_core::{
    Address, BlockInfo, CallError, QueryContext, StateRead, Time, cell::Item, chain::ChainTable, clock::epoch_ms,
    context::ConsensusAddress, keys::SecretKey,
};
use diem_host::home::{Home, default_home};
use diem_staking::query;
use serde::Serialize;

use crate::cli::health::reached;

/// The height and time of the state that a row is read from, as the chain itself keeps them.
const LAST_BLOCK: Item<BlockInfo> = ChainTable::LastBlock.item();

/// Which validator, and who is asked about it.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Operator of the validator: an address or the name of a key [default: the one whose key is in the home].
    #[arg(value_name = "OPERATOR")]
    operator: Option<String>,
    /// URL of a node's API [default: that of the home's node].
    #[arg(long, env = "DIEM_NODE", value_name = "URL", help_heading = HEADING)]
    node: Option<String>,
    /// Home of the validator's node, or of the wallet [default: ~/.diem].
    #[arg(long, env = "DIEM_HOME", value_name = "FOLDER", help_heading = HEADING)]
    home: Option<std::path::PathBuf>,
    /// How to print it: table for people, json for programs.
    #[arg(long, value_enum, default_value_t, value_name = "FORM", hide_possible_values = true, help_heading = HEADING)]
    pub(super) output: Output,
    #[command(flatten)]
    verify: Verify,
}

impl Which {
    /// What looks at this validator. The node is not asked yet.
    ///
    /// # Errors
    /// The configuration of the home cannot be read, or the URL is none.
    pub(super) fn looker(self) -> Result<Looker, Failure> {
        let home = Home::at(&self.home.clone().unwrap_or_else(default_home));
        let config = match home.exists() {
            true => Some(Config::load(&home.config_file(), std::env::vars(), &[]).map_err(usage)?),
            false => None,
        };
        let own = config.as_ref().map(|config| format!("http://{}", reached(config.api.listen)));
        let node = self.node.or(own).unwrap_or_else(|| DEFAULT_NODE.into());
        let key = config.map_or(HomeKey::None, |config| HomeKey::of(&home, &config));
        let common = Common { node, home: self.home, output: self.output };
        let client = common.client()?;
        Ok(Looker { common, client, named: self.operator, verify: self.verify, key, found: None, last: None })
    }
}

/// The key of a home that is to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
enum HomeKey {
    /// There is no node, no key in its home, or one that cannot be read.
    None,
    /// Its address in consensus.
    Here(ConsensusAddress),
    /// A remote signer has it, and tells its address to CometBFT only.
    Remote,
    /// It was given to another machine.
    Exported(ConsensusAddress),
}

impl HomeKey {
    fn of(home: &Home, config: &Config) -> Self {
        if config.comet.signer.0.is_some() {
            return Self::Remote;
        }
        if let Ok(Some(exported)) = Exported::read(home) {
            return Self::Exported(exported.address);
        }
        match validator_signing_key(&home.comet()) {
            Ok(SecretKey::Ed25519(key)) => Self::Here(address(&key.verifying_key().to_bytes())),
            _ => Self::None,
        }
    }

    /// Where the key of this validator is, as far as this home shows it.
    fn place(&self, of: &ConsensusAddress) -> KeyPlace {
        match self {
            Self::Here(here) if here == of => KeyPlace::Home,
            Self::Remote => KeyPlace::RemoteSigner,
            Self::Exported(away) if away == of => KeyPlace::Exported,
            _ => KeyPlace::Elsewhere,
        }
    }
}

/// Where a consensus key is, seen from a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeyPlace {
    /// In this home.
    Home,
    /// The home's node signs with a remote signer, which tells its key to CometBFT only.
    RemoteSigner,
    /// It was exported from this home, which signs no more.
    Exported,
    /// Not here.
    Elsewhere,
}

/// How a validator stands.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ValidatorStatus {
    /// The height after which it does.
    pub(super) height: u64,
    /// The time of that block.
    pub(super) time: Time,
    #[serde(flatten)]
    pub(super) validator: ValidatorDetail,
    /// The last blocks that it was to sign.
    pub(super) signing: ValidatorSigning,
    /// Whether Base still counts with another bridge key than the present one; `null` where nobody can tell.
    pub(super) bridge_key_pending: Option<bool>,
    /// Where its consensus key is.
    pub(super) key_place: KeyPlace,
    pub(super) versions: Versions,
    /// The trouble of the node's engine, such as since when it is silent: how the validator stands now is then not known. `null`
    /// while it answers.
    pub(super) trouble: Option<String>,
    /// What there is to say of this machine's clock. Programs have the time of the block.
    #[serde(skip)]
    pub(super) clock: Option<String>,
    /// What is proven of it; all but the place of its key, the versions, the trouble and what waits on Base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<Proven>,
}

/// The versions of what runs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Versions {
    /// The version of the chain's rules and state.
    pub(super) app: u64,
    /// The program of the node that was asked.
    pub(super) diemd: String,
    /// The program that makes its blocks, where that is another one and has answered.
    pub(super) cometbft: Option<String>,
}

/// Why there was nothing to see.
#[derive(Debug)]
pub(super) enum Unseen {
    /// The node does not answer, or not what can be believed: it may at another time.
    Node(String),
    /// The question is wrong, and stays so.
    Question(Failure),
}

impl From<ClientError> for Unseen {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Refused { status: 400 | 404, .. } => Self::Question(error.into()),
            _ => Self::Node(error.to_string()),
        }
    }
}

impl From<Failure> for Unseen {
    fn from(failure: Failure) -> Self {
        match failure.error.downcast::<ClientError>() {
            Ok(error) => error.into(),
            Err(error) => Self::Question(Failure { exit: failure.exit, error }),
        }
    }
}

impl From<Unseen> for Failure {
    fn from(unseen: Unseen) -> Self {
        match unseen {
            Unseen::Node(reason) => failed(anyhow!(reason)),
            Unseen::Question(failure) => failure,
        }
    }
}

/// What looks at one validator, again and again.
pub(super) struct Looker {
    common: Common,
    client: Client,
    named: Option<String>,
    verify: Verify,
    key: HomeKey,
    found: Option<Found>,
    /// The end of the chain at the last look, and what was seen there.
    last: Option<(Head, ValidatorStatus)>,
}

/// What the first look has found out.
struct Found {
    operator: Address,
    light: Option<LightClient>,
}

impl Looker {
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Looks once; where no block came since the last look, nothing else is asked for. Where it is to be proven, `latest` waits for the header that the newest state needs, and without it the
    /// state before counts.
    ///
    /// # Errors
    /// [`Unseen`].
    pub(super) async fn look(&mut self, latest: bool) -> Result<ValidatorStatus, Unseen> {
        let status = self.client.status().await?;
        if let Some((head, seen)) = &self.last
            && status.latest == Some(*head)
        {
            let clock = clock::doubt(&status);
            return Ok(ValidatorStatus { clock, trouble: status.trouble, ..seen.clone() });
        }
        let found = match &mut self.found {
            Some(found) => found,
            None => {
                let operator = operator(&self.common, &self.client, self.named.as_deref(), &self.key).await?;
                let trust = self.verify.trust(&self.common, &self.client).await?;
                let light = trust.map(|trust| LightClient::new(self.client.clone(), trust));
                self.found.insert(Found { operator, light })
            }
        };
        let operator = found.operator;
        let seen = match &mut found.light {
            None => asked(&self.client, &operator).await?,
            Some(light) => {
                let height = newest(&self.client, None, latest).await?;
                proven(light, &operator, height).await?
            }
        };
        let Seen { validator, signing, verified } = seen;
        let At { height, time, answer: validator, .. } = validator;
        let of = ConsensusAddress::try_from(validator.address.0.as_slice()).unwrap_or_default();
        let head = status.latest;
        let seen = ValidatorStatus {
            height,
            time,
            bridge_key_pending: pending(&self.client, &validator).await,
            key_place: self.key.place(&of),
            validator,
            signing,
            clock: clock::doubt(&status),
            trouble: status.trouble.clone(),
            versions: versions(status),
            verified,
        };
        self.last = head.map(|head| (head, seen.clone()));
        Ok(seen)
    }
}

fn versions(status: Status) -> Versions {
    Versions { app: status.app_version, diemd: status.version, cometbft: status.engine_version }
}

/// Finds the validator that is meant.
async fn operator(common: &Common, client: &Client, named: Option<&str>, key: &HomeKey) -> Result<Address, Unseen> {
    if let Some(text) = named {
        return Ok(who(common, client, text).await?);
    }
    let all = client.validators().await?.answer.items;
    let is_of = |address: &ConsensusAddress| {
        all.iter().find(|validator| validator.address.0 == address).map(|validator| validator.operator)
    };
    if let HomeKey::Here(address) | HomeKey::Exported(address) = key
        && let Some(operator) = is_of(address)
    {
        return Ok(operator);
    }
    // The operator's account may be a key of this home, as where its consensus key is in a remote signer.
    let keys = common.keys().list().unwrap_or_default();
    let own: BTreeSet<Address> = keys.into_iter().filter_map(|(_, file)| Some(file.ok()?.address)).collect();
    let mut operated = all.iter().map(|validator| validator.operator).filter(|operator| own.contains(operator));
    let home = common.home();
    let home = home.root().display();
    let sentence = match (operated.next(), operated.next()) {
        (Some(operator), None) => return Ok(operator),
        (Some(_), Some(_)) => format!("several keys of {home} operate a validator: name the one that you mean"),
        (None, _) => match key {
            HomeKey::Here(address) => format!(
                "no validator of this chain has the key of {home} (address {}): name an operator, or make one with `diemd tx \
                 create-validator`",
                hex::encode(address)
            ),
            HomeKey::Remote => format!("the key of {home} is in a remote signer: name the operator of its validator"),
            HomeKey::Exported(_) | HomeKey::None => {
                format!("no key of a validator is in {home}: name an operator, or another --home")
            }
        },
    };
    Err(Unseen::Question(usage(anyhow!(sentence))))
}

/// What the chain says of a validator.
struct Seen {
    validator: At<ValidatorDetail>,
    signing: ValidatorSigning,
    verified: Option<Proven>,
}

/// What the node says.
async fn asked(client: &Client, operator: &Address) -> Result<Seen, Unseen> {
    let validator = client.validator(operator, None, false).await?;
    let signing = client.validator_signing(operator, Some(validator.height)).await?.answer;
    Ok(Seen { validator, signing, verified: None })
}

/// What follows from proven rows.
async fn proven(light: &mut LightClient, operator: &Address, height: Option<u64>) -> Result<Seen, Unseen> {
    let answer = light.ask(height, |state| Rows::read(state, operator)).await;
    let ProvenAnswer { answer, height, header_time, root } = answer.map_err(|error| match error {
        LightError::Client(error) => Unseen::from(error),
        error => Unseen::Node(not_proven(error).error.to_string()),
    })?;
    let rows = answer.map_err(|error| Unseen::Question(failed(error)))?;
    let verified =
        Proven { chain_id: light.trust().chain_id().into(), height, header_time, root: Hash(root), exists: true };
    let time = rows.block.time;
    let epoch = time.epoch(rows.epoch_ms);
    let validator = ValidatorDetail::of(rows.view, epoch, rows.epoch_ms);
    let validator = At { height, time, epoch, answer: validator, proof: None };
    Ok(Seen { validator, signing: rows.signing.into(), verified: Some(verified) })
}

/// What the chain's own functions make of the rows of a state.
struct Rows {
    block: BlockInfo,
    epoch_ms: std::num::NonZeroU64,
    view: query::ValidatorView,
    signing: query::SigningView,
}

impl Rows {
    fn read(state: &dyn StateRead, operator: &Address) -> Result<Self, CallError> {
        let (block, epoch_ms) = (LAST_BLOCK.get(state).unwrap_or_default(), epoch_ms(state));
        let ctx = QueryContext { state, block };
        // Both are read even if the first is missing, so that fewer rounds of proofs are asked for.
        let (view, signing) = (query::validator(&ctx, operator), query::signing(&ctx, operator));
        Ok(Self { block, epoch_ms, view: view?, signing: signing? })
    }
}

/// Whether the set that Base counts with knows another bridge key of a validator than its present one. Who makes no blocks
/// is in no set.
async fn pending(client: &Client, validator: &ValidatorDetail) -> Option<bool> {
    let bridge = client.bridge().await.ok()?.answer;
    if bridge.stage != BridgeStage::AtWork || validator.power == 0 {
        return Some(false);
    }
    let set = client.bridge_set(bridge.installed_set).await.ok()?.answer;
    Some(set.members.iter().all(|member| member.address != validator.bridge_address))
}
