//! What the process takes of the machine, under the names that Prometheus' own clients use.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus::{CounterVec, Opts, Registry};

use super::figure::Figure;

/// The ticks in a second in `/proc`: USER_HZ, which is 100 on every architecture that this program is built for.
const TICKS: f64 = 100.0;

/// What the process takes. It is read at a scrape, from `/proc`; elsewhere than on Linux nothing of it is known.
#[derive(Debug)]
pub(super) struct Process {
    cpu: CounterVec,
    memory: Figure,
    files: Figure,
    max_files: Figure,
    threads: Figure,
}

impl Process {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let figure = |name: &str, help: &str| Figure::new(registry, name, help);
        let opts = Opts::new("process_cpu_seconds_total", "Processor time that the process has taken");
        let cpu = CounterVec::new(opts, &[])?;
        registry.register(Box::new(cpu.clone()))?;
        let started = figure("process_start_time_seconds", "The time at which the process was started, since 1970")?;
        started.set(SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs_f64()));
        Ok(Self {
            cpu,
            memory: figure("process_resident_memory_bytes", "Memory of the process that is not swapped out")?,
            files: figure("process_open_fds", "Files and sockets that the process has open")?,
            max_files: figure("process_max_fds", "The most that it may have open")?,
            threads: figure("process_threads", "Threads of the process")?,
        })
    }

    /// Reads all figures anew.
    pub(super) fn look(&self) {
        if let Some(seconds) = cpu_seconds() {
            let counter = self.cpu.with_label_values::<&str>(&[]);
            counter.inc_by((seconds - counter.get()).max(0.0));
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        self.memory.count(field(&status, "VmRSS:").map(|kibibytes| kibibytes.saturating_mul(1_024)));
        self.threads.count(field(&status, "Threads:"));
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        self.max_files.count(field(&limits, "Max open files"));
        self.files.count(open_files());
    }
}

/// The first number behind a name in a file of `/proc`.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The processor time of the process, of the kernel on its behalf included.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    cpu_of(&stat)
}

/// The processor time in a line of `/proc/PID/stat`. The name of the program stands in parentheses and may hold spaces
/// and parentheses itself; user and system time are fields 14 and 15.
fn cpu_of(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).map_while(|field| field.parse::<u64>().ok());
    let ticks = ticks.next()?.checked_add(ticks.next()?)?;
    Some(ticks as f64 / TICKS)
}

/// The number of open files. Linux has it as the size of the folder since 6.2, and before only as its entries.
fn open_files() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).ok()?.len() {
        0 => Some(fs::read_dir(FOLDER).ok()?.count() as u64),
        files => Some(files),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_files_of_proc_are_read_as_the_kernel_documents_them() {
        // Source: proc_pid_stat(5), proc_pid_status(5), proc_pid_limits(5).
        let stat = "4 (a) b (c) S 1 4 4 0 -1 4194560 914 0 1 0 250 75 0 0 20 0 1 0 11 2 3 18446744073709551615";
        assert_eq!(cpu_of(stat), Some(3.25));
        assert_eq!(cpu_of("4 (a"), None);
        assert_eq!(field("Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t7\n", "VmRSS:"), Some(1_234));
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096  files\n";
        assert_eq!(field(limits, "Max open files"), Some(1_024));
        assert_eq!(field("Max open files            unlimited   unlimited  files\n", "Max open files"), None);
    }

    #[test]
    fn this_process_takes_something_of_everything() {
        let registry = Registry::new();
        let process = Process::new(&registry).unwrap();
        process.look();
        for family in registry.gather().iter().filter(|family| family.name() != "process_cpu_seconds_total") {
            assert!(family.get_metric()[0].get_gauge().get_value() >= 1.0, "{}", family.name());
        }
        assert_eq!(registry.gather().len(), 6);
        let file = fs::File::open("/proc/self/stat").unwrap();
        let before = open_files().unwrap();
        drop(file);
        assert!(before > 0);
    }
}
