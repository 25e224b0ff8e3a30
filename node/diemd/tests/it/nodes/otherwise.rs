//! A node whose application computes another state than everybody else's after one block, as a defective program does. It
//! runs in the process of the test: `diemd` itself can do no such thing.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use diem_comet::{
    Peer, Settings, Supervisor, Timing,
    abci::{Address, Consensus, Handler, Server, frame_limit},
    config::write_config,
    pid_file,
    supervisor::Plan,
};
use diem_config::Config;
use diem_engine::origin::Origin;
use diem_runtime::{App, Options};
use parking_lot::Mutex;
use tendermint_proto::v0_38::abci::{Request, Response, request};

use crate::support::{self, home::binary};

/// The running node. Its CometBFT and its application end when it is stopped.
pub struct Otherwise {
    pub app: Arc<App>,
    switch: Switch,
    gave_up: Arc<Mutex<Vec<String>>>,
    supervisor: Supervisor,
    server: Server,
}

/// Whether the next block is computed otherwise, and the height of the one that was.
#[derive(Clone, Default)]
struct Switch {
    is_on: Arc<AtomicBool>,
    height: Arc<AtomicU64>,
}

/// The application of everybody else, but for one block.
#[derive(Clone)]
struct Defective {
    right: Consensus,
    switch: Switch,
}

impl Handler for Defective {
    fn upcoming(&self, requests: &[Request]) {
        self.right.upcoming(requests);
    }

    fn handle(&self, mut request: Request) -> Option<Response> {
        if let Some(request::Value::FinalizeBlock(block)) = &mut request.value
            && self.switch.is_on.swap(false, SeqCst)
        {
            // The time of a block is part of the state. Under another hash nothing is found that was computed before.
            block.time.as_mut().unwrap().seconds += 1;
            block.hash = vec![7; 32].into();
            self.switch.height.store(u64::try_from(block.height).unwrap(), SeqCst);
        }
        self.right.handle(request)
    }

    fn idle(&self) {
        self.right.idle();
    }
}

impl Otherwise {
    /// Starts the node of a home of `diemd`, which is stopped.
    pub fn start(home: &Path) -> Self {
        let place = diem_host::home::Home::at(home);
        let config = Config::load(&place.config_file(), [], &[]).unwrap();
        let app = Arc::new(App::open(&place.data(), Options::default()).unwrap());
        let origin = Origin::of(&place, app.chain().map(|chain| (chain, app.consensus_params()))).unwrap();
        let mut settings = Settings::new("otherwise", Address::of_home(home).unwrap());
        (settings.rpc, settings.p2p, settings.metrics) = (config.comet.rpc, config.comet.p2p, None);
        settings.timing = Timing::of_block_time(config.comet.block_time.duration());
        let peer = |text: &String| {
            let (id, address) = text.split_once('@').unwrap();
            Peer { id: id.into(), address: address.into() }
        };
        settings.peers = config.comet.peers.iter().map(peer).collect();

        let switch = Switch::default();
        let limit = frame_limit(origin.block_max_bytes());
        let right = Consensus::new(Arc::clone(&app), origin, support::commits(&app));
        let (on_fatal, _) = support::recorder();
        let handler = Defective { right, switch: switch.clone() };
        let server = Server::start(settings.app.clone(), limit, handler, on_fatal).unwrap();
        settings.app = server.address().clone();
        write_config(&place.comet(), &settings).unwrap();
        let (on_give_up, gave_up) = support::recorder();
        let plan = Plan {
            binary: binary(),
            pid_file: pid_file(&place.comet()),
            home: place.comet(),
            ports: Vec::new(),
            grace: Duration::from_secs(5),
            connections: server.connection_watch(),
            signer_socket: None,
            waits_for_signer: Arc::default(),
            height: Box::new(|| 0),
            on_restart: Box::new(|| {}),
            on_give_up,
        };
        Self { app, switch, gave_up, supervisor: Supervisor::start(plan).unwrap(), server }
    }

    /// Computes another state after the next block.
    pub fn err_once(&self) {
        self.switch.is_on.store(true, SeqCst);
    }

    /// The height of the block that was computed otherwise, and why consensus could not go on after it.
    pub fn halted(&self) -> Option<(u64, String)> {
        Some((self.switch.height.load(SeqCst), self.gave_up.lock().first()?.clone()))
    }

    pub fn stop(self) {
        self.supervisor.stop();
        self.server.stop();
    }
}
