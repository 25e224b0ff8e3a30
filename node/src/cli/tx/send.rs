//! From an intent to a transaction in a block.

use std::time::Duration;

use anyhow::anyhow;
use diem_client::{
    Client, ClientError,
    api::{ErrorReply, Hash, State, Submitted, TxView},
    build::{BuildError, Draft, Intent, KeyKind},
};
use diem_core::{Address, Amount, tx::tx_hash};
use diem_types::{Call, Signed};

use super::{
    file::TxFile,
    make::{Make, Sending, Wallet},
    preview,
};
use crate::{
    cli::{
        Exit, Failure,
        common::{confirm, failed, usage},
        output::{Output, say},
        tables,
    },
    keys::KeyFile,
};

/// How to send and print.
pub(super) struct SendOptions<'a> {
    pub(super) sending: &'a Sending,
    pub(super) output: Output,
}

/// Completes, shows, signs and sends a transaction with one call.
pub(super) async fn make_and_send(wallet: &Wallet<'_>, make: &Make, call: Call) -> Result<(), Failure> {
    call.validate().map_err(usage)?;
    let Wallet { common, client, keys } = wallet;
    let key = keys.get(&make.from)?;
    let payer = make.fee_payer.as_ref().map(|text| payer(wallet, make, text)).transpose()?;
    let draft = draft(client, make, call, &key, payer.as_ref()).await?;
    if make.unsigned {
        return Output::Json.print(&TxFile::new(&draft.tx), |_| String::new());
    }
    if make.dry_run {
        let payer_kind = payer.as_ref().map(Payer::kind);
        return preview::preview(common.output, client, &draft, key.kind, payer_kind).await;
    }
    let fee = format!("{} VVV ({} gas)", draft.fee, draft.gas);
    say(&tables::draft(&TxView::new_unsigned(&draft.tx, 0), Some(fee), None));
    if !make.sending.yes {
        // Who is asked should know what the answer means.
        say(&preview::outlook(client, &draft, key.kind, payer.as_ref().map(Payer::kind)).await?);
    }
    confirm("Send it?", make.sending.yes)?;
    let mut file = TxFile::new(&draft.tx);
    file.sign(&make.passphrase.open(&make.from, &key, &draft.tx.chain_id)?.key())?;
    if let (Some(name), Some(payer)) = (&make.fee_payer, &payer) {
        let key = payer.key.as_ref().ok_or_else(|| {
            usage(anyhow!("`{name}` is no key here and cannot sign: use --unsigned, and `diemd tx sign` there"))
        })?;
        file.sign(&make.passphrase.open(name, key, &draft.tx.chain_id)?.key())?;
    }
    send(client, file.bytes()?, SendOptions { sending: &make.sending, output: common.output }).await
}

struct Payer {
    address: Address,
    key: Option<KeyFile>,
}

impl Payer {
    /// The size of a signature that is made elsewhere is that of the default kind; the larger one.
    fn kind(&self) -> KeyKind {
        self.key.as_ref().map_or(KeyKind::Ed25519, |key| key.kind)
    }
}

fn payer(wallet: &Wallet<'_>, make: &Make, text: &str) -> Result<Payer, Failure> {
    let address = wallet.who(text)?;
    if text == make.from {
        return Err(usage(anyhow!("the sender pays the fee anyway: leave --fee-payer out")));
    }
    Ok(Payer { address, key: wallet.keys.get(text).ok() })
}

async fn draft(
    client: &Client,
    make: &Make,
    call: Call,
    key: &KeyFile,
    payer: Option<&Payer>,
) -> Result<Draft, Failure> {
    let intent = Intent {
        fee_payer: payer.map(|payer| (payer.address, payer.kind())),
        memo: make.memo.clone(),
        nonce: make.nonce,
        expiry: make.expiry,
        gas_price: make.gas_price.map(Amount::new),
        max_fee: make.max_fee,
        ..Intent::new(key.address, key.kind, vec![call])
    };
    let draft = client.draft(intent).await.map_err(build_error)?;
    match make.genesis_hash {
        Some(Hash(trusted)) if trusted != draft.tx.genesis_hash => Err(usage(anyhow!(
            "the node's chain has the genesis hash {}, not the one that you trust: nothing was signed",
            Hash(draft.tx.genesis_hash)
        ))),
        _ => Ok(draft),
    }
}

fn build_error(error: BuildError) -> Failure {
    match error {
        BuildError::Client(error) => error.into(),
        BuildError::NoBlock => failed(error),
        other => usage(other),
    }
}

/// Sends signed bytes, prints what became of them, and fails with the exit code that tells how far they came.
pub(super) async fn send(client: &Client, bytes: Vec<u8>, options: SendOptions<'_>) -> Result<(), Failure> {
    let hash = Hash(tx_hash(&bytes));
    let Sending { wait, timeout, .. } = options.sending;
    if let Ok(signed) = Signed::decode(&bytes) {
        say(&format!("sending {hash}, nonce {}", signed.tx.nonce));
    }
    match client.submit(bytes, *wait, Duration::from_secs(*timeout)).await {
        Ok(answer) => report(&answer, options.output, client.url()),
        Err(ClientError::Refused { error, .. }) => {
            let failure = Failure { exit: Exit::Rejected, error: anyhow!("the transaction was refused: {error}") };
            if options.output == Output::Json {
                options.output.print(&ErrorReply { error }, |_| String::new())?;
            }
            Err(failure)
        }
        Err(error @ ClientError::Lost { .. }) => Err(unknown(&hash, client.url(), &error.to_string())),
        Err(other) => Err(other.into()),
    }
}

fn report(answer: &Submitted, output: Output, url: &str) -> Result<(), Failure> {
    output.print(answer, |answer| match &answer.tx {
        Some(tx) => tables::tx(tx),
        None => answer.hash.to_string(),
    })?;
    let hash = &answer.hash;
    let why = || answer.error.as_ref().map_or_else(|| "no reason given".into(), ToString::to_string);
    match answer.state {
        State::Committed => Ok(()),
        State::Accepted | State::Checked => {
            say(&format!("sent, not in a block yet: `diemd query tx {hash} --node {url}` finds it there"));
            Ok(())
        }
        State::Failed => {
            let error = anyhow!("the transaction is in a block and failed there, its fee is paid: {}", why());
            Err(Failure { exit: Exit::FailedInBlock, error })
        }
        State::Rejected => {
            Err(Failure { exit: Exit::Rejected, error: anyhow!("the transaction was refused: {}", why()) })
        }
        State::Unknown => Err(unknown(hash, url, "it was in no block when the time to wait was over")),
    }
}

fn unknown(hash: &Hash, url: &str, why: &str) -> Failure {
    let error = anyhow!(
        "nobody knows yet what became of {hash}: {why}. It may still come: look with `diemd query tx {hash} --node \
         {url}` before you send another"
    );
    Failure { exit: Exit::Unknown, error }
}
