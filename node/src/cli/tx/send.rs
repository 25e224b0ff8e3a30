//! From an intent to a transaction in a block.

use std::time::Duration;

use anyhow::anyhow;
use diem_client::{
    Client, ClientError,
    api::{ErrorReply, Hash, State, Submitted, TxView},
    build::{BuildError, Draft, Intent, KeyKind},
};
use diem_core::{Address, Amount, ModuleError as _, tx::tx_hash};
use diem_types::{Call, ChainError, Signed, Tx};

use super::{
    file::TxFile,
    make::{Make, Sending, Wallet},
    preview,
};
use crate::{
    cli::{
        Exit, Failure,
        common::confirm,
        failure::{failed, usage},
        names::Names,
        output::{Output, say},
        tables,
    },
    keys::{KeyFile, Secret},
};

/// How often a transaction for a node on this machine is signed at most.
const NONCE_ATTEMPTS: u32 = 8;

/// How to send and print.
pub(super) struct SendOptions<'a> {
    pub(super) sending: &'a Sending,
    pub(super) output: Output,
    pub(super) names: &'a Names,
}

impl Wallet<'_> {
    /// Completes, shows, signs and sends a transaction with this call.
    pub(super) async fn send(&self, make: &Make, call: Call) -> Result<(), Failure> {
        call.validate().map_err(usage)?;
        let Wallet { common, client, keys } = self;
        let names = self.names();
        let key = keys.get(&make.from)?;
        let payer = make.fee_payer.as_ref().map(|text| payer(self, make, text)).transpose()?;
        let draft = draft(client, make, call, &key, payer.as_ref()).await?;
        if make.unsigned {
            return Output::Json.print(&TxFile::new(&draft.tx), |_| String::new());
        }
        if make.dry_run {
            let payer_kind = payer.as_ref().map(Payer::kind);
            return preview::preview(common.output, client, &draft, &names, key.kind, payer_kind).await;
        }
        let fee = format!("{} VVV ({} gas)", draft.fee, draft.gas);
        say(&tables::draft(&TxView::new_unsigned(&draft.tx, 0), &names, Some(fee), None));
        if !make.sending.yes {
            // Who is asked should know what the answer means.
            say(&preview::outlook(client, &draft, &names, key.kind, payer.as_ref().map(Payer::kind)).await?);
        }
        confirm("Send it?", make.sending.yes)?;
        let signers = Signers::open(make, &draft.tx.chain_id, &key, payer.as_ref())?;
        let options = SendOptions { sending: &make.sending, output: common.output, names: &names };
        sign_and_send(client, draft.tx, &signers, make.nonce.is_none(), options).await
    }
}

/// The secrets that sign, open for as long as the command runs.
struct Signers {
    sender: Secret,
    payer: Option<Secret>,
}

impl Signers {
    fn open(make: &Make, chain_id: &str, key: &KeyFile, payer: Option<&Payer>) -> Result<Self, Failure> {
        let sender = make.passphrase.open(&make.from, key, chain_id)?;
        let payer = match (&make.fee_payer, payer) {
            (Some(name), Some(payer)) => {
                let key = payer.key.as_ref().ok_or_else(|| {
                    usage(anyhow!("`{name}` is no key here and cannot sign: use --unsigned, and `diemd tx sign` there"))
                })?;
                Some(make.passphrase.open(name, key, chain_id)?)
            }
            _ => None,
        };
        Ok(Self { sender, payer })
    }

    fn sign(&self, tx: &Tx) -> Result<Vec<u8>, Failure> {
        let mut file = TxFile::new(tx);
        file.sign(&self.sender.key())?;
        if let Some(payer) = &self.payer {
            file.sign(&payer.key())?;
        }
        file.bytes()
    }
}

/// Signs and sends. Commands of one sender that run at the same time find the same nonce free, and the pool refuses all
/// but the first: those are signed anew with the next nonce, if the sender did not choose one.
///
/// That nothing of the first signature waits anywhere is the node's word alone. A node that lies would collect several
/// payments with one confirmation, all of them valid; so only one on this machine is believed.
async fn sign_and_send(
    client: &Client,
    mut tx: Tx,
    signers: &Signers,
    may_renumber: bool,
    options: SendOptions<'_>,
) -> Result<(), Failure> {
    for _ in 1..NONCE_ATTEMPTS {
        let bytes = signers.sign(&tx)?;
        let hash = Hash(tx_hash(&bytes));
        let answer = submit(client, bytes, options.sending).await;
        if !may_renumber || !is_taken(&answer) {
            return conclude(client, &hash, answer, &options);
        }
        if !client.is_on_loopback() {
            return conclude(client, &hash, answer, &options).map_err(|failure| taken(failure, tx.nonce));
        }
        let next = client.account(&tx.sender, None, false).await?.nonce_to_send();
        if next <= tx.nonce {
            return conclude(client, &hash, answer, &options);
        }
        say(&format!("nonce {} was taken meanwhile", tx.nonce));
        tx.nonce = next;
    }
    send(client, signers.sign(&tx)?, options).await
}

/// Whether another transaction of the sender has the nonce.
fn is_taken(answer: &Result<Submitted, ClientError>) -> bool {
    let refusal = answer.as_ref().err().and_then(ClientError::refusal);
    refusal.is_some_and(|error| {
        error.codespace == ChainError::CODESPACE && matches!(error.name.as_str(), "nonce_taken" | "nonce_too_low")
    })
}

/// What to do about it, where the node's word is not enough to sign again.
fn taken(failure: Failure, nonce: u64) -> Failure {
    let Failure { exit, error } = failure;
    let error = anyhow!(
        "{error}. The node says that another transaction of this sender took nonce {nonce}: if one of yours did, run the \
         command again; if you know of none, choose --nonce {nonce}, with which only one can ever be in a block"
    );
    Failure { exit, error }
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
    let answer = submit(client, bytes, options.sending).await;
    conclude(client, &hash, answer, &options)
}

async fn submit(client: &Client, bytes: Vec<u8>, sending: &Sending) -> Result<Submitted, ClientError> {
    if let Ok(signed) = Signed::decode(&bytes) {
        say(&format!("sending {}, nonce {}", Hash(tx_hash(&bytes)), signed.tx.nonce));
    }
    client.submit(bytes, sending.wait, Duration::from_secs(sending.timeout)).await
}

fn conclude(
    client: &Client,
    hash: &Hash,
    answer: Result<Submitted, ClientError>,
    options: &SendOptions<'_>,
) -> Result<(), Failure> {
    match answer {
        Ok(answer) => report(&answer, options, client.url()),
        Err(ClientError::Refused { error, .. }) => {
            let why = options.names.text(&error.to_string());
            let failure = Failure { exit: Exit::Rejected, error: anyhow!("the transaction was refused: {why}") };
            if options.output == Output::Json {
                options.output.print(&ErrorReply { error }, |_| String::new())?;
            }
            Err(failure)
        }
        Err(error @ ClientError::Lost { .. }) => Err(unknown(hash, client.url(), &error.to_string())),
        Err(other) => Err(other.into()),
    }
}

fn report(answer: &Submitted, options: &SendOptions<'_>, url: &str) -> Result<(), Failure> {
    options.output.print(answer, |answer| match &answer.tx {
        Some(tx) => tables::tx(tx, options.names),
        None => answer.hash.to_string(),
    })?;
    let hash = &answer.hash;
    let why = || match &answer.error {
        Some(error) => options.names.text(&error.to_string()),
        None => "no reason given".into(),
    };
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
