//! Statements and what carries them: vote extensions and the first transaction of a block.

use diem_bridge::{BridgeVotes, Chunk, Domain, Error, Place, Statement, decode_extension};
use diem_core::encode;

use crate::vectors::{file, name, read};

/// What a node does with the bytes before it asks the state.
pub(crate) fn judge(bytes: &[u8], domain: &Domain) -> Result<BridgeVotes, Error> {
    let votes = BridgeVotes::decode(bytes)?;
    votes.check_order(domain)?;
    Ok(votes)
}

#[test]
fn statements_have_the_bytes_and_the_signer_that_another_library_gives() {
    let vectors = file("statements");
    let domain = vectors.domain();
    for case in vectors.cases() {
        let statement: Statement = case.json("statement");
        assert_eq!(hex::encode(encode(&statement)), hex::encode(case.bytes("bytes")));
        assert_eq!(read::<Statement>(&case.bytes("bytes")), Ok(statement));
        assert_eq!(statement.signer(&domain), Ok(case.address("signer")));
        assert_eq!(statement.place(), Place { kind: case.number("kind"), number: case.number("number") });
        let width = if case.number::<u8>("kind") == u8::MAX { 169 } else { 106 };
        assert_eq!(encode(&statement).len(), width);
    }
    for (case, bytes, error) in vectors.invalid("bytes") {
        let signer = read::<Statement>(&bytes).and_then(|statement| statement.signer(&domain));
        assert_eq!(name(&signer.unwrap_err()), error, "{case}");
    }
}

#[test]
fn vote_extensions_are_read_within_their_bounds() {
    let vectors = file("extensions");
    for case in vectors.cases() {
        let statements = decode_extension(&case.bytes("bytes")).unwrap();
        assert_eq!(statements.len(), case.number::<usize>("statements"), "{}", case.text("name"));
    }
    for (case, bytes, error) in vectors.invalid("bytes") {
        assert_eq!(name(&decode_extension(&bytes).unwrap_err()), error, "{case}");
    }
}

#[test]
fn chunks_fold_to_the_hash_after_their_last_event() {
    for case in file("chunks").cases() {
        let chunk: Chunk = case.json("chunk");
        assert_eq!(encode(&chunk), case.bytes("bytes"));
        assert_eq!(read::<Chunk>(&case.bytes("bytes")), Ok(chunk.clone()));
        assert_eq!(chunk.validate(), Ok(()));
        assert_eq!(chunk.hash(), case.array("rollingHash"));
    }
}

#[test]
fn the_first_transaction_of_a_block_has_one_form_only() {
    let vectors = file("votes");
    let domain = vectors.domain();
    for case in vectors.cases() {
        let votes = BridgeVotes { statements: case.json("statements"), chunk: case.json("chunk") };
        assert_eq!(hex::encode(votes.encode()), hex::encode(case.bytes("bytes")), "{}", case.text("name"));
        assert_eq!(judge(&case.bytes("bytes"), &domain), Ok(votes), "{}", case.text("name"));
    }
    for case in vectors.list("invalid") {
        let refusal = judge(&case.pieces("pieces"), &domain).unwrap_err();
        assert_eq!(name(&refusal), case.text("error"), "{}", case.text("name"));
    }
}
