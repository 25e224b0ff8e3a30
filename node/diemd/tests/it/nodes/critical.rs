//! A panic in a critical thread or task ends the process; elsewhere it does not.

use std::{
    env,
    fs::File,
    process::{Command, Stdio},
};

use crate::support::process::{full_pipe, wait};

const ROLE: &str = "DIEM_TEST_CRITICAL_ROLE";

/// This is no test of its own: the test below starts it as a process.
#[test]
fn process_with_a_panic() {
    let Ok(role) = env::var(ROLE) else { return };
    diem_host::outlet::detach().unwrap();
    diem_host::critical::end_process_on_panic();
    let panics = || panic!("on purpose");
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    match &*role {
        "thread" => {
            let _ = diem_host::critical::spawn("test", panics).unwrap().join();
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        "task" => {
            let task = async move {
                tokio::task::yield_now().await;
                panics()
            };
            let _ = runtime.block_on(async { diem_host::critical::spawn_task(task).await });
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        _ => {
            assert!(std::thread::spawn(panics).join().is_err());
            // This is a request: a task of its own that a critical one has started.
            let requests = async move { tokio::spawn(async move { panics() }).await.is_err() };
            let serve = async { diem_host::critical::spawn_task(requests).await };
            assert!(runtime.block_on(serve).unwrap());
        }
    }
}

#[test]
fn only_a_critical_thread_or_task_takes_the_process_with_it() {
    let run = |role: &str| {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "nodes::critical::process_with_a_panic"])
            .env(ROLE, role)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(run("thread"), Some(70));
    assert_eq!(run("task"), Some(70));
    assert_eq!(run("any"), Some(0));
}

#[test]
fn a_panic_whose_report_nobody_reads_ends_the_process_all_the_same() {
    let (_reader, stalled) = full_pipe();
    let full_disk = File::options().write(true).open("/dev/full").unwrap();
    for stderr in [Stdio::from(stalled), full_disk.into()] {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "nodes::critical::process_with_a_panic"]).env(ROLE, "thread");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        assert_eq!(wait(&mut child).code(), Some(70));
    }
}
