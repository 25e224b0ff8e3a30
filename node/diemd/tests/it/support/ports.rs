//! Ports of devnets and nodes in tests.

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use diem_config::Config;
use diem_host::ports;

/// Ports for at most four nodes, reserved against other tests of this machine until dropped.
pub(crate) struct Ports {
    pub(crate) offset: u16,
    _claim: TcpListener,
}

impl Ports {
    /// Claims ports, which all lie below the ephemeral range of the system.
    pub(crate) fn claim() -> Self {
        let started = Instant::now();
        loop {
            for slot in 0..12u16 {
                let offset = 500 + slot * 400;
                let Ok(claim) = TcpListener::bind(("127.0.0.1", 20_000 + slot)) else { continue };
                let of_nodes = [1_317, 9_464, 26_656, 26_657, 26_660].into_iter();
                let mut all = of_nodes.flat_map(|port: u16| (0..4).map(move |node| port + offset + 100 * node));
                // There is one local Base.
                if all.all(is_free) && is_free(8_545 + offset) {
                    return Self { offset, _claim: claim };
                }
            }
            assert!(started.elapsed() < Duration::from_secs(180), "no free ports");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Flags of `diemd start` that give a node these ports instead of those of its configuration.
    pub(crate) fn flags(&self) -> Vec<String> {
        let mut config = Config::default();
        config.move_ports(self.offset).unwrap();
        [
            format!("--set=api.listen={}", config.api.listen),
            format!("--set=metrics.listen={}", config.metrics.listen),
            format!("--set=comet.p2p={}", config.comet.p2p),
            format!("--set=comet.rpc={}", config.comet.rpc),
            format!("--set=comet.metrics={}", config.comet.metrics),
        ]
        .into()
    }
}

/// Whether nobody listens at a port of this machine.
pub(crate) fn is_free(port: u16) -> bool {
    ports::check(SocketAddr::from(([127, 0, 0, 1], port)), "a test", "").is_ok()
}
