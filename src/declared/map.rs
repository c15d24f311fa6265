//! How a table turns what is declared into typed properties.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use serde_json::{Map, Value as Json, json};

use super::{Object, is_marked, marked, unknown};
use crate::aws::PolicyDocument;
use crate::estate::{Action, Reason, ResourceType, Type, partition_of, symbol};

/// The table of one type.
pub(crate) struct Mapping {
    /// The code's own name of the type: `aws_db_instance`, or AWS's in a template.
    pub(crate) from: &'static str,
    /// The type it becomes.
    pub(crate) kind: &'static str,
    /// Attributes that hold its id in AWS; the first that is known counts.
    pub(crate) id: &'static [&'static str],
    /// Its ARN.
    pub(crate) arn: Arn,
    /// Where its tags are; the first that is there counts. None for types without tags.
    pub(crate) tags: &'static [&'static str],
    /// Its properties.
    pub(crate) fields: &'static [Field],
}

/// Where an ARN comes from.
#[derive(Clone, Copy)]
pub(crate) enum Arn {
    /// From the attribute `arn`, else made of service and what stands before the id: `db:`.
    Made(&'static str, &'static str),
    /// The same without an account: snapshots.
    WithoutAccount(&'static str, &'static str),
    /// Without account and region: buckets.
    Bucket,
    /// A setting of an account in a region, which is its id.
    Setting(&'static str, &'static str),
    /// Only from these attributes: AWS puts something into it that nobody can guess.
    Told(&'static [&'static str]),
}

/// The table of something that is declared by itself and is part of another thing in AWS.
pub(crate) struct Part {
    /// The code's own name of the type: `aws_s3_bucket_versioning`.
    pub(crate) from: &'static str,
    /// The types it may be part of.
    pub(crate) of: &'static [&'static str],
    /// The attribute that names the whole.
    pub(crate) key: &'static str,
    /// The attributes of the whole that it names.
    pub(crate) whole: &'static [&'static str],
    /// Whether it may name none: it is then part of something else.
    pub(crate) optional: bool,
    /// What it adds.
    pub(crate) adds: Adds,
}

/// What a part adds to its whole.
pub(crate) enum Adds {
    /// It sets these properties.
    Fields(&'static [Field]),
    /// It adds an element to these lists of the whole.
    Items(&'static [(&'static str, Call)]),
    /// Something that is read elsewhere: it only counts as a change of the whole.
    Nothing,
}

/// One property.
pub(crate) struct Field {
    /// The property.
    pub(crate) name: &'static str,
    /// Where the code has it.
    pub(crate) from: Take,
    /// What holds when the code does not say.
    pub(crate) unset: Unset,
}

/// Works a property out.
pub(crate) type Call = fn(&Ctx<'_>) -> Json;

/// Where the code has a property.
pub(crate) enum Take {
    /// At a path: `metadata_options.http_tokens`. Blocks are lists: of one, its member is meant.
    Path(&'static str),
    /// The same, where 0 is how Terraform writes that it is not set.
    NonZero(&'static str),
    /// The same in lower case, as AWS keeps it.
    Lower(&'static str),
    /// A policy document as text or as a structure.
    Document(&'static str),
    /// Worked out.
    Call(Call),
}

/// What holds when the code does not say, after it was applied.
#[derive(Clone, Copy)]
pub(crate) enum Unset {
    /// Nothing.
    Null,
    /// false
    False,
    /// true
    True,
    /// A number.
    Int(i64),
    /// A text.
    Text(&'static str),
    /// An empty list.
    Empty,
    /// AWS or a setting of the account decides.
    Decided,
    /// It comes to be when the plan is applied.
    Output,
    /// The same; and where it came to be nothing, there is nothing.
    Echo,
    /// Whatever the function says.
    Worked(Call),
}

/// A property that has the name of its attribute.
pub(crate) const fn same(name: &'static str, unset: Unset) -> Field {
    Field { name, from: Take::Path(name), unset }
}

/// A property at another path.
pub(crate) const fn at(name: &'static str, path: &'static str, unset: Unset) -> Field {
    Field { name, from: Take::Path(path), unset }
}

/// A property taken in a special way.
pub(crate) const fn take(name: &'static str, from: Take, unset: Unset) -> Field {
    Field { name, from, unset }
}

/// A property that is worked out.
pub(crate) const fn call(name: &'static str, call: Call) -> Field {
    Field { name, from: Take::Call(call), unset: Unset::Null }
}

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Got<'a> {
    /// A value; its parts may be marked.
    Value(&'a Json),
    /// Nothing is set there.
    Unset,
    /// The code does not carry it at all.
    Missing,
    /// It is not known: the mark.
    Unknown(&'a Json),
}

/// What a table works with.
pub(crate) struct Ctx<'a> {
    pub(crate) object: &'a Object,
    attributes: &'a Json,
}

impl<'a> Ctx<'a> {
    pub(crate) fn new(object: &'a Object) -> Self {
        Self { object, attributes: &object.attributes }
    }

    /// The same over one block of the object.
    pub(crate) fn within<'b>(&self, attributes: &'b Json) -> Ctx<'b>
    where
        'a: 'b,
    {
        Ctx { object: self.object, attributes }
    }

    /// What is at a path.
    pub(crate) fn get(&self, path: &str) -> Got<'a> {
        let mut value = self.attributes;
        for step in path.split('.') {
            // A block is a list of one.
            while let Json::Array(blocks) = value {
                match blocks.first() {
                    Some(first) => value = first,
                    None => return Got::Unset,
                }
            }
            if is_marked(value) {
                return Got::Unknown(value);
            }
            match value {
                Json::Object(map) => match map.get(step) {
                    Some(next) => value = next,
                    None if self.object.sparse => return Got::Unset,
                    None => return Got::Missing,
                },
                _ => return Got::Unset,
            }
        }
        match value {
            Json::Null => Got::Unset,
            value if is_marked(value) => Got::Unknown(value),
            value => Got::Value(value),
        }
    }

    /// The mark of what somebody configured and nobody knows yet; none for what is known, not set, or left to AWS.
    pub(crate) fn configured(&self, path: &str) -> Option<Json> {
        match self.get(path) {
            Got::Unknown(mark) if marked(mark).is_none_or(|gap| gap.reason != Reason::AwsDecides) => Some(mark.clone()),
            _ => None,
        }
    }

    /// Whether this plan or template makes it.
    pub(crate) fn is_made(&self) -> bool {
        matches!(self.object.action, Some(Action::Create | Action::Replace)) || self.object.sparse
    }

    /// The text at a path, if it is known and not empty.
    pub(crate) fn text(&self, path: &str) -> Option<&'a str> {
        match self.get(path) {
            Got::Value(Json::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The blocks at a path; a mark where they are not known.
    pub(crate) fn blocks(&self, path: &str) -> Result<Vec<&'a Json>, Json> {
        match self.get(path) {
            Got::Value(Json::Array(items)) => Ok(items.iter().collect()),
            Got::Value(one @ Json::Object(_)) => Ok(vec![one]),
            Got::Value(_) | Got::Unset => Ok(Vec::new()),
            Got::Missing => Err(self.left_out(path)),
            Got::Unknown(mark) => Err(mark.clone()),
        }
    }

    /// The value at a path, or what holds when it is not set.
    pub(crate) fn or(&self, path: &str, unset: Unset) -> Json {
        match self.get(path) {
            Got::Value(Json::String(text)) if text.is_empty() => self.unset(path, unset),
            Got::Value(value) => value.clone(),
            Got::Unset => self.unset(path, unset),
            Got::Missing => self.left_out(path),
            Got::Unknown(mark) => self.unknown(path, mark, unset),
        }
    }

    /// The mark for an attribute that should be there, and is not: an older provider wrote the file, or
    /// somebody took it out.
    pub(crate) fn left_out(&self, path: &str) -> Json {
        unknown(Reason::NotCollected, format!("{}.{path} is not in the file", self.object.address))
    }

    /// The mark for what code never carries: only AWS shows it.
    pub(crate) fn missing(&self, path: &str) -> Json {
        unknown(Reason::NotInPlan, format!("{}.{path}", self.object.address))
    }

    /// The mark for a region that nobody tells.
    pub(crate) fn no_region(&self) -> Json {
        unknown(Reason::OutOfReach, format!("the region of {}: name it with --region", self.object.address))
    }

    /// The mark for what comes to be.
    pub(crate) fn later(&self, path: &str) -> Json {
        unknown(Reason::AfterApply, format!("{}.{path}", self.object.address))
    }

    fn unset(&self, path: &str, unset: Unset) -> Json {
        match unset {
            Unset::Null | Unset::Echo => Json::Null,
            Unset::False => json!(false),
            Unset::True => json!(true),
            Unset::Int(n) => json!(n),
            Unset::Text(text) => json!(text),
            Unset::Empty => json!([]),
            Unset::Decided => unknown(Reason::AwsDecides, format!("{}.{path}", self.object.address)),
            Unset::Output => self.later(path),
            Unset::Worked(call) => call(self),
        }
    }

    /// What nobody configured is what is not set; the rest stays unknown.
    fn unknown(&self, path: &str, mark: &Json, unset: Unset) -> Json {
        let decided = marked(mark).is_some_and(|gap| gap.reason == Reason::AwsDecides);
        match unset {
            Unset::Echo if decided => self.later(path),
            _ if decided => self.unset(path, unset),
            _ => mark.clone(),
        }
    }

    /// A part of an ARN of the object's own account and region.
    pub(crate) fn arn(&self, service: &str, rest: &str) -> Option<String> {
        let (account, region) = (self.object.account.as_deref()?, self.object.region.as_deref()?);
        Some(format!("arn:{}:{service}:{region}:{account}:{rest}", partition_of(region)))
    }
}

/// The value of one property, of the type it must have.
pub(crate) fn value(field: &Field, kind: &ResourceType, ctx: &Ctx<'_>) -> Json {
    let Some((_, declared)) = kind.properties.field(field.name) else {
        unreachable!("internal error: no field `{}` on {}", field.name, kind.name)
    };
    let json = match &field.from {
        Take::Path(path) => ctx.or(path, field.unset),
        Take::NonZero(path) => match ctx.get(path) {
            Got::Value(Json::Number(n)) if n.as_f64() == Some(0.0) => ctx.unset(path, field.unset),
            _ => ctx.or(path, field.unset),
        },
        Take::Lower(path) => match ctx.or(path, field.unset) {
            Json::String(text) => Json::String(text.to_lowercase()),
            other => other,
        },
        Take::Document(path) => match ctx.get(path) {
            Got::Value(json) if json.as_str() != Some("") => document(ctx, path, json),
            _ => ctx.or(path, field.unset),
        },
        Take::Call(call) => call(ctx),
    };
    if OF_RESOURCES.contains(&field.name) && !says_who(&json) {
        return unknown(Reason::Unparsable, format!("{}: a statement of `{}` does not say who", ctx.object.address, field.name));
    }
    fit(&declared.ty, json)
        .unwrap_or_else(|found| unknown(Reason::Unparsable, format!("{}: `{}` cannot be {found}", ctx.object.address, field.name)))
}

/// Properties that are policies of resources: buckets, keys, file systems, and whom a role trusts.
const OF_RESOURCES: &[&str] = &["policy", "assume_role_policy_document"];

/// Whether every statement that is known says who it is about.
fn says_who(document: &Json) -> bool {
    let names_nobody = |list: Option<&Json>| list.and_then(Json::as_array).is_some_and(Vec::is_empty);
    let statements = document.get("statements").and_then(Json::as_array).into_iter().flatten();
    let silent = |s: &Json| !is_marked(s) && names_nobody(s.get("principals")) && names_nobody(s.get("not_principals"));
    !statements.into_iter().any(silent)
}

/// A policy document.
pub(crate) fn document(ctx: &Ctx<'_>, path: &str, json: &Json) -> Json {
    let (text, open) = match json {
        Json::String(text) => (text.clone(), None),
        other => (other.to_string(), first_mark(other)),
    };
    if let Some(mark) = open {
        return mark.clone();
    }
    match PolicyDocument::parse(&text) {
        Some(document) => json!(document),
        None => unknown(Reason::Unparsable, format!("{}.{path} is not a policy document", ctx.object.address)),
    }
}

fn first_mark(json: &Json) -> Option<&Json> {
    if is_marked(json) {
        return Some(json);
    }
    match json {
        Json::Array(items) => items.iter().find_map(first_mark),
        Json::Object(map) => map.values().find_map(first_mark),
        _ => None,
    }
}

/// Makes JSON fit a type: Terraform and templates write numbers and booleans as text, and nothing as an
/// empty text. What does not fit is said in words.
pub(crate) fn fit(ty: &Type, json: Json) -> Result<Json, String> {
    if is_marked(&json) {
        return Ok(json);
    }
    match (ty, json) {
        (Type::Nullable(_), Json::Null) => Ok(Json::Null),
        (Type::Nullable(_), Json::String(text)) if text.is_empty() => Ok(Json::Null),
        (Type::Nullable(inner), json) => fit(inner, json),
        (Type::Bool, Json::String(text)) => match text.to_lowercase().as_str() {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err("this text".to_owned()),
        },
        (Type::Int, Json::String(text)) => text.trim().parse::<i64>().map(|n| json!(n)).map_err(|_| "this text".to_owned()),
        (Type::Int, Json::Number(n)) => match (n.as_i64(), n.as_f64()) {
            (Some(n), _) => Ok(json!(n)),
            (None, Some(n)) if n.fract() == 0.0 && n.abs() < 9e15 => Ok(json!(n as i64)),
            _ => Err("this number".to_owned()),
        },
        (Type::String, Json::Number(n)) => Ok(Json::String(n.to_string())),
        (Type::String, Json::Bool(b)) => Ok(Json::String(b.to_string())),
        (Type::Timestamp, Json::String(text)) => match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(json!(time.to_string())),
            Err(_) => Err("this text, which is no time".to_owned()),
        },
        (Type::List(item), Json::Array(items)) => {
            items.into_iter().filter(|i| !i.is_null()).map(|i| fit(item, i)).collect::<Result<_, _>>().map(Json::Array)
        }
        (Type::Map(item), Json::Object(map)) => {
            map.into_iter().map(|(key, value)| Ok((key, fit(item, value)?))).collect::<Result<Map<_, _>, String>>().map(Json::Object)
        }
        (Type::Record(record), Json::Object(map)) => {
            let mut fitted = Map::new();
            for (key, value) in map {
                let Some((_, field)) = record.field(&key) else { return Err(format!("a structure with `{key}`")) };
                fitted.insert(key, fit(&field.ty, value)?);
            }
            Ok(Json::Object(fitted))
        }
        (Type::Bool, json @ Json::Bool(_)) | (Type::String, json @ Json::String(_)) | (Type::Double, json @ Json::Number(_)) => Ok(json),
        (_, Json::Null) => Err("nothing".to_owned()),
        (ty, _) => Err(format!("something else than {ty}")),
    }
}

/// Id, ARN and name of an object by its table: where AWS is still to give them, the symbol of its address.
pub(crate) fn identity(mapping: &Mapping, object: &Object) -> (String, String, String) {
    let ctx = Ctx::new(object);
    let waiting = symbol(&object.address);
    let id = mapping.id.iter().find_map(|path| ctx.text(path));
    // RDS keeps its names in lower case, whatever they are asked for.
    let lower = matches!(mapping.arn, Arn::Made("rds", _)).then(|| id.map(str::to_lowercase)).flatten();
    let id = lower.as_deref().or(id);
    let told = |attributes: &[&str]| attributes.iter().find_map(|path| ctx.text(path)).map(str::to_owned);
    let made = |service: &str, prefix: &str, account: bool| -> Option<String> {
        let id = id?;
        let account = if account { object.account.as_deref()? } else { "" };
        let known = object.region.as_deref()?;
        let partition = partition_of(known);
        Some(format!("arn:{partition}:{service}:{known}:{account}:{prefix}{id}"))
    };
    let arn = match mapping.arn {
        Arn::Made(service, prefix) => told(&["arn"]).or_else(|| made(service, prefix, true)),
        Arn::WithoutAccount(service, prefix) => told(&["arn"]).or_else(|| made(service, prefix, false)),
        Arn::Bucket => id.zip(object.region.as_deref()).map(|(id, region)| format!("arn:{}:s3:::{id}", partition_of(region))),
        Arn::Told(attributes) => told(attributes),
        Arn::Setting(service, rest) => {
            let arn = ctx.arn(service, rest);
            let region = object.region.clone().unwrap_or_else(|| waiting.clone());
            return (region.clone(), arn.unwrap_or(waiting), region);
        }
    };
    let named = ["tags_all.Name", "tags.Name"].into_iter().find_map(|path| ctx.text(path));
    let name = named.or(id).unwrap_or(&object.address).to_owned();
    (id.map_or_else(|| waiting.clone(), str::to_owned), arn.unwrap_or(waiting), name)
}
