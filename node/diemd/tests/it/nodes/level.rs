//! What a loaded chain takes of the machine stays level: memory, open files, threads and the log.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::support::{
    devnet::{Devnet, EngineUnderTest},
    load::Load,
    network::turn,
};

/// The number of moments at which each process is looked at.
const SAMPLES: u32 = 60;

/// What a process takes at a moment.
#[derive(Debug, Clone, Copy)]
struct Taken {
    memory_mib: u64,
    files: u64,
    threads: u64,
}

impl Taken {
    fn of(pid: u32) -> Self {
        let process = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(process.join("status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        let files = fs::read_dir(process.join("fd")).unwrap().count() as u64;
        Self { memory_mib: number("VmRSS:") / 1_024, files, threads: number("Threads:") }
    }

    fn most(all: &[Self]) -> Self {
        let most = |of: fn(&Self) -> u64| all.iter().map(of).max().unwrap();
        Self {
            memory_mib: most(|taken| taken.memory_mib),
            files: most(|taken| taken.files),
            threads: most(|t| t.threads),
        }
    }

    /// Whether it is no more than before, but for what comes and goes.
    fn is_level_with(&self, before: &Self) -> bool {
        self.memory_mib <= before.memory_mib * 5 / 4 + 32
            && self.files <= before.files + 16
            && self.threads <= before.threads + 8
    }
}

/// The last third of the time is compared with the second: in the first, caches fill and peers find each other.
#[tokio::test(flavor = "multi_thread")]
async fn memory_files_threads_and_log_stay_level_under_load() {
    let _turn = turn().await;
    let seconds: u64 = std::env::var("LEVEL_MINUTES").map_or(30, |text| text.parse::<u64>().unwrap() * 60);
    let devnet = Arc::new(Devnet::start(EngineUnderTest::Comet));
    let processes = devnet.processes();
    assert!(processes.len() >= 2 * devnet.nodes(), "{processes:?}");
    let load = Load::start(&devnet);
    let begun = Instant::now();
    let mut samples: Vec<Vec<Taken>> = processes.iter().map(|_| Vec::new()).collect();
    let length = Duration::from_secs(seconds);
    for _ in 0..SAMPLES {
        tokio::time::sleep(length / SAMPLES).await;
        for (samples, pid) in samples.iter_mut().zip(&processes) {
            samples.push(Taken::of(*pid));
        }
    }
    let sent = load.stop().await;
    assert!(sent > 0);
    // A busy machine takes longer than it was asked to, and the log grows meanwhile.
    let seconds = begun.elapsed().as_secs();
    for (samples, pid) in samples.iter().zip(&processes) {
        let third = samples.len() / 3;
        let [before, after] = [&samples[third..2 * third], &samples[2 * third..]].map(Taken::most);
        println!("process {pid}: {before:?}, then {after:?}");
        assert!(after.is_level_with(&before), "process {pid} grows: {before:?}, then {after:?}");
    }
    for node in 0..devnet.nodes() {
        let log = devnet.home(node).join("node.log").metadata().unwrap().len();
        println!("node {node}: {log} bytes of log in {seconds} s, {sent} transfers");
        // A megabyte in half an hour, and what a start says.
        assert!(log < 64 * 1_024 + 1_000_000 * seconds / 1_800, "node {node} logs {log} bytes in {seconds} s");
    }
}
