//! What a user trusts of a chain, and how trust moves on with its headers.
//!
//! The rules are those of CometBFT's light client: a header is believed if more than two thirds of its own validators'
//! power signed it and, unless it follows the trusted one directly, more than one third of the trusted power as well.

use std::time::Duration;

use diem_bank::state::{Account, account_key};
use diem_core::{
    Address, Time,
    chain::{IDENTITY, Identity},
    development::is_development,
};
use diem_types::GenesisDoc;
use tendermint::{
    Hash, PublicKey,
    block::{Height, signed_header::SignedHeader},
    chain,
    trust_threshold::TrustThresholdFraction,
    validator,
    vote::Power,
};
use tendermint_light_client_verifier::{
    ProdVerifier, Verdict,
    errors::VerificationErrorDetail as Detail,
    operations::VotingPowerTally,
    options::Options,
    types::{TrustedBlockState, UntrustedBlockState},
};

use super::{Verified, VerifiedAccount, VerifyError, decode_header, decode_proof, header_millis};

/// The most validators of a list that is read: far more than the chain ever has.
const MAX_VALIDATORS: usize = 1_000;
/// The time by which a header may lie ahead of this machine's clock.
const CLOCK_DRIFT: Duration = Duration::from_secs(10);

/// A chain as the user trusts it: its last verified header, and the validators of the next height.
#[derive(Debug, Clone)]
pub struct Trust {
    chain_id: chain::Id,
    /// The hash of the chain's genesis, which no header carries: see [`Trust::verify_chain`].
    genesis_hash: [u8; 32],
    /// For how long a header is trusted: as long as its validators still answer with their stake. `None` on a chain
    /// for development, whose keys are public and whose clock is moved at will.
    period: Option<Duration>,
    height: Height,
    time: tendermint::Time,
    /// The header's hash; `None` for the genesis, which has no header.
    hash: Option<Hash>,
    next: validator::Set,
}

/// A decoded [`diem_api::LightBlock`].
struct Light {
    signed: SignedHeader,
    validators: validator::Set,
    next: validator::Set,
}

impl Light {
    fn read(block: &diem_api::LightBlock) -> Result<Self, VerifyError> {
        let signed = decode_header(&block.signed_header.0)?;
        Ok(Self { signed, validators: set(&block.validators)?, next: set(&block.next_validators)? })
    }

    const fn state(&self) -> UntrustedBlockState<'_> {
        UntrustedBlockState {
            signed_header: &self.signed,
            validators: &self.validators,
            next_validators: Some(&self.next),
        }
    }

    fn height(&self) -> u64 {
        self.signed.header.height.value()
    }

    /// Checks that the lists are those of the header, and that the commit is for it and by them.
    fn check(&self) -> Result<(), VerifyError> {
        let verdict = ProdVerifier::default().verify_validator_sets(&self.state());
        judged(verdict, &self.signed, VerifyError::Listed(self.height()))
    }
}

impl Trust {
    /// Trust in the validators that start a chain. Whoever took the genesis from a node compares
    /// [`GenesisDoc::hash`] with a hash that they trust first.
    ///
    /// # Errors
    /// [`VerifyError::Genesis`].
    pub fn from_genesis(genesis: &GenesisDoc) -> Result<Self, VerifyError> {
        let invalid = |e: &dyn std::fmt::Display| VerifyError::Genesis(e.to_string());
        genesis.validate().map_err(|e| invalid(&e))?;
        let infos: Result<Vec<_>, _> = genesis.validators.iter().map(|v| info(&v.public_key, v.power)).collect();
        let infos = infos.map_err(|e| invalid(&e))?;
        // The first header has the time of genesis itself, and a header comes after what is trusted.
        let nanos = i128::from(genesis.genesis_time.millis()).saturating_mul(1_000_000).saturating_sub(1);
        let (seconds, nanos) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
        let (seconds, nanos) = (i64::try_from(seconds).unwrap_or(i64::MAX), u32::try_from(nanos).unwrap_or(0));
        Ok(Self {
            chain_id: genesis.chain_id.as_str().try_into().map_err(|e| invalid(&e))?,
            genesis_hash: genesis.hash(),
            period: (!is_development(&genesis.chain_id)).then(|| trusting_period(genesis)),
            height: Height::try_from(genesis.initial_height.saturating_sub(1)).map_err(|e| invalid(&e))?,
            time: tendermint::Time::from_unix_timestamp(seconds, nanos).map_err(|e| invalid(&e))?,
            hash: None,
            next: validator::Set::without_proposer(infos),
        })
    }

    /// Trust in one header of the chain of `genesis`, by its hash, as `block` shows it.
    ///
    /// # Errors
    /// [`VerifyError::OtherHeader`] if `block` has another hash; what else does not hold of it.
    pub fn from_header(
        genesis: &GenesisDoc,
        hash: [u8; 32],
        block: &diem_api::LightBlock,
    ) -> Result<Self, VerifyError> {
        let start = Self::from_genesis(genesis)?;
        let light = Light::read(block)?;
        start.check_chain(&light.signed)?;
        if light.signed.header.hash() != Hash::Sha256(hash) {
            return Err(VerifyError::OtherHeader(light.height()));
        }
        light.check()?;
        Ok(start.moved_to(light))
    }

    /// The trusted chain's name.
    pub fn chain_id(&self) -> &str {
        self.chain_id.as_str()
    }

    /// The height of the last header that is trusted; before the first one, the height below it.
    pub fn height(&self) -> u64 {
        self.height.value()
    }

    /// The trust in the same chain, up to a later header.
    ///
    /// # Errors
    /// [`VerifyError::NotEnoughTrust`] if a header in between may help; else the first thing that does not hold.
    pub fn advance(&self, block: &diem_api::LightBlock, now: Time) -> Result<Self, VerifyError> {
        let light = Light::read(block)?;
        self.check_chain(&light.signed)?;
        if light.signed.header.height <= self.height {
            return Err(VerifyError::Older { got: light.height(), trusted: self.height() });
        }
        light.check()?;
        self.check_age(&light.signed, now)?;
        let trusted = TrustedBlockState {
            chain_id: &self.chain_id,
            header_time: self.time,
            height: self.height,
            next_validators: &self.next,
            next_validators_hash: self.next.hash(),
        };
        let options = Options {
            trust_threshold: TrustThresholdFraction::ONE_THIRD,
            trusting_period: self.period.unwrap_or(CLOCK_DRIFT),
            clock_drift: CLOCK_DRIFT,
        };
        let (rules, untrusted) = (ProdVerifier::default(), light.state());
        // The age was checked above, with the clock of a chain for development left out.
        let order = rules.validate_against_trusted(&untrusted, &trusted, &options, self.time);
        judged(order, &light.signed, VerifyError::Validators(light.height()))?;
        let overlap = rules.verify_commit_against_trusted(&untrusted, &trusted, &options);
        judged(overlap, &light.signed, VerifyError::Validators(light.height()))?;
        Ok(self.moved_to(light))
    }

    fn moved_to(&self, Light { signed, next, .. }: Light) -> Self {
        Self {
            chain_id: self.chain_id.clone(),
            genesis_hash: self.genesis_hash,
            period: self.period,
            height: signed.header.height,
            time: signed.header.time,
            hash: Some(signed.header.hash()),
            next,
        }
    }

    /// Whether [`Self::verify_header`] can judge this header: whether it names validators that are trusted now.
    pub fn reaches(&self, header: &SignedHeader) -> bool {
        header.header.height <= self.height || header.header.validators_hash == self.next.hash()
    }

    /// Checks that `header` is of the trusted chain, unchanged, and signed by more than two thirds of the power that is
    /// trusted now. Where validators have changed since, [`Self::advance`] comes first.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify_header(&self, header: &SignedHeader) -> Result<(), VerifyError> {
        self.check_chain(header)?;
        let height = header.header.height.value();
        if header.header.height < self.height {
            return Err(VerifyError::Older { got: height, trusted: self.height() });
        }
        if header.header.height == self.height {
            let same = Some(header.header.hash()) == self.hash;
            return if same { Ok(()) } else { Err(VerifyError::OtherHeader(height)) };
        }
        let untrusted = UntrustedBlockState { signed_header: header, validators: &self.next, next_validators: None };
        let rules = ProdVerifier::default();
        judged(rules.verify_validator_sets(&untrusted), header, VerifyError::Validators(height))?;
        if header.header.time <= self.time {
            return Err(VerifyError::Order);
        }
        judged(rules.verify_commit(&untrusted), header, VerifyError::Validators(height))
    }

    /// Checks that what is trusted is not too old to judge by, and that `header` does not come from the future.
    ///
    /// # Errors
    /// [`VerifyError::Expired`], [`VerifyError::Future`]; neither on a chain for development.
    pub fn check_age(&self, header: &SignedHeader, now: Time) -> Result<(), VerifyError> {
        let Some(period) = self.period else { return Ok(()) };
        let span = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let trusted = millis(self.time)?;
        if trusted.saturating_add(span(period)) <= now.millis() {
            return Err(VerifyError::Expired(Time(trusted)));
        }
        let time = header_millis(header)?;
        if time > now.millis().saturating_add(span(CLOCK_DRIFT)) {
            return Err(VerifyError::Future(Time(time)));
        }
        Ok(())
    }

    fn check_chain(&self, header: &SignedHeader) -> Result<(), VerifyError> {
        let got = &header.header.chain_id;
        if *got == self.chain_id {
            return Ok(());
        }
        Err(VerifyError::ChainId { got: got.to_string(), trusted: self.chain_id.to_string() })
    }

    /// Checks that the row `key` is, or is not, in the state as `proof` says.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(&self, key: &[u8], proof: &diem_api::Proof) -> Result<Verified, VerifyError> {
        if proof.key.0 != key {
            return Err(VerifyError::Key);
        }
        let header = decode_header(&proof.signed_header.0)?;
        self.verify_header(&header)?;
        let height = header.header.height.value();
        if proof.state_height.checked_add(1) != Some(height) {
            return Err(VerifyError::Height { header: height, state: proof.state_height });
        }
        let root: [u8; 32] =
            header.header.app_hash.as_bytes().try_into().map_err(|_| VerifyError::Malformed("app hash"))?;
        let commitment = decode_proof(&proof.proof.0)?;
        let value = proof.value.as_ref().map(|value| value.0.as_slice());
        diem_core::proof::verify(&root, key, value, &commitment)?;
        let header_time = Time(header_millis(&header)?);
        Ok(Verified { height: proof.state_height, header_time, root, value: value.map(Into::into) })
    }

    /// Checks that the state in which `verified` was proven is one of the trusted chain, by `proof` of its row
    /// [`IDENTITY`] under the same header. Two chains can have the same name and the same validators, and a header
    /// names only those.
    ///
    /// # Errors
    /// [`VerifyError::OtherGenesis`] with both hashes; else the first thing that does not hold of the proof.
    pub fn verify_chain(&self, verified: &Verified, proof: &diem_api::Proof) -> Result<(), VerifyError> {
        let shown = self.verify(&IDENTITY.key(), proof)?;
        if shown.height != verified.height {
            return Err(VerifyError::OtherHeight { got: shown.height, asked: verified.height });
        }
        if shown.root != verified.root {
            return Err(VerifyError::OtherHeader(shown.height.saturating_add(1)));
        }
        let info: Identity = shown.value.and_then(|row| borsh::from_slice(&row).ok()).ok_or(VerifyError::Row)?;
        if info.genesis_hash != self.genesis_hash {
            let (got, trusted) = (hex::encode(info.genesis_hash), hex::encode(self.genesis_hash));
            return Err(VerifyError::OtherGenesis { got, trusted });
        }
        if info.chain_id != self.chain_id.as_str() {
            return Err(VerifyError::ChainId { got: info.chain_id, trusted: self.chain_id.to_string() });
        }
        Ok(())
    }

    /// Checks an account's answer and takes its balances from the proof. Which genesis the chain began with it does not
    /// say: [`Self::verify_chain`] does, and [`crate::LightClient`] asks for both.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify_account(
        &self,
        address: &Address,
        answer: &diem_api::Account,
    ) -> Result<VerifiedAccount, VerifyError> {
        let proof = answer.proof.as_ref().ok_or(VerifyError::NoProof)?;
        account(self.verify(&account_key(address), proof)?)
    }
}

/// The account in a proven row.
pub(crate) fn account(proven: Verified) -> Result<VerifiedAccount, VerifyError> {
    let Verified { height, header_time, root, value } = proven;
    let account = match &value {
        Some(row) => borsh::from_slice(row).map_err(|_| VerifyError::Row)?,
        None => Account::default(),
    };
    Ok(VerifiedAccount { account, exists: value.is_some(), height, header_time, root })
}

/// The hash of the header that `block` shows, by which it is named as trusted. Nothing of it is verified.
///
/// # Errors
/// [`VerifyError::Malformed`] if the header does not decode.
pub fn header_hash(block: &diem_api::LightBlock) -> Result<[u8; 32], VerifyError> {
    match decode_header(&block.signed_header.0)?.header.hash() {
        Hash::Sha256(hash) => Ok(hash),
        Hash::None => Err(VerifyError::Malformed("header's hash")),
    }
}

/// The time of the header that `block` shows. Nothing of it is verified.
///
/// # Errors
/// [`VerifyError::Malformed`] if the header does not decode.
pub fn header_time(block: &diem_api::LightBlock) -> Result<Time, VerifyError> {
    millis(decode_header(&block.signed_header.0)?.header.time).map(Time)
}

/// Two thirds of the time for which stake that leaves can still be slashed: the age up to which a header is trusted.
pub fn trusting_period(genesis: &GenesisDoc) -> Duration {
    Duration::from_millis(genesis.app.staking.params.unbonding_ms.saturating_mul(2) / 3)
}

fn millis(time: tendermint::Time) -> Result<u64, VerifyError> {
    let millis = time.unix_timestamp_nanos().div_euclid(1_000_000);
    u64::try_from(millis).map_err(|_| VerifyError::Malformed("header's time"))
}

fn info(public_key: &[u8; 32], power: u64) -> Result<validator::Info, String> {
    let bad = || format!("validator {} has no valid key or power", hex::encode(public_key));
    let key = PublicKey::from_raw_ed25519(public_key).ok_or_else(bad)?;
    Ok(validator::Info::new(key, Power::try_from(power).map_err(|_| bad())?))
}

/// The validators that a node lists. Their addresses follow from their keys, whatever it says.
fn set(listed: &[diem_api::Validator]) -> Result<validator::Set, VerifyError> {
    let bad = || VerifyError::Malformed("list of validators");
    let total = listed.iter().try_fold(0u64, |sum, validator| sum.checked_add(validator.power));
    if !(1..=MAX_VALIDATORS).contains(&listed.len())
        || total.is_none_or(|total| total > validator::Set::MAX_TOTAL_VOTING_POWER)
    {
        return Err(bad());
    }
    let infos: Result<Vec<_>, _> = listed.iter().map(|v| info(&v.public_key.0, v.power)).collect();
    Ok(validator::Set::without_proposer(infos.map_err(|_| bad())?))
}

/// A verdict in our words; `other_set` is said of a set of validators whose hash is another one.
fn judged(verdict: Verdict, header: &SignedHeader, other_set: VerifyError) -> Result<(), VerifyError> {
    let height = header.header.height.value();
    let detail = match verdict {
        Verdict::Success => return Ok(()),
        Verdict::NotEnoughTrust(VotingPowerTally { total, tallied: signed, .. }) => {
            return Err(VerifyError::NotEnoughTrust { height, signed, total });
        }
        Verdict::Invalid(detail) => detail,
    };
    Err(match detail {
        Detail::InvalidValidatorSet(_) | Detail::InvalidNextValidatorSet(_) => other_set,
        Detail::InvalidCommitValue(_) => VerifyError::HeaderHash,
        Detail::InsufficientSignersOverlap(few) => {
            VerifyError::TooFewSignatures { signed: few.tally.tallied, total: few.tally.total }
        }
        Detail::NonMonotonicBftTime(_) => VerifyError::Order,
        Detail::InvalidSignature(bad) => {
            VerifyError::Commit(format!("the signature of validator {} is not for this header", bad.validator.address))
        }
        other => VerifyError::Commit(other.to_string()),
    })
}
