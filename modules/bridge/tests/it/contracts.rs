//! Where the contracts lie, and what is proven of their storage.

use diem_bridge::{
    BRIDGE_STATE_SLOT, BridgeState, CREATE2_DEPLOYER, Constructor, DENOM, Domain, FIRST_NONCE, MAX_EVENTS, MAX_MEMBERS,
    MAX_PAYLOAD_BYTES, MAX_STATEMENTS, MAX_SUBMITTED, MAX_TRANSFERS, MAX_VOTES_BYTES, ROLLING_HASH_SLOT, SET_HASH_SLOT,
    TOTAL_SUPPLY_SLOT, bridge_address, init_code_hash, salt, token_address,
};

use crate::vectors::{Vector, file, name as error_name};

pub(crate) fn constructor(of: &Vector) -> Constructor {
    Constructor {
        salt: of.array("salt"),
        set_hash: of.array("setHash"),
        created_at: of.number("createdAt"),
        max_set_age: of.number("maxSetAge"),
        mint_capacity: of.amount("mintCapacity"),
        share_bps: of.number("shareBps"),
        guardian: of.address("guardian"),
        chain_id: of.text("chainId"),
        denom: of.text("denom"),
    }
}

#[test]
fn the_salt_names_the_genesis_and_the_chain() {
    for case in file("salt_and_domain").list("salt") {
        assert_eq!(salt(&case.array("genesisHash"), &case.text("chainId")), case.array("salt"));
    }
}

#[test]
fn the_domain_is_that_of_ethers() {
    for case in file("salt_and_domain").list("domain") {
        let domain: Domain = case.as_domain();
        assert_eq!(domain.separator(), case.array("separator"));
    }
}

#[test]
fn both_addresses_follow_from_the_init_code() {
    let vectors = file("addresses");
    assert_eq!(CREATE2_DEPLOYER, vectors.address("deployer"));
    for case in vectors.cases() {
        let arguments = constructor(&case.get("constructor"));
        assert_eq!(hex::encode(arguments.encode()), hex::encode(case.bytes("encoded")));
        let hash = init_code_hash(&case.bytes("creationCode"), &arguments);
        assert_eq!(hash, case.array("initCodeHash"));
        let bridge = bridge_address(&arguments.salt, &hash);
        assert_eq!(bridge, case.address("bridge"));
        assert_eq!(token_address(&bridge), case.address("token"));
    }
}

#[test]
fn the_first_slot_is_read_and_written_as_solidity_packs_it() {
    let vectors = file("slots");
    for case in vectors.cases() {
        let state = BridgeState {
            event_nonce: case.number("eventNonce"),
            set_nonce: case.number("setNonce"),
            set_created_at: case.number("setCreatedAt"),
            active: case.number::<u8>("status") == 1,
        };
        assert_eq!(state.encode(), case.array("word"));
        assert_eq!(BridgeState::decode(&case.array("word")), Ok(state));
    }
    for (case, word, error) in vectors.invalid("word") {
        let refusal = BridgeState::decode(&word.try_into().unwrap()).unwrap_err();
        assert_eq!(error_name(&refusal), error, "{case}");
    }
}

#[test]
fn both_sides_have_the_same_constants() {
    let constants = file("constants");
    assert_eq!(CREATE2_DEPLOYER, constants.address("create2Deployer"));
    assert_eq!(DENOM, constants.text("denom"));
    for (ours, name) in [
        (FIRST_NONCE, "firstNonce"),
        (MAX_MEMBERS as u64, "mostMembers"),
        (MAX_TRANSFERS as u64, "mostTransfers"),
        (MAX_STATEMENTS as u64, "mostStatementsOfABlock"),
        (MAX_EVENTS as u64, "mostEventsOfAChunk"),
        (MAX_PAYLOAD_BYTES as u64, "mostBytesOfAPayload"),
        (MAX_VOTES_BYTES as u64, "mostBytesOfABlock"),
        (MAX_SUBMITTED as u64, "mostStatementsOfACall"),
    ] {
        assert_eq!(ours, constants.number::<u64>(name), "{name}");
    }
    let slots = constants.get("slots");
    for (ours, name) in [
        (BRIDGE_STATE_SLOT, "bridgeState"),
        (ROLLING_HASH_SLOT, "rollingHash"),
        (SET_HASH_SLOT, "setHash"),
        (TOTAL_SUPPLY_SLOT, "totalSupply"),
    ] {
        assert_eq!(ours, slots.number::<u64>(name), "{name}");
    }
}
