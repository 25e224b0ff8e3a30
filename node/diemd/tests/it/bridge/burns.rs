//! A contract on Base burns in a loop: as many burns in a few blocks as no person makes.

use std::time::Duration;

use diem_base::{Base, Bridge, Call, Sender};
use diem_core::{Address, Amount};

use super::{
    apart::Apart,
    base::{account, arrives, contract, key},
};
use crate::support::{client::until, devnet::EngineUnderTest};

/// The burns of a transaction, which stay below the gas that Base allows one (EIP-7825), and the number of transactions.
const BURNS_AT_ONCE: u16 = 250;
const TRANSACTIONS: u16 = 8;
/// What each burn takes: the least that the contract lets burn.
const BURNED: Amount = Amount::new(Amount::ONE.get() / 100);
/// The index of the phrase whose account pays for gas.
const SENDER: u32 = 41;
/// The account of this chain that is paid, one burn at a time.
const HOME: Address = Address([0x7b; 20]);

/// The init code of a contract that gives each call on to `bridge`, [`BURNS_AT_ONCE`] times, and reverts if one fails.
fn looping_burner(bridge: &Address) -> Vec<u8> {
    let [high, low] = BURNS_AT_ONCE.to_be_bytes();
    let mut code = vec![0x36, 0x60, 0x00, 0x60, 0x00, 0x37]; // CALLDATASIZE, PUSH1 0, PUSH1 0, CALLDATACOPY
    code.extend([0x61, high, low]); // PUSH2 the number of rounds
    let start = u8::try_from(code.len()).unwrap();
    code.extend([0x5b, 0x60, 0x00, 0x60, 0x00, 0x36, 0x60, 0x00, 0x60, 0x00, 0x73]); // JUMPDEST, arguments of CALL, PUSH20
    code.extend(bridge.0);
    code.extend([0x5a, 0xf1, 0x15, 0x60]); // GAS, CALL, ISZERO, PUSH1 the end by REVERT
    let failed = u8::try_from(code.len() + 11).unwrap();
    code.extend([failed, 0x57, 0x60, 0x01, 0x90, 0x03, 0x80, 0x60, start, 0x57, 0x00]); // JUMPI, count down, JUMPI, STOP
    code.extend([0x5b, 0x60, 0x00, 0x60, 0x00, 0xfd]); // JUMPDEST, REVERT
    let length = u8::try_from(code.len()).unwrap();
    // PUSH1 length, DUP1, PUSH1 the size of this prelude, PUSH1 0, CODECOPY, PUSH1 0, RETURN
    let prelude = [0x60, length, 0x80, 0x60, 0x0b, 0x60, 0x00, 0x39, 0x60, 0x00, 0xf3];
    [&prelude[..], &code].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_burns_of_a_looping_contract_are_paid_one_by_one() {
    let Some(mut chain) = Apart::prepared(EngineUnderTest::Instant, Duration::from_secs(1)) else { return };
    chain.start(&[]).await;
    let (client, bridge) = (chain.client(), contract(&chain.devnet).await);
    let sender = Sender::new(bridge.base().clone(), key(SENDER));
    let burner = sender.deploy(&looping_burner(bridge.address()), &[7; 32]).await.unwrap().address;

    let burns = u64::from(BURNS_AT_ONCE) * u64::from(TRANSACTIONS);
    let all = Amount::new(BURNED.get() * u128::from(burns));
    chain
        .bridge(&format!("out {}DIEM --to {} --from dave --yes", all.get() / Amount::ONE.get(), burner.to_hex()))
        .await;
    arrives(&bridge, &burner, all).await;
    let before = bridge.state().await.unwrap().event_nonce;
    let through = through(&bridge, burner);
    for _ in 0..TRANSACTIONS {
        sender.send(&through, &Call::burn(BURNED, &HOME)).await.unwrap();
    }
    assert_eq!(bridge.state().await.unwrap().event_nonce, before + burns);
    // While they come home, a transfer goes out as ever.
    let there = account(SENDER + 1);
    chain.bridge(&format!("out 1DIEM --to {} --from dave --yes", there.to_hex())).await;
    arrives(&bridge, &there, Amount::ONE).await;

    until("the payment of all burns", async || {
        let has = chain.diem(&HOME).await;
        assert!(has <= all && has.get().is_multiple_of(BURNED.get()), "paid {has:?}");
        (has == all).then_some(())
    })
    .await;
    let end = client.bridge().await.unwrap().answer;
    assert_eq!((end.halt, end.issued.credits), (None, burns));
    chain.supply_is_proven().await;
    chain.stop_and_check();
}

/// The contract in the bridge's place, so that a call for the bridge is sent to it.
fn through(bridge: &Bridge, burner: Address) -> Bridge {
    Bridge::new(Base::clone(bridge.base()), burner)
}
