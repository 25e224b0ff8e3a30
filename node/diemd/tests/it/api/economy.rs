//! Stake, locks, the curve and emissions over HTTP, after transactions that changed them.

use diem_api::{Account, Coin, ErrorReply, List, MAX_PAGE, Position, ValidatorStanding};
use diem_client::Client;
use diem_core::{Address, Amount, Denom};
use diem_diem as diem;
use diem_staking as staking;
use diem_svvv as svvv;
use diem_testkit::{
    economy::{UNBONDING_MS, milli, validator, whole},
    people::operator,
    story::{stake, unstake},
};
use diem_types::Call;

use super::running::{Running, start_economy};

/// Makes the first person lock 900 VVV for 10 DIEM, stake, move and unstake.
async fn stake_and_lock(node: &Running) {
    let (v0, v1, v2) = (validator(0), validator(1), validator(2));
    let alice = &node.people[0];
    let mint = diem::Msg::Mint { validator: v0, lock: whole(900), min_out: whole(9) };
    node.commit(alice, vec![Call::Diem(mint), stake(v1, whole(700))]).await;
    let restake = svvv::Msg::Restake { from: v1, to: v2, amount: whole(200) };
    node.commit(alice, vec![Call::Svvv(restake), unstake(v1, whole(100))]).await;
    node.pass(1_000).await;
}

fn total<'a>(coins: impl IntoIterator<Item = &'a Coin>) -> Amount {
    coins.into_iter().fold(Amount::ZERO, |sum, coin| sum.checked_add(coin.amount).unwrap())
}

/// What is on its way to another validator and to the account is what the account says.
async fn what_leaves_adds_up(client: &Client, alice: &Address, account: &Account) {
    let owns = account.holdings.as_ref().unwrap();
    let leaving = client.unstaking(alice, Some(account.height)).await.unwrap();
    let [left, gone] = &leaving.items[..] else { panic!("two on their way: {leaving:?}") };
    assert_eq!((left.moved_to, left.amount.amount), (Some(validator(2)), whole(200)));
    assert_eq!((gone.moved_to, gone.amount.clone()), (None, owns.unstaking.clone()));
    assert_eq!((gone.validator, gone.amount.amount), (validator(1), whole(100)));
    let until = gone.until.unwrap();
    assert_eq!(until.epoch, account.epoch + 2, "{until:?}");
    assert!(until.time.millis() > account.time.millis() + UNBONDING_MS - 1_100, "{until:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_owns_adds_up() {
    let node = start_economy().await;
    stake_and_lock(&node).await;
    let (client, alice) = (&node.client, node.address_of(0));
    let account = client.account(&alice, None, false).await.unwrap();
    let (at, owns) = (Some(account.height), account.holdings.as_ref().unwrap());

    let positions = client.positions(&alice, at).await.unwrap();
    assert_eq!((positions.height, positions.time, positions.epoch), (account.height, account.time, account.epoch));
    let validators: Vec<Address> = positions.items.iter().map(|position| position.validator).collect();
    let mut expected = [validator(0), validator(1), validator(2)];
    expected.sort_unstable();
    assert_eq!(validators, expected);
    assert_eq!(total(positions.items.iter().map(|position| &position.staked)), whole(2_600));
    assert_eq!(owns.staked, Coin::vvv(whole(2_600)));
    let on = |operator: Address| positions.items.iter().find(|position| position.validator == operator).unwrap();
    let first = on(validator(0));
    assert_eq!((first.locked.amount, first.free_to_lock.amount), (whole(900), whole(1_100)));
    assert_eq!((first.free_to_unstake.amount, first.free_to_move.amount), (whole(1_100), whole(2_000)));
    let moved = on(validator(2));
    assert_eq!((moved.staked.amount, moved.free_to_unstake.amount), (whole(200), Amount::ZERO), "it came lately");

    let locks = client.locks(&alice, at).await.unwrap();
    let [lock] = &locks.items[..] else { panic!("one lock: {locks:?}") };
    assert_eq!((lock.validator, lock.locked.clone()), (validator(0), owns.locked.clone()));
    assert_eq!((owns.locked.amount, &owns.diem_outstanding), (whole(900), &lock.outstanding));
    assert_eq!((account.diem.amount, owns.diem_staked.amount), (whole(10 + 10 - 3), whole(3)));
    assert_eq!(lock.outstanding.display, "10 DIEM");

    what_leaves_adds_up(client, &alice, &account).await;
    let rewards = client.rewards(&alice, at).await.unwrap();
    assert_eq!(total(rewards.items.iter().map(|reward| &reward.amount)), owns.rewards.amount);
    assert!(!owns.rewards.amount.is_zero());
    let by_position = positions.items.iter().filter(|position| !position.rewards.amount.is_zero());
    let by_position: Vec<_> = by_position.map(|position| (position.validator, position.rewards.clone())).collect();
    assert_eq!(
        rewards.items.iter().map(|reward| (reward.validator, reward.amount.clone())).collect::<Vec<_>>(),
        by_position
    );
    let nobody = client.account(&Address([0xab; 20]), None, false).await.unwrap().holdings.unwrap();
    assert!(nobody.staked.amount.is_zero() && nobody.credit_tomorrow.amount.is_zero());
    assert_eq!(client.positions(&Address([0xab; 20]), None).await.unwrap().items, []);

    // After the claim the reward is in the balance.
    let before = account.vvv.amount;
    let claim = Call::Staking(staking::Msg::Claim { validator: validator(1) });
    let fee = node.commit(&node.people[0], vec![claim]).await.result.fee.amount;
    let after = client.account(&alice, None, false).await.unwrap();
    assert!(after.vvv.amount.checked_add(fee).unwrap() > before);
    let rewards = client.rewards(&alice, None).await.unwrap();
    assert!(rewards.items.iter().all(|reward| reward.validator != validator(1)), "{rewards:?}");
    // The answer for the height before is still the same.
    let past = Account { next_nonce: None, ..account };
    assert_eq!(client.account(&alice, at, false).await.unwrap(), past);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_stake_are_proven_on_request() {
    let node = start_economy().await;
    // The call changes no validator power.
    let mint = diem::Msg::Mint { validator: validator(0), lock: whole(900), min_out: whole(9) };
    node.commit(&node.people[0], vec![Call::Diem(mint)]).await;
    let (client, alice, trust) = (&node.client, node.address_of(0), node.trust());
    let height = client.account(&alice, None, false).await.unwrap().height;
    node.pass(1).await;
    let v0 = validator(0);

    let answer = client.validator(&v0, Some(height), true).await.unwrap();
    let key = staking::state::validator_key(&v0);
    let row = trust.verify(&key, answer.proof.as_ref().unwrap()).unwrap();
    let row: staking::Validator = borsh::from_slice(&row.value.unwrap()).unwrap();
    assert_eq!((Coin::vvv(row.tokens), answer.height), (answer.staked.clone(), height));

    let answer = client.position(&alice, &v0, Some(height), true).await.unwrap();
    let key = staking::state::position_key(&alice, &v0);
    let position = trust.verify(&key, answer.proof.as_ref().unwrap()).unwrap();
    let position: staking::Position = borsh::from_slice(&position.value.unwrap()).unwrap();
    assert_eq!(row.value_of(position.shares), answer.staked.amount);
    assert_eq!(client.position(&alice, &v0, Some(height), false).await.unwrap().answer, answer.answer);

    let answer = client.lock(&alice, &v0, Some(height), true).await.unwrap();
    let key = svvv::state::lock_key(&alice, &v0);
    let lock = trust.verify(&key, answer.proof.as_ref().unwrap()).unwrap();
    let lock: svvv::Lock = borsh::from_slice(&lock.value.unwrap()).unwrap();
    assert_eq!((lock.outstanding, row.value_of(lock.shares)), (answer.outstanding.amount, answer.locked.amount));

    // The row does not exist, which is proven.
    let answer = client.lock(&alice, &validator(1), Some(height), true).await.unwrap();
    let key = svvv::state::lock_key(&alice, &validator(1));
    assert_eq!(trust.verify(&key, answer.proof.as_ref().unwrap()).unwrap().value, None);
    assert!(answer.locked.amount.is_zero());
}

#[tokio::test(flavor = "multi_thread")]
async fn validators_are_listed_with_their_standing_and_consensus_apart() {
    let node = start_economy().await;
    stake_and_lock(&node).await;
    let client = &node.client;
    let all = client.validators().await.unwrap();
    assert_eq!(all.items.len(), 3);
    let change = staking::EditValidator { description: None, commission: Some(550) };
    node.commit(&operator(0), vec![Call::Staking(staking::Msg::EditValidator(change))]).await;
    let first = client.validator(&validator(0), None, false).await.unwrap();
    assert_eq!(first.standing, ValidatorStanding::Active);
    assert_eq!((first.moniker.as_str(), first.locked.amount), ("validator-1", whole(10_900)));
    assert_eq!((first.staked.amount, first.self_stake.amount), (whole(12_000), whole(10_000)));
    assert_eq!((first.commission.today_bps, first.commission.max_bps), (500, 2_000));
    let next = first.commission.next.unwrap();
    assert_eq!((next.bps, next.epoch), (550, first.epoch + 1));
    assert_eq!((first.missed, first.may_miss, first.jailed_until), (0, 5, None));

    let set = client.consensus().await.unwrap();
    assert_eq!(set.items.len(), 3);
    for signs in &set.items {
        let listed = all.items.iter().find(|validator| validator.public_key == signs.public_key).unwrap();
        assert_eq!(listed.address, signs.address);
    }
    // The validator was absent for too long: it is jailed and out of the set.
    let address: [u8; 20] =
        all.items.iter().find(|row| row.operator == validator(1)).unwrap().address.0[..].try_into().unwrap();
    let controls = diem_engine::Engine::dev(&*node.engine).unwrap();
    controls.absences(vec![address], 20).await.unwrap();
    controls.mine(20).await.unwrap();
    let jailed = client.validator(&validator(1), None, false).await.unwrap();
    assert_eq!((jailed.standing, jailed.power), (ValidatorStanding::Jailed, 0));
    assert!(jailed.jailed_until.unwrap().time > node.doc.genesis_time);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_curve_quotes_what_a_mint_then_gives() {
    let node = start_economy().await;
    let client = &node.client;
    let curve = client.curve(None).await.unwrap();
    assert_eq!(curve.items.len(), 3);
    assert_eq!((curve.items[0].edge.display.as_str(), curve.items[0].rate.display.as_str()), ("1000 DIEM", "90 VVV"));
    let rate = client.rate(None).await.unwrap();
    let supply = client.supply().await.unwrap();
    assert_eq!((rate.supply.clone(), rate.rate.clone()), (supply.diem.clone(), Some(curve.items[0].rate.clone())));
    assert_eq!(rate.until, Some(curve.items[0].edge.clone()));
    assert_eq!(rate.left.amount, whole(3_000).checked_sub(supply.diem.amount).unwrap());

    let quote = client.quote_lock(whole(900), None).await.unwrap();
    let mint = diem::Msg::Mint { validator: validator(0), lock: whole(900), min_out: quote.out.amount };
    node.commit(&node.people[0], vec![Call::Diem(mint)]).await;
    let after = client.account(&node.address_of(0), None, false).await.unwrap();
    assert_eq!(after.holdings.as_ref().unwrap().diem_outstanding, quote.out);
    assert_eq!(quote.lock.checked_amount(), Some(whole(900)));

    let quote = client.quote_out(milli(1_500), None).await.unwrap();
    let needed = quote.lock.checked_amount().unwrap();
    let mint = diem::Msg::MintExact { validator: validator(0), out: milli(1_500), max_lock: needed };
    node.commit(&node.people[0], vec![Call::Diem(mint)]).await;
    let then = client.account(&node.address_of(0), None, false).await.unwrap();
    assert_eq!(
        then.holdings.as_ref().unwrap().locked.amount,
        after.holdings.as_ref().unwrap().locked.amount.checked_add(needed).unwrap()
    );
    // At the height before, the price was the earlier one.
    let before = client.quote_out(milli(1_500), Some(after.height)).await.unwrap();
    assert_eq!((before.answer, before.height), (quote.answer, after.height));
    let error = client.quote_out(whole(3_000), None).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().name, "past_end");
}

#[tokio::test(flavor = "multi_thread")]
async fn emission_schedule_rent_supply_and_params_are_of_a_height() {
    let node = start_economy().await;
    stake_and_lock(&node).await;
    let client = &node.client;
    let emission = client.emission(None).await.unwrap();
    let schedule = client.emission_schedule(Some(emission.height)).await.unwrap();
    assert_eq!(schedule.items.len(), node.doc.app.emissions.schedule.len());
    let running = schedule.items.iter().rfind(|segment| segment.from.time <= emission.time).unwrap();
    assert_eq!((&emission.per_year, emission.fee_bps), (&running.per_year, 2_000));
    let emitted = |height| async move { client.emission(height).await.unwrap().emitted.amount };
    let supply = client.supply_at(Some(emission.height)).await.unwrap();
    let genesis = client.supply_at(Some(1)).await.unwrap().vvv.amount.checked_sub(emitted(Some(1)).await).unwrap();
    assert_eq!(supply.vvv.amount, genesis.checked_add(emission.emitted.amount).unwrap());
    let parts = [&supply.genesis, &supply.emitted, &supply.burned].map(|coin| coin.amount);
    assert_eq!(parts, [genesis, emission.emitted.amount, Amount::ZERO]);
    let sum = |of: Vec<Amount>| of.into_iter().fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap());
    assert_eq!(genesis, sum(node.doc.app.bank.accounts.values().map(|row| row.vvv).collect()));
    // Accounts and pools hold the whole supply.
    let all = node.app.export(supply.time).unwrap().app.bank.accounts;
    let vvv = all.values().map(|row| row.vvv).chain(supply.pools.iter().map(|pool| pool.vvv.amount));
    assert_eq!(sum(vvv.collect()), supply.vvv.amount);
    let diem = all.values().map(|row| row.diem).chain(supply.pools.iter().map(|pool| pool.diem.amount));
    assert_eq!(sum(diem.collect()), supply.diem.amount);
    let names: Vec<&str> = supply.pools.iter().map(|pool| pool.name.as_str()).collect();
    let pools = serde_json::to_value(diem_bank::Pool::ALL).unwrap();
    assert_eq!(serde_json::to_value(&names).unwrap(), pools, "a pool has one name");
    assert!(!supply.pools[1].vvv.amount.is_zero(), "stake lies in its pool");
    let rent = client.rent(None).await.unwrap();
    assert_eq!(rent.rent, emission.rent, "everything since genesis is of the open day");
    assert!(!rent.rent.amount.is_zero());
    node.pass(5_000).await;
    let later = client.emission(None).await.unwrap();
    assert!(later.emitted.amount > emission.emitted.amount);
    assert_eq!(emitted(Some(emission.height)).await, emission.emitted.amount);

    let params = client.params_at(Some(emission.height)).await.unwrap();
    assert_eq!((params.height, params.epoch_ms), (emission.height, node.doc.app.epoch_ms.get()));
    assert_eq!((&params.staking, &params.credits), (&node.doc.app.staking.params, &node.doc.app.credits.params));
    assert_eq!((params.emissions.fee_bps, params.gas), (2_000, node.doc.app.gas));
    let shown = reqwest::get(format!("http://{}/v1/params", node.address)).await.unwrap().text().await.unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let per_output = &shown["gas_of_calls"]["bank"]["multi_transfer"];
    let (to, pay) = (node.address_of(1), |outputs| diem_bank::Msg::MultiTransfer { denom: Denom::Vvv, outputs });
    let gas = |count| Call::Bank(pay(vec![diem_bank::Output { to, amount: whole(1) }; count])).message().gas();
    assert_eq!(per_output["per_item"]["outputs"], gas(3) - gas(2));
    assert_eq!(per_output["base"], gas(1) - (gas(3) - gas(2)));
    assert_eq!(shown["gas_of_calls"]["diem"]["burn"]["per_item"], serde_json::json!({}));
    for coin in [&shown["gas"]["min_price"], &shown["staking"]["min_self_stake"], &shown["credits"]["min_bond"]] {
        assert!(serde_json::from_value::<Coin>(coin.clone()).is_ok_and(|coin| coin.denom == Denom::Vvv), "{coin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_goes_on_at_the_height_of_its_first_page() {
    let node = start_economy().await;
    stake_and_lock(&node).await;
    let alice = node.address_of(0);
    let complete = node.client.positions(&alice, None).await.unwrap();
    let (mut cursor, mut found) = (String::new(), Vec::new());
    loop {
        let path = format!("http://{}/v1/accounts/{alice}/positions?limit=1{cursor}", node.address);
        let page = reqwest::get(&path).await.unwrap().text().await.unwrap();
        let page: List<Position> = serde_json::from_str(&page).unwrap();
        assert_eq!(page.height, complete.height, "the first page fixed the height");
        assert!(page.items.len() <= 1);
        found.extend(page.answer.items);
        let Some(next) = page.answer.next else { break };
        cursor = format!("&after={next}");
        // A change between two pages does not show in the second.
        node.commit(&node.people[0], vec![stake(validator(0), whole(1))]).await;
    }
    assert_eq!(found, complete.items);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_questions_have_stable_errors() {
    let node = start_economy().await;
    let (alice, nobody) = (node.address_of(0), Address([0xab; 20]));
    let (old, huge) = (format!("999.00000000.{alice}"), "1".repeat(40));
    for (path, status, codespace, name) in [
        ("/v1/accounts/nobody/positions".to_owned(), 400, "http", "bad_request"),
        (format!("/v1/accounts/{alice}/positions/{nobody}"), 404, "staking", "unknown_validator"),
        (format!("/v1/accounts/{alice}/locks/{nobody}"), 404, "staking", "unknown_validator"),
        (format!("/v1/accounts/{alice}/positions?after=x"), 400, "http", "bad_request"),
        (format!("/v1/accounts/{alice}/positions?after={old}"), 404, "http", "not_found"),
        (format!("/v1/accounts/{alice}/positions?height=1&after={old}"), 400, "http", "bad_request"),
        (format!("/v1/accounts/{alice}/unstaking?after=1.00000000.{alice}"), 400, "http", "bad_request"),
        (format!("/v1/accounts/{alice}/locks?limit=0"), 400, "http", "bad_request"),
        (format!("/v1/accounts/{alice}/locks?limit={}", MAX_PAGE + 1), 400, "http", "bad_request"),
        (format!("/v1/accounts/{alice}/rewards?height=999"), 404, "http", "not_found"),
        (format!("/v1/accounts/{alice}/rewards?cursor=1"), 400, "http", "bad_request"),
        (format!("/v1/accounts/{alice}/vouchers/{nobody}?signer=me"), 400, "http", "bad_request"),
        (format!("/v1/accounts/{alice}/credit?prove=perhaps"), 400, "http", "bad_request"),
        (format!("/v1/validators/{nobody}"), 404, "staking", "unknown_validator"),
        ("/v1/validators/first".to_owned(), 400, "http", "bad_request"),
        (format!("/v1/providers/{nobody}"), 404, "credits", "no_provider"),
        ("/v1/curve/quote".to_owned(), 400, "http", "bad_request"),
        ("/v1/curve/quote?lock=1&out=1".to_owned(), 400, "http", "bad_request"),
        ("/v1/curve/quote?lock=1.5".to_owned(), 400, "http", "bad_request"),
        ("/v1/curve/quote?lock=-1".to_owned(), 400, "http", "bad_request"),
        (format!("/v1/curve/quote?lock={huge}"), 400, "http", "bad_request"),
        (format!("/v1/curve/quote?out={}", u128::MAX), 422, "diem", "past_end"),
        (format!("/v1/curve/quote?lock={}", u128::MAX), 422, "diem", "past_end"),
        ("/v1/days/1".to_owned(), 404, "credits", "no_day"),
        ("/v1/days/1/providers".to_owned(), 404, "credits", "no_day"),
        ("/v1/days/yesterday".to_owned(), 400, "http", "bad_request"),
        ("/v1/days?after=5".to_owned(), 400, "http", "bad_request"),
        ("/v1/supply?height=-1".to_owned(), 400, "http", "bad_request"),
    ] {
        let answer = reqwest::get(format!("http://{}{path}", node.address)).await.unwrap();
        let found = answer.status().as_u16();
        let ErrorReply { error } = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(
            (found, error.codespace.as_str(), error.name.as_str()),
            (status, codespace, name),
            "{path}: {}",
            error.message
        );
    }
    // The height is no longer kept, and neither is that of the cursor.
    diem_engine::Engine::dev(&*node.engine).unwrap().mine(80).await.unwrap();
    for query in ["height=1".to_owned(), format!("after=1.00000000.{alice}")] {
        let path = format!("http://{}/v1/accounts/{alice}/positions?{query}", node.address);
        assert_eq!(reqwest::get(path).await.unwrap().status().as_u16(), 410, "{query}");
    }
}
