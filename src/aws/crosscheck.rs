//! A recording held against itself: what it says of its run, and what its own answers say.
//!
//! Whoever writes a recording can write any answer into it; only AWS's own log of requests shows that. But what is not an
//! answer follows from answers: nothing here may say more than they do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::bytes::Regex;

use super::cx::THROTTLED;
use super::tape::{Exchange, Outcome, Reads, Tape};

/// AWS refuses requests whose time is further from its own.
const SKEW: SignedDuration = SignedDuration::from_mins(15);
/// The longest from the start of a run to its first answer: accounts are entered before, and each attempt may wait.
const BEFORE_ANSWERS: SignedDuration = SignedDuration::from_hours(1);
/// So many of a kind are told one by one.
const MOST: usize = 3;

/// ARNs, with the account that they name.
static ARN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}):").expect("internal error: a pattern of this file"));

/// What one account's answers say of whose they are.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Answers.
    pub(crate) answers: usize,
    /// Answers in which an ARN, or an owner, is that of the account.
    pub(crate) own: usize,
    /// Whether any ARN of any account is in them.
    named: bool,
}

impl Tape {
    /// Where the recording contradicts itself. `regions` are those that its replay went through.
    pub(crate) fn contradictions(&self, reads: &Reads, regions: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        self.times(&mut found);
        self.scope(reads, regions, &mut found);
        self.twice(&mut found);
        let misnamed = reads.misnamed.iter().filter_map(|(at, asked)| Some((self.exchanges.get(*at)?, asked)));
        let misnamed = misnamed.map(|(exchange, asked)| format!("{} is the answer to {asked}", line(exchange))).collect();
        few(misnamed, &mut found);
        let ids = self.exchanges.iter().filter(|exchange| !has_its_id(exchange));
        few(ids.map(|exchange| format!("{} has another request id than its answer", line(exchange))).collect(), &mut found);
        found
    }

    /// Times enclose one another, and the answers' own.
    fn times(&self, found: &mut Vec<String>) {
        let run = &self.run;
        let times = || self.exchanges.iter().map(|exchange| exchange.time);
        let (first, last) = (times().min(), times().max());
        if let Some(first) = first.filter(|first| !(SignedDuration::ZERO..=BEFORE_ANSWERS).contains(&first.duration_since(run.started))) {
            found.push(format!("its run began at {}, its first answer came at {first}", run.started));
        }
        if run.finished != last.unwrap_or(run.started) {
            found.push(format!("its run ended at {}, its last answer came at {}", run.finished, last.unwrap_or(run.started)));
        }
        let moved = self.exchanges.iter().filter_map(|exchange| {
            let date = date_of(exchange)?;
            let away = exchange.time.duration_since(date).abs() > SKEW;
            away.then(|| format!("{} is said to have come at {}, AWS wrote it at {date}", line(exchange), exchange.time))
        });
        few(moved.collect(), found);
    }

    /// Accounts, regions and the number of calls are those of the answers.
    fn scope(&self, reads: &Reads, regions: &[String], found: &mut Vec<String>) {
        let run = &self.run;
        let calls: BTreeSet<&str> = self.exchanges.iter().map(|exchange| exchange.key.as_str()).collect();
        if calls.len() as u64 != run.calls {
            found.push(format!("it counts {} calls, and has {}", run.calls, calls.len()));
        }
        if regions != run.regions {
            found.push(format!("its regions are said to be {}, its answers are of {}", list(&run.regions), list(regions)));
        }
        let entered: BTreeSet<&str> = run.accounts.iter().filter(|a| a.gap.is_none()).map(|a| a.id.as_str()).collect();
        let manager = run.identity.as_ref().filter(|_| self.plan.organisation).map(|identity| identity.account.as_str());
        let strange: BTreeSet<&str> = self.exchanges.iter().map(|exchange| exchange.account.as_str()).collect();
        for account in strange.into_iter().filter(|account| !entered.contains(account) && manager != Some(account)) {
            found.push(format!("it has answers of account {account}, which is not one of its run"));
        }
        if self.plan.organisation {
            let all: BTreeSet<&str> = run.accounts.iter().map(|account| account.id.as_str()).collect();
            match &reads.organisation {
                None => found.push("it is said to be of all accounts of an organisation, and has no list of them".to_owned()),
                Some(listed) if listed.iter().map(String::as_str).collect::<BTreeSet<_>>() != all => {
                    found.push(format!("the organisation lists the accounts {}, its run is over {}", list(listed), list(&all)));
                }
                Some(_) => {}
            }
        }
        for (account, shown) in self.shown() {
            if shown.own == 0 && shown.named {
                found.push(format!("no answer that is said to be of account {account} names it: they are of another"));
            }
        }
        if let Some(identity) = &run.identity
            && identity.arn.split(':').nth(4) != Some(identity.account.as_str())
        {
            found.push(format!("the caller {} is said to be of account {}", identity.arn, identity.account));
        }
    }

    /// What the answers of each account say of whose they are.
    pub(crate) fn shown(&self) -> BTreeMap<&str, Shown> {
        let mut shown: BTreeMap<&str, Shown> = BTreeMap::new();
        for exchange in &self.exchanges {
            let Outcome::Response { body, .. } = &exchange.outcome else { continue };
            let Some(bytes) = self.bodies.get(body) else { continue };
            let of = shown.entry(&exchange.account).or_default();
            of.answers += 1;
            of.named |= ARN.is_match(bytes);
            let own = exchange.account.as_bytes();
            of.own += usize::from(!own.is_empty() && bytes.windows(own.len()).any(|part| part == own));
        }
        shown
    }

    /// A request is answered once: what came before its answer are attempts that failed.
    fn twice(&self, found: &mut Vec<String>) {
        let answers: BTreeMap<&str, usize> = self.answers().into_iter().map(|at| (self.exchanges[at].key.as_str(), at)).collect();
        let second = self.exchanges.iter().enumerate().filter_map(|(at, exchange)| {
            let answer = *answers.get(exchange.key.as_str())?;
            let other = at != answer && !self.failed(exchange) && exchange.outcome != self.exchanges[answer].outcome;
            other.then(|| format!("{} was answered at {}, and once more, otherwise, later", line(exchange), exchange.time))
        });
        few(second.collect(), found);
    }

    /// Whether an exchange is one that is tried again.
    fn failed(&self, exchange: &Exchange) -> bool {
        match &exchange.outcome {
            Outcome::TimedOut | Outcome::Unreachable => true,
            Outcome::Response { status, .. } if *status >= 500 || *status == 429 => true,
            Outcome::Response { status, .. } if *status < 400 => false,
            Outcome::Response { body, .. } => {
                let text = self.bodies.get(body).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
                THROTTLED.iter().chain(TRIED_AGAIN).any(|code| text.contains(code))
            }
        }
    }

    /// Attempts that failed and were repeated.
    pub(crate) fn attempts(&self) -> usize {
        self.exchanges.len() - self.answers().len()
    }

    /// The answers that a replay did not read.
    pub(crate) fn unread<'t>(&'t self, reads: &Reads) -> Vec<&'t Exchange> {
        let mut unread: Vec<usize> = self.answers().into_iter().filter(|at| !reads.read.contains(at)).collect();
        unread.sort_unstable();
        unread.into_iter().map(|at| &self.exchanges[at]).collect()
    }
}

impl Reads {
    /// How many answers were read.
    pub(crate) fn count(&self) -> usize {
        self.read.len()
    }

    /// Whether the replay asked for an operation at all.
    pub(crate) fn asked(&self, exchange: &Exchange) -> bool {
        self.asked.iter().any(|(service, operation)| *service == exchange.service && *operation == exchange.operation)
    }
}

/// Codes of errors, besides those of throttling, that the SDK tries again.
const TRIED_AGAIN: &[&str] = &["RequestTimeout", "InternalError", "InternalFailure", "RequestTimeTooSkewed"];

/// An exchange in words.
pub(crate) fn line(exchange: &Exchange) -> String {
    format!("{}:{} of {} in {}", exchange.service, exchange.operation, exchange.account, exchange.region)
}

/// When AWS wrote an answer, by its own clock.
fn date_of(exchange: &Exchange) -> Option<Timestamp> {
    let Outcome::Response { headers, .. } = &exchange.outcome else { return None };
    jiff::fmt::rfc2822::parse(headers.get("date")?).ok().map(|zoned| zoned.timestamp())
}

/// Whether the id of the request is the one in the answer's headers, where they have one.
fn has_its_id(exchange: &Exchange) -> bool {
    let Outcome::Response { headers, .. } = &exchange.outcome else { return exchange.request_id.is_none() };
    let own = ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| headers.get(*name));
    own.is_none_or(|own| exchange.request_id.as_ref() == Some(own))
}

fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.as_ref().to_owned()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// The first of them, and how many more there are.
fn few(mut all: Vec<String>, found: &mut Vec<String>) {
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    found.extend(all);
    if more > 0 {
        found.push(format!("and {more} more like the one before"));
    }
}
