//! The calls of staking.

use diem_core::{
    Address, Amount, CallError, Denom, HandedIn, Message, Statement, Statements, TxContext, gas_of_calls,
    text::{is_blank, is_plain, is_web_url},
};

use crate::{
    Error,
    key_proof::KeyProof,
    leaving,
    operators::{self, CreateValidator, EditValidator, check_commission},
    positions,
    state::Description,
};

/// The longest name of a validator.
pub const MAX_MONIKER_BYTES: usize = 64;
/// The longest link of a validator.
pub const MAX_WEBSITE_BYTES: usize = 128;

/// The gas of a change of what a validator says of itself, or of its standing.
const GAS_PER_VALIDATOR: u64 = 6_000;
/// The gas of a change of one position, its validator and its place in the ranking, with what is paid.
const GAS_PER_CHANGE: u64 = 16_000;
/// The gas of something that begins or stops to leave.
const GAS_PER_ENTRY: u64 = 5_000;
/// The gas of checking the two signatures of a key proof.
const GAS_PER_PROOF: u64 = 20_000;

/// A call of staking.
#[diem_core::calls]
pub enum Msg {
    /// Makes the sender a validator.
    CreateValidator(CreateValidator) = 0,
    /// Changes what people are told, or the commission from the next day on.
    EditValidator(EditValidator) = 1,
    /// Brings the sender's validator back after it was jailed.
    #[serde(deserialize_with = "diem_core::json::no_fields")]
    Unjail = 2,
    /// Gives the sender's validator another bridge key.
    RotateBridgeKey {
        /// The validator's key in consensus, which signs the proof: so that it can be verified before the validator is
        /// looked up.
        #[serde(with = "hex::serde")]
        consensus_key: [u8; 32],
        /// The address of the new key.
        bridge_address: Address,
        /// The signatures by the consensus key and the new bridge key.
        proof: KeyProof,
    } = 3,
    /// Stakes VVV with a validator.
    Stake {
        /// The operator of the validator.
        validator: Address,
        /// The amount to stake, in avvv; not zero.
        amount: Amount,
    } = 4,
    /// Takes free stake out into a tranche, which is paid by itself after the unbonding time.
    Unstake {
        /// The operator of the validator.
        validator: Address,
        /// The value to take out, in avvv of today; not zero.
        amount: Amount,
    } = 5,
    /// Stakes a tranche again with the validator that it left.
    CancelUnstake {
        /// The id of the tranche.
        #[serde(with = "diem_core::json::number")]
        tranche: u64,
    } = 6,
    /// Pays out rewards to the sender.
    Claim {
        /// The operator of the validator with whom they were earned.
        validator: Address,
    } = 7,
    /// Stakes rewards with the validator with which they were earned.
    ClaimAndStake {
        /// The operator of the validator with whom they were earned.
        validator: Address,
    } = 8,
}

pub(crate) fn check_description(description: &Description) -> Result<(), Error> {
    let Description { moniker, website } = description;
    let fits = (1..=MAX_MONIKER_BYTES).contains(&moniker.len()) && website.len() <= MAX_WEBSITE_BYTES;
    // Both stand in the text that a wallet shows.
    if !fits || !is_plain(moniker) || !is_plain(website) {
        return Err(Error::Description);
    }
    if is_blank(moniker) {
        return Err(Error::BlankMoniker);
    }
    if website.is_empty() || is_web_url(website) { Ok(()) } else { Err(Error::Website) }
}

/// Refuses an amount of zero.
fn check_amount(amount: Amount) -> Result<(), Error> {
    if amount.is_zero() { Err(Error::ZeroAmount) } else { Ok(()) }
}

gas_of_calls!(Msg {
    CreateValidator "create_validator" = GAS_PER_PROOF + GAS_PER_CHANGE + GAS_PER_VALIDATOR,
    EditValidator "edit_validator" = GAS_PER_VALIDATOR,
    Unjail "unjail" = GAS_PER_VALIDATOR,
    RotateBridgeKey "rotate_bridge_key" = GAS_PER_PROOF + GAS_PER_VALIDATOR,
    Stake "stake" = GAS_PER_CHANGE,
    Unstake "unstake" = GAS_PER_CHANGE + GAS_PER_ENTRY,
    CancelUnstake "cancel_unstake" = GAS_PER_CHANGE + GAS_PER_ENTRY,
    Claim "claim" = GAS_PER_CHANGE,
    ClaimAndStake "claim_and_stake" = GAS_PER_CHANGE,
});

impl Message for Msg {
    fn validate(&self) -> Result<(), CallError> {
        match self {
            Self::CreateValidator(msg) => {
                check_description(&msg.description)?;
                check_commission(msg.commission, msg.max_commission, msg.max_commission_change)?;
                check_amount(msg.self_stake)?;
            }
            Self::EditValidator(msg) => msg.description.iter().try_for_each(check_description)?,
            Self::Stake { amount, .. } | Self::Unstake { amount, .. } => check_amount(*amount)?,
            Self::Unjail
            | Self::RotateBridgeKey { .. }
            | Self::CancelUnstake { .. }
            | Self::Claim { .. }
            | Self::ClaimAndStake { .. } => {}
        }
        Ok(())
    }

    // This is the VVV that a call takes out of the account: see [`diem_core::Message::spends`].
    fn spends(&self) -> Amount {
        match self {
            Self::CreateValidator(msg) => msg.self_stake,
            Self::Stake { amount, .. } => *amount,
            // The VVV that these stake comes from tranches and rewards, which are in no account.
            Self::CancelUnstake { .. } | Self::ClaimAndStake { .. } => Amount::ZERO,
            Self::EditValidator(_)
            | Self::Unjail
            | Self::RotateBridgeKey { .. }
            | Self::Unstake { .. }
            | Self::Claim { .. } => Amount::ZERO,
        }
    }

    /// The two signatures of a key proof.
    fn statements<'a>(&'a self, by: HandedIn<'a>) -> Statements<'a> {
        let (consensus_key, bridge, proof) = match self {
            Self::CreateValidator(msg) => (&msg.consensus_key, &msg.bridge_address, &msg.proof),
            Self::RotateBridgeKey { consensus_key, bridge_address, proof } => (consensus_key, bridge_address, proof),
            _ => return Vec::new(),
        };
        // A vote that no signer can make is refused before a signature is looked at.
        let statements = proof.statements(by.chain_id, by.sender, consensus_key, bridge);
        statements.into_iter().flatten().map(|statement| Box::new(statement) as Box<dyn Statement>).collect()
    }

    // What leaves passes a full state, because an account has a bounded number of tranches.
    fn is_exit(&self) -> bool {
        match self {
            // Unjailing writes at most one row of the ranking for each validator. If a full state refused it, whoever
            // fills the state could keep jailed validators out until too little power is left for a block.
            Self::Unstake { .. } | Self::Claim { .. } | Self::Unjail => true,
            Self::CreateValidator(_)
            | Self::EditValidator(_)
            | Self::RotateBridgeKey { .. }
            | Self::Stake { .. }
            | Self::CancelUnstake { .. }
            | Self::ClaimAndStake { .. } => false,
        }
    }

    fn text(&self) -> String {
        let vvv = |amount: &Amount| amount.display(Denom::Vvv);
        match self {
            Self::CreateValidator(msg) => create_text(msg),
            Self::EditValidator(msg) => edit_text(msg),
            Self::Unjail => "Unjail my validator".into(),
            Self::RotateBridgeKey { bridge_address, .. } => {
                format!("Give my validator the bridge key {}", bridge_address.to_hex())
            }
            Self::Stake { validator, amount } => format!("Stake {} with {}", vvv(amount), validator.to_hex()),
            Self::Unstake { validator, amount } => format!("Unstake {} from {}", vvv(amount), validator.to_hex()),
            Self::CancelUnstake { tranche } => format!("Stake tranche {tranche} again"),
            Self::Claim { validator } => format!("Claim rewards earned with {}", validator.to_hex()),
            Self::ClaimAndStake { validator } => format!("Claim and stake rewards earned with {}", validator.to_hex()),
        }
    }

    fn execute(&self, ctx: &mut TxContext<'_>) -> Result<(), CallError> {
        let (sender, block, verifier) = (ctx.sender, ctx.block, ctx.verifier);
        let (state, events) = (&mut *ctx.state, &mut *ctx.events);
        match self {
            Self::CreateValidator(msg) => operators::create(state, events, block, verifier, &sender, msg)?,
            Self::EditValidator(msg) => operators::edit(state, events, block, &sender, msg)?,
            Self::Unjail => operators::unjail(state, events, block, &sender)?,
            Self::RotateBridgeKey { consensus_key, bridge_address, proof } => {
                let rotation = operators::Rotation { consensus_key, bridge: bridge_address, proof };
                operators::rotate_bridge_key(state, events, block, verifier, &sender, rotation)?;
            }
            Self::Stake { validator, amount } => positions::stake(state, events, &sender, validator, *amount)?,
            Self::Unstake { validator, amount } => leaving::unstake(state, events, block, &sender, validator, *amount)?,
            Self::CancelUnstake { tranche } => leaving::cancel(state, events, &sender, *tranche)?,
            Self::Claim { validator } => positions::claim(state, events, &sender, validator, false)?,
            Self::ClaimAndStake { validator } => positions::claim(state, events, &sender, validator, true)?,
        }
        Ok(())
    }
}

/// Writes basis points as a percentage: `12.5%`.
fn percent(bps: u16) -> String {
    let (whole, rest) = (bps / 100, bps % 100);
    match (rest / 10, rest % 10) {
        (0, 0) => format!("{whole}%"),
        (tenths, 0) => format!("{whole}.{tenths}%"),
        (tenths, hundredths) => format!("{whole}.{tenths}{hundredths}%"),
    }
}

fn create_text(msg: &CreateValidator) -> String {
    format!(
        "Become validator \"{}\" (\"{}\") with consensus key {} and bridge key {}, commission {} (at most {}, changing by at most {} a day), and stake {}",
        msg.description.moniker,
        msg.description.website,
        hex::encode(msg.consensus_key),
        msg.bridge_address.to_hex(),
        percent(msg.commission),
        percent(msg.max_commission),
        percent(msg.max_commission_change),
        msg.self_stake.display(Denom::Vvv),
    )
}

fn edit_text(msg: &EditValidator) -> String {
    let mut parts = Vec::new();
    if let Some(Description { moniker, website }) = &msg.description {
        parts.push(format!("it is called \"{moniker}\" (\"{website}\")"));
    }
    if let Some(rate) = msg.commission {
        parts.push(format!("its commission is {} from tomorrow", percent(rate)));
    }
    format!("Change my validator: {}", if parts.is_empty() { "nothing".into() } else { parts.join("; ") })
}
