//! Validators whose precommits come late, with the largest extensions that CometBFT accepts from a peer. It hands them
//! to the proposer without having them verified.

use std::{sync::Arc, time::Duration};

use diem_comet::{
    Peer, Timing,
    abci::{Consensus, Handler, Server, frame_limit},
    config, genesis, pid_file,
    supervisor::{Plan, Supervisor},
};
use diem_config::consensus_key;
use diem_engine::engine::Engine as _;
use diem_runtime::{App, Options};
use diem_testkit::{genesis, people, with_validators};
use tendermint::block::CommitSig;
use tendermint_proto::v0_38::abci::{
    Request, Response, ResponseExtendVote, ResponseVerifyVoteExtension, request::Value as Ask, response::Value as Tell,
};

use crate::support::{
    self,
    home::{Home, PATIENCE, binary},
    network::turn,
    recorder,
};

/// The number of late validators: their extensions together are larger than a block with 8 MiB of room.
const LATE: usize = 10;
/// The bytes of an extension, which with its message fits into the 1 MiB of a message between peers.
const EXTENSION: usize = 1_040_000;
/// The delay of a vote: longer than the others need for a majority, shorter than their pause before the next height.
const DELAY: Duration = Duration::from_millis(800);
const PAUSE: Duration = Duration::from_millis(2_500);

/// An application that votes late, with an extension of its own, and accepts everybody's.
#[derive(Clone)]
struct Late(Consensus);

impl Handler for Late {
    fn upcoming(&self, requests: &[Request]) {
        self.0.upcoming(requests);
    }

    fn handle(&self, request: Request) -> Option<Response> {
        let value = match &request.value {
            Some(Ask::ExtendVote(_)) => {
                std::thread::sleep(DELAY);
                Tell::ExtendVote(ResponseExtendVote { vote_extension: vec![0xee; EXTENSION].into() })
            }
            Some(Ask::VerifyVoteExtension(_)) => Tell::VerifyVoteExtension(ResponseVerifyVoteExtension { status: 1 }),
            _ => return self.0.handle(request),
        };
        Some(Response { value: Some(value) })
    }

    fn idle(&self) {
        self.0.idle();
    }
}

/// A late validator, which runs until dropped.
struct Validator {
    supervisor: Supervisor,
    server: Server,
}

impl Validator {
    fn start(home: &Home) -> Self {
        let app = Arc::new(App::in_memory(Options::default()));
        let consensus = Consensus::new(Arc::clone(&app), home.genesis.clone().into(), support::commits(&app));
        let limit = frame_limit(home.genesis.consensus.block_max_bytes);
        let server = Server::start(home.settings.app.clone(), limit, Late(consensus), recorder().0).unwrap();
        genesis::write_genesis(&home.comet(), &home.genesis.clone().into()).unwrap();
        config::write_config(&home.comet(), &home.settings).unwrap();
        let plan = Plan {
            binary: binary(),
            home: home.comet(),
            pid_file: pid_file(&home.comet()),
            ports: Vec::new(),
            grace: Duration::ZERO,
            connections: server.connection_watch(),
            signer_socket: None,
            waits_for_signer: Arc::default(),
            height: Box::new(|| 0),
            on_restart: Box::new(|| {}),
            on_give_up: recorder().0,
        };
        Self { supervisor: Supervisor::start(plan).unwrap(), server }
    }

    fn stop(self) {
        self.supervisor.stop();
        self.server.stop();
    }
}

/// Makes a strong honest validator and many weak ones of the same chain, which are connected to the strong one alone.
fn homes() -> (Home, Vec<Home>) {
    let (mut honest, mut late) = (Home::new(), (0..LATE).map(|_| Home::new()).collect::<Vec<_>>());
    let key = |home: &Home| consensus_key::validator_signing_key(&home.comet()).unwrap();
    let validators: Vec<_> =
        std::iter::once((key(&honest), 10_000)).chain(late.iter().map(|home| (key(home), 10))).collect();
    let mut doc = with_validators(genesis(&people(4)), &validators);
    doc.consensus.block_max_bytes = 1024 * 1024;
    doc.consensus.evidence_max_bytes = doc.consensus.evidence_max_bytes.min(doc.consensus.block_max_bytes);
    let doc = doc.canonical();
    let peer =
        Peer { id: consensus_key::node_key(&honest.comet()).unwrap().id, address: honest.settings.p2p.to_string() };
    let timing = Timing { commit: PAUSE, ..Timing::default() };
    for home in &mut late {
        (home.genesis, home.settings.timing, home.settings.metrics) = (doc.clone(), timing, None);
        home.settings.peers = vec![peer.clone()];
        consensus_key::node_key(&home.comet()).unwrap();
    }
    (honest.genesis, honest.settings.timing) = (doc, timing);
    (honest, late)
}

#[tokio::test(flavor = "multi_thread")]
async fn late_precommits_with_the_largest_extensions_do_not_end_the_connection_to_consensus() {
    let _turn = turn().await;
    let (honest, late) = homes();
    let node = honest.start();
    let late: Vec<Validator> = late.iter().map(Validator::start).collect();
    let engine = Arc::clone(&node.running.engine);
    let mut height = 1;
    let full = async {
        loop {
            // Only the next block decides which signatures count for this one.
            engine.signed_header(height + 1, PATIENCE).await.unwrap();
            let signatures = engine.signed_header(height, PATIENCE).await.unwrap().commit.signatures;
            let signed = signatures.iter().filter(|one| matches!(one, CommitSig::BlockIdFlagCommit { .. })).count();
            if signed > LATE {
                return;
            }
            height += 1;
        }
    };
    // Whether all come in time is chance at each height, and rare on a machine that does much else.
    tokio::time::timeout(5 * PATIENCE, full).await.expect("a commit that all of them signed");
    // That commit was in a proposal with all the extensions, and the next proposals are made as well.
    node.reach(height + 2).await;
    assert_eq!(node.running.status().restarts, 0, "the connection to consensus went on");
    tokio::task::spawn_blocking(move || late.into_iter().for_each(Validator::stop)).await.unwrap();
    node.stop().await;
}
