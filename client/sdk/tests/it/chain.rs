//! A chain of headers, of which each height has validators of its own.

use std::sync::Arc;

use diem_api::{Base64Bytes, Hash, LightBlock, Validator, encoding::encode_header};
use diem_client::verify::Trust;
use diem_core::{Time, encoding::HexBytes};
use diem_types::GenesisDoc;
use tendermint::{
    Time as HeaderTime, account,
    block::{Header, signed_header::SignedHeader},
};

use crate::signed::{self, Members, START_SECONDS, key, public};

pub(crate) const CHAIN: &str = "light-dev";

pub(crate) fn listed(members: &Members) -> Vec<Validator> {
    let validator = |(seed, power): &(u8, u64)| Validator {
        address: HexBytes(account::Id::from(public(*seed)).as_bytes().to_vec()),
        public_key: Hash(key(*seed).verifying_key().to_bytes()),
        power: *power,
        proposer_priority: 0,
    };
    members.iter().map(validator).collect()
}

/// A chain of headers: who signs which height is all there is to it.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) name: &'static str,
    pub(crate) members: Arc<dyn Fn(u64) -> Members + Send + Sync>,
    /// Who of a height's validators signs.
    pub(crate) signs: fn(u8) -> bool,
}

pub(crate) fn chain(members: impl Fn(u64) -> Members + Send + Sync + 'static) -> Chain {
    Chain { name: CHAIN, members: Arc::new(members), signs: |_| true }
}

/// Four at a time, of whom the oldest leaves every ten heights.
pub(crate) fn changing() -> Chain {
    chain(|height| {
        let first = u8::try_from(height / 10).unwrap() + 1;
        (first..first + 4).map(|seed| (seed, 10)).collect()
    })
}

impl Chain {
    pub(crate) fn genesis(&self) -> GenesisDoc {
        signed::genesis(self.name, &(self.members)(1))
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_genesis(&self.genesis()).unwrap()
    }

    pub(crate) fn header(&self, height: u64) -> Header {
        let seconds = START_SECONDS + i64::try_from(height).unwrap() - 1;
        let time = HeaderTime::from_unix_timestamp(seconds, 0).unwrap();
        signed::header((self.name, height, time), &(self.members)(height), &(self.members)(height + 1), [7; 32])
    }

    pub(crate) fn sign(&self, header: Header) -> SignedHeader {
        let members = (self.members)(header.height.value());
        signed::commit(header, &members, |_, seed| (self.signs)(seed))
    }

    pub(crate) fn block_of(&self, header: Header) -> LightBlock {
        let height = header.height.value();
        LightBlock {
            height,
            signed_header: Base64Bytes(encode_header(&self.sign(header))),
            validators: listed(&(self.members)(height)),
            next_validators: listed(&(self.members)(height + 1)),
        }
    }

    pub(crate) fn block(&self, height: u64) -> LightBlock {
        self.block_of(self.header(height))
    }
}

/// When nothing is too old or ahead.
pub(crate) const NOW: Time = Time(1_790_000_100_000);
