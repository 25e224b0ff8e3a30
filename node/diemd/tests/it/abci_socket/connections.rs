//! Connections to the ABCI server: bytes that are not ABCI, and how and with what effect a connection ends.

use std::{
    io::{ErrorKind, Read as _, Write},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use diem_comet::abci::{Address, Handler, Server, frame_limit};
use parking_lot::Mutex;
use tendermint_proto::v0_38::{
    abci::{
        ExtendedCommitInfo, ExtendedVoteInfo, Request, RequestCommit, RequestEcho, RequestFlush, RequestInfo,
        RequestPrepareProposal, RequestProcessProposal, Response, Validator, request::Value as Ask,
        response::Value as Tell, response_process_proposal::ProposalStatus,
    },
    types::BlockIdFlag,
};

use super::{commit, doc, finalize, started, transfer};
use crate::support::{self, recorder, serve_up_to, timestamp};

#[test]
fn what_is_not_abci_ends_its_own_connection_only() {
    let (served, mut good, doc) = started(1);
    let mut varint = Vec::new();
    prost::encoding::encode_varint(u64::try_from(support::MAX_FRAME).unwrap() + 1, &mut varint);
    let unknown_kind = {
        let mut frame = Vec::new();
        prost::encoding::encode_varint(u64::from(99u32 << 3 | 2), &mut frame);
        frame.push(0);
        [&[u8::try_from(frame.len()).unwrap()][..], &frame].concat()
    };
    let garbage: [(&str, Vec<u8>); 6] = [
        ("http", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("an endless length", vec![0xff; 16]),
        ("too large", varint),
        ("an unknown kind", unknown_kind),
        ("no kind", vec![0]),
        ("not protobuf", vec![4, 0xff, 0xff, 0xff, 0xff]),
    ];
    for (name, bytes) in garbage {
        let mut bad = served.client();
        bad.stream.write_all(&bytes).unwrap();
        if name == "http" {
            // The first byte announces more than is sent.
            bad.stream.write_all(&[0x47; 100]).unwrap();
        }
        let answer = bad.receive();
        assert!(
            matches!(&answer, Some(Tell::Exception(said)) if said.error.contains("not ABCI 2.0")),
            "{name}: {answer:?}"
        );
        assert_eq!(bad.receive(), None, "{name}: the connection is closed");
    }
    let mut half = served.client();
    half.stream.write_all(&[10, 1, 2]).unwrap();
    drop(half);
    finalize(&mut good, &doc, 2, Vec::new());
    commit(&mut good);
    assert!(served.fatal.lock().is_empty(), "{:?}", served.fatal.lock());
}

#[test]
fn answers_before_a_malformed_message_are_still_sent() {
    let (_served, mut client, _) = started(0);
    let mut bytes = Vec::new();
    let echo = Ask::Echo(RequestEcho { message: "first".into() });
    prost::Message::encode_length_delimited(&Request { value: Some(echo) }, &mut bytes).unwrap();
    bytes.extend([0xff; 16]);
    client.stream.write_all(&bytes).unwrap();
    assert!(matches!(client.receive(), Some(Tell::Echo(_))));
    assert!(matches!(client.receive(), Some(Tell::Exception(_))));
    assert_eq!(client.receive(), None);
}

/// A node that halts votes for no block after that height, and executes none: its CometBFT waits until it is told to end.
#[test]
fn a_block_above_the_height_of_a_halt_is_refused_and_never_executed() {
    let (mut served, mut client, doc) = started(1);
    let halted = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&halted);
    served.commits.halt_at(2, move |height| told.lock().push(height));
    finalize(&mut client, &doc, 2, Vec::new());
    assert!(halted.lock().is_empty());
    commit(&mut client);
    assert_eq!(*halted.lock(), [2]);
    let txs = vec![transfer(&doc, 0)];
    let propose = RequestPrepareProposal { height: 3, max_tx_bytes: 1_000, txs, ..RequestPrepareProposal::default() };
    let Some(Tell::PrepareProposal(proposed)) = client.ask(Ask::PrepareProposal(propose)) else {
        panic!("no proposal")
    };
    assert!(proposed.txs.is_empty());
    let judge = RequestProcessProposal { height: 3, ..RequestProcessProposal::default() };
    let Some(Tell::ProcessProposal(judged)) = client.ask(Ask::ProcessProposal(judge)) else { panic!("no verdict") };
    assert_eq!(judged.status, i32::from(ProposalStatus::Reject));
    client.send(Ask::FinalizeBlock(support::block(&doc, 3, Vec::new())));
    // Everything else is answered.
    assert!(matches!(served.client().ask(Ask::Info(RequestInfo::default())), Some(Tell::Info(_))));
    client.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let error = client.stream.read(&mut [0; 16]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    client.stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    served.server.take().unwrap().stop();
    assert_eq!(client.receive(), None);
    assert_eq!((served.app.info().height, halted.lock().len()), (2, 1));
    assert!(served.fatal.lock().is_empty(), "{:?}", served.fatal.lock());
}

#[test]
fn a_block_of_megabytes_passes() {
    let (_served, mut client, doc) = started(1);
    let txs: Vec<Bytes> = (0..20_000).map(|_| Bytes::from(vec![7u8; 200])).collect();
    let answer = finalize(&mut client, &doc, 2, txs);
    assert_eq!(answer.tx_results.len(), 20_000);
}

/// Precommits that arrive late reach the proposer with extensions that nobody has verified: 1 MiB from each validator.
#[test]
fn a_proposal_with_the_largest_extensions_that_validators_can_send_is_made() {
    let doc = doc();
    let served = serve_up_to(frame_limit(doc.consensus.block_max_bytes), &doc);
    let mut client = served.client();
    client.start_chain(&doc);
    finalize(&mut client, &doc, 1, Vec::new());
    commit(&mut client);
    let vote = |number: u16| ExtendedVoteInfo {
        validator: Some(Validator { address: [&[7; 18][..], &number.to_be_bytes()].concat().into(), power: 1 }),
        vote_extension: vec![0xee; 1 << 20].into(),
        extension_signature: vec![1; 64].into(),
        block_id_flag: BlockIdFlag::Commit.into(),
    };
    let prepare = RequestPrepareProposal {
        max_tx_bytes: 1_000_000,
        txs: vec![transfer(&doc, 0)],
        local_last_commit: Some(ExtendedCommitInfo { round: 0, votes: (0..150).map(vote).collect() }),
        height: 2,
        time: Some(timestamp(doc.genesis_time.0 + 2_000)),
        proposer_address: vec![9; 20].into(),
        ..RequestPrepareProposal::default()
    };
    let Some(Tell::PrepareProposal(prepared)) = client.ask(Ask::PrepareProposal(prepare)) else {
        panic!("no proposal")
    };
    assert_eq!(prepared.txs, [transfer(&doc, 0)]);
    // The connection still works.
    finalize(&mut client, &doc, 2, prepared.txs);
    commit(&mut client);
    assert!(served.fatal.lock().is_empty(), "{:?}", served.fatal.lock());
}

#[test]
fn a_finalized_block_is_forgotten_when_the_last_connection_ends() {
    let (served, mut client, doc) = started(1);
    let mut other = served.client();
    // The connection was answered, so it is on the list.
    assert!(other.ask(Ask::Flush(RequestFlush {})).is_some());
    finalize(&mut client, &doc, 2, Vec::new());
    drop(client);
    while served.server().connections() > 1 {
        std::thread::yield_now();
    }
    let mut client = served.client();
    commit(&mut client);
    assert_eq!(served.app.info().height, 2, "kept while anyone is connected");

    finalize(&mut client, &doc, 3, Vec::new());
    let watch = served.server().connection_watch();
    assert!(!watch.wait_idle(Duration::from_millis(1)));
    drop((client, other));
    assert!(watch.wait_idle(Duration::from_secs(60)));
    assert_eq!(served.client().ask(Ask::Commit(RequestCommit {})), None);
    assert_eq!(served.app.info().height, 2);
    assert!(served.fatal.lock().join("").contains("without a finalized block"));
}

#[test]
fn stopping_ends_every_connection_and_removes_the_socket() {
    let (mut served, mut client, _) = started(0);
    served.server.take().unwrap().stop();
    assert_eq!(client.receive(), None);
    assert!(!served.path.exists());
}

#[test]
fn stopping_removes_the_folder_of_a_socket_outside_the_home() {
    let base = tempfile::tempdir().unwrap();
    let inside = base.path().join("home");
    let outside = base.path().join("x".repeat(110));
    for (home, stays) in [(inside, true), (outside, false)] {
        let address = Address::of_home(&home).unwrap();
        let Address::Unix(path) = &address else { panic!("not a unix socket") };
        let path = path.clone();
        let folder = path.parent().unwrap();
        assert_eq!(folder.starts_with(&home), stays);
        let server = Server::start(address, 100, Panics, recorder().0).unwrap();
        assert!(path.exists());
        server.stop();
        assert!(!path.exists());
        assert_eq!(folder.exists(), stays, "{}", folder.display());
    }
}

#[test]
fn a_stale_socket_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let address = Address::of_home(home.path()).unwrap();
    let Address::Unix(path) = &address else { panic!("not a unix socket") };
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    assert!(path.exists());
    let server = Server::start(address, 100, Panics, recorder().0).unwrap();
    server.stop();
}

/// A handler that panics on every request.
#[derive(Clone)]
struct Panics;

impl Handler for Panics {
    fn upcoming(&self, _: &[Request]) {}

    fn handle(&self, _: Request) -> Option<Response> {
        panic!("index {} of {}", 3, 2)
    }

    fn idle(&self) {}
}

#[test]
fn a_defect_is_said_and_never_answered() {
    let (on_fatal, said) = recorder();
    let any = Address::Tcp("127.0.0.1:0".parse().unwrap());
    let server = Server::start(any, 1_000, Panics, on_fatal).unwrap();
    let Address::Tcp(address) = *server.address() else { panic!("not TCP") };
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(&[2, 26, 0]).unwrap();
    let mut rest = Vec::new();
    // The server closes the connection, with or without a reset.
    let _ = std::io::Read::read_to_end(&mut stream, &mut rest);
    assert!(rest.is_empty());
    assert_eq!(*said.lock(), ["a defect in the application: index 3 of 2"]);
    server.stop();
}
