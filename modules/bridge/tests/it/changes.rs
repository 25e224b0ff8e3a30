//! No byte can be changed unnoticed: of anything that is signed, hashed or carried, each changed byte gives another
//! digest, another signer, another verdict, or no value at all.

use diem_bridge::{
    BaseEvent, BridgeState, Chunk, Domain, Preimage, SignatureList, Statement, ValidatorSet, bridge_address, fold,
    init_code_hash, pause_struct_hash, salt, token_address,
};
use diem_core::{Address, encode};
use diem_staking::{ConsensusProof, KeyProof};

use crate::{
    calls::call,
    contracts::constructor,
    statements::judge,
    vectors::{Vector, file, read},
};

/// Every way to change one byte in its lowest or in its highest bit.
fn changed(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len()).flat_map(move |place| {
        [1, 0x80].map(|bit| {
            let mut changed = bytes.to_vec();
            changed[place] ^= bit;
            changed
        })
    })
}

/// The same of an array.
fn changed_array<const N: usize>(bytes: [u8; N]) -> impl Iterator<Item = [u8; N]> {
    changed(&bytes).map(|bytes| bytes.try_into().unwrap()).collect::<Vec<_>>().into_iter()
}

fn changed_number(number: u64) -> impl Iterator<Item = u64> {
    changed_array(number.to_be_bytes()).map(u64::from_be_bytes)
}

/// Asserts that no changed value gives what the true one gives. `None` stands for a value that is refused.
fn all_differ<T, R: PartialEq>(values: impl Iterator<Item = T>, of: impl Fn(T) -> Option<R>, truth: &R) {
    let mut count = 0;
    for value in values {
        count += 1;
        assert!(of(value).as_ref() != Some(truth), "change {count} makes no difference");
    }
    assert!(count > 0, "nothing was changed");
}

#[test]
fn of_what_is_signed() {
    for case in file("preimages").cases() {
        let hash_of = |bytes: Vec<u8>| read::<Preimage>(&bytes).ok().map(|preimage| preimage.struct_hash());
        all_differ(changed(&case.bytes("bytes")), hash_of, &case.array("structHash"));
    }
    for case in file("checkpoints").cases() {
        let hash_of =
            |bytes: Vec<u8>| read(&bytes).ok().map(|checkpoint: diem_bridge::Checkpoint| checkpoint.struct_hash());
        all_differ(changed(&encode(&case.checkpoint())), hash_of, &case.array("structHash"));
    }
    for case in file("pauses").cases() {
        let hash_of = |nonce| Some(pause_struct_hash(nonce));
        all_differ(changed_number(case.number("pauseNonce")), hash_of, &case.array("structHash"));
    }
}

#[test]
fn of_the_domain() {
    let domain = file("batches").domain();
    let truth = domain.digest(&[7; 32]);
    let digest = |domain: Domain| Some(domain.digest(&[7; 32]));
    let chains = changed_number(domain.base_chain_id).map(|base_chain_id| Domain { base_chain_id, ..domain });
    let bridges = changed_array(domain.bridge.0).map(|bridge| Domain { bridge: Address(bridge), ..domain });
    let salts = changed_array(domain.salt).map(|salt| Domain { salt, ..domain });
    all_differ(chains.chain(bridges).chain(salts), digest, &truth);
    all_differ(changed_array([7; 32]), |hash| Some(domain.digest(&hash)), &truth);
    for case in file("salt_and_domain").list("salt") {
        let (genesis, chain, truth) = (case.array("genesisHash"), case.text("chainId"), case.array("salt"));
        all_differ(changed_array(genesis), |genesis| Some(salt(&genesis, &chain)), &truth);
        let names = changed(chain.as_bytes()).filter_map(|name| String::from_utf8(name).ok());
        all_differ(names, |name| Some(salt(&genesis, &name)), &truth);
    }
}

#[test]
fn of_the_address() {
    let case = &file("addresses").cases()[0];
    let arguments = constructor(&case.get("constructor"));
    let (code, bridge) = (case.bytes("creationCode"), case.address("bridge"));
    let hash = init_code_hash(&code, &arguments);
    all_differ(changed(&code), |code| Some(init_code_hash(&code, &arguments)), &hash);
    all_differ(changed_array(hash), |hash| Some(bridge_address(&arguments.salt, &hash)), &bridge);
    all_differ(changed_array(arguments.salt), |salt| Some(bridge_address(&salt, &hash)), &bridge);
    let token_of = |bridge| Some(token_address(&Address(bridge)));
    all_differ(changed_array(bridge.0), token_of, &case.address("token"));

    let encoded = arguments.encode();
    let others: [fn(&mut diem_bridge::Constructor); 9] = [
        |arguments| arguments.salt[31] ^= 1,
        |arguments| arguments.set_hash[0] ^= 1,
        |arguments| arguments.created_at ^= 1,
        |arguments| arguments.max_set_age ^= 1,
        |arguments| arguments.mint_capacity = diem_core::Amount::ONE,
        |arguments| arguments.share_bps ^= 1,
        |arguments| arguments.guardian.0[19] ^= 1,
        |arguments| arguments.chain_id.push('x'),
        |arguments| arguments.denom.push('x'),
    ];
    let changes = others.into_iter().map(|change| {
        let mut arguments = arguments.clone();
        change(&mut arguments);
        arguments.encode()
    });
    all_differ(changes, Some, &encoded);
}

#[test]
fn of_a_set() {
    let vectors = file("sets");
    let tag = vectors.array("salt");
    for case in vectors.cases() {
        let (nonce, created_at, truth) = (case.number("nonce"), case.number("createdAt"), case.array("setHash"));
        let set = ValidatorSet::decode(&case.bytes("bytes")).unwrap();
        let hash_of = |bytes: Vec<u8>| ValidatorSet::decode(&bytes).ok().map(|set| set.hash(&tag, nonce, created_at));
        all_differ(changed(&case.bytes("bytes")), hash_of, &truth);
        all_differ(changed_array(tag), |tag| Some(set.hash(&tag, nonce, created_at)), &truth);
        all_differ(changed_number(nonce), |nonce| Some(set.hash(&tag, nonce, created_at)), &truth);
        all_differ(changed_number(created_at), |at| Some(set.hash(&tag, nonce, at)), &truth);
    }
}

#[test]
fn of_a_list_of_signatures() {
    let vectors = file("signature_lists");
    let digest = vectors.get("batch").array("digest");
    let case = vectors.cases().into_iter().find(|case| case.text("name") == "seven of nine").unwrap();
    let set = ValidatorSet::decode(&case.bytes("set")).unwrap();
    let power_of =
        |bytes: Vec<u8>, digest: &[u8; 32]| SignatureList::decode(&bytes, 9).and_then(|list| list.power(&set, digest));
    // A list with a changed byte counts for nothing at all, not only for less.
    for bytes in changed(&case.bytes("bytes")) {
        assert!(power_of(bytes, &digest).is_err());
    }
    for digest in changed_array(digest) {
        assert!(power_of(case.bytes("bytes"), &digest).is_err());
    }
}

#[test]
fn of_a_statement() {
    let vectors = file("statements");
    let domain = vectors.domain();
    let about = |bytes: &[u8]| {
        let statement: Statement = read(bytes).ok()?;
        Some((statement.place(), statement.signer(&domain).ok()?))
    };
    for case in vectors.cases() {
        let bytes = case.bytes("bytes");
        let truth = about(&bytes).unwrap();
        assert_eq!(truth.1, case.address("signer"));
        all_differ(changed(&bytes), |bytes| about(&bytes), &truth);
    }
}

#[test]
fn of_events() {
    let mut before: [u8; 32] = file("events").array("before");
    for (case, nonce) in file("events").cases().iter().zip(1_u64..) {
        let (kind, payload, truth) = (case.number::<u8>("kind"), case.bytes("payload"), case.array("rollingHash"));
        all_differ(changed(&payload), |payload| Some(fold(&before, nonce, kind, &payload)), &truth);
        all_differ(changed_array(before), |before| Some(fold(&before, nonce, kind, &payload)), &truth);
        all_differ(changed_number(nonce), |nonce| Some(fold(&before, nonce, kind, &payload)), &truth);
        all_differ(changed_array([kind]), |[kind]| Some(fold(&before, nonce, kind, &payload)), &truth);
        let event = BaseEvent::decode(kind, &payload).unwrap();
        all_differ(changed(&payload), |payload| BaseEvent::decode(kind, &payload).ok(), &event);
        before = truth;
    }
    for case in file("chunks").cases() {
        let hash_of = |bytes: Vec<u8>| {
            let chunk: Chunk = read(&bytes).ok()?;
            chunk.validate().ok()?;
            Some(chunk.hash())
        };
        all_differ(changed(&case.bytes("bytes")), hash_of, &case.array("rollingHash"));
    }
}

#[test]
fn of_the_first_transaction_of_a_block() {
    let vectors = file("votes");
    let domain = vectors.domain();
    let case = vectors.cases().into_iter().find(|case| case.text("name") == "both").unwrap();
    // Three statements and the events: with all of them the signers would be recovered a hundred thousand times.
    let mut votes = judge(&case.bytes("bytes"), &domain).unwrap();
    votes.statements.truncate(3);
    let about = |bytes: &[u8]| {
        let votes = judge(bytes, &domain).ok()?;
        let signed = votes.statements.iter().map(|statement| (statement.place(), statement.signer(&domain)));
        Some((signed.collect::<Vec<_>>(), votes.chunk.map(|chunk| chunk.hash())))
    };
    let truth = about(&votes.encode()).unwrap();
    all_differ(changed(&votes.encode()), |bytes| about(&bytes), &truth);
}

#[test]
fn of_calls_of_slots_and_of_key_proofs() {
    for case in file("calls").cases() {
        let [module, msg @ ..] = &case.bytes("bytes")[..] else { panic!("a call has bytes") };
        for msg in changed(msg) {
            let bytes = [&[*module][..], &msg].concat();
            // What can be read has these bytes alone, so that it is not the call of other bytes.
            assert!(call(&bytes).is_err() || encode(&(*module, call(&bytes).unwrap())) == bytes);
        }
    }
    for case in file("slots").cases() {
        let word: [u8; 32] = case.array("word");
        let truth = BridgeState::decode(&word).unwrap();
        all_differ(changed_array(word), |word| BridgeState::decode(&word).ok(), &truth);
    }
    of_a_key_proof(&file("key_proof"));
}

fn of_a_key_proof(vector: &Vector) {
    let (chain, operator) = (vector.text("chainId"), vector.address("operator"));
    let (consensus, bridge) = (vector.array("consensusKey"), vector.address("bridgeAddress"));
    let (by_consensus, by_bridge) = (vector.array("consensusSignature"), vector.array("bridgeSignature"));
    let proof =
        |by_consensus, by_bridge| KeyProof { consensus: ConsensusProof::Signature(by_consensus), bridge: by_bridge };
    let good = proof(by_consensus, by_bridge);
    let holds = |proof: KeyProof, operator, consensus, bridge| {
        proof.verify(&chain, &Address(operator), &consensus, &Address(bridge)).ok()
    };
    all_differ(changed_array(operator.0), |operator| holds(good, operator, consensus, bridge.0), &());
    all_differ(changed_array(consensus), |consensus| holds(good, operator.0, consensus, bridge.0), &());
    all_differ(changed_array(bridge.0), |bridge| holds(good, operator.0, consensus, bridge), &());
    let changed_proofs = changed_array(by_bridge).map(|by_bridge| proof(by_consensus, by_bridge));
    let changed_proofs = changed_proofs.chain(changed_array(by_consensus).map(|other| proof(other, by_bridge)));
    all_differ(changed_proofs, |proof| holds(proof, operator.0, consensus, bridge.0), &());
}
