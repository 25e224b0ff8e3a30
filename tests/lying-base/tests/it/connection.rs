use std::time::Duration;

use diem_lying_base::{Lie, Scope};
use serde_json::{Value, json};

use crate::world::{World, client, question};

const METHOD: &str = "eth_chainId";

/// The answer of the proxy's connection, whatever becomes of it.
async fn send(url: &str) -> reqwest::Result<reqwest::Response> {
    client().post(url).json(&question(METHOD, json!([]))).send().await
}

#[tokio::test]
async fn connections_are_refused_and_taken_again_at_the_same_port() {
    let Some(world) = World::start().await else { return };
    world.is_true(METHOD, json!([])).await;
    world.proxy.lie(Lie::Refuse);
    assert!(send(&world.proxy.url()).await.unwrap_err().is_connect());
    world.proxy.honest();
    world.is_true(METHOD, json!([])).await;
}

#[tokio::test]
async fn an_endpoint_is_dead_for_one_victim_only() {
    let Some(world) = World::start().await else { return };
    world.proxy.lie_within(Scope::victim("v1"), Lie::Refuse);
    assert!(send(&world.proxy.url_of("v1")).await.is_err());
    assert!(send(&world.proxy.url_of("v2")).await.is_ok());
    assert_eq!(world.proxy.counts().told("refuse"), 1);
}

#[tokio::test]
async fn a_connection_breaks_in_the_middle_of_an_answer() {
    let Some(world) = World::start().await else { return };
    world.proxy.lie(Lie::CutOff);
    let mut answer = send(&world.proxy.url()).await.unwrap();
    let length = answer.content_length().unwrap();
    let mut read = 0;
    let error = loop {
        match answer.chunk().await {
            Ok(part) => read += part.expect("the body is not complete").len(),
            Err(error) => break error,
        }
    };
    assert!(u64::try_from(read).unwrap() < length, "{error}");
    world.proxy.honest();
    world.is_true(METHOD, json!([])).await;
}

#[tokio::test]
async fn an_answer_dribbles_on_behind_what_would_be_its_end() {
    let Some(world) = World::start().await else { return };
    let truth = send(&world.upstream()).await.unwrap().bytes().await.unwrap();
    world.proxy.lie(Lie::Dribble);
    let mut answer = send(&world.proxy.url()).await.unwrap();
    let mut body = Vec::new();
    while body.len() < truth.len() + 5 {
        body.extend_from_slice(&answer.chunk().await.unwrap().expect("the body has no end"));
    }
    assert_eq!(body[..truth.len() - 1], truth[..truth.len() - 1]);
    assert!(serde_json::from_slice::<Value>(&body).is_err());
    drop(answer);
    world.proxy.honest();
    world.is_true(METHOD, json!([])).await;
}

#[tokio::test]
async fn an_answer_floods_whoever_reads_it() {
    let Some(world) = World::start().await else { return };
    world.proxy.lie(Lie::Flood);
    let mut answer = send(&world.proxy.url()).await.unwrap();
    let mut read = 0;
    while read < 16 << 20 {
        read += answer.chunk().await.unwrap().expect("the body has no end").len();
    }
    drop(answer);
    world.proxy.honest();
    world.is_true(METHOD, json!([])).await;
}

#[tokio::test]
async fn answers_come_late() {
    let Some(world) = World::start().await else { return };
    world.proxy.lie(Lie::Slow(600_000));
    assert!(tokio::time::timeout(Duration::from_millis(300), send(&world.proxy.url())).await.is_err());
    world.proxy.honest();
    world.proxy.lie(Lie::Slow(1));
    world.is_true(METHOD, json!([])).await;
}

#[tokio::test]
async fn there_were_too_many_requests() {
    let Some(world) = World::start().await else { return };
    world.proxy.lie(Lie::TooManyRequests);
    assert_eq!(send(&world.proxy.url()).await.unwrap().status(), 429);
    world.proxy.honest();
    assert_eq!(send(&world.proxy.url()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn each_question_is_answered_with_an_error() {
    let Some(world) = World::start().await else { return };
    world.is_true(METHOD, json!([])).await;
    world.proxy.lie(Lie::InternalError);
    assert_eq!(world.refusal(METHOD, json!([])).await["code"], -32_603);
    world.proxy.honest();
    world.is_true(METHOD, json!([])).await;
}

#[tokio::test]
async fn an_answer_has_another_id() {
    let Some(world) = World::start().await else { return };
    world.proxy.lie(Lie::OtherId);
    let told = world.answer(&world.proxy.url(), METHOD, json!([])).await;
    assert_eq!(told["id"], 8);
    assert_eq!(told["result"], world.truth(METHOD, json!([])).await);
}

#[tokio::test]
async fn an_upstream_that_is_gone_is_named() {
    let Some(world) = World::start().await else { return };
    let proxy = diem_lying_base::LyingBase::start(diem_lying_base::Options::new("http://127.0.0.1:1")).unwrap();
    let answer = send(&proxy.url()).await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(answer.text().await.unwrap().starts_with("the upstream did not answer"));
    drop(world);
}
