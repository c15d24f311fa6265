//! Works out the values of a template: what is a function, what it refers to, and what is left unknown.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::estate::Partition;
use crate::policy::yaml::{Key, Kind, Node};

use super::condition::Truth;
use super::parameter::Parameter;
use super::template::{File, Spot, did_you_mean, function_tag, is_macro, names};
use super::value::{Gap, Value};
use super::{Error, Given, UNKNOWN_KEY};

/// How deep functions and conditions may rest on each other.
const DEEPEST: usize = 256;

/// How many bytes of text may come out of a template, so that none of a few lines fills the memory.
const MOST_TEXT: usize = 32 << 20;

/// A resource as references see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'t> {
    pub(super) kind: &'t str,
    pub(super) condition: Option<&'t str>,
}

/// What a function is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Argument<'t> {
    pub(super) node: &'t Node,
    /// Whether the node's tag is the function itself.
    short: bool,
}

impl<'t> Argument<'t> {
    /// Of a short form: `!Ref Name`.
    pub(super) fn short(node: &'t Node) -> Self {
        Self { node, short: true }
    }

    /// Of a long form: `Ref: Name`.
    pub(super) fn long(node: &'t Node) -> Self {
        Self { node, short: false }
    }

    fn is_function(self) -> bool {
        !self.short && function_tag(self.node).is_some()
    }

    /// As a list that is written out.
    pub(super) fn items(self) -> Option<&'t [Node]> {
        match &self.node.kind {
            Kind::List(items) if !self.is_function() => Some(items),
            _ => None,
        }
    }

    /// As text that is written out.
    pub(super) fn text(self, file: &File) -> Option<Cow<'t, str>> {
        if self.is_function() { None } else { file.scalar(self.node) }
    }
}

/// Works out values.
pub(super) struct Resolver<'t> {
    pub(super) file: &'t File,
    pub(super) given: &'t Given<'t>,
    pub(super) parameters: BTreeMap<&'t str, Parameter<'t>>,
    pub(super) mappings: BTreeMap<&'t str, &'t Node>,
    /// With the byte where each is declared.
    pub(super) conditions: BTreeMap<&'t str, (usize, &'t Node)>,
    pub(super) resources: BTreeMap<&'t str, Listed<'t>>,
    /// Whether macros may add what the file does not have: a name without a declaration is unknown then.
    pub(super) rewritten: bool,
    /// Whether the language extensions are switched on.
    pub(super) extended: bool,
    /// Whether what is worked out is sure to be deployed. If not, a mistake that rests on values is none.
    pub(super) live: bool,
    /// Conditions that are decided.
    pub(super) decided: BTreeMap<&'t str, Truth>,
    /// Conditions that are being decided, each for the sake of the one before.
    pub(super) open: Vec<&'t str>,
    /// Whether a condition is being decided, which no resource can bear on.
    pub(super) in_condition: bool,
    depth: usize,
    spent: usize,
}

impl<'t> Resolver<'t> {
    pub(super) fn new(file: &'t File, given: &'t Given<'t>, parameters: BTreeMap<&'t str, Parameter<'t>>) -> Self {
        Self {
            file,
            given,
            parameters,
            mappings: BTreeMap::new(),
            conditions: BTreeMap::new(),
            resources: BTreeMap::new(),
            rewritten: false,
            extended: false,
            live: true,
            decided: BTreeMap::new(),
            open: Vec::new(),
            in_condition: false,
            depth: 0,
            spent: 0,
        }
    }

    /// A value, worked out.
    pub(super) fn evaluate(&mut self, node: &'t Node) -> Result<Value, Error> {
        self.deeper(node, |this| match function_tag(node) {
            Some("Ref") => this.call("Ref", Argument::short(node)),
            Some("Condition") => this.call("Condition", Argument::short(node)),
            Some(tag) => this.call(&format!("Fn::{tag}"), Argument::short(node)),
            None => this.untagged(node),
        })
    }

    /// What a function is given, worked out.
    pub(super) fn argument(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        if argument.short { self.deeper(argument.node, |this| this.untagged(argument.node)) } else { self.evaluate(argument.node) }
    }

    /// Works something out that is not sure to be deployed.
    pub(super) fn tentatively<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let before = std::mem::replace(&mut self.live, false);
        let result = work(self);
        self.live = before;
        result
    }

    /// Goes one level deeper, if that is not too deep.
    pub(super) fn deeper<T>(&mut self, node: &Node, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == DEEPEST {
            let problem = format!("functions and conditions rest on each other more than {DEEPEST} levels deep");
            return Err(Error::TooLarge { place: self.file.place(node), problem, remedy: "make the chain shorter".to_owned() });
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    fn untagged(&mut self, node: &'t Node) -> Result<Value, Error> {
        match &node.kind {
            Kind::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.evaluate(item)?);
                }
                values.retain(|value| *value != Value::Absent);
                Ok(Value::List(values))
            }
            Kind::Map(entries) => self.map(node, entries),
            Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::String(_) => {
                let value = self.file.plain(node).unwrap_or(Value::Null);
                self.checked(node, value)
            }
        }
    }

    fn map(&mut self, node: &'t Node, entries: &'t [(Key, Node)]) -> Result<Value, Error> {
        if let Some((key, inner)) = entries.iter().find(|(key, _)| is_macro(&key.name)) {
            let subject = if key.name == "Fn::Transform" { self.transform(inner) } else { key.name.clone() };
            return Ok(Value::Unknown(Gap::after_apply(subject)));
        }
        let function = entries.iter().find(|(key, _)| key.name.starts_with("Fn::"));
        match (function, entries) {
            (_, [(key, inner)]) if key.name == "Ref" || function.is_some() => return self.call(&key.name, Argument::long(inner)),
            (Some((key, _)), _) => {
                let problem = format!("`{}` stands beside other keys", key.name);
                let place = self.file.place_at(key.span.start);
                return Err(Error::WrongShape { place, problem, remedy: "a function is the only key of its map".to_owned() });
            }
            (None, _) => {}
        }
        // Nobody may pass a mark of ours off as a value.
        if entries.iter().any(|(key, _)| key.name == UNKNOWN_KEY) {
            let at = self.file.place(node);
            return Ok(Value::Unknown(Gap::after_apply(format!("the template itself writes {UNKNOWN_KEY} at {at}"))));
        }
        let mut values = Vec::with_capacity(entries.len());
        for (key, inner) in entries {
            match self.evaluate(inner)? {
                Value::Absent => {}
                value => values.push((key.name.clone(), value)),
            }
        }
        Ok(Value::Map(values))
    }

    fn call(&mut self, name: &str, argument: Argument<'t>) -> Result<Value, Error> {
        // What a macro puts in the place of an argument may be anything.
        if let Kind::Map(entries) = &argument.node.kind
            && let Some((_, inner)) = entries.iter().find(|(key, _)| key.name == "Fn::Transform")
        {
            return Ok(Value::Unknown(Gap::after_apply(self.transform(inner))));
        }
        match name {
            "Ref" => self.reference(argument),
            "Fn::GetAtt" => self.attribute(argument),
            "Fn::Sub" => self.sub(argument),
            "Fn::Join" => self.join(argument),
            "Fn::Select" => self.select(argument),
            "Fn::Split" => self.split(argument),
            "Fn::Base64" => self.base64(argument),
            "Fn::Cidr" => self.cidr(argument),
            "Fn::FindInMap" => self.find_in_map(argument),
            "Fn::If" => self.choose(argument),
            "Fn::GetAZs" => self.zones(argument),
            "Fn::ImportValue" => self.import(argument),
            "Fn::Length" => self.length(argument),
            "Fn::ToJsonString" => self.json_text(argument),
            "Fn::Transform" => Ok(Value::Unknown(Gap::after_apply(self.transform(argument.node)))),
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" | "Condition" => {
                let remedy = "declare a condition with it under `Conditions`, and choose with `Fn::If`";
                Err(self.file.wrong_shape(argument.node, format!("`{name}` is no value"), remedy))
            }
            _ => {
                const KNOWN: [&str; 15] = [
                    "Ref",
                    "Fn::GetAtt",
                    "Fn::Sub",
                    "Fn::Join",
                    "Fn::Select",
                    "Fn::Split",
                    "Fn::Base64",
                    "Fn::Cidr",
                    "Fn::FindInMap",
                    "Fn::If",
                    "Fn::GetAZs",
                    "Fn::ImportValue",
                    "Fn::Length",
                    "Fn::ToJsonString",
                    "Fn::Transform",
                ];
                // A slip of the finger, or a function that is younger than this program.
                match crate::diag::nearest(name, KNOWN) {
                    Some(near) => {
                        let problem = format!("there is no function `{name}`");
                        Err(self.file.wrong_shape(argument.node, problem, format!("did you mean `{near}`?")))
                    }
                    None => Ok(Value::Unknown(Gap::after_apply(format!("the function {name} is not known")))),
                }
            }
        }
    }

    /// As many nodes as the function takes.
    pub(super) fn arguments<const N: usize>(&self, name: &str, argument: Argument<'t>, takes: &str) -> Result<[&'t Node; N], Error> {
        let nodes = argument.items().and_then(|items| <[&Node; N]>::try_from(items.iter().collect::<Vec<_>>()).ok());
        nodes.ok_or_else(|| self.wrong_arguments(name, argument.node, takes))
    }

    pub(super) fn wrong_arguments(&self, name: &str, node: &Node, takes: &str) -> Error {
        let have = match &node.kind {
            Kind::List(items) => format!("a list of {}", items.len()),
            other => other.what().to_owned(),
        };
        self.file.wrong_shape(node, format!("`{name}` takes {takes}, this is {have}"), "write it so")
    }

    /// A mistake that rests on values: where it is not sure to be deployed, a gap.
    pub(super) fn mistake(&self, node: &Node, problem: String, remedy: &str) -> Result<Value, Error> {
        self.mistaken(Error::WrongShape { place: self.file.place(node), problem, remedy: remedy.to_owned() })
    }

    pub(super) fn mistaken(&self, error: Error) -> Result<Value, Error> {
        if self.live { Err(error) } else { Ok(Value::Unknown(Gap::after_apply(error.to_string()))) }
    }

    /// A value that is new: text with a dynamic reference is unknown, and too much text is too much.
    pub(super) fn checked(&mut self, node: &Node, value: Value) -> Result<Value, Error> {
        let value = match value {
            Value::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.checked(node, item)?);
                }
                Value::List(values)
            }
            Value::Text(text) => match dynamic_reference(&text) {
                Some(reference) => Value::Unknown(Gap::after_apply(format!("dynamic reference {reference}"))),
                None => {
                    self.spent += text.len();
                    Value::Text(text)
                }
            },
            other => other,
        };
        self.spent += size_of::<Value>();
        if self.spent > MOST_TEXT {
            let problem = format!("the template comes to more than {MOST_TEXT} bytes");
            let remedy = "repeat less with `Fn::Sub` and `Fn::Join`".to_owned();
            return Err(Error::TooLarge { place: self.file.place(node), problem, remedy });
        }
        Ok(value)
    }

    fn reference(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        let node = argument.node;
        if let Some(name) = argument.text(self.file) {
            return self.named(&name, node, Spot::of(node), "`Ref`");
        }
        if !self.extended || matches!(node.kind, Kind::Null) {
            return Err(self.wrong_arguments("Ref", node, "the name of a parameter or resource"));
        }
        match self.argument(argument)? {
            Value::Unknown(gap) => Ok(Value::Unknown(Gap::of_parts(&[gap]))),
            other => match other.text() {
                Some(name) => self.named(&name, node, Spot::of(node), "`Ref`"),
                None => Err(self.wrong_arguments("Ref", node, "the name of a parameter or resource")),
            },
        }
    }

    /// What a name stands for: a parameter, a resource or something of AWS's.
    pub(super) fn named(&mut self, name: &str, node: &Node, spot: Spot<'_>, what: &str) -> Result<Value, Error> {
        if let Some(parameter) = self.parameters.get(name) {
            let value = parameter.value();
            return self.checked(node, value);
        }
        if let Some(&listed) = self.resources.get(name) {
            if self.in_condition {
                let problem = format!("{what} in a condition names the resource `{name}`");
                let remedy = "a condition can refer to parameters only".to_owned();
                return Err(Error::WrongShape { place: self.file.place_of(spot), problem, remedy });
            }
            return Ok(Value::Unknown(self.left_out(name, listed).unwrap_or_else(|| Gap::referenced(name))));
        }
        if name.starts_with("AWS::") {
            return self.pseudo(name, spot, what);
        }
        if self.rewritten {
            return Ok(Value::Unknown(Gap::after_apply(format!("{name} is not in the file, a macro may add it"))));
        }
        let known = names(&self.parameters).chain(names(&self.resources)).chain(PSEUDO);
        let remedy = did_you_mean(name, known, "declare it, or correct the name");
        let problem = format!("{what} names `{name}`, which is neither a parameter nor a resource of the template");
        Err(Error::UnknownName { place: self.file.place_of(spot), problem, remedy })
    }

    /// Why a resource will not be there, if it is known not to be.
    fn left_out(&self, name: &str, listed: Listed<'_>) -> Option<Gap> {
        let condition = listed.condition?;
        let never = self.decided.get(condition) == Some(&Truth::False);
        never.then(|| Gap::after_apply(format!("resource {name} is left out, its condition {condition} is false")))
    }

    fn pseudo(&self, name: &str, spot: Spot<'_>, what: &str) -> Result<Value, Error> {
        let known = match name {
            "AWS::NoValue" => return Ok(Value::Absent),
            "AWS::AccountId" => self.given.account,
            "AWS::Region" => self.given.region,
            "AWS::StackName" => self.given.stack,
            "AWS::Partition" => self.given.region.and_then(Partition::of_region).map(|partition| partition.id),
            "AWS::URLSuffix" => self.given.region.and_then(Partition::of_region).map(|partition| partition.dns_suffix),
            "AWS::StackId" | "AWS::NotificationARNs" => None,
            _ => {
                let remedy = did_you_mean(name, PSEUDO, "see the pseudo parameters in the manual of CloudFormation");
                return Err(Error::UnknownName {
                    place: self.file.place_of(spot),
                    problem: format!("{what} names `{name}`, which there is not"),
                    remedy,
                });
            }
        };
        Ok(match known {
            Some(value) => Value::Text(value.to_owned()),
            None => Value::Unknown(Gap::after_apply(format!("{name} is not given"))),
        })
    }

    fn attribute(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        const TAKES: &str = "a logical id and an attribute, as in `Database.Arn`";
        let node = argument.node;
        if let Some(text) = argument.text(self.file) {
            let Some((logical_id, attribute)) = text.split_once('.') else {
                return Err(self.file.wrong_shape(node, format!("`Fn::GetAtt` takes {TAKES}, this is `{text}`"), "write both"));
            };
            return self.attribute_of(logical_id, attribute, Spot::of(node), "`Fn::GetAtt`");
        }
        let [logical_id, attribute] = self.arguments("Fn::GetAtt", argument, TAKES)?;
        let mut parts = Vec::new();
        for part in [logical_id, attribute] {
            match self.evaluate(part)? {
                Value::Unknown(gap) => return Ok(Value::Unknown(Gap::of_parts(&[gap]))),
                other => match other.text() {
                    Some(text) => parts.push(text.into_owned()),
                    None => return Err(self.wrong_arguments("Fn::GetAtt", part, TAKES)),
                },
            }
        }
        self.attribute_of(&parts[0], &parts[1], Spot::of(logical_id), "`Fn::GetAtt`")
    }

    /// An attribute of a resource, which is known after the deployment at the earliest.
    pub(super) fn attribute_of(&self, logical_id: &str, attribute: &str, spot: Spot<'_>, what: &str) -> Result<Value, Error> {
        let Some(&listed) = self.resources.get(logical_id) else {
            if self.rewritten {
                let subject = format!("{logical_id} is not in the file, a macro may add it");
                return Ok(Value::Unknown(Gap::after_apply(subject)));
            }
            let remedy = match self.parameters.contains_key(logical_id) {
                true => "it is a parameter: use `Ref`".to_owned(),
                false => did_you_mean(logical_id, names(&self.resources), "declare it, or correct the name"),
            };
            let problem = format!("{what} names `{logical_id}`, which is no resource of the template");
            return Err(Error::UnknownName { place: self.file.place_of(spot), problem, remedy });
        };
        if self.in_condition {
            let problem = format!("{what} in a condition names the resource `{logical_id}`");
            return Err(Error::WrongShape {
                place: self.file.place_of(spot),
                problem,
                remedy: "a condition can refer to parameters only".to_owned(),
            });
        }
        if let Some(gap) = self.left_out(logical_id, listed) {
            return Ok(Value::Unknown(gap));
        }
        let gap = if identifies(listed.kind, attribute) {
            Gap::referenced(logical_id)
        } else {
            Gap::after_apply(format!("{logical_id}.{attribute}"))
        };
        Ok(Value::Unknown(gap))
    }
}

/// Names that AWS gives a meaning to.
const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// Whether an attribute says which resource it is: its ARN, id or name, and not that of something it
/// belongs to (`VpcId` of an instance) or has (`MasterUserSecret.SecretArn`, outputs of a nested stack).
fn identifies(kind: &str, attribute: &str) -> bool {
    // Attributes of these are whatever their own code returns.
    if kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource" || kind.ends_with("::MODULE") {
        return false;
    }
    let Some(stem) = ["Arn", "Id", "Name"].iter().find_map(|end| attribute.strip_suffix(end)) else { return false };
    let own = kind.rsplit("::").next().unwrap_or_default().to_lowercase();
    own.ends_with(&stem.to_lowercase())
}

/// The first `{{resolve:…}}` of a text.
fn dynamic_reference(text: &str) -> Option<String> {
    const LONGEST: usize = 200;
    let rest = &text[text.find("{{resolve:")?..];
    let reference = rest.find("}}").map_or(rest, |end| &rest[..end + 2]);
    Some(reference.chars().take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::identifies;

    #[test]
    fn attributes_identify_their_own_resource_only() {
        for (kind, attribute) in [
            ("AWS::KMS::Key", "Arn"),
            ("AWS::KMS::Key", "KeyId"),
            ("AWS::KMS::ReplicaKey", "KeyId"),
            ("AWS::EC2::SecurityGroup", "GroupId"),
            ("AWS::EC2::SecurityGroup", "Id"),
            ("AWS::EC2::VPC", "VpcId"),
            ("AWS::RDS::DBInstance", "DBInstanceArn"),
            ("AWS::RDS::DBCluster", "DBClusterArn"),
            ("AWS::SQS::Queue", "QueueName"),
            ("AWS::Backup::BackupVault", "BackupVaultName"),
        ] {
            assert!(identifies(kind, attribute), "{kind} {attribute}");
        }
        for (kind, attribute) in [
            ("AWS::EC2::Instance", "VpcId"),
            ("AWS::EC2::VPCEndpoint", "VpcId"),
            ("AWS::DynamoDB::Table", "StreamArn"),
            ("AWS::RDS::DBCluster", "MasterUserSecret.SecretArn"),
            ("AWS::RDS::DBInstance", "Endpoint.Address"),
            ("AWS::CloudFormation::Stack", "Outputs.VpcId"),
            ("AWS::S3::Bucket", "DomainName"),
            ("AWS::ApiGateway::RestApi", "RootResourceId"),
            ("Custom::Lookup", "Arn"),
            ("AWS::CloudFormation::CustomResource", "Id"),
        ] {
            assert!(!identifies(kind, attribute), "{kind} {attribute}");
        }
    }
}
