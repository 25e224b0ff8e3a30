//! A stand-in for another node, which says a status.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    time::{Duration, SystemTime},
};

use diem_api::{Hash, Status};
use diem_types::APP_VERSION;

/// A node that says this status as long as the test runs, and whose clock is so far ahead.
pub fn node_that_says(status: &Status, ahead: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = serde_json::to_string(status).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let (date, length) = (httpdate::fmt_http_date(SystemTime::now() + ahead), body.len());
            let head =
                format!("HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

/// What a node of this home's chain says before its first block.
pub fn status_of(home: &Path) -> Status {
    let genesis = diem_genesis::load(&home.join("genesis.json"), None).unwrap();
    Status {
        chain_id: genesis.chain_id.clone(),
        genesis_hash: Hash(genesis.hash()),
        app_version: APP_VERSION,
        version: "0".into(),
        moniker: "other".into(),
        engine: "cometbft".into(),
        engine_version: None,
        latest: None,
        oldest_state_height: None,
        began_at: None,
        first_block: None,
        snapshots: Vec::new(),
        catching_up: Some(false),
        peers: Some(1),
        trouble: None,
        peer: None,
        uptime_seconds: 1,
    }
}
