//! credits' part of the genesis file.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank::{self as bank, Pool};
use diem_core::{Address, Amount, CallError, Denom, Events, GenesisContext, StateRead, StateWrite, Time, clock};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Params, day, params,
    prices::{PriceSheet, Sheets},
    providers::{self, Left, Provider, Standing},
    stake,
    state::{
        self, ACCOUNTS, ALLOCATIONS, Account, Allocation, DAYS, DayRecord, ENDING, GRANTS, Grant, IDLE_SUPPLY,
        IdleSupply, KEYS, LAPSING, LEAVING, MATURING, NEXT_TRANCHE, OFFERS, OPEN_DAY, OpenDay, POSITIONS,
        PROVIDER_DAYS, PROVIDERS, ProviderDay, SHEETS, SessionKey, TRANCHES, Tranche,
    },
};

/// The state from which credit starts.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The parameters of the module.
    #[serde(default)]
    pub params: Params,
    /// Providers that serve from the start; each bond comes from the provider's own account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<GenesisProvider>,
    /// DIEM that is staked from the start; it comes from the staker's account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stakes: Vec<GenesisStake>,
    /// Every row of a running chain, in place of the two lists: only an export has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Box<Rows>>,
}

/// A provider that serves from the start.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisProvider {
    /// The account of the provider.
    pub provider: Address,
    /// The account that is paid for settled days; the provider if nobody is named.
    #[serde(default)]
    pub payout: Option<Address>,
    /// The URL at which it serves.
    pub endpoint: String,
    /// The name of the provider.
    pub moniker: String,
    /// The bond that it puts up, in avvv.
    pub bond: Amount,
    /// Whether it earns rent from the first day on.
    pub listed: bool,
    /// The prices that it charges.
    #[serde(default)]
    pub prices: PriceSheet,
}

/// DIEM that is staked from the start.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisStake {
    /// The account that stakes.
    pub staker: Address,
    /// The account that has the credit; the staker if nobody is named.
    #[serde(default)]
    pub beneficiary: Option<Address>,
    /// The DIEM that is staked, in adiem.
    pub amount: Amount,
}

/// Every row of a running chain. The queues are derived from the rows to which they lead, except for the one of lapsing
/// credit: no other row says how far it was processed.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is a table, by its name")]
pub struct Rows {
    pub open_day: OpenDay,
    pub idle_supply: IdleSupply,
    pub next_tranche: u64,
    pub accounts: Vec<(Address, Account)>,
    pub allocations: Vec<(Address, Vec<Allocation>)>,
    pub grants: Vec<((Address, Address), Grant)>,
    pub positions: Vec<((Address, Address), Amount)>,
    pub tranches: Vec<((Address, u64), Tranche)>,
    pub offers: Vec<((u64, Address), Amount)>,
    pub providers: Vec<(Address, Provider)>,
    pub sheets: Vec<(Address, Sheets)>,
    pub days: Vec<(u64, DayRecord)>,
    pub provider_days: Vec<((u64, Address), ProviderDay)>,
    pub lapsing: Vec<(u64, Address)>,
}

pub(crate) fn init(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
    params::set_params(ctx.state, &genesis.params)?;
    if let Some(rows) = &genesis.rows {
        if !genesis.providers.is_empty() || !genesis.stakes.is_empty() {
            return Err(Error::Genesis("`rows` of an export stand in place of `providers` and `stakes`".into()).into());
        }
        rows.write(ctx.state);
        return Ok(());
    }
    let mut open_day = OpenDay { day: clock::epoch(ctx.state, ctx.time), ..OpenDay::default() };
    day::open(ctx.state, &mut open_day, ctx.time);
    for GenesisStake { staker, beneficiary, amount } in &genesis.stakes {
        if *staker == Address::ZERO || *beneficiary == Some(Address::ZERO) {
            return Err(Error::ZeroAddress.into());
        }
        if amount.is_zero() {
            return Err(Error::ZeroAmount.into());
        }
        stake::deposit(ctx.state, &mut Events::default(), staker, &beneficiary.unwrap_or(*staker), *amount)?;
    }
    genesis.providers.iter().try_for_each(|provider| provider.write(ctx.state, open_day.day))
}

impl GenesisProvider {
    fn write(&self, state: &mut dyn StateWrite, day: u64) -> Result<(), CallError> {
        if PROVIDERS.get(state, &self.provider).is_some() {
            return Err(Error::Genesis(format!("provider {} is named twice", self.provider)).into());
        }
        let payout = self.payout.unwrap_or(self.provider);
        if self.provider == Address::ZERO || payout == Address::ZERO {
            return Err(Error::ZeroAddress.into());
        }
        providers::check_endpoint(&self.endpoint)?;
        providers::check_moniker(&self.moniker)?;
        self.prices.validate()?;
        providers::check_min_bond(state, self.bond)?;
        bank::pay_into_pool(state, &self.provider, Pool::ProviderBonds, Denom::Vvv, self.bond)?;
        let mut provider = Provider::new(payout, &self.endpoint, &self.moniker, self.bond, day);
        let standing = Standing { listed: self.listed, bond: self.bond };
        (provider.today, provider.next) = (standing, standing);
        PROVIDERS.set(state, &self.provider, &provider);
        let sheets = Sheets { day, today: self.prices.clone(), next: self.prices.clone(), published: 0 };
        SHEETS.set(state, &self.provider, &sheets);
        Ok(())
    }
}

impl Rows {
    fn write(&self, state: &mut dyn StateWrite) {
        OPEN_DAY.set(state, &self.open_day);
        IDLE_SUPPLY.set(state, &self.idle_supply);
        // A chain on which nobody ever unstaked has no such row.
        if self.next_tranche != 0 {
            NEXT_TRANCHE.set(state, &self.next_tranche);
        }
        ACCOUNTS.fill(state, &self.accounts);
        ALLOCATIONS.fill(state, &self.allocations);
        GRANTS.fill(state, &self.grants);
        POSITIONS.fill(state, &self.positions);
        TRANCHES.fill(state, &self.tranches);
        OFFERS.fill(state, &self.offers);
        PROVIDERS.fill(state, &self.providers);
        SHEETS.fill(state, &self.sheets);
        DAYS.fill(state, &self.days);
        PROVIDER_DAYS.fill(state, &self.provider_days);
        for ((account, key), grant) in &self.grants {
            let mut keys = KEYS.get(state, account).unwrap_or_default();
            SessionKey::put(&mut keys, *key, grant.last_day);
            KEYS.set(state, account, &keys);
            ENDING.set(state, &(grant.last_day, *account), &1);
        }
        self.lapsing.iter().for_each(|key| LAPSING.set(state, key, &1));
        for ((staker, id), tranche) in &self.tranches {
            MATURING.set(state, &(tranche.due.millis(), *id), staker);
        }
        for (address, provider) in &self.providers {
            if let Some(Left { due: Time(due), .. }) = provider.left.filter(|_| !provider.bond.is_zero()) {
                LEAVING.set(state, &(due, *address), &1);
            }
        }
    }
}

pub(crate) fn export(state: &dyn StateRead) -> Genesis {
    let rows = Rows {
        open_day: state::open_day(state),
        idle_supply: IDLE_SUPPLY.get(state).unwrap_or_default(),
        next_tranche: NEXT_TRANCHE.get(state).unwrap_or_default(),
        accounts: ACCOUNTS.all(state),
        allocations: ALLOCATIONS.all(state),
        grants: GRANTS.all(state),
        positions: POSITIONS.all(state),
        tranches: TRANCHES.all(state),
        offers: OFFERS.all(state),
        providers: PROVIDERS.all(state),
        sheets: SHEETS.all(state),
        days: DAYS.all(state),
        provider_days: PROVIDER_DAYS.all(state),
        lapsing: LAPSING.all(state).into_iter().map(|(key, _)| key).collect(),
    };
    Genesis { params: state::params(state), rows: Some(Box::new(rows)), ..Genesis::default() }
}
