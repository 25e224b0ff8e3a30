//! The targets for everything else that is decoded from bytes of others.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Block, BlockInfo, StateRead as _, Statement as _,
    proof::verify,
    tx::{CallBody as _, DecodeError},
    typed_data,
};
use diem_credits::SignedVoucher;
use diem_index::StoredBlock;
use diem_runtime::{App, Options};
use diem_types::TxResult;
use diem_types::{Answer, Event, Query, Signed};
use ics23::{CommitmentProof, commitment_proof::Proof};
use prost_ics23::Message as _;

use crate::world::shared_chain;

/// The transaction decoder: a transaction that it accepts has exactly one encoding, and everything that is computed
/// from a transaction without state can be computed.
pub fn transaction(data: &[u8]) {
    let signed = match Signed::decode(data) {
        Ok(signed) => signed,
        Err(error) => {
            assert!(error != DecodeError::TooLarge || data.len() > diem_core::tx::MAX_TX_BYTES);
            return;
        }
    };
    assert_eq!(signed.tx.with_auth(&signed.auth, signed.payer_auth.as_ref()), data, "two encodings of one transaction");
    assert_eq!(signed.tx.sign_message(), signed.message());
    assert_eq!(signed.size, data.len());
    let _ = (signed.verify(), typed_data::digest(&signed.tx));
    for call in &signed.tx.calls {
        let _ = (call.text(), call.message().validate(), call.message().gas());
        let kind = typed_data::kind(&diem_core::encode(call));
        assert_ne!(kind, 0, "every call has a module and a number");
    }
}

/// InitChain with any genesis file: it is refused with a sentence, or starts a chain that can be exported and started
/// again.
pub fn init_chain(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let doc = match diem_genesis::from_json(text, "genesis.json") {
        Ok(doc) => doc,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let written = diem_genesis::from_json(&diem_genesis::to_json(&doc), "written").unwrap();
    assert_eq!(written.hash(), doc.hash(), "a genesis survives being written");
    let app = App::in_memory(Options::default());
    let Ok(first) = app.init_chain(&doc) else { return };
    assert_eq!(app.init_chain(&doc).unwrap(), first);
    let block = diem_testkit::chain::next_block(&app, &doc);
    live(&app, &block);
    let exported = app.export(doc.genesis_time).unwrap();
    let again = App::in_memory(Options::default());
    again.init_chain(&exported).unwrap();
    // Both execute a block of the same time: the exported chain goes on as the first one does.
    let next = Block { info: BlockInfo { height: block.info.height + 1, ..block.info }, ..block };
    live(&app, &next);
    live(&again, &next);
    assert_eq!(app.export(doc.genesis_time).unwrap(), again.export(doc.genesis_time).unwrap(), "an export goes on");
}

fn live(app: &App, block: &Block) {
    app.finalize(block, [1; 32], &[]).unwrap();
    app.commit(Vec::new()).unwrap();
    app.check_invariants().unwrap();
}

/// Queries and proofs: any question is answered or refused at any height, and any key is proven to be there or not.
pub fn query(data: &[u8]) {
    let [choice, data @ ..] = data else { return };
    let chain = shared_chain();
    let height = [None, Some(1), Some(3), Some(u64::from(*choice))][usize::from(choice % 4)];
    if choice & 0x80 == 0 {
        let Ok(query) = Query::try_from_slice(data) else { return };
        assert_eq!(borsh::to_vec(&query).unwrap(), data, "two encodings of one query");
        if let Ok(answered) = chain.app.query(query, height) {
            round_trip::<Answer>(&borsh::to_vec(&answered.answer).unwrap());
        }
        return;
    }
    let Ok(snapshot) = chain.app.snapshot(height) else { return };
    let (value, proof) = snapshot.prove(data);
    assert_eq!(value, snapshot.get(data));
    assert_eq!(verify(&snapshot.root(), data, value.as_deref(), &proof), Ok(()));
    let lie: Option<&[u8]> = if value.is_some() { None } else { Some(b"lie") };
    assert!(verify(&snapshot.root(), data, lie, &proof).is_err());
    assert!(verify(&[7; 32], data, value.as_deref(), &proof).is_err());
}

/// The verifier of proofs: no bytes make it accept what is false.
pub fn proof(data: &[u8]) {
    let Ok(proof) = CommitmentProof::decode(data) else { return };
    let snapshot = shared_chain().app.store().latest();
    let (key, claimed) = match &proof.proof {
        Some(Proof::Exist(proof)) => (proof.key.clone(), Some(proof.value.clone())),
        Some(Proof::Nonexist(proof)) => (proof.key.clone(), None),
        _ => (Vec::new(), None),
    };
    let believed = verify(&snapshot.root(), &key, claimed.as_deref(), &proof).is_ok();
    let truth = snapshot.get(&key);
    assert!(!believed || truth.as_deref() == claimed.as_deref(), "a lie about {key:02x?} was believed");
    let _ = verify(&snapshot.root(), &key, claimed.is_none().then_some(&b"x"[..]), &proof);
}

/// Vouchers as providers collect them: a voucher that decodes has one encoding, in borsh and in JSON, and its signature
/// is verified without a panic.
pub fn vouchers(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(signed) = serde_json::from_str::<SignedVoucher>(text)
    {
        let written = serde_json::to_string(&signed).unwrap();
        assert_eq!(
            serde_json::from_str::<SignedVoucher>(&written).unwrap(),
            signed,
            "a voucher survives being written"
        );
        judge(&signed);
    }
    round_trip::<SignedVoucher>(data);
    round_trip::<Vec<SignedVoucher>>(data);
    for signed in Vec::<SignedVoucher>::try_from_slice(data).unwrap_or_default() {
        judge(&signed);
    }
}

/// Checks that the signature is good only if the signer made it, and for these bytes alone.
fn judge(signed: &SignedVoucher) {
    if signed.verify().is_ok() {
        let mut other = signed.clone();
        other.voucher.requests ^= 1;
        assert!(other.verify().is_err(), "a signature for two vouchers");
    }
}

/// Events and index rows: a value that decodes has one encoding.
pub fn events(data: &[u8]) {
    if let Ok(events) = Event::decode_all(data) {
        let encoded: Vec<u8> = events.iter().flat_map(|event| borsh::to_vec(event).unwrap()).collect();
        assert_eq!(encoded, data, "two encodings of the same events");
    }
    round_trip::<StoredBlock>(data);
    round_trip::<Vec<(Vec<u8>, TxResult)>>(data);
    round_trip::<Answer>(data);
}

fn round_trip<T: BorshSerialize + BorshDeserialize>(data: &[u8]) {
    if let Ok(value) = T::try_from_slice(data) {
        assert_eq!(borsh::to_vec(&value).unwrap(), data, "two encodings of one {}", std::any::type_name::<T>());
    }
}
