//! Several endpoints, judged by each other: what enough of them say is believed, and never what one alone says, unless
//! only one is configured.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::stream::{self, FuturesUnordered, StreamExt as _, TryStreamExt as _};

use crate::{
    Base, BaseError, BlockName, endpoint,
    survey::{Survey, View},
};

/// The most endpoints that are asked.
pub const MAX_ENDPOINTS: usize = 3;
/// The most blocks whose hashes are asked for at once.
pub const MAX_ASKED: usize = 64;
/// The time within which an endpoint has to answer all that is asked of it at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// The least time that the others have once enough endpoints have answered.
const GRACE: Duration = Duration::from_secs(2);
/// The number of questions that one endpoint is asked at once.
const ASKED_AT_ONCE: usize = 8;
/// The usual time for which an endpoint that did wrong is not believed.
const REFUSED_FOR: Duration = Duration::from_secs(600);
/// The longest time for which an endpoint rests.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// The endpoints of a node, two of three of which have to agree.
///
/// It fails closed: an endpoint that is refused is missing, and its place is never taken by another.
#[derive(Debug)]
pub struct Quorum {
    members: Vec<Member>,
    chain_id: u64,
    refused_for: Duration,
}

/// An endpoint, and what is known of it.
#[derive(Debug)]
struct Member {
    url: String,
    shown: String,
    base: Option<Base>,
    /// The highest block that it has called final.
    mark: Option<(u64, [u8; 32])>,
    /// The reason why it did not count when it was last asked.
    trouble: Option<String>,
    /// The reason why it is not asked, and until when.
    refused: Option<(String, Instant)>,
    /// The reason why it rests, and until when: it is asked earlier if fewer than enough others are left.
    resting: Option<(String, Instant)>,
}

/// An endpoint that does not count now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEndpoint {
    /// The place of the endpoint among all, and its URL as logs show it.
    pub url: String,
    /// The reason, as a sentence.
    pub reason: String,
}

impl Quorum {
    /// The endpoints at these URLs; nothing is asked yet.
    ///
    /// # Errors
    /// [`BaseError::Url`] or [`BaseError::Certificates`] of the first that is none; [`BaseError::Endpoints`] if there is
    /// none, more than [`MAX_ENDPOINTS`], or one twice.
    pub fn new(urls: &[String], chain_id: u64) -> Result<Self, BaseError> {
        let is_twice = |(place, url): (usize, &String)| urls.iter().take(place).any(|other| other == url);
        if urls.is_empty() || urls.len() > MAX_ENDPOINTS || urls.iter().enumerate().any(is_twice) {
            return Err(BaseError::Endpoints);
        }
        // Several endpoints may be of one host, whose path, which may be a secret, is not shown.
        let named = |place: usize, shown: String| match urls.len() {
            1 => shown,
            count => format!("endpoint {} of {count}, {shown}", place.saturating_add(1)),
        };
        let member = |(place, url): (usize, &String)| {
            let shown = named(place, endpoint::Endpoint::new(url)?.shown());
            Ok(Member { url: url.clone(), shown, base: None, mark: None, trouble: None, refused: None, resting: None })
        };
        let members = urls.iter().enumerate().map(member).collect::<Result<_, BaseError>>()?;
        Ok(Self { members, chain_id, refused_for: REFUSED_FOR })
    }

    /// An endpoint that did wrong is not believed for this time, and rests for as long, at most a minute.
    #[must_use]
    pub const fn refusing_for(mut self, time: Duration) -> Self {
        self.refused_for = time;
        self
    }

    /// The number of endpoints that have to agree: two, or the only one.
    pub fn needed(&self) -> usize {
        self.members.len().min(2)
    }

    /// Whether one endpoint alone is believed.
    pub fn is_alone(&self) -> bool {
        self.members.len() == 1
    }

    /// Asks every endpoint that is neither refused nor rests for its newest and its final block, and for the hashes of
    /// the blocks of these numbers, the first [`MAX_ASKED`] of them. Whoever is much later than enough others rests, so
    /// that a slow endpoint holds up nobody.
    pub async fn survey(&mut self, numbers: &[u64]) -> Survey {
        let (now, numbers) = (Instant::now(), numbers.get(..MAX_ASKED).unwrap_or(numbers));
        self.wake(now);
        let mut views = self.look(numbers, now).await;
        for (member, view) in self.members.iter_mut().zip(&mut views) {
            member.judge(view, now, self.refused_for);
        }
        let survey = Survey::new(views, self.needed());
        self.refuse_those_that_differ(&survey, numbers);
        survey
    }

    /// Ends the rests that are over, and all of them if fewer than enough endpoints would be left.
    fn wake(&mut self, now: Instant) {
        let is_over = |at: &Option<(String, Instant)>| at.as_ref().is_none_or(|(_, until)| now >= *until);
        for member in &mut self.members {
            if is_over(&member.refused) {
                member.refused = None;
            }
            if is_over(&member.resting) {
                member.resting = None;
            }
        }
        let left = self.members.iter().filter(|member| member.reason().is_none()).count();
        if left < self.needed() {
            self.members.iter_mut().for_each(|member| member.resting = None);
        }
    }

    /// Asks all at once, and waits for the last ones no longer than for enough others.
    async fn look(&mut self, numbers: &[u64], now: Instant) -> Vec<Option<View>> {
        let (needed, chain_id) = (self.needed(), self.chain_id);
        let mut views: Vec<Option<View>> = self.members.iter().map(|_| None).collect();
        let mut late = Vec::new();
        {
            let members = self.members.iter_mut().enumerate().filter(|(_, member)| member.is_asked());
            let ask =
                |(place, member): (usize, _)| async move { (place, Member::look(member, chain_id, numbers).await) };
            let mut asked: FuturesUnordered<_> = members.map(ask).collect();
            let mut patience = PATIENCE;
            let mut found = BTreeMap::new();
            while let Ok(Some((place, view))) =
                tokio::time::timeout(patience.saturating_sub(now.elapsed()), asked.next()).await
            {
                found.insert(place, view);
                if found.values().flatten().count() == needed {
                    patience = PATIENCE.min(now.elapsed().saturating_add(now.elapsed().max(GRACE)));
                }
            }
            for (place, slot) in views.iter_mut().enumerate() {
                match found.remove(&place) {
                    Some(view) => *slot = view,
                    None => late.push(place),
                }
            }
        }
        for place in late {
            if self.members.get(place).is_some_and(Member::is_asked) {
                self.rest(place, "it answers much later than the others".into());
            }
        }
        views
    }

    /// Takes an endpoint out whose hash of a final block is another than that of the others.
    fn refuse_those_that_differ(&mut self, survey: &Survey, numbers: &[u64]) {
        for number in numbers {
            for place in survey.differing(*number) {
                let reason = format!("its hash of block {number}, which it calls final, is not that of the others");
                self.refuse(place, reason);
            }
        }
    }

    /// Takes an endpoint out for a while, by its place in the configuration: what it gave was wrong.
    pub fn refuse(&mut self, place: usize, reason: String) {
        let until = Instant::now().checked_add(self.refused_for);
        if let (Some(member), Some(until)) = (self.members.get_mut(place), until) {
            member.base = None;
            member.refused = Some((reason, until));
        }
    }

    /// Leaves an endpoint alone for a while, by its place: it is slow, or what it gave may be wrong, which others can do
    /// better. If fewer than enough others are left, it is asked at once again.
    pub fn rest(&mut self, place: usize, reason: String) {
        if self.is_alone() {
            return;
        }
        let until = Instant::now().checked_add(self.refused_for.min(LONGEST_REST));
        if let (Some(member), Some(until)) = (self.members.get_mut(place), until) {
            member.base = None;
            member.resting = Some((reason, until));
        }
    }

    /// The endpoints that answered when they were last asked, with their places.
    pub fn answering(&self) -> Vec<(usize, Base)> {
        let bases = self.members.iter().enumerate().filter(|(_, member)| member.reason().is_none());
        bases.filter_map(|(place, member)| Some((place, member.base.clone()?))).collect()
    }

    /// Whether the endpoint in this place answered when it was last asked.
    pub fn is_answering(&self, place: usize) -> bool {
        self.members.get(place).is_some_and(|member| member.reason().is_none())
    }

    /// The endpoints that do not count now, each with the reason.
    pub fn refused(&self) -> Vec<RefusedEndpoint> {
        let refused =
            |member: &Member| Some(RefusedEndpoint { url: member.shown.clone(), reason: member.reason()?.to_owned() });
        self.members.iter().filter_map(refused).collect()
    }

    /// Forgets what the endpoints have called final: a chain for development may go back.
    pub fn forget_marks(&mut self) {
        for member in &mut self.members {
            member.mark = None;
        }
    }
}

impl Member {
    fn reason(&self) -> Option<&str> {
        let aside = self.refused.as_ref().or(self.resting.as_ref());
        aside.map(|(reason, _)| reason.as_str()).or(self.trouble.as_deref())
    }

    const fn is_asked(&self) -> bool {
        self.refused.is_none() && self.resting.is_none()
    }

    /// What the endpoint says now; nothing if it does not answer in time.
    async fn look(&mut self, chain_id: u64, numbers: &[u64]) -> Option<View> {
        let asked = tokio::time::timeout(PATIENCE, self.ask(chain_id, numbers)).await;
        let too_slow = || format!("it did not answer {} questions within {} s", numbers.len(), PATIENCE.as_secs());
        match asked.map_err(|_| too_slow()).and_then(|answer| answer.map_err(|error| error.to_string())) {
            Ok(view) => {
                self.trouble = None;
                Some(view)
            }
            Err(reason) => {
                (self.base, self.trouble) = (None, Some(reason));
                None
            }
        }
    }

    async fn ask(&mut self, chain_id: u64, numbers: &[u64]) -> Result<View, BaseError> {
        let base = match self.base.take() {
            Some(base) => base,
            None => Base::connect(&self.url, chain_id).await?,
        };
        base.check_chain().await?;
        let missing = |what: &str| base.endpoint().fault("eth_getBlockByNumber", format!("it has no {what} block"));
        let finalized = base.header(BlockName::Finalized).await?.ok_or_else(|| missing("finalized"))?;
        let hash_of = async |number: u64| {
            let header = base.header(BlockName::Number(number)).await?;
            Ok::<_, BaseError>(header.map(|header| (number, *header.hash())))
        };
        let questions = stream::iter(numbers.iter().copied()).map(hash_of).buffer_unordered(ASKED_AT_ONCE);
        let hashes = questions.try_filter_map(async |found| Ok(found)).try_collect().await?;
        let latest = base.header(BlockName::Latest).await?.ok_or_else(|| missing("latest"))?;
        self.base = Some(base);
        Ok(View { latest: latest.number(), finalized: (finalized.number(), *finalized.hash()), hashes })
    }

    /// Drops the view of an endpoint whose final block goes back, and remembers how far it is otherwise.
    fn judge(&mut self, view: &mut Option<View>, now: Instant, refused_for: Duration) {
        let Some(View { finalized, .. }) = view else { return };
        match self.mark {
            Some((number, hash)) if finalized.0 < number || (finalized.0 == number && finalized.1 != hash) => {
                let reason = format!(
                    "its final block went back: it was {number} (0x{}), now it is {} (0x{})",
                    alloy_primitives::hex::encode(hash),
                    finalized.0,
                    alloy_primitives::hex::encode(finalized.1)
                );
                // After that time it counts anew, from what it says then.
                (self.base, self.mark) = (None, None);
                self.refused = now.checked_add(refused_for).map(|until| (reason, until));
                *view = None;
            }
            _ => self.mark = Some(*finalized),
        }
    }
}
