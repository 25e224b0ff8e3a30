//! Genesis, its bounds, and the export that gives the same rows again.

use borsh::BorshDeserialize as _;
use diem_bank::Bank;
use diem_core::{Address, Amount, Denom, GenesisContext, Message as _, Metered as _, Module as _, Time};
use diem_credits::{
    Credits, Genesis, Msg, Params,
    genesis::{GenesisProvider, Rows},
    state::Allocation,
};
use diem_overlay::{Empty, Overlay, WriteSet};

use crate::world::*;

fn refused(genesis: &Genesis) -> String {
    let mut world = World::unfunded();
    for number in 1..=30 {
        diem_bank::mint(world.state(), Bank::ID, &who(number), Denom::Vvv, whole(2_000)).unwrap();
    }
    world.start(genesis).unwrap_err().message
}

#[test]
fn parameters_stay_within_their_bounds() {
    let with = |change: fn(&mut Params)| {
        let mut params = params();
        change(&mut params);
        refused(&Genesis { params, ..Genesis::default() })
    };
    assert!(with(|p| p.cooldown_ms = DAY - 1).contains("cooldown_ms"));
    assert!(with(|p| p.grace_ms = DAY).contains("grace_ms"));
    assert!(with(|p| p.provider_unbonding_ms = DAY - 1).contains("provider_unbonding_ms"));
    assert!(with(|p| p.min_bond = Amount::ZERO).contains("min_bond"));
    assert!(with(|p| p.stakers_bps = 10_001).contains("stakers_bps"));
}

#[test]
fn the_bounds_follow_the_length_of_the_day() {
    let mut world = World::unfunded();
    diem_core::clock::set_epoch_ms(world.state(), std::num::NonZeroU64::new(60_000).unwrap());
    let short = Params { cooldown_ms: 60_000, grace_ms: 59_999, provider_unbonding_ms: 60_000, ..params() };
    assert!(
        world.start(&Genesis { params: Params { grace_ms: 60_000, ..short.clone() }, ..Genesis::default() }).is_err()
    );
    world.start(&Genesis { params: short, ..Genesis::default() }).unwrap();
    let day = world.today().open_day.day;
    assert_eq!(day, FIRST * DAY / 60_000);
    world.block_at(60_000);
    assert_eq!(world.today().open_day.day, day + 1);
}

#[test]
fn a_changed_duration_applies_to_new_tranches_only() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(10)));
    world.run(alice(), unstake_diem(whole(1)));
    let longer = Params { cooldown_ms: 3 * DAY, ..params() };
    diem_credits::params::set_params(world.state(), &longer).unwrap();
    world.run(alice(), unstake_diem(whole(1)));
    world.block_at(DAY + HOUR);
    assert_eq!(world.balance(alice(), Denom::Diem), whole(991));
    world.block_at(3 * DAY + HOUR);
    assert_eq!(world.balance(alice(), Denom::Diem), whole(992));
}

#[test]
fn what_cannot_be_true_is_refused() {
    let stakes = vec![staked(1, whole(1))];
    assert!(refused(&Genesis { stakes, ..Genesis::default() }).contains("has 0 DIEM"));
    let nothing = vec![staked(1, Amount::ZERO)];
    assert!(refused(&Genesis { stakes: nothing, ..Genesis::default() }).contains("zero"));
    let twice = vec![genesis().providers[0].clone(); 2];
    assert!(refused(&Genesis { providers: twice, ..genesis() }).contains("twice"));
    let poor = GenesisProvider { bond: whole(999), ..genesis().providers[0].clone() };
    assert!(refused(&Genesis { providers: vec![poor], ..genesis() }).contains("bond"));
    let nobody = GenesisProvider { payout: Some(Address::ZERO), ..genesis().providers[0].clone() };
    assert!(refused(&Genesis { providers: vec![nobody], ..genesis() }).contains("zero address"));
    let both = Genesis { rows: Some(Default::default()), ..genesis() };
    assert!(refused(&both).contains("rows"));
}

#[test]
fn genesis_providers_are_listed_from_the_first_day_on() {
    let mut world = World::with(&Genesis { stakes: vec![staked(1, whole(10))], ..genesis() }, 1_000);
    world.block_at(HOUR).run(alice(), spend(pia(), FIRST, whole(10)));
    assert_eq!(world.provider(pia()).today.counted, whole(10));
}

/// A chain in the middle of things: every table has rows.
fn busy() -> World {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    world.run(alice(), Msg::StakeDiem { amount: whole(5), beneficiary: Some(bob()) });
    world.run(alice(), unstake_diem(whole(7)));
    world.run(alice(), allocate(pia(), whole(60)));
    world.run(alice(), Msg::Grant { key: who(40), last_day: FIRST + 9, limits: vec![limit(pia(), whole(3))] });
    world.settle(pia(), vec![by_session(1, 40, pia(), FIRST, whole(2)), signed(1, pia(), FIRST, whole(9))]);
    world.run(quin(), Msg::Deregister);
    world.add_rent(whole(10));
    world.midnight(1);
    world.run(alice(), Msg::OfferCredit { day: FIRST + 1, amount: whole(1), price: whole(1) });
    world.run(bob(), spend(rita(), FIRST + 1, whole(1)));
    world.block_at(DAY + HOUR);
    world
}

#[test]
fn an_export_gives_the_same_rows_again() {
    let mut world = busy();
    let mut twin = exported_and_started_again(&world);
    for time in [DAY + 3 * HOUR, 2 * DAY, 2 * DAY + 3 * HOUR, 8 * DAY] {
        assert_eq!(twin.block_at(time).events, world.block_at(time).events);
    }
}

#[test]
fn an_export_of_a_chain_on_which_nobody_ever_unstaked_gives_the_same_rows_again() {
    exported_and_started_again(&World::new());
}

#[test]
fn rows_that_no_chain_can_have_are_noticed() {
    type Change = fn(&mut Rows);
    let mut world = busy();
    world.run(alice(), unstake_diem(whole(1)));
    let changes: [(&str, Change); 29] = [
        ("nothing", |_| ()),
        ("the closed day", |rows| rows.open_day.previous.as_mut().unwrap().day = FIRST + 1),
        ("a credit", |rows| rows.accounts[0].1.today.day = FIRST + 2),
        ("a grant", |rows| rows.grants[0].1.day = FIRST + 2),
        ("a tranche", |rows| rows.tranches[0].1.day = FIRST + 2),
        ("an offer", |rows| rows.offers[0].0.0 = FIRST + 2),
        ("a provider", |rows| rows.providers[0].1.day = FIRST + 2),
        ("a price sheet", |rows| rows.sheets[0].1.day = FIRST + 2),
        ("a record", |rows| rows.days.push((FIRST + 2, Default::default()))),
        ("allocations", |rows| rows.allocations[0].1.extend_from_within(..)),
        ("1 to 32", |rows| rows.allocations[0].1.clear()),
        ("1 to 32", |rows| {
            let one = rows.allocations[0].1[0].clone();
            let to = |number| Address([number; 20]);
            rows.allocations[0].1 = (1..=33).map(|number| Allocation { provider: to(number), ..one.clone() }).collect();
        }),
        ("limits", |rows| rows.grants[0].1.limits.extend_from_within(..)),
        ("next one is 0", |rows| rows.next_tranche = 0),
        // Without ids left each new tranche would overwrite the one before.
        ("the next tranche", |rows| rows.next_tranche = u64::MAX),
        ("the next tranche", |rows| rows.next_tranche = (1 << 63) + 1),
        ("a credit is the zero address's", |rows| rows.accounts[0].0 = Address::ZERO),
        ("an allocation is the zero address's", |rows| rows.allocations[0].0 = Address::ZERO),
        ("a grant is the zero address's", |rows| rows.grants[0].0.1 = Address::ZERO),
        ("a position is the zero address's", |rows| rows.positions[0].0.0 = Address::ZERO),
        ("a position is the zero address's", |rows| rows.positions[0].0.1 = Address::ZERO),
        ("a tranche is the zero address's", |rows| rows.tranches[0].0.0 = Address::ZERO),
        ("a tranche is the zero address's", |rows| rows.tranches[0].1.beneficiary = Address::ZERO),
        ("an offer is the zero address's", |rows| rows.offers[0].0.1 = Address::ZERO),
        ("a provider is the zero address's", |rows| rows.providers[0].0 = Address::ZERO),
        ("a provider is the zero address's", |rows| rows.providers[0].1.payout = Address::ZERO),
        ("a price sheet is the zero address's", |rows| rows.sheets[0].0 = Address::ZERO),
        ("consumption is the zero address's", |rows| rows.provider_days[0].0.1 = Address::ZERO),
        ("more counts", |rows| {
            // The day's own sum says the same.
            let ((day, _), row) = &mut rows.provider_days[0];
            row.counted = whole(50);
            rows.days.iter_mut().find(|(of, _)| of == day).unwrap().1.counted = whole(50);
        }),
    ];
    for (words, change) in changes {
        let mut exported = Credits::export_genesis(&world.state.0);
        change(exported.rows.as_mut().unwrap());
        let mut state = Overlay::with_writes(&Empty, WriteSet::new());
        let mut ctx = GenesisContext { state: &mut state, time: Time(world.time) };
        Bank::init_genesis(&mut ctx, &Bank::export_genesis(&world.state.0)).unwrap();
        Credits::init_genesis(&mut ctx, &exported).unwrap();
        let verdict = Credits::check_invariants(&state);
        match words {
            "nothing" => assert_eq!(verdict, Ok(())),
            _ => assert!(verdict.as_ref().is_err_and(|error| error.contains(words)), "{words}: {verdict:?}"),
        }
    }
}

/// The chain that starts from an export of `world`, whose rows are the same.
pub(crate) fn exported_and_started_again(world: &World) -> World {
    let bank = Bank::export_genesis(&world.state.0);
    let exported = Credits::export_genesis(&world.state.0);
    let bytes = borsh::to_vec(&exported).unwrap();
    assert_eq!(Genesis::try_from_slice(&bytes).unwrap(), exported);
    let json = serde_json::to_string(&exported).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&json).unwrap(), exported);

    let mut state = Overlay::with_writes(&Empty, WriteSet::new());
    crate::world::name_the_chain(&mut state);
    let mut ctx = GenesisContext { state: &mut state, time: Time(world.time) };
    Bank::init_genesis(&mut ctx, &bank).unwrap();
    Credits::init_genesis(&mut ctx, &exported).unwrap();
    let rows = |state: &Overlay<'static>| diem_core::StateRead::range(state, &[], None, usize::MAX / 2);
    // Empty pools are rows here and none there; everything of credits is the same.
    let credits = |state| rows(state).into_iter().filter(|(key, _)| key[0] == Credits::ID.0).collect::<Vec<_>>();
    assert_eq!(credits(&state), credits(&world.state.0));

    World { state: State(state), time: world.time, height: 0, events: Vec::new() }
}

#[test]
fn keys_and_values_of_the_rows_are_pinned() {
    let world = busy();
    let rows = diem_core::StateRead::range(&world.state.0, &[Credits::ID.0], None, 10_000);
    let rows: Vec<String> =
        rows.iter().map(|(key, value)| format!("{} = {}", hex::encode(key), hex::encode(value))).collect();
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn calls_are_pinned() {
    let limits = vec![limit(Address([2; 20]), whole(3))];
    let msgs = [
        stake_diem(whole(1)),
        Msg::UnstakeDiem { amount: whole(1), beneficiary: Some(Address([1; 20])) },
        Msg::CancelUnstake { tranche: 7 },
        Msg::RegisterProvider {
            bond: whole(1_000),
            payout: Address([1; 20]),
            endpoint: "https://a.example".into(),
            moniker: "a".into(),
        },
        Msg::EditProvider { payout: Some(Address([1; 20])), endpoint: None, moniker: Some("b".into()) },
        Msg::AddBond { amount: whole(1) },
        Msg::PublishPrices { sheet: Default::default() },
        Msg::Deregister,
        Msg::ListProvider { provider: Address([1; 20]) },
        Msg::DelistProvider { provider: Address([1; 20]), forfeit: true },
        Msg::Allocate { provider: Address([1; 20]), amount: whole(1) },
        Msg::Grant { key: Address([1; 20]), last_day: 9, limits },
        Msg::Revoke { key: Address([1; 20]) },
        Msg::SettleVouchers { provider: pia(), vouchers: vec![signed(1, pia(), 5, whole(1))] },
        Msg::Spend { provider: Address([1; 20]), day: 5, amount: whole(1), reference: "r".into() },
        Msg::GiftCredit { to: Address([1; 20]), day: 5, amount: whole(1) },
        Msg::OfferCredit { day: 5, amount: whole(1), price: amount("0.5") },
        Msg::WithdrawOffer,
        Msg::BuyCredit { seller: Address([1; 20]), day: 5, amount: whole(1), max_price: whole(1) },
        Msg::CollectTranche { id: 7 },
    ];
    let line = |msg: &Msg| {
        let bytes = borsh::to_vec(msg).unwrap();
        assert_eq!(&Msg::try_from_slice(&bytes).unwrap(), msg);
        format!("{} | gas {} | {}", msg.text(), msg.gas(), hex::encode(&bytes[..bytes.len().min(64)]))
    };
    insta::assert_snapshot!(msgs.iter().map(line).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_table_of_errors_has_each_number_once() {
    use diem_core::ModuleError as _;
    let codes: Vec<u32> = diem_credits::Error::TABLE.iter().map(|info| info.code).collect();
    assert_eq!(codes, (1..=u32::try_from(codes.len()).unwrap()).collect::<Vec<_>>());
}
