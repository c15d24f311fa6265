//! Policy documents as templates write them: structures that name other resources of the template. What
//! they name is not known yet; everything else of the document is.

use serde_json::{Value as Json, json};

use super::{account, is_marked};
use crate::aws::PolicyDocument;
use crate::declared::map::{Ctx, Got, Unset, document};
use crate::declared::{marked, unknown};
use crate::estate::Reason;

/// A policy document at a path.
pub(super) fn policy(ctx: &Ctx<'_>, path: &str, unset: Unset) -> Json {
    match ctx.get(path) {
        Got::Value(Json::Object(members)) => match members.get("Statement") {
            Some(mark) if is_marked(mark) => mark.clone(),
            Some(Json::Array(statements)) => all(ctx, path, statements),
            Some(one) => all(ctx, path, std::slice::from_ref(one)),
            None => unparsable(ctx, path),
        },
        Got::Value(text) if text.as_str() != Some("") => document(ctx, path, text),
        _ => ctx.or(path, unset),
    }
}

fn unparsable(ctx: &Ctx<'_>, path: &str) -> Json {
    unknown(Reason::Unparsable, format!("{}.{path} is not a policy document", ctx.object.address))
}

fn all(ctx: &Ctx<'_>, path: &str, statements: &[Json]) -> Json {
    let one = |json: &Json| if is_marked(json) { Some(json.clone()) } else { statement(ctx, path, json) };
    match statements.iter().map(one).collect::<Option<Vec<_>>>() {
        Some(statements) if !statements.is_empty() => json!({ "statements": statements }),
        _ => unparsable(ctx, path),
    }
}

/// One statement. What is not known is taken out before it is read, and put back afterwards.
fn statement(ctx: &Ctx<'_>, path: &str, json: &Json) -> Option<Json> {
    let mut own = json.as_object()?.clone();
    let effect = own.get("Effect").filter(|effect| is_marked(effect)).cloned();
    if effect.is_some() {
        own.insert("Effect".to_owned(), json!("Deny"));
    }
    let mut open = Vec::new();
    if own.get("Condition").is_some_and(is_marked) {
        open.extend(own.remove("Condition"));
    }
    if let Some(Json::Object(operators)) = own.get_mut("Condition") {
        let marked: Vec<String> = operators.iter().filter(|(_, keys)| is_marked(keys)).map(|(name, _)| name.clone()).collect();
        open.extend(marked.iter().filter_map(|name| operators.remove(name)));
    }
    let mut veil = Veil { marks: Vec::new() };
    let own: serde_json::Map<String, Json> = own.into_iter().map(|(name, value)| (name, veil.over(value))).collect();
    let read = PolicyDocument::parse(&json!({ "Statement": [own] }).to_string())?;
    let Json::Object(mut read) = json!(read.statements.first()?) else { return None };

    // Roles and users of the template are the account's own. Of what else is not known, nobody can tell
    // the account, nor whether it is an ARN at all.
    let is_own = |mark: &Json| {
        marked(mark).and_then(|gap| gap.code).is_some_and(|kind| matches!(kind.as_str(), "AWS::IAM::Role" | "AWS::IAM::User"))
    };
    let mut arns = Vec::new();
    for principal in read.get("principals").and_then(Json::as_array).into_iter().flatten() {
        if let Some(("" | "AWS:", mark)) = principal.as_str().and_then(|text| veil.behind(text)) {
            arns.push(mark.clone());
        }
    }
    if let Some(Json::Array(accounts)) = read.get_mut("principal_accounts") {
        accounts.retain(|account| account.as_str().is_none_or(|text| veil.behind(text).is_none()));
        if arns.iter().any(is_own) && !accounts.contains(&account(ctx)) {
            accounts.push(account(ctx));
        }
        if !arns.iter().all(is_own) {
            accounts.push(ctx.later(&format!("{path}: a principal")));
        }
    }
    if let Some(Json::Array(known)) = read.get_mut("principal_arns") {
        known.extend(arns);
    }
    for value in read.values_mut() {
        veil.lift(value);
    }
    if let Some(Json::Array(conditions)) = read.get_mut("conditions") {
        conditions.extend(open);
    }
    read.extend(effect.map(|effect| ("effect".to_owned(), effect)));
    Some(Json::Object(read))
}

/// Texts in the place of marks while a statement is read: no policy holds characters like these.
struct Veil {
    marks: Vec<Json>,
}

const EDGE: char = '\u{1}';

impl Veil {
    fn over(&mut self, json: Json) -> Json {
        match json {
            mark if is_marked(&mark) => {
                self.marks.push(mark);
                Json::String(format!("{EDGE}{}{EDGE}", self.marks.len() - 1))
            }
            Json::Array(items) => items.into_iter().map(|item| self.over(item)).collect(),
            Json::Object(members) => members.into_iter().map(|(name, value)| (name, self.over(value))).collect(),
            other => other,
        }
    }

    /// What stands before a mark (`AWS:` or nothing), and the mark.
    fn behind<'t>(&self, text: &'t str) -> Option<(&'t str, &Json)> {
        let (before, number) = text.strip_suffix(EDGE)?.split_once(EDGE)?;
        Some((before, self.marks.get(number.parse::<usize>().ok()?)?))
    }

    fn lift(&self, json: &mut Json) {
        match json {
            Json::String(text) => {
                if let Some((_, mark)) = self.behind(text) {
                    *json = mark.clone();
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.lift(item)),
            Json::Object(members) => members.values_mut().for_each(|value| self.lift(value)),
            _ => {}
        }
    }
}
