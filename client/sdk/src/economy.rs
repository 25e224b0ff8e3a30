//! Requests about the economy. All read the committed state after `height`, or the latest where none is given; lists
//! are complete, read page by page at one height.

use diem_api::{
    AccountCredit, AccountOffer, Allocation, At, CurrentRate, Day, DayProvider, DiemStake, DiemTranche, Emission,
    Grant, List, Lock, Offer, Params, Position, Provider, ProviderDetail, Quote, Rent, Reward, Segment, SimulateCalls,
    SimulateRequest, SimulateTx, Simulated, Step, Supply, Today, TxBytes, Unstaking, Validator, ValidatorDetail,
    ValidatorSigning, Vouchers,
};
use diem_core::{Address, Amount, keys::KeyKind};
use diem_types::Tx;
use reqwest::{Method, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::{Client, ClientError, client::Query};

impl Client {
    /// Asks `GET /v1/params`.
    pub async fn params(&self) -> Result<Params, ClientError> {
        self.params_at(None).await
    }

    /// Asks `GET /v1/params?height=`.
    pub async fn params_at(&self, height: Option<u64>) -> Result<Params, ClientError> {
        self.read("/v1/params", height).await
    }

    /// Asks `GET /v1/supply`.
    pub async fn supply(&self) -> Result<Supply, ClientError> {
        self.supply_at(None).await
    }

    /// Asks `GET /v1/supply?height=`.
    pub async fn supply_at(&self, height: Option<u64>) -> Result<Supply, ClientError> {
        self.read("/v1/supply", height).await
    }

    /// `GET /v1/consensus`: those who sign the latest block.
    pub async fn consensus(&self) -> Result<List<Validator>, ClientError> {
        self.list("/v1/consensus", None).await
    }

    /// Asks `GET /v1/validators`.
    pub async fn validators(&self) -> Result<List<ValidatorDetail>, ClientError> {
        self.validators_at(None).await
    }

    /// Asks `GET /v1/validators?height=`.
    pub async fn validators_at(&self, height: Option<u64>) -> Result<List<ValidatorDetail>, ClientError> {
        self.list("/v1/validators", height).await
    }

    /// `GET /v1/validators/{operator}`, on request with a proof.
    pub async fn validator(
        &self,
        operator: &Address,
        height: Option<u64>,
        prove: bool,
    ) -> Result<At<ValidatorDetail>, ClientError> {
        self.proven(&format!("/v1/validators/{operator}"), height, prove).await
    }

    /// `GET /v1/validators/{operator}/signing`: the last blocks that a validator was to sign.
    pub async fn validator_signing(
        &self,
        operator: &Address,
        height: Option<u64>,
    ) -> Result<At<ValidatorSigning>, ClientError> {
        self.read(&format!("/v1/validators/{operator}/signing"), height).await
    }

    /// `GET /v1/accounts/{address}/positions`: what the account has staked.
    pub async fn positions(&self, who: &Address, height: Option<u64>) -> Result<List<Position>, ClientError> {
        self.list(&format!("/v1/accounts/{who}/positions"), height).await
    }

    /// `GET /v1/accounts/{address}/positions/{validator}`, on request with a proof.
    pub async fn position(
        &self,
        who: &Address,
        validator: &Address,
        height: Option<u64>,
        prove: bool,
    ) -> Result<At<Position>, ClientError> {
        self.proven(&format!("/v1/accounts/{who}/positions/{validator}"), height, prove).await
    }

    /// `GET /v1/accounts/{address}/locks`: what the account has locked.
    pub async fn locks(&self, who: &Address, height: Option<u64>) -> Result<List<Lock>, ClientError> {
        self.list(&format!("/v1/accounts/{who}/locks"), height).await
    }

    /// `GET /v1/accounts/{address}/locks/{validator}`, on request with a proof.
    pub async fn lock(
        &self,
        who: &Address,
        validator: &Address,
        height: Option<u64>,
        prove: bool,
    ) -> Result<At<Lock>, ClientError> {
        self.proven(&format!("/v1/accounts/{who}/locks/{validator}"), height, prove).await
    }

    /// `GET /v1/accounts/{address}/unstaking`: what is on its way out, and what went to another validator lately.
    pub async fn unstaking(&self, who: &Address, height: Option<u64>) -> Result<List<Unstaking>, ClientError> {
        self.list(&format!("/v1/accounts/{who}/unstaking"), height).await
    }

    /// `GET /v1/accounts/{address}/rewards`: what the account may claim.
    pub async fn rewards(&self, who: &Address, height: Option<u64>) -> Result<List<Reward>, ClientError> {
        self.list(&format!("/v1/accounts/{who}/rewards"), height).await
    }

    /// `GET /v1/accounts/{address}/credit`: today, the day before and tomorrow, on request with a proof of the
    /// account's row.
    pub async fn credit(
        &self,
        who: &Address,
        height: Option<u64>,
        prove: bool,
    ) -> Result<At<AccountCredit>, ClientError> {
        self.proven(&format!("/v1/accounts/{who}/credit"), height, prove).await
    }

    /// `GET /v1/accounts/{address}/allocations`: what the account has allocated to providers.
    pub async fn allocations(&self, who: &Address, height: Option<u64>) -> Result<List<Allocation>, ClientError> {
        self.list(&format!("/v1/accounts/{who}/allocations"), height).await
    }

    /// `GET /v1/accounts/{address}/offer`: what the account offers for sale today.
    pub async fn offer(&self, who: &Address, height: Option<u64>) -> Result<At<AccountOffer>, ClientError> {
        self.read(&format!("/v1/accounts/{who}/offer"), height).await
    }

    /// `GET /v1/accounts/{address}/diem-stakes`: DIEM that the account has staked, by beneficiary.
    pub async fn diem_stakes(&self, who: &Address, height: Option<u64>) -> Result<List<DiemStake>, ClientError> {
        self.list(&format!("/v1/accounts/{who}/diem-stakes"), height).await
    }

    /// `GET /v1/accounts/{address}/diem-tranches`: DIEM on its way out of stake.
    pub async fn diem_tranches(&self, who: &Address, height: Option<u64>) -> Result<List<DiemTranche>, ClientError> {
        self.list(&format!("/v1/accounts/{who}/diem-tranches"), height).await
    }

    /// `GET /v1/accounts/{address}/grants`: session keys with their limits.
    pub async fn grants(&self, who: &Address, height: Option<u64>) -> Result<List<Grant>, ClientError> {
        self.list(&format!("/v1/accounts/{who}/grants"), height).await
    }

    /// `GET /v1/accounts/{address}/vouchers/{provider}`: what vouchers of `signer`, or of the account itself, can still
    /// bring there.
    pub async fn vouchers(
        &self,
        who: &Address,
        provider: &Address,
        signer: Option<&Address>,
        height: Option<u64>,
    ) -> Result<At<Vouchers>, ClientError> {
        let mut path = format!("/v1/accounts/{who}/vouchers/{provider}");
        let mut query = Query(&mut path, '?');
        query.add("signer", signer);
        query.add("height", height);
        self.get(&path).await
    }

    /// `GET /v1/curve`: every step.
    pub async fn curve(&self, height: Option<u64>) -> Result<List<Step>, ClientError> {
        self.list("/v1/curve", height).await
    }

    /// `GET /v1/curve/rate`: what the next DIEM costs.
    pub async fn rate(&self, height: Option<u64>) -> Result<At<CurrentRate>, ClientError> {
        self.read("/v1/curve/rate", height).await
    }

    /// `GET /v1/curve/quote?lock=`: the DIEM that a lock of so many avvv would give.
    pub async fn quote_lock(&self, lock: Amount, height: Option<u64>) -> Result<At<Quote>, ClientError> {
        self.quote("lock", lock, height).await
    }

    /// `GET /v1/curve/quote?out=`: what so many adiem would cost.
    pub async fn quote_out(&self, out: Amount, height: Option<u64>) -> Result<At<Quote>, ClientError> {
        self.quote("out", out, height).await
    }

    async fn quote(&self, name: &str, amount: Amount, height: Option<u64>) -> Result<At<Quote>, ClientError> {
        let mut path = String::from("/v1/curve/quote");
        let mut query = Query(&mut path, '?');
        query.add(name, Some(amount.get()));
        query.add("height", height);
        self.get(&path).await
    }

    /// `GET /v1/emission`: what is emitted now, and what was.
    pub async fn emission(&self, height: Option<u64>) -> Result<At<Emission>, ClientError> {
        self.read("/v1/emission", height).await
    }

    /// Asks `GET /v1/emission/schedule`.
    pub async fn emission_schedule(&self, height: Option<u64>) -> Result<List<Segment>, ClientError> {
        self.list("/v1/emission/schedule", height).await
    }

    /// `GET /v1/rent`: what the open day has brought for providers so far.
    pub async fn rent(&self, height: Option<u64>) -> Result<At<Rent>, ClientError> {
        self.read("/v1/rent", height).await
    }

    /// `GET /v1/credit/today`: the open day, which every message about credit names.
    pub async fn today(&self, height: Option<u64>) -> Result<At<Today>, ClientError> {
        self.read("/v1/credit/today", height).await
    }

    /// `GET /v1/days?limit=`: the last `limit` days, at most [`diem_api::MAX_PAGE`], the newest first.
    pub async fn days(&self, limit: u32, height: Option<u64>) -> Result<List<Day>, ClientError> {
        let mut path = format!("/v1/days?limit={limit}");
        Query(&mut path, '&').add("height", height);
        self.get(&path).await
    }

    /// Asks `GET /v1/days/{day}`.
    pub async fn day(&self, day: u64, height: Option<u64>) -> Result<At<Day>, ClientError> {
        self.read(&format!("/v1/days/{day}"), height).await
    }

    /// `GET /v1/days/{day}/providers`: what was consumed at each provider, and what it was paid for it.
    pub async fn day_providers(&self, day: u64, height: Option<u64>) -> Result<List<DayProvider>, ClientError> {
        self.list(&format!("/v1/days/{day}/providers"), height).await
    }

    /// `GET /v1/providers`: also those that have left.
    pub async fn providers(&self, height: Option<u64>) -> Result<List<Provider>, ClientError> {
        self.list("/v1/providers", height).await
    }

    /// `GET /v1/providers/{address}`: limits, prices, and what it earned today; on request with a proof of its row.
    pub async fn provider(
        &self,
        provider: &Address,
        height: Option<u64>,
        prove: bool,
    ) -> Result<At<ProviderDetail>, ClientError> {
        self.proven(&format!("/v1/providers/{provider}"), height, prove).await
    }

    /// `GET /v1/offers`: credit of the open day that is for sale.
    pub async fn offers(&self, height: Option<u64>) -> Result<List<Offer>, ClientError> {
        self.list("/v1/offers", height).await
    }

    /// `POST /v1/simulate`: what `tx` would do in the next block. Nobody has to sign; the kinds of keys decide its
    /// size and so its gas.
    pub async fn simulate(
        &self,
        tx: &Tx,
        sender_key: KeyKind,
        payer_key: Option<KeyKind>,
    ) -> Result<Simulated, ClientError> {
        let payer_key = payer_key.unwrap_or(KeyKind::Ed25519);
        let tx = TxBytes(diem_core::encode(tx));
        self.simulate_request(&SimulateRequest::Tx(SimulateTx { tx, sender_key, payer_key })).await
    }

    /// `POST /v1/simulate` with calls alone; the node adds what the chain suggests.
    pub async fn simulate_calls(&self, calls: SimulateCalls) -> Result<Simulated, ClientError> {
        self.simulate_request(&SimulateRequest::Calls(calls)).await
    }

    async fn simulate_request(&self, body: &SimulateRequest) -> Result<Simulated, ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| self.not_a_node(e.to_string()))?;
        let request = self.request(Method::POST, "/v1/simulate").header(CONTENT_TYPE, "application/json").body(body);
        self.decode(&self.accepted(request).await?)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str, height: Option<u64>) -> Result<T, ClientError> {
        self.read_page(path, height, None).await
    }

    async fn read_page<T: DeserializeOwned>(
        &self,
        path: &str,
        height: Option<u64>,
        after: Option<&str>,
    ) -> Result<T, ClientError> {
        let mut path = path.to_owned();
        let mut query = Query(&mut path, '?');
        query.add("height", height);
        query.add("after", after);
        self.get(&path).await
    }

    async fn proven<T: DeserializeOwned>(
        &self,
        path: &str,
        height: Option<u64>,
        prove: bool,
    ) -> Result<T, ClientError> {
        let mut path = path.to_owned();
        let mut query = Query(&mut path, '?');
        query.add("height", height);
        query.add("prove", prove.then_some(true));
        self.get(&path).await
    }

    /// All pages of a list as one; the cursor keeps them at the height of the first.
    async fn list<T: DeserializeOwned>(&self, path: &str, height: Option<u64>) -> Result<List<T>, ClientError> {
        let mut all: List<T> = self.read(path, height).await?;
        while let Some(after) = all.answer.next.take() {
            let more: List<T> = self.read_page(path, None, Some(&after)).await?;
            all.answer.items.extend(more.answer.items);
            all.answer.next = more.answer.next;
        }
        Ok(all)
    }
}
