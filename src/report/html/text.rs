//! Pieces of text. Whatever comes from outside is made visible here, and escaped by the templates: an [`Inline`] cannot be made
//! of a name that hides something.

use jiff::Timestamp;
use jiff::civil::Date;

/// One piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inline {
    /// In the language of the report.
    Text(String),
    /// In English, whatever the language of the report.
    English(String),
    /// A value of a machine: never translated.
    Code(String),
    /// A name to find quickly.
    Strong(String),
    /// A moment.
    Time(Timestamp),
    /// A day.
    Day(Date),
    /// A verdict: class, symbol and word.
    Mark(&'static str, &'static str, &'static str),
    /// A place in this document, and the words that lead there; the place is an id made by [`slug`].
    Link(String, String),
    /// The same, for a value of a machine.
    CodeLink(String, String),
    /// A new line.
    Break,
}

impl Inline {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(visible(text))
    }

    pub(super) fn code(text: &str) -> Self {
        Self::Code(visible(text))
    }

    pub(super) fn strong(text: &str) -> Self {
        Self::Strong(visible(text))
    }

    pub(super) fn link(to: &str, text: &str) -> Self {
        Self::Link(slug(to), visible(text))
    }

    pub(super) fn code_link(to: &str, text: &str) -> Self {
        Self::CodeLink(slug(to), visible(text))
    }
}

impl From<&str> for Inline {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<u64> for Inline {
    fn from(number: u64) -> Self {
        Self::Text(number.to_string())
    }
}

impl From<Timestamp> for Inline {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<Date> for Inline {
    fn from(day: Date) -> Self {
        Self::Day(day)
    }
}

/// A line, or a paragraph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(pub(super) Vec<Inline>);

impl<T: Into<Inline>> From<T> for Line {
    fn from(piece: T) -> Self {
        Self(vec![piece.into()])
    }
}

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With more behind it.
    pub(super) fn then(mut self, more: impl Into<Self>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// With more behind it on a line of its own, if there is more.
    pub(super) fn below(self, more: impl Into<Self>) -> Self {
        self.joined(Inline::Break, more.into())
    }

    /// Lines, one below the other.
    pub(super) fn stacked(lines: impl IntoIterator<Item = Self>) -> Self {
        lines.into_iter().fold(Self::new(), Self::below)
    }

    /// Lines, with commas between.
    pub(super) fn listed(lines: impl IntoIterator<Item = Self>) -> Self {
        lines.into_iter().fold(Self::new(), |all, line| all.joined(Inline::Text(", ".to_owned()), line))
    }

    fn joined(mut self, between: Inline, more: Self) -> Self {
        if !self.is_empty() && !more.is_empty() {
            self.0.push(between);
        }
        self.0.extend(more.0);
        self
    }
}

/// A sentence of the catalogue with its gaps, written `{name}`, filled.
pub(super) fn fill(sentence: &str, with: &[(&str, Line)]) -> Line {
    let mut line = Line::new();
    let mut rest = sentence;
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((name, after)) = behind.split_once('}') else { break };
        if !before.is_empty() {
            line.0.push(Inline::text(before));
        }
        let (_, value) =
            with.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("internal error: nothing for `{name}` in `{sentence}`"));
        line = line.then(value.clone());
        rest = after;
    }
    if !rest.is_empty() {
        line.0.push(Inline::text(rest));
    }
    line
}

/// The names of the gaps in a sentence.
#[cfg(test)]
pub(super) fn gaps(sentence: &str) -> Vec<&str> {
    let mut names: Vec<&str> = sentence.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The text with everything in it that could not be seen: controls of terminals and of writing direction, what has no width, and
/// what is no character.
pub(super) fn visible(text: &str) -> String {
    if !text.contains(|c: char| c.is_control() || is_hidden(c)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        match c {
            // Texts of policies are wrapped, and end with a line break.
            '\n' if at + 1 == text.len() => {}
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || is_hidden(c) => out.push_str(&format!("\u{27e8}U+{:04X}\u{27e9}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// An id of a place in the document: letters, digits and hyphens only.
pub(super) fn slug(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}
