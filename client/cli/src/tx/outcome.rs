//! The outcome of a transaction that was sent: its printed form, and the exit code that says how far it came.

use anyhow::anyhow;
use diem_api::{Hash, State, Submitted, Transaction};
use diem_client::{Client, ClientError};
use diem_core::ModuleError as _;
use diem_types::ChainError;

use super::make::Sending;
use crate::{
    Exit, Failure, brief, events,
    names::Names,
    output::{Output, print_error, say},
    tables,
};

/// The most events that one line tells.
const MOST_TOLD: usize = 4;

/// The options of sending and printing.
pub(super) struct SendOptions<'a> {
    pub(super) sending: &'a Sending,
    pub(super) output: Output,
    pub(super) names: &'a Names,
}

/// Whether the node says that another transaction of the sender has the nonce.
fn is_taken(error: &diem_api::ErrorBody) -> bool {
    error.codespace == ChainError::CODESPACE && matches!(error.name.as_str(), "nonce_taken" | "nonce_too_low")
}

/// Prints the answer, and fails with the exit code that tells how far the transaction came.
pub(super) fn conclude(
    client: &Client,
    hash: &Hash,
    answer: Result<Submitted, ClientError>,
    options: &SendOptions<'_>,
) -> Result<(), Failure> {
    match answer {
        Ok(answer) => report(&answer, options, client.url()),
        Err(ClientError::Refused { error, .. }) => {
            let why = options.names.text(&error.to_string());
            let mut words = format!("the transaction was refused: {why}");
            if is_taken(&error) {
                words = format!("{words}. {}", not_again(hash, client.url()));
            }
            let failure = Failure { exit: Exit::Rejected, error: anyhow!(words) };
            if options.output == Output::Json {
                print_error(&error, failure.exit)?;
            }
            Err(failure)
        }
        Err(error @ ClientError::Lost { .. }) => Err(unknown(hash, client.url(), &error.to_string())),
        Err(other) => Err(other.into()),
    }
}

/// The error text for a command that did not sign with the next nonce: of two signatures with different nonces both can
/// count, and that the first cannot is the node's word, or that of whoever stands before it.
fn not_again(hash: &Hash, url: &str) -> String {
    format!(
        "Nothing else was signed, because {hash} may still count: that it does not is the word of {url}, and of whatever \
         stands between (a proxy, ssh -L, a forwarded or published port). If another wallet with this key sent the other \
         transaction, run the command again with --nonce and the next number; with the same --nonce only one of both can \
         ever be in a block"
    )
}

fn report(answer: &Submitted, options: &SendOptions<'_>, url: &str) -> Result<(), Failure> {
    let written = options.output.print(answer, |answer| match &answer.tx {
        Some(tx) if answer.state == State::Committed && !options.sending.verbose => done(tx, options.names),
        Some(tx) => tables::tx(tx, options.names),
        None => answer.hash.to_string(),
    });
    match (judge(answer, options, url), written) {
        (outcome, Ok(())) => outcome,
        // The fate of the transaction matters more than an error of its output.
        (Err(Failure { exit, error }), Err(unwritten)) => {
            Err(Failure { exit, error: anyhow!("{error} (and the answer could not be written: {})", unwritten.error) })
        }
        (Ok(()), Err(unwritten)) => Err(sent_but_not_written(answer, &unwritten)),
    }
}

/// The result in one line. Where more happened than fits there, the line says how much more; a voucher that was not
/// paid in full has a line of its own.
fn done(tx: &Transaction, names: &Names) -> String {
    let happened = events::short(&tx.result.events);
    // A call that left no event is told as it was asked for.
    let asked = tx.tx.iter().flat_map(|tx| &tx.calls).map(|call| call.text.clone());
    let happened = if happened.is_empty() { asked.collect() } else { happened };
    let told = happened.iter().take(MOST_TOLD).map(|line| brief::sentence(&names.text(line)));
    let mut told = told.collect::<Vec<_>>().join("; ");
    if let Some(more) = happened.len().checked_sub(MOST_TOLD).filter(|more| *more > 0) {
        told.push_str(&format!(" and {more} more (-v names them)"));
    }
    let (fee, hash) = (&tx.result.fee.display, tx.hash.to_string());
    let [fee, hash] = [fee, &hash].map(|text| brief::cell(text, brief::DIGITS));
    let unpaid = events::unpaid(&tx.result.events);
    let unpaid: String = unpaid.iter().map(|line| format!("\n{}", brief::sentence(&names.text(line)))).collect();
    format!("committed in block {}: {told}, fee {fee}  {hash}{unpaid}", tx.height)
}

fn sent_but_not_written(answer: &Submitted, unwritten: &Failure) -> Failure {
    let (hash, why) = (&answer.hash, &unwritten.error);
    match &answer.tx {
        Some(tx) => Failure {
            exit: Exit::Unwritten,
            error: anyhow!(
                "transaction {hash} is committed in block {}, but the answer could not be written: {why}. Do not send it \
                 again",
                tx.height
            ),
        },
        None => Failure {
            exit: Exit::Failed,
            error: anyhow!(
                "transaction {hash} was sent, but the answer could not be written: {why}. Do not send it again"
            ),
        },
    }
}

fn judge(answer: &Submitted, options: &SendOptions<'_>, url: &str) -> Result<(), Failure> {
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
         {url}` before you send another. The next command of this sender signs with another nonce only once the chain \
         proves that this one is in a block or can be in none; --nonce with the same number signs something of which \
         only one of both can be in a block"
    );
    Failure { exit: Exit::Unknown, error }
}
