//! The effect of strangers' load on a validator's blocks: the 99th percentile of the interval between blocks under it,
//! against the same without. Chain, readers and this program share the machine, so that the figure is on the safe side.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use diem_api::{MAX_BATCH_TXS, Wait};
use diem_client::Client;
use diem_comet::{Timing, find};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    network::Ours,
    report::{Goal, Report},
};

/// The number of streams that are read from the first block on, again and again.
const STREAMS: usize = 100;
/// The number of concurrent requests that carry the same transaction many times, behind a nonce gap.
const BATCHES: usize = 30;
/// The number of blocks of each measurement; `DIEM_BENCH_BLOCKS` makes a quick run smaller.
const BLOCKS: usize = 500;
const BLOCK_TIME: Duration = Duration::from_millis(200);

const GOAL: Goal = Goal::AtMost(1.2);
const ROWS: [&str; 2] = [
    "99th block interval with 100 streams from the first block / without",
    "99th block interval with 30 batches of one transaction 2000 times / without",
];

/// Runs the comparison, or says why it cannot.
pub(crate) fn run(report: &mut Report) {
    let binary = match find(None, &|_| {}) {
        Ok(found) => found.path,
        Err(error) => {
            eprintln!("no figures with real CometBFT: {error}");
            return ROWS.into_iter().for_each(|row| report.missing(row, "ratio", GOAL));
        }
    };
    let blocks = std::env::var("DIEM_BENCH_BLOCKS").ok().and_then(|n| n.parse().ok()).unwrap_or(BLOCKS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let [alone, streams, batches] = runtime.block_on(measure(binary, blocks));
    report.fact("99th block interval without readers", alone * 1e3, "ms");
    for (row, loaded) in ROWS.into_iter().zip([streams, batches]) {
        report.goal(row, loaded / alone, "ratio", GOAL);
    }
}

async fn measure(binary: PathBuf, blocks: usize) -> [f64; 3] {
    let mut ours = Ours::start(binary, Timing::of_block_time(BLOCK_TIME)).await;
    // The flood makes blocks that can be read.
    ours.flood().await;
    let alone = worst(&ours, blocks).await;
    let mut load = JoinSet::new();
    for _ in 0..STREAMS {
        load.spawn(read_again_and_again(ours.api));
    }
    let streams = worst(&ours, blocks).await;
    load.shutdown().await;
    // Each batch is the second transaction of a sender whose first never comes.
    let later = ours.work.transfers_behind_a_gap(BATCHES);
    for tx in later {
        load.spawn(send_again_and_again(ours.api, tx));
    }
    let batches = worst(&ours, blocks).await;
    load.shutdown().await;
    ours.stop().await;
    [alone, streams, batches]
}

/// Measures the 99th percentile of the intervals between the next `blocks` blocks, in seconds, by the clock of this
/// machine.
async fn worst(ours: &Ours, blocks: usize) -> f64 {
    let (mut height, mut last, mut intervals) = (ours.app.info().height, None, Vec::new());
    while intervals.len() < blocks {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = ours.app.info().height;
        if now > height {
            let at = Instant::now();
            intervals.extend(last.map(|last: Instant| at.duration_since(last).as_secs_f64()));
            (height, last) = (now, Some(at));
        }
    }
    intervals.sort_by(f64::total_cmp);
    intervals[intervals.len() * 99 / 100]
}

/// Reads the stream of events from the first block on for a while, and then once more.
async fn read_again_and_again(server: SocketAddr) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut stream = TcpStream::connect(server).await.unwrap();
        stream.write_all(b"GET /v1/events?from=1 HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let until = tokio::time::Instant::now() + Duration::from_secs(10);
        while tokio::time::timeout_at(until, stream.read(&mut buffer)).await.is_ok_and(|read| read.is_ok_and(|n| n > 0))
        {
        }
    }
}

async fn send_again_and_again(server: SocketAddr, tx: Bytes) {
    let client = Client::new(&format!("http://{server}")).unwrap();
    let batch = Arc::new(vec![tx.to_vec(); MAX_BATCH_TXS]);
    loop {
        // A node that is busy says so; the load goes on.
        let _ = client.submit_batch(&batch, Wait::Committed, Duration::from_secs(5)).await;
    }
}
