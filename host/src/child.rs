//! Programs that this one starts: they end with it, and are asked to end before they are killed.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Child, Command},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal};

/// The interval at which an ending process is polled.
const TICK: Duration = Duration::from_millis(20);

/// Has the kernel kill the child when the *thread* that starts it ends: start it from one that lives as long. The child
/// gets a process group of its own, so that Ctrl-C at the terminal reaches this program, which stops the child in order.
#[expect(unsafe_code, reason = "pre_exec is the only place to ask for the death signal before the child runs")]
pub fn die_with_thread(command: &mut Command) {
    command.process_group(0);
    let parent = getpid();
    let ask = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // If the parent died before the request, no signal will come.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    };
    // SAFETY: between fork and exec the closure makes two system calls and nothing else: it takes no lock, allocates
    // nothing (both errors are plain codes) and touches no memory but its own copy of `parent`.
    unsafe {
        command.pre_exec(ask);
    }
}

/// Asks a child to end, and kills it after `grace`, at once if that is zero. Whether it ended when asked.
pub fn stop(child: &mut Child, grace: Duration) -> bool {
    if !grace.is_zero() {
        signal(child.id(), Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < grace {
            if matches!(child.try_wait(), Ok(Some(_))) {
                return true;
            }
            std::thread::sleep(TICK);
        }
    }
    // Each call fails only when the child has ended already.
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Sends a signal to a process. Nothing happens if it has ended, which is what is wanted.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        io::{Read as _, Write as _},
        process::Stdio,
    };

    use super::*;

    /// A child that says a line when it runs, and ends only when it is killed.
    fn stubborn() -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "trap '' TERM; echo up; while :; do /bin/sleep 0.1; done"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    fn wait_for_word(child: &mut Child) {
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
    }

    #[test]
    fn a_child_ends_when_the_thread_that_started_it_does() {
        let mut child = std::thread::spawn(|| {
            let mut command = stubborn();
            die_with_thread(&mut command);
            let mut child = command.spawn().unwrap();
            wait_for_word(&mut child);
            child
        })
        .join()
        .unwrap();
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_child_is_asked_before_it_is_killed() {
        let mut polite = Command::new("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        polite.stdin.as_mut().unwrap().write_all(b"up\n").unwrap();
        wait_for_word(&mut polite);
        assert!(stop(&mut polite, Duration::from_secs(10)));

        let mut stubborn = stubborn().spawn().unwrap();
        wait_for_word(&mut stubborn);
        assert!(!stop(&mut stubborn, Duration::from_millis(100)));
    }
}
