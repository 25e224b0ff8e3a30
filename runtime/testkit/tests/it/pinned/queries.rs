//! One of each query, and the answers of a chain that has lived two days.

use diem_bank as bank;
use diem_core::{Address, Amount, Page};
use diem_credits as credits;
use diem_diem as diem;
use diem_emissions as emissions;
use diem_staking as staking;
use diem_svvv as svvv;
use diem_testkit::{
    Economy,
    economy::{PROVIDER, bridge, validator},
    far_story::chain_with_every_row_of_base,
};
use diem_types::Query;
use serde_json::json;

use super::{amount, bytes_of, kinds};

fn staking_queries(account: Address) -> Vec<Query> {
    use staking::Query as Q;
    let validator = validator(1);
    let queries = [
        Q::Params,
        Q::Validator(validator),
        Q::Validators(Page { after: None, limit: 2 }),
        Q::Position { account, validator },
        Q::Positions { account, page: Page::largest(None) },
        Q::Leaving { account, page: Page::largest(None) },
        Q::ConsensusSet,
        Q::BridgeKey(bridge(0).address()),
    ];
    queries.map(Query::Staking).into()
}

fn credits_queries(economy: &Economy) -> Vec<Query> {
    use credits::Query as Q;
    let (account, day) = (economy.who(0), economy.today());
    let (provider, page) = (economy.who(PROVIDER), Page { after: None, limit: 10 });
    let queries = [
        Q::Account(account),
        Q::Stake { staker: economy.who(4), page },
        Q::Grants(account),
        Q::Voucher { account, signer: economy.who(5), provider },
        Q::Offers(page),
        Q::Provider(provider),
        Q::Providers(page),
        Q::Today,
        Q::Day(day - 1),
        Q::Days(Page { after: None, limit: 10 }),
        Q::DayProviders { day: day - 1, page },
        Q::Params,
    ];
    queries.map(Query::Credits).into()
}

/// One question of each kind.
pub(crate) fn queries(economy: &Economy) -> Vec<Query> {
    let account = economy.who(1);
    let bank =
        [bank::Query::Account(account), bank::Query::Supply, bank::Query::Pools, bank::Query::Params].map(Query::Bank);
    let locks = svvv::Query::Locks { account, page: Page::largest(None) };
    let svvv = [svvv::Query::Lock { account, validator: validator(1) }, locks];
    let diem = [
        diem::Query::QuoteIn(amount()),
        diem::Query::QuoteOut(Amount::new(Amount::ONE.get() * 1_500)),
        diem::Query::Rate,
        diem::Query::Curve,
    ];
    let emissions = [emissions::Query::Emission, emissions::Query::Schedule, emissions::Query::RentPool];
    [
        bank.into(),
        staking_queries(account),
        svvv.map(Query::Svvv).into(),
        diem.map(Query::Diem).into(),
        emissions.map(Query::Emissions).into(),
        credits_queries(economy),
        super::bridge::queries(),
    ]
    .concat()
}

#[test]
fn every_query_and_its_answer() {
    let economy = super::rows::chain_with_every_row();
    // What is owed for Base, and what waits there, is known of a chain with a far side.
    let halted = chain_with_every_row_of_base();
    let queries = queries(&economy);
    assert_eq!(queries.iter().map(kinds).collect::<Vec<_>>(), super::known::<Query>());
    let pinned = queries.into_iter().map(|query| {
        let bytes = bytes_of(&query);
        let kind = kinds(&query);
        let chain = if kind[0] == diem_bridge::ID.0 && kind[1] >= 9 { &halted.chain } else { &economy.chain };
        let answer = chain.app.query(query, None).unwrap().answer;
        assert_eq!(kinds(&answer), kind, "an answer has the numbers of its question");
        json!({"query": bytes, "answer": bytes_of(&answer), "json": answer})
    });
    insta::assert_json_snapshot!(pinned.collect::<Vec<_>>());
}
