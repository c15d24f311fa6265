//! Diagnostics as data: what is wrong, where, and what to do. The only user of the snippet renderer.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use crate::untrusted::plain;

/// What kind of mistake it is. The names are stable: people search for them and silence by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "`description` documents each")]
pub enum Code {
    BadYaml,
    BadValue,
    BudgetExceeded,
    ControlWithoutMapping,
    DuplicateId,
    EmptyList,
    ExpressionSyntax,
    ExpressionType,
    FileNameIsNotId,
    InlineTestFailed,
    MissingInlineTest,
    NeverMatches,
    NotNullSafe,
    UnknownControl,
    UnknownEnvironment,
    UnknownField,
    UnknownFunction,
    UnknownKey,
    UnknownLink,
    UnknownName,
    UnknownParameter,
    UnknownPolicy,
    UnknownRegion,
    UnknownStatement,
    UnknownType,
    UnreadableFile,
    Unused,
}

impl Code {
    /// All of them, in order.
    pub const ALL: &'static [Self] = &[
        Self::BadYaml,
        Self::BadValue,
        Self::BudgetExceeded,
        Self::ControlWithoutMapping,
        Self::DuplicateId,
        Self::EmptyList,
        Self::ExpressionSyntax,
        Self::ExpressionType,
        Self::FileNameIsNotId,
        Self::InlineTestFailed,
        Self::MissingInlineTest,
        Self::NeverMatches,
        Self::NotNullSafe,
        Self::UnknownControl,
        Self::UnknownEnvironment,
        Self::UnknownField,
        Self::UnknownFunction,
        Self::UnknownKey,
        Self::UnknownLink,
        Self::UnknownName,
        Self::UnknownParameter,
        Self::UnknownPolicy,
        Self::UnknownRegion,
        Self::UnknownStatement,
        Self::UnknownType,
        Self::UnreadableFile,
        Self::Unused,
    ];

    /// The name on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadYaml => "bad-yaml",
            Self::BadValue => "bad-value",
            Self::BudgetExceeded => "budget-exceeded",
            Self::ControlWithoutMapping => "control-without-mapping",
            Self::DuplicateId => "duplicate-id",
            Self::EmptyList => "empty-list",
            Self::ExpressionSyntax => "expression-syntax",
            Self::ExpressionType => "expression-type",
            Self::FileNameIsNotId => "file-name-is-not-id",
            Self::InlineTestFailed => "inline-test-failed",
            Self::MissingInlineTest => "missing-inline-test",
            Self::NeverMatches => "never-matches",
            Self::NotNullSafe => "not-null-safe",
            Self::UnknownControl => "unknown-control",
            Self::UnknownEnvironment => "unknown-environment",
            Self::UnknownField => "unknown-field",
            Self::UnknownFunction => "unknown-function",
            Self::UnknownKey => "unknown-key",
            Self::UnknownLink => "unknown-link",
            Self::UnknownName => "unknown-name",
            Self::UnknownParameter => "unknown-parameter",
            Self::UnknownPolicy => "unknown-policy",
            Self::UnknownRegion => "unknown-region",
            Self::UnknownStatement => "unknown-statement",
            Self::UnknownType => "unknown-type",
            Self::UnreadableFile => "unreadable-file",
            Self::Unused => "unused",
        }
    }

    /// What it means, one sentence.
    pub fn description(self) -> &'static str {
        match self {
            Self::BadYaml => "the file is not YAML",
            Self::BadValue => "a value has the wrong type or is not one of those allowed",
            Self::BudgetExceeded => "the file is larger, deeper or more repetitive than a policy file may be",
            Self::ControlWithoutMapping => "a control of a framework says neither what proves it nor why nothing does",
            Self::DuplicateId => "two things have the same id",
            Self::EmptyList => "a list that must not be empty is, so that the policy would say nothing",
            Self::ExpressionSyntax => "the expression cannot be parsed",
            Self::ExpressionType => "an operator or function does not take values of these types",
            Self::FileNameIsNotId => "the id of a policy is not the name of its file",
            Self::InlineTestFailed => "an inline test of a policy gave another verdict than it expects",
            Self::MissingInlineTest => "a policy lacks a test for pass, deviation or unknown",
            Self::NeverMatches => "the expression gives the same for every resource",
            Self::NotNullSafe => "a value that may be absent is used without asking whether it is there",
            Self::UnknownControl => "the framework has no such control",
            Self::UnknownEnvironment => "the configuration declares no such environment",
            Self::UnknownField => "the type has no such field",
            Self::UnknownFunction => "there is no such function",
            Self::UnknownKey => "the file format has no such key",
            Self::UnknownLink => "the resource type has no such link",
            Self::UnknownName => "the expression uses a name that is not bound",
            Self::UnknownParameter => "no such parameter is declared",
            Self::UnknownPolicy => "there is no such policy",
            Self::UnknownRegion => "AWS has no such region",
            Self::UnknownStatement => "there is no such statement",
            Self::UnknownType => "there is no such resource type",
            Self::UnreadableFile => "a file cannot be read",
            Self::Unused => "something is declared and never used",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether it stops the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is judged until it is mended.
    Error,
    /// The program goes on.
    Warning,
}

/// A file that was read: name and text.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// As the user wrote it.
    pub name: String,
    /// Its text.
    pub text: String,
    lines: Lines,
}

/// Where the lines of a text begin, found once: thousands of mistakes in one file are told by line.
#[derive(Debug, Default)]
struct Lines(OnceLock<Vec<usize>>);

impl Lines {
    fn of(&self, text: &str) -> &[usize] {
        self.0.get_or_init(|| std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }
}

/// They follow from the text.
impl PartialEq for Lines {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Lines {}

impl SourceFile {
    /// A shared source.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into(), lines: Lines::default() })
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let at = floor(&self.text, at);
        let line = self.line(at);
        (line + 1, self.text[self.lines.of(&self.text)[line]..at].chars().count() + 1)
    }

    /// The line that a byte is in, from 0.
    fn line(&self, at: usize) -> usize {
        self.lines.of(&self.text).partition_point(|start| *start <= at) - 1
    }

    /// The lines that bytes are in, as bytes, without the end of the last.
    fn whole_lines(&self, span: &Range<usize>) -> Range<usize> {
        let lines = self.lines.of(&self.text);
        let end = lines.get(self.line(span.end.max(span.start)) + 1).map_or(self.text.len(), |next| next - 1);
        lines[self.line(span.start)]..end
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Something wrong with a file that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake.
    pub code: Code,
    /// Whether it stops the program.
    pub severity: Severity,
    /// What is wrong, one line without a full stop.
    pub title: String,
    /// The file; none when it is about a command line or a whole folder.
    pub source: Option<Arc<SourceFile>>,
    /// The bytes it is about.
    pub span: Range<usize>,
    /// What stands under the underline.
    pub label: String,
    /// What to do.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, title: impl Into<String>, source: &Arc<SourceFile>, span: Range<usize>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            title: title.into(),
            source: Some(Arc::clone(source)),
            span,
            label: String::new(),
            help: Vec::new(),
        }
    }

    /// An error without a place.
    pub fn plain(code: Code, title: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, title: title.into(), source: None, span: 0..0, label: String::new(), help: Vec::new() }
    }

    /// The same, as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// With words under the underline.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// With "did you mean", if one of `known` is near to `given`.
    #[must_use]
    pub fn did_you_mean<'a>(self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(given, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// `file:line:column`, or nothing.
    pub fn place(&self) -> Option<String> {
        let source = self.source.as_ref()?;
        let (line, column) = source.position(self.span.start);
        Some(format!("{}:{line}:{column}", source.name))
    }

    /// As text, with the line and an underline.
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        // What is quoted of a file colours nothing: only the renderer does.
        let shown = |text: &str| text.split('\n').map(plain).collect::<Vec<_>>().join("\n");
        let (title, label) = (shown(&self.title), shown(&self.label));
        let help: Vec<String> = self.help.iter().map(|help| shown(help)).collect();
        let title = level.primary_title(title.as_str()).id(self.code.as_str());
        let mut group = match &self.source {
            Some(source) => {
                let start = floor(&source.text, self.span.start);
                let end = floor(&source.text, self.span.end.max(start));
                // Only the lines it is about: the renderer reads all it is given.
                let lines = source.whole_lines(&(start..end));
                let mut annotation = AnnotationKind::Primary.span(start - lines.start..end - lines.start);
                if !label.is_empty() {
                    annotation = annotation.label(label.as_str());
                }
                let snippet = Snippet::source(&source.text[lines.clone()]).line_start(source.line(start) + 1);
                let snippet = snippet.path(source.name.as_str()).fold(true).annotation(annotation);
                title.element(snippet)
            }
            None => Group::with_title(title),
        };
        for help in &help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group]).to_string()
    }
}

/// Sorts by file and place and removes doubles.
pub fn tidy(diagnostics: &mut Vec<Diagnostic>) {
    let key = |d: &Diagnostic| {
        let name = d.source.as_ref().map(|s| s.name.clone()).unwrap_or_default();
        (name, d.span.start, d.span.end, d.code, d.title.clone())
    };
    diagnostics.sort_by_cached_key(key);
    diagnostics.dedup();
}

/// Whether any of them stops the program.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// How many of each severity.
pub fn counts(diagnostics: &[Diagnostic]) -> BTreeMap<Severity, usize> {
    let mut counts = BTreeMap::new();
    for diagnostic in diagnostics {
        *counts.entry(diagnostic.severity).or_default() += 1;
    }
    counts
}

/// The nearest of `known` names, if it is near enough to be a slip of the finger.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given_low = given.to_lowercase();
    known
        .into_iter()
        .filter(|name| *name != given)
        .map(|name| (strsim::osa_distance(&given_low, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.chars().count().max(given.chars().count()) / 3).clamp(1, 4))
        .min_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(b.1)))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Code, nearest};

    #[test]
    fn codes_are_unique_and_described() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|c| !c.description().is_empty()));
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        assert_eq!(nearest("versionning", ["versioning", "tags"]), Some("versioning"));
        assert_eq!(nearest("xyz", ["versioning", "tags"]), None);
        assert_eq!(nearest("eu-centrl-1", ["eu-central-1", "eu-central-2"]), Some("eu-central-1"));
    }
}
