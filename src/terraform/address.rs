//! Addresses of Terraform, taken apart by their grammar: `(module.NAME[KEY].)*(data.)?TYPE.NAME[KEY]`.
//! Keys are numbers or quoted text that may hold any character, dots and brackets among them.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::fmt;

/// The key of one instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    /// Of `count`.
    Number(u64),
    /// Of `for_each`, unescaped.
    Text(String),
}

/// One step of an address or of a reference: a name and the key behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) key: Option<Key>,
}

/// An address that was taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The modules it lies in, from the root.
    pub(super) modules: Vec<Step>,
    /// Whether it is a data source.
    pub(super) data: bool,
    /// `aws_db_instance`.
    pub(super) kind: String,
    /// Name and key of the resource.
    pub(super) step: Step,
}

impl Address {
    /// Takes an address apart; none if it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut steps = steps(text)?.into_iter().peekable();
        let mut modules = Vec::new();
        while steps.peek().is_some_and(|s| s.name == "module" && s.key.is_none()) {
            steps.next();
            modules.push(steps.next()?);
        }
        let mut kind = steps.next()?;
        let data = kind.name == "data" && kind.key.is_none();
        if data {
            kind = steps.next()?;
        }
        let step = steps.next()?;
        (kind.key.is_none() && steps.next().is_none()).then_some(Self { modules, data, kind: kind.name, step })
    }

    /// The same without any key: where the configuration has it.
    pub(super) fn module_names(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().map(|m| m.name.as_str())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "[{n}]"),
            Self::Text(text) => write!(f, "[{}]", serde_json::Value::from(text.as_str())),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.key.as_ref().map_or(Ok(()), |key| key.fmt(f))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for module in &self.modules {
            write!(f, "module.{module}.")?;
        }
        let data = if self.data { "data." } else { "" };
        write!(f, "{data}{}.{}", self.kind, self.step)
    }
}

/// The steps of an address or of a reference; none where the text follows no grammar.
pub(super) fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return None;
        }
        rest = after;
        let mut step = Step { name: name.to_owned(), key: None };
        while let Some(inner) = rest.strip_prefix('[') {
            let (key, after) = key(inner)?;
            // A second key would be that of an attribute: it tells nothing of the resource.
            step.key.get_or_insert(key);
            rest = after;
        }
        steps.push(step);
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None => return rest.is_empty().then_some(steps),
        }
    }
}

/// A key and what follows its closing bracket.
fn key(text: &str) -> Option<(Key, &str)> {
    if !text.starts_with('"') {
        let (digits, rest) = text.split_once(']')?;
        // `[each.key]` and the like stand in references only, and there they are not written out.
        return Some((digits.parse().map_or_else(|_| Key::Text(digits.to_owned()), Key::Number), rest));
    }
    let mut escaped = false;
    let end = text.char_indices().skip(1).find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })?;
    let quoted = &text[..=end];
    // Terraform writes `$${` and `%%{` for what would else begin a template.
    let text_of = serde_json::from_str::<String>(quoted).ok()?.replace("$${", "${").replace("%%{", "%{");
    Some((Key::Text(text_of), text[end + 1..].strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use super::{Address, Key, steps};

    #[test]
    fn keys_may_hold_anything() {
        let text = r#"module.m["a.b"].module.n[3].aws_s3_bucket.y["c[0].\"x\""]"#;
        let address = Address::parse(text).unwrap();
        assert_eq!(address.modules.len(), 2);
        assert_eq!(address.modules[0].key, Some(Key::Text("a.b".to_owned())));
        assert_eq!(address.modules[1].key, Some(Key::Number(3)));
        assert_eq!(address.kind, "aws_s3_bucket");
        assert_eq!(address.step.key, Some(Key::Text("c[0].\"x\"".to_owned())));
        assert_eq!(address.to_string(), text);
    }

    #[test]
    fn data_sources_are_told_apart() {
        let address = Address::parse("module.a.data.aws_region.current").unwrap();
        assert!(address.data && address.kind == "aws_region");
        assert_eq!(address.to_string(), "module.a.data.aws_region.current");
        assert!(!Address::parse("aws_vpc.data").unwrap().data);
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in ["", "aws_vpc", "aws_vpc.", "aws_vpc.a.b", "module.a", "aws_vpc.a[", "aws_vpc.a[\"x", "aws_vpc.a[0]x", ".a.b"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        assert_eq!(steps("a.b[0].c").unwrap().len(), 3);
    }
}
