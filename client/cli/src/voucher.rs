//! `diemd voucher`: what an account signs for a provider, off chain.

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_api::{Hash, read_json};
use diem_core::{Address, Amount, ModuleError as _, Statement as _};
use diem_credits::{Error, SignedVoucher, Voucher};
use serde::Serialize;

use super::{
    Exit, Failure, ask, brief,
    common::{Common, PassphraseSource, block_on, confirm},
    events,
    failure::{failed, usage},
    known::{Known, say_unproven},
    names::Names,
    output::{Output, fields, say},
    receivers, units,
};

/// Sign and check vouchers, which an account signs for a provider off chain.
#[derive(Debug, Args)]
pub struct VoucherCommand {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Sign a voucher for so much credit in all since the day began
    #[command(after_help = "Example: diemd voucher sign 2.5 --provider carol --from bob --out voucher.json\n\
                      The provider hands it in: diemd tx settle voucher.json --from carol")]
    Sign(Box<Sign>),
    /// Show a voucher and check its signature, without asking a node
    #[command(after_help = "Example: diemd voucher show voucher.json")]
    Show {
        /// File with vouchers, or `-` for stdin.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Sign {
    /// Credit in all since the day began, from this signer to this provider: 2.5.
    #[arg(value_parser = units::credit, value_name = "CREDIT")]
    amount: Amount,
    /// Provider that is paid: an address or the name of a key.
    #[arg(long, value_name = "WHO")]
    provider: String,
    /// Key that signs: the account's own or a session key.
    #[arg(long, value_name = "KEY")]
    from: String,
    /// Account whose credit pays [default: that of the key that signs].
    #[arg(long, value_name = "WHO")]
    account: Option<String>,
    /// Day of the voucher [default: the open one].
    #[arg(long)]
    day: Option<u64>,
    /// Number of requests in all since the day began.
    #[arg(long, default_value_t = 1)]
    requests: u64,
    /// Price sheet that was charged by [default: the provider's of today].
    #[arg(long, value_name = "HASH")]
    price_sheet: Option<Hash>,
    /// Root of the usage records that both sides keep [default: zeros, no such record].
    #[arg(long, value_name = "HASH")]
    usage_root: Option<Hash>,
    /// File to write it to [default: stdout].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Do not ask before signing.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// A voucher and whether its signature holds.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    signed: SignedVoucher,
    signature: String,
}

impl VoucherCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Sign(sign) => {
                let signed = block_on(sign.sign(&self.common))?;
                let Some(path) = &sign.out else { return Output::Json.print(&signed, |_| String::new()) };
                let text = serde_json::to_string_pretty(&signed).map_err(failed)?;
                std::fs::write(path, text + "\n").map_err(|e| failed(anyhow!("{}: {e}", path.display())))?;
                let names = Names::of(&self.common.keys(), &signed.voucher.chain_id);
                self.common.output.print(&signed, |signed| done(&signed.voucher, &names, path))
            }
            Verb::Show { file } => show(&self.common, &file),
        }
    }
}

impl Sign {
    async fn sign(&self, common: &Common) -> Result<SignedVoucher, Failure> {
        let Known { client, chain } = Known::ask(common).await?;
        let keys = common.keys();
        let who = |text: &str| keys.resolve(text, &chain.chain_id).map_err(|error| usage(anyhow!(error)));
        let (key, signer) = (keys.get(&self.from)?, who(&self.from)?);
        let (provider, account) = (who(&self.provider)?, self.account.as_deref().map(who).transpose()?);
        receivers::check_address(&provider, &chain.chain_id)?;
        // The node's word is signed, and nothing bounds it: it is shown by itself before the passphrase is asked for.
        let mut told = Vec::new();
        let day = match self.day {
            Some(day) => day,
            None => {
                let day = ask::open_day(&client).await?;
                told.push(("day", day.to_string()));
                day
            }
        };
        let price_sheet = match self.price_sheet {
            Some(Hash(hash)) => hash,
            None => {
                let hash = ask::price_sheet(&client, &provider).await?;
                told.push(("price sheet", Hash(hash).to_string()));
                hash
            }
        };
        say_unproven(client.url(), told);
        let voucher = Voucher {
            genesis_hash: chain.genesis_hash.0,
            account: account.unwrap_or(signer),
            signer,
            provider,
            day,
            amount: self.amount,
            requests: self.requests,
            price_sheet,
            usage_root: self.usage_root.map_or([0; 32], |Hash(root)| root),
            chain_id: chain.chain_id,
        };
        if !self.yes {
            say(&table(&voucher, &Names::of(&keys, &voucher.chain_id), None));
        }
        confirm("Sign it?", self.yes)?;
        let secret = self.passphrase.open(&self.from, &key, &voucher.chain_id)?;
        Ok(voucher.sign(&secret.key()))
    }
}

fn show(common: &Common, path: &Path) -> Result<(), Failure> {
    let mut bad = false;
    let shown: Vec<Shown> = read(path)?
        .into_iter()
        .map(|signed| {
            let signature =
                signed.verify().map_or_else(|error| format!("bad for this voucher: {error}"), |()| "good".into());
            bad |= signature != "good";
            Shown { signed, signature }
        })
        .collect();
    let keys = common.keys();
    let one =
        |one: &Shown| table(&one.signed.voucher, &Names::of(&keys, &one.signed.voucher.chain_id), Some(&one.signature));
    common.output.print(&shown, |shown| shown.iter().map(one).collect::<Vec<_>>().join("\n\n"))?;
    if bad {
        Err(Failure { exit: Exit::Failed, error: anyhow!("a signature is bad: no chain pays for it") })
    } else {
        Ok(())
    }
}

/// What was done, in one line.
fn done(voucher: &Voucher, names: &Names, path: &Path) -> String {
    let [signer, provider] = [voucher.signer, voucher.provider].map(|address| names.who(&address));
    let amount = units::show_credit(voucher.amount);
    let words = format!("{signer} signed for {provider}: {amount} in all on day {}", voucher.day);
    format!("{}, written to {}", brief::sentence(&words), path.display())
}

fn table(voucher: &Voucher, names: &Names, signature: Option<&str>) -> String {
    let signer = if voucher.signer == voucher.account { "the account".into() } else { names.who(&voucher.signer) };
    let mut lines = vec![
        ("chain", voucher.chain_id.clone()),
        ("genesis", Hash(voucher.genesis_hash).to_string()),
        ("day", voucher.day.to_string()),
        ("account", names.who(&voucher.account)),
        ("signed by", signer),
        ("provider", names.who(&voucher.provider)),
        ("amount", format!("{} for {} requests in all", units::show_credit(voucher.amount), voucher.requests)),
        ("price sheet", Hash(voucher.price_sheet).to_string()),
    ];
    lines.extend(signature.map(|signature| ("signature", signature.to_owned())));
    fields(lines)
}

/// The vouchers of a file: one, or a list of them.
fn read(path: &Path) -> Result<Vec<SignedVoucher>, Failure> {
    let unreadable = |error: std::io::Error| usage(anyhow!("{}: {error}", path.display()));
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        text
    } else {
        std::fs::read_to_string(path).map_err(unreadable)?
    };
    let in_file = |error: String| usage(anyhow!("{}: this is no voucher: {error}", path.display()));
    if text.trim_start().starts_with('[') {
        read_json(text.as_bytes()).map_err(in_file)
    } else {
        read_json(text.as_bytes()).map(|voucher| vec![voucher]).map_err(in_file)
    }
}

/// The vouchers of many files, in their order.
pub(super) fn read_all(paths: &[PathBuf]) -> Result<Vec<SignedVoucher>, Failure> {
    let mut vouchers = Vec::new();
    for path in paths {
        vouchers.extend(read(path)?);
    }
    Ok(vouchers)
}

/// Which of `vouchers` will bring `provider` nothing, as far as they tell by themselves, and why: a line each. Whether
/// credit was allocated and how much of it was paid only the chain knows.
pub(super) fn doubts(
    vouchers: &[SignedVoucher],
    chain_id: &str,
    genesis_hash: &[u8; 32],
    provider: &Address,
) -> Vec<String> {
    let refusal = |signed: &SignedVoucher| {
        let voucher = &signed.voucher;
        if voucher.chain_id != chain_id || voucher.genesis_hash != *genesis_hash {
            Some(Error::VoucherChain)
        } else if voucher.provider != *provider {
            Some(Error::VoucherProvider)
        } else {
            signed.verify().err().map(|_| Error::VoucherSignature)
        }
    };
    // Amounts count from the begin of the day: one that is no more than an earlier one is paid already.
    let mut highest: BTreeMap<(Address, Address, u64), (usize, Amount)> = BTreeMap::new();
    let mut doubts = Vec::new();
    for (number, signed) in (1_usize..).zip(vouchers) {
        let Voucher { account, signer, day, amount, .. } = signed.voucher;
        let before = highest.get(&(account, signer, day)).copied();
        let why = match (refusal(signed), before) {
            (Some(error), _) => events::why(error.code()),
            (None, Some((earlier, covered))) if amount <= covered => {
                format!("voucher {earlier} of the same signer and day is for {} already", units::show_credit(covered))
            }
            (None, _) => {
                highest.insert((account, signer, day), (number, amount));
                continue;
            }
        };
        doubts.push(format!("voucher {number} of {account}, day {day}, will bring nothing: {why}"));
    }
    doubts
}
