//! An answer of AWS as a tree of members, JSON and XML alike, so that a test can change single ones.

use serde_json::Value as Json;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// Members with their names. In XML a list is the same name several times, and the name may be followed by attributes.
    Members(Vec<(String, Self)>),
    /// A list of JSON.
    List(Vec<Self>),
    /// A text: all that XML has.
    Text(String),
    /// Any other value of JSON.
    Value(Json),
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) root: Tree,
    is_xml: bool,
}

/// A member of an answer: the names that lead to it, and the positions.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// `DescribeDBInstancesResult.DBInstances.DBInstance.Engine`.
    pub(crate) path: String,
    at: Vec<usize>,
    /// Whether it is an element of a list: a list without it is a list as AWS sends it, and nothing can tell.
    pub(crate) is_element: bool,
}

/// What is done to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Change {
    /// It was not sent.
    Removed,
    /// Its text, list or structure is empty.
    Emptied,
    /// It has another name.
    Renamed,
    /// It is of another type: a text where a number or a structure is to be, a number where a text is.
    Retyped,
    /// A word that nobody has heard of, where a known one stood.
    NewWord,
    /// It was sent twice.
    Doubled,
}

impl Change {
    pub(crate) const ALL: [Self; 6] = [Self::Removed, Self::Emptied, Self::Renamed, Self::Retyped, Self::NewWord, Self::Doubled];
}

impl Answer {
    /// Reads an answer; none if it is neither JSON nor XML.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.trim();
        if text.starts_with('<') {
            let mut rest = text;
            let root = element(&mut rest)?;
            return Some(Self { root: Tree::Members(vec![root]), is_xml: true });
        }
        let json: Json = serde_json::from_str(text).ok()?;
        json.is_object().then(|| Self { root: tree(json), is_xml: false })
    }

    /// The answer as AWS would have sent it.
    pub(crate) fn write(&self) -> Vec<u8> {
        if !self.is_xml {
            return serde_json::to_vec(&json(&self.root)).expect("plain data");
        }
        let mut text = String::new();
        write_xml(&self.root, &mut text);
        text.into_bytes()
    }

    /// Every member.
    pub(crate) fn places(&self) -> Vec<Place> {
        let mut found = Vec::new();
        places(&self.root, "", &mut Vec::new(), &mut found);
        found
    }

    /// What is at a place.
    pub(crate) fn at(&self, place: &Place) -> &Tree {
        place.at.iter().fold(&self.root, |tree, at| match tree {
            Tree::Members(members) => &members[*at].1,
            Tree::List(items) => &items[*at],
            Tree::Text(_) | Tree::Value(_) => unreachable!("a leaf has no members"),
        })
    }

    /// The same with one member changed; none where the change cannot be made, or changes nothing.
    pub(crate) fn changed(&self, place: &Place, change: Change) -> Option<Self> {
        let mut changed = self.clone();
        let (last, way) = place.at.split_last()?;
        let whole = way.iter().fold(&mut changed.root, |tree, at| match tree {
            Tree::Members(members) => &mut members[*at].1,
            Tree::List(items) => &mut items[*at],
            Tree::Text(_) | Tree::Value(_) => unreachable!("a leaf has no members"),
        });
        match (whole, change) {
            (Tree::Members(members), Change::Removed) => drop(members.remove(*last)),
            (Tree::List(items), Change::Removed) => drop(items.remove(*last)),
            (Tree::Members(members), Change::Renamed) => members[*last].0 = format!("{}Later", name(&members[*last].0)),
            (Tree::Members(members), Change::Doubled) if self.is_xml => members.insert(*last, members[*last].clone()),
            (Tree::List(items), Change::Doubled) => items.insert(*last, items[*last].clone()),
            (_, Change::Renamed | Change::Doubled) => return None,
            (Tree::Members(members), change) => members[*last].1 = self.other(&members[*last].1, change)?,
            (Tree::List(items), change) => items[*last] = self.other(&items[*last], change)?,
            (Tree::Text(_) | Tree::Value(_), _) => return None,
        }
        let of_element = place.is_element && matches!(change, Change::Removed | Change::Renamed);
        let of_list = self.is_list(place) && matches!(change, Change::Emptied | Change::Retyped);
        // To the decoders of XML, an element of another name and a text between the elements are nothing.
        (changed.root != self.root && !of_element && !of_list).then_some(changed)
    }

    /// Whether a list is there, or the element of XML that holds one.
    fn is_list(&self, place: &Place) -> bool {
        match self.at(place) {
            Tree::List(_) => true,
            Tree::Members(members) => {
                let own = place.path.rsplit('.').next().unwrap_or_default();
                members.iter().all(|(open, _)| is_element(own, name(open))) && !members.is_empty()
            }
            Tree::Text(_) | Tree::Value(_) => false,
        }
    }

    fn other(&self, tree: &Tree, change: Change) -> Option<Tree> {
        Some(match (tree, change) {
            (Tree::Members(_), Change::Emptied) => Tree::Members(Vec::new()),
            (Tree::List(_), Change::Emptied) => Tree::List(Vec::new()),
            (Tree::Text(_), Change::Emptied) => Tree::Text(String::new()),
            (Tree::Value(_), Change::Emptied) => Tree::Value(Json::Null),
            // To XML everything is text: only what is more than that can be of another type.
            (Tree::Text(text), Change::Retyped) if self.is_xml && !is_more_than_text(text) => return None,
            (Tree::Text(_), Change::Retyped) if !self.is_xml => Tree::Value(Json::from(7)),
            (Tree::Members(_) | Tree::List(_) | Tree::Text(_) | Tree::Value(_), Change::Retyped) => Tree::Text("perhaps".to_owned()),
            (Tree::Text(text), Change::NewWord) if is_word(text) => Tree::Text("heretofore-unheard-of".to_owned()),
            _ => return None,
        })
    }
}

fn is_more_than_text(text: &str) -> bool {
    matches!(text, "true" | "false") || text.parse::<f64>().is_ok() || text.parse::<jiff::Timestamp>().is_ok()
}

/// Words of AWS's vocabularies, as the recordings have them: statuses, kinds, switches.
const WORDS: &[&str] = &[
    "ACTIVE",
    "AES256",
    "ALL",
    "AVAILABLE",
    "AWS",
    "AWS_KMS",
    "Allow",
    "BACKUP_VAULT",
    "COMPLETED",
    "CUSTOMER",
    "DISABLED",
    "Deny",
    "ENABLED",
    "ENCRYPT_DECRYPT",
    "Enabled",
    "Disabled",
    "HTTP",
    "HTTPS",
    "InService",
    "KMS",
    "PAY_PER_REQUEST",
    "ROOT",
    "SYMMETRIC_DEFAULT",
    "Suspended",
    "USER",
    "active",
    "all",
    "application",
    "associated",
    "attached",
    "automated",
    "available",
    "aws:kms",
    "completed",
    "healthy",
    "in-use",
    "instance",
    "internal",
    "internet-facing",
    "manual",
    "network",
    "off",
    "opted-in",
    "opt-in-not-required",
    "not-opted-in",
    "restore",
    "running",
    "standard",
    "tcp",
    "vpc",
];

fn is_word(text: &str) -> bool {
    WORDS.contains(&text)
}

/// Whether a member of XML is an element of a list that is called `list`: `Subnets` are of `Subnet`s.
fn is_element(list: &str, element: &str) -> bool {
    matches!(element, "member" | "item")
        || list.len() > element.len() && list.starts_with(element)
        || (list, element) == ("VpcSecurityGroups", "VpcSecurityGroupMembership")
}

fn places(tree: &Tree, path: &str, at: &mut Vec<usize>, found: &mut Vec<Place>) {
    let children: Vec<(String, &Tree)> = match tree {
        Tree::Members(members) => members.iter().map(|(open, tree)| (name(open).to_owned(), tree)).collect(),
        Tree::List(items) => items.iter().map(|tree| ("[]".to_owned(), tree)).collect(),
        Tree::Text(_) | Tree::Value(_) => return,
    };
    for (position, (name, child)) in children.into_iter().enumerate() {
        let own = path.rsplit('.').next().unwrap_or_default();
        let is_element = name == "[]" || is_element(own, &name);
        let path = match (path, name.as_str()) {
            ("", _) => name,
            (_, "[]") => format!("{path}[]"),
            _ => format!("{path}.{name}"),
        };
        at.push(position);
        found.push(Place { path: path.clone(), at: at.clone(), is_element });
        places(child, &path, at, found);
        at.pop();
    }
}

/// The name of an element, without its attributes.
fn name(open: &str) -> &str {
    open.split_ascii_whitespace().next().unwrap_or_default()
}

fn tree(json: Json) -> Tree {
    match json {
        Json::Object(members) => Tree::Members(members.into_iter().map(|(name, value)| (name, tree(value))).collect()),
        Json::Array(items) => Tree::List(items.into_iter().map(tree).collect()),
        Json::String(text) => Tree::Text(text),
        value @ (Json::Null | Json::Bool(_) | Json::Number(_)) => Tree::Value(value),
    }
}

fn json(tree: &Tree) -> Json {
    match tree {
        Tree::Members(members) => Json::Object(members.iter().map(|(name, value)| (name.clone(), json(value))).collect()),
        Tree::List(items) => Json::Array(items.iter().map(json).collect()),
        Tree::Text(text) => Json::String(text.clone()),
        Tree::Value(value) => value.clone(),
    }
}

/// One element of the XML that AWS writes: no comments, no sections, text or elements within.
fn element(rest: &mut &str) -> Option<(String, Tree)> {
    *rest = rest.trim_start();
    while rest.starts_with("<?") {
        *rest = rest.split_once("?>")?.1.trim_start();
    }
    let (open, after) = rest.strip_prefix('<')?.split_once('>')?;
    *rest = after;
    if let Some(open) = open.strip_suffix('/') {
        return Some((open.trim_end().to_owned(), Tree::Text(String::new())));
    }
    let close = format!("</{}>", name(open));
    let mut members = Vec::new();
    loop {
        let text = &rest[..rest.find('<')?];
        let tag = &rest[text.len()..];
        if let Some(after) = tag.strip_prefix(close.as_str()) {
            *rest = after;
            let tree = if members.is_empty() { Tree::Text(text.to_owned()) } else { Tree::Members(members) };
            return Some((open.to_owned(), tree));
        }
        *rest = tag;
        members.push(element(rest)?);
    }
}

fn write_xml(tree: &Tree, text: &mut String) {
    match tree {
        Tree::Members(members) => {
            for (open, tree) in members {
                text.push_str(&format!("<{open}>"));
                write_xml(tree, text);
                text.push_str(&format!("</{}>", name(open)));
            }
        }
        Tree::List(_) | Tree::Value(_) => unreachable!("XML has neither"),
        // As it was read: still escaped.
        Tree::Text(own) => text.push_str(own),
    }
}
