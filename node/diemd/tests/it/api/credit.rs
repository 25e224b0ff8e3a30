//! Credit, providers, offers and days over HTTP, after transactions that changed them.

use diem_api::{At, Day, DiemStake, ErrorReply, List};
use diem_core::{Address, Amount};
use diem_credits::{Msg, SignedVoucher, Voucher, grants::ProviderLimit};
use diem_testkit::{
    economy::{EPOCH_MS, GRACE_MS, PROVIDER, milli, sheet, whole},
    story::{allocate, offer, publish, settle, stake_diem, unstake_diem},
};
use diem_types::Call;

use super::running::{Running, start_economy};

fn voucher(node: &Running, signer: usize, day: u64, amount: Amount) -> SignedVoucher {
    let voucher = Voucher {
        chain_id: node.doc.chain_id.clone(),
        genesis_hash: node.doc.hash(),
        account: node.address_of(0),
        signer: node.address_of(signer),
        provider: node.address_of(PROVIDER),
        day,
        amount,
        requests: 3,
        price_sheet: sheet(1_000_000_000_000).hash(),
        usage_root: [0x11; 32],
    };
    voucher.sign(&node.people[signer].key)
}

/// Makes the first person, who has 3 credits from genesis, stake for others, allocate, grant and offer, and settles its
/// vouchers.
async fn spend_credit(node: &Running) -> u64 {
    let (alice, bob, provider) = (&node.people[0], node.address_of(1), node.address_of(PROVIDER));
    let day = node.client.today(None).await.unwrap().day;
    let stakes = vec![stake_diem(whole(2), Some(bob)), stake_diem(whole(1), None)];
    node.commit(alice, stakes).await;
    let limits = vec![ProviderLimit { provider, limit: milli(800) }];
    let grant = Call::Credits(Msg::Grant { key: node.address_of(5), last_day: day + 5, limits });
    node.commit(alice, vec![allocate(provider, whole(2)), grant, offer(day), unstake_diem(milli(500), Some(bob))])
        .await;
    let vouchers = vec![voucher(node, 0, day, milli(700)), voucher(node, 5, day, milli(300))];
    node.commit(&node.people[PROVIDER], vec![settle(node.people[PROVIDER].address, vouchers)]).await;
    day
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accounts_credit_is_what_its_transactions_made_of_it() {
    let node = start_economy().await;
    let day = spend_credit(&node).await;
    let (client, alice, bob, provider) =
        (&node.client, node.address_of(0), node.address_of(1), node.address_of(PROVIDER));
    let credit = client.credit(&alice, None, false).await.unwrap();
    let at = Some(credit.height);
    let today = &credit.today;
    assert_eq!((today.day, today.staked.amount), (day, whole(4)));
    // The allowance is 4: 1 is spent, 1 still allocated, 1 on offer.
    let parts = [&today.allowance, &today.spent, &today.allocated, &today.offered, &today.free];
    assert_eq!(parts.map(|part| part.display.as_str()), ["4 credit", "1 credit", "1 credit", "1 credit", "1 credit"]);
    assert_eq!(credit.tomorrow.amount, whole(4));

    let account = client.account(&alice, at, false).await.unwrap().holdings.unwrap();
    assert_eq!((&account.credit_today, &account.credit_free), (&today.allowance, &today.free));
    assert_eq!((account.credit_tomorrow, account.diem_staked.amount), (credit.tomorrow.clone(), milli(5_500)));
    assert_eq!(account.diem_unstaking.amount, milli(500));
    // DIEM that is leaving still gives the credit of today.
    let bobs = client.credit(&bob, at, false).await.unwrap();
    assert_eq!((bobs.today.allowance.amount, bobs.tomorrow.amount), (whole(2), milli(1_500)));

    let allocations = client.allocations(&alice, at).await.unwrap();
    assert_eq!(allocations.items, credit.allocations);
    let [allocation] = &allocations.items[..] else { panic!("{allocations:?}") };
    assert_eq!(
        (allocation.provider, allocation.next.amount, allocation.tomorrow.amount),
        (provider, whole(2), whole(2))
    );
    let allocated = &allocation.today;
    assert_eq!((allocated.amount.amount, allocated.used.amount, allocated.left.amount), (whole(2), whole(1), whole(1)));

    let grants = client.grants(&alice, at).await.unwrap();
    let [grant] = &grants.items[..] else { panic!("{grants:?}") };
    assert_eq!((grant.key, grant.last_day), (node.address_of(5), day + 5));
    let limit = &grant.limits[0];
    assert_eq!((limit.provider, limit.next.amount), (provider, milli(800)));
    assert_eq!((limit.today.paid.amount, limit.today.left.amount), (milli(300), milli(500)));

    let own = client.vouchers(&alice, &provider, None, at).await.unwrap();
    assert_eq!((own.signer, own.today.day, own.today.requests), (alice, day, 3));
    assert_eq!((own.today.paid.amount, own.today.left.amount), (milli(700), whole(1)));
    let by_key = client.vouchers(&alice, &provider, Some(&node.address_of(5)), at).await.unwrap();
    assert_eq!((by_key.today.paid.amount, by_key.today.left.amount), (milli(300), milli(500)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_shows_what_it_offers_and_where_its_diem_is() {
    let node = start_economy().await;
    let day = spend_credit(&node).await;
    let (client, alice, bob) = (&node.client, node.address_of(0), node.address_of(1));
    let credit = client.credit(&alice, None, false).await.unwrap();
    let at = Some(credit.height);
    let mine = client.offer(&alice, at).await.unwrap().answer.offer.unwrap();
    let offers = client.offers(at).await.unwrap();
    assert_eq!(offers.items, std::slice::from_ref(&mine));
    assert_eq!((mine.seller, mine.day, mine.price.display.as_str()), (alice, day, "2 VVV"));
    assert_eq!((mine.amount.display.as_str(), credit.offer.clone()), ("1 credit", Some(mine.clone())));
    assert_eq!(client.offer(&bob, at).await.unwrap().answer.offer, None);

    let tranches = client.diem_tranches(&alice, at).await.unwrap();
    let [tranche] = &tranches.items[..] else { panic!("{tranches:?}") };
    assert_eq!((tranche.beneficiary, tranche.amount.amount, tranche.day), (bob, milli(500), day));
    assert!(tranche.due.time > credit.time && tranche.due.epoch > day, "{tranche:?}");
    let stakes = client.diem_stakes(&alice, at).await.unwrap();
    let mut expected = [(alice, whole(4)), (bob, milli(1_500))];
    expected.sort_unstable();
    let found: Vec<(Address, Amount)> = stakes.items.iter().map(|row| (row.beneficiary, row.amount.amount)).collect();
    assert_eq!(found, expected);
    let path = format!("http://{}/v1/accounts/{alice}/diem-stakes?limit=1", node.address);
    let first: List<DiemStake> =
        serde_json::from_str(&reqwest::get(&path).await.unwrap().text().await.unwrap()).unwrap();
    let path = format!("{path}&after={}", first.next.as_ref().unwrap());
    let second: List<DiemStake> =
        serde_json::from_str(&reqwest::get(path).await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!((&first.items[..], &second.items[..]), (&stakes.items[..1], &stakes.items[1..]));
    assert_eq!((second.height, second.next.as_ref()), (first.height, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_shows_limits_prices_and_what_it_served() {
    let node = start_economy().await;
    let day = spend_credit(&node).await;
    // A higher price counts from tomorrow.
    node.commit(&node.people[PROVIDER], vec![publish(2_000_000_000_000)]).await;
    let (client, provider) = (&node.client, node.address_of(PROVIDER));
    let one = client.provider(&provider, None, false).await.unwrap();
    assert_eq!((one.day, one.provider.moniker.as_str()), (day, "one"));
    assert_eq!((&one.prices_today, &one.prices_next), (&sheet(1_000_000_000_000), &sheet(2_000_000_000_000)));
    assert_eq!(one.prices_hash.0, sheet(1_000_000_000_000).hash());
    assert!(one.provider.today.listed && one.provider.left.is_none());
    assert_eq!((one.provider.bond.amount, one.provider.today.bond.amount), (whole(2_000), whole(2_000)));
    let served = &one.earned_today;
    assert_eq!((served.consumed.amount, served.counted.amount, served.requests), (whole(1), whole(1), 6));
    assert_eq!((one.left_to_earn.amount, one.earned_previous.clone()), (whole(1_999), None));
    let all = client.providers(None).await.unwrap();
    assert_eq!(all.items, std::slice::from_ref(&one.provider));
    let days = client.day_providers(day, None).await.unwrap();
    assert_eq!((days.items.len(), days.items[0].provider, &days.items[0].served), (1, provider, served));

    let register = |name: &str| Msg::RegisterProvider {
        bond: whole(1_500),
        payout: node.address_of(5),
        endpoint: format!("https://{name}.example"),
        moniker: name.into(),
    };
    node.commit(&node.people[2], vec![Call::Credits(register("two"))]).await;
    node.commit(&node.people[2], vec![Call::Credits(Msg::Deregister)]).await;
    let two = client.provider(&node.address_of(2), None, false).await.unwrap();
    let left = two.provider.left.unwrap();
    assert_eq!((two.provider.payout, left.day), (node.address_of(5), day));
    assert!(left.due.time > two.time);
    assert_eq!(client.providers(None).await.unwrap().items.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_closes_is_settled_and_stays_on_record() {
    let node = start_economy().await;
    let day = spend_credit(&node).await;
    let client = &node.client;
    let open = client.today(None).await.unwrap();
    assert_eq!((open.day, open.consumed.amount, open.requests), (day, whole(1), 6));
    assert_eq!((open.allowance.amount, open.staked.amount), (whole(6), milli(5_500)));
    assert_eq!(open.closes_at.time.millis(), (day + 1) * EPOCH_MS);
    assert_eq!((open.closes_at.epoch, open.unsettled.clone(), open.settles_after), (day + 1, None, None));
    assert_eq!(open.supply, client.supply().await.unwrap().diem);
    // Asked by its number, the open day has the same running numbers, and nothing that only its end will tell.
    let by_number = client.day(day, None).await.unwrap().answer;
    assert_eq!((&by_number.allowance, &by_number.supply), (&open.allowance, &open.supply));
    assert_eq!((&by_number.rent, by_number.rent.amount.is_zero()), (&open.rent, false));
    assert_eq!((by_number.utilisation_bps, by_number.closed_at, by_number.base.as_ref()), (1_666, None, None));
    assert_eq!((by_number.pot.as_ref(), by_number.treasury.as_ref(), by_number.stakers.as_ref()), (None, None, None));
    assert_eq!(client.days(1, None).await.unwrap().items, [by_number]);

    node.pass(EPOCH_MS).await;
    let next = client.today(None).await.unwrap();
    assert_eq!((next.day, next.consumed.amount), (day + 1, Amount::ZERO));
    assert!(next.settles_after.unwrap().time > next.time);
    let closed = client.day(day, None).await.unwrap();
    assert_eq!(next.unsettled, Some(closed.answer.clone()));
    assert_eq!((closed.closed_at.map(|at| at.time), closed.settled_at), (Some(next.opened_at.time), None));
    assert_eq!((closed.allowance.amount, closed.utilisation_bps), (whole(6), 1_666));
    assert!(!closed.rent.amount.is_zero() && closed.base.is_some());
    assert_eq!((closed.pot.as_ref(), closed.treasury.as_ref(), closed.stakers.as_ref()), (None, None, None));
    let vouchers = client.vouchers(&node.address_of(0), &node.address_of(PROVIDER), None, None).await.unwrap();
    assert_eq!((vouchers.today.day, vouchers.previous.as_ref().map(|day| day.day)), (day + 1, Some(day)));

    node.pass(GRACE_MS + 1).await;
    let settled = client.day(day, None).await.unwrap();
    let shares = [&settled.pot, &settled.treasury, &settled.stakers].map(|coin| coin.as_ref().unwrap().amount);
    assert!(settled.settled_at.is_some() && !shares[0].is_zero());
    let shared = shares.into_iter().fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap());
    assert_eq!(shared, settled.rent.amount);
    // At the height before, the answer is still the same.
    assert_eq!(client.day(day, Some(closed.height)).await.unwrap(), closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_listed_from_the_newest_to_the_first_and_those_of_a_halt_are_left_out() {
    let node = start_economy().await;
    let day = spend_credit(&node).await;
    let client = &node.client;
    node.pass(EPOCH_MS).await;
    node.pass(GRACE_MS + 1).await;
    let settled = client.day(day, None).await.unwrap();
    node.pass(300 * EPOCH_MS).await;
    for _ in 0..3 {
        node.pass(EPOCH_MS).await;
    }
    let newest = client.today(None).await.unwrap().day;
    let listed = client.days(100, None).await.unwrap();
    let numbers: Vec<u64> = listed.items.iter().map(|row| row.day).collect();
    assert_eq!(numbers[..4], [newest, newest - 1, newest - 2, newest - 3]);
    assert_eq!(numbers[4..], [day + 1, day]);
    assert_eq!((listed.next.as_ref(), &listed.items[5].rent), (None, &settled.rent));
    let (mut query, mut paged) = (String::new(), Vec::new());
    loop {
        let path = format!("http://{}/v1/days?limit=4{query}", node.address);
        let page = reqwest::get(path).await.unwrap().text().await.unwrap();
        let page: List<Day> = serde_json::from_str(&page).unwrap();
        paged.extend(page.answer.items);
        let Some(next) = page.answer.next else { break };
        query = format!("&after={next}");
    }
    assert_eq!(paged, listed.items);
    // A day to come may have its record then.
    for (number, name, retry) in [(day + 5, "no_day", true), (newest + 1, "not_found", true)] {
        let error = client.day(number, None).await.unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!((refusal.name.as_str(), refusal.retry), (name, retry), "{refusal}");
    }
    let path = format!("http://{}/v1/days/today", node.address);
    let today: At<Day> = serde_json::from_str(&reqwest::get(path).await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(today.day, newest);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_served_on_a_day_is_known_after_the_payment_and_at_the_heights_before() {
    let node = start_economy().await;
    let day = spend_credit(&node).await;
    let (client, dev) = (&node.client, diem_engine::Engine::dev(&*node.engine).unwrap());
    node.pass(EPOCH_MS).await;
    let unpaid = client.day_providers(day, None).await.unwrap();
    let [before] = &unpaid.items[..] else { panic!("{unpaid:?}") };
    assert_eq!((before.provider, before.paid.as_ref()), (node.address_of(PROVIDER), None));

    let (snapshot, _) = dev.snapshot().await.unwrap();
    let payments = async |grace| {
        node.pass(grace).await;
        client.day_providers(day, None).await.unwrap().answer.items
    };
    let paid = payments(GRACE_MS + 1).await;
    let [after] = &paid[..] else { panic!("{paid:?}") };
    assert_eq!((after.provider, &after.served), (before.provider, &before.served));
    let payout = after.paid.as_ref().unwrap();
    let record = client.day(day, None).await.unwrap();
    assert_eq!((&payout.amount, payout.amount.amount.is_zero()), (&record.paid, false));
    assert_eq!((payout.to, payout.height), (before.provider, record.height));
    assert!(client.provider(&before.provider, None, false).await.unwrap().earned_previous.is_none());
    assert_eq!(client.day_providers(day, Some(unpaid.height)).await.unwrap(), unpaid);

    // A payment that was reverted was never made.
    dev.revert(snapshot).await.unwrap();
    assert_eq!(client.day_providers(day, None).await.unwrap().items, unpaid.items);
    assert_eq!(payments(GRACE_MS + 1).await[0].served, after.served);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_not_seen_the_payments_says_so() {
    let node = start_economy().await;
    let day = spend_credit(&node).await;
    node.pass(EPOCH_MS).await;
    node.pass(GRACE_MS + 1).await;
    let paid = node.client.day_providers(day, None).await.unwrap();
    assert!(paid.items[0].paid.is_some());
    // A chain that goes on from an export has the day, but not its events.
    let onward = node.continued().await;
    assert_eq!(onward.client.day(day, None).await.unwrap().consumed.amount, whole(1));
    let error = onward.client.day_providers(day, None).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().name, "pruned");
    let today = onward.client.today(None).await.unwrap().day;
    assert!(onward.client.day_providers(today, None).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_credit_are_proven_on_request() {
    let node = start_economy().await;
    spend_credit(&node).await;
    let (client, trust, alice, provider) = (&node.client, node.trust(), node.address_of(0), node.address_of(PROVIDER));
    let height = node.app.info().height;
    let answer = client.credit(&alice, Some(height), true).await.unwrap();
    let key = diem_credits::state::account_key(&alice);
    let row = trust.verify(&key, answer.proof.as_ref().unwrap()).unwrap().value.unwrap();
    let row: diem_credits::state::Account = borsh::from_slice(&row).unwrap();
    assert_eq!((row.today.allowance, row.today.spent), (answer.today.allowance.amount, answer.today.spent.amount));

    let answer = client.provider(&provider, Some(height), true).await.unwrap();
    let key = diem_credits::state::provider_key(&provider);
    let row = trust.verify(&key, answer.proof.as_ref().unwrap()).unwrap().value.unwrap();
    let row: diem_credits::providers::Provider = borsh::from_slice(&row).unwrap();
    assert_eq!((row.bond, row.endpoint), (answer.provider.bond.amount, answer.provider.endpoint.clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_and_providers_page_by_address() {
    let node = start_economy().await;
    let day = node.client.today(None).await.unwrap().day;
    for person in 0..4 {
        let calls = vec![stake_diem(whole(2), None)];
        node.commit(&node.people[person], calls).await;
    }
    for person in 0..4 {
        let fresh = node.client.credit(&node.address_of(person), None, false).await.unwrap().today.free.amount;
        if !fresh.is_zero() {
            node.commit(&node.people[person], vec![offer(day)]).await;
        }
    }
    let complete = node.client.offers(None).await.unwrap().answer.items;
    assert!(complete.len() > 1, "{complete:?}");
    let (mut query, mut found) = (String::new(), Vec::new());
    loop {
        let path = format!("http://{}/v1/offers?limit=1{query}", node.address);
        let page = reqwest::get(path).await.unwrap().text().await.unwrap();
        let page: List<diem_api::Offer> = serde_json::from_str(&page).unwrap();
        found.extend(page.answer.items);
        let Some(next) = page.answer.next else { break };
        query = format!("&after={next}");
    }
    assert_eq!(found, complete);
    let answer = reqwest::get(format!("http://{}/v1/providers?after=1.00000000.7", node.address)).await.unwrap();
    let ErrorReply { error } = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(error.name, "bad_request");
}

/// Each row costs its owner next to nothing, so the rows that an answer sums are bounded; below that the sum is of all
/// pages.
#[tokio::test(flavor = "multi_thread")]
async fn the_sums_of_an_account_are_complete_or_absent() {
    for (count, expected) in [(700u16, Some(700u128)), (1_001, None)] {
        let spread = |doc: &mut diem_types::GenesisDoc| {
            let staker = *doc.app.bank.accounts.iter().find(|(_, row)| row.diem >= whole(2)).unwrap().0;
            let stake = |number: u16| {
                let mut beneficiary = [0xbe; 20];
                beneficiary[..2].copy_from_slice(&number.to_be_bytes());
                diem_credits::genesis::GenesisStake {
                    staker,
                    beneficiary: Some(Address(beneficiary)),
                    amount: milli(1),
                }
            };
            doc.app.credits.stakes.extend((0..count).map(stake));
        };
        let node = super::running::start_economy_with(spread).await;
        let staker = node.doc.app.credits.stakes.last().unwrap().staker;
        let own: u128 = {
            let stakes = node.doc.app.credits.stakes.iter().filter(|stake| stake.staker == staker);
            stakes.map(|stake| stake.amount.get()).sum()
        };
        let account = node.client.account(&staker, None, false).await.unwrap();
        let staked = account.holdings.map(|holdings| holdings.diem_staked.amount.get());
        assert_eq!(staked, expected.map(|_| own), "{count} rows");
        let listed = node.client.diem_stakes(&staker, None).await.unwrap().answer.items;
        assert!(listed.len() >= usize::from(count), "the lists hold all: {}", listed.len());
    }
}
