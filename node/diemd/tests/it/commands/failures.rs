//! Failures of commands that print JSON: one object on standard output, and the sentence on standard error as ever.

use super::{chain::Chain, validators::new_home};

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
