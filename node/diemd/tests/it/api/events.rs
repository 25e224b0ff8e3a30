//! The stream of events: complete, in order, resumable, and honest about a chain that was taken back.

use std::time::{Duration, Instant};

use diem_api::{ErrorReply, List, ValidatorDetail};
use diem_engine::{Engine as _, engine::BlockMode};
use serde_json::Value;

use super::running::{Running, start};

/// An event as a client receives it.
#[derive(Debug, PartialEq)]
struct Seen {
    id: String,
    kind: String,
    data: Value,
}

/// A reader of the stream.
struct Reader {
    answer: reqwest::Response,
    text: String,
}

impl Reader {
    async fn open(node: &Running, path: &str, last_id: Option<&str>) -> Self {
        let mut request = reqwest::Client::new().get(format!("http://{}{path}", node.address));
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self { answer, text: String::new() }
    }

    async fn next(&mut self) -> Seen {
        // Heartbeats count as answers, so the timeout is around all of it.
        tokio::time::timeout(Duration::from_secs(30), self.read()).await.unwrap()
    }

    async fn read(&mut self) -> Seen {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (parse(event), rest.to_owned());
                self.text = rest;
                match event {
                    Some(event) => return event,
                    None => continue,
                }
            }
            let chunk = self.answer.chunk().await.unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn take(&mut self, count: usize) -> Vec<Seen> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.next().await);
        }
        events
    }
}

/// Reads `count` events of the stream at `path`.
async fn read(node: &Running, path: &str, last_id: Option<&str>, count: usize) -> Vec<Seen> {
    Reader::open(node, path, last_id).await.take(count).await
}

fn parse(event: &str) -> Option<Seen> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
    let data = serde_json::from_str(&field("data:")?).unwrap();
    Some(Seen { id: field("id:")?, kind: field("event:")?, data })
}

/// The kinds and ids of events; the third part of an id, the begin of the block's hash, is left out.
fn ids(events: &[Seen]) -> Vec<(&str, &str)> {
    let place = |event: &Seen| event.id.rsplit_once('.').unwrap().0.len();
    events.iter().map(|event| (event.kind.as_str(), &event.id[..place(event)])).collect()
}

/// The error for a client that would read the stream from there.
async fn refusal(node: &Running, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("http://{}{path}", node.address)).await.unwrap();
    let status = answer.status().as_u16();
    let error = serde_json::from_str::<ErrorReply>(&answer.text().await.unwrap()).unwrap().error;
    (status, error.name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_comes_back_misses_nothing() {
    let node = start(BlockMode::Manual).await;
    let dev = node.engine.dev().unwrap();
    let txs: Vec<Vec<u8>> = (0..3).map(|nonce| node.transfer(0, nonce, 1, 1).bytes().to_vec()).collect();
    let wait = diem_api::Wait::Checked;
    node.client.submit_batch(&txs, wait, Duration::from_secs(10)).await.unwrap();
    dev.mine(2).await.unwrap();
    let all = read(&node, "/v1/events?from=1", None, 6).await;
    let expected = [("block", "1.0"), ("block", "2.0"), ("tx", "2.1"), ("tx", "2.2"), ("tx", "2.3"), ("block", "3.0")];
    assert_eq!(ids(&all), expected);
    assert_eq!(all[2].data["tx"]["nonce"], 0);
    assert_eq!(all[2].data["result"]["ok"], true);
    for (seen, event) in all.iter().enumerate().take(5) {
        let rest = all.len() - seen - 1;
        let resumed = read(&node, &format!("/v1/events?from={}", event.id), None, rest).await;
        assert_eq!(resumed, all[seen + 1..], "behind {}", event.id);
        let resumed = read(&node, "/v1/events", Some(&event.id), rest).await;
        assert_eq!(resumed, all[seen + 1..], "behind {}", event.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_taken_back_is_told() {
    let node = start(BlockMode::Manual).await;
    let dev = node.engine.dev().unwrap();
    let (snapshot, height) = dev.snapshot().await.unwrap();
    dev.mine(2).await.unwrap();
    let mut early = Reader::open(&node, "/v1/events", None).await;
    let mut reader = Reader::open(&node, &format!("/v1/events?from={}", height + 1), None).await;
    let mut events = reader.take(2).await;
    dev.revert(snapshot).await.unwrap();
    dev.mine(1).await.unwrap();
    events.extend(reader.take(2).await);
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["block", "block", "reverted", "block"]);
    assert_eq!(events[2].data["to"], height);
    assert_eq!(events[3].data["block"]["height"], height + 1);
    assert_ne!(events[3].data["block"]["hash"], events[0].data["block"]["hash"]);
    // A reader that waited for the next block, and so has seen none of those that are gone, is told too.
    assert_eq!(early.take(2).await, events[2..]);
    // The id of the `reverted` event leads to what replaced the blocks.
    assert_eq!(read(&node, "/v1/events", Some(&events[2].id), 1).await, events[3..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_that_news_names_the_branch_too() {
    let node = start(BlockMode::Manual).await;
    let dev = node.engine.dev().unwrap();
    dev.mine(3).await.unwrap();
    let (lower, _) = dev.snapshot().await.unwrap();
    dev.mine(3).await.unwrap();
    let (upper, height) = dev.snapshot().await.unwrap();
    dev.mine(4).await.unwrap();
    let mut reader = Reader::open(&node, &format!("/v1/events?from={}", height + 1), None).await;
    reader.take(4).await;
    dev.revert(upper).await.unwrap();
    let news = reader.take(1).await.remove(0);
    assert_eq!((news.kind.as_str(), &news.data["to"]), ("reverted", &serde_json::json!(height)));
    // While that block is in the chain, its reader goes on behind it.
    dev.mine(1).await.unwrap();
    let next = read(&node, "/v1/events", Some(&news.id), 1).await;
    assert_eq!(next[0].data["block"]["height"], height + 1);
    // Then the chain goes back further, and grows again.
    dev.revert(lower).await.unwrap();
    dev.mine(6).await.unwrap();
    let refused = refusal(&node, &format!("/v1/events?from={}", news.id)).await;
    assert_eq!(refused, (409, "reverted".to_owned()), "{}", news.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_taken_back_further_than_a_stream_remembers_is_read_anew() {
    let node = start(BlockMode::Manual).await;
    let dev = node.engine.dev().unwrap();
    let (snapshot, height) = dev.snapshot().await.unwrap();
    dev.mine(140).await.unwrap();
    let mut reader = Reader::open(&node, &format!("/v1/events?from={}", height + 1), None).await;
    reader.take(140).await;
    dev.revert(snapshot).await.unwrap();
    dev.mine(2).await.unwrap();
    // The reader may notice the revert in one step or in two.
    let (mut to, mut first) = (None, reader.take(1).await.remove(0));
    while first.kind == "reverted" {
        (to, first) = (Some(first.data["to"].clone()), reader.take(1).await.remove(0));
    }
    assert_eq!(to, Some(serde_json::json!(0)));
    let rest = reader.take(usize::try_from(height).unwrap()).await;
    let heights: Vec<_> = [first].iter().chain(&rest).map(|event| event.data["block"]["height"].clone()).collect();
    assert_eq!(heights, (1..=height + 1).map(serde_json::Value::from).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_to_another_branch_is_told_and_never_left_in_silence() {
    let node = start(BlockMode::Manual).await;
    let dev = node.engine.dev().unwrap();
    let (snapshot, height) = dev.snapshot().await.unwrap();
    dev.mine(5).await.unwrap();
    let seen = read(&node, &format!("/v1/events?from={}", height + 1), None, 5).await;
    let page = node.client.blocks(None, 2).await.unwrap();
    let pages = format!("/v1/blocks?after={}", page.next.as_ref().unwrap());
    let list = format!("http://{}/v1/validators?limit=1", node.address);
    let list: List<ValidatorDetail> = reqwest::get(list).await.unwrap().json().await.unwrap();
    let list = format!("/v1/validators?after={}", list.next.as_ref().unwrap());
    dev.revert(snapshot).await.unwrap();
    let reverted = (409, "reverted".to_owned());
    let last = seen.last().unwrap();
    assert_eq!(refusal(&node, &format!("/v1/events?from={}", last.id)).await, reverted, "the block is gone");
    // The new branch is as high as the old one was, and higher.
    dev.mine(6).await.unwrap();
    for event in &seen {
        assert_eq!(refusal(&node, &format!("/v1/events?from={}", event.id)).await, reverted, "{}", event.id);
    }
    assert_eq!(refusal(&node, &pages).await, reverted);
    assert_eq!(refusal(&node, &list).await, reverted);
    let again = read(&node, &format!("/v1/events?from={}", height + 1), None, 6).await;
    assert!(again.iter().zip(&seen).all(|(new, old)| new.data["block"]["hash"] != old.data["block"]["hash"]));
    let latest = node.app.info().height;
    for (from, expected) in [
        ("999999999".to_owned(), (404, "not_found")),
        (format!("{}", latest + 2), (404, "not_found")),
        (format!("{latest}.7"), (400, "bad_request")),
        ("1.0.zz".into(), (400, "bad_request")),
    ] {
        let (status, name) = refusal(&node, &format!("/v1/events?from={from}")).await;
        assert_eq!((status, name.as_str()), expected, "{from}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_ends_its_streams_with_a_word() {
    // A server that waited for its streams would take its grace period of 5 s each time; a busy machine is not always late.
    let mut shortest = Duration::MAX;
    for _ in 0..3 {
        let mut node = start(BlockMode::Manual).await;
        let request = reqwest::Client::new().get(format!("http://{}/v1/events", node.address));
        let mut answer = request.send().await.unwrap();
        let asked = Instant::now();
        node.stop().await;
        shortest = shortest.min(asked.elapsed());
        let mut said = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            said.extend_from_slice(&chunk);
        }
        let said = String::from_utf8(said).unwrap();
        assert!(said.ends_with("event: bye\ndata: {\"reason\":\"the node is stopping\"}\n\n"), "{said}");
    }
    assert!(shortest < Duration::from_secs(4), "{shortest:?}");
}
