//! The preview of a transaction: a node simulates it in its next block and drops the result.

use std::time::Duration;

use anyhow::anyhow;
use diem_api::{BalanceChange, ErrorBody, SimulateCalls, Simulated};
use diem_client::{Client, ClientError, build::Draft};
use diem_core::{
    ModuleError as _,
    keys::{Auth, KeyKind},
};
use diem_types::{ChainError, Signed};

use crate::{
    Exit, Failure,
    events::lines,
    names::Names,
    output::{Output, fields, list_in_full, say},
};

/// The most attempts to ask a busy node.
const BUSY_ATTEMPTS: u32 = 40;
/// The pause before a busy node is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// The transaction that is tried, and the kinds of the keys that would sign it.
pub(super) struct Asked<'a> {
    pub(super) draft: &'a Draft,
    pub(super) sender: KeyKind,
    pub(super) payer: Option<KeyKind>,
    /// Whether the sender chose the nonce.
    pub(super) chosen: bool,
}

/// Prints what `draft` would do; fails if the transaction would fail.
pub(super) async fn preview(
    output: Output,
    client: &Client,
    draft: &Draft,
    names: &Names,
    sender: KeyKind,
    payer: Option<KeyKind>,
) -> Result<(), Failure> {
    let simulated = client.simulate(&draft.tx, sender, payer).await?;
    output.print(&simulated, |simulated| table(simulated, names))?;
    match simulated.result.error {
        Some(why) => Err(Failure { exit: Exit::Failed, error: anyhow!(would_fail(&why, names)) }),
        None => {
            say("nothing was sent");
            Ok(())
        }
    }
}

/// Shows what the transaction would do before it is sent. A user who is asked should know what the answer means; where
/// nobody is asked, a transaction that would fail is not sent, because in a block it would cost its fee.
pub(super) async fn before_sending(
    client: &Client,
    asked: &Asked<'_>,
    names: &Names,
    unasked: bool,
) -> Result<(), Failure> {
    let simulated = tried(client, asked).await?;
    let why = simulated.result.error.as_ref().filter(|why| !(asked.chosen && is_ahead(why)));
    match why {
        Some(why) if unasked => Err(not_sent(why, names)),
        _ => {
            if !unasked {
                let why = why.map(|why| format!("\n{}", would_fail(why, names)));
                say(&format!("\n{}{}\n", table(&simulated, names), why.unwrap_or_default()));
            }
            Ok(())
        }
    }
}

/// Refuses to send a signed transaction that would fail, because in a block it would cost its fee. A wrong nonce is
/// left to the pool, which refuses it for nothing; and the transaction may be in the pool or a block already, sent
/// again.
pub(super) async fn before_broadcast(client: &Client, signed: &Signed, names: &Names) -> Result<(), Failure> {
    let (sender, payer) = (kind(&signed.auth), signed.payer_auth.as_ref().map(kind));
    let simulated = patiently(async || client.simulate(&signed.tx, sender, payer).await).await?;
    match simulated.result.error.filter(|why| !is_about_nonce(why)) {
        Some(why) => Err(not_sent(&why, names)),
        None => Ok(()),
    }
}

const fn kind(auth: &Auth) -> KeyKind {
    match auth {
        Auth::Ed25519 { .. } => KeyKind::Ed25519,
        Auth::Ethereum { .. } => KeyKind::Ethereum,
    }
}

fn not_sent(why: &ErrorBody, names: &Names) -> Failure {
    let words = would_fail(why, names);
    let error = anyhow!("{words}. Nothing was sent; --no-preview sends it without asking first");
    Failure { exit: Exit::Rejected, error }
}

/// Simulates the transaction as it is. Where the nonce of the draft was taken meanwhile, only its calls are simulated,
/// because a nonce that nobody chose is asked for again when the transaction is signed.
async fn tried(client: &Client, asked: &Asked<'_>) -> Result<Simulated, ClientError> {
    let tx = &asked.draft.tx;
    let simulated = patiently(async || client.simulate(tx, asked.sender, asked.payer).await).await?;
    if asked.chosen || !simulated.result.error.as_ref().is_some_and(is_about_nonce) {
        return Ok(simulated);
    }
    let calls = SimulateCalls {
        sender: tx.sender,
        sender_key: asked.sender,
        fee_payer: tx.fee_payer,
        payer_key: asked.payer.unwrap_or(KeyKind::Ed25519),
        calls: tx.calls.clone(),
        memo: tx.memo.clone(),
    };
    patiently(async || client.simulate_calls(calls.clone()).await).await
}

/// Retries while the node is busy: it simulates only a few transactions at one time, so commands that start together
/// wait for each other.
async fn patiently(ask: impl AsyncFn() -> Result<Simulated, ClientError>) -> Result<Simulated, ClientError> {
    for _ in 1..BUSY_ATTEMPTS {
        match ask().await {
            Err(ClientError::Refused { error, .. }) if error.name == "busy" => tokio::time::sleep(BUSY_PAUSE).await,
            answer => return answer,
        }
    }
    ask().await
}

fn is_about_nonce(why: &ErrorBody) -> bool {
    why.codespace == ChainError::CODESPACE && why.name.starts_with("nonce_")
}

/// Whether the transaction only comes before its turn: the pool keeps it until those before it are there.
fn is_ahead(why: &ErrorBody) -> bool {
    why.codespace == ChainError::CODESPACE && why.name == "nonce_too_high"
}

fn would_fail(why: &ErrorBody, names: &Names) -> String {
    names.text(&format!("this would fail: {why}"))
}

fn table(simulated: &Simulated, names: &Names) -> String {
    let result = &simulated.result;
    let mut head = vec![
        ("result", if result.ok { "it would succeed".to_owned() } else { "it would fail".to_owned() }),
        ("fee", format!("{} ({} of {} gas)", result.fee.display, result.gas_used, result.gas_wanted)),
    ];
    head.extend(lines(&result.events).iter().map(|line| ("what would happen", names.text(line))));
    let head = fields(head);
    if simulated.changes.is_empty() {
        return head;
    }
    let row = |change: &BalanceChange| {
        let BalanceChange { account, before, after, display } = change;
        [names.who(account), before.display.clone(), display.clone(), after.display.clone()]
    };
    format!("{head}\n\n{}", list_in_full(["account", "before", "change", "after"], simulated.changes.iter().map(row)))
}
