//! Stopping what Base mints: by a third of the validators' power, or for a time by the guardian.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_bridge::{Msg, Outbound, OutboundKind, Statement, Threshold, pause_struct_hash};
use diem_cli::{
    Failure,
    common::{Common, confirm},
    failure::{failed, usage},
    output::say,
    tx::{Make, Wallet},
};
use diem_core::{Address, keys::EthereumKey};
use diem_types::Call;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    base::{BaseAccount, OnBase, SentOnBase, deployed, on_base},
    relay::decoded,
    tables::{home, pause_end},
};

#[derive(Debug, Args)]
pub(crate) struct PauseCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Sign a pause with the bridge key of a validator, and hand the signature in to the chain
    #[command(
        after_help = "Example: diemd bridge pause sign --bridge-key ~/.diem/bridge_key.json --from validator-1\n\
                      A third of the power is enough. To sign a pause is no offence."
    )]
    Sign {
        /// File of the validator's bridge key.
        #[arg(long, value_name = "FILE")]
        bridge_key: PathBuf,
        /// Number of the pause [default: the next one, as far as the chain has followed Base].
        #[arg(long, value_name = "NUMBER")]
        pause: Option<u64>,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Send a pause to Base that validators with a third of the power have signed
    #[command(after_help = "Example: diemd bridge pause send --base-rpc http://127.0.0.1:8545 --key relayer\n\
                      It lasts until the validators end it: `diemd bridge admin unpause`.")]
    Send {
        /// Number of the pause [default: the next one, as far as the chain has followed Base].
        #[arg(long, value_name = "NUMBER")]
        pause: Option<u64>,
        /// Do not ask before sending.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        account: Box<BaseAccount>,
    },
    /// Pause Base for 72 hours, as the guardian; again only a week later
    #[command(after_help = "Example: diemd bridge pause guardian --base-rpc http://127.0.0.1:8545 --key guardian")]
    Guardian {
        /// Do not ask before sending.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        account: Box<BaseAccount>,
    },
}

impl PauseCommand {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        match self.verb {
            Verb::Sign { bridge_key, pause, make } => sign(common, &bridge_key, pause, &make).await,
            Verb::Send { pause, yes, account } => send(common, pause, yes, &account).await,
            Verb::Guardian { yes, account } => guardian(common, yes, &account).await,
        }
    }
}

async fn sign(common: &Common, file: &Path, pause: Option<u64>, make: &Make) -> Result<(), Failure> {
    let wallet = Wallet::open(common).await?;
    let bridge = wallet.client.bridge().await?;
    let (contract, place) = (bridge.contract.as_ref(), deployed(&bridge)?);
    let key = bridge_key(file)?;
    let nonce = pause.unwrap_or_else(|| bridge.pause_nonce.saturating_add(1));
    let domain = diem_bridge::Domain {
        base_chain_id: contract.map(|contract| contract.base_chain_id).unwrap_or_default(),
        bridge: place.bridge,
        salt: contract.map(|contract| contract.constructor.salt.0).unwrap_or_default(),
    };
    let digest = domain.digest(&pause_struct_hash(nonce));
    say(&format!(
        "{} signs pause {nonce} of the bridge {} on Base: with a third of the power nothing is minted there until the \
         validators end it; burning works",
        key.address().to_hex(),
        place.bridge.to_hex()
    ));
    let statement =
        Statement::Outbound(Outbound { kind: OutboundKind::Pause, nonce, digest, signature: key.sign(&digest) });
    wallet.send(make, Call::Bridge(Msg::Submit { statements: vec![statement] })).await
}

async fn send(common: &Common, pause: Option<u64>, yes: bool, account: &BaseAccount) -> Result<(), Failure> {
    let on = OnBase::open(common, account).await?;
    let nonce = pause.unwrap_or_else(|| on.bridge.pause_nonce.saturating_add(1));
    if let Some(done) = sent_before(&on, nonce).await? {
        return common.output.print(&SentOnBase::before(done), home::sent);
    }
    let set = on.contract.state().await.map_err(on_base)?.set_nonce;
    let signed = on.client.bridge_signatures(OutboundKind::Pause, nonce, Some(set)).await?;
    if !signed.power.is_enough {
        let power = signed.power;
        return Err(failed(anyhow!(
            "pause {nonce} is signed by {} of {} power of set {set}, which Base has: it takes a third, so let more \
             validators sign with `diemd bridge pause sign`. Nothing was sent",
            power.signed,
            power.total
        )));
    }
    let (members, list) = decoded(&signed, Threshold::AtLeastOneThird)?;
    let call = diem_base::Call::pause(&members, &list, nonce);
    on.contract.simulate(on.sender.address(), &call).await.map_err(on_base)?;
    say(&format!("{} pays the gas on Base", on.sender.address().to_hex()));
    confirm("Stop all minting on Base until the validators end it?", yes)?;
    let receipt = on.send(&call).await?;
    common.output.print(&SentOnBase::new(format!("minting on Base is paused, number {nonce}"), &receipt), home::sent)
}

/// What became of a pause that Base has already, most often from the relayer of a node; `None` if it has not.
async fn sent_before(on: &OnBase, nonce: u64) -> Result<Option<String>, Failure> {
    let pause = on.contract.pause_state().await.map_err(on_base)?;
    if pause.pause_nonce < nonce {
        return Ok(None);
    }
    let now = on.contract.base().latest().await.map_err(on_base)?.timestamp;
    if pause.paused_until > now {
        let end = pause_end(pause.paused_until);
        return Ok(Some(format!(
            "minting on Base is paused {end} already, number {}: nothing was sent",
            pause.pause_nonce
        )));
    }
    Err(failed(anyhow!(
        "pause {nonce} is over: Base has number {} by now, and minting is not paused. To pause it again, let validators \
         sign number {} with `diemd bridge pause sign --pause`, and name it here. Nothing was sent",
        pause.pause_nonce,
        pause.pause_nonce.saturating_add(1)
    )))
}

async fn guardian(common: &Common, yes: bool, account: &BaseAccount) -> Result<(), Failure> {
    let on = OnBase::open(common, account).await?;
    let (sender, guardian) = (on.sender.address(), on.bridge.base.guardian);
    if *sender != guardian {
        // The chain may be behind Base, so the contract has the last word.
        say(&format!("{} is the guardian as far as the chain knows, not {}", guardian.to_hex(), sender.to_hex()));
    }
    let call = diem_base::Call::pause_by_guardian();
    on.contract.simulate(sender, &call).await.map_err(on_base)?;
    confirm("Stop all minting on Base for 72 hours, which you can do again only a week later?", yes)?;
    let receipt = on.send(&call).await?;
    let done = "minting on Base is paused by the guardian for 72 hours".to_owned();
    common.output.print(&SentOnBase::new(done, &receipt), home::sent)
}

/// The content of the file of a bridge key, as a home has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    address: Address,
    secret: String,
}

/// Reads the bridge key of a validator.
fn bridge_key(path: &Path) -> Result<EthereumKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| usage(anyhow!("{}: {error}", path.display())))?;
    let text = Zeroizing::new(text);
    let key = serde_json::from_str(&text).ok().and_then(|KeyFile { address, secret }| {
        let (secret, mut bytes) = (Zeroizing::new(secret), Zeroizing::new([0; 32]));
        hex::decode_to_slice(secret.as_str(), bytes.as_mut_slice()).ok()?;
        EthereumKey::new(&bytes).filter(|key| key.address() == address)
    });
    key.ok_or_else(|| {
        usage(anyhow!("{} holds no key of the bridge, as `bridge_key.json` of a home is one", path.display()))
    })
}
