//! Parameters: what they are declared as, and the value each has.

use std::collections::BTreeMap;

use crate::policy::yaml::{Key, Kind, Node};

use super::template::{File, did_you_mean, entry, is_macro};
use super::value::{Gap, Value};
use super::{Error, Given, Place};

/// The longest value CloudFormation takes, in bytes.
const LONGEST: usize = 4096;

/// What a parameter is declared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Number,
    Texts,
    Numbers,
    /// The value is the name of an SSM parameter that holds it.
    Stored,
}

impl Shape {
    fn of(kind: &str) -> Option<Self> {
        let inner = kind.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
        match (kind, inner) {
            ("String", _) => Some(Self::Text),
            ("Number", _) => Some(Self::Number),
            ("CommaDelimitedList", _) => Some(Self::Texts),
            (_, Some("Number")) => Some(Self::Numbers),
            (_, Some(inner)) => (inner == "String" || inner.starts_with("AWS::")).then_some(Self::Texts),
            _ if kind.starts_with("AWS::SSM::Parameter::Value<") => Some(Self::Stored),
            _ => kind.starts_with("AWS::").then_some(Self::Text),
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Self::Texts | Self::Numbers)
    }
}

/// A parameter and its value.
#[derive(Debug, Clone)]
pub(super) struct Parameter<'t> {
    name: &'t str,
    shape: Shape,
    no_echo: bool,
    value: Option<String>,
}

impl<'t> Parameter<'t> {
    /// All parameters of the template, with what is given for them.
    pub(super) fn read_all(file: &File, entries: &'t [(Key, Node)], given: &Given<'_>) -> Result<BTreeMap<&'t str, Self>, Error> {
        let mut parameters = BTreeMap::new();
        for (key, node) in entries.iter().filter(|(key, _)| !is_macro(&key.name)) {
            parameters.insert(key.name.as_str(), Self::read(file, key, node, given)?);
        }
        if let Some(name) = given.parameters.keys().find(|name| !parameters.contains_key(name.as_str())) {
            let remedy = did_you_mean(name, super::template::names(&parameters), "leave it out");
            let place = file.place_at(entries.first().map_or(0, |(key, _)| key.span.start));
            return Err(Error::UndeclaredParameter { place: Place { at: None, ..place }, name: name.clone(), remedy });
        }
        Ok(parameters)
    }

    fn read(file: &File, key: &'t Key, node: &'t Node, given: &Given<'_>) -> Result<Self, Error> {
        let name = key.name.as_str();
        let what = format!("the parameter `{name}`");
        let attributes = file.map(node, &what)?;
        let Some(kind) = entry(attributes, "Type") else {
            let place = file.place_at(key.span.start);
            return Err(Error::WrongShape { place, problem: format!("{what} has no `Type`"), remedy: "write `Type: String`".to_owned() });
        };
        let kind_text = file.text(kind, "the type of a parameter")?;
        let Some(shape) = Shape::of(&kind_text) else {
            const KNOWN: [&str; 4] = ["String", "Number", "CommaDelimitedList", "List<Number>"];
            let remedy = did_you_mean(&kind_text, KNOWN, "write `String`, `Number`, `CommaDelimitedList` or one of AWS's types");
            return Err(file.wrong_shape(kind, format!("{what} has the type `{kind_text}`, which there is not"), remedy));
        };
        let no_echo = match entry(attributes, "NoEcho") {
            Some(node) => no_echo(file, node)?,
            None => false,
        };
        let default = match entry(attributes, "Default") {
            Some(node) => Some(file.text(node, &format!("the default of {what}"))?.into_owned()),
            None => None,
        };
        let (value, from) = match given.parameters.get(name) {
            Some(value) => (Some(value.clone()), "given value"),
            None => (default, "default"),
        };
        let parameter = Self { name, shape, no_echo, value };
        parameter.check(file, key, attributes, from)?;
        Ok(parameter)
    }

    /// Whether the value is one the parameter may have.
    fn check(&self, file: &File, key: &Key, attributes: &[(Key, Node)], from: &str) -> Result<(), Error> {
        let Some(value) = &self.value else { return Ok(()) };
        let wrong = |problem: String, remedy: String| {
            let place = file.place_at(key.span.start);
            Err(Error::BadParameter { place, problem: format!("the {from} of parameter `{}`{problem}", self.name), remedy })
        };
        if value.len() > LONGEST {
            return wrong(format!(" has {} bytes", value.len()), format!("CloudFormation takes at most {LONGEST}"));
        }
        let shown = |value: &str| if self.no_echo { String::new() } else { format!(", `{value}`,") };
        if matches!(self.shape, Shape::Number | Shape::Numbers)
            && let Some(bad) = self.items(value).into_iter().find(|item| !is_number(item))
        {
            return wrong(format!("{} is not a number", shown(bad)), "give a number without unit".to_owned());
        }
        let allowed = match entry(attributes, "AllowedValues") {
            Some(Node { kind: Kind::List(items), .. }) => items,
            Some(node) => {
                let problem = format!("`AllowedValues` of the parameter `{}` is a list, this is {}", self.name, node.kind.what());
                return Err(file.wrong_shape(node, problem, "write the values as a list"));
            }
            None => return Ok(()),
        };
        let allowed = allowed.iter().map(|node| file.text(node, "an allowed value")).collect::<Result<Vec<_>, _>>()?;
        if let Some(bad) = self.items(value).into_iter().find(|item| !allowed.iter().any(|allowed| allowed == item)) {
            let all = allowed.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
            // What a secret may be tells the secret.
            let all = if self.no_echo { "them".to_owned() } else { all };
            return wrong(format!("{} is not among its `AllowedValues`", shown(bad)), format!("give one of {all}"));
        }
        Ok(())
    }

    fn items<'v>(&self, value: &'v str) -> Vec<&'v str> {
        if self.shape.is_list() { value.split(',').map(str::trim).collect() } else { vec![value] }
    }

    /// What `Ref` gives. Of a list without elements that is one empty text, as in CloudFormation.
    pub(super) fn value(&self) -> Value {
        let name = self.name;
        if self.no_echo {
            return Value::Unknown(Gap::sensitive(format!("parameter {name}")));
        }
        let Some(value) = &self.value else {
            return Value::Unknown(Gap::after_apply(format!("parameter {name} has no value")));
        };
        if self.shape == Shape::Stored {
            return Value::Unknown(Gap::after_apply(format!("parameter {name} is read from SSM parameter {value}")));
        }
        if self.shape.is_list() {
            return Value::List(self.items(value).into_iter().map(|item| Value::Text(item.to_owned())).collect());
        }
        Value::Text(value.clone())
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite) && !text.starts_with(char::is_alphabetic)
}

/// `NoEcho`; what YAML 1.1 takes for a boolean is one here, so that no secret gets out.
fn no_echo(file: &File, node: &Node) -> Result<bool, Error> {
    match file.text(node, "`NoEcho`")?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Ok(true),
        "false" | "no" | "off" | "n" => Ok(false),
        _ => Err(file.wrong_shape(node, "`NoEcho` is neither true nor false", "write `true` or `false`")),
    }
}
