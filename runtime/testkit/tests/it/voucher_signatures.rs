//! Signatures inside calls: verified in batches before execution or alone during it, remembered or not, each voucher
//! gets the verdict that its own bytes decide.

use bytes::Bytes;
use diem_core::{Address, Amount, ModuleError as _, Statement as _, keys::Auth};
use diem_credits::{
    Error, Event as Credits, Msg, SignedVoucher,
    vouchers::{Outcome, Verdict},
};
use diem_runtime::Finalized;
use diem_testkit::economy::{Economy, PROVIDER, milli, whole};
use diem_types::{Call, Event};
use proptest::{collection::vec, prelude::*, sample::select};

/// The kinds of damage to a voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    ByEthereum,
    FlippedSignature,
    FlippedEthereum,
    ChangedAfterwards,
    AnothersSignature,
    WeakKey,
}

const KINDS: [Kind; 7] = [
    Kind::Good,
    Kind::ByEthereum,
    Kind::FlippedSignature,
    Kind::FlippedEthereum,
    Kind::ChangedAfterwards,
    Kind::AnothersSignature,
    Kind::WeakKey,
];

/// People whose keys are ed25519, and one of Ethereum.
const SIGNERS: [usize; 2] = [0, 2];
const ETHEREUM: usize = 1;

/// A voucher of this kind, unlike any other by its number.
fn make(economy: &Economy, kind: Kind, number: u64) -> SignedVoucher {
    let day = economy.today();
    let signer = if matches!(kind, Kind::ByEthereum | Kind::FlippedEthereum) { ETHEREUM } else { SIGNERS[0] };
    let mut voucher = economy.voucher(signer, PROVIDER, day, milli(1));
    voucher.requests = number;
    let mut signed = voucher.sign(&economy.chain.people[signer].key);
    match kind {
        Kind::Good | Kind::ByEthereum => {}
        Kind::FlippedSignature | Kind::FlippedEthereum => signature(&mut signed.auth)[20] ^= 1,
        Kind::ChangedAfterwards => signed.voucher.amount = milli(2),
        Kind::AnothersSignature => {
            signed.auth = signed.voucher.clone().sign(&economy.chain.people[SIGNERS[1]].key).auth;
        }
        Kind::WeakKey => {
            let mut public_key = [0; 32];
            public_key[0] = 1;
            signed.auth = Auth::Ed25519 { public_key, signature: [0; 64] };
        }
    }
    signed
}

fn signature(auth: &mut Auth) -> &mut [u8] {
    match auth {
        Auth::Ed25519 { signature, .. } => signature,
        Auth::Ethereum { signature } => signature,
    }
}

/// A chain on which the signers have allocated something to the provider.
fn allocated() -> Economy {
    let mut economy = Economy::new();
    let provider = economy.who(PROVIDER);
    economy.people_block(100, vec![(SIGNERS[0], vec![Call::Credits(Msg::Allocate { provider, amount: whole(2) })])]);
    economy
}

/// One transaction of the provider for each of these lists.
fn settling(economy: &Economy, lists: &[Vec<SignedVoucher>]) -> Vec<Bytes> {
    let provider = &economy.chain.people[PROVIDER];
    let tx = |(place, vouchers): (u64, &Vec<SignedVoucher>)| {
        let call = Call::Credits(Msg::SettleVouchers { provider: provider.address, vouchers: vouchers.clone() });
        economy.chain.tx(provider, vec![call]).with(|tx| tx.nonce += place).bytes()
    };
    (0..).zip(lists).map(tx).collect()
}

/// The ways in which a block comes to its execution.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// The block is new to the node.
    Unseen,
    /// Its transactions waited in the pool.
    Pool,
    /// The node judged it as a proposal.
    Proposal,
}

/// The block of `txs` on a chain of its own.
fn run(lists: &[Vec<SignedVoucher>], way: Way) -> Finalized {
    let mut economy = allocated();
    let txs = settling(&economy, lists);
    match way {
        Way::Unseen => {}
        Way::Pool => assert!(txs.iter().all(|tx| economy.chain.app.check_tx(tx).code == 0)),
        Way::Proposal => {
            assert_eq!(economy.chain.app.prepare(&economy.chain.next_block(), txs.clone(), &[], 1 << 22), txs)
        }
    }
    let block = economy.block_after(100);
    if matches!(way, Way::Proposal) {
        economy.chain.app.process(&block, [9; 32], &txs).unwrap();
    }
    economy.chain.app.finalize(&block, [9; 32], &txs).unwrap()
}

fn outcomes(block: &Finalized) -> Vec<Outcome> {
    let events = block.results.iter().flat_map(|result| {
        assert_eq!(result.code, 0, "{}", result.log);
        Event::decode_all(&result.events).unwrap()
    });
    let settled = events.filter_map(|event| match event {
        Event::Credits(Credits::VouchersSettled { outcomes, .. }) => Some(outcomes),
        _ => None,
    });
    settled.flatten().collect()
}

fn refused_for_its_signature(outcome: &Outcome) -> bool {
    outcome.verdict == Verdict::Refused(Error::VoucherSignature.code())
}

#[test]
fn each_kind_is_what_it_claims_to_be() {
    let economy = Economy::new();
    for (number, kind) in (0..).zip(KINDS) {
        let good = matches!(kind, Kind::Good | Kind::ByEthereum);
        assert_eq!(make(&economy, kind, number).verify().is_ok(), good, "{kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// More than a batch of them, mostly good, in several transactions.
    #[test]
    fn every_way_to_a_block_gives_each_voucher_its_own_verdict(
        kinds in vec(prop_oneof![6 => Just(Kind::Good), 1 => select(&KINDS[..])], 1..300),
        cut in 1usize..300,
    ) {
        let economy = allocated();
        let vouchers: Vec<SignedVoucher> =
            (0..).zip(&kinds).map(|(number, kind)| make(&economy, *kind, number)).collect();
        let lists: Vec<Vec<SignedVoucher>> = vouchers.chunks(cut).map(<[_]>::to_vec).collect();
        let unseen = run(&lists, Way::Unseen);
        let outcomes = outcomes(&unseen);
        prop_assert_eq!(outcomes.len(), vouchers.len());
        for (voucher, outcome) in vouchers.iter().zip(&outcomes) {
            prop_assert_eq!(refused_for_its_signature(outcome), voucher.verify().is_err());
        }
        prop_assert_eq!(&unseen, &run(&lists, Way::Pool));
        prop_assert_eq!(&unseen, &run(&lists, Way::Proposal));
    }
}

/// Changes a voucher after it was signed; the address is another's.
type Change = fn(&mut SignedVoucher, Address);

/// Nothing that differs from a voucher that is remembered as good passes for it.
#[test]
fn a_remembered_voucher_speaks_for_no_other() {
    let mut economy = allocated();
    let good = make(&economy, Kind::Good, 1);
    let other = economy.who(SIGNERS[1]);
    let changes: [(&str, Change); 7] = [
        ("amount", |signed, _| signed.voucher.amount = whole(1)),
        ("requests", |signed, _| signed.voucher.requests += 1),
        ("price sheet", |signed, _| signed.voucher.price_sheet[0] ^= 1),
        ("usage root", |signed, _| signed.voucher.usage_root[31] ^= 1),
        ("account and signer", |signed, other| {
            (signed.voucher.account, signed.voucher.signer) = (other, other);
        }),
        ("signature", |signed, _| signature(&mut signed.auth)[63] ^= 1),
        ("key", |signed, _| {
            if let Auth::Ed25519 { public_key, .. } = &mut signed.auth {
                public_key[0] ^= 1;
            }
        }),
    ];
    let changed = changes.iter().map(|(_, change)| {
        let mut signed = good.clone();
        change(&mut signed, other);
        signed
    });
    let vouchers: Vec<SignedVoucher> = std::iter::once(good.clone()).chain(changed).collect();
    // Twice: what was found bad is remembered, too.
    for round in 0..2 {
        let txs = settling(&economy, &[vec![good.clone()], vouchers.clone()]);
        assert_eq!(economy.chain.app.check_tx(&txs[0]).code, 0);
        let block = economy.block_after(100);
        let outcomes = outcomes(&economy.chain.run(block, txs).finalized);
        let [first, again, rest @ ..] = &outcomes[..] else { panic!("two good ones and their changes") };
        let paid = if round == 0 { milli(1) } else { Amount::ZERO };
        assert_eq!((first.paid, again.paid), (paid, Amount::ZERO));
        assert!(!refused_for_its_signature(first) && !refused_for_its_signature(again));
        for (outcome, (name, _)) in rest.iter().zip(&changes) {
            assert!(refused_for_its_signature(outcome), "{name}: {outcome:?}");
        }
    }
}
