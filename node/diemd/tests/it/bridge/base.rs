//! The local Base of a devnet, as its contract and token are there now.

use diem_base::{Base, Bridge, Call, Sender};
use diem_core::{
    Address, Amount,
    keys::{EthereumKey, KeyKind},
};
use diem_genesis::presets::TEST_MNEMONIC;
use diem_wallet::derive;

use crate::support::{
    client::{PATIENCE, until},
    devnet::Devnet,
};

/// The account on the local Base with this index of the phrase: alice has 0, dave 3, the relayer of the first validator 10.
pub(super) fn account(index: u32) -> Address {
    key(index).address()
}

/// The key of that account.
pub(crate) fn key(index: u32) -> EthereumKey {
    let phrase = derive::parse_phrase(TEST_MNEMONIC).unwrap();
    let path = derive::default_path(KeyKind::Ethereum, index);
    let secret = derive::derive(&phrase, KeyKind::Ethereum, &path).unwrap();
    EthereumKey::new(secret.bytes()).unwrap()
}

/// The URL of the local Base.
pub(super) fn rpc(devnet: &Devnet) -> &str {
    devnet.ready["base"]["rpc"].as_str().unwrap()
}

/// The contract that the devnet names in its ready file.
pub(crate) async fn contract(devnet: &Devnet) -> Bridge {
    let named = |key: &str| devnet.ready["base"][key].as_str().unwrap().parse::<Address>().unwrap();
    let chain_id = devnet.ready["base"]["chain_id"].as_u64().unwrap();
    let base = Base::connect_patiently(rpc(devnet), chain_id, PATIENCE).await.unwrap();
    let bridge = Bridge::new(base, named("bridge"));
    assert_eq!(bridge.token(), &named("token"));
    bridge
}

/// Burns nDIEM of an account of the phrase for an account of this chain.
pub(super) async fn burn(bridge: &Bridge, index: u32, amount: Amount, recipient: &Address) {
    let sender = Sender::new(bridge.base().clone(), key(index));
    sender.send(bridge, &Call::burn(amount, recipient)).await.unwrap();
}

/// Waits until an account has this amount of nDIEM. More than that would be minted twice.
pub(super) async fn arrives(bridge: &Bridge, account: &Address, amount: Amount) {
    until(&format!("{amount:?} at {}", account.to_hex()), async || {
        let has = bridge.balance_of(account).await.unwrap();
        assert!(has <= amount, "{} has {has:?}", account.to_hex());
        (has == amount).then_some(())
    })
    .await;
}
