//! The chain that a wallet signs for: the one that it knows by that name, whatever a node shows.

use anyhow::anyhow;
use diem_api::Hash;
use diem_client::{Client, GasTable, KnownChain, Unsettled, build::BuildError};

use super::{
    Failure,
    common::Common,
    failure::{failed, usage},
    output::{fields, plain, say},
};
use crate::chains::Chains;

/// A client that signs for this chain only, with what the wallet knows of the chain.
pub(super) struct Known {
    pub(super) client: Client,
    pub(super) chain: KnownChain,
}

impl Known {
    /// Asks the node for its chain, and compares it with what the wallet knows by this name. A chain that the wallet
    /// sees for the first time is remembered, and that is reported.
    pub(super) async fn ask(common: &Common) -> Result<Self, Failure> {
        let client = common.client()?;
        let seen = client.chain().await.map_err(build_error)?;
        let chain = match common.chains().get(&seen.chain_id)? {
            Some(known) => {
                check(&known, &seen.chain_id, &seen.genesis_hash, &format!("the node at {}", client.url()))?;
                let with_its_gas = KnownChain { gas: seen.gas, ..known.clone() };
                if with_its_gas != known {
                    // The gas table is that of the genesis, or this program's own: no node can choose it.
                    remember(&common.chains(), &with_its_gas);
                }
                with_its_gas
            }
            None => {
                first_seen(&common.chains(), &seen, client.url());
                seen
            }
        };
        Ok(Self { client: client.knowing(chain.clone()), chain })
    }
}

/// Refuses a genesis other than the one that is known by this name; `who` shows it.
pub(super) fn check(known: &KnownChain, chain_id: &str, genesis_hash: &Hash, who: &str) -> Result<(), Failure> {
    if known.genesis_hash == *genesis_hash {
        return Ok(());
    }
    Err(usage(anyhow!(
        "{who} names the chain `{chain_id}` with genesis hash {genesis_hash}, but this wallet knows `{chain_id}` by \
         {}: it is another chain under the same name, and nothing was signed. If that chain was started anew, `diemd keys \
         forget-chain {chain_id}` makes the wallet see it as for the first time",
        known.genesis_hash
    )))
}

fn first_seen(chains: &Chains, seen: &KnownChain, url: &str) {
    let GasTable { per_tx, per_byte, per_signature } = seen.gas;
    let lines = fields([
        ("chain", seen.chain_id.clone()),
        ("genesis hash", seen.genesis_hash.to_string()),
        ("least gas price", format!("{} avvv", seen.min_gas_price.get())),
        ("gas", format!("{per_tx} a transaction, {per_byte} a byte, {per_signature} a signature, and its calls")),
        ("told by", url.to_owned()),
    ]);
    say(&format!(
        "This wallet sees a chain for the first time. Compare its genesis hash with a source that you trust:\n{lines}\n"
    ));
    remember(chains, seen);
}

fn remember(chains: &Chains, seen: &KnownChain) {
    // Where it cannot be remembered, the command goes on as it would on a new machine.
    if let Err(error) = chains.put(seen) {
        say(&format!("it cannot be remembered: {}", plain(&error.to_string())));
    }
}

/// Reports the values that are signed because the node at `url` says so, and that nobody has proven.
pub(super) fn say_unproven(url: &str, told: Vec<(&'static str, String)>) {
    if !told.is_empty() {
        say(&format!("On the word of {url}, which nobody has proven:\n{}\n", fields(told)));
    }
}

/// The failure of a draft, or of the questions for it.
pub(super) fn build_error(error: BuildError) -> Failure {
    match error {
        BuildError::Unsettled { url, open, next } => usage(anyhow!(unsettled(&url, &open, next))),
        BuildError::Client(error) => error.into(),
        BuildError::NoBlock => failed(error),
        other => usage(other),
    }
}

/// The error text about a signature that may still count, with the commands that can be typed.
fn unsettled(url: &str, open: &Unsettled, next: u64) -> String {
    let (name, Unsettled { hash, nonce, expiry }) = (open.name(), open);
    let look = hash.map(|hash| format!("`diemd query tx {hash}` says whether it is in a block. ")).unwrap_or_default();
    let (same, another) = (format!("--nonce {nonce}"), format!("--nonce {next}"));
    let choices = fields([
        (same.as_str(), "signs instead of it: only one of both can be in a block".to_owned()),
        (another.as_str(), "signs beside it: both can be in blocks, and the sender pays for both".to_owned()),
    ]);
    format!(
        "transaction {name} of this sender with nonce {nonce} may still count, until height {expiry}: nothing proves \
         that it cannot. {url} names {next} as the next nonce, and with both the sender could pay twice. Nothing was \
         signed. {look}Run the command again with\n{choices}"
    )
}
