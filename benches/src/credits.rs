//! Figures of credit: the step that closes a day and opens the next, whatever the number of accounts; the cost of
//! touching an account for the first time on a day; the cost of a batch of vouchers beside its signatures.

use std::path::Path;

use bytes::Bytes;
use diem_bank as bank;
use diem_core::{
    Address, Amount, Block, BlockContext, BlockInfo, Denom, Events, Forgetful, Message as _, ModuleId, StateWrite,
    Time, TxContext, keys::SecretKey, sha256,
};
use diem_credits::{Msg, Voucher, day, genesis::GenesisProvider, prices::PriceSheet};
use diem_overlay::Overlay;
use diem_runtime::{App, Options};
use diem_store::Store;
use diem_testkit::{Person, TxBuilder, genesis, people};
use diem_types::{APP_VERSION, Call, GenesisDoc};

use crate::{
    report::{Goal, Report, median, timed},
    workload::block_hash,
    yardstick::Yardstick,
};

/// The numbers of credit accounts; `DIEM_BENCH_CREDIT_ACCOUNTS` (numbers with commas between) measures others.
const SIZES: &str = "10000,1000000,10000000";
/// The number of accounts that are written at a time.
const CHUNK: u32 = 100_000;
/// The number of days that are closed, opened and settled.
const DAYS: u64 = 25;
const DAY_MS: u64 = 86_400_000;
const GRACE_MS: u64 = 7_200_000;
/// The number of accounts that are touched, and of vouchers in a batch.
const TOUCHED: u32 = 10_000;
const VOUCHERS: u32 = 1_000;
/// The number of days on which they are touched.
const TOUCHING_DAYS: u64 = 41;
/// One voucher of this many has a bad signature.
const BAD: u32 = 50;

/// Runs all figures of credit.
pub(crate) fn run(report: &mut Report, yardstick: &Yardstick) {
    let sizes = std::env::var("DIEM_BENCH_CREDIT_ACCOUNTS").unwrap_or_else(|_| SIZES.into());
    let sizes: Vec<u32> = sizes.split(',').map(|size| size.trim().parse().expect("a number of accounts")).collect();
    let steps: Vec<Step> = sizes.iter().map(|accounts| day_step(report, *accounts)).collect();
    let most = steps.iter().map(|step| step.more).fold(0.0, f64::max);
    report.goal("closing and opening a day beside an ordinary block, the largest", most / 1e6, "ms", Goal::AtMost(1.0));
    // The sizes are the same within noise: they differ by less than an ordinary block differs from itself.
    let least = steps.iter().map(|step| step.more).fold(f64::INFINITY, f64::min);
    let noise = steps.iter().map(|step| step.noise).fold(0.0, f64::max);
    let name = "  its difference between the sizes / how much ordinary blocks differ (quartiles)";
    report.goal(name, (most - least) / noise, "ratio", Goal::AtMost(1.0));
    touch(report);
    batch(report, yardstick);
}

/// The step of a day; the times are in nanoseconds.
struct Step {
    /// The time of closing and opening a day beyond that of an ordinary block.
    more: f64,
    /// The distance between the quartiles of ordinary blocks.
    noise: f64,
}

/// The people of the chain: one who stakes DIEM for everybody's credit, and a provider.
struct World {
    doc: GenesisDoc,
    staker: Person,
    provider: Person,
}

impl World {
    fn new() -> Self {
        let people = people(2);
        let mut doc = genesis(&people);
        let (staker, provider) = (people[0].clone(), people[1].clone());
        // The balance is for the bond and for fees.
        doc.app.bank.accounts.get_mut(&provider.address).unwrap().vvv = Amount::ONE.checked_mul(2_000).unwrap();
        doc.app.credits.providers.push(GenesisProvider {
            provider: provider.address,
            payout: None,
            endpoint: "http://127.0.0.1:1".into(),
            moniker: "bench".into(),
            bond: Amount::ONE.checked_mul(1_000).unwrap(),
            listed: true,
            prices: PriceSheet::default(),
        });
        Self { doc, staker, provider }
    }

    /// Gives a dollar of credit a day to each of the accounts from `first` to before `end`.
    fn give_credit(&self, state: &mut dyn StateWrite, block: BlockInfo, first: u32, end: u32) {
        let amount = Amount::ONE.checked_mul(u128::from(end - first)).unwrap();
        bank::mint(state, ModuleId::DIEM, &self.staker.address, Denom::Diem, amount).unwrap();
        for number in first..end {
            let msg = Msg::StakeDiem { amount: Amount::ONE, beneficiary: Some(key(number).1) };
            execute(state, block, self.staker.address, &msg);
        }
    }

    /// Makes the provider's transaction with a voucher of each account, which differs from that of any other round. One
    /// voucher of `bad` has a signature that does not fit.
    fn settling(&self, round: u64, bad: u32) -> Bytes {
        let vouchers = (0..VOUCHERS).map(|number| {
            let (key, account) = key(number);
            let mut signed = Voucher {
                chain_id: self.doc.chain_id.clone(),
                genesis_hash: self.doc.hash(),
                account,
                signer: account,
                provider: self.provider.address,
                day: self.doc.genesis_time.millis() / DAY_MS,
                amount: Amount::ONE,
                requests: round,
                price_sheet: PriceSheet::default().hash(),
                usage_root: [0; 32],
            }
            .sign(&key);
            if number % bad == bad - 1 {
                signed.voucher.requests += 1_000;
            }
            signed
        });
        let call = Call::Credits(Msg::SettleVouchers { provider: self.provider.address, vouchers: vouchers.collect() });
        TxBuilder::new(&self.doc, &self.provider, 0, vec![call]).bytes()
    }
}

/// An account with its key.
fn key(number: u32) -> (SecretKey, Address) {
    let seed = sha256(&[b"credit", &number.to_be_bytes()]);
    // Only a few of them sign: an address needs no key.
    let address = Address(seed[..20].try_into().unwrap());
    if number < VOUCHERS {
        let key = SecretKey::ed25519(&seed);
        let address = key.address();
        return (key, address);
    }
    (SecretKey::ed25519(&[1; 32]), address)
}

fn execute(state: &mut dyn StateWrite, block: BlockInfo, sender: Address, msg: &Msg) -> Events {
    let mut events = Events::default();
    msg.execute(&mut TxContext {
        state,
        events: &mut events,
        block,
        sender,
        key: diem_core::keys::KeyKind::Ed25519,
        verifier: &Forgetful,
    })
    .unwrap();
    events
}

fn options(ring: usize) -> diem_store::Options {
    // The store does not wait for the disk: the steps of execution are measured.
    diem_store::Options { ring, sync: false, ..diem_store::Options::default() }
}

fn open(home: &Path) -> App {
    App::open(home, Options { store: options(8), ..Options::default() }).unwrap()
}

/// Makes a chain with that many credit accounts, which are written below the application in blocks of their own.
fn populate(home: &Path, accounts: u32) -> (App, World) {
    let world = World::new();
    let app = open(home);
    app.init_chain(&world.doc).unwrap();
    let first = BlockInfo { height: 1, time: world.doc.genesis_time };
    block(&app, first);
    drop(app);
    let store = Store::open(home, options(1)).unwrap();
    for (height, start) in (2..).zip((0..accounts).step_by(CHUNK as usize)) {
        let latest = store.latest();
        let mut state = Overlay::new(&latest);
        let info = BlockInfo { height, time: first.time };
        world.give_credit(&mut state, info, start, accounts.min(start + CHUNK));
        let staged = store.stage(state.into_writes()).unwrap();
        store.commit(staged, height, first.time.millis(), APP_VERSION, Vec::new()).unwrap();
    }
    drop(store);
    (open(home), world)
}

/// Measures an empty block without the disk, in nanoseconds.
fn block(app: &App, info: BlockInfo) -> f64 {
    let block = Block { info, proposer: [1; 20], ..Block::default() };
    let (_, ns) = timed(|| app.finalize(&block, block_hash(info.height), &[]).unwrap());
    app.commit(Vec::new()).unwrap();
    ns
}

/// Measures what closing one day and opening the next costs beyond an ordinary block, and settling the day.
fn day_step(report: &mut Report, accounts: u32) -> Step {
    let home = tempfile::tempdir().unwrap();
    let ((app, world), ns) = timed(|| populate(home.path(), accounts));
    eprintln!("{accounts} credit accounts: {:.1} s", ns / 1e9);
    let mut info = BlockInfo { height: app.info().height, time: world.doc.genesis_time };
    let mut next = |time: u64| {
        info = BlockInfo { height: info.height + 1, time: Time(time) };
        block(&app, info)
    };
    let (mut ordinary, mut close, mut settle) = (Vec::new(), Vec::new(), Vec::new());
    let today = world.doc.genesis_time.millis() / DAY_MS;
    for day in today + 1..=today + DAYS {
        let midnight = day * DAY_MS;
        ordinary.push(next(midnight - 1));
        close.push(next(midnight));
        ordinary.push(next(midnight + 1));
        settle.push(next(midnight + GRACE_MS + 1));
    }
    ordinary.sort_by(f64::total_cmp);
    let noise = ordinary[ordinary.len() * 3 / 4] - ordinary[ordinary.len() / 4];
    let usual = median(ordinary);
    let (close, settle) = (median(close) - usual, median(settle) - usual);
    report.fact(&format!("an ordinary empty block, {accounts} credit accounts"), usual / 1e3, "us");
    report.fact("  closing and opening a day, more than that", close / 1e3, "us");
    report.fact("  settling a day, more than that", settle / 1e3, "us");
    Step { more: close, noise }
}

/// Measures what it costs more to touch an account for the first time on a day.
fn touch(report: &mut Report) {
    let world = World::new();
    let app = App::in_memory(Options::default());
    app.init_chain(&world.doc).unwrap();
    let start = BlockInfo { height: 1, time: world.doc.genesis_time };
    block(&app, start);
    let latest = app.store().latest();
    let mut state = Overlay::new(&latest);
    world.give_credit(&mut state, start, 0, TOUCHED);
    let spend = |state: &mut Overlay<'_>, info: BlockInfo| {
        let day = info.time.millis() / DAY_MS;
        let msg = Msg::Spend { provider: world.provider.address, day, amount: tenth(), reference: String::new() };
        let (_, ns) = timed(|| {
            for number in 0..TOUCHED {
                execute(state, info, key(number).1, &msg);
            }
        });
        ns / f64::from(TOUCHED)
    };
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for days in 1..=TOUCHING_DAYS {
        let time = Time(world.doc.genesis_time.millis() / DAY_MS * DAY_MS + days * DAY_MS);
        let info = BlockInfo { height: 1 + days, time };
        new_day(&mut state, info);
        first.push(spend(&mut state, info));
        again.push(spend(&mut state, info));
    }
    let again = median(again);
    report.fact("a spend on an account that was touched today", again / 1e3, "us");
    let more = median(first) - again;
    report.goal("touching an account first on a day, more than again", more / 1e3, "us", Goal::AtMost(1.0));
}

/// A tenth of a credit, the least that a call takes.
fn tenth() -> Amount {
    Amount::ONE.mul_div_floor(1, 10).unwrap()
}

/// Runs the steps of the block that opens a day.
fn new_day(state: &mut Overlay<'_>, info: BlockInfo) {
    let (block, mut events) = (Block { info, ..Block::default() }, Events::default());
    let mut ctx = BlockContext { state, events: &mut events, block: &block };
    day::track_idle(&mut ctx).unwrap();
    day::settle(&mut ctx).unwrap();
    day::close_and_open(&mut ctx).unwrap();
}

/// Measures a block with a batch of vouchers, some of them bad, judged as a proposal, beside verifying as many
/// signatures: once new to the node, and once remembered from judging it before.
fn batch(report: &mut Report, yardstick: &Yardstick) {
    let home = tempfile::tempdir().unwrap();
    let (app, world) = populate(home.path(), VOUCHERS);
    let start = BlockInfo { height: app.info().height + 1, time: world.doc.genesis_time };
    drop(app);
    allocate(home.path(), &world, start);
    let app = open(home.path());
    let block = Block { info: BlockInfo { height: start.height + 1, ..start }, ..Block::default() };
    let judged = |txs: &[Bytes], yardstick: &Yardstick| {
        let strict = yardstick.verify_strict();
        let (_, ns) = timed(|| app.process(&block, block_hash(block.info.height), txs).unwrap());
        ns / f64::from(VOUCHERS) / strict
    };
    let rounds = |first: u64, bad: u32| -> (Vec<f64>, Vec<f64>) {
        let round = |round| {
            let txs = [world.settling(round, bad)];
            (judged(&txs, yardstick), judged(&txs, yardstick))
        };
        (first..first + 9).map(round).unzip()
    };
    let (new, remembered) = rounds(1, BAD);
    let name = "a batch of 1,000 vouchers, one in fifty bad / verifying 1,000 signatures";
    report.goal(name, median(new), "ratio", Goal::AtMost(1.0));
    report.fact("  the same, signatures remembered", median(remembered), "ratio");
    report.fact("  the same, new and all good", median(rounds(100, VOUCHERS + 1).0), "ratio");
}

/// Writes a block below the application in which each account allocates its credit to the provider.
fn allocate(home: &Path, world: &World, block: BlockInfo) {
    let store = Store::open(home, options(1)).unwrap();
    let latest = store.latest();
    let mut state = Overlay::new(&latest);
    for number in 0..VOUCHERS {
        let msg = Msg::Allocate { provider: world.provider.address, amount: Amount::ONE };
        execute(&mut state, block, key(number).1, &msg);
    }
    let staged = store.stage(state.into_writes()).unwrap();
    store.commit(staged, block.height, block.time.millis(), APP_VERSION, Vec::new()).unwrap();
}
