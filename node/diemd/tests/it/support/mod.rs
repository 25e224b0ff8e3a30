//! A minimal ABCI client on a unix socket, and an application served on one.

pub mod bridge;
pub mod client;
pub mod containers;
pub mod devnet;
pub mod disk;
pub mod far_side;
pub mod files;
pub mod home;
pub mod hosts;
pub mod image;
pub mod instant;
pub mod intercepted;
pub mod left_out;
pub mod line;
pub mod load;
pub mod network;
pub mod ports;
pub mod process;
pub mod program;
pub mod proxy;
pub mod single;
pub mod stand_in;
pub mod stopping;
pub mod two_votes;

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use diem_comet::abci::{Address, Consensus, OnFatal, Server};
use diem_engine::{Commits, metrics::Metrics, origin::AppState};
use diem_runtime::{App, Options};
use diem_types::GenesisDoc;
use parking_lot::Mutex;
use prost::Message as _;
use tendermint_proto::{
    google::protobuf::{Duration as ProtoDuration, Timestamp},
    v0_38::{
        abci::{Request, RequestFinalizeBlock, RequestInitChain, Response, ValidatorUpdate, request, response},
        crypto::{PublicKey, public_key::Sum},
        types::{AbciParams, BlockParams, ConsensusParams, EvidenceParams, ValidatorParams, VersionParams},
    },
};

/// The most bytes of a message that the server of these tests accepts.
pub const MAX_FRAME: usize = 8 * 1024 * 1024;

/// An application on a socket; its fatal errors are collected.
pub struct Served {
    pub server: Option<Server>,
    pub app: Arc<App>,
    pub commits: Arc<Commits>,
    pub path: std::path::PathBuf,
    pub fatal: Arc<Mutex<Vec<String>>>,
    _home: tempfile::TempDir,
}

pub fn commits(app: &App) -> Arc<Commits> {
    Commits::new(app, Arc::new(Metrics::new(prometheus::Registry::new()).unwrap()))
}

pub fn recorder() -> (OnFatal, Arc<Mutex<Vec<String>>>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&said);
    (Arc::new(move |sentence: &str| record.lock().push(sentence.into())), said)
}

/// Serves a chain that starts from `doc`.
pub fn serve(doc: &GenesisDoc) -> Served {
    serve_up_to(MAX_FRAME, doc)
}

/// Serves a chain that starts from `doc`, with this limit of messages.
pub fn serve_up_to(max_frame: usize, doc: &GenesisDoc) -> Served {
    let home = tempfile::tempdir().unwrap();
    let app = Arc::new(App::in_memory(Options::default()));
    let commits = commits(&app);
    let consensus = Consensus::new(Arc::clone(&app), doc.clone().into(), Arc::clone(&commits));
    let (on_fatal, fatal) = recorder();
    let address = Address::of_home(home.path()).unwrap();
    let server = Server::start(address, max_frame, consensus, on_fatal).unwrap();
    let Address::Unix(path) = server.address().clone() else { panic!("not a unix socket") };
    Served { server: Some(server), app, commits, path, fatal, _home: home }
}

impl Served {
    pub fn client(&self) -> Client {
        Client::connect(&self.path)
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }
}

pub struct Client {
    pub stream: UnixStream,
    buffer: BytesMut,
}

impl Client {
    pub fn connect(path: &std::path::Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream, buffer: BytesMut::new() }
    }

    pub fn send(&mut self, value: request::Value) {
        let frame = Request { value: Some(value) }.encode_length_delimited_to_vec();
        self.stream.write_all(&frame).unwrap();
    }

    /// Receives the next answer; `None` if the server has closed.
    pub fn receive(&mut self) -> Option<response::Value> {
        loop {
            let mut peek = self.buffer.clone().freeze();
            if let Ok(length) = prost::encoding::decode_varint(&mut peek)
                && peek.len() as u64 >= length
            {
                let prefix = self.buffer.len() - peek.len();
                let _ = self.buffer.split_to(prefix);
                let frame = self.buffer.split_to(length as usize);
                return Some(Response::decode(frame.freeze()).unwrap().value.unwrap());
            }
            let mut part = [0u8; 65_536];
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(read) => self.buffer.extend_from_slice(part.get(..read).unwrap()),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub fn ask(&mut self, value: request::Value) -> Option<response::Value> {
        self.send(value);
        self.receive()
    }

    pub fn start_chain(&mut self, doc: &GenesisDoc) -> Bytes {
        match self.ask(request::Value::InitChain(init_chain(doc))) {
            Some(response::Value::InitChain(answer)) => answer.app_hash,
            other => panic!("{other:?}"),
        }
    }
}

/// Makes the InitChain that CometBFT sends for the genesis that we write.
pub fn init_chain(doc: &GenesisDoc) -> RequestInitChain {
    let signed = |value: u64| i64::try_from(value).unwrap();
    let validators = doc.validators.iter().map(|validator| ValidatorUpdate {
        pub_key: Some(PublicKey { sum: Some(Sum::Ed25519(validator.public_key.to_vec())) }),
        power: signed(validator.power),
    });
    let age = doc.consensus.evidence_max_age_ms;
    RequestInitChain {
        time: Some(timestamp(doc.genesis_time.0)),
        chain_id: doc.chain_id.clone(),
        consensus_params: Some(ConsensusParams {
            block: Some(BlockParams { max_bytes: signed(doc.consensus.block_max_bytes), max_gas: -1 }),
            evidence: Some(EvidenceParams {
                max_age_num_blocks: signed(doc.consensus.evidence_max_age_blocks),
                max_age_duration: Some(ProtoDuration {
                    seconds: signed(age / 1_000),
                    nanos: i32::try_from(age % 1_000).unwrap() * 1_000_000,
                }),
                max_bytes: signed(doc.consensus.evidence_max_bytes),
            }),
            validator: Some(ValidatorParams { pub_key_types: vec!["ed25519".into()] }),
            version: Some(VersionParams { app: doc.app_version }),
            abci: Some(AbciParams {
                vote_extensions_enable_height: signed(doc.consensus.vote_extensions_enable_height),
            }),
        }),
        validators: validators.collect(),
        app_state_bytes: serde_json::to_vec(&AppState { genesis_hash: doc.hash() }).unwrap().into(),
        initial_height: signed(doc.initial_height),
    }
}

pub fn timestamp(millis: u64) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(millis / 1_000).unwrap(),
        nanos: i32::try_from(millis % 1_000).unwrap() * 1_000_000 + 999_999,
    }
}

/// Makes the FinalizeBlock of `height`, which comes that many seconds after the genesis time.
pub fn block(doc: &GenesisDoc, height: u64, txs: Vec<Bytes>) -> RequestFinalizeBlock {
    let mut hash = [0u8; 32];
    hash[..8].copy_from_slice(&height.to_be_bytes());
    RequestFinalizeBlock {
        txs,
        decided_last_commit: None,
        misbehavior: Vec::new(),
        hash: Bytes::copy_from_slice(&hash),
        height: i64::try_from(height).unwrap(),
        time: Some(timestamp(doc.genesis_time.0 + height * 1_000)),
        next_validators_hash: Bytes::copy_from_slice(&[0; 32]),
        proposer_address: Bytes::copy_from_slice(&[9; 20]),
    }
}
