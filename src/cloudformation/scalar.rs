//! Scalars as CloudFormation reads them: by YAML 1.1, where an unquoted `no` is false, `010` is eight and `1:30` is ninety.

use std::collections::BTreeSet;

use crate::diag::SourceFile;
use crate::policy::yaml::{self, Key, Kind, Node};

/// What an unquoted text is by YAML 1.1, where that is another thing than by YAML 1.2.
fn resolved(text: &str) -> Option<Kind> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Some(Kind::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Some(Kind::Bool(false)),
        _ => {}
    }
    whole(text).map(Kind::Int)
}

/// A whole number of YAML 1.1: binary, octal with a leading 0, hexadecimal, in groups of sixty, `_` between digits.
fn whole(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let of_base = |digits: &str, base: u32| {
        let bare: String = digits.chars().filter(|c| *c != '_').collect();
        let all = !bare.is_empty() && bare.chars().all(|c| c.is_digit(base));
        all.then(|| i64::from_str_radix(&bare, base).ok()).flatten()
    };
    let value = if let Some(binary) = digits.strip_prefix("0b") {
        of_base(binary, 2)
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        of_base(hexadecimal, 16)
    } else if let Some(octal) = digits.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        of_base(octal, 8)
    } else if digits.starts_with(|c: char| c.is_ascii_digit()) {
        let mut parts = digits.split(':');
        let first = of_base(parts.next()?, 10)?;
        parts.try_fold(first, |value, part| {
            let sixtieth =
                part.parse::<i64>().ok().filter(|n| (0..60).contains(n) && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit()));
            value.checked_mul(60)?.checked_add(sixtieth?)
        })
    } else {
        None
    };
    value.map(|value| sign * value)
}

/// Whether the bytes of a scalar are its text: it is neither quoted nor a block.
fn is_plain(source: &SourceFile, span: &std::ops::Range<usize>, text: &str) -> bool {
    let raw = source.text.get(span.clone()).map(str::trim);
    raw == Some(text) && !yaml::is_block(source, span.start)
}

/// Reads every scalar of a tree anew; gives the first key that is there twice by that: `yes` and `true`.
pub(super) fn by_yaml_1_1(source: &SourceFile, node: &mut Node) -> Option<Key> {
    match &mut node.kind {
        Kind::List(items) => return items.iter_mut().find_map(|item| by_yaml_1_1(source, item)),
        Kind::Map(entries) => {
            let mut changed = false;
            for (key, _) in entries.iter_mut() {
                changed |= name(source, key);
            }
            let mut names = BTreeSet::new();
            if changed && let Some((twice, _)) = entries.iter().find(|(key, _)| !names.insert(key.name.as_str())) {
                return Some(twice.clone());
            }
            return entries.iter_mut().find_map(|(_, value)| by_yaml_1_1(source, value));
        }
        Kind::Null => {}
        // A tag says what it is.
        Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::String(_) if node.tag.is_some() => {}
        Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::String(_) => {
            let raw = source.text.get(node.span.clone()).map(str::trim).unwrap_or_default();
            let text = if let Kind::String(text) = &node.kind { text.as_str() } else { raw };
            if !is_plain(source, &node.span, text) {
                return None;
            }
            if let Some(kind) = resolved(text) {
                node.kind = kind;
            } else if text.trim_start_matches(['+', '-']).starts_with("0o") {
                // An octal number of YAML 1.2, and text before.
                node.kind = Kind::String(text.to_owned());
            }
        }
    }
    None
}

/// A key is text to CloudFormation, and the text of what it is. Whether it is another one than it was.
fn name(source: &SourceFile, key: &mut Key) -> bool {
    if !is_plain(source, &key.span, &key.name) {
        return false;
    }
    let new = match resolved(&key.name) {
        Some(Kind::Bool(value)) => value.to_string(),
        Some(Kind::Int(value)) => value.to_string(),
        _ => return false,
    };
    let changed = new != key.name;
    key.name = new;
    changed
}

#[cfg(test)]
mod tests {
    use super::{Kind, resolved};

    #[test]
    fn words_and_numbers_of_yaml_1_1() {
        for (text, value) in [("yes", true), ("No", false), ("ON", true), ("off", false), ("True", true), ("FALSE", false)] {
            assert_eq!(resolved(text), Some(Kind::Bool(value)), "{text}");
        }
        for (text, value) in [
            ("0", 0),
            ("010", 8),
            ("-017", -15),
            ("0x1F", 31),
            ("0b101", 5),
            ("1_000", 1000),
            ("1:30", 90),
            ("22:22", 1342),
            ("+7", 7),
            ("1:0:0", 3600),
        ] {
            assert_eq!(resolved(text), Some(Kind::Int(value)), "{text}");
        }
        let others =
            ["y", "n", "yEs", "012345678901", "089", "1:60", "1:5:", ":5", "1.5", "0b2", "0x", "2010-09-09", "", "-", "_1", "10.0.0.0/16"];
        for text in others {
            assert_eq!(resolved(text), None, "{text}");
        }
    }
}
