use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use diem_lying_base::FORMS;
use serde_json::json;

use crate::world::{World, client, question};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lying-base");

#[test]
fn the_help_lists_every_lie_with_a_sentence() {
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for form in FORMS {
        assert!(help.contains(&format!("\n  {}", form.name)) && words.contains(form.sentence), "{}", form.name);
    }
}

#[test]
fn a_lie_that_there_is_not_is_named() {
    let refused = Command::new(PROGRAM).args(["--lie", "honest"]).output().unwrap();
    assert!(!refused.status.success());
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("there is no lie `honest`: --help lists all of them"), "{message}");
}

#[tokio::test]
async fn by_hand_it_lies_as_its_flags_say_and_ends_with_its_parent() {
    let Some(world) = World::start().await else { return };
    // The shell starts it and waits for a line; without a parent it has to end.
    let script = r#""$0" --port 0 --upstream "$1" --lie wrong-chain-id=5 --victim v1 & read -r line"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, PROGRAM, &world.upstream()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let mut url = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let url = url.trim();
    assert_eq!(world.ask(&format!("{url}/v1"), "eth_chainId", json!([])).await, "0x5");
    assert_eq!(world.ask(url, "eth_chainId", json!([])).await, world.truth("eth_chainId", json!([])).await);

    drop(shell.stdin.take());
    shell.wait().unwrap();
    let http = client();
    for _ in 0..300 {
        if http.post(url).json(&question("eth_chainId", json!([]))).send().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the proxy outlives its parent");
}
