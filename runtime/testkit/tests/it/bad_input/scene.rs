//! A chain in some state, on which bad calls are tried one by one.

use std::collections::{BTreeMap, BTreeSet};

use diem_core::{Address, Amount, Block, Denom};
use diem_credits::{SignedVoucher, vouchers::Verdict};
use diem_testkit::{Economy, Person, story};
use diem_types::{Call, Event, Query, error_info};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A chain, and the errors that it gave.
pub(crate) struct Scene {
    pub(crate) economy: Economy,
    /// The next block, in which every call is tried.
    block: Block,
    /// The state after that block without any call.
    without: Rows,
    /// The errors that it gave, as `codespace/name`.
    pub(crate) met: BTreeSet<String>,
}

impl Scene {
    pub(crate) fn new(mut economy: Economy) -> Self {
        let block = economy.block_after(1_000);
        economy.chain.run(block.clone(), Vec::new());
        let without = rows(&economy);
        economy.chain.app.rollback().unwrap();
        Self { economy, block, without, met: BTreeSet::new() }
    }

    pub(crate) fn who(&self, person: usize) -> Address {
        self.economy.who(person)
    }

    pub(crate) fn today(&self) -> u64 {
        self.economy.today()
    }

    /// A person's call fails with this error.
    #[track_caller]
    pub(crate) fn refuses(&mut self, person: usize, call: Call, error: &str) {
        let person = self.economy.chain.people[person].clone();
        self.refuses_of(&person, call, error);
    }

    /// Somebody's call fails with this error, alone and after one that works; nothing of either stays.
    #[track_caller]
    pub(crate) fn refuses_of(&mut self, sender: &Person, call: Call, error: &str) {
        let works = diem_bank::Msg::Transfer { to: self.who(4), denom: Denom::Vvv, amount: Amount::new(1) };
        for calls in [vec![call.clone()], vec![Call::Bank(works), call.clone()]] {
            let tx = self.economy.chain.tx(sender, calls).bytes();
            let checked = self.economy.chain.check(&tx);
            // What a balance does not cover the pool says first.
            let known = [error, "chain/insufficient_call_funds"].contains(&named(&checked).as_str());
            assert!(checked.code == 0 || known, "the pool says {}", checked.log);
            let outcome = self.economy.chain.run(self.block.clone(), vec![tx]);
            let result = &outcome.results()[0];
            assert_eq!(named(result), error, "{call:?}: {}", result.log);
            assert!(!result.log.is_empty() && result.events.is_empty(), "{result:?}");
            self.only_the_fee_is_gone(sender, result.fee);
        }
        self.met.insert(error.into());
    }

    /// A voucher handed in by a person is refused with this error of credits, and changes nothing.
    #[track_caller]
    pub(crate) fn refuses_voucher(&mut self, provider: usize, voucher: SignedVoucher, name: &str) {
        let sender = self.economy.chain.people[provider].clone();
        let tx = self.economy.chain.tx(&sender, vec![story::settle(sender.address, vec![voucher])]).bytes();
        let outcome = self.economy.chain.run(self.block.clone(), vec![tx]);
        let result = &outcome.results()[0];
        assert_eq!(result.code, 0, "{}", result.log);
        let events = Event::decode_all(&result.events).unwrap();
        let [Event::Credits(diem_credits::Event::VouchersSettled { outcomes, .. })] = &events[..] else {
            panic!("{events:?}")
        };
        let Verdict::Refused(code) = outcomes[0].verdict else { panic!("{outcomes:?}") };
        assert_eq!(error_info("credits", code).unwrap().name, name);
        assert!(outcomes[0].paid.is_zero());
        self.only_the_fee_is_gone(&sender, result.fee);
        self.met.insert(format!("credits/{name}"));
    }

    /// A question has no answer but this error.
    #[track_caller]
    pub(crate) fn refuses_query(&mut self, query: Query, error: &str) {
        let refused = self.economy.chain.app.query(query, None).unwrap_err();
        let diem_runtime::QueryError::Call(refused) = refused else { panic!("{refused}") };
        let name = error_info(refused.codespace, refused.code).unwrap().name;
        assert_eq!(format!("{}/{name}", refused.codespace), error);
        self.met.insert(error.into());
    }

    /// Compares the state with that of the block without the call, and takes the block back.
    #[track_caller]
    fn only_the_fee_is_gone(&mut self, sender: &Person, fee: Amount) {
        let app = &self.economy.chain.app;
        assert_eq!(app.check_invariants(), Ok(()));
        assert!(!fee.is_zero());
        let mut expected = self.without.clone();
        let row = expected.get_mut(&diem_bank::account_key(&sender.address).to_vec()).unwrap();
        let mut account: diem_bank::Account = borsh::from_slice(row).unwrap();
        account.nonce += 1;
        account.vvv = account.vvv.checked_sub(fee).unwrap();
        *row = borsh::to_vec(&account).unwrap();
        let with = rows(&self.economy);
        let fees = with.iter().find(|(key, value)| expected.get(*key) != Some(value)).unwrap();
        assert_eq!(&fees.0[..], [1, 2, 0, 0], "the pool of fees comes next");
        expected.insert(fees.0.clone(), borsh::to_vec(&fee).unwrap());
        assert!(with == expected, "more than the nonce and the fee changed: {:?}", difference(&with, &expected));
        app.rollback().unwrap();
    }
}

fn named(result: &diem_types::TxResult) -> String {
    let name = error_info(&result.codespace, result.code).map_or("no error", |info| info.name);
    format!("{}/{name}", result.codespace)
}

fn rows(economy: &Economy) -> Rows {
    economy.chain.app.store().state_rows().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

fn difference(one: &Rows, other: &Rows) -> Vec<String> {
    let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    keys.into_iter().filter(|key| one.get(*key) != other.get(*key)).map(hex::encode).collect()
}
