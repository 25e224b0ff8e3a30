//! Calls, genesis and answers as bytes and as JSON.

use borsh::BorshDeserialize;
use diem_core::{Amount, Message as _, Metered as _, Module as _, Page, QueryContext};
use diem_staking::{Answer, Description, EditValidator, Genesis, Msg, Query, Staking};
use proptest::{collection::vec, prelude::*};

use crate::world::{World, bridge, description, empty, proof, units, vvv, who};

fn calls() -> Vec<Msg> {
    let described = Description { moniker: "one".into(), website: String::new() };
    vec![
        Msg::CreateValidator(description(5, Amount::MAX)),
        Msg::EditValidator(EditValidator { description: Some(described), commission: None }),
        Msg::Unjail,
        Msg::RotateBridgeKey {
            consensus_key: [5; 32],
            bridge_address: bridge(1).address(),
            proof: proof(5, &bridge(1)),
        },
        Msg::Stake { validator: who(1), amount: units(1) },
        Msg::Unstake { validator: who(1), amount: Amount::MAX },
        Msg::CancelUnstake { tranche: u64::MAX },
        Msg::Claim { validator: who(1) },
        Msg::ClaimAndStake { validator: who(1) },
    ]
}

#[test]
fn a_call_starts_with_its_number() {
    let numbers: Vec<u8> = calls().iter().map(|msg| borsh::to_vec(msg).unwrap().first().copied().unwrap()).collect();
    assert_eq!(numbers, (0..9).collect::<Vec<u8>>());
}

#[test]
fn calls_survive_json_to_the_last_digit() {
    for msg in calls() {
        let json = serde_json::to_string(&msg).unwrap();
        assert_eq!(serde_json::from_str::<Msg>(&json).unwrap(), msg, "{json}");
    }
    let json = r#"{"type":"stake","validator":"0x0101010101010101010101010101010101010101","amount":"7"}"#;
    assert_eq!(serde_json::from_str::<Msg>(json).unwrap(), Msg::Stake { validator: who(1), amount: units(7) });
}

#[test]
fn an_export_survives_json_to_the_last_digit() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, units(999_999_999_999_999_999_999_991)).unwrap();
    world.unstake(9, 1, vvv(3)).unwrap();
    world.restake(9, 1, 2, vvv(3)).unwrap();
    world.reward(units(1_001), 2_000);
    let genesis = Staking::export_genesis(&world.state);
    let json = serde_json::to_string(&genesis).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&json).unwrap(), genesis);
    assert_eq!(serde_json::from_str::<Genesis>("{}").unwrap(), Genesis::default(), "everything has a default");
    let typo = serde_json::from_str::<Genesis>(r#"{"validatrs": []}"#).unwrap_err();
    assert!(typo.to_string().contains("unknown field"), "{typo}");
}

#[test]
fn answers_have_no_number_that_a_reader_could_lose() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(100)).unwrap();
    world.restake(9, 1, 2, vvv(3)).unwrap();
    let account = who(9);
    let ctx = QueryContext { state: &world.state, block: world.now };
    for query in [
        Query::Params,
        Query::Validator(who(1)),
        Query::Validators(Page { after: None, limit: 10 }),
        Query::Position { account, validator: who(1) },
        Query::Positions { account, page: Page::largest(None) },
        Query::Leaving { account, page: Page::largest(None) },
        Query::ConsensusSet,
        Query::BridgeKey(bridge(1).address()),
    ] {
        let answer = diem_staking::query::answer(&ctx, query.clone()).unwrap();
        assert_eq!(Answer::try_from_slice(&borsh::to_vec(&answer).unwrap()).unwrap(), answer);
        let mut all = vec![serde_json::to_value(&answer).unwrap()];
        while let Some(value) = all.pop() {
            match value {
                serde_json::Value::Number(n) => assert!(n.as_u64().unwrap() < 1 << 53, "{query:?}: {n}"),
                serde_json::Value::Array(values) => all.extend(values),
                serde_json::Value::Object(fields) => all.extend(fields.into_iter().map(|(_, value)| value)),
                _ => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn bytes_are_a_call_in_one_way_or_none(bytes in vec(any::<u8>(), 0..400), tag in 0..10u8) {
        let bytes = [&[tag], &bytes[..]].concat();
        if let Ok(msg) = Msg::try_from_slice(&bytes) {
            prop_assert_eq!(borsh::to_vec(&msg).unwrap(), bytes);
            let _ = (msg.validate(), msg.gas(), msg.text());
        }
    }
}
