//! The payments that somebody between a wallet and its node can keep, and what the wallet still signs beside them.

use std::time::Duration;

use diem_api::Wait;
use diem_client::{
    Client, Sender,
    build::{BuildError, Intent},
};
use diem_core::{
    Amount, Denom,
    keys::{KeyKind, SecretKey},
};
use diem_genesis::presets::{TEST_MNEMONIC, person_path};
use diem_types::Call;
use diem_wallet::derive;
use serde_json::Value;

use super::chain::Chain;
use crate::support::proxy::Proxy;

/// Makes a change of one path's answers.
pub(crate) fn at(
    path: &'static str,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> impl Fn(&str, &mut Value) + Send + Sync {
    move |asked, answer| {
        if asked == path {
            change(answer);
        }
    }
}

pub(crate) fn alice() -> SecretKey {
    let phrase = derive::parse_phrase(TEST_MNEMONIC).unwrap();
    derive::derive(&phrase, KeyKind::Ed25519, &person_path(0)).unwrap().key()
}

pub(crate) fn pays(key: &SecretKey, chain: &Chain) -> Intent {
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
