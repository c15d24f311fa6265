//! The functions that make values out of values.

use crate::policy::yaml::{Kind, Node};

use super::Error;
use super::condition::Truth;
use super::intrinsic::{Argument, Resolver};
use super::template::{Spot, did_you_mean, entry, function_tag, is_macro, names};
use super::value::{self, Gap, Value};

/// A part of a text with `${…}`.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    /// `${!Name}` stands for `${Name}`.
    Literal(&'a str),
    /// A name, and where it begins.
    Name(&'a str, usize),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        let Some(end) = text[start..].find('}').map(|at| start + at) else { break };
        if start > from {
            parts.push(Part::Text(&text[from..start]));
        }
        let name = &text[start + 2..end];
        let margin = name.len() - name.trim_start().len();
        parts.push(name.strip_prefix('!').map_or(Part::Name(name.trim(), start + 2 + margin), Part::Literal));
        from = end + 1;
    }
    if from < text.len() {
        parts.push(Part::Text(&text[from..]));
    }
    parts
}

impl<'t> Resolver<'t> {
    pub(super) fn sub(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        const TAKES: &str = "text, or a list of text and a map of variables";
        let (node, text, variables) = match argument.items() {
            Some([node, variables]) => {
                (node, Argument::long(node).text(self.file), self.file.map(variables, "the second part of `Fn::Sub`")?)
            }
            Some(_) => return Err(self.wrong_arguments("Fn::Sub", argument.node, TAKES)),
            None => (argument.node, argument.text(self.file), &[][..]),
        };
        let Some(text) = text else { return Err(self.wrong_arguments("Fn::Sub", node, TAKES)) };
        let mut known = Vec::with_capacity(variables.len());
        for (key, value) in variables {
            known.push((key.name.as_str(), self.evaluate(value)?));
        }
        let parts = parts(&text);
        let mut made = String::new();
        let mut gaps = Vec::new();
        for part in &parts {
            match *part {
                Part::Text(text) => made.push_str(text),
                Part::Literal(name) => made.push_str(&format!("${{{name}}}")),
                Part::Name(name, at) => {
                    let value = match known.iter().find(|(variable, _)| *variable == name) {
                        Some((_, value)) => value.clone(),
                        None => self.substitute(node, &text, name, at)?,
                    };
                    match value {
                        Value::Unknown(gap) => gaps.push(gap),
                        other => match other.text() {
                            Some(text) => made.push_str(&text),
                            None => {
                                let problem = format!("`${{{name}}}` in `Fn::Sub` is {}, not text", other.what());
                                return self.mistake(node, problem, "make text of it, with `Fn::Join` or `Fn::Select`");
                            }
                        },
                    }
                }
            }
        }
        match (gaps.as_slice(), parts.as_slice()) {
            ([], _) => self.checked(node, Value::Text(made)),
            ([gap], [_]) if !gap.removable => Ok(Value::Unknown(gap.clone())),
            _ => Ok(Value::Unknown(Gap::of_parts(&gaps))),
        }
    }

    fn substitute(&mut self, node: &'t Node, text: &str, name: &str, at: usize) -> Result<Value, Error> {
        let spot = Spot::Within(node, text, at);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.:".contains(c)) {
            let problem = format!("`${{{name}}}` in `Fn::Sub` is no name");
            let remedy = format!("write `${{!{name}}}` if it is to stay as it is");
            return Err(Error::WrongShape { place: self.file.place_of(spot), problem, remedy });
        }
        match name.split_once('.') {
            Some((logical_id, attribute)) => self.attribute_of(logical_id, attribute, spot, "`Fn::Sub`"),
            None => self.named(name, node, spot, "`Fn::Sub`"),
        }
    }

    pub(super) fn join(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        const TAKES: &str = "a delimiter and a list";
        let [delimiter, list] = self.arguments("Fn::Join", argument, TAKES)?;
        let Some(delimiter) = Argument::long(delimiter).text(self.file) else {
            return Err(self.wrong_arguments("Fn::Join", delimiter, "a delimiter that is text"));
        };
        let items = match self.evaluate(list)? {
            Value::List(items) => items,
            Value::Unknown(gap) => return Ok(Value::Unknown(Gap::of_parts(&[gap]))),
            other => return self.mistake(list, format!("`Fn::Join` takes {TAKES}, this is {}", other.what()), "write a list"),
        };
        let mut texts = Vec::with_capacity(items.len());
        let mut gaps = Vec::new();
        for item in &items {
            match item {
                Value::Unknown(gap) => gaps.push(gap.clone()),
                other => match other.text() {
                    Some(text) => texts.push(text),
                    None => {
                        let problem = format!("an element of `Fn::Join` is {}, not text", other.what());
                        return self.mistake(list, problem, "join text only");
                    }
                },
            }
        }
        match (gaps.as_slice(), items.as_slice()) {
            ([], _) => self.checked(argument.node, Value::Text(texts.join(&delimiter))),
            ([gap], [_]) if !gap.removable => Ok(Value::Unknown(gap.clone())),
            _ => Ok(Value::Unknown(Gap::of_parts(&gaps))),
        }
    }

    pub(super) fn select(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        let [index, list] = self.arguments("Fn::Select", argument, "an index and a list")?;
        let (at, items) = (self.evaluate(index)?, self.evaluate(list)?);
        let mut items = match items {
            Value::List(items) => items,
            Value::Unknown(gap) => return Ok(Value::Unknown(Gap::of_parts(&[gap]))),
            other => return self.mistake(list, format!("`Fn::Select` selects from a list, this is {}", other.what()), "write a list"),
        };
        if let Value::Unknown(gap) = at {
            return Ok(Value::Unknown(Gap::of_parts(&[gap])));
        }
        let Some(at) = at.text().and_then(|text| text.parse::<usize>().ok()) else {
            let shown = at.text().map_or_else(|| at.what().to_owned(), |text| format!("`{text}`"));
            return self.mistake(index, format!("the index of `Fn::Select` is a number from 0, this is {shown}"), "write a whole number");
        };
        // An element that may turn out to be none moves those after it.
        let uncertain: Vec<_> = items.iter().take(at.saturating_add(1)).filter(|item| item.may_be_absent()).flat_map(Value::gaps).collect();
        if !uncertain.is_empty() {
            return Ok(Value::Unknown(Gap::of_parts(&uncertain)));
        }
        if at >= items.len() {
            return self.mistake(
                index,
                format!("`Fn::Select` asks for element {at} of {}, counted from 0", items.len()),
                "ask for one there is",
            );
        }
        Ok(items.swap_remove(at))
    }

    pub(super) fn split(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        let [delimiter, source] = self.arguments("Fn::Split", argument, "a delimiter and text")?;
        let Some(delimiter) = Argument::long(delimiter).text(self.file).filter(|text| !text.is_empty()) else {
            return Err(self.wrong_arguments("Fn::Split", delimiter, "a delimiter that is text and not empty"));
        };
        match self.evaluate(source)? {
            Value::Unknown(gap) => Ok(Value::Unknown(Gap::of_parts(&[gap]))),
            other => match other.text() {
                Some(text) => {
                    let items = text.split(&*delimiter).map(|item| Value::Text(item.to_owned())).collect();
                    self.checked(source, Value::List(items))
                }
                None => self.mistake(source, format!("`Fn::Split` splits text, this is {}", other.what()), "give text"),
            },
        }
    }

    pub(super) fn base64(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        match self.argument(argument)? {
            Value::Unknown(gap) => Ok(Value::Unknown(Gap::of_parts(&[gap]))),
            other => match other.text() {
                Some(text) => self.checked(argument.node, Value::Text(value::base64(&text))),
                None => self.mistake(argument.node, format!("`Fn::Base64` encodes text, this is {}", other.what()), "give text"),
            },
        }
    }

    pub(super) fn cidr(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        const TAKES: &str = "a block of addresses, a count and the bits of each";
        let Some(items) = argument.items().filter(|items| matches!(items.len(), 2 | 3)) else {
            return Err(self.wrong_arguments("Fn::Cidr", argument.node, TAKES));
        };
        let mut known = Vec::new();
        let mut gaps = Vec::new();
        for item in items {
            match self.evaluate(item)? {
                Value::Unknown(gap) => gaps.push(gap),
                other => match other.text() {
                    Some(text) => known.push(text.into_owned()),
                    None => return self.mistake(item, format!("`Fn::Cidr` takes {TAKES}, this is {}", other.what()), "write it so"),
                },
            }
        }
        if !gaps.is_empty() {
            return Ok(Value::Unknown(Gap::of_parts(&gaps)));
        }
        let [block, count, bits] = known.as_slice() else {
            return Ok(Value::Unknown(Gap::after_apply("Fn::Cidr without the bits of each block")));
        };
        let (Ok(count), Ok(bits)) = (count.parse(), bits.parse()) else {
            return self.mistake(argument.node, format!("`Fn::Cidr` takes {TAKES}"), "write the last two as whole numbers");
        };
        match value::cidr(block, count, bits) {
            Ok(blocks) => self.checked(argument.node, Value::List(blocks.into_iter().map(Value::Text).collect())),
            Err(problem) => self.mistake(argument.node, format!("`Fn::Cidr`: {problem}"), "check the block, the count and the bits"),
        }
    }

    pub(super) fn find_in_map(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        const TAKES: &str = "the name of a mapping and two keys";
        let (keys, default) = match argument.items() {
            Some([keys @ .., default]) if keys.len() == 3 => (keys, Some(self.default_value(default)?)),
            Some(keys) if keys.len() == 3 => (keys, None),
            _ => return Err(self.wrong_arguments("Fn::FindInMap", argument.node, TAKES)),
        };
        let mut names = Vec::new();
        let mut gaps = Vec::new();
        for key in keys {
            match self.evaluate(key)? {
                Value::Unknown(gap) => gaps.push(gap),
                other => match other.text() {
                    Some(text) => names.push(text.into_owned()),
                    None => return self.mistake(key, format!("`Fn::FindInMap` takes {TAKES}, this is {}", other.what()), "write text"),
                },
            }
        }
        // The name of the mapping can be checked even where a key is unknown.
        if let Some(name) = Argument::long(&keys[0]).text(self.file) {
            self.mapping(&name, &keys[0], default.is_some())?;
        }
        if !gaps.is_empty() {
            return Ok(Value::Unknown(Gap::of_parts(&gaps)));
        }
        let Some(mut node) = self.mapping(&names[0], &keys[0], default.is_some())? else {
            return match default {
                Some(default) if self.mappings.contains_key(names[0].as_str()) || !self.rewritten => self.evaluate(default),
                _ => Ok(Value::Unknown(Gap::after_apply(format!("mapping {} is not in the file, a macro may add it", names[0])))),
            };
        };
        for depth in 1..3 {
            let name = names[depth].as_str();
            let entries = self.file.map(node, &format!("the mapping `{}`", names[..depth].join(".")))?;
            if let Some(found) = entry(entries, name) {
                node = found;
                continue;
            }
            if entry(entries, "Fn::Transform").is_some() {
                return Ok(Value::Unknown(Gap::after_apply(format!("Fn::Transform in the mapping {}", names[0]))));
            }
            if let Some(default) = default {
                return self.evaluate(default);
            }
            return self.mistaken(Error::UnknownName {
                place: self.file.place(&keys[depth]),
                problem: format!("the mapping `{}` has no key `{name}`", names[..depth].join(".")),
                remedy: did_you_mean(name, entries.iter().map(|(key, _)| key.name.as_str()), "add it, or correct the key"),
            });
        }
        if let Some(place) = first_function(node) {
            return Err(self.file.wrong_shape(place, "a mapping holds a function", "write plain values in it"));
        }
        self.evaluate(node)
    }

    /// The mapping of this name; none if a default or a macro makes up for it.
    fn mapping(&self, name: &str, node: &Node, has_default: bool) -> Result<Option<&'t Node>, Error> {
        if let Some(&mapping) = self.mappings.get(name) {
            return Ok(Some(mapping));
        }
        if has_default || self.rewritten {
            return Ok(None);
        }
        Err(Error::UnknownName {
            place: self.file.place(node),
            problem: format!("`Fn::FindInMap` names the mapping `{name}`, which there is not"),
            remedy: did_you_mean(name, names(&self.mappings), "declare it under `Mappings`"),
        })
    }

    /// What `Fn::FindInMap` gives where there is no such key.
    fn default_value(&mut self, node: &'t Node) -> Result<&'t Node, Error> {
        let entries = self.file.map(node, "the fourth part of `Fn::FindInMap`")?;
        let [(key, default)] = entries else {
            return Err(self.file.wrong_shape(node, "the fourth part of `Fn::FindInMap` is no `DefaultValue`", "write it or leave it out"));
        };
        if key.name != "DefaultValue" {
            return Err(self.file.wrong_shape(node, format!("`Fn::FindInMap` takes no `{}`", key.name), "did you mean `DefaultValue`?"));
        }
        self.tentatively(|this| this.evaluate(default))?;
        Ok(default)
    }

    pub(super) fn choose(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        let [condition, yes, no] = self.arguments("Fn::If", argument, "a condition and two values")?;
        let Some(name) = Argument::long(condition).text(self.file) else {
            return Err(self.wrong_arguments("Fn::If", condition, "the name of a condition"));
        };
        match self.condition(&name, Spot::of(condition), "`Fn::If`")? {
            Truth::True => {
                self.tentatively(|this| this.evaluate(no))?;
                self.evaluate(yes)
            }
            Truth::False => {
                self.tentatively(|this| this.evaluate(yes))?;
                self.evaluate(no)
            }
            Truth::Unknown(gap) => {
                let (yes, no) = self.tentatively(|this| Ok((this.evaluate(yes)?, this.evaluate(no)?)))?;
                if yes.same(&no) {
                    return Ok(yes);
                }
                let removable = yes.may_be_absent() || no.may_be_absent();
                // What may not be there at all is not known to be set, however secret it is.
                let gap = if removable { Gap::after_apply(gap.subject) } else { gap };
                Ok(Value::Unknown(Gap { removable, ..gap }))
            }
        }
    }

    pub(super) fn zones(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        Ok(Value::Unknown(match self.argument(argument)? {
            Value::Unknown(gap) => Gap::of_parts(&[Gap::after_apply("Fn::GetAZs"), gap]),
            other => match other.text().filter(|region| !region.is_empty()) {
                Some(region) => Gap::after_apply(format!("Fn::GetAZs {region}")),
                None => Gap::after_apply("Fn::GetAZs"),
            },
        }))
    }

    pub(super) fn import(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        Ok(Value::Unknown(match self.argument(argument)? {
            Value::Unknown(gap) => Gap::of_parts(&[Gap::after_apply("Fn::ImportValue"), gap]),
            other => match other.text() {
                Some(name) => Gap::after_apply(format!("Fn::ImportValue {name}")),
                None => return Err(self.wrong_arguments("Fn::ImportValue", argument.node, "the name of an export")),
            },
        }))
    }

    pub(super) fn length(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        match self.argument(argument)? {
            Value::List(items) => {
                let uncertain: Vec<_> = items.iter().filter(|item| item.may_be_absent()).flat_map(Value::gaps).collect();
                Ok(if uncertain.is_empty() { Value::Number(items.len().into()) } else { Value::Unknown(Gap::of_parts(&uncertain)) })
            }
            Value::Unknown(gap) => Ok(Value::Unknown(Gap::of_parts(&[gap]))),
            other => self.mistake(argument.node, format!("`Fn::Length` counts a list, this is {}", other.what()), "give a list"),
        }
    }

    pub(super) fn json_text(&mut self, argument: Argument<'t>) -> Result<Value, Error> {
        let value = self.argument(argument)?;
        match (&value, value.to_json_text()) {
            (Value::List(_) | Value::Map(_), Some(text)) => self.checked(argument.node, Value::Text(text)),
            (Value::List(_) | Value::Map(_) | Value::Unknown(_), None) => Ok(Value::Unknown(Gap::of_parts(&value.gaps()))),
            _ => {
                let problem = format!("`Fn::ToJsonString` takes a map or a list, this is {}", value.what());
                self.mistake(argument.node, problem, "give one of them")
            }
        }
    }

    /// What a macro is called.
    pub(super) fn transform(&self, node: &Node) -> String {
        let name = match &node.kind {
            Kind::Map(entries) => entry(entries, "Name").and_then(|name| self.file.scalar(name)),
            _ => None,
        };
        name.map_or_else(|| "Fn::Transform".to_owned(), |name| format!("Fn::Transform {name}"))
    }
}

/// The first function in plain values.
fn first_function(node: &Node) -> Option<&Node> {
    if function_tag(node).is_some() {
        return Some(node);
    }
    match &node.kind {
        Kind::List(items) => items.iter().find_map(first_function),
        Kind::Map(entries) => entries.iter().find_map(|(key, inner)| {
            if key.name == "Ref" || (key.name.starts_with("Fn::") && !is_macro(&key.name)) { Some(node) } else { first_function(inner) }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, parts};

    #[test]
    fn parts_of_a_text() {
        assert_eq!(parts("a${B}c${!D}"), [Part::Text("a"), Part::Name("B", 3), Part::Text("c"), Part::Literal("D")]);
        assert_eq!(parts("$${A}$"), [Part::Text("$"), Part::Name("A", 3), Part::Text("$")]);
        assert_eq!(parts("${ A }"), [Part::Name("A", 3)]);
        assert_eq!(parts("${A"), [Part::Text("${A")]);
        assert_eq!(parts(""), []);
    }
}
