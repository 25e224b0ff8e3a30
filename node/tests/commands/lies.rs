//! The changes that somebody between a wallet and its node can make, and what the wallet still signs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use diem_client::{
    Client, Sender,
    api::Wait,
    build::{BuildError, Intent, KeyKind},
};
use diem_core::{Address, Amount, Denom, keys::SecretKey};
use diem_genesis::presets::{self, TEST_MNEMONIC, person_path};
use diem_node::keys::derive;
use diem_staking::KeyProof;
use diem_types::Call;
use serde_json::Value;

use crate::{chain::Chain, proxy::Proxy};

/// Makes a change of one path's answers.
fn at(
    path: &'static str,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> impl Fn(&str, &mut Value) + Send + Sync {
    move |asked, answer| {
        if asked == path {
            change(answer);
        }
    }
}

fn alice() -> SecretKey {
    let phrase = derive::parse_phrase(TEST_MNEMONIC).unwrap();
    derive::derive(&phrase, KeyKind::Ed25519, &person_path(0)).unwrap().key()
}

fn pays(key: &SecretKey, chain: &Chain) -> Intent {
    let to = chain.address("bob").parse().unwrap();
    let pay = diem_bank::Msg::Transfer { to, denom: Denom::Vvv, amount: Amount::ONE };
    Intent::new(key.address(), KeyKind::Ed25519, vec![Call::Bank(pay)])
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_a_payment_gets_no_second_one_from_a_command() {
    let chain = Chain::start().await;
    let proxy = Proxy::that_keeps_payments(chain.url()).await;
    let pay = format!("tx transfer bob 100VVV --from alice --yes --node {}", proxy.url);
    let refused = chain.run(&pay).await;
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    for words in ["nonce_taken", "may still count", &proxy.url, "stands between", "--nonce"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    assert_eq!(proxy.sent().len(), 1);
    // The next command knows of the first transaction, whatever it pays.
    let hash = hex::encode(proxy.sent()[0].hash);
    for again in [pay.clone(), pay.replace("100VVV", "1VVV")] {
        let again = chain.run(&again).await;
        assert_eq!(again.code, 2, "{}", again.stderr);
        for words in [&hash, "nonce 0", "Nothing was signed", "--nonce 0", "--nonce 1"] {
            assert!(again.stderr.contains(words), "{words}: {}", again.stderr);
        }
    }
    assert_eq!(proxy.sent().len(), 1);
    // Of two transactions with the same nonce only one can be in a block.
    let same = chain.run(&format!("{pay} --nonce 0 --memo again")).await;
    assert_eq!((same.code, proxy.sent().len()), (3, 2), "{}", same.stderr);
    assert!(proxy.sent().iter().all(|signed| signed.tx.nonce == 0));
    // An honest node names the same nonce, and when that is used nothing is open any more.
    chain.run("tx transfer bob 100VVV --from alice --yes").await.ok();
    chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_payment_is_settled_by_a_proof() {
    let chain = Chain::start().await;
    // The transaction is committed, and its sender is told that nobody knows.
    let lost = Proxy::before(
        chain.url(),
        at("/v1/tx", |answer| {
            answer["state"] = "unknown".into();
            answer.as_object_mut().unwrap().remove("tx");
        }),
    )
    .await;
    let first = chain.run(&format!("tx transfer bob 100VVV --from alice --yes --node {}", lost.url)).await;
    assert_eq!(first.code, 5, "{}", first.stderr);
    let hash = hex::encode(lost.sent()[0].hash);
    for words in ["nobody knows yet", &format!("diemd query tx {hash}"), "proves", "--nonce"] {
        assert!(first.stderr.contains(words), "{words}: {}", first.stderr);
    }
    let second = chain.run("tx transfer bob 1VVV --from alice --yes --output json").await.ok();
    assert!(second.stderr.contains(&format!("transaction {hash}, sent before, is in block ")), "{}", second.stderr);
    assert_eq!(second.json()["tx"]["tx"]["nonce"], 1);
    let third = chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    assert!(!third.stderr.contains("sent before"), "it is told once: {}", third.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_whose_height_has_passed_is_settled_without_being_paid() {
    let chain = Chain::start().await;
    let proxy = Proxy::that_keeps_payments(chain.url()).await;
    let pay = format!("tx transfer bob 100VVV --from alice --yes --node {}", proxy.url);
    let expiry = chain.query("status").await["latest"]["height"].as_u64().unwrap() + 3;
    assert_eq!(chain.run(&format!("{pay} --expiry {expiry}")).await.code, 3);
    chain.fails(&pay, 2, "may still count").await;
    chain.mine(4).await;
    let second = chain.run(&pay).await;
    assert_eq!((second.code, proxy.sent().len()), (3, 2), "{}", second.stderr);
    assert!(second.stderr.contains("can be in no block any more"), "{}", second.stderr);
    assert!(proxy.sent().iter().any(|signed| signed.tx.expiry == expiry));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_only_the_node_says_settles_nothing() {
    let chain = Chain::start().await;
    // The proxy keeps payments, and counts them as if they were in blocks.
    let proxy = Proxy::that_keeps_payments_and(chain.url(), |path, answer| {
        if path.starts_with("/v1/accounts/") {
            answer["nonce"] = answer["next_nonce"].clone();
        }
    })
    .await;
    let pay = format!("tx transfer bob 100VVV --from alice --yes --node {}", proxy.url);
    assert_eq!(chain.run(&pay).await.code, 3);
    let hash = hex::encode(proxy.sent()[0].hash);
    for _ in 0..2 {
        let again = chain.run(&pay).await;
        assert_eq!((again.code, proxy.sent().len()), (2, 1), "{}", again.stderr);
        for words in [&hash, "nothing proves that it cannot", "--nonce 0  signs instead", "--nonce 1  signs beside"] {
            assert!(again.stderr.contains(words), "{words}: {}", again.stderr);
        }
    }
    // A proxy with a genesis of its own proves nothing to a wallet that knows the chain.
    let other = Proxy::that_keeps_payments_and(chain.url(), |path, answer| {
        if path == "/v1/genesis" {
            answer["genesis_time"] = "2001-01-01T00:00:00Z".into();
        }
    })
    .await;
    let told = chain.run(&format!("tx transfer bob 1VVV --from alice --yes --node {}", other.url)).await;
    assert!(told.stderr.contains("nothing proves what became of"), "{}", told.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_a_payment_gets_no_second_one_from_the_demo() {
    let chain = Chain::start().await;
    let proxy = Proxy::that_keeps_payments(chain.url()).await;
    let played = chain.run(&format!("demo --node {}", proxy.url)).await;
    assert_ne!(played.code, 0, "{}", played.stdout);
    assert!(played.stderr.contains("may still count"), "{}", played.stderr);
    assert_eq!(proxy.sent().len(), 1, "{}", played.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_a_payment_gets_no_second_one_from_the_client() {
    let chain = Chain::start().await;
    let proxy = Proxy::that_keeps_payments(chain.url()).await;
    let (client, key) = (Client::new(&proxy.url).unwrap(), alice());
    let draft = client.draft(pays(&key, &chain)).await.unwrap();
    let bytes = draft.tx.sign(&key, None).unwrap();
    let refused = client.submit(bytes, Wait::Checked, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().name, "nonce_taken");
    // A caller that retries in a loop gets an error instead of another nonce, also from a clone.
    for client in [&client, &client.clone()] {
        let error = client.draft(pays(&key, &chain)).await.unwrap_err();
        assert!(matches!(error, BuildError::Unsettled { next: 1, ref open, .. } if open.nonce == 0), "{error}");
    }
    let chosen = client.draft(Intent { nonce: Some(0), ..pays(&key, &chain) }).await.unwrap();
    assert_eq!((chosen.tx.nonce, chosen.unproven.nonce), (0, None));
    client.forget(&Sender::of(&draft.tx), 0);
    assert_eq!(client.draft(pays(&key, &chain)).await.unwrap().tx.nonce, 1, "the caller has accepted both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_only_the_node_knows_is_not_paid() {
    let chain = Chain::start().await;
    let factor = Arc::new(AtomicU64::new(1_000_000_000));
    let used = Arc::clone(&factor);
    let proxy = Proxy::before(
        chain.url(),
        at("/v1/params", move |params| {
            let price: u128 = params["gas"]["min_price"]["amount"].as_str().unwrap().parse().unwrap();
            let price = price * u128::from(used.load(Ordering::SeqCst)) / 1_000;
            params["gas"]["min_price"]["amount"] = price.to_string().into();
        }),
    )
    .await;
    let pay = format!("tx transfer bob 1VVV --from alice --yes --node {}", proxy.url);
    // At first sight of a chain the bound is a fixed one.
    chain.fails(&pay, 2, "more than the 0.1 VVV").await;
    // Once the chain is known, a tenth of that is too much: it was seen with the node's own price.
    chain.run("keys forget-chain diem-dev-1").await.ok();
    chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    factor.store(10_001, Ordering::SeqCst);
    let refused = chain.run(&pay).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    for words in ["10001000000 avvv", "1000000000 when it was first seen", "Nothing was signed", "--max-fee"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    let unsigned = chain.run(&format!("tx transfer bob 1VVV --from alice --unsigned --node {}", proxy.url)).await;
    assert_eq!((unsigned.code, unsigned.stdout.as_str()), (2, ""));
    assert_eq!(proxy.sent().len(), 0);
    factor.store(9_000, Ordering::SeqCst);
    let shown = chain.run(&pay).await.ok();
    assert!(shown.stderr.contains("9000000000 avvv; it was 1000000000"), "{}", shown.stderr);
    factor.store(10_001, Ordering::SeqCst);
    chain.run(&format!("{pay} --max-fee 1VVV")).await.ok();

    let (client, key) = (Client::new(&proxy.url).unwrap(), alice());
    let known = Client::new(chain.url()).unwrap().chain().await.unwrap();
    let error = client.clone().knowing(known).draft(pays(&key, &chain)).await.unwrap_err();
    assert!(matches!(error, BuildError::FeeUntold { .. }), "{error}");
    factor.store(1_000_000_000, Ordering::SeqCst);
    let error = client.draft(pays(&key, &chain)).await.unwrap_err();
    assert!(matches!(error, BuildError::FeeUntold { .. }), "{error}");
    let told = Intent { max_fee: Some(Amount::new(1_000_000 * Amount::ONE.get())), ..pays(&key, &chain) };
    client.draft(told).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_makes_a_wallet_forget_nothing() {
    let chain = Chain::start().await;
    let keeper = Proxy::that_keeps_payments(chain.url()).await;
    let pay = "tx transfer bob 100VVV --from alice --yes --node";
    let refused = chain.run(&format!("{pay} {}", keeper.url)).await;
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    // The liar shows another chain, and gets a signature for that one.
    let elsewhere = Proxy::before(chain.url(), |path, answer| {
        if path == "/v1/status" {
            answer["chain_id"] = "other-dev".into();
            answer["genesis_hash"] = "ab".repeat(32).into();
        }
    })
    .await;
    let other = chain.run(&format!("{pay} {} --wait checked --no-preview", elsewhere.url)).await;
    assert!(other.stderr.contains("other-dev"), "{}", other.stderr);
    assert_eq!(elsewhere.sent().len(), 1, "{}", other.stderr);
    // The signatures that may still count on the first chain are known as before.
    let again = chain.run(&format!("{pay} {}", keeper.url)).await;
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains(&hex::encode(keeper.sent()[0].hash)), "{}", again.stderr);
    assert_eq!(keeper.sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_into_a_file_or_sent_from_one_is_remembered_too() {
    let chain = Chain::start().await;
    let keeper = Proxy::that_keeps_payments(chain.url()).await;
    let unsigned = chain.run("tx transfer bob 100VVV --from alice --unsigned").await.ok().stdout;
    let file = chain.file("pay.json", &unsigned);
    let signed = chain.file("signed.json", &chain.run(&format!("tx sign {file} --from alice --yes")).await.ok().stdout);
    let hash = chain.run(&format!("tx show {signed} --output json")).await.ok().json();
    let hash = hash["hash"].as_str().map(String::from);
    // A signature is enough to count: whoever gets the file can send it.
    let ahead = Proxy::before(chain.url(), |path, answer| {
        if path.starts_with("/v1/accounts/") {
            answer["next_nonce"] = 1.into();
        }
    })
    .await;
    let pay = "tx transfer bob 1VVV --from alice --yes --node";
    let refused = chain.run(&format!("{pay} {}", ahead.url)).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    for words in ["may still count", "nonce 0", "--nonce 1", hash.as_deref().unwrap_or_default()] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    // A transaction counts too when it was sent by a wallet that did not sign it.
    std::fs::remove_dir_all(chain.home.path().join("wallet/senders")).unwrap();
    let sent = chain.run(&format!("tx broadcast {signed} --yes --node {}", keeper.url)).await;
    assert_eq!(sent.code, 3, "{}", sent.stderr);
    let refused = chain.run(&format!("{pay} {}", keeper.url)).await;
    assert_eq!((refused.code, keeper.sent().len()), (2, 1), "{}", refused.stderr);
    assert!(refused.stderr.contains("may still count"), "{}", refused.stderr);
    // An honest node accepts it, and nothing is open any more.
    chain.run(&format!("tx broadcast {signed} --yes")).await.ok();
    chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    // Sending is idempotent: the same file again is the same transaction, whatever its nonce says now.
    let again = chain.run(&format!("tx broadcast {signed} --yes --output json")).await.ok();
    assert_eq!(again.json()["state"], "committed", "{}", again.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_memory_is_not_an_empty_one() {
    let chain = Chain::start().await;
    let keeper = Proxy::that_keeps_payments(chain.url()).await;
    let pay = format!("tx transfer bob 100VVV --from alice --yes --node {}", keeper.url);
    assert_eq!(chain.run(&pay).await.code, 3);
    let memory = chain.home.path().join(format!("wallet/senders/{}.json", chain.address("alice")));
    let whole = std::fs::read(&memory).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"[{\"chain_id\": 1}]"] {
        std::fs::write(&memory, damaged).unwrap();
        let refused = chain.run(&pay).await;
        assert_eq!((refused.code, keeper.sent().len()), (2, 1), "{}", refused.stderr);
        for words in [memory.to_str().unwrap(), "nothing is paid twice", "repair", "--nonce"] {
            assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
        }
        assert_eq!(std::fs::read(&memory).unwrap(), damaged, "it is left for whoever repairs it");
    }
    // A user that names the nonce goes on.
    let same = chain.run(&format!("{pay} --nonce 0")).await;
    assert_eq!(same.code, 3, "{}", same.stderr);
    assert!(same.stderr.contains("its nonce was chosen"), "{}", same.stderr);
    std::fs::write(&memory, whole).unwrap();
    assert_eq!(chain.run(&pay).await.code, 2);
    // Where nothing can be remembered, nothing is signed either: a file stands where the folder should be.
    std::fs::remove_dir_all(chain.home.path().join("wallet/senders")).unwrap();
    chain.file("wallet/senders", "");
    let sent = keeper.sent().len();
    let refused = chain.run(&pay).await;
    assert_eq!((refused.code, keeper.sent().len()), (2, sent), "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing is paid twice"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_gas_that_only_the_node_knows_is_not_paid() {
    let chain = Chain::start().await;
    for known in [false, true] {
        if known {
            chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
        }
        for (name, lie) in
            [("per_tx", 1_001_u64), ("per_tx", 60_000), ("per_tx", 90_000), ("per_byte", 11), ("per_signature", 9_000)]
        {
            let lie = at("/v1/params", move |params| params["gas"][name] = lie.into());
            let proxy = Proxy::before(chain.url(), lie).await;
            let pay = format!("tx transfer bob 1VVV --from alice --yes --node {}", proxy.url);
            let refused = chain.run(&pay).await;
            assert_eq!(refused.code, 2, "{name}: {}", refused.stderr);
            for words in
                [&proxy.url, "gas for this transaction", "the table of gas of this chain's genesis", "--max-fee"]
            {
                assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
            }
            let error = Client::new(&proxy.url).unwrap().draft(pays(&alice(), &chain)).await.unwrap_err();
            assert!(matches!(error, BuildError::GasUntold { .. }), "{name}: {error}");
            assert_eq!(proxy.sent().len(), 0);
            // A user that names a fee has agreed to it.
            chain.run(&format!("{pay} --max-fee 0.01VVV")).await.ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dearer_table_of_gas_is_believed_where_the_genesis_has_it() {
    let chain = Chain::start_with(|genesis| genesis.replace("\n[gas]\n", "\n[gas]\nper_tx = 20_000\n")).await;
    let sent = chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    assert!(sent.stderr.contains("20000 a transaction"), "{}", sent.stderr);
    let dearer = at("/v1/params", |params| params["gas"]["per_tx"] = 20_001.into());
    let dearer = Proxy::before(chain.url(), dearer).await;
    chain.fails(&format!("tx transfer bob 1VVV --from alice --yes --node {}", dearer.url), 2, "gas for this").await;
    chain.run("keys forget-chain diem-dev-1").await.ok();
    // A genesis that has the higher gas, and is not that of the chain, is refused.
    let forged = Proxy::before(chain.url(), |path, answer| match path {
        "/v1/params" => answer["gas"]["per_tx"] = 60_000.into(),
        "/v1/genesis" => answer["app"]["gas"]["per_tx"] = 60_000.into(),
        _ => {}
    })
    .await;
    chain
        .fails(&format!("tx transfer bob 1VVV --from alice --yes --node {}", forged.url), 2, "as its genesis one")
        .await;
    let error = Client::new(&forged.url).unwrap().draft(pays(&alice(), &chain)).await.unwrap_err();
    assert!(matches!(error, BuildError::OtherGenesis { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chain_under_a_known_name_is_refused_until_it_is_forgotten() {
    let chain = Chain::start().await;
    let first = chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    assert!(first.stderr.contains("sees a chain for the first time"), "{}", first.stderr);
    let again = chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    assert!(!again.stderr.contains("first time"), "{}", again.stderr);
    let other = "ab".repeat(32);
    let hash = other.clone();
    let proxy =
        Proxy::before(chain.url(), at("/v1/status", move |status| status["genesis_hash"] = hash.clone().into()));
    let proxy = proxy.await;
    for line in [
        "tx transfer bob 1VVV --from alice --yes",
        "tx transfer bob 1VVV --from alice --unsigned",
        "voucher sign 1 --provider carol --from bob",
    ] {
        let refused = chain.run(&format!("{line} --node {}", proxy.url)).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{}", refused.stderr);
        for words in [&other, "nothing was signed", "diemd keys forget-chain diem-dev-1"] {
            assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
        }
    }
    assert_eq!(proxy.sent().len(), 0);
    // A file for the other chain is not signed either.
    let file = chain.run("tx transfer bob 1VVV --from alice --unsigned").await.ok().stdout;
    let own = chain.query("status").await["genesis_hash"].as_str().unwrap().to_owned();
    let file = chain.file("other.json", &file.replace(&own, &other));
    chain.fails(&format!("tx sign {file} --from alice --yes"), 2, "forget-chain").await;
    chain.run("keys forget-chain diem-dev-1").await.ok();
    let unsigned = chain.run(&format!("tx transfer bob 1VVV --from alice --unsigned --node {}", proxy.url)).await.ok();
    assert!(unsigned.stdout.contains(&other) && unsigned.stderr.contains("first time"), "{}", unsigned.stderr);

    let client = Client::new(&proxy.url).unwrap();
    let known = Client::new(chain.url()).unwrap().chain().await.unwrap();
    let error = client.knowing(known).draft(pays(&alice(), &chain)).await.unwrap_err();
    assert!(matches!(error, BuildError::OtherChain { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_bounds_is_shown_by_itself() {
    let chain = Chain::start().await;
    let proxy = Proxy::before(chain.url(), |path, answer| match path {
        "/v1/status" => answer["latest"]["height"] = 7_000_000_u64.into(),
        "/v1/credit/today" => answer["day"] = 123_456_u64.into(),
        "/v1/curve/quote" => answer["out"]["amount"] = "42".into(),
        path if path.starts_with("/v1/providers/") => answer["prices_hash"] = "cd".repeat(32).into(),
        path if path.starts_with("/v1/validators/") => answer["website"] = "https://evil.example".into(),
        path if path.starts_with("/v1/accounts/") => answer["next_nonce"] = 9.into(),
        _ => {}
    })
    .await;
    for (line, words) in [
        (
            "tx transfer bob 1VVV --from alice --unsigned",
            &["nonce", " 9", "height 7000600", "said to be at 7000000"][..],
        ),
        ("tx gift 1 --to dave --from bob --unsigned", &["day", "123456"]),
        (
            "tx mint 500VVV --validator validator-1 --from alice --unsigned",
            &["least to get", "0.000000000000000042 DIEM"],
        ),
        ("tx edit-validator --moniker New --from validator-1 --unsigned", &["website", "\"https://evil.example\""]),
        ("voucher sign 1 --provider carol --from bob --yes", &["day", "123456", "price sheet", &"cd".repeat(32)]),
    ] {
        let shown = chain.run(&format!("{line} --node {}", proxy.url)).await.ok();
        let (_, unproven) = shown.stderr.split_once("On the word of ").unwrap_or_else(|| panic!("{}", shown.stderr));
        let (unproven, _) = unproven.split_once("\n\n").unwrap_or((unproven, ""));
        assert!(unproven.contains(&proxy.url), "{unproven}");
        for words in words {
            assert!(unproven.contains(words), "{line}: {words} is not in\n{unproven}");
        }
    }
    // A value that the caller chooses is not the node's word.
    let chosen = "tx gift 1 --to dave --day 5 --nonce 3 --expiry 900 --from bob --unsigned";
    let shown = chain.run(&format!("{chosen} --node {}", proxy.url)).await.ok();
    assert!(!shown.stderr.contains("On the word"), "{}", shown.stderr);
    let draft = Client::new(&proxy.url).unwrap().draft(pays(&alice(), &chain)).await.unwrap();
    assert_eq!((draft.unproven.nonce, draft.unproven.height), (Some(9), Some(7_000_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_chain_the_people_of_a_devnet_have_no_names() {
    let chain = Chain::start().await;
    let rename = |path: &str, answer: &mut Value| {
        if path == "/v1/status" {
            answer["chain_id"] = "diem-1".into();
        }
        if let Some(tx) = answer.get_mut("tx").filter(|tx| tx.is_object()) {
            tx["chain_id"] = "diem-1".into();
        }
    };
    let proxy = Proxy::before(chain.url(), rename).await;
    let bob = chain.address("bob");
    let sent = chain.run(&format!("tx transfer {bob} 1VVV --from alice --yes --output json")).await.ok().json();
    // The user's own key, which is encrypted, has its name on every chain.
    let (secret, passphrase) = (chain.file("secret", &"5e".repeat(32)), chain.file("passphrase", "correct horse"));
    chain.run(&format!("keys import own --secret-file {secret} --passphrase-file {passphrase}")).await.ok();
    chain.run(&format!("query account own --node {}", proxy.url)).await.ok();
    let stranger = format!("0x{}", "ab".repeat(20));
    for line in [
        "tx transfer bob 5VVV --from own".to_owned(),
        format!("tx transfer {stranger} 5VVV --from alice --unsigned"),
        format!("tx transfer {stranger} 5VVV --from alice --dry-run"),
        format!("tx multi-transfer {stranger}=1VVV bob=1VVV --from alice --unsigned"),
        format!("tx transfer {stranger} 5VVV --from own --fee-payer alice --unsigned"),
        "tx stake-diem 1DIEM --beneficiary bob --from own".to_owned(),
        "tx stake 1VVV --validator validator-1 --from own".to_owned(),
        "tx register-provider --bond 1VVV --endpoint http://a --moniker m --payout bob --from own".to_owned(),
        format!("tx grant --key dave --last-day 5 --limit {stranger}=1 --from own"),
        format!("tx grant --key {stranger} --last-day 5 --limit carol=1 --from own"),
        "voucher sign 1 --provider carol --from own".to_owned(),
        format!("voucher sign 1 --provider {stranger} --account bob --from own"),
        format!("voucher sign 1 --provider {stranger} --from bob"),
        "query account bob".into(),
        "query provider carol".into(),
        "query vouchers bob --provider carol".into(),
    ] {
        let refused = chain.run(&format!("{line} --node {}", proxy.url)).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{line}: {}", refused.stderr);
        assert!(refused.stderr.contains("is no development chain"), "{line}: {}", refused.stderr);
    }
    // A copy of such a key is refused as well, whatever it is called and however it is encrypted.
    let secret = chain.file("known", &hex::encode(presets::operator_secret(1)));
    chain.run(&format!("keys import mine --secret-file {secret} --passphrase-file {passphrase}")).await.ok();
    for line in ["tx transfer mine 5VVV --from own".to_owned(), format!("tx transfer {stranger} 5VVV --from mine")] {
        chain.fails(&format!("{line} --node {}", proxy.url), 2, "is no development chain").await;
    }
    chain.fails(&format!("query account mine --node {}", proxy.url), 2, "is no development chain").await;
    // Its address is refused as a receiver also where it is written out, in either form.
    let hex = bob.parse::<Address>().unwrap().to_hex();
    let operator = chain.address("validator-1");
    for line in [
        format!("tx transfer {bob} 5VVV --from own"),
        format!("tx transfer {hex} 5VVV --from own --unsigned"),
        format!("tx multi-transfer {stranger}=1VVV {bob}=1VVV --from own --dry-run"),
        format!("tx stake 1VVV --validator {operator} --from own"),
        format!("tx stake-diem 1DIEM --beneficiary {bob} --from own"),
        format!("tx allocate 1 --provider {bob} --from own"),
        format!("tx gift 1 --to {bob} --day 5 --from own"),
        format!("tx register-provider --bond 1VVV --endpoint http://a --moniker m --payout {bob} --from own"),
        format!("tx grant --key {bob} --last-day 5 --limit {stranger}=1 --from own"),
        format!("voucher sign 1 --provider {bob} --from own"),
    ] {
        let refused = chain.run(&format!("{line} --node {}", proxy.url)).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{line}: {}", refused.stderr);
        assert!(refused.stderr.contains("everybody knows"), "{line}: {}", refused.stderr);
    }
    // Credit and rights that it has can be taken back as ever.
    for line in [format!("tx revoke --key {bob}"), format!("tx allocate 0 --provider {bob}")] {
        chain.run(&format!("{line} --from own --unsigned --node {}", proxy.url)).await.ok();
    }
    chain.run(&format!("query account {bob} --node {}", proxy.url)).await.ok();
    // A file from elsewhere is checked the same way.
    let file = chain.run("tx transfer bob 1VVV --from alice --unsigned").await.ok().stdout;
    let file = chain.file("real.json", &file.replace("diem-dev-1", "diem-1"));
    chain.fails(&format!("tx sign {file} --from own --yes"), 2, "everybody knows").await;
    // A validator does not sign with such keys either.
    let own = chain.address("own").parse().unwrap();
    let (consensus, bridge) = (presets::validator_secret(1), presets::bridge_secret(1));
    for (consensus, bridge) in [(consensus, [9; 32]), ([9; 32], bridge)] {
        let (consensus, bridge) = (SecretKey::ed25519(&consensus), SecretKey::ethereum(&bridge).unwrap());
        let SecretKey::Ed25519(key) = &consensus else { panic!("ed25519") };
        let proof = serde_json::json!({
            "chain_id": "diem-1", "operator": own, "consensus_key": hex::encode(key.verifying_key().as_bytes()),
            "bridge_address": bridge.address(), "proof": KeyProof::sign("diem-1", &own, &consensus, &bridge).unwrap(),
        });
        let file = chain.file("proof.json", &proof.to_string());
        let create = format!("tx create-validator --proof {file} --moniker M --self-stake 1VVV --from own");
        chain.fails(&format!("{create} --node {}", proxy.url), 2, "everybody knows").await;
        let rotate = format!("tx rotate-bridge-key --proof {file} --from own");
        chain.fails(&format!("{rotate} --node {}", proxy.url), 2, "everybody knows").await;
    }
    // The addresses of others are not shown under their names either.
    let shown = chain.run(&format!("query tx {} --node {}", sent["hash"].as_str().unwrap(), proxy.url)).await.ok();
    assert!(!shown.stdout.contains("bob ("), "{}", shown.stdout);
    assert_eq!(proxy.sent().len(), 0);
}
