//! Handing signed bytes to a node while the lock of their sender is held, and remembering them while they may still
//! count.

use std::{path::Path, time::Duration};

use anyhow::anyhow;
use diem_api::{Hash, State, Submitted, Wait};
use diem_client::{Client, ClientError, Sender, Unsettled};
use diem_core::tx::tx_hash;
use diem_types::Signed;

use super::{
    file::TxFile,
    make::{Preview, Sending},
    outcome::{SendOptions, conclude},
    preview,
};
use crate::{
    Failure,
    common::Common,
    failure::usage,
    names::Names,
    output::{plain, say},
    turns::{Turn, TurnError},
};

/// A sender's lock, and whether somebody has chosen the nonce of what is signed or sent under it. A nonce that a node
/// names is used only by a command that knows what may still count.
pub(super) struct InTurn {
    turn: Option<Turn>,
    chosen: bool,
}

impl InTurn {
    /// Waits for the lock of `sender`, and tells `client` which of the sender's signatures may still count.
    ///
    /// # Errors
    /// Nobody knows what may still count, and the nonce is not chosen.
    pub(super) fn take(common: &Common, sender: Sender, client: &Client, chosen: bool) -> Result<Self, Failure> {
        match Turn::take(common.home().root(), sender, client) {
            Ok(turn) => Ok(Self { turn: Some(turn), chosen }),
            Err(error) => unknown(&error, chosen).map(|()| Self { turn: None, chosen }),
        }
    }

    /// Keeps a signature that may still count beside those that did before.
    ///
    /// # Errors
    /// It cannot be kept, and the nonce is not chosen.
    pub(super) fn keep_beside(&self, client: &Client, sender: &Sender, open: Unsettled) -> Result<(), Failure> {
        client.remember(sender.clone(), open);
        self.try_keep(client.unsettled(sender)).or_else(|error| unknown(&error, self.chosen))
    }

    /// Keeps the signatures that may still count. Where they cannot be written, the earlier ones stay: too many, never
    /// too few.
    pub(super) fn keep(&self, open: Vec<Unsettled>) {
        if let Err(error) = self.try_keep(open) {
            say(&format!("what may still count cannot be kept: {}", plain(&error.to_string())));
        }
    }

    fn try_keep(&self, open: Vec<Unsettled>) -> Result<(), TurnError> {
        self.turn.as_ref().map_or(Ok(()), |turn| turn.keep(open))
    }
}

/// Decides whether a command goes on where nobody knows, or will know, what may still count.
fn unknown(error: &TurnError, chosen: bool) -> Result<(), Failure> {
    let why = format!(
        "this wallet keeps a list of the sender's signatures that may still count, so that nothing is paid twice, and \
         the list cannot be used: {error}"
    );
    if chosen {
        say(&plain(&format!("{why}. This goes on without it, because its nonce was chosen")));
        return Ok(());
    }
    Err(usage(anyhow!(
        "{why}. Nothing was sent: put that right, or name the nonce of this transaction yourself with --nonce (`diemd \
         query account` shows the next one; whatever else was signed with another nonce may count beside it)"
    )))
}

/// Sends signed bytes and judges the outcome. The lock is released when the node has them.
///
/// They are kept as what may still count before they leave, and until a node says that they are in its pool or a block.
pub(super) async fn hand_on(
    common: &Common,
    client: &Client,
    turn: InTurn,
    signed: &Signed,
    bytes: Vec<u8>,
    options: &SendOptions<'_>,
) -> Result<(), Failure> {
    let (sender, hash) = (Sender::of(&signed.tx), Hash(signed.hash));
    turn.keep_beside(client, &sender, Unsettled::of(signed))?;
    say(&format!("sending {hash}"));
    let wait = if options.sending.wait == Wait::None { Wait::None } else { Wait::Checked };
    let mut answer = submit(client, bytes.clone(), wait, options.sending).await;
    turn.keep(client.unsettled(&sender));
    drop(turn);
    let is_waiting = matches!(&answer, Ok(Submitted { state: State::Checked, .. }));
    if is_waiting && options.sending.wait == Wait::Committed {
        // The same bytes again are the same transaction, so the retry is idempotent.
        answer = submit(client, bytes, Wait::Committed, options.sending).await;
        if !client.unsettled(&sender).is_empty() {
            let turn = InTurn::take(common, sender.clone(), client, true)?;
            turn.keep(client.unsettled(&sender));
        }
    }
    conclude(client, &hash, answer, options)
}

async fn submit(client: &Client, bytes: Vec<u8>, wait: Wait, sending: &Sending) -> Result<Submitted, ClientError> {
    client.submit(bytes, wait, Duration::from_secs(sending.timeout)).await
}

/// Sends the transaction of a file. Its signature was made before: it is simulated all the same, and remembered as if
/// the same command had signed it.
pub(super) async fn broadcast(
    common: &Common,
    path: &Path,
    sending: &Sending,
    preview: &Preview,
) -> Result<(), Failure> {
    let bytes = TxFile::read_signed(path)?;
    let client = common.client()?;
    let Ok(signed) = Signed::decode(&bytes) else {
        // The bytes are no valid transaction; the node says why.
        let options = SendOptions { sending, output: common.output, names: &Names::default() };
        let answer = submit(&client, bytes.clone(), sending.wait, sending).await;
        return conclude(&client, &Hash(tx_hash(&bytes)), answer, &options);
    };
    let names = Names::of(&common.keys(), &signed.tx.chain_id);
    if !preview.no_preview {
        preview::before_broadcast(&client, &signed, &names).await?;
    }
    let turn = InTurn::take(common, Sender::of(&signed.tx), &client, true)?;
    let options = SendOptions { sending, output: common.output, names: &names };
    hand_on(common, &client, turn, &signed, bytes, &options).await
}
