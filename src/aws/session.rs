//! One run over AWS: identity, accounts, regions, and a collector for each service in each of them.
//! The same way through serves the live run and the replay of a tape.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder as HttpBuilder, Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings, SharedHttpClient};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::ServiceConfigKey;
use futures::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::cx::{Collected, Cx, explain, reason_of};
use super::pace::Pace;
use super::tape::{Deck, Place, Player, Reads, Record, Tape};
use super::{Scope, Service};
use crate::estate::{ALL_REGIONS, Account, Estate, GLOBAL, Gap, Identity, Listing, Reason, Registry, Resource, Run, partition_of};

/// Requests in flight at once, over everything.
const EVERYWHERE: usize = 64;
/// Collectors at work at once.
const COLLECTORS: usize = 64;

/// An account to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSpec {
    /// Twelve-digit id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Role to assume there; none for the caller's own account.
    pub role: Option<String>,
    /// External id that the role's trust asks for.
    pub external_id: Option<String>,
}

/// Which regions are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sweep {
    /// Every region enabled for the account.
    Enabled,
    /// These.
    Only(Vec<String>),
}

/// What to collect, and as whom.
#[derive(Debug, Clone)]
pub struct Request {
    /// Profile of the AWS configuration files, instead of `AWS_PROFILE`.
    pub profile: Option<String>,
    /// Accounts; empty for the caller's own.
    pub accounts: Vec<AccountSpec>,
    /// Every active account of the organisation, each entered by the role of this name.
    pub organization_role: Option<String>,
    /// Regions.
    pub sweep: Sweep,
    /// The regions that are looked at when the enabled ones cannot be listed.
    pub allowed: Vec<String>,
    /// Services to ask.
    pub services: Vec<&'static Service>,
    /// The moment ages are measured against; the start of the run if none.
    pub as_of: Option<Timestamp>,
    /// The start of the run.
    pub now: Timestamp,
    /// Whether to keep what is exchanged.
    pub record: bool,
}

/// What is told while collecting; for progress bars.
pub trait Observer: Send + Sync {
    /// So many collectors will run.
    fn planned(&self, collectors: usize);
    /// A collector began.
    fn started(&self, account: &str, region: &str, service: &str);
    /// A collector ended, having found so many resources.
    fn finished(&self, account: &str, region: &str, service: &str, resources: usize);
}

/// Nobody is told.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn planned(&self, _: usize) {}
    fn started(&self, _: &str, _: &str, _: &str) {}
    fn finished(&self, _: &str, _: &str, _: &str, _: usize) {}
}

/// Why a run could not begin: nothing was asked of any service.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No credentials were found, or those found do not work on their own (profile, SSO session).
    #[error("no usable AWS credentials: {0}")]
    Credentials(String),
    /// A profile was named that no file defines.
    #[error("no profile `{name}` is defined in the AWS configuration files")]
    Profile {
        /// What was named.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// An endpoint that was set is no address.
    #[error("{name} is `{value}`: {problem}")]
    Endpoint {
        /// The variable or setting.
        name: String,
        /// What it says, without a password.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
        /// What to write instead.
        remedy: String,
    },
    /// The caller's own region is none of AWS, or empty.
    #[error("{}", no_region(.0))]
    Region(String),
    /// The endpoint of STS cannot be reached.
    #[error("AWS cannot be reached: {0}")]
    Unreachable(String),
    /// AWS refuses the credentials.
    #[error("AWS refuses the credentials: {0}")]
    Refused(String),
    /// The organisation's accounts cannot be listed.
    #[error("the accounts of the organisation cannot be listed: {0}")]
    Organisation(Box<Gap>),
    /// Regions that AWS does not have.
    #[error("{}", unknown_regions(.unknown, .known))]
    Regions {
        /// What was configured.
        unknown: Vec<String>,
        /// What AWS has.
        known: Vec<String>,
    },
}

fn no_region(name: &str) -> String {
    if name.is_empty() { "the region is empty".to_owned() } else { format!("AWS has no region `{name}`") }
}

fn unknown_regions(unknown: &[String], known: &[String]) -> String {
    let mut text = format!("AWS has no region `{}`", unknown.join("`, `"));
    let near = unknown.first().and_then(|u| crate::diag::nearest(u, known.iter().map(String::as_str)));
    if let Some(near) = near {
        text.push_str(&format!("; did you mean `{near}`?"));
    }
    text
}

/// A tape to replay.
#[derive(Debug, Clone, Copy)]
pub struct SourceTape<'a>(pub &'a Tape);

/// What a session needs to know of one account.
struct Entry {
    id: Arc<str>,
    sdk: SdkConfig,
}

/// Looks at AWS. The tape comes back if it was asked for.
pub async fn collect(request: Request, registry: &Arc<Registry>, observer: &dyn Observer) -> Result<(Estate, Option<Tape>), StartError> {
    let base = base_config(&request).await?;
    let identity = who(&base, request.profile.as_deref()).await?;
    let record = Arc::new(Record::default());
    let deck = Deck::Live { inner: http_client(), record: Arc::clone(&record), keep: true };
    let (specs, in_organisation) = specs(&request, &base, &identity, &deck, registry).await?;
    let (accounts, entries) = enter(&base, &identity, specs).await;
    let everywhere = Arc::new(Semaphore::new(EVERYWHERE));
    let maker = Maker { deck, registry: Arc::clone(registry), everywhere, paced: true };
    let gathered = gather(&maker, &request.services, &entries, &request.sweep, &request.allowed, observer).await?;
    let mut exchanges_bodies = record.take();
    let answered: BTreeSet<&str> = exchanges_bodies.0.iter().map(|e| e.key.as_str()).collect();
    let run = Run {
        started: request.now,
        finished: finished(&exchanges_bodies.0, request.now),
        as_of: request.as_of.unwrap_or(request.now),
        source: "live".to_owned(),
        tool: crate::tool(),
        identity: Some(identity),
        accounts,
        regions: gathered.regions.clone(),
        calls: answered.len() as u64,
        declared: None,
    };
    let custom_endpoints = if base.endpoint_url().is_some() {
        vec!["*".to_owned()]
    } else {
        request.services.iter().filter(|s| custom_endpoint(&base, s.name)).map(|s| s.name.to_owned()).collect()
    };
    let tape = request.record.then(|| Tape {
        run: run.clone(),
        plan: Plan {
            sweep: request.sweep.clone(),
            allowed: request.allowed.clone(),
            organisation: in_organisation,
            home: home_of(&base).to_string(),
        },
        custom_endpoints,
        exchanges: std::mem::take(&mut exchanges_bodies.0),
        bodies: std::mem::take(&mut exchanges_bodies.1),
    });
    Ok((gathered.estate(run, &request.services), tape))
}

/// The plan of a run, kept with its tape so that the replay asks the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Regions.
    pub sweep: Sweep,
    /// The regions that are looked at when the enabled ones cannot be listed.
    pub allowed: Vec<String>,
    /// Whether the accounts are those of the organisation.
    pub organisation: bool,
    /// The region that services without regions were asked in.
    pub home: String,
}

/// Asks a tape instead of AWS.
pub async fn replay(
    source: SourceTape<'_>,
    services: &[&'static Service],
    as_of: Option<Timestamp>,
    registry: &Arc<Registry>,
    observer: &dyn Observer,
) -> Result<Estate, StartError> {
    reread(source, services, as_of, registry, observer).await.map(|(estate, _)| estate)
}

/// Asks a tape instead of AWS, and tells what was read of it.
pub(crate) async fn reread(
    source: SourceTape<'_>,
    services: &[&'static Service],
    as_of: Option<Timestamp>,
    registry: &Arc<Registry>,
    observer: &dyn Observer,
) -> Result<(Estate, Reads), StartError> {
    let tape = source.0;
    let mut run = tape.run.clone();
    run.as_of = as_of.unwrap_or(run.as_of);
    let keys = Credentials::new("replay", "replay", None, None, "tape");
    let mut base = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(tape.plan.home.clone()))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .sleep_impl(TokioSleep::new())
        .retry_config(RetryConfig::disabled());
    if tape.custom_endpoints.iter().any(|s| s == "*") {
        base.set_endpoint_url(Some("http://127.0.0.1:9".to_owned()));
    }
    let base = base.build();
    let entries: Vec<Entry> =
        run.accounts.iter().filter(|a| a.gap.is_none()).map(|a| Entry { id: a.id.as_str().into(), sdk: base.clone() }).collect();
    let player = Arc::new(Player::new(tape));
    let maker = Maker {
        deck: Deck::Play(Arc::clone(&player)),
        registry: Arc::clone(registry),
        everywhere: Arc::new(Semaphore::new(EVERYWHERE)),
        paced: false,
    };
    // The list that the accounts were taken from is evidence like any other answer.
    let listed = match (&run.identity, tape.plan.organisation) {
        (Some(identity), true) => {
            let entry = Entry { id: identity.account.as_str().into(), sdk: base.clone() };
            list_accounts(&maker.cx(&entry, GLOBAL, &super::organizations::SERVICE)).await.ok()
        }
        _ => None,
    };
    let gathered = gather(&maker, services, &entries, &tape.plan.sweep, &tape.plan.allowed, observer).await?;
    let organisation = listed.map(|accounts| accounts.into_iter().map(|(id, _)| id).collect());
    Ok((gathered.estate(run, services), Reads { organisation, ..player.reads() }))
}

fn finished(exchanges: &[super::Exchange], started: Timestamp) -> Timestamp {
    exchanges.iter().map(|e| e.time).max().unwrap_or(started)
}

#[allow(clippy::disallowed_methods, reason = "the SDK's own variables decide whether its own defaults are left alone")]
fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok()
}

/// The SDK's configuration for one request of the caller, outside of any collecting.
#[cfg(any(feature = "s3", feature = "kms"))]
pub(crate) async fn caller(profile: Option<String>, allowed: Vec<String>, now: Timestamp) -> Result<SdkConfig, StartError> {
    let request = Request {
        profile,
        accounts: Vec::new(),
        organization_role: None,
        sweep: Sweep::Enabled,
        allowed,
        services: Vec::new(),
        as_of: None,
        now,
        record: false,
    };
    base_config(&request).await
}

async fn base_config(request: &Request) -> Result<SdkConfig, StartError> {
    super::start::check_settings(request.profile.as_deref()).await?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(60))
        .operation_timeout(Duration::from_secs(300))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).http_client(http_client());
    if let Some(profile) = &request.profile {
        // A profile that is named goes before the keys of the environment: whoever names one means its account.
        let region = DefaultRegionChain::builder().profile_name(profile).build().region().await;
        let settings = ProviderConfig::without_region().with_region(region).with_http_client(http_client());
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&settings).build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    if !is_set("AWS_MAX_ATTEMPTS") && !is_set("AWS_RETRY_MODE") {
        loader = loader.retry_config(RetryConfig::adaptive().with_max_attempts(6));
    }
    let config = loader.load().await;
    super::start::check_services(&config)?;
    if let Some(region) = config.region() {
        return if super::start::is_region(region.as_ref()) { Ok(config) } else { Err(StartError::Region(region.to_string())) };
    }
    let region = request.allowed.first().cloned().unwrap_or_else(|| "us-east-1".to_owned());
    Ok(config.into_builder().region(Region::new(region)).build())
}

/// One pool of connections for everything.
fn http_client() -> SharedHttpClient {
    HttpBuilder::new().build_with_connector_fn(|settings, components| {
        connector(settings.cloned(), components.and_then(|components| components.sleep_impl()))
    })
}

fn connector(settings: Option<HttpConnectorSettings>, sleep: Option<SharedAsyncSleep>) -> Connector {
    let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    connector.set_connector_settings(settings);
    connector.set_sleep_impl(sleep);
    connector.set_proxy_config(Some(ProxyConfig::from_env()));
    connector.build()
}

/// Sends bytes to an address that is not one of AWS and that the user named, without any credentials. Answers with more
/// than `most` bytes are not read to their end.
pub(crate) async fn post(url: &str, kind: &'static str, body: Vec<u8>, most: usize) -> Result<Vec<u8>, String> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST").map_err(|error| error.to_string())?;
    request.set_uri(url.to_owned()).map_err(|_| "it is no URL".to_owned())?;
    request.headers_mut().insert("content-type", kind);
    let settings = HttpConnectorSettings::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(60)).build();
    let connector = connector(Some(settings), Some(SharedAsyncSleep::new(TokioSleep::new())));
    let mut answer = connector.call(request).await.map_err(|error| last_cause(&error))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("it answered with HTTP {}", status.as_u16()));
    }
    let mut stream = ByteStream::new(answer.take_body());
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| last_cause(&error))?);
        if bytes.len() > most {
            return Err(format!("it answered with more than {most} bytes"));
        }
    }
    Ok(bytes)
}

async fn who(base: &SdkConfig, profile: Option<&str>) -> Result<Identity, StartError> {
    // Somebody waits for the first answer. Credentials may take longer: a person may have to type a code.
    let mut quick = TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).read_timeout(Duration::from_secs(6)).build();
    let mut config = aws_sdk_sts::config::Builder::from(base);
    if let Some(timeouts) = base.timeout_config() {
        quick.take_defaults_from(timeouts);
    }
    config = config.timeout_config(quick);
    // What cannot be reached at all is said at once; the patience of the run is for calls that fail on the way.
    if !is_set("AWS_MAX_ATTEMPTS") && !is_set("AWS_RETRY_MODE") {
        config = config.retry_config(RetryConfig::standard().with_max_attempts(2));
    }
    let sts = aws_sdk_sts::Client::from_conf(config.build());
    match sts.get_caller_identity().send().await {
        Ok(answer) => match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Identity { account, arn }),
            _ => Err(StartError::Unreachable("STS answered without an account: is the endpoint one of AWS?".to_owned())),
        },
        Err(error) => Err(match (start_error(&error), profile) {
            (StartError::Credentials(why), Some(profile)) => StartError::Credentials(format!("profile `{profile}`: {why}")),
            (other, _) => other,
        }),
    }
}

fn start_error<E>(error: &SdkError<E, HttpResponse>) -> StartError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let (reason, code) = reason_of(error);
    let detail = last_cause(error);
    match (error, reason) {
        // AWS names every error. A proxy, a web server or an emulator that does not know STS answers like this.
        (SdkError::ServiceError(context), _) if code.is_none() => {
            StartError::Unreachable(format!("what answers is no STS: HTTP {} without AWS's code", context.raw().status().as_u16()))
        }
        (SdkError::ServiceError(context), _) => {
            let message = context.err().message().unwrap_or("no explanation given");
            StartError::Refused(format!("{}: {message}", code.unwrap_or_else(|| format!("HTTP {}", context.raw().status().as_u16()))))
        }
        (SdkError::DispatchFailure(failure), _) if failure.is_io() || failure.is_timeout() => StartError::Unreachable(detail),
        (SdkError::TimeoutError(_) | SdkError::ResponseError(_), _) => StartError::Unreachable(detail),
        _ => StartError::Credentials(detail),
    }
}

/// The innermost causes are what helps; the outer layers say "dispatch failure".
fn last_cause(error: &dyn std::error::Error) -> String {
    let text = explain(error);
    let mut parts: Vec<&str> = text.split(": ").collect();
    parts.dedup();
    let keep = parts.len().saturating_sub(4);
    parts[keep..].join(": ")
}

async fn specs(
    request: &Request,
    base: &SdkConfig,
    identity: &Identity,
    deck: &Deck,
    registry: &Arc<Registry>,
) -> Result<(Vec<AccountSpec>, bool), StartError> {
    let Some(role) = &request.organization_role else {
        if request.accounts.is_empty() {
            let own = AccountSpec { id: identity.account.clone(), name: None, role: None, external_id: None };
            return Ok((vec![own], false));
        }
        return Ok((request.accounts.clone(), false));
    };
    let maker = Maker { deck: deck.clone(), registry: Arc::clone(registry), everywhere: Arc::new(Semaphore::new(EVERYWHERE)), paced: true };
    let entry = Entry { id: identity.account.as_str().into(), sdk: base.clone() };
    let cx = maker.cx(&entry, GLOBAL, &super::organizations::SERVICE);
    let accounts = list_accounts(&cx).await.map_err(|gap| StartError::Organisation(Box::new(Arc::unwrap_or_clone(gap))))?;
    let partition = partition_of(cx.sdk().region().map_or("", |r| r.as_ref()));
    let configured: BTreeMap<&str, &AccountSpec> = request.accounts.iter().map(|a| (a.id.as_str(), a)).collect();
    let specs = accounts.into_iter().map(|(id, name)| {
        if let Some(spec) = configured.get(id.as_str()) {
            return (*spec).clone();
        }
        let role = (id != identity.account).then(|| format!("arn:{partition}:iam::{id}:role/{role}"));
        AccountSpec { id, name: Some(name), role, external_id: None }
    });
    Ok((specs.collect(), true))
}

#[cfg(feature = "organizations")]
async fn list_accounts(cx: &Cx) -> Result<Vec<(String, String)>, Arc<Gap>> {
    super::organizations::accounts(cx).await
}

#[cfg(not(feature = "organizations"))]
async fn list_accounts(cx: &Cx) -> Result<Vec<(String, String)>, Arc<Gap>> {
    std::future::ready(Err(cx.gap("ListAccounts", Reason::NotCollected, None, Some("this build lacks the feature `organizations`")))).await
}

/// Enters every account. One that cannot be entered stays in the run, with the gap.
async fn enter(base: &SdkConfig, identity: &Identity, specs: Vec<AccountSpec>) -> (Vec<Account>, Vec<Entry>) {
    let mut accounts = Vec::new();
    let mut entries = Vec::new();
    for spec in specs {
        let gap = match enter_one(base, identity, &spec).await {
            Ok(sdk) => {
                entries.push(Entry { id: spec.id.as_str().into(), sdk });
                None
            }
            Err(gap) => Some(gap),
        };
        accounts.push(Account { id: spec.id, name: spec.name, gap });
    }
    accounts.sort_by(|a, b| a.id.cmp(&b.id));
    (accounts, entries)
}

async fn enter_one(base: &SdkConfig, identity: &Identity, spec: &AccountSpec) -> Result<SdkConfig, Gap> {
    let gap = |operation: &str, reason: Reason, code: Option<String>, subject: Option<String>| Gap {
        service: "sts".to_owned(),
        operation: operation.to_owned(),
        account: spec.id.clone(),
        region: GLOBAL.to_owned(),
        reason,
        code,
        subject,
    };
    let Some(role) = &spec.role else {
        if spec.id == identity.account {
            return Ok(base.clone());
        }
        let subject = format!("the caller is in account {}, and no role is configured for {}", identity.account, spec.id);
        return Err(gap("AssumeRole", Reason::Denied, Some("NoRole".to_owned()), Some(subject)));
    };
    let sts = aws_sdk_sts::Client::new(base);
    let attempt = sts.assume_role().role_arn(role).role_session_name(SESSION).set_external_id(spec.external_id.clone()).send();
    if let Err(error) = attempt.await {
        let (reason, code) = reason_of(&error);
        return Err(gap("AssumeRole", reason, code, Some(role.clone())));
    }
    let mut provider = AssumeRoleProvider::builder(role).session_name(SESSION).configure(base);
    if let Some(id) = &spec.external_id {
        provider = provider.external_id(id);
    }
    let sdk = base.to_builder().credentials_provider(SharedCredentialsProvider::new(provider.build().await)).build();
    let there = match aws_sdk_sts::Client::new(&sdk).get_caller_identity().send().await {
        Ok(answer) => answer.account,
        Err(error) => {
            let (reason, code) = reason_of(&error);
            return Err(gap("GetCallerIdentity", reason, code, Some(role.clone())));
        }
    };
    if there.as_deref() != Some(spec.id.as_str()) {
        let subject = format!("{role} leads into account {}, not {}", there.as_deref().unwrap_or("unknown"), spec.id);
        return Err(gap("AssumeRole", Reason::Failed, Some("WrongAccount".to_owned()), Some(subject)));
    }
    Ok(sdk)
}

/// Name of the sessions of assumed roles, as CloudTrail shows it.
const SESSION: &str = "keur";

/// The endpoint that a service has of its own in the environment or the profile.
pub(super) fn endpoint_of(sdk: &SdkConfig, service: &str) -> Option<String> {
    let id = service_id(service);
    let key = ServiceConfigKey::builder().service_id(id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    sdk.service_config()?.load_config(key)
}

fn custom_endpoint(sdk: &SdkConfig, service: &str) -> bool {
    endpoint_of(sdk, service).is_some()
}

/// AWS's own id of a service, as the names of its endpoint variables use it.
fn service_id(service: &str) -> &str {
    match service {
        "autoscaling" => "Auto Scaling",
        "backup" => "Backup",
        "dynamodb" => "DynamoDB",
        "ec2" => "EC2",
        "efs" => "EFS",
        "elbv2" => "Elastic Load Balancing v2",
        "iam" => "IAM",
        "kms" => "KMS",
        "organizations" => "Organizations",
        "rds" => "RDS",
        "s3" => "S3",
        other => other,
    }
}

/// Makes the contexts of collectors.
struct Maker {
    deck: Deck,
    registry: Arc<Registry>,
    everywhere: Arc<Semaphore>,
    paced: bool,
}

impl Maker {
    fn cx(&self, entry: &Entry, region: &str, service: &'static Service) -> Cx {
        let sdk_region: Arc<str> = if region == GLOBAL { home_of(&entry.sdk) } else { region.into() };
        let custom = entry.sdk.endpoint_url().is_some() || custom_endpoint(&entry.sdk, service.name);
        let (deck, sdk, account) = (self.deck.clone(), entry.sdk.clone(), Arc::clone(&entry.id));
        let make = move |asked: &str| {
            let place = Place { account: Arc::clone(&account), region: asked.into(), service: service.name, custom_endpoint: custom };
            sdk.to_builder().region(Region::new(asked.to_owned())).http_client(deck.client(place)).build()
        };
        let per_second = if self.paced { service.per_second } else { 0 };
        Cx {
            account: Arc::clone(&entry.id),
            region: region.into(),
            service,
            registry: Arc::clone(&self.registry),
            pace: Pace::new(per_second, Arc::clone(&self.everywhere)),
            sdk: Arc::new(make),
            sdk_region,
            custom,
        }
    }
}

fn home_of(sdk: &SdkConfig) -> Arc<str> {
    sdk.region().map_or("us-east-1", |r| r.as_ref()).into()
}

/// What all collectors found.
struct Gathered {
    resources: Vec<Resource>,
    listings: Vec<Listing>,
    regions: Vec<String>,
}

impl Gathered {
    fn estate(self, run: Run, services: &[&'static Service]) -> Estate {
        let mut listings = self.listings;
        listings.extend(super::unswept::listings(&self.resources, services));
        // An account that could not be entered was listed nowhere, for any type.
        let kinds: BTreeSet<String> = listings.iter().map(|l| l.kind.clone()).collect();
        for account in &run.accounts {
            let Some(gap) = &account.gap else { continue };
            listings.extend(kinds.iter().map(|kind| Listing {
                kind: kind.clone(),
                account: account.id.clone(),
                region: ALL_REGIONS.to_owned(),
                listed: 0,
                unreadable: 0,
                gap: Some(gap.clone()),
            }));
        }
        let run = Run { regions: self.regions, ..run };
        Estate::new(run, self.resources, listings)
    }
}

async fn gather(
    maker: &Maker,
    services: &[&'static Service],
    entries: &[Entry],
    sweep: &Sweep,
    allowed: &[String],
    observer: &dyn Observer,
) -> Result<Gathered, StartError> {
    let mut gathered = Gathered { resources: Vec::new(), listings: Vec::new(), regions: Vec::new() };
    let mut all_regions = BTreeSet::new();
    let mut jobs: Vec<(Cx, Option<super::cx::Collect>)> = Vec::new();
    for entry in entries {
        let regions = regions(maker, entry, services, sweep, allowed, &mut gathered).await?;
        all_regions.extend(regions.iter().cloned());
        for service in services {
            let places: Vec<&str> = match service.scope {
                Scope::Global => vec![GLOBAL],
                Scope::Regional => regions.iter().map(String::as_str).collect(),
            };
            jobs.extend(places.into_iter().map(|region| (maker.cx(entry, region, service), service.collect)));
        }
    }
    gathered.regions = all_regions.into_iter().collect();
    observer.planned(jobs.len());
    let mut running = FuturesUnordered::new();
    let mut waiting = jobs.into_iter();
    loop {
        while running.len() < COLLECTORS
            && let Some((cx, collector)) = waiting.next()
        {
            running.push(run_one(cx, collector, observer));
        }
        match running.next().await {
            Some(collected) => {
                gathered.resources.extend(collected.resources);
                gathered.listings.extend(collected.listings);
            }
            None => return Ok(gathered),
        }
    }
}

async fn run_one(cx: Cx, collector: Option<super::cx::Collect>, observer: &dyn Observer) -> Collected {
    let (account, region, service) = (Arc::clone(&cx.account), Arc::clone(&cx.region), cx.service);
    observer.started(&account, &region, service.name);
    let collected = match collector {
        Some(collect) => match tokio::spawn(collect(cx.clone())).await {
            Ok(collected) => complete(&cx, collected),
            // A bug in a collector must not cost the run, and must not look like an empty region.
            Err(_) => nothing(&cx, "the collector failed: please report this bug"),
        },
        None => nothing(&cx, &format!("this build lacks the feature `{}`", service.name)),
    };
    observer.finished(&account, &region, service.name, collected.resources.len());
    collected
}

/// Every type of a service has a listing; one the collector forgot is a gap, never an empty list.
fn complete(cx: &Cx, mut collected: Collected) -> Collected {
    for kind in cx.service.types {
        // Regions are listed once per account, before the collectors run.
        if *kind != REGION && !collected.listings.iter().any(|l| l.kind == *kind) {
            collected.listings.extend(nothing(cx, "not listed").listings.into_iter().filter(|l| l.kind == *kind));
        }
    }
    collected
}

fn nothing(cx: &Cx, why: &str) -> Collected {
    let gap = cx.gap("-", Reason::NotCollected, None, Some(why));
    let listings = cx.service.types.iter().filter(|kind| **kind != REGION).map(|kind| Listing {
        kind: (*kind).to_owned(),
        account: cx.account.to_string(),
        region: cx.region.to_string(),
        listed: 0,
        unreadable: 0,
        gap: Some(gap.as_ref().clone()),
    });
    Collected { resources: Vec::new(), listings: listings.collect() }
}

/// The type whose listing is the list of regions itself.
const REGION: &str = "AWS::EC2::Region";

/// The regions of one account. Those that cannot be named are a gap for every type.
async fn regions(
    maker: &Maker,
    entry: &Entry,
    services: &[&'static Service],
    sweep: &Sweep,
    allowed: &[String],
    gathered: &mut Gathered,
) -> Result<Vec<String>, StartError> {
    if let Sweep::Only(regions) = sweep {
        return Ok(regions.clone());
    }
    let cx = maker.cx(entry, GLOBAL, &super::ec2::SERVICE);
    let (enabled, resources, listing) = list_regions(&cx).await;
    let gap = listing.gap.clone();
    gathered.listings.push(listing);
    match gap {
        None => {
            let known: BTreeSet<&str> = resources.iter().map(|r| &*r.id).collect();
            let unknown: Vec<String> = allowed.iter().filter(|r| !known.contains(r.as_str())).cloned().collect();
            if !unknown.is_empty() {
                return Err(StartError::Regions { unknown, known: known.into_iter().map(str::to_owned).collect() });
            }
            gathered.resources.extend(resources);
            Ok(enabled)
        }
        Some(gap) => {
            gathered.resources.extend(resources);
            let regional = services.iter().filter(|s| s.scope == Scope::Regional);
            gathered.listings.extend(regional.flat_map(|s| s.types).filter(|k| **k != REGION).map(|kind| Listing {
                kind: (*kind).to_owned(),
                account: entry.id.to_string(),
                region: ALL_REGIONS.to_owned(),
                listed: 0,
                unreadable: 0,
                gap: Some(gap.clone()),
            }));
            let mut regions: BTreeSet<String> = allowed.iter().cloned().collect();
            regions.extend(enabled);
            regions.insert(home_of(&entry.sdk).to_string());
            Ok(regions.into_iter().collect())
        }
    }
}

#[cfg(feature = "ec2")]
async fn list_regions(cx: &Cx) -> (Vec<String>, Vec<Resource>, Listing) {
    super::ec2::regions(cx).await
}

#[cfg(not(feature = "ec2"))]
async fn list_regions(cx: &Cx) -> (Vec<String>, Vec<Resource>, Listing) {
    let gap = cx.gap("DescribeRegions", Reason::NotCollected, None, Some("this build lacks the feature `ec2`"));
    let listing = Listing {
        kind: REGION.to_owned(),
        account: cx.account.to_string(),
        region: GLOBAL.to_owned(),
        listed: 0,
        unreadable: 0,
        gap: Some(Arc::unwrap_or_clone(gap)),
    };
    std::future::ready((Vec::new(), Vec::new(), listing)).await
}
