//! Conditions: true, false, or unknown until the template is deployed.

use crate::policy::yaml::{Kind, Node};

use super::Error;
use super::intrinsic::{Argument, Resolver};
use super::template::{Spot, did_you_mean, function_tag, names};
use super::value::Gap;

/// What a condition is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown(Gap),
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl<'t> Resolver<'t> {
    /// Decides every condition of the template, so that mistakes in any come to light.
    pub(super) fn decide_all(&mut self) -> Result<(), Error> {
        let all: Vec<_> = self.conditions.iter().map(|(name, (at, _))| (*name, *at)).collect();
        for (name, at) in all {
            self.condition(name, Spot::Byte(at), "the template")?;
        }
        Ok(())
    }

    /// The condition of this name; `what` at `spot` asks for it.
    pub(super) fn condition(&mut self, name: &str, spot: Spot<'_>, what: &str) -> Result<Truth, Error> {
        if let Some(truth) = self.decided.get(name) {
            return Ok(truth.clone());
        }
        if let Some(first) = self.open.iter().position(|open| *open == name) {
            let path = self.open[first..].iter().copied().chain([name]).collect::<Vec<_>>().join(" -> ");
            return Err(Error::CircularCondition { place: self.file.place_of(spot), path });
        }
        let Some((&name, &(_, node))) = self.conditions.get_key_value(name) else {
            if self.rewritten {
                return Ok(Truth::Unknown(Gap::after_apply(format!("condition {name} is not in the file, a macro may add it"))));
            }
            let problem = format!("{what} names the condition `{name}`, which there is not");
            let remedy = did_you_mean(name, names(&self.conditions), "declare it under `Conditions`");
            return Err(Error::UnknownName { place: self.file.place_of(spot), problem, remedy });
        };
        self.open.push(name);
        let before = std::mem::replace(&mut self.in_condition, true);
        let truth = self.deeper(node, |this| this.decide(node))?;
        self.in_condition = before;
        self.open.pop();
        self.decided.insert(name, truth.clone());
        Ok(truth)
    }

    fn decide(&mut self, node: &'t Node) -> Result<Truth, Error> {
        let call = match (function_tag(node), &node.kind) {
            (Some("Condition"), _) => Some(("Condition", Argument::short(node))),
            (Some(tag), _) => Some((tag, Argument::short(node))),
            (None, Kind::Map(entries)) => match entries.as_slice() {
                [(key, value)] => Some((key.name.strip_prefix("Fn::").unwrap_or(&key.name), Argument::long(value))),
                _ => None,
            },
            (None, _) => None,
        };
        let Some((name, argument)) = call else {
            let problem = format!("a condition is a function that is true or false, this is {}", node.kind.what());
            return Err(self.file.wrong_shape(node, problem, "write `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not` or `Condition`"));
        };
        match name {
            "Equals" => {
                let [left, right] = self.arguments("Fn::Equals", argument, "two values")?;
                self.equal(left, right)
            }
            "And" => self.several("Fn::And", argument, &Truth::False),
            "Or" => self.several("Fn::Or", argument, &Truth::True),
            "Not" => {
                let [inner] = self.arguments("Fn::Not", argument, "one condition in a list")?;
                Ok(match self.deeper(inner, |this| this.decide(inner))? {
                    Truth::True => Truth::False,
                    Truth::False => Truth::True,
                    unknown @ Truth::Unknown(_) => unknown,
                })
            }
            "Condition" => match argument.text(self.file) {
                Some(name) => self.condition(&name, Spot::of(node), "`Condition`"),
                None => Err(self.file.wrong_shape(node, "`Condition` takes the name of a condition", "write the name")),
            },
            "Transform" => Ok(Truth::Unknown(Gap::after_apply("Fn::Transform"))),
            _ => {
                let known = ["Equals", "And", "Or", "Not", "Condition"];
                let remedy = did_you_mean(name, known, "write `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not` or `Condition`");
                Err(self.file.wrong_shape(node, format!("`{name}` is no function that is true or false"), remedy))
            }
        }
    }

    fn equal(&mut self, left: &'t Node, right: &'t Node) -> Result<Truth, Error> {
        let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
        let mut gaps = left.gaps();
        gaps.extend(right.gaps());
        if gaps.is_empty() { Ok(left.same(&right).into()) } else { Ok(Truth::Unknown(Gap::of_parts(&gaps))) }
    }

    /// All or any of several conditions: one that is `decisive` decides, whatever the others are.
    fn several(&mut self, name: &str, argument: Argument<'t>, decisive: &Truth) -> Result<Truth, Error> {
        let items = argument.items().filter(|items| (2..=10).contains(&items.len()));
        let Some(items) = items else {
            return Err(self.file.wrong_shape(argument.node, format!("`{name}` takes a list of two to ten conditions"), "write the list"));
        };
        let mut gaps = Vec::new();
        let mut decided = false;
        for item in items {
            match self.deeper(item, |this| this.decide(item))? {
                Truth::Unknown(gap) => gaps.push(gap),
                truth => decided |= truth == *decisive,
            }
        }
        if decided {
            return Ok(decisive.clone());
        }
        if gaps.is_empty() { Ok((*decisive == Truth::False).into()) } else { Ok(Truth::Unknown(Gap::of_parts(&gaps))) }
    }
}
