//! The parameters of the bridge, and their change by the authority.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_bridge::{Msg, Params};
use diem_cli::{
    Failure,
    common::Common,
    failure::{failed, usage},
    tx::{Make, Wallet},
    units,
};
use diem_types::Call;
use serde_json::Value;

use crate::tables;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ParamsCommand {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Change the parameters that are named, as the authority
    #[command(after_help = "Example: diemd bridge params set seal_wait_ms=5000 min_fee=0.0002DIEM --from validator-1")]
    Set {
        /// Changes, each written NAME=VALUE; silence_jail_bps takes `none` as well.
        #[arg(required = true, value_name = "NAME=VALUE")]
        changes: Vec<String>,
        #[command(flatten)]
        make: Box<Make>,
    },
}

impl ParamsCommand {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let Some(Verb::Set { changes, make }) = self.verb else {
            let bridge = common.client()?.bridge().await?;
            return common.output.print(&bridge.params, tables::params);
        };
        let wallet = Wallet::open(common).await?;
        let params = changed(&wallet, wallet.client.bridge().await?.params, &changes)?;
        params.validate().map_err(usage)?;
        wallet.tell("parameters that are not named", "as they are shown here".into());
        wallet.send(&make, Call::Bridge(Msg::SetParams { params })).await
    }
}

/// The parameters with these changes.
fn changed(wallet: &Wallet<'_>, params: Params, changes: &[String]) -> Result<Params, Failure> {
    let mut fields = serde_json::to_value(params).map_err(failed)?;
    for change in changes {
        let form = || usage(anyhow!("`{change}` is no change: write NAME=VALUE, such as seal_wait_ms=5000"));
        let (name, text) = change.split_once('=').ok_or_else(form)?;
        let unknown = || usage(anyhow!("there is no parameter `{name}`: `diemd bridge params` lists them"));
        let field = fields.get_mut(name).ok_or_else(unknown)?;
        *field = value(wallet, name, text)?;
    }
    serde_json::from_value(fields).map_err(|error| usage(anyhow!("the parameters are wrong: {error}")))
}

/// The parameters that are amounts of DIEM; all others but the authority are numbers.
const AMOUNTS: [&str; 4] = ["min_out", "min_fee", "out_capacity", "credit_capacity"];

/// The value of a parameter as its name wants it.
fn value(wallet: &Wallet<'_>, name: &str, text: &str) -> Result<Value, Failure> {
    let wrong = |why: String| usage(anyhow!("{name}: {why}"));
    if name == "authority" {
        return serde_json::to_value(wallet.who(text)?).map_err(failed);
    }
    if name == "silence_jail_bps" && text == "none" {
        return Ok(Value::Null);
    }
    // An amount and a number of milliseconds look alike in JSON.
    if AMOUNTS.contains(&name) {
        return serde_json::to_value(units::diem(text).map_err(wrong)?).map_err(failed);
    }
    let number: u64 = text.parse().map_err(|_| wrong(format!("`{text}` is no whole number")))?;
    Ok(number.into())
}
