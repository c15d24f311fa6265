//! Patterns with `*` for any characters, anchored at both ends: one, and thousands at once.

use std::collections::{BTreeMap, HashMap};

/// Whether a pattern is about a text.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Patterns, each with what it stands for. A text is looked up by what the patterns begin and end with, so that a thousand of them
/// cost little more than one.
#[derive(Debug)]
pub(crate) struct Globs<T> {
    /// Those without a star.
    exact: HashMap<String, Vec<T>>,
    /// Lengths of what stands before the first star and behind the last → what that is → the patterns.
    ends: BTreeMap<(usize, usize), Ends<T>>,
    /// Those that begin and end with a star, by their longest part: its length → the part → the patterns.
    within: BTreeMap<usize, HashMap<String, Patterns<T>>>,
}

/// Patterns, each with what it stands for.
type Patterns<T> = Vec<(String, T)>;

/// What patterns begin and end with → the patterns.
type Ends<T> = HashMap<(String, String), Patterns<T>>;

impl<T: Copy + Ord> Globs<T> {
    /// These patterns.
    pub(crate) fn new<'p>(patterns: impl IntoIterator<Item = (&'p str, T)>) -> Self {
        let mut globs = Self { exact: HashMap::new(), ends: BTreeMap::new(), within: BTreeMap::new() };
        for (pattern, value) in patterns {
            let Some((first, rest)) = pattern.split_once('*') else {
                globs.exact.entry(pattern.to_owned()).or_default().push(value);
                continue;
            };
            let last = rest.rsplit('*').next().unwrap_or_default();
            let entry = (pattern.to_owned(), value);
            if first.is_empty() && last.is_empty() {
                let longest = pattern.split('*').max_by_key(|part| part.len()).unwrap_or_default();
                globs.within.entry(longest.len()).or_default().entry(longest.to_owned()).or_default().push(entry);
            } else {
                let ends = globs.ends.entry((first.len(), last.len())).or_default();
                ends.entry((first.to_owned(), last.to_owned())).or_default().push(entry);
            }
        }
        globs
    }

    /// What the patterns stand for that are about the text, sorted, each once.
    pub(crate) fn matches(&self, text: &str) -> Vec<T> {
        let mut found: Vec<T> = self.exact.get(text).into_iter().flatten().copied().collect();
        let mut ask =
            |patterns: &[(String, T)]| found.extend(patterns.iter().filter(|(pattern, _)| glob(pattern, text)).map(|(_, value)| *value));
        for ((first, last), ends) in &self.ends {
            let begin = text.get(..*first);
            let end = text.len().checked_sub(*last).and_then(|at| text.get(at..));
            if let Some((begin, end)) = begin.zip(end)
                && let Some(patterns) = ends.get(&(begin.to_owned(), end.to_owned()))
            {
                ask(patterns);
            }
        }
        for (length, parts) in &self.within {
            // Where they are few, they are asked one by one.
            if parts.len() <= text.len() {
                parts.values().for_each(|patterns| ask(patterns));
                continue;
            }
            for at in 0..=text.len().saturating_sub(*length) {
                if let Some(patterns) = text.get(at..at + length).and_then(|part| parts.get(part)) {
                    ask(patterns);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{Globs, glob};

    #[test]
    fn globs_are_anchored() {
        assert!(glob("prod-*", "prod-db"));
        assert!(glob("*-prod", "db-prod"));
        assert!(glob("a*b*c", "a1b2c"));
        assert!(glob("same", "same"));
        assert!(!glob("prod", "prod-db"));
        assert!(!glob("prod-*", "my-prod-db"));
        assert!(!glob("a*a", "a"));
        assert!(glob("*", ""));
    }

    #[test]
    fn many_patterns_find_what_each_alone_finds() {
        let words = ["", "a", "b", "ab", "ba", "aba", "ü", "aü"];
        let mut patterns = vec!["*".to_owned(), "**".to_owned()];
        for one in words {
            patterns.push(one.to_owned());
            for other in words {
                patterns.extend([
                    format!("{one}*{other}"),
                    format!("*{one}*{other}*"),
                    format!("{one}*a*{other}"),
                    format!("*{one}b{other}*"),
                ]);
            }
        }
        let globs = Globs::new(patterns.iter().enumerate().map(|(at, pattern)| (pattern.as_str(), at)));
        for one in words {
            for other in words {
                let text = format!("{one}{other}b{one}");
                let alone: Vec<usize> = (0..patterns.len()).filter(|at| glob(&patterns[*at], &text)).collect();
                assert_eq!(globs.matches(&text), alone, "{text}");
            }
        }
    }
}
