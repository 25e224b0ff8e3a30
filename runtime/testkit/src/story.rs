//! A history of two days of [`crate::economy`], with every call in it.

use diem_core::{Address, Amount, Denom};
use diem_credits::{self as credits, SignedVoucher, Voucher, grants::ProviderLimit};
use diem_diem as diem;
use diem_runtime::{Options, hooks::Hooks};
use diem_staking::{self as staking, Description, KeyProof};
use diem_svvv as svvv;
use diem_types::Call;

use crate::{
    bridge::{activate, bridge_key, bridge_out, prepare, signed},
    economy::{
        EPOCH_MS, Economy, JAIL_MS, PEOPLE, PROVIDER, bridge, consensus, milli, public, sheet, validator, whole,
    },
    people::operator,
};

/// Hooks that never carry out a slash, so that its job stays in state.
pub fn hooks_without_slash_jobs() -> Hooks {
    let mut hooks = Hooks::default();
    hooks.begin.retain(|hook| hook.name != "slash_jobs");
    hooks
}

/// Makes the call of staking that stakes VVV.
pub const fn stake(validator: Address, amount: Amount) -> Call {
    Call::Staking(staking::Msg::Stake { validator, amount })
}

/// Makes the call of staking that unstakes VVV.
pub const fn unstake(validator: Address, amount: Amount) -> Call {
    Call::Staking(staking::Msg::Unstake { validator, amount })
}

/// Makes the call of credits that allocates credit to a provider.
pub const fn allocate(provider: Address, amount: Amount) -> Call {
    Call::Credits(credits::Msg::Allocate { provider, amount })
}

/// Makes the call of credits that settles vouchers.
pub fn settle(provider: Address, vouchers: Vec<SignedVoucher>) -> Call {
    Call::Credits(credits::Msg::SettleVouchers { provider, vouchers })
}

/// Runs a history of two days with every call in it. It ends in the grace period of the first day, with entries in
/// every queue; with [`hooks_without_slash_jobs`] every table of every module has a row at the end.
///
/// # Panics
/// A call of the history fails.
pub fn history(options: Options) -> Economy {
    let mut economy = Economy::with(options, PEOPLE);
    first_day(&mut economy);
    second_day(&mut economy);
    economy
}

fn first_day(economy: &mut Economy) {
    let (v0, v1, v2) = (validator(0), validator(1), validator(2));
    let [p1, p2, p3, p5] = [1, 2, PROVIDER, 5].map(|person| economy.who(person));
    let today = economy.today();
    let mint = diem::Msg::Mint { validator: v0, lock: whole(900), min_out: whole(9) };
    let mint_exact = diem::Msg::MintExact { validator: v1, out: whole(2), max_lock: whole(200) };
    let register = credits::Msg::RegisterProvider {
        bond: whole(1_500),
        payout: p5,
        endpoint: "https://two.example".into(),
        moniker: "two".into(),
    };
    let send = diem_bank::Msg::Transfer { to: p5, denom: Denom::Diem, amount: whole(1) };
    economy.people_block(
        1_000,
        vec![
            (0, vec![stake(v1, whole(700)), Call::Diem(mint)]),
            (1, vec![stake(v1, whole(2_000)), stake(v2, whole(300)), Call::Diem(mint_exact)]),
            (2, vec![Call::Credits(register), publish(2_000_000_000_000), Call::Bank(send)]),
            (4, vec![stake(v2, whole(2_500))]),
        ],
    );
    let limits = vec![ProviderLimit { provider: p3, limit: whole(2) }];
    let grant = credits::Msg::Grant { key: p5, last_day: today + 5, limits };
    let spend = credits::Msg::Spend { provider: p2, day: today, amount: milli(250), reference: "invoice 7".into() };
    let restake = svvv::Msg::Restake { from: v1, to: v2, amount: whole(600) };
    economy.people_block(
        1_000,
        vec![
            (0, vec![stake_diem(whole(6), None), allocate(p3, whole(4)), Call::Credits(grant), offer(today)]),
            (1, vec![stake_diem(whole(4), None), Call::Credits(spend), gift(p2, today), Call::Svvv(restake)]),
            (2, vec![stake_diem(whole(2), Some(p1)), unstake_diem(milli(500), Some(p1))]),
            (4, vec![buy(economy.who(0), today), unstake(v2, whole(100)), unstake(v2, whole(50))]),
        ],
    );
    let settle_today = settle(economy.who(PROVIDER), vec![economy.signed(0, PROVIDER, today, milli(1_500))]);
    let burn = diem::Msg::Burn { validator: v0, amount: whole(1) };
    let claim = staking::Msg::Claim { validator: v0 };
    let compound = staking::Msg::ClaimAndStake { validator: v1 };
    let edit = credits::Msg::EditProvider { payout: Some(p5), endpoint: None, moniker: Some("uno".into()) };
    economy.people_block(
        1_000,
        vec![
            (0, vec![Call::Diem(burn), Call::Staking(claim)]),
            (1, vec![Call::Staking(compound)]),
            (2, vec![cancel_diem(0), unstake_diem(milli(700), Some(p1))]),
            (PROVIDER, vec![settle_today, add_bond(), Call::Credits(edit)]),
            (4, vec![Call::Staking(staking::Msg::CancelUnstake { tranche: 2 })]),
        ],
    );
    bridge_to_base(economy);
    operators(economy);
}

/// Puts the bridge to work, orders something on Base, and sends a transfer that the next block seals.
fn bridge_to_base(economy: &mut Economy) {
    use diem_bridge::{AdminAction, Msg, OutboundKind};
    let order = Call::Bridge(Msg::Admin { action: AdminAction::Unpause });
    economy.block(500, vec![(operator(0), vec![prepare(), activate(), order])]);
    let app = &economy.chain.app;
    let statements = (0..3).map(|number| signed(app, &bridge_key(number), OutboundKind::Valset, 1)).collect();
    let submit = Call::Bridge(Msg::Submit { statements });
    economy.people_block(500, vec![(1, vec![submit]), (2, vec![bridge_out()])]);
}

/// Sends the calls that only validators and the authority make.
fn operators(economy: &mut Economy) {
    let description = Description { moniker: "north".into(), website: "https://north.example".into() };
    let edit = staking::EditValidator { description: Some(description), commission: Some(550) };
    let key = bridge(0);
    let proof = KeyProof::sign(&economy.chain.doc.chain_id, &validator(0), &consensus(0), &key).unwrap();
    let rotate =
        staking::Msg::RotateBridgeKey { consensus_key: public(&consensus(0)), bridge_address: key.address(), proof };
    let list = credits::Msg::ListProvider { provider: economy.who(2) };
    let calls = vec![Call::Staking(staking::Msg::EditValidator(edit)), Call::Staking(rotate), Call::Credits(list)];
    let create = create_validator(economy);
    economy.silent = vec![1];
    economy.block(1_000, vec![(operator(0), calls), (economy.chain.people[5].clone(), vec![create])]);
}

/// Makes the call by which the fifth person becomes the fourth validator.
pub fn create_validator(economy: &Economy) -> Call {
    let (consensus, bridge) = (consensus(3), bridge(1));
    let operator = economy.who(5);
    Call::Staking(staking::Msg::CreateValidator(staking::CreateValidator {
        consensus_key: public(&consensus),
        bridge_address: bridge.address(),
        proof: KeyProof::sign(&economy.chain.doc.chain_id, &operator, &consensus, &bridge).unwrap(),
        commission: 1_000,
        max_commission: 5_000,
        max_commission_change: 200,
        description: Description { moniker: "fourth".into(), website: String::new() },
        self_stake: whole(1_200),
    }))
}

fn second_day(economy: &mut Economy) {
    let (v1, v2) = (validator(1), validator(2));
    let p5 = economy.who(5);
    let yesterday = economy.today();
    // By the last of these blocks the second validator has missed too many.
    economy.people_block(EPOCH_MS, vec![]);
    while staking::validator(&economy.chain.app.store().latest(), &v1).unwrap().jailed_until.is_none() {
        economy.people_block(100, vec![]);
    }
    let today = economy.today();
    assert_eq!(today, yesterday + 1);
    economy.silent = vec![0];
    let key = &economy.chain.people[5].key;
    let by_key = Voucher { signer: p5, ..economy.voucher(0, PROVIDER, yesterday, milli(700)) }.sign(key);
    let vouchers = vec![by_key, economy.signed(0, PROVIDER, today, milli(400))];
    let multi = diem_bank::Msg::MultiTransfer {
        denom: Denom::Vvv,
        outputs: vec![diem_bank::Output { to: p5, amount: whole(1) }, diem_bank::Output { to: v1, amount: whole(2) }],
    };
    economy.people_block(
        200,
        vec![
            (0, vec![offer(today), Call::Bank(multi)]),
            (1, vec![unstake(v1, whole(30)), unstake(v2, whole(20))]),
            (2, vec![deregister()]),
            (PROVIDER, vec![settle(economy.who(PROVIDER), vouchers)]),
            (4, vec![unstake(v2, whole(60)), stake_diem(whole(1), None), unstake_diem(milli(300), None)]),
        ],
    );
    economy.people_block(JAIL_MS, vec![]);
    let unjail = Call::Staking(staking::Msg::Unjail);
    economy.evidence = vec![(2, economy.chain.app.info().height - 1)];
    let [leaves, sends] = [1, 2].map(|person| economy.chain.people[person].clone());
    let calls = vec![(operator(1), vec![unjail]), (leaves, vec![unstake(v1, whole(5))]), (sends, vec![bridge_out()])];
    economy.block(200, calls);
    assert!(credits::state::open_day(&economy.chain.app.store().latest()).unsettled().is_some());
}

/// Makes the call of credits that publishes a price sheet with this price.
pub fn publish(price: u128) -> Call {
    Call::Credits(credits::Msg::PublishPrices { sheet: sheet(price) })
}

/// Makes the call of credits that stakes DIEM.
pub const fn stake_diem(amount: Amount, beneficiary: Option<Address>) -> Call {
    Call::Credits(credits::Msg::StakeDiem { amount, beneficiary })
}

/// Makes the call of credits that unstakes DIEM.
pub const fn unstake_diem(amount: Amount, beneficiary: Option<Address>) -> Call {
    Call::Credits(credits::Msg::UnstakeDiem { amount, beneficiary })
}

/// Makes the call of credits that cancels an unstaking.
pub const fn cancel_diem(tranche: u64) -> Call {
    Call::Credits(credits::Msg::CancelUnstake { tranche })
}

/// Makes the call of credits that offers one credit for 2 VVV.
pub fn offer(day: u64) -> Call {
    Call::Credits(credits::Msg::OfferCredit { day, amount: whole(1), price: whole(2) })
}

/// Makes the call of credits that buys half a credit.
pub fn buy(seller: Address, day: u64) -> Call {
    Call::Credits(credits::Msg::BuyCredit { seller, day, amount: milli(500), max_price: whole(2) })
}

/// Makes the call of credits that gives half a credit.
pub fn gift(to: Address, day: u64) -> Call {
    Call::Credits(credits::Msg::GiftCredit { to, day, amount: milli(500) })
}

/// Makes the call of credits that adds 100 VVV to the sender's bond.
pub fn add_bond() -> Call {
    Call::Credits(credits::Msg::AddBond { amount: whole(100) })
}

/// Makes the call of credits that ends a provider.
pub const fn deregister() -> Call {
    Call::Credits(credits::Msg::Deregister)
}
