//! The parameters of the bridge in a genesis file. What is left out has the default of its module.

use diem_bridge::{self as bridge, Params};
use diem_core::Address;
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    units::{Diem, Millis, Names, Who},
};

/// The parameters of the bridge; what is left out has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeParams {
    /// The account that prepares and activates the contract, and gives orders for it.
    authority: Option<Who>,
    checkpoint_blocks: Option<u64>,
    seal_wait: Option<Millis>,
    batch_life: Option<Millis>,
    min_out: Option<Diem>,
    min_fee: Option<Diem>,
    max_open: Option<u32>,
    set_every: Option<Millis>,
    set_gap: Option<Millis>,
    out_capacity: Option<Diem>,
    credit_capacity: Option<Diem>,
    share_bps: Option<u16>,
    forgery_bps: Option<u16>,
    silence_jail_bps: Option<u16>,
}

impl BridgeParams {
    pub(crate) fn genesis(&self, names: &Names) -> Result<bridge::Genesis, Error> {
        let authority = self.authority.as_ref().map(|who| names.find(who).map_err(Error::Unknown)).transpose()?;
        Ok(bridge::Genesis { params: self.params(authority), rows: None })
    }

    fn params(&self, authority: Option<Address>) -> Params {
        let base = Params::default();
        let time = |time: Option<Millis>, base: u64| time.map_or(base, |time| time.0);
        let diem = |amount: Option<Diem>, base| amount.map_or(base, |amount| amount.0);
        Params {
            checkpoint_blocks: self.checkpoint_blocks.unwrap_or(base.checkpoint_blocks),
            seal_wait_ms: time(self.seal_wait, base.seal_wait_ms),
            batch_life_ms: time(self.batch_life, base.batch_life_ms),
            min_out: diem(self.min_out, base.min_out),
            min_fee: diem(self.min_fee, base.min_fee),
            max_open: self.max_open.unwrap_or(base.max_open),
            set_every_ms: time(self.set_every, base.set_every_ms),
            set_gap_ms: time(self.set_gap, base.set_gap_ms),
            out_capacity: diem(self.out_capacity, base.out_capacity),
            credit_capacity: diem(self.credit_capacity, base.credit_capacity),
            share_bps: self.share_bps.unwrap_or(base.share_bps),
            forgery_bps: self.forgery_bps.unwrap_or(base.forgery_bps),
            silence_jail_bps: self.silence_jail_bps.or(base.silence_jail_bps),
            authority: authority.unwrap_or(base.authority),
        }
    }
}
