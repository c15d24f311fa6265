//! What a collector works with: one account, one region, one service.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use futures::stream::{FuturesOrdered, StreamExt as _};
use jiff::Timestamp;

use super::pace::Pace;
use super::tape::{CUT_OFF, NOT_ON_TAPE};
use super::{Operation, Service};
use crate::estate::{Fetched, Gap, Listing, NewResource, Properties, Reason, Registry, Required, Resource, ResponseId, partition_of};

/// A collector.
pub(super) type Collect = fn(Cx) -> Pin<Box<dyn Future<Output = Collected> + Send>>;

/// What the call in progress is, for the recorder: it runs in the same task.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) responses: Arc<Mutex<Vec<ResponseId>>>,
}

tokio::task_local! {
    pub(crate) static CALL: Call;
}

/// One account, one region, one service: where calls are made, paced, recorded and turned into facts
/// or gaps.
#[derive(Clone)]
pub struct Cx {
    pub(crate) account: Arc<str>,
    pub(crate) region: Arc<str>,
    pub(crate) service: &'static Service,
    pub(crate) registry: Arc<Registry>,
    pub(crate) pace: Pace,
    pub(crate) sdk: Arc<dyn Fn(&str) -> SdkConfig + Send + Sync>,
    pub(crate) sdk_region: Arc<str>,
    pub(crate) custom: bool,
}

/// What a collector found.
#[derive(Debug, Default)]
pub struct Collected {
    /// Resources, in any order.
    pub resources: Vec<Resource>,
    /// What was listed, completely or not.
    pub listings: Vec<Listing>,
}

/// The answer to one call.
#[derive(Debug)]
pub struct Answer<T> {
    /// What came back.
    pub result: Result<T, Arc<Gap>>,
    /// The responses it came in, usually one.
    pub responses: Vec<ResponseId>,
}

impl<T> Answer<T> {
    /// The answer as a fact; its responses are added to `from`.
    pub fn required(self, from: &mut Vec<ResponseId>) -> Required<T> {
        from.extend(self.responses);
        match self.result {
            Ok(value) => Required::Known(value),
            Err(gap) => Required::Unknown(gap),
        }
    }

    /// The answer as a fact, where the error codes in `absent` mean that there is none.
    pub fn absent_if(self, absent: &[&str], from: &mut Vec<ResponseId>) -> Fetched<T> {
        from.extend(self.responses);
        match self.result {
            Ok(value) => Fetched::Known(value),
            Err(gap) if gap.code.as_deref().is_some_and(|code| absent.contains(&code)) => Fetched::Absent,
            Err(gap) => Fetched::Unknown(gap),
        }
    }
}

/// The pages of a listing, as far as they came.
#[derive(Debug)]
pub struct Pages<P> {
    /// Page and the response it came in.
    pub pages: Vec<(P, Vec<ResponseId>)>,
    /// Why there are more that could not be read, if so.
    pub gap: Option<Arc<Gap>>,
}

impl<P> Pages<P> {
    /// The items of all pages, each with the response it came in. `items` takes the list member of a
    /// page; a page without that member is a gap, because AWS sends it even when it is empty.
    pub fn items<I>(self, cx: &Cx, operation: &'static str, items: impl Fn(P) -> Option<Vec<I>>) -> Items<I> {
        let mut all = Vec::new();
        let mut gap = self.gap;
        for (page, responses) in self.pages {
            match items(page) {
                Some(list) => all.extend(list.into_iter().map(|item| (item, responses.clone()))),
                None => gap = gap.or_else(|| Some(cx.gap(operation, Reason::Unparsable, None, Some("the list is missing")))),
            }
        }
        Items { items: all, gap }
    }
}

/// The items of a listing, as far as they came.
#[derive(Debug)]
pub struct Items<I> {
    /// Item and the response it came in.
    pub items: Vec<(I, Vec<ResponseId>)>,
    /// Why there are more that could not be read, if so.
    pub gap: Option<Arc<Gap>>,
}

impl<I> Items<I> {
    /// Nothing, for a reason.
    pub fn none(gap: Arc<Gap>) -> Self {
        Self { items: Vec::new(), gap: Some(gap) }
    }
}

/// An item of a listing that says which it is.
#[derive(Debug)]
pub struct Identified<I> {
    /// Id within account and region.
    pub id: String,
    /// ARN.
    pub arn: String,
    /// The item.
    pub item: I,
    /// The responses it came in.
    pub from: Vec<ResponseId>,
}

impl Cx {
    /// The account, twelve digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region, or `global`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The SDK configuration of this account and region, taped.
    pub fn sdk(&self) -> SdkConfig {
        (self.sdk)(&self.sdk_region)
    }

    /// Whether requests go to an endpoint that the user set: then S3 buckets are in the path.
    pub fn custom_endpoint(&self) -> bool {
        self.custom
    }

    /// The same account and service, in another region: S3 asks each bucket where it lies.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let region: Arc<str> = region.into();
        Self { region: Arc::clone(&region), sdk_region: region, ..self.clone() }
    }

    /// `arn:aws:<service>:<region>:<account>:<rest>` in the partition of the region.
    pub fn arn(&self, service: &str, rest: &str) -> String {
        let partition = partition_of(&self.sdk_region);
        let region = if &*self.region == crate::estate::GLOBAL { "" } else { &*self.region };
        format!("arn:{partition}:{service}:{region}:{}:{rest}", self.account)
    }

    /// Sends one request.
    pub async fn send<T, E>(
        &self,
        operation: &'static str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Answer<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let call = self.call(operation);
        let _turn = self.pace.turn().await;
        let result = CALL.scope(call.clone(), request).await;
        let responses = std::mem::take(&mut *call.responses.lock().expect("internal error: no panic while held"));
        Answer { result: result.map_err(|error| self.classify(operation, &error)), responses }
    }

    /// Reads all pages of a listing, one after the other. `next` takes the token of the page after.
    pub async fn pages<P, E>(
        &self,
        operation: &'static str,
        mut stream: PaginationStream<Result<P, SdkError<E, HttpResponse>>>,
        next: impl Fn(&P) -> Option<&str>,
    ) -> Pages<P>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut pages = Vec::new();
        loop {
            let call = self.call(operation);
            let _turn = self.pace.turn().await;
            let answer = CALL.scope(call.clone(), stream.next()).await;
            let responses = std::mem::take(&mut *call.responses.lock().expect("internal error: no panic while held"));
            match answer {
                None => {
                    // The SDK stops without a word when AWS sends the same token twice.
                    let more = pages.last().and_then(|(page, _)| next(page)).is_some_and(|token| !token.is_empty());
                    let gap =
                        more.then(|| self.gap(operation, Reason::Unparsable, None, Some("the listing broke off: there are more pages")));
                    return Pages { pages, gap };
                }
                Some(Ok(page)) => pages.push((page, responses)),
                Some(Err(error)) => {
                    return Pages { pages, gap: Some(self.classify(operation, &error)) };
                }
            }
        }
    }

    /// Runs `f` on every item, a bounded number at a time, and keeps the order.
    pub async fn each<I, O, F>(&self, items: Vec<I>, f: impl Fn(I) -> F) -> Vec<O>
    where
        F: Future<Output = O>,
    {
        const AT_ONCE: usize = 16;
        let mut results = Vec::with_capacity(items.len());
        let mut running = FuturesOrdered::new();
        for item in items {
            if running.len() >= AT_ONCE
                && let Some(result) = running.next().await
            {
                results.push(result);
            }
            running.push_back(f(item));
        }
        while let Some(result) = running.next().await {
            results.push(result);
        }
        results
    }

    /// A member that AWS always sends; an answer without it, or with an empty text in its place, is a gap.
    pub fn need<T: 'static>(&self, operation: &'static str, member: &str, value: Option<T>) -> Required<T> {
        match value.filter(|value| is_sent(value)) {
            Some(value) => Required::Known(value),
            None => Required::Unknown(self.gap(operation, Reason::Unparsable, None, Some(&format!("{member} is missing")))),
        }
    }

    /// One member of every item of a list that AWS always sends. The list is a gap when it is missing, and when
    /// the member is missing on one of its items.
    pub fn each_of<T, U: 'static>(
        &self,
        operation: &'static str,
        member: &str,
        list: Option<Vec<T>>,
        part: impl Fn(T) -> Option<U>,
    ) -> Required<Vec<U>> {
        self.need(operation, member, list.and_then(|list| list.into_iter().map(part).collect()))
    }

    /// A word of a vocabulary that AWS always sends. One that this version does not know is a gap: nobody here knows
    /// what it means.
    pub fn word(&self, operation: &'static str, member: &str, word: Option<&str>, known: &[&str]) -> Required<String> {
        self.need(operation, member, word.map(str::to_owned)).and_then(|word| {
            if known.contains(&word.as_str()) {
                return Required::Known(word);
            }
            let what = format!("{member} is `{word}`, which this version does not know");
            Required::Unknown(self.gap(operation, Reason::Unparsable, None, Some(&what)))
        })
    }

    /// The same for a word that AWS leaves out where there is nothing to say.
    pub fn word_if_any(&self, operation: &'static str, member: &str, word: Option<&str>, known: &[&str]) -> Fetched<String> {
        match word {
            Some(word) => self.word(operation, member, Some(word), known).into(),
            None => Fetched::Absent,
        }
    }

    /// The id of an account that AWS always sends.
    pub fn account_id(&self, operation: &'static str, member: &str, id: Option<String>) -> Required<String> {
        self.need(operation, member, id.filter(|id| is_account(id)))
    }

    /// The items of a listing that say which they are, with their ids and ARNs. Two that do not say so cannot be told
    /// apart: they are counted, and the listing is not complete.
    pub fn identified<P: Properties, I>(
        &self,
        operation: &'static str,
        items: Items<I>,
        (id_member, arn_member): (&str, &str),
        id: impl Fn(&I) -> Option<&str>,
        arn: impl Fn(&I) -> Option<&str>,
    ) -> (Vec<Identified<I>>, Listing) {
        let Items { items, mut gap } = items;
        let (listed, mut unreadable) = (items.len(), 0);
        let mut found = Vec::with_capacity(listed);
        for (item, from) in items {
            let named = self.need(operation, id_member, id(&item).map(str::to_owned));
            let told = self.need(operation, arn_member, arn(&item).filter(|arn| is_arn(arn)).map(str::to_owned));
            match (named, told) {
                (Required::Known(id), Required::Known(arn)) => found.push(Identified { id, arn, item, from }),
                (Required::Unknown(missing), _) | (_, Required::Unknown(missing)) => {
                    unreadable += 1;
                    gap = gap.or(Some(missing));
                }
            }
        }
        (found, Listing { unreadable, ..self.listing::<P>(listed, gap) })
    }

    /// A gap of this account, region and service.
    pub fn gap(&self, operation: &str, reason: Reason, code: Option<&str>, subject: Option<&str>) -> Arc<Gap> {
        let prefix = self.operation(operation).map_or(self.service.name, |op| op.action.split(':').next().unwrap_or_default());
        Arc::new(Gap {
            service: prefix.to_owned(),
            operation: operation.to_owned(),
            account: self.account.to_string(),
            region: self.region.to_string(),
            reason,
            code: code.map(str::to_owned),
            subject: subject.map(str::to_owned),
        })
    }

    /// Makes a resource of a type of this service.
    pub fn resource<P: Properties>(&self, new: NewResource<P>) -> Resource {
        let kind = self.registry.get(P::TYPE).expect("internal error: the type is not registered");
        new.build(kind)
    }

    /// A resource in this account and region.
    #[allow(clippy::too_many_arguments, reason = "the parts of a resource, each named at the call")]
    pub fn new_resource<P: Properties>(
        &self,
        arn: impl Into<String>,
        id: impl Into<String>,
        name: impl Into<String>,
        tags: Fetched<BTreeMap<String, String>>,
        properties: P,
        responses: Vec<ResponseId>,
    ) -> Resource {
        self.resource(NewResource {
            arn: arn.into(),
            id: id.into(),
            name: name.into(),
            account: self.account.to_string(),
            region: self.region.to_string(),
            tags,
            properties: Required::Known(properties),
            responses,
        })
    }

    /// That a type was listed here.
    pub fn listing<P: Properties>(&self, listed: usize, gap: Option<Arc<Gap>>) -> Listing {
        Listing {
            kind: P::TYPE.to_owned(),
            account: self.account.to_string(),
            region: self.region.to_string(),
            listed: listed as u64,
            unreadable: 0,
            gap: gap.map(Arc::unwrap_or_clone),
        }
    }

    fn call(&self, operation: &'static str) -> Call {
        debug_assert!(self.operation(operation).is_some(), "{operation} is not declared by {}", self.service.name);
        Call { operation, responses: Arc::default() }
    }

    fn operation(&self, name: &str) -> Option<&Operation> {
        self.service.operations.iter().find(|op| op.name == name)
    }

    fn classify<E>(&self, operation: &str, error: &SdkError<E, HttpResponse>) -> Arc<Gap>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (reason, code) = reason_of(error);
        self.gap(operation, reason, code.as_deref(), None)
    }
}

/// Why a call failed, and AWS's code for it.
pub(crate) fn reason_of<E>(error: &SdkError<E, HttpResponse>) -> (Reason, Option<String>)
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(context) => {
            let code = context.err().code().map(str::to_owned);
            let message = context.err().message().unwrap_or_default();
            (service_reason(code.as_deref(), message, context.raw().status().as_u16()), code)
        }
        SdkError::ResponseError(_) => (Reason::Unparsable, None),
        SdkError::TimeoutError(_) => (Reason::TimedOut, None),
        SdkError::DispatchFailure(failure) => {
            let text = chain(error);
            if text.contains(NOT_ON_TAPE) {
                (Reason::NotCollected, Some(crate::estate::NOT_ON_TAPE.to_owned()))
            } else if text.contains(CUT_OFF) {
                (Reason::Unparsable, None)
            } else if failure.is_timeout() {
                (Reason::TimedOut, None)
            } else if text.contains("credentials") {
                (Reason::Denied, Some("NoCredentials".to_owned()))
            } else {
                (Reason::Unavailable, None)
            }
        }
        _ => (Reason::Failed, None),
    }
}

/// Codes of errors that ask for patience.
pub(super) const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "EC2ThrottledException",
    "TransactionInProgressException",
];

fn service_reason(code: Option<&str>, message: &str, status: u16) -> Reason {
    const DENIED: &[&str] = &[
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthFailure",
        "AuthorizationError",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    ];
    let code_is = |list: &[&str]| code.is_some_and(|code| list.contains(&code));
    if code_is(DENIED) || (code.is_none() && matches!(status, 401 | 403)) {
        if message.contains("explicit deny in a service control policy") || message.contains("explicit deny in a resource control policy") {
            return Reason::DeniedByOrganisation;
        }
        return Reason::Denied;
    }
    if code_is(THROTTLED) || status == 429 {
        return Reason::Throttled;
    }
    if status >= 500 {
        return Reason::Unavailable;
    }
    if code.is_none() { Reason::Unparsable } else { Reason::Failed }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// The text of an error and of everything under it, without what programs and addresses in it may tell of secrets.
pub(crate) fn explain(error: &dyn std::error::Error) -> String {
    discreet(&chain(error))
}

/// A program that gives credentials may say them in its output or its complaint, which the SDK repeats.
fn discreet(text: &str) -> String {
    const UNSAID: &str = "(what the program said is not repeated: it may hold secrets)";
    let text = crate::untrusted::without_user(text);
    let repeats = ["Stderr:", "could not parse response:"];
    let cut = text.find("external process").and_then(|_| repeats.into_iter().filter_map(|word| Some(text.find(word)? + word.len())).min());
    match cut {
        // No colon: the last parts of a chain of causes are told apart by them.
        Some(end) => format!("{} {UNSAID}", text[..end].trim_end_matches(':')),
        None => text.into_owned(),
    }
}

/// A time of the SDK.
pub(super) fn time(value: aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::new(value.secs(), i32::try_from(value.subsec_nanos()).ok()?).ok()
}

/// Whether a text was sent: for a required member that is missing, the decoders of the SDK make up an empty text or
/// this sentence.
pub(super) fn said(text: impl AsRef<str>) -> Option<String> {
    let text = text.as_ref();
    (!text.is_empty() && text != "no value was set").then(|| text.to_owned())
}

fn is_sent<T: Any>(value: &T) -> bool {
    let value: &dyn Any = value;
    match (value.downcast_ref::<String>(), value.downcast_ref::<Vec<String>>()) {
        (Some(text), _) => said(text).is_some(),
        (None, Some(texts)) => texts.iter().all(|text| said(text).is_some()),
        (None, None) => true,
    }
}

/// Whether a text is the ARN of something: `arn:aws:rds:eu-central-1:111111111111:db:main`.
pub(super) fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, service, _, _, rest] if !partition.is_empty() && !service.is_empty() && !rest.is_empty())
}

/// Whether a text is the id of an account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Key and value pairs as tags; none at all where AWS sends no list. A pair without key or value is a gap.
pub(super) fn tags<T>(
    cx: &Cx,
    operation: &'static str,
    list: Option<Vec<T>>,
    pair: impl Fn(T) -> (Option<String>, Option<String>),
) -> Required<BTreeMap<String, String>> {
    let pairs = list.into_iter().flatten().map(pair);
    let tags = pairs.map(|(key, value)| Some((key.and_then(said)?, value?))).collect();
    cx.need(operation, "Key or Value of a tag", tags)
}
