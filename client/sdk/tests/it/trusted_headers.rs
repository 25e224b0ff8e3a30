//! Trust follows the validators of a chain, from header to header, and no lie of a node leads it elsewhere.

use std::sync::Arc;

use diem_api::{Base64Bytes, LightBlock, encoding::encode_header};
use diem_client::verify::{Trust, VerifyError, decode_header};
use diem_core::{Time, encoding::HexBytes};
use tendermint::{
    AppHash, Hash,
    block::{CommitSig, Header, signed_header::SignedHeader},
};

use crate::chain::{CHAIN, Chain, NOW, chain, changing, listed};
use crate::signed::START_SECONDS;

const REAL: &str = "light-1";
const DAY_MS: u64 = 86_400_000;

fn hash(block: &LightBlock) -> [u8; 32] {
    match decode_header(&block.signed_header.0).unwrap().header.hash() {
        Hash::Sha256(hash) => hash,
        Hash::None => panic!("no hash"),
    }
}

#[test]
fn the_first_header_and_any_later_one_of_the_same_validators_are_believed_at_once() {
    let chain = chain(|_| vec![(1, 10), (2, 10), (3, 30)]);
    for height in [1, 2, 50] {
        let trust = chain.trust().advance(&chain.block(height), NOW).unwrap();
        assert_eq!((trust.height(), trust.chain_id()), (height, CHAIN));
    }
}

#[test]
fn a_header_signed_by_few_who_are_trusted_needs_one_in_between() {
    let chain = changing();
    // At 19 three of the four are those of genesis, at 29 two, at 39 one: that is not more than a third.
    assert_eq!(chain.trust().advance(&chain.block(29), NOW).unwrap().height(), 29);
    let error = chain.trust().advance(&chain.block(39), NOW).unwrap_err();
    assert!(matches!(error, VerifyError::NotEnoughTrust { height: 39, signed: 10, total: 40 }), "{error}");
    let between = chain.trust().advance(&chain.block(19), NOW).unwrap();
    assert_eq!(between.advance(&chain.block(39), NOW).unwrap().height(), 39);
}

#[test]
fn only_the_next_header_may_have_another_set_altogether() {
    let chain = chain(|height| if height < 10 { vec![(1, 10), (2, 10)] } else { vec![(3, 10), (4, 10)] });
    let before = chain.trust().advance(&chain.block(9), NOW).unwrap();
    assert_eq!(before.advance(&chain.block(10), NOW).unwrap().height(), 10);
    let far = chain.trust().advance(&chain.block(10), NOW).unwrap_err();
    assert!(matches!(far, VerifyError::NotEnoughTrust { height: 10, signed: 0, total: 20 }), "{far}");
    // The same header where the one before has not said who follows.
    let other = Chain { members: Arc::new(|_| vec![(1, 10), (2, 10)]), ..chain.clone() };
    let silent = other.trust().advance(&other.block(9), NOW).unwrap();
    let error = silent.advance(&chain.block(10), NOW).unwrap_err();
    assert!(matches!(error, VerifyError::Validators(10)), "{error}");
}

#[test]
fn a_wrong_list_of_validators_is_not_believed() {
    let chain = changing();
    let good = chain.block(5);
    let refused = |change: &dyn Fn(&mut LightBlock)| {
        let mut block = good.clone();
        change(&mut block);
        chain.trust().advance(&block, NOW).unwrap_err()
    };
    let wrong: [&dyn Fn(&mut LightBlock); 4] = [
        &|block| block.validators[0].power += 1,
        &|block| drop(block.validators.pop()),
        &|block| block.next_validators = listed(&vec![(9, 10)]),
        &|block| block.validators = listed(&vec![(9, 40)]),
    ];
    for change in wrong {
        let error = refused(change);
        assert!(matches!(error, VerifyError::Listed(5)), "{error}");
    }
    let senseless: [&dyn Fn(&mut LightBlock); 5] = [
        &|block| block.validators.clear(),
        &|block| block.next_validators.clear(),
        &|block| block.validators[0].power = u64::MAX,
        &|block| block.validators.iter_mut().for_each(|validator| validator.power = u64::MAX / 8),
        &|block| block.validators = block.validators.iter().cycle().take(2_000).cloned().collect(),
    ];
    for change in senseless {
        let error = refused(change);
        assert!(matches!(error, VerifyError::Malformed(_)), "{error}");
    }
    // An address beside a key means nothing.
    let mut named = good.clone();
    named.validators[0].address = HexBytes(vec![9; 20]);
    assert!(chain.trust().advance(&named, NOW).is_ok());
}

#[test]
fn wrong_and_missing_signatures_are_noticed() {
    let chain = changing();
    let edited = |change: &dyn Fn(&mut SignedHeader)| {
        let mut signed = chain.sign(chain.header(5));
        change(&mut signed);
        let block = LightBlock { signed_header: Base64Bytes(encode_header(&signed)), ..chain.block(5) };
        chain.trust().advance(&block, NOW).unwrap_err()
    };
    let changed = edited(&|signed| signed.header.app_hash = AppHash::try_from(vec![8; 32]).unwrap());
    assert!(matches!(changed, VerifyError::HeaderHash), "{changed}");
    let adapted = edited(&|signed| {
        signed.header.app_hash = AppHash::try_from(vec![8; 32]).unwrap();
        signed.commit.block_id.hash = signed.header.hash();
    });
    assert!(matches!(adapted, VerifyError::Commit(_)), "{adapted}");
    let none = edited(&|signed| signed.commit.signatures.fill(CommitSig::BlockIdFlagAbsent));
    assert!(matches!(none, VerifyError::Commit(_)), "{none}");
    let missing = edited(&|signed| drop(signed.commit.signatures.pop()));
    assert!(matches!(missing, VerifyError::Commit(_)), "{missing}");
    // Enough of the trusted power, but not of its own validators'.
    let half = Chain { signs: |seed| seed <= 2, ..chain.clone() };
    let few = chain.trust().advance(&half.block(5), NOW).unwrap_err();
    assert!(matches!(few, VerifyError::TooFewSignatures { signed: 20, total: 40 }), "{few}");
}

#[test]
fn another_chain_and_another_order_are_refused() {
    let chain = changing();
    let other = Chain { name: "other-dev", ..chain.clone() };
    let error = chain.trust().advance(&other.block(5), NOW).unwrap_err();
    assert!(matches!(error, VerifyError::ChainId { .. }), "{error}");
    let trust = chain.trust().advance(&chain.block(8), NOW).unwrap();
    for height in [8, 7] {
        let error = trust.advance(&chain.block(height), NOW).unwrap_err();
        assert!(matches!(error, VerifyError::Older { trusted: 8, .. }), "{error}");
    }
    let earlier = Header { time: chain.header(3).time, ..chain.header(9) };
    let error = trust.advance(&chain.block_of(earlier), NOW).unwrap_err();
    assert!(matches!(error, VerifyError::Order), "{error}");
    // Of the trusted height there is one header.
    let twin = Header { app_hash: AppHash::try_from(vec![8; 32]).unwrap(), ..chain.header(8) };
    assert!(matches!(trust.verify_header(&chain.sign(twin)), Err(VerifyError::OtherHeader(8))));
    assert!(trust.verify_header(&chain.sign(chain.header(8))).is_ok());
    assert!(matches!(trust.verify_header(&chain.sign(chain.header(7))), Err(VerifyError::Older { .. })));
}

#[test]
fn a_real_chain_is_judged_by_what_is_not_too_old_and_not_ahead() {
    let real = Chain { name: REAL, ..changing() };
    // Stake that leaves can be slashed for seven days; two thirds of that are 4 days and 16 hours.
    let last = Time(START_SECONDS.unsigned_abs() * 1_000 + 4 * DAY_MS + 16 * DAY_MS / 24 - 2);
    assert!(real.trust().advance(&real.block(9), last).is_ok());
    let late = Time(last.millis() + 1);
    let error = real.trust().advance(&real.block(9), late).unwrap_err();
    assert!(matches!(error, VerifyError::Expired(_)), "{error}");
    // From a newer header it goes on.
    let newer = real.block(5);
    let trust = Trust::from_header(&real.genesis(), hash(&newer), &newer).unwrap();
    assert_eq!(trust.advance(&real.block(9), late).unwrap().height(), 9);
    let early = Time(START_SECONDS.unsigned_abs() * 1_000 - 3_000);
    let error = real.trust().advance(&real.block(9), early).unwrap_err();
    assert!(matches!(error, VerifyError::Future(_)), "{error}");
    // The keys of a chain for development are public, and its clock is moved at will.
    assert!(changing().trust().advance(&changing().block(9), late).is_ok());
    assert!(changing().trust().advance(&changing().block(9), early).is_ok());
}

#[test]
fn a_header_is_trusted_by_its_hash_and_no_other() {
    let chain = changing();
    let block = chain.block(25);
    let trust = Trust::from_header(&chain.genesis(), hash(&block), &block).unwrap();
    assert_eq!(trust.height(), 25);
    assert!(trust.advance(&chain.block(44), NOW).is_ok());
    let error = Trust::from_header(&chain.genesis(), [9; 32], &block).unwrap_err();
    assert!(matches!(error, VerifyError::OtherHeader(25)), "{error}");
    let mut other_next = block.clone();
    other_next.next_validators = listed(&vec![(99, 10)]);
    let error = Trust::from_header(&chain.genesis(), hash(&block), &other_next).unwrap_err();
    assert!(matches!(error, VerifyError::Listed(25)), "{error}");
}
