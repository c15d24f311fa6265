//! YAML as a tree with places. The only user of the YAML crate: what it reads is bounded in size,
//! depth and repetition, `no` is text and `null` never becomes something else.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

mod hint;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Spanned, Tagged};

use crate::diag::{Code, Diagnostic, SourceFile};

/// A node of a file.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its bytes; of lists and maps only where they begin. Of an alias, those of what it repeats.
    pub span: Range<usize>,
    /// Its tag: `!unknown`.
    pub tag: Option<String>,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in order.
    Map(Vec<(Key, Node)>),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.tag == other.tag && self.kind == other.kind
    }
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its text.
    pub name: String,
    /// Its bytes.
    pub span: Range<usize>,
}

impl Kind {
    /// What it is called.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::String(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

struct Raw {
    tag: Option<String>,
    kind: RawKind,
}

enum RawKind {
    Leaf(Kind),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(kind, tag) = Tagged::<RawKind>::deserialize(deserializer)?;
        Ok(Self { tag, kind })
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = RawKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawKind, E> {
        Ok(RawKind::Leaf(Kind::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawKind, E> {
        Ok(RawKind::Leaf(Kind::Int(value)))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<RawKind, E> {
        i64::try_from(value).map(|v| RawKind::Leaf(Kind::Int(v))).map_err(|_| E::custom("number too large"))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawKind, E> {
        Ok(RawKind::Leaf(Kind::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawKind, E> {
        Ok(RawKind::Leaf(Kind::String(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Leaf(Kind::Null))
    }

    fn visit_none<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Leaf(Kind::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawKind, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(RawKind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<Spanned<Tagged<String>>>()? {
            let Spanned { value: Tagged(name, tag), referenced, defined } = key;
            // Ignored, it would turn what is written into something else.
            if let Some(tag) = tag.filter(|tag| tag.starts_with('!') && tag.len() > 1) {
                return Err(serde::de::Error::custom(format!("the key `{name}` has the tag `{tag}`; only values have tags")));
            }
            entries.push((Spanned { value: name, referenced, defined }, access.next_value()?));
        }
        Ok(RawKind::Map(entries))
    }
}

/// Where a node is written: of a repeated one where its anchor is, so that its text can be looked up.
fn bytes<T>(spanned: &Spanned<T>) -> Range<usize> {
    let span = spanned.defined.span();
    let wide = |n: Option<_>| n.and_then(|n: u32| usize::try_from(n).ok()).unwrap_or_default();
    let start = wide(span.byte_offset().and_then(|n| u32::try_from(n).ok()));
    let len = wide(span.byte_len().and_then(|n| u32::try_from(n).ok()));
    start..start + len
}

fn node(raw: Spanned<Raw>) -> Node {
    let span = bytes(&raw);
    let kind = match raw.value.kind {
        RawKind::Leaf(leaf) => leaf,
        RawKind::List(items) => Kind::List(items.into_iter().map(node).collect()),
        RawKind::Map(entries) => {
            Kind::Map(entries.into_iter().map(|(key, value)| (Key { span: bytes(&key), name: key.value }, node(value))).collect())
        }
    };
    Node { span, tag: raw.value.tag, kind }
}

/// How much of a file is read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of text.
    pub bytes: usize,
    /// Scalars, lists and maps.
    pub nodes: usize,
    /// Repetitions of an anchor.
    pub aliases: usize,
    /// Lists and maps within each other.
    pub depth: usize,
}

/// What is read of keur's own files.
const OWN: Bounds = Bounds { bytes: 1 << 20, nodes: 40_000, aliases: 16, depth: 32 };

/// Reads the text of one of keur's own files, whose only tag is `!unknown`. What is wrong goes to `diagnostics`: the
/// tree is given even where a key is there twice or a tag means nothing, so that the rest of the file is checked as well.
pub fn parse(source: &Arc<SourceFile>, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    match tree(source, OWN) {
        Ok(node) => {
            foreign_tags(&node, source, diagnostics);
            repeated_keys(&node, source, diagnostics);
            Some(node)
        }
        Err(diagnostic) => {
            diagnostics.push(hint::why(diagnostic));
            None
        }
    }
}

/// Reads a file's text with whatever tags it has: the caller must mind each of them.
pub fn parse_tagged(source: &Arc<SourceFile>, bounds: Bounds) -> Result<Node, Diagnostic> {
    let node = tree(source, bounds)?;
    let mut repeated = Vec::new();
    repeated_keys(&node, source, &mut repeated);
    match repeated.into_iter().next() {
        Some(diagnostic) => Err(diagnostic),
        None => Ok(node),
    }
}

/// The tree of a file; keys that are there twice are in it twice.
fn tree(source: &Arc<SourceFile>, bounds: Bounds) -> Result<Node, Diagnostic> {
    if source.text.len() > bounds.bytes {
        let title = format!("the file has {} bytes; at most {} are read", source.text.len(), bounds.bytes);
        return Err(Diagnostic::error(Code::BudgetExceeded, title, source, 0..0).help("split the file: a folder is read as one"));
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        // The crate would stop at the first repeated key and hide whatever else is wrong.
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough,
        budget: serde_saphyr::budget! { max_nodes: bounds.nodes, max_aliases: bounds.aliases, max_depth: bounds.depth },
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(&source.text, options) {
        Ok(raw) => Ok(node(raw)),
        Err(error) => {
            let text = error.to_string();
            let message = text.split(" at line ").next().unwrap_or(&text).trim_start_matches("error: ").to_owned();
            let at = error.location().map_or(0, |l| {
                let line = usize::try_from(l.line()).unwrap_or(1);
                let column = usize::try_from(l.column()).unwrap_or(1);
                offset(&source.text, line, column)
            });
            let lower = message.to_lowercase();
            let budget = lower.contains("budget") || lower.contains("recursion") || lower.contains("depth");
            let code = if budget { Code::BudgetExceeded } else { Code::BadYaml };
            let end = source.text[at..].find('\n').map_or(source.text.len(), |n| at + n).max(at);
            let found = Diagnostic::error(code, message, source, at..end).label("here");
            Err(if budget { found.help("split the file: a folder is read as one") } else { found })
        }
    }
}

/// Keys that a map has twice: which of the two values counts, nobody can say.
fn repeated_keys(node: &Node, source: &Arc<SourceFile>, diagnostics: &mut Vec<Diagnostic>) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| repeated_keys(item, source, diagnostics)),
        Kind::Map(entries) => {
            let mut seen: BTreeMap<&str, &Key> = BTreeMap::new();
            for (key, value) in entries {
                match seen.get(key.name.as_str()) {
                    Some(first) => {
                        let title = format!("the key `{}` is there twice", key.name);
                        let (line, _) = source.position(first.span.start);
                        let found = Diagnostic::error(Code::DuplicateId, title, source, key.span.clone()).label("again");
                        diagnostics.push(found.help(format!("the first is in line {line}: keep one of them")));
                    }
                    None => drop(seen.insert(&key.name, key)),
                }
                repeated_keys(value, source, diagnostics);
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::String(_) => {}
    }
}

/// The tag of what a test cannot see.
const UNKNOWN: &str = "!unknown";

/// Tags that mean nothing here: ignored, they would turn an unknown, or an expression, into a value.
fn foreign_tags(node: &Node, source: &Arc<SourceFile>, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(tag) = node.tag.as_deref().filter(|tag| *tag != UNKNOWN) {
        diagnostics.push(hint::tag(tag, source, node.span.clone()));
    }
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| foreign_tags(item, source, diagnostics)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| foreign_tags(value, source, diagnostics)),
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::String(_) => {}
    }
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[start.min(text.len())..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

/// Where byte `at` of a scalar's text stands in the file. The text of a folded, literal or quoted
/// scalar differs from what is written by white space, and by a quote before it.
pub fn place_in_scalar(source: &SourceFile, node: &Node, text: &str, at: usize) -> usize {
    let end = node.span.end.min(source.text.len());
    let start = node.span.start.min(end);
    let raw = &source.text[start..end];
    let margin = block_margin(&source.text[..start]);
    let mut raw_at = usize::from(raw.starts_with(['"', '\'']));
    let mut text_at = 0;
    while text_at < at.min(text.len()) && raw_at < raw.len() {
        let (Some(want), Some(have)) = (text[text_at..].chars().next(), raw[raw_at..].chars().next()) else { break };
        if want == have && want != ' ' {
            text_at += want.len_utf8();
            raw_at += have.len_utf8();
            if want == '\n' {
                raw_at += margin_at(&raw[raw_at..], margin);
            }
        } else if want == ' ' && have == ' ' {
            text_at += 1;
            raw_at += 1;
        } else if want == ' ' && have == '\n' {
            // A folded line: one space in the text for the line end and the margin in the file.
            text_at += 1;
            raw_at += 1;
            raw_at += margin_at(&raw[raw_at..], margin);
        } else if have.is_whitespace() {
            raw_at += have.len_utf8();
        } else if have == '\\' {
            raw_at += 1;
        } else {
            break;
        }
    }
    // Blank lines and margins before what is meant belong to what came before.
    if text[text_at.min(text.len())..].starts_with(|c: char| !c.is_whitespace()) {
        raw_at += raw[raw_at..].len() - raw[raw_at..].trim_start().len();
    }
    start + raw_at
}

/// The margin of a block scalar whose content begins at the end of `before`; none for other scalars,
/// whose lines may begin anywhere.
fn block_margin(before: &str) -> Option<usize> {
    let line = before.rfind('\n')?;
    let margin = before.len() - line - 1;
    let header = before[..line].trim_end().rsplit(char::is_whitespace).next()?;
    let block = header.starts_with(['|', '>']) && header[1..].chars().all(|c| matches!(c, '+' | '-' | '1'..='9'));
    (block && before[line + 1..].chars().all(|c| c == ' ')).then_some(margin)
}

/// Whether the content of a block scalar begins there.
pub fn is_block(source: &SourceFile, at: usize) -> bool {
    source.text.get(..at).and_then(block_margin).is_some()
}

fn margin_at(text: &str, margin: Option<usize>) -> usize {
    let blanks = text.len() - text.trim_start_matches(' ').len();
    margin.map_or(blanks, |margin| blanks.min(margin))
}

/// Reads a file into types, and keeps everything that is wrong with it.
pub struct Reader<'d> {
    /// The file.
    pub source: Arc<SourceFile>,
    /// What is wrong so far.
    pub diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'d> Reader<'d> {
    /// Reports a mistake at a place.
    pub fn wrong(&mut self, code: Code, title: impl Into<String>, span: Range<usize>, label: &str) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::error(code, title, &self.source, span).label(label));
        self.diagnostics.last_mut().expect("internal error: just pushed")
    }

    /// `!unknown` stands in what a test gives, which asks for it first; anywhere else a value is needed.
    fn known(&mut self, node: &Node, what: &str) -> Option<()> {
        match node.tag.as_deref() {
            None => return Some(()),
            Some(UNKNOWN) => {}
            // That the tag means nothing was told.
            Some(_) => return None,
        }
        let found = self.wrong(Code::BadValue, format!("{what} cannot be unknown"), node.span.clone(), "unknown here");
        found.help.push("`!unknown` belongs to a property under `given:` of a test".to_owned());
        None
    }

    /// The node as a map whose keys are taken one by one.
    pub fn table<'n>(&mut self, node: &'n Node, what: &'static str) -> Option<Table<'n>> {
        self.known(node, what)?;
        let Kind::Map(entries) = &node.kind else {
            let found =
                self.wrong(Code::BadValue, format!("{what} is a map, this is {}", node.kind.what()), node.span.clone(), "not a map");
            found.help.push("a map is written `key: value`, each in a line of its own".to_owned());
            return None;
        };
        Some(Table { node, entries, taken: vec![false; entries.len()], known: Vec::new(), what })
    }

    /// The node as text; numbers and booleans must be quoted.
    pub fn string(&mut self, node: &Node, what: &str) -> Option<String> {
        self.known(node, &format!("`{what}`"))?;
        match &node.kind {
            Kind::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Kind::String(_) | Kind::Null => {
                let anchor = hint::anchor(&self.source, node.span.clone());
                self.wrong(Code::BadValue, format!("`{what}` is empty"), node.span.clone(), "nothing here").help.extend(anchor);
                None
            }
            other => {
                let title = format!("`{what}` is text, this is {}", other.what());
                let help = match other {
                    Kind::Map(_) => "in YAML `{` begins a map: put the text into quotes".to_owned(),
                    Kind::List(_) => "in YAML `[` or `-` begins a list: put the text into quotes".to_owned(),
                    _ => "put it in quotes".to_owned(),
                };
                self.wrong(Code::BadValue, title, node.span.clone(), "not text").help.push(help);
                None
            }
        }
    }

    /// The node as a list.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        self.known(node, &format!("`{what}`"))?;
        match &node.kind {
            Kind::List(items) => Some(items),
            other => {
                let title = format!("`{what}` is a list, this is {}", other.what());
                let help = match other {
                    Kind::String(text) if !text.contains(['\n', ',', ':', '#']) => format!("write `[{text}]`"),
                    _ => "a list is written `[a, b]`, or each element in a line of its own behind `- `".to_owned(),
                };
                self.wrong(Code::BadValue, title, node.span.clone(), "not a list").help.push(help);
                None
            }
        }
    }

    /// The node as a list of texts.
    pub fn strings(&mut self, node: &Node, what: &str) -> Option<Vec<(String, Range<usize>)>> {
        let items = self.list(node, what)?;
        let mut texts = Vec::new();
        for item in items {
            texts.push((self.string(item, what)?, item.span.clone()));
        }
        Some(texts)
    }

    /// The node as a boolean.
    pub fn bool(&mut self, node: &Node, what: &str) -> Option<bool> {
        self.known(node, &format!("`{what}`"))?;
        match &node.kind {
            Kind::Bool(value) => Some(*value),
            other => {
                let title = format!("`{what}` is true or false, this is {}", other.what());
                self.wrong(Code::BadValue, title, node.span.clone(), "not a boolean");
                None
            }
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.string(node, what)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let all = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let title = format!("`{what}` is one of {all}");
        let near = crate::diag::nearest(&text, words.iter().map(|(w, _)| *w)).map(|w| format!("did you mean `{w}`?"));
        self.wrong(Code::BadValue, title, node.span.clone(), "none of them").help.extend(near);
        None
    }
}

/// A map whose keys are taken one by one; what is left over is a mistake.
pub struct Table<'n> {
    node: &'n Node,
    entries: &'n [(Key, Node)],
    taken: Vec<bool>,
    known: Vec<&'static str>,
    what: &'static str,
}

impl<'n> Table<'n> {
    /// The value of a key that may be missing.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Key and value, where the key's place matters.
    pub fn entry(&mut self, key: &'static str) -> Option<(&'n Key, &'n Node)> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let at = self.entries.iter().position(|(k, _)| k.name == key)?;
        // Of a key that is there twice it was said before that it is.
        for (taken, (k, _)) in self.taken.iter_mut().zip(self.entries) {
            *taken |= k.name == key;
        }
        Some((&self.entries[at].0, &self.entries[at].1))
    }

    /// The value of a key that must be there.
    pub fn need(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<&'n Node> {
        if let Some(node) = self.get(key) {
            return Some(node);
        }
        let span = self.entries.first().map_or(self.node.span.clone(), |(k, _)| k.span.clone());
        reader.wrong(Code::BadValue, format!("{} has no `{key}`", self.what), span, "belongs here");
        None
    }

    /// Where the map begins.
    pub fn start(&self) -> Range<usize> {
        self.entries.first().map_or(self.node.span.clone(), |(k, _)| k.span.clone())
    }

    /// Reports keys that nobody took.
    pub fn finish(self, reader: &mut Reader<'_>) {
        for ((key, _), taken) in self.entries.iter().zip(self.taken) {
            if !taken {
                let near = crate::diag::nearest(&key.name, self.known.iter().copied());
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are: {}", self.known.join(", ")),
                };
                let title = format!("{} has no key `{}`", self.what, key.name);
                reader.wrong(Code::UnknownKey, title, key.span.clone(), "unknown key").help.push(help);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, parse, place_in_scalar};
    use crate::diag::{Diagnostic, SourceFile};

    fn wrong(text: impl Into<String>) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        parse(&SourceFile::new("x.yaml", text), &mut diagnostics);
        diagnostics
    }

    /// Every word of the scalar is found where it stands in the file.
    fn check(text: &str) {
        let source = SourceFile::new("x.yaml", text);
        let node = parse(&source, &mut Vec::new()).unwrap();
        let Kind::Map(entries) = &node.kind else { panic!("a map") };
        let Kind::String(scalar) = &entries[0].1.kind else { panic!("text") };
        for word in scalar.split_whitespace() {
            let at = scalar.find(word).unwrap();
            let place = place_in_scalar(&source, &entries[0].1, scalar, at);
            assert!(source.text[place..].starts_with(word), "{word} of {scalar:?} in {text:?}, found {:?}", &source.text[place..]);
        }
    }

    #[test]
    fn places_in_scalars_of_every_style() {
        check("a: one two three\n");
        check("a: 'one two'\n");
        check("a: \"one two\"\n");
        check("a: one\n  two\n      three\n");
        check("a: |\n  one &&\n  two\n    three\n  four\n");
        check("a: >-\n  one &&\n  two\n    three &&\n      four\n  five\n");
        check("a: >\n  one\n\n  two\n");
    }

    #[test]
    fn tags_that_mean_nothing_are_mistakes() {
        let error = wrong("a: {b: !unknwon x}\n");
        assert_eq!(error[0].title, "there is no tag `!unknwon`");
        assert!(wrong("a: {b: !unknown x}\n").is_empty());
    }

    #[test]
    fn repetition_and_size_are_bounded() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let below = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert_eq!(wrong(bomb)[0].code, crate::diag::Code::BudgetExceeded);
        let huge = format!("a: {}\n", "x".repeat(2 << 20));
        assert_eq!(wrong(huge)[0].code, crate::diag::Code::BudgetExceeded);
        let deep = format!("a: {}1{}\n", "[".repeat(200), "]".repeat(200));
        assert_eq!(wrong(deep)[0].code, crate::diag::Code::BudgetExceeded);
    }
}
