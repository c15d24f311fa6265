//! What is behind the commonest mistakes in YAML: the parser tells where it stopped, people need to know what to write.

use std::ops::Range;
use std::sync::Arc;

use super::UNKNOWN;
use crate::diag::{Code, Diagnostic, SourceFile};

/// A tag that means nothing here. Most often it is an expression that begins with "not".
pub(super) fn tag(tag: &str, source: &Arc<SourceFile>, span: Range<usize>) -> Diagnostic {
    // The span is the value's; the tag stands before it, or is all there is.
    let line = source.text[..span.start.min(source.text.len())].rfind('\n').map_or(0, |at| at + 1);
    let at = source.text[line..].find(tag).map_or(span.start, |at| line + at);
    let found = Diagnostic::error(Code::BadYaml, format!("there is no tag `{tag}`"), source, at..at + tag.len());
    let near = strsim::osa_distance(&tag.to_lowercase(), UNKNOWN) <= 3;
    let word = tag.trim_start_matches('!');
    let expression = word.contains(['.', '(', '[']) || word.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    if near {
        found.label("unknown tag").help(format!("did you mean `{UNKNOWN}`?"))
    } else if expression {
        let written: String = source.text[at..].lines().next().unwrap_or_default().trim_end().to_owned();
        let quoted = if written.contains('"') { format!("'{written}'") } else { format!("\"{written}\"") };
        found
            .label("YAML takes `!` at the beginning of a value for a tag")
            .help(format!("put the expression into quotes: {quoted}, or write it below `>-`"))
    } else {
        found.label("unknown tag").help(format!("the only tag is `{UNKNOWN}`, in what a test gives"))
    }
}

/// Why nothing is where something was written: YAML took it for the name of an anchor.
pub(super) fn anchor(source: &SourceFile, span: Range<usize>) -> Option<String> {
    let end = span.start.min(source.text.len());
    let line = source.text[..end].rsplit('\n').next().unwrap_or_default();
    let value = line.rsplit(": ").next().unwrap_or_default().trim_start();
    value.starts_with('&').then(|| "in YAML `&` at the beginning of a value names an anchor: put the whole value into quotes".to_owned())
}

/// Adds to an error of the parser what its cause may be and what to write instead.
pub(super) fn why(diagnostic: Diagnostic) -> Diagnostic {
    let Some(source) = diagnostic.source.clone().filter(|_| diagnostic.code == Code::BadYaml) else { return diagnostic };
    let text = source.text.as_str();
    let stopped = diagnostic.span.start.min(text.len());
    let end = text[stopped..].find('\n').map_or(text.len(), |at| stopped + at);
    if let Some(at) = indenting_tab(&text[..end]) {
        let found = Diagnostic::error(Code::BadYaml, "a tab cannot indent YAML", &source, at..at + 1);
        return found.label("a tab").help("indent with spaces");
    }
    match written_value(text, stopped) {
        Some(value) => match needs_quotes(&text[value.clone()], &diagnostic.title) {
            Some(help) => Diagnostic { span: value, ..diagnostic }.help(help),
            None => diagnostic,
        },
        None => diagnostic,
    }
}

/// Where a tab stands among the white space that a line begins with.
fn indenting_tab(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let margin = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..margin].find('\t').filter(|_| !line.trim().is_empty()) {
            return Some(start + tab);
        }
        start += line.len();
    }
    None
}

/// The value that was being read where the parser stopped: of the nearest line at or above it that has a key or begins
/// an element of a list.
fn written_value(text: &str, stopped: usize) -> Option<Range<usize>> {
    let mut end = text[stopped..].find('\n').map_or(text.len(), |at| stopped + at);
    loop {
        let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
        let line = &text[start..end];
        let mut at = line.len() - line.trim_start().len();
        while line[at..].starts_with("- ") {
            at += 2;
            at += line[at..].len() - line[at..].trim_start().len();
        }
        let key = line[at..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).map(char::len_utf8).sum::<usize>();
        if key > 0 && line[at + key..].starts_with(": ") {
            at += key + 2;
            at += line[at..].len() - line[at..].trim_start().len();
            let value = line[at..].trim_end();
            return (!value.is_empty()).then(|| start + at..start + at + value.len());
        }
        end = start.checked_sub(1)?;
        // A blank line or a comment does not end a value; a hundred lines do.
        if stopped - end > 4_000 {
            return None;
        }
    }
}

/// Why a value has to stand in quotes.
fn needs_quotes(value: &str, message: &str) -> Option<String> {
    let first = value.chars().next()?;
    let quotes = "put the whole value into quotes, or write it below `>-`";
    let special = match first {
        '{' | '[' => Some("begins a map or a list"),
        '&' => Some("names an anchor"),
        '*' => Some("repeats an anchor"),
        '!' => Some("begins a tag"),
        '|' | '>' => Some("begins a block whose text stands in the lines below"),
        '%' | '@' | '`' => Some("is reserved"),
        _ => None,
    };
    if let Some(what) = special {
        return Some(format!("in YAML `{first}` at the beginning of a value {what}: {quotes}"));
    }
    if let '"' | '\'' = first {
        let closed = value[1..].find(first).map(|at| at + 1);
        return Some(match closed {
            Some(at) if at + 1 < value.len() => {
                let other = if first == '"' { '\'' } else { '"' };
                format!("the text ends at its second {first} and more follows: put the whole value into {other}, or write it below `>-`")
            }
            _ => format!("the text begins with {first} and must end with it"),
        });
    }
    let message = message.to_lowercase();
    if value.contains(": ") && (message.contains("mapping") || message.contains("block") || message.contains("simple key")) {
        return Some(format!("`: ` within a value begins another key: {quotes}"));
    }
    None
}
