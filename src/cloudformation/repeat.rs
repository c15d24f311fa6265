//! `Fn::ForEach` of the language extensions: what it repeats is written out, as CloudFormation does before anything else.
//! Where its list is not known before the deployment it is left as it is, and what it makes is not seen.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a node is, it is not what is asked for there")]

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::yaml::{Key, Kind, Node};

use super::Error;
use super::template::{File, entry, function_tag};

/// How many nodes may come of all repetitions.
const MOST: usize = 300_000;
/// How deep loops may stand within each other. CloudFormation takes five.
const DEEPEST: usize = 8;

const LOOP: &str = "Fn::ForEach::";

/// Whether the template switches the language extensions on.
pub(super) fn is_extended(root: &Node) -> bool {
    let Kind::Map(sections) = &root.kind else { return false };
    let named = |node: &Node| match &node.kind {
        Kind::String(name) => name == "AWS::LanguageExtensions",
        Kind::Map(entries) => {
            matches!(entry(entries, "Name").map(|name| &name.kind), Some(Kind::String(name)) if name == "AWS::LanguageExtensions")
        }
        _ => false,
    };
    match entry(sections, "Transform") {
        Some(Node { kind: Kind::List(items), .. }) => items.iter().any(named),
        Some(node) => named(node),
        None => false,
    }
}

/// Writes out the loops of a template. `lists` are the parameters that are lists, with their values.
pub(super) struct Loops<'f> {
    pub(super) file: &'f File,
    pub(super) lists: BTreeMap<String, Vec<String>>,
    pub(super) made: usize,
}

impl Loops<'_> {
    /// Writes out every loop of a tree.
    pub(super) fn write_out(&mut self, node: &mut Node, depth: usize) -> Result<(), Error> {
        match &mut node.kind {
            Kind::List(items) => items.iter_mut().try_for_each(|item| self.write_out(item, depth)),
            Kind::Map(entries) => {
                if entries.iter().any(|(key, _)| key.name.starts_with(LOOP)) {
                    let all = std::mem::take(entries);
                    for (key, value) in all {
                        if key.name.starts_with(LOOP)
                            && depth < DEEPEST
                            && let Some(written) = self.repeated(&value, depth)?
                        {
                            entries.extend(written);
                        } else {
                            entries.push((key, value));
                        }
                    }
                    self.once(entries)?;
                }
                entries.iter_mut().filter(|(key, _)| !key.name.starts_with(LOOP)).try_for_each(|(_, value)| self.write_out(value, depth))
            }
            _ => Ok(()),
        }
    }

    fn once(&self, entries: &[(Key, Node)]) -> Result<(), Error> {
        let mut names = BTreeSet::new();
        match entries.iter().find(|(key, _)| !names.insert(key.name.as_str())) {
            Some((key, _)) => Err(Error::DuplicateKey {
                place: self.file.place_at(key.span.start),
                problem: format!("the loop makes `{}` more than once", key.name),
            }),
            None => Ok(()),
        }
    }

    /// What a loop comes to; none where its list is not known, or it is not written as a loop is.
    fn repeated(&mut self, node: &Node, depth: usize) -> Result<Option<Vec<(Key, Node)>>, Error> {
        let Kind::List(parts) = &node.kind else { return Ok(None) };
        let [name, list, body] = &parts[..] else { return Ok(None) };
        let (Kind::String(name), None, Some(values), Kind::Map(_)) = (&name.kind, function_tag(name), self.values(list), &body.kind) else {
            return Ok(None);
        };
        let size = size(body);
        let mut written = Vec::new();
        for value in values {
            self.made = self.made.saturating_add(size);
            if self.made > MOST {
                return Ok(None);
            }
            let mut one = body.clone();
            replace(&mut one, name, &value);
            // A loop within takes what this one has put into it.
            self.write_out(&mut one, depth + 1)?;
            if let Kind::Map(entries) = one.kind {
                written.extend(entries);
            }
        }
        Ok(Some(written))
    }

    /// The values that a loop goes through.
    fn values(&self, list: &Node) -> Option<Vec<String>> {
        let of_parameter = |name: &str| self.lists.get(name).cloned();
        match (&list.kind, function_tag(list)) {
            (Kind::String(name), Some("Ref")) => of_parameter(name),
            (Kind::Map(entries), None) => match &entries[..] {
                [(key, Node { kind: Kind::String(name), .. })] if key.name == "Ref" => of_parameter(name),
                _ => None,
            },
            (Kind::List(items), None) => {
                let text = |item: &Node| self.file.scalar(item).filter(|_| function_tag(item).is_none()).map(|text| text.into_owned());
                items.iter().map(text).collect()
            }
            _ => None,
        }
    }
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|(_, value)| 1 + size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// Puts a value in the place of the name of a loop: in keys, in texts, and where the name is referred to.
fn replace(node: &mut Node, name: &str, value: &str) {
    let bare: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    let put = |text: &str| text.replace(&format!("${{{name}}}"), value).replace(&format!("&{{{name}}}"), &bare);
    let is_reference = match (&node.kind, function_tag(node)) {
        (Kind::String(text), Some("Ref")) => text == name,
        (Kind::Map(entries), None) => match &entries[..] {
            [(key, Node { kind: Kind::String(text), tag: None, .. })] => key.name == "Ref" && text == name,
            _ => false,
        },
        _ => false,
    };
    if is_reference {
        node.tag = None;
        node.kind = Kind::String(value.to_owned());
        return;
    }
    match &mut node.kind {
        Kind::String(text) => *text = put(text),
        Kind::List(items) => items.iter_mut().for_each(|item| replace(item, name, value)),
        Kind::Map(entries) => {
            for (key, inner) in entries {
                key.name = put(&key.name);
                replace(inner, name, value);
            }
        }
        _ => {}
    }
}
