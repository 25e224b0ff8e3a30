//! The application over a real socket, asked by a client of our own: every method, and everything that a peer can do
//! wrong.

mod connections;

use std::io::Write;

use bytes::Bytes;
use diem_bank as bank;
use diem_comet::abci::PROOF_TYPE;
use diem_core::{Amount, proof};
use diem_testkit::{TxBuilder, genesis, people};
use diem_types::{APP_VERSION, Answer, GenesisDoc, Query};
use tendermint_proto::v0_38::{
    abci::{
        CommitInfo, ExtendedCommitInfo, Misbehavior, Request, RequestApplySnapshotChunk, RequestCheckTx, RequestCommit,
        RequestEcho, RequestExtendVote, RequestFlush, RequestInfo, RequestInitChain, RequestListSnapshots,
        RequestLoadSnapshotChunk, RequestOfferSnapshot, RequestPrepareProposal, RequestProcessProposal, RequestQuery,
        RequestVerifyVoteExtension, ResponseFinalizeBlock, ResponseQuery, Validator, VoteInfo, request::Value as Ask,
        response::Value as Tell,
    },
    types::BlockIdFlag,
};

use crate::support::{Client, Served, block, init_chain, serve, timestamp};

fn doc() -> GenesisDoc {
    genesis(&people(4))
}

/// Makes a valid transfer of the first person.
fn transfer(doc: &GenesisDoc, nonce: u64) -> Bytes {
    let people = people(4);
    TxBuilder::transfer(doc, &people[0], nonce, people[1].address, Amount::ONE).bytes()
}

fn check(tx: Bytes) -> Ask {
    Ask::CheckTx(RequestCheckTx { tx, r#type: 0 })
}

fn query(path: &str, data: Vec<u8>, height: i64, prove: bool) -> Ask {
    Ask::Query(RequestQuery { data: data.into(), path: path.into(), height, prove })
}

fn process(doc: &GenesisDoc, height: u64, txs: Vec<Bytes>) -> RequestProcessProposal {
    let block = block(doc, height, txs);
    RequestProcessProposal {
        txs: block.txs,
        proposed_last_commit: None,
        misbehavior: Vec::new(),
        hash: block.hash,
        height: block.height,
        time: block.time,
        next_validators_hash: block.next_validators_hash,
        proposer_address: block.proposer_address,
    }
}

fn finalize(client: &mut Client, doc: &GenesisDoc, height: u64, txs: Vec<Bytes>) -> ResponseFinalizeBlock {
    match client.ask(Ask::FinalizeBlock(block(doc, height, txs))) {
        Some(Tell::FinalizeBlock(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

fn commit(client: &mut Client) {
    assert!(matches!(client.ask(Ask::Commit(RequestCommit {})), Some(Tell::Commit(_))));
}

fn asked(client: &mut Client, ask: Ask) -> ResponseQuery {
    match client.ask(ask) {
        Some(Tell::Query(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

/// Serves a chain with `blocks` committed empty blocks.
fn started(blocks: u64) -> (Served, Client, GenesisDoc) {
    let doc = doc();
    let served = serve(&doc);
    let mut client = served.client();
    client.start_chain(&doc);
    for height in 1..=blocks {
        finalize(&mut client, &doc, height, Vec::new());
        commit(&mut client);
    }
    (served, client, doc)
}

#[test]
fn every_method_is_written_out() {
    let source = include_str!("../../../../comet/src/abci/app.rs");
    let methods = source.split("impl Application for Consensus {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let names = [
        "echo",
        "flush",
        "info",
        "init_chain",
        "query",
        "check_tx",
        "prepare_proposal",
        "process_proposal",
        "extend_vote",
        "verify_vote_extension",
        "finalize_block",
        "commit",
        "list_snapshots",
        "offer_snapshot",
        "load_snapshot_chunk",
        "apply_snapshot_chunk",
    ];
    for name in names {
        assert!(methods.contains(&format!("    fn {name}(&self")), "{name} is left to the crate's default");
    }
    assert_eq!(methods.matches("    fn ").count(), names.len());
}

fn proposals_are_made_and_judged(client: &mut Client, doc: &GenesisDoc) {
    let prepare = RequestPrepareProposal {
        max_tx_bytes: 1_000_000,
        txs: vec![b"garbage".as_slice().into(), transfer(doc, 0)],
        local_last_commit: Some(ExtendedCommitInfo::default()),
        height: 1,
        time: Some(timestamp(doc.genesis_time.0 + 1_000)),
        proposer_address: vec![9; 20].into(),
        ..RequestPrepareProposal::default()
    };
    let Some(Tell::PrepareProposal(prepared)) = client.ask(Ask::PrepareProposal(prepare)) else { panic!("none") };
    assert_eq!(prepared.txs, [transfer(doc, 0)]);
    let status = |answer| match answer {
        Some(Tell::ProcessProposal(answer)) => answer.status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status(client.ask(Ask::ProcessProposal(process(doc, 1, prepared.txs)))), 1, "accepted");
    assert_eq!(status(client.ask(Ask::ProcessProposal(process(doc, 1, vec![b"x".as_slice().into()])))), 2, "rejected");
}

fn votes_are_extended_by_nothing_and_judged_by_length(client: &mut Client) {
    let extended = client.ask(Ask::ExtendVote(RequestExtendVote::default()));
    assert!(matches!(extended, Some(Tell::ExtendVote(answer)) if answer.vote_extension.is_empty()));
    for (length, expected) in [(0, 1), (1_024, 1), (1_025, 2)] {
        let vote = RequestVerifyVoteExtension {
            vote_extension: vec![0; length].into(),
            ..RequestVerifyVoteExtension::default()
        };
        let answer = client.ask(Ask::VerifyVoteExtension(vote));
        assert!(matches!(answer, Some(Tell::VerifyVoteExtension(answer)) if answer.status == expected), "{length}");
    }
}

fn snapshots_are_neither_offered_nor_taken(client: &mut Client) {
    let listed = client.ask(Ask::ListSnapshots(RequestListSnapshots {}));
    assert!(matches!(listed, Some(Tell::ListSnapshots(answer)) if answer.snapshots.is_empty()));
    let offered = client.ask(Ask::OfferSnapshot(RequestOfferSnapshot::default()));
    assert!(matches!(offered, Some(Tell::OfferSnapshot(answer)) if answer.result == 3), "{offered:?}");
    let loaded = client.ask(Ask::LoadSnapshotChunk(RequestLoadSnapshotChunk::default()));
    assert!(matches!(loaded, Some(Tell::LoadSnapshotChunk(answer)) if answer.chunk.is_empty()));
    let applied = client.ask(Ask::ApplySnapshotChunk(RequestApplySnapshotChunk::default()));
    assert!(matches!(&applied, Some(Tell::ApplySnapshotChunk(answer)) if answer.result == 2), "{applied:?}");
}

#[test]
fn sixteen_questions_get_sixteen_answers_of_their_kind() {
    let (_served, mut client, doc) = started(0);
    let root = client.start_chain(&doc);
    assert_eq!(root.len(), 32);

    let echo = client.ask(Ask::Echo(RequestEcho { message: "hello".into() }));
    assert!(matches!(echo, Some(Tell::Echo(answer)) if answer.message == "hello"));
    assert!(matches!(client.ask(Ask::Flush(RequestFlush {})), Some(Tell::Flush(_))));
    let Some(Tell::Info(info)) = client.ask(Ask::Info(RequestInfo::default())) else { panic!("no info") };
    assert_eq!((info.data.as_str(), info.app_version, info.last_block_height), ("diem", APP_VERSION, 0));
    assert!(info.last_block_app_hash.is_empty());
    assert_ne!(asked(&mut client, query("/nowhere", Vec::new(), 0, false)).code, 0);
    let Some(Tell::CheckTx(checked)) = client.ask(check(b"garbage".as_slice().into())) else { panic!("no check") };
    assert_eq!((checked.code, checked.codespace.as_str()), (1, "chain"));
    assert!(checked.data.is_empty() && !checked.log.is_empty());

    proposals_are_made_and_judged(&mut client, &doc);
    votes_are_extended_by_nothing_and_judged_by_length(&mut client);
    let finalized = finalize(&mut client, &doc, 1, Vec::new());
    assert_eq!(finalized.app_hash.len(), 32);
    assert!(finalized.consensus_param_updates.is_none() && finalized.validator_updates.is_empty());
    commit(&mut client);
    let Some(Tell::Info(info)) = client.ask(Ask::Info(RequestInfo::default())) else { panic!("no info") };
    assert_eq!((info.last_block_height, info.app_version), (1, APP_VERSION));
    assert_eq!(info.last_block_app_hash, finalized.app_hash);

    snapshots_are_neither_offered_nor_taken(&mut client);
}

#[test]
fn a_block_gets_one_result_for_each_transaction_and_garbage_changes_nothing() {
    let (_served, mut client, doc) = started(1);
    let good = transfer(&doc, 0);
    let unknown = [&[9u8][..], &good[1..]].concat();
    let left_over = [&good[..], &[0]].concat();
    let txs = vec![Bytes::new(), good.clone(), unknown.into(), left_over.into(), good.slice(..40), good];
    let mixed = finalize(&mut client, &doc, 2, txs);
    let codes: Vec<u32> = mixed.tx_results.iter().map(|result| result.code).collect();
    assert_eq!(codes, [1, 0, 1, 1, 1, 13], "malformed, fine, malformed three times, nonce used");
    assert!(mixed.tx_results.iter().all(|result| result.data.is_empty()));
    let alone = finalize(&mut client, &doc, 2, vec![transfer(&doc, 0)]);
    assert_eq!(mixed.app_hash, alone.app_hash);
    commit(&mut client);
}

#[test]
fn init_chain_twice_gives_the_same_root_and_another_genesis_is_refused() {
    let doc = doc();
    let served = serve(&doc);
    let mut client = served.client();
    let first = client.start_chain(&doc);
    assert_eq!(client.start_chain(&doc), first);
    assert_eq!(served.app.chain().unwrap().genesis_hash, doc.hash());

    // Another genesis is refused, and so is the right one with any other field wrong.
    let right = init_chain(&doc);
    let mut weaker = right.clone();
    weaker.validators[0].power -= 1;
    let mut later = right.clone();
    later.time.as_mut().unwrap().seconds += 1;
    let renamed = RequestInitChain { chain_id: "other-dev".into(), ..right };
    let other = GenesisDoc { genesis_time: diem_core::Time(doc.genesis_time.0 + 1), ..doc.clone() };
    for request in [init_chain(&other), weaker, later, renamed] {
        let served = serve(&doc);
        assert_eq!(served.client().ask(Ask::InitChain(request)), None, "closed unanswered");
        let said = served.fatal.lock().join("\n");
        assert!(said.contains("both must come from the same file"), "{said}");
    }
    // Once a block is committed, there is nothing to start.
    finalize(&mut client, &doc, 1, Vec::new());
    commit(&mut client);
    assert_eq!(client.ask(Ask::InitChain(init_chain(&doc))), None, "closed unanswered");
    let said = served.fatal.lock().join("\n");
    assert!(said.contains("this home holds it at height 1"), "{said}");
}

#[test]
fn a_genesis_that_consensus_may_not_have_is_refused() {
    type Spoil = fn(&mut RequestInitChain);
    let cases: [(&str, Spoil); 6] = [
        ("app_state cannot be read", |request| request.app_state_bytes = b"{}".as_slice().into()),
        ("not ed25519", |request| request.validators[0].pub_key = None),
        ("without consensus parameters", |request| request.consensus_params = None),
        ("version 7 of the application", |request| {
            request.consensus_params.as_mut().unwrap().version.as_mut().unwrap().app = 7;
        }),
        ("time before 1970", |request| request.time.as_mut().unwrap().seconds = -1),
        ("time after the year 9999", |request| request.time.as_mut().unwrap().seconds = 253_402_300_800),
    ];
    for (sentence, spoil) in cases {
        let served = serve(&doc());
        let mut request = init_chain(&doc());
        spoil(&mut request);
        assert_eq!(served.client().ask(Ask::InitChain(request)), None);
        let said = served.fatal.lock().join("\n");
        assert!(said.contains(sentence), "{sentence} in: {said}");
    }
}

#[test]
fn a_failure_of_the_application_is_said_and_never_answered() {
    let (served, mut client, doc) = started(1);
    assert_eq!(client.ask(Ask::FinalizeBlock(block(&doc, 7, Vec::new()))), None);
    let said = served.fatal.lock().join("\n");
    assert!(said.contains("block 7") && said.contains("block 2"), "{said}");
    assert_eq!(served.app.info().height, 1);
}

#[test]
fn votes_and_evidence_arrive_and_impossible_ones_reject_the_proposal() {
    let (_served, mut client, doc) = started(1);
    let vote = |address: &[u8], flag: i32| VoteInfo {
        validator: Some(Validator { address: Bytes::copy_from_slice(address), power: 10 }),
        block_id_flag: flag,
    };
    let with = |votes: Vec<VoteInfo>, misbehavior: Vec<Misbehavior>| RequestProcessProposal {
        proposed_last_commit: Some(CommitInfo { round: 0, votes }),
        misbehavior,
        ..process(&doc, 2, Vec::new())
    };
    let commit = i32::from(BlockIdFlag::Commit);
    let evidence = Misbehavior {
        r#type: 1,
        validator: Some(Validator { address: vec![1; 20].into(), power: 10 }),
        height: 1,
        time: Some(timestamp(doc.genesis_time.0)),
        total_voting_power: 10,
    };
    let cases = [
        (with(vec![vote(&[1; 20], commit)], vec![evidence.clone()]), 1),
        (with(vec![vote(&[1; 19], commit)], Vec::new()), 2),
        (with(vec![vote(&[1; 20], 0)], Vec::new()), 2),
        (with(Vec::new(), vec![Misbehavior { r#type: 0, ..evidence }]), 2),
        (RequestProcessProposal { hash: Bytes::new(), ..process(&doc, 2, Vec::new()) }, 2),
        (RequestProcessProposal { time: None, ..process(&doc, 2, Vec::new()) }, 2),
        (RequestProcessProposal { height: -3, ..process(&doc, 2, Vec::new()) }, 2),
    ];
    for (request, expected) in cases {
        let answer = client.ask(Ask::ProcessProposal(request.clone()));
        assert!(matches!(&answer, Some(Tell::ProcessProposal(answer)) if answer.status == expected), "{request:?}");
    }
    let bad = RequestPrepareProposal { height: 2, max_tx_bytes: -1, ..RequestPrepareProposal::default() };
    let answer = client.ask(Ask::PrepareProposal(bad));
    assert!(matches!(&answer, Some(Tell::PrepareProposal(answer)) if answer.txs.is_empty()), "{answer:?}");
}

#[test]
fn rows_are_proven_and_questions_answered() {
    let (served, mut client, doc) = started(3);
    let root = served.app.snapshot(Some(2)).unwrap().root();
    let person = people(1)[0].address;
    // The key is bank (1), accounts (0), address.
    let key = [&[1u8, 0][..], &person.0].concat();
    let absent = [&[1u8, 0][..], &[0xee; 20]].concat();
    for (key, there) in [(key, true), (absent, false)] {
        let answer = asked(&mut client, query("/store", key.clone(), 0, true));
        assert_eq!((answer.code, answer.height), (0, 2), "{}", answer.log);
        assert_eq!(!answer.value.is_empty(), there, "the row of {}", hex::encode(&key));
        let ops = answer.proof_ops.unwrap().ops;
        assert_eq!((ops.len(), ops[0].r#type.as_str(), &ops[0].key), (1, PROOF_TYPE, &key));
        let ics: ics23::CommitmentProof = prost_ics23::Message::decode(ops[0].data.as_slice()).unwrap();
        proof::verify(&root, &key, there.then_some(&answer.value[..]), &ics).unwrap();
        let bare = asked(&mut client, query("/store", key, 0, false));
        assert_eq!((bare.height, bare.value.is_empty(), bare.proof_ops.is_none()), (3, !there, true));
    }
    let question = borsh::to_vec(&Query::Bank(bank::Query::Account(person))).unwrap();
    let answer = asked(&mut client, query("/query", question, 0, false));
    let Answer::Bank(bank::Answer::Account(account)) = borsh::from_slice(&answer.value).unwrap() else {
        panic!("other")
    };
    assert_eq!(account.vvv, Amount::ONE.checked_mul(1_000).unwrap());
    for (path, data, height) in
        [("/query", vec![255, 1], 0), ("/store", vec![1], 99), ("/store", vec![1], -1), ("", vec![], 0)]
    {
        let answer = asked(&mut client, query(path, data, height, true));
        assert_ne!(answer.code, 0, "{path} {height}");
        assert!(!answer.log.is_empty());
    }
    finalize(&mut client, &doc, 4, Vec::new());
}

#[test]
fn a_pipeline_of_checks_is_answered_in_order() {
    let (_served, mut client, doc) = started(1);
    let (people, mut bytes) = (people(4), Vec::new());
    // The amount is so small that one sender has enough for all of them.
    let small = |nonce| TxBuilder::transfer(&doc, &people[0], nonce, people[1].address, Amount::new(1)).bytes();
    for nonce in 0..2_000u64 {
        // Every tenth transaction is garbage, to check the order of the results.
        let tx = if nonce % 10 == 9 { Bytes::new() } else { small(nonce - nonce / 10) };
        prost::Message::encode_length_delimited(&Request { value: Some(check(tx)) }, &mut bytes).unwrap();
    }
    prost::Message::encode_length_delimited(&Request { value: Some(Ask::Flush(RequestFlush {})) }, &mut bytes).unwrap();
    let mut writer = client.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || writer.write_all(&bytes).unwrap());
    for nonce in 0..2_000u64 {
        let Some(Tell::CheckTx(answer)) = client.receive() else { panic!("no answer to {nonce}") };
        assert_eq!(answer.code, u32::from(nonce % 10 == 9), "{nonce}: {}", answer.log);
    }
    assert!(matches!(client.receive(), Some(Tell::Flush(_))));
    sender.join().unwrap();
}
