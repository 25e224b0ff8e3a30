//! Texts of strangers stay data, whatever is in them.

use super::chain::Chain;

/// A text that ends the line, turns red, turns the direction of writing, and has a control character that needs no
/// escape.
const TEXT: &str = "x\nresult  failed\x1b[31m \u{202e}\u{9b}";
/// The text as people see it.
const SHOWN: &str = r"x\u{a}result  failed\u{1b}[31m \u{202e}\u{9b}";

/// Whether the text would steer a terminal.
fn steers(text: &str) -> bool {
    text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}'))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memo_can_steer_no_terminal() {
    let chain = Chain::start().await;
    let to = chain.address("bob");
    let transfer = ["tx", "transfer", &to, "1VVV", "--from", "alice", "--memo", TEXT];
    let sent = chain.run_words(transfer.into_iter().chain(["--yes", "-v"])).await.ok();
    let hash = sent.stdout.split_whitespace().nth(1).unwrap().to_owned();
    let unsigned = chain.run_words(transfer.into_iter().chain(["--unsigned"])).await.ok().stdout;
    assert!(!steers(&unsigned), "{unsigned:?}");
    let file = chain.file("tx.json", &unsigned);
    let shown = chain.run(&format!("tx show {file}")).await.ok().stdout;
    let asked = chain.run(&format!("query tx {hash}")).await.ok().stdout;
    for text in [&sent.stdout, &sent.stderr, &shown, &asked] {
        assert!(text.contains(SHOWN) && !steers(text), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("result  failed")), "{text:?}");
    }
    // For programs the text is unchanged.
    let json = chain.run(&format!("query tx {hash} --output json")).await.ok();
    assert!(!steers(&json.stdout), "{:?}", json.stdout);
    assert_eq!(json.json()["tx"]["memo"], TEXT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_files_can_steer_no_terminal() {
    let chain = Chain::start().await;
    let out = chain.path("voucher.json");
    chain.run(&format!("voucher sign 1 --provider carol --from bob --yes --out {out}")).await.ok();
    let mut voucher: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
    voucher["voucher"]["chain_id"] = TEXT.into();
    let file = chain.file("foreign.json", &voucher.to_string());
    for form in ["table", "json"] {
        let ran = chain.run(&format!("voucher show {file} --output {form}")).await;
        assert!(ran.code == 1 && !steers(&ran.stdout) && !steers(&ran.stderr), "{:?}{:?}", ran.stdout, ran.stderr);
        assert!(form == "json" || ran.stdout.contains(SHOWN), "{}", ran.stdout);
    }
    let file = chain.file("no-voucher.json", "{\"\u{9b}31m\u{202e}\": 1}");
    let ran = chain.run(&format!("voucher show {file}")).await;
    assert!(ran.code == 2 && ran.stderr.contains("this is no voucher") && !steers(&ran.stderr), "{:?}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_name_is_not_taken_for_a_key_of_the_wallet() {
    let chain = Chain::start().await;
    let name = format!("alice ({})", chain.address("alice"));
    let register = "tx register-provider --bond 1000VVV --endpoint http://d --from dave --yes --moniker";
    chain.run_words(register.split(' ').chain([name.as_str()])).await.ok();
    let edit = "tx edit-validator --from validator-1 --yes --moniker";
    chain.run_words(edit.split(' ').chain([name.as_str()])).await.ok();
    let export = chain.export();
    let tables = ["query providers", "query provider dave", "query validators", "query validator validator-1"];
    for line in tables.map(String::from).into_iter().chain([format!("genesis show {export}")]) {
        let table = chain.run(&line).await.ok().stdout;
        assert!(table.contains(&format!("\"{name}\"")), "{line}: {table}");
        assert_eq!(table.matches(&name).count(), 1, "{line}: {table}");
    }
    assert_eq!(chain.query("provider dave").await["moniker"], name);
    let status = chain.run("query status").await.ok().stdout;
    assert!(status.contains("\"test\" (diemd "), "{status}");
}
