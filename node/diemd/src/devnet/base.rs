//! The local Base of a devnet: anvil, the accounts that pay there, and the bridge's contract on it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use diem_anvil::LocalBase;
use diem_api::{BridgeStage, Wait};
use diem_base::{Base, Sender};
use diem_bridge::{Constructor, Msg};
use diem_client::{Client, build::Intent};
use diem_config::bridge_key::write_relayer_key;
use diem_core::{
    Address, Amount, keccak256,
    keys::{EthereumKey, KeyKind, SecretKey},
};
use diem_genesis::presets::{self, TEST_MNEMONIC};
use diem_types::Call;
use diem_wallet::derive;
use zeroize::Zeroizing;

use super::{
    DevnetError,
    homes::{MAX_VALIDATORS, Plan},
    nodes::describe,
    screen,
};

/// The port of the local Base, before the devnet's offset.
const PORT: u16 = 8_545;
/// The chain id of the local Base: the one by which wallets know a chain for development.
pub(super) const CHAIN_ID: u64 = 31_337;
/// The files of the local Base in the devnet's folder: that of its state, and its log.
const STATE: &str = "base.json";
const LOG: &str = "base.log";
/// The time from a block of the local Base to the next.
const BLOCK_TIME: Duration = Duration::from_secs(1);
/// The number of blocks after which a block of it is final, twice.
const EPOCH: u32 = 2;
/// The accounts of the phrase that have ETH there: those of the people, then those of the relayers, then others.
const ACCOUNTS: u16 = 80;
/// The account of the phrase that sends for the first validator; those of the others follow.
const FIRST_RELAYER: u32 = 10;
const _: () = assert!(FIRST_RELAYER as usize + MAX_VALIDATORS <= ACCOUNTS as usize, "every relayer has ETH");
/// The account of the phrase that may pause and veto there, and that creates the contract.
const GUARDIAN: u32 = 9;
/// The terms of the contract: sets live for 30 days, because a laptop sleeps.
const MAX_SET_AGE: u64 = 30 * 86_400;
const MINT_CAPACITY: Amount = Amount::new(10_000 * Amount::ONE.get());
const SHARE_BPS: u16 = 1_000;
/// The longest wait for the bridge to be at work.
const PATIENCE: Duration = Duration::from_secs(90);
const TICK: Duration = Duration::from_millis(200);

/// Whether a devnet has a Base.
pub(super) enum Found {
    /// The binary of anvil.
    Anvil(PathBuf),
    /// There is none, for this reason.
    Off(String),
}

/// A local Base that runs.
pub(super) struct Local {
    child: LocalBase,
    log: PathBuf,
    /// Whether its end was reported.
    reported: bool,
}

/// The bridge at work between the devnet and its local Base.
pub(super) struct Bridge {
    pub(super) rpc: String,
    pub(super) bridge: Address,
    pub(super) token: Address,
}

/// Finds anvil, or installs it. Without it a devnet runs all the same, unless one was named.
pub(super) fn find(wanted: bool, named: Option<&Path>) -> Result<Found, DevnetError> {
    if !wanted {
        return Ok(Found::Off("--no-base asks for none".into()));
    }
    match diem_anvil::find_or_install(named, &screen::note) {
        Ok(anvil) => Ok(Found::Anvil(anvil)),
        Err(error) if named.is_some() => Err(DevnetError::Usage(error.to_string())),
        Err(error) => Ok(Found::Off(error.to_string())),
    }
}

/// The port of the local Base with this offset.
pub(super) fn port(offset: u16) -> Result<u16, DevnetError> {
    let taken = || DevnetError::Usage(format!("--port-offset {offset}: there is no port {PORT} + {offset}"));
    PORT.checked_add(offset).ok_or_else(taken)
}

/// The URL of a local Base at this port.
pub(super) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The URL of the local Base of a devnet without an offset.
pub(crate) fn usual_base() -> String {
    url(PORT)
}

/// The files of the local Base of a devnet in this folder, copies of its state included.
pub(super) fn files(dir: &Path) -> impl Iterator<Item = PathBuf> {
    diem_anvil::state_files(&dir.join(STATE)).into_iter().chain([dir.join(LOG)])
}

/// Starts the local Base, which goes on where it stopped, and gives every validator an account that pays there. The text
/// in its place says why there is none.
pub(super) fn start(found: Found, plan: &Plan, offset: u16) -> Result<Result<Local, String>, DevnetError> {
    let anvil = match found {
        Found::Anvil(anvil) => anvil,
        Found::Off(why) => return Ok(Err(why)),
    };
    for node in &plan.nodes {
        let number = u32::try_from(node.number).unwrap_or(u32::MAX);
        let account = FIRST_RELAYER.saturating_add(number.saturating_sub(1));
        write_relayer_key(&node.home, &secret(account)?)?;
    }
    let [state, log] = [STATE, LOG].map(|name| plan.dir.join(name));
    let options = diem_anvil::Options {
        port: port(offset)?,
        chain_id: CHAIN_ID,
        phrase: TEST_MNEMONIC.into(),
        accounts: ACCOUNTS,
        block_time: Some(BLOCK_TIME),
        epoch: EPOCH,
        state: Some(state),
        log: log.clone(),
    };
    let child = LocalBase::start(&anvil, &options).map_err(|error| DevnetError::Usage(error.to_string()))?;
    Ok(Ok(Local { child, log, reported: false }))
}

impl Local {
    /// Stops it, once it has written its state.
    pub(super) fn stop(self) {
        self.child.stop();
    }

    /// Says that it has ended by itself, once.
    pub(super) fn newly_ended(&mut self) -> Option<String> {
        if self.reported {
            return None;
        }
        let how = describe(self.child.ended()?);
        self.reported = true;
        let log = self.log.display();
        Some(format!(
            "the local Base {how}; its log is {log}. The chain goes on without it: to have it back, stop the devnet and \
             start it again"
        ))
    }

    fn url(&self) -> String {
        self.child.url()
    }
}

/// Brings the bridge to work: its terms are fixed, its contract created, and validators sign for it. A devnet that goes
/// on finds some or all of that done.
pub(super) async fn set_up(local: &Local, client: &Client) -> Result<Bridge, String> {
    let rpc = local.url();
    let base = Base::connect(&rpc, CHAIN_ID).await.map_err(|error| error.to_string())?;
    let key = EthereumKey::new(&*secret(GUARDIAN).map_err(|error| error.to_string())?)
        .ok_or("a key of the phrase is none")?;
    let sender = Sender::new(base.clone(), key);
    let started = Instant::now();
    loop {
        if started.elapsed() > PATIENCE {
            return Err(format!(
                "it is not at work after {} s; the logs of the validators say why",
                PATIENCE.as_secs()
            ));
        }
        let bridge = client.bridge().await.map_err(|error| error.to_string())?.answer;
        let contract = match (bridge.stage, bridge.contract) {
            (BridgeStage::Unprepared, _) | (_, None) => {
                order(client, prepare(sender.address())).await?;
                continue;
            }
            (_, Some(contract)) => contract,
        };
        let arguments = Constructor::from(&contract.constructor);
        let init_code = diem_base::init_code(&arguments);
        // The address follows from the code, so that whatever lies there is the contract.
        let deployed = sender.deploy(&init_code, &arguments.salt).await.map_err(|error| error.to_string())?;
        match (bridge.stage, contract.deployed) {
            (BridgeStage::AtWork, Some(place)) => {
                return Ok(Bridge { rpc, bridge: place.bridge, token: place.token });
            }
            (_, Some(_)) => tokio::time::sleep(TICK).await,
            (_, None) => {
                let latest = base.latest().await.map_err(|error| error.to_string())?;
                let deploy_block = deployed.receipt.map_or(latest.number, |receipt| receipt.block);
                let init_code_hash = keccak256(&init_code);
                order(client, Msg::Activate { init_code_hash, deploy_block }).await?;
            }
        }
    }
}

fn prepare(guardian: &Address) -> Msg {
    Msg::Prepare {
        chain_id: CHAIN_ID,
        max_set_age: MAX_SET_AGE,
        mint_capacity: MINT_CAPACITY,
        share_bps: SHARE_BPS,
        guardian: *guardian,
    }
}

/// Sends a call of the bridge's authority, validator-1, and waits for its block.
async fn order(client: &Client, msg: Msg) -> Result<(), String> {
    let key = SecretKey::ed25519(&presets::operator_secret(1));
    let intent = Intent::new(key.address(), KeyKind::Ed25519, vec![Call::Bridge(msg)]);
    let draft = client.draft(intent).await.map_err(|error| error.to_string())?;
    let bytes = draft.tx.sign(&key, None).map_err(|error| error.to_string())?;
    let submitted = client.submit(bytes, Wait::Committed, PATIENCE).await.map_err(|error| error.to_string())?;
    submitted.error.map_or(Ok(()), |error| Err(error.to_string()))
}

/// The Ethereum secret of the phrase at this index.
fn secret(index: u32) -> Result<Zeroizing<[u8; 32]>, DevnetError> {
    let usage = |error: &dyn std::fmt::Display| DevnetError::Usage(error.to_string());
    let phrase = derive::parse_phrase(TEST_MNEMONIC).map_err(|error| usage(&error))?;
    let path = derive::default_path(KeyKind::Ethereum, index);
    let secret = derive::derive(&phrase, KeyKind::Ethereum, &path).map_err(|error| usage(&error))?;
    Ok(secret.bytes().clone())
}

/// The account of a person of the genesis on the local Base: the Ethereum key of the same phrase and index.
pub(super) fn account_of(plan: &Plan, name: &str) -> Result<Option<Address>, DevnetError> {
    let index = plan.file.accounts.iter().position(|person| person.name.as_deref() == Some(name));
    let Some(index) = index.and_then(|index| u32::try_from(index).ok()) else { return Ok(None) };
    Ok(EthereumKey::new(&*secret(index)?).map(|key| key.address()))
}
