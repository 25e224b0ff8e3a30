//! An endpoint of Base, and the account that pays gas there.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use diem_api::{At, Bridge, Hash};
use diem_base::{Base, BaseError, Call, Receipt, Sender};
use diem_cli::{
    Failure,
    common::{Common, PassphraseSource},
    failure::{failed, usage},
};
use diem_client::Client;
use diem_core::keys::{EthereumKey, SecretKey};
use serde::Serialize;
use zeroize::Zeroizing;

/// An endpoint of Base, where one is known.
#[derive(Debug, Clone, Args)]
pub(crate) struct BaseSource {
    /// URL of an endpoint of Base, which is believed without proof [default: Base is not asked].
    #[arg(long, env = "DIEM_BASE_RPC", value_name = "URL")]
    base_rpc: Option<String>,
}

impl BaseSource {
    /// Whether an endpoint was named.
    pub(crate) const fn is_named(&self) -> bool {
        self.base_rpc.is_some()
    }

    /// The bridge's contract, if there is one and an endpoint was named.
    pub(crate) async fn bridge(&self, bridge: &Bridge) -> Result<Option<diem_base::Bridge>, Failure> {
        match &self.base_rpc {
            Some(url) if deployed(bridge).is_ok() => contract(url, bridge).await.map(Some),
            _ => Ok(None),
        }
    }
}

/// An account on Base that sends.
#[derive(Debug, Args)]
#[command(next_help_heading = "On Base")]
pub(crate) struct BaseAccount {
    /// URL of an endpoint of Base.
    #[arg(long, env = "DIEM_BASE_RPC", value_name = "URL")]
    base_rpc: String,
    /// Ethereum key of this wallet that pays the gas on Base.
    #[arg(long, visible_alias = "from", value_name = "KEY", required_unless_present = "key_file")]
    key: Option<String>,
    /// File with the secret of an Ethereum key that pays, as 64 hex digits, instead.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl BaseAccount {
    /// The account, at an endpoint of that chain. `chain_id` is that of this chain: it says which keys count.
    pub(crate) async fn sender(&self, common: &Common, chain_id: &str, base_chain_id: u64) -> Result<Sender, Failure> {
        let base = Base::connect(&self.base_rpc, base_chain_id).await.map_err(on_base)?;
        Ok(Sender::new(base, self.open(common, chain_id)?))
    }

    /// The file with the passphrase, which one command takes for both of its keys.
    pub(crate) const fn passphrase_file(&self) -> Option<&PathBuf> {
        self.passphrase.passphrase_file.as_ref()
    }

    fn open(&self, common: &Common, chain_id: &str) -> Result<EthereumKey, Failure> {
        let secret = match (&self.key, &self.key_file) {
            (Some(name), _) => self.passphrase.open(name, &common.keys().get(name)?, chain_id)?.key(),
            (None, Some(path)) => return read(path),
            (None, None) => return Err(usage(anyhow!("name the account on Base that pays: --key or --key-file"))),
        };
        match secret {
            SecretKey::Ethereum(key) => Ok(key),
            SecretKey::Ed25519(_) => Err(usage(anyhow!(
                "this is an ed25519 key, which no account of Base has: `diemd keys add NAME --kind ethereum` makes \
                 another kind"
            ))),
        }
    }
}

/// The bridge's contract, and an account that sends to it.
pub(crate) struct OnBase {
    /// A client of the node.
    pub(crate) client: Client,
    /// The chain id of this chain.
    pub(crate) chain_id: String,
    /// The bridge as the node shows it.
    pub(crate) bridge: At<Bridge>,
    /// The contract at the account's endpoint.
    pub(crate) contract: diem_base::Bridge,
    /// The account that pays.
    pub(crate) sender: Sender,
}

impl OnBase {
    /// Asks the node where the contract lies, and opens the account at its endpoint.
    pub(crate) async fn open(common: &Common, account: &BaseAccount) -> Result<Self, Failure> {
        let client = common.client()?;
        let bridge = client.bridge().await?;
        let place = deployed(&bridge)?.bridge;
        let base_chain_id = bridge.contract.as_ref().map(|contract| contract.base_chain_id).unwrap_or_default();
        let chain_id = client.status().await?.chain_id;
        let sender = account.sender(common, &chain_id, base_chain_id).await?;
        let contract = diem_base::Bridge::new(sender.base().clone(), place);
        Ok(Self { client, chain_id, bridge, contract, sender })
    }

    /// The chain id of the network on which the contract lies.
    pub(crate) fn base_chain_id(&self) -> u64 {
        self.bridge.contract.as_ref().map(|contract| contract.base_chain_id).unwrap_or_default()
    }

    /// Sends a call and waits until it is in a block of Base.
    pub(crate) async fn send(&self, call: &Call) -> Result<Receipt, Failure> {
        self.sender.send(&self.contract, call).await.map_err(on_base)
    }
}

/// A transaction on Base that did one thing.
#[derive(Debug, Serialize)]
pub(crate) struct SentOnBase {
    /// The thing that it did, in words.
    pub(crate) done: String,
    /// The hash of the transaction; `None` if somebody else had done it before.
    pub(crate) transaction: Option<Hash>,
    /// The number of the block of Base that holds it.
    pub(crate) block: Option<u64>,
}

impl SentOnBase {
    pub(crate) const fn new(done: String, receipt: &Receipt) -> Self {
        Self { done, transaction: Some(Hash(receipt.hash)), block: Some(receipt.block) }
    }

    /// Nothing was sent, because somebody else had done it before.
    pub(crate) const fn before(done: String) -> Self {
        Self { done, transaction: None, block: None }
    }
}

/// Reads the secret of an Ethereum key from a file.
fn read(path: &std::path::Path) -> Result<EthereumKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| usage(anyhow!("{}: {error}", path.display())))?;
    let text = Zeroizing::new(text);
    let digits = text.lines().next().unwrap_or_default().trim();
    let mut secret = Zeroizing::new([0; 32]);
    let decoded = hex::decode_to_slice(digits.strip_prefix("0x").unwrap_or(digits), secret.as_mut_slice());
    let key = decoded.ok().and_then(|()| EthereumKey::new(&secret));
    key.ok_or_else(|| usage(anyhow!("{} holds no secret of an Ethereum key: write 64 hex digits", path.display())))
}

/// The chain id of Base itself.
pub(crate) const BASE: u64 = 8_453;

/// Whether this is the chain id of Base, or of its test network, whose blocks are final a quarter of an hour after they
/// were made. Any other is that of a local chain, where that takes seconds.
pub(crate) const fn is_base(chain_id: u64) -> bool {
    const BASE_SEPOLIA: u64 = 84_532;
    matches!(chain_id, BASE | BASE_SEPOLIA)
}

/// The place of the contract.
pub(crate) fn deployed(bridge: &Bridge) -> Result<&diem_api::BridgeDeployed, Failure> {
    let found = bridge.contract.as_ref().and_then(|contract| contract.deployed.as_ref());
    found.ok_or_else(|| {
        let step = bridge.next_step.as_deref().unwrap_or("its contract is not known");
        usage(anyhow!("there is no bridge on Base yet: {step}"))
    })
}

/// The bridge's contract at this endpoint.
pub(crate) async fn contract(url: &str, bridge: &Bridge) -> Result<diem_base::Bridge, Failure> {
    let place = deployed(bridge)?.bridge;
    let chain_id = bridge.contract.as_ref().map(|contract| contract.base_chain_id).unwrap_or_default();
    let base = Base::connect(url, chain_id).await.map_err(on_base)?;
    Ok(diem_base::Bridge::new(base, place))
}

/// The failure of something on Base.
pub(crate) fn on_base(error: BaseError) -> Failure {
    failed(error)
}
