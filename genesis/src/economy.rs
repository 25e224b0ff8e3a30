//! The economy in a genesis file: validators, stakes, locks, the curve, the schedule, providers. What is left out has
//! the default of its module.

use diem_core::{Address, Amount, Time};
use diem_credits::{self as credits, genesis as credits_genesis, prices::PriceSheet};
use diem_diem::{self as diem, Curve, Formula};
use diem_emissions as emissions;
use diem_staking::{self as staking, CreateValidator, Description, KeyProof, genesis as staking_genesis};
use diem_svvv::{self as svvv, genesis as svvv_genesis};
use diem_types::GenesisValidator;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    Error,
    units::{Decimal, Diem, Millis, Names, Vvv, Who},
};

/// A validator of the first block. Its operator's account pays what it stakes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// The name that people call it.
    pub name: String,
    /// The website where people read more of it.
    #[serde(default)]
    pub website: String,
    /// The account that operates it.
    pub operator: Who,
    /// Its ed25519 consensus key, in hex.
    #[serde(with = "hex::serde")]
    pub public_key: [u8; 32],
    /// The address of its secp256k1 key for the bridge.
    pub bridge_address: Address,
    /// The proof that the operator holds both keys, made for this chain id.
    pub proof: KeyProof,
    /// The amount that it stakes with itself. Power is one for each whole VVV.
    pub self_stake: Vvv,
    /// The part of the rewards that it takes, in basis points.
    #[serde(default)]
    pub commission_bps: u16,
    /// The most that it will ever take.
    #[serde(default = "full")]
    pub max_commission_bps: u16,
    /// The most by which the commission may change from a day to the next, in basis points.
    #[serde(default = "full")]
    pub max_commission_change_bps: u16,
}

fn full() -> u16 {
    staking::params::FULL
}

/// VVV that somebody stakes from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stake {
    /// The account that stakes.
    pub account: Who,
    /// The operator of the validator that the stake is with.
    pub validator: Who,
    /// The amount that is staked.
    pub amount: Vvv,
}

/// A lock from the start: DIEM of the accounts needs matching ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The account that holds the stake.
    pub account: Who,
    /// The operator of the validator that the stake is with.
    pub validator: Who,
    /// The value that is locked.
    pub vvv: Vvv,
    /// The DIEM that it stands for.
    pub diem: Diem,
}

/// DIEM that somebody stakes for credit from the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiemStake {
    /// The account that stakes.
    pub account: Who,
    /// The account that has the credit; the staker if nobody is named.
    #[serde(default)]
    pub beneficiary: Option<Who>,
    /// The DIEM that is staked.
    pub amount: Diem,
}

/// A provider that serves from the start. Its account pays the bond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The account of the provider.
    pub account: Who,
    /// The name that people call it.
    pub moniker: String,
    /// The URL at which it serves.
    pub endpoint: String,
    /// The account that is paid for settled days; the provider if nobody is named.
    #[serde(default)]
    pub payout: Option<Who>,
    /// The bond that it puts up.
    pub bond: Vvv,
    /// Whether it earns rent from the first day on.
    #[serde(default)]
    pub listed: bool,
    /// Its prices by model.
    #[serde(default)]
    pub models: Vec<credits::prices::ModelPrices>,
}

/// The parameters of staking; what is left out has its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StakingParams {
    unbonding: Option<Millis>,
    max_validators: Option<u16>,
    min_self_stake: Option<Vvv>,
    min_stake: Option<Vvv>,
    equivocation_bps: Option<u16>,
    downtime_bps: Option<u16>,
    signed_window: Option<u32>,
    min_signed_bps: Option<u16>,
    jail: Option<Millis>,
}

impl StakingParams {
    fn params(&self) -> staking::Params {
        let base = staking::Params::default();
        staking::Params {
            unbonding_ms: self.unbonding.map_or(base.unbonding_ms, |time| time.0),
            max_validators: self.max_validators.unwrap_or(base.max_validators),
            min_self_stake: self.min_self_stake.map_or(base.min_self_stake, |stake| stake.0),
            equivocation_bps: self.equivocation_bps.unwrap_or(base.equivocation_bps),
            downtime_bps: self.downtime_bps.unwrap_or(base.downtime_bps),
            signed_window: self.signed_window.unwrap_or(base.signed_window),
            min_signed_bps: self.min_signed_bps.unwrap_or(base.min_signed_bps),
            jail_ms: self.jail.map_or(base.jail_ms, |time| time.0),
            min_stake: self.min_stake.map_or(base.min_stake, |stake| stake.0),
        }
    }
}

/// The mint curve: the numbers of the formula, or the table itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurveFile {
    /// The price of the first DIEM.
    base: Option<Vvv>,
    /// The exponent at the target.
    power: Option<Decimal>,
    /// The supply at which the exponent is `power`.
    target: Option<Diem>,
    /// The width of a step.
    step: Option<Diem>,
    /// The number of steps.
    steps: Option<u32>,
    /// `[[edge in adiem, avvv per DIEM], ...]`, digit for digit; instead of all the others.
    #[serde(default, deserialize_with = "table")]
    table: Option<Curve>,
}

fn table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Curve>, D::Error> {
    match Curve::deserialize(deserializer)? {
        table @ Curve::Table(_) => Ok(Some(table)),
        Curve::Formula(_) => Err(de::Error::custom("table is a list of [edge, rate]")),
    }
}

impl CurveFile {
    fn curve(&self) -> Result<Curve, Error> {
        let Self { base, power, target, step, steps, table } = self;
        if let Some(table) = table {
            let alone = base.is_none() && power.is_none() && target.is_none() && step.is_none() && steps.is_none();
            return if alone { Ok(table.clone()) } else { Err(Error::Curve) };
        }
        let default = Formula::default();
        Ok(Curve::Formula(Formula {
            base: base.map_or(default.base, |base| base.0),
            power: power.map_or(default.power, |power| power.0),
            target: target.map_or(default.target, |target| target.0),
            step: step.map_or(default.step, |step| step.0),
            steps: steps.unwrap_or(default.steps),
        }))
    }
}

/// The schedule of new VVV.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emissions {
    /// The part of its emission that locked stake pays into the rent pool, in basis points.
    fee_bps: Option<u16>,
    /// Rates one after the other; 10 million VVV a year from the start if none is given.
    #[serde(default)]
    schedule: Vec<Segment>,
}

/// A rate and when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    /// The start of the chain if it is left out.
    #[serde(default, deserialize_with = "time")]
    from: Time,
    per_year: Vvv,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let text = <String as Deserialize>::deserialize(deserializer)?;
    let wrong =
        || de::Error::custom(format!("`{text}` is not a time: write RFC 3339 such as \"2027-01-01T00:00:00Z\""));
    Time::parse_rfc3339(&text).ok_or_else(wrong)
}

impl Emissions {
    fn genesis(&self) -> emissions::Genesis {
        let base = emissions::Genesis::default();
        let params = self.fee_bps.map_or(base.params, |fee_bps| emissions::Params { fee_bps });
        let segment = |s: &Segment| emissions::Segment { from: s.from, per_year: s.per_year.0 };
        let schedule: Vec<_> = self.schedule.iter().map(segment).collect();
        emissions::Genesis {
            params,
            schedule: if schedule.is_empty() { base.schedule } else { schedule },
            progress: None,
        }
    }
}

/// The parameters of credits; what is left out has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditsParams {
    /// The account that lists and delists providers.
    authority: Option<Who>,
    cooldown: Option<Millis>,
    grace: Option<Millis>,
    provider_unbonding: Option<Millis>,
    min_bond: Option<Vvv>,
    stakers_bps: Option<u16>,
}

/// The sections of a genesis file that the economy has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Economy<'a> {
    pub(crate) names: &'a Names,
    pub(crate) staking: &'a StakingParams,
    pub(crate) curve: &'a CurveFile,
    pub(crate) emissions: &'a Emissions,
    pub(crate) credits: &'a CreditsParams,
    pub(crate) validators: &'a [Validator],
    pub(crate) stakes: &'a [Stake],
    pub(crate) locks: &'a [Lock],
    pub(crate) diem_stakes: &'a [DiemStake],
    pub(crate) providers: &'a [Provider],
}

impl Economy<'_> {
    fn who(&self, who: &Who) -> Result<Address, Error> {
        self.names.find(who).map_err(Error::Unknown)
    }

    fn somebody(&self, who: Option<&Who>) -> Result<Option<Address>, Error> {
        who.map(|who| self.who(who)).transpose()
    }

    pub(crate) fn staking(&self) -> Result<staking::Genesis, Error> {
        let validators = self.validators.iter().map(|validator| self.validator(validator)).collect::<Result<_, _>>()?;
        let stake = |stake: &Stake| {
            let (account, validator) = (self.who(&stake.account)?, self.who(&stake.validator)?);
            Ok(staking_genesis::GenesisStake { account, validator, amount: stake.amount.0 })
        };
        Ok(staking::Genesis {
            params: self.staking.params(),
            validators,
            stakes: self.stakes.iter().map(stake).collect::<Result<_, Error>>()?,
            rows: None,
        })
    }

    fn validator(&self, file: &Validator) -> Result<staking_genesis::GenesisValidator, Error> {
        let operator = self.who(&file.operator)?;
        let validator = CreateValidator {
            consensus_key: file.public_key,
            bridge_address: file.bridge_address,
            proof: file.proof,
            commission: file.commission_bps,
            max_commission: file.max_commission_bps,
            max_commission_change: file.max_commission_change_bps,
            description: Description { moniker: file.name.clone(), website: file.website.clone() },
            self_stake: file.self_stake.0,
        };
        Ok(staking_genesis::GenesisValidator { operator, validator })
    }

    pub(crate) fn svvv(&self) -> Result<svvv::Genesis, Error> {
        let lock = |lock: &Lock| {
            let (account, validator) = (self.who(&lock.account)?, self.who(&lock.validator)?);
            Ok(svvv_genesis::GenesisLock { account, validator, vvv: lock.vvv.0, diem: lock.diem.0 })
        };
        Ok(svvv::Genesis { locks: self.locks.iter().map(lock).collect::<Result<_, Error>>()?, rows: Vec::new() })
    }

    pub(crate) fn diem(&self) -> Result<diem::Genesis, Error> {
        Ok(diem::Genesis { curve: self.curve.curve()? })
    }

    pub(crate) fn emissions(&self) -> emissions::Genesis {
        self.emissions.genesis()
    }

    pub(crate) fn credits(&self) -> Result<credits::Genesis, Error> {
        Ok(credits::Genesis {
            params: self.credits_params()?,
            providers: self.providers.iter().map(|provider| self.provider(provider)).collect::<Result<_, _>>()?,
            stakes: self.diem_stakes.iter().map(|stake| self.diem_stake(stake)).collect::<Result<_, _>>()?,
            rows: None,
        })
    }

    fn credits_params(&self) -> Result<credits::Params, Error> {
        let (base, file) = (credits::Params::default(), self.credits);
        Ok(credits::Params {
            authority: self.somebody(file.authority.as_ref())?.unwrap_or(base.authority),
            cooldown_ms: file.cooldown.map_or(base.cooldown_ms, |time| time.0),
            grace_ms: file.grace.map_or(base.grace_ms, |time| time.0),
            provider_unbonding_ms: file.provider_unbonding.map_or(base.provider_unbonding_ms, |time| time.0),
            min_bond: file.min_bond.map_or(base.min_bond, |bond| bond.0),
            stakers_bps: file.stakers_bps.unwrap_or(base.stakers_bps),
        })
    }

    fn provider(&self, file: &Provider) -> Result<credits_genesis::GenesisProvider, Error> {
        Ok(credits_genesis::GenesisProvider {
            provider: self.who(&file.account)?,
            payout: self.somebody(file.payout.as_ref())?,
            endpoint: file.endpoint.clone(),
            moniker: file.moniker.clone(),
            bond: file.bond.0,
            listed: file.listed,
            prices: PriceSheet { models: file.models.clone() },
        })
    }

    fn diem_stake(&self, file: &DiemStake) -> Result<credits_genesis::GenesisStake, Error> {
        let beneficiary = self.somebody(file.beneficiary.as_ref())?;
        Ok(credits_genesis::GenesisStake { staker: self.who(&file.account)?, beneficiary, amount: file.amount.0 })
    }
}

/// The validators that consensus starts with: the power that the stakes give, as staking ranks it.
pub(crate) fn powers(genesis: &staking::Genesis) -> Vec<GenesisValidator> {
    let mut ranked = Vec::new();
    for validator in &genesis.validators {
        let others = genesis.stakes.iter().filter(|stake| stake.validator == validator.operator);
        let own = others.clone().filter(|stake| stake.account == validator.operator).map(|stake| stake.amount);
        let sum = |stakes: &mut dyn Iterator<Item = Amount>| {
            stakes.fold(validator.validator.self_stake.get(), |sum, stake| sum.saturating_add(stake.get()))
        };
        let self_stake = sum(&mut own.into_iter());
        let tokens = sum(&mut others.map(|stake| stake.amount));
        let power = tokens.checked_div(Amount::ONE.get()).unwrap_or_default();
        if self_stake >= genesis.params.min_self_stake.get() {
            let power = u64::try_from(power).unwrap_or(u64::MAX);
            ranked.push((std::cmp::Reverse(power), validator.operator, validator.validator.consensus_key));
        }
    }
    ranked.sort();
    ranked.truncate(genesis.params.max_validators.into());
    ranked.into_iter().map(|(power, _, public_key)| GenesisValidator { public_key, power: power.0 }).collect()
}
