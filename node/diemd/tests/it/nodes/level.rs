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

/// The time of processors that a process has taken so far.
fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The fourteenth and fifteenth field of proc(5), in ticks of a hundredth of a second; a name may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
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
    let of_all = || processes.iter().map(|pid| processor_time(*pid)).sum::<Duration>();
    let (begun, taken_before) = (Instant::now(), of_all());
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
    // What load it was on this machine.
    let share = (of_all() - taken_before).as_millis() / (10 * u128::from(seconds.max(1)));
    let processors = std::thread::available_parallelism().unwrap();
    println!("{} transfers a second, and {share} of {processors}00 % of the processors", sent / seconds.max(1));
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
