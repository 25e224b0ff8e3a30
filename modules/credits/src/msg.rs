//! The calls of credits.

use diem_core::{Address, Amount, CallError, Denom, HandedIn, Message, Statement, Statements, TxContext};

use crate::{
    SignedVoucher, allocations, grants, grants::ProviderLimit, market, prices::PriceSheet, providers, spend, stake,
    vouchers,
};

/// A call of credits. Every amount is more than zero where nothing else is said.
#[diem_core::calls]
pub enum Msg {
    /// Stakes DIEM; it gives credit at once. The position then holds at least 0.01 DIEM.
    StakeDiem {
        /// The DIEM to stake, in adiem.
        amount: Amount,
        /// The account that has the credit; the sender if nobody is named.
        beneficiary: Option<Address>,
    } = 0,
    /// Takes DIEM out of stake; it is paid by itself after the cooldown.
    UnstakeDiem {
        /// The DIEM to unstake, in adiem: the whole position, or at least 0.01 DIEM such that at least 0.01 DIEM stays.
        amount: Amount,
        /// The account whose credit it backs; the sender if nobody is named.
        beneficiary: Option<Address>,
    } = 1,
    /// Brings a tranche back into stake.
    CancelUnstake {
        /// The number of the tranche.
        #[serde(with = "diem_core::json::number")]
        tranche: u64,
    } = 2,
    /// Makes the sender a provider.
    RegisterProvider {
        /// The bond that it puts up, in avvv.
        bond: Amount,
        /// The account that is paid for settled days.
        payout: Address,
        /// The URL at which it serves.
        endpoint: String,
        /// The name of the provider.
        moniker: String,
    } = 3,
    /// Changes what is given of the sender's provider; what is absent stays.
    EditProvider {
        /// The account that is paid for settled days.
        payout: Option<Address>,
        /// The URL at which it serves.
        endpoint: Option<String>,
        /// The name of the provider.
        moniker: Option<String>,
    } = 4,
    /// Adds to the sender's bond; it counts from the next day.
    AddBond {
        /// The amount that is added, in avvv.
        amount: Amount,
    } = 5,
    /// Publishes prices; a raised one counts from the next day.
    PublishPrices {
        /// The whole sheet, with what stays the same too.
        sheet: PriceSheet,
    } = 6,
    /// Ends the sender's service with today.
    #[serde(deserialize_with = "diem_core::json::no_fields")]
    Deregister = 7,
    /// The authority lets a provider earn rent from the next day on.
    ListProvider {
        /// The account of the provider.
        provider: Address,
    } = 8,
    /// The authority stops a provider from earning rent, at once.
    DelistProvider {
        /// The account of the provider.
        provider: Address,
        /// Whether its bond goes to the treasury.
        forfeit: bool,
    } = 9,
    /// Allocates so much credit a day to a provider, until changed; zero ends it.
    Allocate {
        /// The provider to which credit is allocated.
        provider: Address,
        /// The credit a day, in credit units; may be zero.
        amount: Amount,
    } = 10,
    /// Lets a session key sign vouchers.
    Grant {
        /// The address of the session key.
        key: Address,
        /// The last day on which the key may sign.
        #[serde(with = "diem_core::json::number")]
        last_day: u64,
        /// The providers and the limits a day, by provider ascending.
        limits: Vec<ProviderLimit>,
    } = 11,
    /// Takes a session key's rights from the next day on.
    Revoke {
        /// The address of the session key.
        key: Address,
    } = 12,
    /// Hands in vouchers of a provider. Anyone may: the provider is paid, so that whoever serves in its name need not
    /// hold its key.
    SettleVouchers {
        /// The provider that the vouchers pay.
        provider: Address,
        /// The vouchers, 1 to 1,000, each judged alone.
        vouchers: Vec<SignedVoucher>,
    } = 13,
    /// Consumes free credit at a provider, at once.
    Spend {
        /// The provider at which it is spent.
        provider: Address,
        /// The number of today: another day is refused.
        #[serde(with = "diem_core::json::number")]
        day: u64,
        /// The credit to spend, in credit units.
        amount: Amount,
        /// A text for the provider, such as an order's number; may be empty.
        reference: String,
    } = 14,
    /// Gives free credit of today to another account.
    GiftCredit {
        /// The account that gets the credit.
        to: Address,
        /// The number of today: another day is refused.
        #[serde(with = "diem_core::json::number")]
        day: u64,
        /// The credit to give, in credit units.
        amount: Amount,
    } = 15,
    /// Sets free credit of today aside for sale, in place of an earlier offer.
    OfferCredit {
        /// The number of today: another day is refused.
        #[serde(with = "diem_core::json::number")]
        day: u64,
        /// The credit to offer, in credit units.
        amount: Amount,
        /// The price, in avvv for a whole credit.
        price: Amount,
    } = 16,
    /// Takes the sender's offer back.
    #[serde(deserialize_with = "diem_core::json::no_fields")]
    WithdrawOffer = 17,
    /// Buys credit of today.
    BuyCredit {
        /// The account that sells.
        seller: Address,
        /// The number of today: another day is refused.
        #[serde(with = "diem_core::json::number")]
        day: u64,
        /// The credit to buy, in credit units.
        amount: Amount,
        /// The highest price, in avvv for a whole credit.
        max_price: Amount,
    } = 18,
    /// Pays a tranche of the sender that is due at once, whatever waits before it; one that left today is not due. The
    /// queue does the same by itself, later when it is long.
    CollectTranche {
        /// The number of the tranche.
        #[serde(with = "diem_core::json::number")]
        id: u64,
    } = 19,
}

impl Message for Msg {
    fn validate(&self) -> Result<(), CallError> {
        Ok(self.check()?)
    }

    // This is the VVV that a call takes out of the account: see [`diem_core::Message::spends`].
    fn spends(&self) -> Amount {
        match self {
            Self::RegisterProvider { bond, .. } => *bond,
            Self::AddBond { amount } => *amount,
            Self::BuyCredit { amount, max_price, .. } => market::payment(*amount, *max_price).unwrap_or(Amount::MAX),
            // These take DIEM, or credit, which nobody pays fees with.
            Self::StakeDiem { .. }
            | Self::Allocate { .. }
            | Self::Spend { .. }
            | Self::GiftCredit { .. }
            | Self::OfferCredit { .. } => Amount::ZERO,
            Self::UnstakeDiem { .. }
            | Self::CancelUnstake { .. }
            | Self::CollectTranche { .. }
            | Self::EditProvider { .. }
            | Self::PublishPrices { .. }
            | Self::Deregister
            | Self::ListProvider { .. }
            | Self::DelistProvider { .. }
            | Self::Grant { .. }
            | Self::Revoke { .. }
            | Self::SettleVouchers { .. }
            | Self::WithdrawOffer => Amount::ZERO,
        }
    }

    fn statements<'a>(&'a self, _: HandedIn<'a>) -> Statements<'a> {
        match self {
            Self::SettleVouchers { vouchers, .. } => {
                vouchers.iter().map(|signed| Box::new(signed) as Box<dyn Statement>).collect()
            }
            _ => Vec::new(),
        }
    }

    // What is due to an account passes a full state: it has a bounded number of tranches, and a provider one row of a
    // day for all vouchers, which are worth nothing when the day is over.
    fn is_exit(&self) -> bool {
        match self {
            Self::UnstakeDiem { .. }
            | Self::CollectTranche { .. }
            | Self::Deregister
            | Self::SettleVouchers { .. }
            | Self::WithdrawOffer => true,
            Self::StakeDiem { .. }
            | Self::CancelUnstake { .. }
            | Self::RegisterProvider { .. }
            | Self::EditProvider { .. }
            | Self::AddBond { .. }
            | Self::PublishPrices { .. }
            | Self::ListProvider { .. }
            | Self::DelistProvider { .. }
            | Self::Allocate { .. }
            | Self::Grant { .. }
            | Self::Revoke { .. }
            | Self::Spend { .. }
            | Self::GiftCredit { .. }
            | Self::OfferCredit { .. }
            | Self::BuyCredit { .. } => false,
        }
    }

    /// The text is consensus, because it is part of what is signed.
    fn text(&self) -> String {
        match self {
            Self::StakeDiem { amount, beneficiary } => {
                format!("Stake {}{}", amount.display(Denom::Diem), for_whom(beneficiary.as_ref()))
            }
            Self::UnstakeDiem { amount, beneficiary } => {
                format!("Unstake {}{}", amount.display(Denom::Diem), for_whom(beneficiary.as_ref()))
            }
            Self::CancelUnstake { tranche } => format!("Stake DIEM tranche {tranche} again"),
            Self::CollectTranche { id } => format!("Collect DIEM tranche {id}"),
            Self::RegisterProvider { bond, payout, endpoint, moniker } => format!(
                "Register as provider \"{moniker}\" at \"{endpoint}\" with a bond of {}, paid to {}",
                bond.display(Denom::Vvv),
                payout.to_hex()
            ),
            Self::EditProvider { payout, endpoint, moniker } => {
                format!("Change the provider: {}", changes(payout.as_ref(), endpoint.as_deref(), moniker.as_deref()))
            }
            Self::AddBond { amount } => format!("Add {} to the provider's bond", amount.display(Denom::Vvv)),
            Self::PublishPrices { sheet } => {
                format!("Publish prices, models: {}, sheet {}", sheet.models.len(), hex::encode(sheet.hash()))
            }
            Self::Deregister => "Stop being a provider".into(),
            Self::ListProvider { provider } => format!("List provider {}", provider.to_hex()),
            Self::DelistProvider { provider, forfeit } => {
                let bond = if *forfeit { " and take its bond for the treasury" } else { "" };
                format!("Delist provider {}{bond}", provider.to_hex())
            }
            Self::Allocate { provider, amount } => {
                format!("Allocate {amount} credit a day to {}", provider.to_hex())
            }
            Self::Grant { key, last_day, limits } => {
                let limit = |limit: &ProviderLimit| format!("{} at {}", limit.limit, limit.provider.to_hex());
                let limits: Vec<String> = limits.iter().map(limit).collect();
                format!("Let key {} spend until day {last_day}, a day: {}", key.to_hex(), limits.join(", "))
            }
            Self::Revoke { key } => format!("Revoke key {}", key.to_hex()),
            Self::SettleVouchers { provider, vouchers } => {
                format!("Settle vouchers of provider {}: {}", provider.to_hex(), vouchers.len())
            }
            Self::Spend { provider, day, amount, reference } => {
                format!("Spend {amount} credit of day {day} at {} for \"{reference}\"", provider.to_hex())
            }
            Self::GiftCredit { to, day, amount } => format!("Give {amount} credit of day {day} to {}", to.to_hex()),
            Self::OfferCredit { day, amount, price } => {
                format!("Offer {amount} credit of day {day} at {} each", price.display(Denom::Vvv))
            }
            Self::WithdrawOffer => "Withdraw the credit on offer".into(),
            Self::BuyCredit { seller, day, amount, max_price } => format!(
                "Buy {amount} credit of day {day} from {} at no more than {} each",
                seller.to_hex(),
                max_price.display(Denom::Vvv)
            ),
        }
    }

    fn execute(&self, ctx: &mut TxContext<'_>) -> Result<(), CallError> {
        let sender = ctx.sender;
        match self {
            Self::StakeDiem { amount, beneficiary } => {
                stake::stake(ctx.state, ctx.events, &sender, &beneficiary.unwrap_or(sender), *amount)?;
            }
            Self::UnstakeDiem { amount, beneficiary } => stake::unstake(ctx, &beneficiary.unwrap_or(sender), *amount)?,
            Self::CancelUnstake { tranche } => stake::cancel(ctx, *tranche)?,
            Self::CollectTranche { id } => stake::collect(ctx, *id)?,
            Self::RegisterProvider { bond, payout, endpoint, moniker } => {
                providers::register(ctx, *bond, payout, endpoint, moniker)?;
            }
            Self::EditProvider { payout, endpoint, moniker } => {
                providers::edit(ctx, payout.as_ref(), endpoint.as_deref(), moniker.as_deref())?;
            }
            Self::AddBond { amount } => providers::add_bond(ctx, *amount)?,
            Self::PublishPrices { sheet } => providers::publish_prices(ctx, sheet)?,
            Self::Deregister => providers::deregister(ctx)?,
            Self::ListProvider { provider } => providers::list(ctx, provider)?,
            Self::DelistProvider { provider, forfeit } => providers::delist(ctx, provider, *forfeit)?,
            Self::Allocate { provider, amount } => allocations::allocate(ctx, provider, *amount)?,
            Self::Grant { key, last_day, limits } => grants::grant(ctx, key, *last_day, limits)?,
            Self::Revoke { key } => grants::revoke(ctx, key)?,
            Self::SettleVouchers { provider, vouchers } => vouchers::settle(ctx, provider, vouchers)?,
            Self::Spend { provider, day, amount, reference } => spend::spend(ctx, provider, *day, *amount, reference)?,
            Self::GiftCredit { to, day, amount } => market::gift(ctx, to, *day, *amount)?,
            Self::OfferCredit { day, amount, price } => market::offer(ctx, *day, *amount, *price)?,
            Self::WithdrawOffer => market::withdraw(ctx)?,
            Self::BuyCredit { seller, day, amount, max_price } => market::buy(ctx, seller, *day, *amount, *max_price)?,
        }
        Ok(())
    }
}

fn for_whom(beneficiary: Option<&Address>) -> String {
    beneficiary.map_or_else(String::new, |beneficiary| format!(" for the credit of {}", beneficiary.to_hex()))
}

fn changes(payout: Option<&Address>, endpoint: Option<&str>, moniker: Option<&str>) -> String {
    let changes = [
        payout.map(|payout| format!("paid to {}", payout.to_hex())),
        endpoint.map(|endpoint| format!("endpoint \"{endpoint}\"")),
        moniker.map(|moniker| format!("moniker \"{moniker}\"")),
    ];
    changes.into_iter().flatten().collect::<Vec<String>>().join(", ")
}
