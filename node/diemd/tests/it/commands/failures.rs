//! Failures of commands that print JSON: one object on standard output, and the sentence on standard error as ever.

use super::{chain::Chain, validators::new_home};
use crate::support::process::{run, words};

/// Runs a command that fails with this code; checks that its only output is the error of this codespace and name, and says that.
async fn fails(chain: &Chain, line: &str, code: i32, codespace: &str, name: &str) {
    let ran = chain.run(&format!("{line} --output json")).await;
    let told = ran.json();
    assert_eq!((ran.code, &told["exit"]), (code, &code.into()), "`{line}`: {told}");
    let error = &told["error"];
    assert_eq!((&error["codespace"], &error["name"]), (&codespace.into(), &name.into()), "`{line}`: {told}");
    assert!(error["code"].is_u64() && error["retry"].is_boolean(), "`{line}`: {told}");
    let message = error["message"].as_str().unwrap();
    // A sentence is wrapped on a terminal only.
    assert!(!message.is_empty() && ran.stderr.contains(message), "`{line}`: {message}: {}", ran.stderr);
    // People read the same sentence, and nothing on standard output.
    let plain = chain.run(line).await;
    assert_eq!((plain.code, plain.stdout.as_str()), (code, ""), "`{line}`");
    assert_eq!(plain.stderr, ran.stderr, "`{line}`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_prints_one_error_where_it_prints_json() {
    let chain = Chain::start().await;
    // No node runs in this home, and there is none in that one.
    let (home, nowhere) = (new_home(&chain), chain.path("nowhere"));
    for line in ["peers", "log level", "log level debug", "drain", "snapshot create"] {
        fails(&chain, &format!("{line} --home {home}"), 1, "diemd", "failed").await;
        fails(&chain, &format!("{line} --home {nowhere}"), 2, "diemd", "usage").await;
    }
    let nobody = "--node http://127.0.0.1:9";
    for line in ["validator status validator-1", "query status"] {
        fails(&chain, &format!("{line} {nobody}"), 1, "diemd", "failed").await;
    }
    fails(&chain, "validator status nobody", 2, "diemd", "usage").await;
    // What the node has refused has the node's own error, and its transactions too.
    fails(&chain, "validator status bob", 1, "staking", "unknown_validator").await;
    let paid = chain.run("tx transfer bob 999999999VVV --from alice --yes --no-preview --output json").await;
    let told = paid.json();
    assert_eq!((paid.code, &told["exit"]), (3, &3.into()), "{told}");
    assert_eq!(told["error"]["name"], "insufficient_call_funds", "{told}");
    // One that has printed its document says no more of it there.
    let tried = chain.run("tx transfer bob 999999999VVV --from alice --dry-run --output json").await;
    assert!(tried.code != 0 && tried.json()["error"]["exit"].is_null(), "{}", tried.stdout);
}

#[test]
fn a_command_line_that_is_none_is_told_in_json_too_where_that_is_asked_for() {
    for (line, sentence) in [
        ("keys list --output json --frob", "unexpected argument '--frob' found"),
        ("keys list --frob --output=json", "unexpected argument '--frob' found"),
        ("healthz --output json --patience soon", "`soon` is not a length of time"),
        ("query account --output json", "the following required arguments were not provided: <ADDRESS>"),
        ("query acount alice --output json", "unrecognized subcommand 'acount'"),
    ] {
        let ran = run(&line.split(' ').collect::<Vec<_>>());
        let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("`{line}`: {e}"));
        assert_eq!((ran.status.code(), &told["exit"]), (Some(2), &2.into()), "`{line}`: {told}");
        let error = &told["error"];
        assert_eq!((&error["codespace"], &error["name"]), (&"diemd".into(), &"usage".into()), "`{line}`: {told}");
        assert!(error["message"].as_str().unwrap().contains(sentence), "`{line}`: {told}");
        // People get what they get without it, on standard error alone.
        let plain =
            run(&line.replace(" --output=json", "").replace(" --output json", "").split(' ').collect::<Vec<_>>());
        assert_eq!((plain.status.code(), plain.stdout.len()), (Some(2), 0), "`{line}`");
        // The usage below the sentence names the options that were given.
        let first = |output| words(output).lines().next().unwrap().to_owned();
        assert_eq!(first(&plain), first(&ran), "`{line}`");
    }
    // What is not wrong is no failure, and a form that is none cannot be asked for.
    let help = run(&["keys", "list", "--output", "json", "--help"]);
    assert!(help.status.success() && !help.stdout.starts_with(b"{"));
    let other = run(&["keys", "list", "--output", "yaml"]);
    assert_eq!((other.status.code(), other.stdout.len()), (Some(2), 0), "{}", words(&other));
}
