//! The service manager that has started this process, where it speaks the protocol of systemd (`sd_notify`). Without
//! one, nothing here does anything.

use std::{process::Command, time::Duration};

use sd_notify::NotifyState;

/// The variables by which a service manager is reached.
const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// Says that the service answers from now on; `status` is a line for people.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says that the service is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Says that nothing in the service hangs; `status` is a line for people.
pub fn alive(status: &str) {
    tell(&[NotifyState::Watchdog, NotifyState::Status(status)]);
}

/// Shows a line for people, and says nothing else.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The time after which the service manager ends and starts a process from which it has not heard by [`alive`]; `None`
/// where it does not watch.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|time| !time.is_zero())
}

/// Keeps a program that is started from here from speaking to the service manager in this one's name.
pub fn conceal(command: &mut Command) {
    for variable in VARIABLES {
        command.env_remove(variable);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        // A service manager that hears nothing acts on that by itself.
        tracing::debug!(%error, "the service manager was told nothing");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_started_knows_no_service_manager() {
        let mut command = Command::new("/usr/bin/env");
        for variable in VARIABLES {
            command.env(variable, "1");
        }
        command.env("OTHER", "1");
        conceal(&mut command);
        let shown = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(shown.contains("OTHER=1"), "{shown}");
        for variable in VARIABLES {
            assert!(!shown.contains(variable), "{shown}");
        }
    }
}
