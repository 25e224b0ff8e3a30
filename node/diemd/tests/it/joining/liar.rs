//! Peers that lie: a real CometBFT on an application that offers and sends what a test wants.

use std::{
    fs::File,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use diem_comet::{
    Peer,
    abci::{Consensus, Handler, Server, frame_limit},
    config::write_config,
    genesis::write_genesis,
};
use diem_config::consensus_key;
use diem_engine::origin::Origin;
use diem_runtime::{App, Options};
use diem_types::GenesisDoc;
use rustix::process::Signal;
use tendermint_proto::v0_38::abci::{
    Request, Response, ResponseListSnapshots, ResponseLoadSnapshotChunk, Snapshot, request, response,
};

use crate::support::{
    self,
    home::{Home, binary},
    process::{Ended, signal},
};

/// What a liar sends when it is asked for a chunk.
#[derive(Clone)]
pub enum Chunk {
    Bytes(Bytes),
    /// It never answers.
    Silence,
    /// Its process is killed.
    Death,
}

/// A lying peer. It ends when dropped.
pub struct Liar {
    pub peer: Peer,
    pub asked: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    child: Option<Ended>,
    server: Option<Server>,
    _home: Home,
}

/// The application of a liar: that of an empty node of the same chain, but for snapshots.
#[derive(Clone)]
struct Lying {
    honest: Consensus,
    offer: Snapshot,
    chunk: Chunk,
    asked: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    pid_file: PathBuf,
}

impl Liar {
    /// Starts a peer of the chain of `doc` that offers this snapshot and answers with this chunk.
    pub fn start(doc: &GenesisDoc, offer: &Snapshot, chunk: Chunk) -> Self {
        let mut home = Home::new();
        home.genesis = doc.clone();
        let app = Arc::new(App::in_memory(Options::default()));
        let origin: Origin = doc.clone().into();
        let (asked, ended) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let pid_file = home.folder.path().join("pid");
        let handler = Lying {
            honest: Consensus::new(Arc::clone(&app), origin.clone(), support::commits(&app)),
            offer: offer.clone(),
            chunk,
            asked: Arc::clone(&asked),
            ended: Arc::clone(&ended),
            pid_file: pid_file.clone(),
        };
        // CometBFT closes its connections to the application when it is killed, which is no failure of this process.
        let (on_fatal, _) = support::recorder();
        let limit = frame_limit(doc.consensus.block_max_bytes);
        let server = Server::start(home.settings.app.clone(), limit, handler, on_fatal).unwrap();
        home.settings.app = server.address().clone();
        write_genesis(&home.comet(), &origin).unwrap();
        write_config(&home.comet(), &home.settings).unwrap();
        let id = consensus_key::node_key(&home.comet()).unwrap().id;
        let peer = Peer { id, address: home.settings.p2p.to_string() };
        let log = File::create(home.folder.path().join("log")).unwrap();
        let mut command = Command::new(binary());
        command.arg("start").arg("--home").arg(home.comet()).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        std::fs::write(pid_file, child.id().to_string()).unwrap();
        Self { peer, asked, ended, child: Some(Ended(child)), server: Some(server), _home: home }
    }

    /// How often it was asked for a chunk.
    pub fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.ended.store(true, SeqCst);
        drop(self.child.take());
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

impl Lying {
    fn load(&self) -> ResponseLoadSnapshotChunk {
        self.asked.fetch_add(1, SeqCst);
        let chunk = match &self.chunk {
            Chunk::Bytes(bytes) => bytes.clone(),
            Chunk::Silence => {
                while !self.ended.load(SeqCst) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Bytes::new()
            }
            Chunk::Death => {
                let pid = std::fs::read_to_string(&self.pid_file).unwrap().parse().unwrap();
                signal(pid, Signal::KILL);
                Bytes::new()
            }
        };
        ResponseLoadSnapshotChunk { chunk }
    }
}

impl Handler for Lying {
    fn upcoming(&self, _: &[Request]) {}

    fn handle(&self, request: Request) -> Option<Response> {
        let value = match &request.value {
            Some(request::Value::ListSnapshots(_)) => {
                response::Value::ListSnapshots(ResponseListSnapshots { snapshots: vec![self.offer.clone()] })
            }
            Some(request::Value::LoadSnapshotChunk(_)) => response::Value::LoadSnapshotChunk(self.load()),
            _ => return self.honest.handle(request),
        };
        Some(Response { value: Some(value) })
    }

    fn idle(&self) {
        self.honest.idle();
    }
}
