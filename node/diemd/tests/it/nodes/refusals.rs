//! Between CometBFT and its remote signer: all messages pass, but for the votes that the signer is made to refuse.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use prost::Message as _;
use tendermint_proto::v0_38::privval::{Message, RemoteSignerError, SignedVoteResponse, message::Sum};

/// What the signer says of a vote that it refuses.
pub const SAYS: &str = "somebody has to press a button first";

/// The refusals of a signer.
#[derive(Clone, Default)]
pub struct Refusals {
    /// The votes that are refused from now on.
    left: Arc<AtomicUsize>,
    /// The votes that were refused.
    refused: Arc<AtomicUsize>,
    /// The refusals after which another vote was asked for over the same connection.
    outlived: Arc<AtomicUsize>,
}

impl Refusals {
    /// Waits at the socket `at` for the signer, again and again, and connects it to CometBFT's socket `to`.
    pub fn between(at: &Path, to: &Path) -> Self {
        let (listener, to, own) = (UnixListener::bind(at).unwrap(), to.to_path_buf(), Self::default());
        let between = own.clone();
        // It ends with the test's process: nobody waits for it.
        thread::spawn(move || {
            for signer in listener.incoming() {
                let Ok(signer) = signer else { return };
                let (to, between) = (to.clone(), between.clone());
                thread::spawn(move || {
                    // CometBFT may not listen yet; the signer then tries again.
                    if let Ok(comet) = UnixStream::connect(&to) {
                        let _ = between.pass(comet, signer);
                    } else {
                        thread::sleep(Duration::from_millis(200));
                    }
                });
            }
        });
        own
    }

    /// Refuses the next votes.
    pub fn refuse(&self, votes: usize) {
        self.left.store(votes, SeqCst);
    }

    /// The votes that were refused, and the refusals that their connection outlived: another vote was asked for over it.
    pub fn seen(&self) -> (usize, usize) {
        (self.refused.load(SeqCst), self.outlived.load(SeqCst))
    }

    /// Hands on one request after the other, and each answer.
    fn pass(&self, mut comet: UnixStream, mut signer: UnixStream) -> io::Result<()> {
        let mut has_refused = false;
        loop {
            let request = read(&mut comet)?;
            let is_vote = matches!(Message::decode(&*request), Ok(Message { sum: Some(Sum::SignVoteRequest(_)) }));
            if is_vote && std::mem::take(&mut has_refused) {
                self.outlived.fetch_add(1, SeqCst);
            }
            let refuses = is_vote && self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            let answer = if refuses {
                self.refused.fetch_add(1, SeqCst);
                has_refused = true;
                let error = Some(RemoteSignerError { code: 7, description: SAYS.into() });
                let refusal = SignedVoteResponse { vote: None, error };
                Message { sum: Some(Sum::SignedVoteResponse(refusal)) }.encode_to_vec()
            } else {
                write(&mut signer, &request)?;
                read(&mut signer)?
            };
            write(&mut comet, &answer)?;
        }
    }
}

/// Reads a message behind its length.
fn read(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let (mut length, mut byte) = (Vec::new(), [0]);
    loop {
        stream.read_exact(&mut byte)?;
        length.push(byte[0]);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut message = vec![0; prost::decode_length_delimiter(&*length)?];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn write(stream: &mut UnixStream, message: &[u8]) -> io::Result<()> {
    let mut framed = Vec::new();
    prost::encode_length_delimiter(message.len(), &mut framed)?;
    framed.extend(message);
    stream.write_all(&framed)
}
