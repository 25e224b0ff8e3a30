//! The making of the bridge: the authority prepares, anybody deploys, the authority activates.

use anyhow::anyhow;
use clap::{Parser, Subcommand};
use diem_api::{BaseAddress, Bridge, BridgeContract, Hash};
use diem_base::init_code;
use diem_bridge::{Constructor, Msg, bridge_address, token_address};
use diem_cli::{
    Failure,
    common::{Common, confirm},
    failure::usage,
    output::{plain, say},
    tx::{Make, Wallet},
    units,
};
use diem_core::{Amount, keccak256};
use diem_types::Call;
use serde::Serialize;

use crate::{
    base::{BASE, BaseAccount, on_base},
    tables,
};

const DAY: u64 = 86_400;

/// The verbs that make the bridge.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Fix what the contract is made with, as the authority
    #[command(after_help = "Example: diemd bridge prepare --guardian 0xBcd4042DE499D14e55001CcbB24a551F3b954096 \
                      --from validator-1\n`diemd bridge deploy` goes on.")]
    Prepare {
        /// Chain id of Base.
        #[arg(long, value_name = "NUMBER", default_value_t = BASE)]
        base_chain_id: u64,
        /// Days after which a validator set mints nothing [default: 5, on a development chain 30].
        #[arg(long, value_name = "DAYS")]
        max_set_age: Option<u64>,
        /// Amount that Base mints in a day.
        #[arg(long, value_name = "AMOUNT", value_parser = units::diem, default_value = "10000DIEM")]
        mint_capacity: Amount,
        /// Part of it that one mint may be.
        #[arg(long, value_name = "PERCENT", value_parser = units::percent, default_value = "10%")]
        share: u16,
        /// Account on Base that may pause, veto and lower limits: an address or an Ethereum key.
        #[arg(long, value_name = "WHO")]
        guardian: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Create the contract on Base from exactly what was prepared, as anybody; once it is there, nothing happens
    #[command(after_help = "Example: diemd bridge deploy --base-rpc http://127.0.0.1:8545 --key relayer --activate \
                      validator-1")]
    Deploy {
        /// Go on and name it to the chain, with this key of the authority.
        #[arg(long, value_name = "KEY")]
        activate: Option<String>,
        /// Do not ask before sending.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        account: Box<BaseAccount>,
    },
    /// Name the contract that was created, as the authority
    #[command(after_help = "Example: diemd bridge activate --deploy-block 43000000 --from validator-1\n\
                      `diemd bridge deploy` prints the block and the hash.")]
    Activate {
        /// Hash of the code that created it [default: that of this program's own contract with what was prepared].
        #[arg(long, value_name = "HASH")]
        init_code_hash: Option<Hash>,
        /// Block of Base that has it first.
        #[arg(long, value_name = "NUMBER")]
        deploy_block: u64,
        #[command(flatten)]
        make: Box<Make>,
    },
}

impl Verb {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Prepare { base_chain_id, max_set_age, mint_capacity, share, guardian, make } => {
                let wallet = Wallet::open(common).await?;
                let days = max_set_age.unwrap_or_else(|| usual_age(&wallet.chain.chain_id));
                let msg = Msg::Prepare {
                    chain_id: base_chain_id,
                    max_set_age: days.saturating_mul(DAY),
                    mint_capacity,
                    share_bps: share,
                    guardian: wallet.who(&guardian)?,
                };
                wallet.send(&make, Call::Bridge(msg)).await
            }
            Self::Deploy { activate, yes, account } => {
                let made = deploy(common, &account, yes).await?;
                match activate {
                    Some(authority) => name(common, &made, &authority, &account, yes).await,
                    None => common.output.print(&made, tables::deployed),
                }
            }
            Self::Activate { init_code_hash, deploy_block, make } => {
                let wallet = Wallet::open(common).await?;
                let own = own_hash(prepared(&wallet.client.bridge().await?.answer)?);
                let hash = init_code_hash.unwrap_or(own);
                if hash != own {
                    say(&format!(
                        "this program's own contract with what the chain has prepared has the init code hash {own}: \
                         validators of this version sign nothing for another one"
                    ));
                }
                wallet.tell("init code hash", hash.to_string());
                let msg = Msg::Activate { init_code_hash: hash.0, deploy_block };
                wallet.send(&make, Call::Bridge(msg)).await
            }
        }
    }
}

/// The usual age of a set in days; a laptop sleeps.
fn usual_age(chain_id: &str) -> u64 {
    if diem_core::development::is_development(chain_id) { 30 } else { 5 }
}

/// The contract as it lies on Base.
#[derive(Debug, Serialize)]
pub(crate) struct DeployedContract {
    /// The address of the bridge.
    pub(crate) bridge: BaseAddress,
    /// The address of the token.
    pub(crate) token: BaseAddress,
    /// The hash of the code that created it.
    pub(crate) init_code_hash: Hash,
    /// The block that has it first; `null` if it was there already.
    pub(crate) deploy_block: Option<u64>,
    /// The transaction that created it; `null` if it was there already.
    pub(crate) transaction: Option<Hash>,
}

async fn deploy(common: &Common, account: &BaseAccount, yes: bool) -> Result<DeployedContract, Failure> {
    let client = common.client()?;
    let (bridge, chain_id) = (client.bridge().await?, client.status().await?.chain_id);
    let contract = prepared(&bridge)?;
    let arguments = Constructor::from(&contract.constructor);
    let sender = account.sender(common, &chain_id, contract.base_chain_id).await?;
    let (code, hash) = (init_code(&arguments), own_hash(contract));
    let place = bridge_address(&arguments.salt, &hash.0);
    say(&format!(
        "{} pays the gas on chain {} of Base for the bridge at {}, made with what {} says was prepared",
        sender.address().to_hex(),
        contract.base_chain_id,
        place.to_hex(),
        plain(client.url())
    ));
    confirm("Create it?", yes)?;
    let made = sender.deploy(&code, &arguments.salt).await.map_err(on_base)?;
    Ok(DeployedContract {
        bridge: BaseAddress(made.address),
        token: BaseAddress(token_address(&made.address)),
        init_code_hash: hash,
        deploy_block: made.receipt.as_ref().map(|receipt| receipt.block),
        transaction: made.receipt.as_ref().map(|receipt| Hash(receipt.hash)),
    })
}

/// The options of a transaction by themselves, with their defaults.
#[derive(Parser)]
struct MakeAlone {
    #[command(flatten)]
    make: Make,
}

/// Names the contract to the chain, by the transaction of `activate`.
async fn name(
    common: &Common,
    made: &DeployedContract,
    authority: &str,
    account: &BaseAccount,
    yes: bool,
) -> Result<(), Failure> {
    let there = || {
        usage(anyhow!(
            "the bridge was there already, and this command does not know since which block: an explorer of Base shows \
             it; go on with `diemd bridge activate --deploy-block NUMBER`"
        ))
    };
    let deploy_block = made.deploy_block.ok_or_else(there)?;
    say(&format!("the bridge lies at {} since block {deploy_block} of Base", made.bridge.0.to_hex()));
    let file = account.passphrase_file().map(|file| format!("--passphrase-file={}", file.display()));
    let words = ["activate".to_owned(), format!("--from={authority}")].into_iter().chain(file);
    let words = words.chain(yes.then(|| "--yes".to_owned()));
    let MakeAlone { make } = MakeAlone::try_parse_from(words).map_err(usage)?;
    let msg = Msg::Activate { init_code_hash: made.init_code_hash.0, deploy_block };
    Wallet::open(common).await?.send(&make, Call::Bridge(msg)).await
}

fn prepared(bridge: &Bridge) -> Result<&BridgeContract, Failure> {
    let missing = || usage(anyhow!("nothing is prepared: {}", bridge.next_step.as_deref().unwrap_or_default()));
    bridge.contract.as_ref().ok_or_else(missing)
}

/// The hash of the code that creates this program's own contract with what was prepared.
fn own_hash(contract: &BridgeContract) -> Hash {
    Hash(keccak256(&init_code(&Constructor::from(&contract.constructor))))
}
