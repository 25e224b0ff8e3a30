//! A remote signer as CometBFT sees it: it connects to us, shows its public key and signs a vote.
//!
//! The node itself leaves its signer to CometBFT. Only the proof that a key is an operator's is asked for here, because
//! CometBFT would ask for votes of its chain alone. The protocol is that of CometBFT 0.38: messages of
//! `tendermint.privval` behind their lengths, over a secret connection where the address is TCP.

use std::{
    io::{self, BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    time::{Duration, Instant},
};

use diem_config::SignerAddress;
use diem_core::sha256;
use diem_staking::{
    KeyVote,
    vote::{PROOF_CHAIN_ID, sign_bytes},
};
use ed25519_dalek::{Signature, VerifyingKey};
use prost::Message as _;
use rand::Rng as _;
use tendermint_p2p::secret_connection::{SecretConnection, Version};
use tendermint_proto::{
    google::protobuf::Timestamp,
    v0_38::{
        crypto::public_key::Sum as KeyKind,
        privval::{Message, PubKeyRequest, RemoteSignerError, SignVoteRequest, message::Sum},
        types::{BlockId, PartSetHeader, SignedMsgType, Vote},
    },
};

/// The interval at which a connection is looked for.
const TICK: Duration = Duration::from_millis(50);
/// The longest time that a connected signer may take for an answer: somebody may have to press a button.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);
/// The most bytes of an answer, as CometBFT has it.
const MAX_ANSWER: usize = 10 * 1024;

/// The reason why a signer gives no proof.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// Nobody can connect to the address.
    #[error("signers cannot connect to {address}: {error}; name an address of this machine that nothing uses")]
    Listen {
        /// The address at which the signer should connect.
        address: SignerAddress,
        /// The error of the operating system.
        error: io::Error,
    },
    /// No signer has connected.
    #[error("no signer has connected to {address} within {} s: let its configuration name this address", waited.as_secs())]
    Nobody {
        /// The address at which the signer should connect.
        address: SignerAddress,
        /// The time that was waited.
        waited: Duration,
    },
    /// The connection does not work.
    #[error("the signer does not speak as CometBFT 0.38 expects: {0}")]
    Connection(String),
    /// The signer closes the connection instead of answering.
    #[error(
        "the signer has closed the connection instead of answering, as tmkms does where it serves another chain at this \
         address or has signed there before. It has to serve the chain {PROOF_CHAIN_ID} for this; its own log says more"
    )]
    Closed,
    /// The signer refuses.
    #[error(
        "the signer refuses: {0}. It has to serve the chain {PROOF_CHAIN_ID} for this, and one that keeps one state for all \
         chains must not have signed anything yet"
    )]
    Refused(String),
    /// What the signer answers is not what it was asked for.
    #[error("the signer answers {0}")]
    Wrong(&'static str),
}

/// A stream of bytes in both directions.
trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A signer that has connected.
pub struct Signer {
    /// A buffer is read into that takes a whole frame: the secret connection of `tendermint-p2p` 0.41 panics where a
    /// read leaves a part of a frame over.
    stream: BufReader<Box<dyn Stream>>,
}

/// More than the 1,024 bytes of data in a frame of a secret connection.
const READ_BYTES: usize = 8 * 1024;

impl Signer {
    /// Waits until a signer connects to `address`. Blocks.
    ///
    /// # Errors
    /// [`SignerError::Listen`], [`SignerError::Nobody`], or [`SignerError::Connection`].
    pub fn wait(address: &SignerAddress, patience: Duration) -> Result<Self, SignerError> {
        let listen = |error| SignerError::Listen { address: address.clone(), error };
        let nobody = || SignerError::Nobody { address: address.clone(), waited: patience };
        let broken = |error: &dyn std::fmt::Display| SignerError::Connection(error.to_string());
        let stream: Box<dyn Stream> = match address {
            SignerAddress::Tcp(socket) => {
                let listener = TcpListener::bind(socket).map_err(listen)?;
                listener.set_nonblocking(true).map_err(listen)?;
                let (stream, _) = accepted(patience, || listener.accept()).map_err(listen)?.ok_or_else(nobody)?;
                stream
                    .set_nonblocking(false)
                    .and_then(|()| stream.set_read_timeout(Some(ANSWER_PATIENCE)))
                    .map_err(listen)?;
                let mut secret = [0; 32];
                rand::rng().fill_bytes(&mut secret);
                let key = ed25519_consensus::SigningKey::from(secret);
                Box::new(SecretConnection::new(stream, key, Version::V0_34).map_err(|error| broken(&error))?)
            }
            SignerAddress::Unix(path) => {
                let listener = UnixListener::bind(path).map_err(listen)?;
                let accepted = listener
                    .set_nonblocking(true)
                    .and_then(|()| accepted(patience, || listener.accept()))
                    .inspect(|_| drop(std::fs::remove_file(path)));
                let (stream, _) = accepted.map_err(listen)?.ok_or_else(nobody)?;
                stream
                    .set_nonblocking(false)
                    .and_then(|()| stream.set_read_timeout(Some(ANSWER_PATIENCE)))
                    .map_err(listen)?;
                Box::new(stream)
            }
        };
        Ok(Self { stream: BufReader::with_capacity(READ_BYTES, stream) })
    }

    /// The public consensus key of the signer.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn public_key(&mut self) -> Result<[u8; 32], SignerError> {
        let answer = self.ask(Sum::PubKeyRequest(PubKeyRequest { chain_id: PROOF_CHAIN_ID.into() }))?;
        let Sum::PubKeyResponse(answer) = answer else { return Err(SignerError::Wrong("another question")) };
        refusal(answer.error)?;
        match answer.pub_key.and_then(|key| key.sum) {
            Some(KeyKind::Ed25519(key)) => {
                key.try_into().map_err(|_| SignerError::Wrong("with a key of another length"))
            }
            _ => Err(SignerError::Wrong("with a key of another kind than ed25519")),
        }
    }

    /// Has the signer vote for `message` at the time `now_ms`, in milliseconds since 1970; `key` is its public key. A signer
    /// that voted for it before may answer with the time of then.
    ///
    /// # Errors
    /// [`SignerError`], also for a signature that does not fit.
    pub fn vote(&mut self, key: &[u8; 32], message: &[u8], now_ms: u64) -> Result<KeyVote, SignerError> {
        let hash = sha256(&[message]).to_vec();
        let seconds =
            i64::try_from(now_ms / 1_000).map_err(|_| SignerError::Wrong("at a time that no vote can have"))?;
        let nanos = i32::try_from((now_ms % 1_000).saturating_mul(1_000_000)).unwrap_or_default();
        let vote = Vote {
            r#type: SignedMsgType::Precommit as i32,
            height: 1,
            round: 0,
            block_id: Some(BlockId { hash: hash.clone(), part_set_header: Some(PartSetHeader { total: 1, hash }) }),
            timestamp: Some(Timestamp { seconds, nanos }),
            validator_address: diem_staking::consensus_address(key).to_vec(),
            ..Vote::default()
        };
        let asked = SignVoteRequest { vote: Some(vote), chain_id: PROOF_CHAIN_ID.into() };
        let Sum::SignedVoteResponse(answer) = self.ask(Sum::SignVoteRequest(asked))? else {
            return Err(SignerError::Wrong("another question"));
        };
        refusal(answer.error)?;
        let vote = answer.vote.ok_or(SignerError::Wrong("without a vote"))?;
        let time = vote.timestamp.ok_or(SignerError::Wrong("without a time"))?;
        let nanos = u32::try_from(time.nanos).map_err(|_| SignerError::Wrong("with a time that is none"))?;
        let signature =
            vote.signature.try_into().map_err(|_| SignerError::Wrong("with a signature of another length"))?;
        let signed = sign_bytes(message, time.seconds, nanos).ok_or(SignerError::Wrong("with a time that is none"))?;
        let fits = VerifyingKey::from_bytes(key)
            .is_ok_and(|key| key.verify_strict(&signed, &Signature::from_bytes(&signature)).is_ok());
        if !fits {
            return Err(SignerError::Wrong("with a signature that does not fit the vote"));
        }
        Ok(KeyVote { seconds: time.seconds, nanos, signature })
    }

    fn ask(&mut self, question: Sum) -> Result<Sum, SignerError> {
        let question = Message { sum: Some(question) }.encode_length_delimited_to_vec();
        let stream = self.stream.get_mut();
        stream.write_all(&question).and_then(|()| stream.flush()).map_err(broken)?;
        let mut length = Vec::new();
        let length = loop {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).map_err(broken)?;
            length.extend(byte);
            match prost::decode_length_delimiter(length.as_slice()) {
                Ok(length) => break length,
                Err(_) if length.len() < 10 => {}
                Err(error) => return Err(SignerError::Connection(error.to_string())),
            }
        };
        if length > MAX_ANSWER {
            return Err(SignerError::Connection(format!("an answer has {length} bytes")));
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).map_err(broken)?;
        let answer = Message::decode(answer.as_slice()).map_err(|error| SignerError::Connection(error.to_string()))?;
        answer.sum.ok_or_else(|| SignerError::Connection("an answer is empty".into()))
    }
}

fn broken(error: io::Error) -> SignerError {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionReset | UnexpectedEof => SignerError::Closed,
        _ => SignerError::Connection(error.to_string()),
    }
}

fn refusal(error: Option<RemoteSignerError>) -> Result<(), SignerError> {
    error.map_or(Ok(()), |error| Err(SignerError::Refused(error.description)))
}

/// Waits for a connection for so long; `None` if none comes.
fn accepted<T>(patience: Duration, mut accept: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    let started = Instant::now();
    loop {
        match accept() {
            Ok(accepted) => return Ok(Some(accepted)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && started.elapsed() < patience => {
                std::thread::sleep(TICK);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}
