//! From the parser's tree to checked nodes: every name, field, function and operand type is known
//! before anything is judged, and all mistakes of an expression are found in one go.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value, type or node is, the answer is the same")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SourceInfo, operators};

use super::foreign;
use super::function::{Function, functions, parse_duration};
use super::{Clause, Mistake, Names, Part, Program, Template};
use crate::diag::{Code, nearest};
use crate::estate::{Type, Value};

/// A checked expression.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Const(Value),
    Slot(usize),
    Field(Box<Self>, usize),
    Envelope(Box<Self>, Envelope),
    Property(Box<Self>, usize),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Negate(Box<Self>),
    If(Box<Self>, Box<Self>, Box<Self>),
    Binary(Binary, Box<Self>, Box<Self>),
    In(Box<Self>, Box<Self>),
    Index(Box<Self>, Box<Self>),
    HasKey(Box<Self>, Arc<str>),
    NotNull(Box<Self>),
    List(Vec<Self>),
    Call(&'static Function, Vec<Self>),
    Matches(Box<Self>, regex::Regex),
    Loop(Macro, Box<Self>, Box<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Macro {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// What every resource has, whatever its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Envelope {
    Account,
    Arn,
    Environment,
    EnvironmentBasis,
    Id,
    Name,
    ProvidedByAws,
    Region,
    Tags,
    Type,
}

impl Envelope {
    pub(crate) const ALL: &'static [(&'static str, Self)] = &[
        ("account", Self::Account),
        ("arn", Self::Arn),
        ("environment", Self::Environment),
        ("environment_basis", Self::EnvironmentBasis),
        ("id", Self::Id),
        ("name", Self::Name),
        ("provided_by_aws", Self::ProvidedByAws),
        ("region", Self::Region),
        ("tags", Self::Tags),
        ("type", Self::Type),
    ];

    fn ty(self) -> Type {
        match self {
            Self::Tags => Type::Map(Box::new(Type::String)),
            Self::ProvidedByAws => Type::String.nullable(),
            Self::Account | Self::Arn | Self::Environment | Self::EnvironmentBasis | Self::Id | Self::Name | Self::Region | Self::Type => {
                Type::String
            }
        }
    }
}

impl Node {
    pub(super) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Const(_) | Self::Slot(_) => vec![],
            Self::Field(a, _)
            | Self::Envelope(a, _)
            | Self::Property(a, _)
            | Self::Not(a)
            | Self::Negate(a)
            | Self::HasKey(a, _)
            | Self::NotNull(a)
            | Self::Matches(a, _) => vec![a],
            Self::And(a, b) | Self::Or(a, b) | Self::Binary(_, a, b) | Self::In(a, b) | Self::Index(a, b) | Self::Loop(_, a, b) => {
                vec![a, b]
            }
            Self::If(a, b, c) => vec![a, b, c],
            Self::List(items) | Self::Call(_, items) => items.iter().collect(),
        }
    }

    /// Whether it reads the slot.
    pub(crate) fn mentions(&self, slot: usize) -> bool {
        matches!(self, Self::Slot(s) if *s == slot) || self.children().into_iter().any(|child| child.mentions(slot))
    }

    /// Names of the fields or properties that are read directly of the slot, and how often.
    pub(crate) fn fields(&self, slot: usize, found: &mut BTreeMap<String, usize>) {
        if let Self::Property(of, at) | Self::Field(of, at) = self
            && matches!(**of, Self::Slot(s) if s == slot)
        {
            *found.entry(at.to_string()).or_default() += 1;
        }
        for child in self.children() {
            child.fields(slot, found);
        }
    }

    fn is_const(&self) -> bool {
        match self {
            Self::Const(_) => true,
            Self::Slot(_) => false,
            other => {
                let children = other.children();
                !children.is_empty() && children.into_iter().all(Self::is_const)
            }
        }
    }
}

/// Compiles an expression that must be a bool. `not_null` are paths already known not to be null.
pub fn compile(source: &str, names: &Names, not_null: &[String]) -> Result<Program, Vec<Mistake>> {
    let whole = parse(source)?;
    let mut known: Vec<String> = not_null.to_vec();
    let mut clauses = Vec::new();
    let mut mistakes = Vec::new();
    for span in clause_spans(source, &whole.expr) {
        let text = &source[span.clone()];
        let parsed = match parse(text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                mistakes.extend(errors.into_iter().map(|m| shift(m, span.start)));
                continue;
            }
        };
        let mut checker = Checker {
            names: names.clone(),
            info: &parsed.info,
            source: text,
            not_null: known.clone(),
            loops: 0,
            sentence: false,
            mistakes: Vec::new(),
        };
        let (node, ty) = checker.check(&parsed.expr);
        checker.must_be_bool(&parsed.expr, ty.as_ref());
        known.extend(facts(&parsed.expr, true));
        if checker.mistakes.is_empty() && node.is_const() {
            checker.mistake(Code::NeverMatches, "this says the same of every resource", 0..text.len(), "constant", None);
        }
        mistakes.extend(checker.mistakes.into_iter().map(|m| shift(m, span.start)));
        clauses.push(Clause { text: squeeze(text), node });
    }
    if mistakes.is_empty() { Ok(Program { clauses, not_null: known }) } else { Err(mistakes) }
}

/// Compiles a sentence with `{expression}` in it; `{{` and `}}` are braces.
pub fn compile_template(source: &str, names: &Names) -> Result<Template, Vec<Mistake>> {
    let mut parts = Vec::new();
    let mut mistakes = Vec::new();
    let mut text = String::new();
    let mut rest = 0;
    let bytes = source.as_bytes();
    while rest < bytes.len() {
        match bytes[rest] {
            brace @ (b'{' | b'}') if bytes.get(rest + 1) == Some(&brace) => {
                text.push(brace as char);
                rest += 2;
            }
            b'{' => {
                let start = rest + 1;
                let Some(len) = source[start..].find('}') else {
                    mistakes.push(Mistake {
                        code: Code::ExpressionSyntax,
                        title: "this brace is not closed".to_owned(),
                        span: rest..start,
                        label: "opened here".to_owned(),
                        help: vec!["write `{{` for a brace in the text".to_owned()],
                    });
                    break;
                };
                parts.push(Part::Text(std::mem::take(&mut text)));
                let inner = &source[start..start + len];
                match value(inner, names) {
                    Ok(node) => parts.push(Part::Value(node)),
                    Err(errors) => mistakes.extend(errors.into_iter().map(|m| shift(m, start))),
                }
                rest = start + len + 1;
            }
            _ => {
                let next = source[rest..].chars().next().unwrap_or_default();
                text.push(next);
                rest += next.len_utf8();
            }
        }
    }
    parts.push(Part::Text(text));
    if mistakes.is_empty() { Ok(Template { parts }) } else { Err(mistakes) }
}

fn value(source: &str, names: &Names) -> Result<Node, Vec<Mistake>> {
    let parsed = parse(source)?;
    let mut checker =
        Checker { names: names.clone(), info: &parsed.info, source, not_null: Vec::new(), loops: 0, sentence: true, mistakes: Vec::new() };
    let (node, _) = checker.check(&parsed.expr);
    if checker.mistakes.is_empty() { Ok(node) } else { Err(checker.mistakes) }
}

fn shift(mut mistake: Mistake, by: usize) -> Mistake {
    mistake.span = mistake.span.start + by..mistake.span.end + by;
    mistake
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Parsed {
    expr: IdedExpr,
    info: SourceInfo,
}

/// Longest expression that is read. A policy's are a few hundred characters.
const LONGEST: usize = 4_000;

/// Brackets within brackets. The parser calls itself for each and would use up the stack.
const DEEPEST: usize = 50;

/// The first bracket that is nested too deep.
fn too_deep(source: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in source.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => {
                depth += 1;
                if depth > DEEPEST {
                    return Some(at);
                }
            }
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    None
}

fn parse(source: &str) -> Result<Parsed, Vec<Mistake>> {
    let wrong = |title: &str, span: Range<usize>, label: &str, help: Option<&str>| Mistake {
        code: Code::ExpressionSyntax,
        title: title.to_owned(),
        span,
        label: label.to_owned(),
        help: help.into_iter().map(str::to_owned).collect(),
    };
    if source.trim().is_empty() {
        return Err(vec![wrong("the expression is empty", 0..source.len(), "nothing here", None)]);
    }
    if source.len() > LONGEST {
        return Err(vec![wrong("the expression is longer than 4,000 bytes", 0..source.len(), "too long", None)]);
    }
    if let Some(at) = too_deep(source) {
        let title = format!("brackets can be nested {DEEPEST} times");
        return Err(vec![wrong(&title, at..at + 1, "too deep", Some("bind a part of it with `with:`, or write two policies"))]);
    }
    // No macros and no optional syntax: macros are checked as what they are, and `.?` would swallow errors.
    let env = cel::Env::default().with_optional_support(false);
    match env.compile(source) {
        Ok(program) => {
            let mut info = SourceInfo::default();
            copy_offsets(program.expression(), program.source_info(), &mut info);
            Ok(Parsed { expr: program.expression().clone(), info })
        }
        Err(errors) => {
            // Said all at once: the parser stops at the first, and what it says of it is about its grammar.
            let mut mistakes = foreign::spellings(source);
            if !mistakes.is_empty() {
                return Err(mistakes);
            }
            for error in &errors.errors {
                let (line, column) = error.pos;
                let at = offset(source, line, column);
                mistakes.push(reworded(source, at, &error.msg));
            }
            mistakes.dedup_by_key(|m: &mut Mistake| m.span.start);
            // What follows the first is most often its consequence.
            mistakes.truncate(1);
            if mistakes.is_empty() {
                mistakes.push(wrong("the expression cannot be parsed", 0..source.len(), "here", None));
            }
            Err(mistakes)
        }
    }
}

fn copy_offsets(expr: &IdedExpr, from: &SourceInfo, to: &mut SourceInfo) {
    if let Some((start, stop)) = from.offset_for(expr.id) {
        to.add_offset(expr.id, start, stop);
    }
    match &expr.expr {
        Expr::Call(call) => {
            call.target.iter().for_each(|target| copy_offsets(target, from, to));
            call.args.iter().for_each(|argument| copy_offsets(argument, from, to));
        }
        Expr::Select(select) => copy_offsets(&select.operand, from, to),
        Expr::List(list) => list.elements.iter().for_each(|element| copy_offsets(element, from, to)),
        Expr::Unspecified | Expr::Comprehension(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) => {}
    }
}

fn offset(source: &str, line: isize, column: isize) -> usize {
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let start: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let within = source[start..].char_indices().nth(usize::try_from(column).unwrap_or(1).saturating_sub(1));
    start + within.map_or(source.len() - start, |(at, _)| at)
}

/// The parser's messages in words that say what to do.
fn reworded(source: &str, at: usize, message: &str) -> Mistake {
    let rest = &source[at.min(source.len())..];
    let next = rest.chars().next();
    let (title, help): (String, Option<&str>) = match next {
        Some('"' | '\'') => ("this text is not closed".to_owned(), Some("end it with the quote it begins with")),
        _ if message.contains("<EOF>") && message.contains("mismatched") => {
            ("the expression ends too early".to_owned(), Some("something is missing at the end: an operand, or a closing bracket"))
        }
        Some(c) if message.contains("token recognition") => (format!("`{c}` cannot stand here"), Some("text belongs in quotes")),
        Some(_) => {
            let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let what = if word.is_empty() { rest.chars().take(1).collect() } else { word };
            let meant = foreign::name(&what);
            (format!("`{what}` is not expected here"), meant.or(Some("the operators are `&&`, `||`, `!`, `==`, `!=`, `<`, `>` and `in`")))
        }
        None => ("the expression ends too early".to_owned(), Some("something is missing at the end: an operand, or a closing bracket")),
    };
    let word: usize = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    let end = at + word.max(next.map_or(0, char::len_utf8));
    Mistake {
        code: Code::ExpressionSyntax,
        title,
        span: at.min(source.len())..end.min(source.len()),
        label: "here".to_owned(),
        help: help.into_iter().map(str::to_owned).collect(),
    }
}

/// The spans of the clauses of a chain of `&&` at the top.
fn clause_spans(source: &str, expr: &IdedExpr) -> Vec<Range<usize>> {
    if !matches!(&expr.expr, Expr::Call(call) if call.func_name == operators::LOGICAL_AND) {
        return vec![trimmed(source, 0..source.len())];
    }
    let mut spans = Vec::new();
    let mut start = 0;
    let mut depth = 0_usize;
    let mut quote: Option<u8> = None;
    let bytes = source.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(q), b) if q == b => quote = None,
            (Some(_), _) => {}
            (None, b @ (b'\'' | b'"')) => quote = Some(b),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, b'&') if depth == 0 && bytes.get(at + 1) == Some(&b'&') => {
                spans.push(trimmed(source, start..at));
                at += 1;
                start = at + 1;
            }
            (None, _) => {}
        }
        at += 1;
    }
    spans.push(trimmed(source, start..source.len()));
    spans
}

fn trimmed(source: &str, span: Range<usize>) -> Range<usize> {
    let text = &source[span.clone()];
    let start = span.start + (text.len() - text.trim_start().len());
    start..start + text.trim().len()
}

/// The path an expression spells: `resource.kms_key_id`.
fn path(expr: &IdedExpr) -> Option<String> {
    match &expr.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        _ => None,
    }
}

fn is_null(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Literal(LiteralValue::Null))
}

/// The paths that are certainly not null where the expression has the value `truth`.
fn facts(expr: &IdedExpr, truth: bool) -> Vec<String> {
    let Expr::Call(call) = &expr.expr else { return Vec::new() };
    let args = &call.args;
    match (call.func_name.as_str(), truth) {
        (operators::LOGICAL_AND, true) | (operators::LOGICAL_OR, false) => args.iter().flat_map(|a| facts(a, truth)).collect(),
        (operators::LOGICAL_NOT, _) => facts(&args[0], !truth),
        (operators::HAS, true) => path(&args[0]).into_iter().collect(),
        (operators::NOT_EQUALS, true) | (operators::EQUALS, false) => {
            let (a, b) = (&args[0], &args[1]);
            if is_null(b) {
                path(a).into_iter().collect()
            } else if is_null(a) {
                path(b).into_iter().collect()
            } else {
                Vec::new()
            }
        }
        (operators::EQUALS, true) => {
            let literal = |e: &IdedExpr| matches!(&e.expr, Expr::Literal(l) if *l != LiteralValue::Null);
            let (a, b) = (&args[0], &args[1]);
            if literal(b) {
                path(a).into_iter().collect()
            } else if literal(a) {
                path(b).into_iter().collect()
            } else {
                Vec::new()
            }
        }
        (operators::IN, true) => path(&args[0]).into_iter().collect(),
        _ => Vec::new(),
    }
}

struct Checker<'a> {
    names: Names,
    info: &'a SourceInfo,
    source: &'a str,
    not_null: Vec<String>,
    loops: usize,
    /// In a sentence `null` reads "none", and so does what is asked of it: no guard is needed.
    sentence: bool,
    mistakes: Vec<Mistake>,
}

type Checked = (Node, Option<Type>);

/// Loops inside loops: more would make an expression cost the cube of the data.
const DEEPEST_LOOP: usize = 2;

impl Checker<'_> {
    fn mistake(&mut self, code: Code, title: impl Into<String>, span: Range<usize>, label: &str, help: Option<String>) {
        self.mistakes.push(Mistake { code, title: title.into(), span, label: label.to_owned(), help: help.into_iter().collect() });
    }

    fn wrong(&mut self, code: Code, title: impl Into<String>, span: Range<usize>, label: &str, help: Option<String>) -> Checked {
        self.mistake(code, title, span, label, help);
        (Node::Const(Value::Null), None)
    }

    fn start(&self, expr: &IdedExpr) -> usize {
        self.info.offset_for(expr.id).map_or(0, |(start, _)| start as usize).min(self.source.len())
    }

    /// The bytes an expression is about: its name for names, fields and functions, its operator otherwise.
    fn span(&self, expr: &IdedExpr) -> Range<usize> {
        let at = self.start(expr);
        match &expr.expr {
            Expr::Ident(name) => at..at + name.len(),
            Expr::Select(select) => {
                let after = at + 1;
                let gap = self.source.get(after..).map_or(0, |rest| rest.len() - rest.trim_start().len());
                after + gap..after + gap + select.field.len()
            }
            Expr::Call(call) if call.func_name.starts_with(|c: char| c.is_alphabetic()) => {
                let before = self.source[..at].trim_end();
                let start = before.len().saturating_sub(call.func_name.len());
                start..before.len()
            }
            Expr::Literal(_) => {
                let stop = self.info.offset_for(expr.id).map_or(at, |(_, stop)| stop as usize);
                at..(stop + 1).min(self.source.len())
            }
            Expr::Call(call) => at..at + operator(&call.func_name).len().min(self.source.len() - at),
            _ => at..(at + 1).min(self.source.len()),
        }
    }

    fn must_be_bool(&mut self, expr: &IdedExpr, ty: Option<&Type>) {
        match ty {
            None | Some(Type::Bool) => {}
            Some(Type::Nullable(inner)) if **inner == Type::Bool => self.null_unsafe(expr),
            Some(other) => {
                let title = format!("expected bool, this is {other}");
                let span = self.span(expr);
                self.mistake(Code::ExpressionType, title, span, "not a bool", None);
            }
        }
    }

    /// The type without null; that it may be null is a mistake, and the rest is checked all the same.
    fn not_null_or_mistake(&mut self, expr: &IdedExpr, ty: Type) -> Type {
        match ty {
            Type::Nullable(inner) => {
                self.null_unsafe(expr);
                *inner
            }
            other => other,
        }
    }

    fn null_unsafe(&mut self, expr: &IdedExpr) {
        if self.sentence {
            return;
        }
        let span = self.span(expr);
        let name = path(expr).unwrap_or_else(|| "this".to_owned());
        let help = Some(format!("ask `{name} != null && …` first, or say what its absence means: `{name} == null || …`"));
        self.mistake(Code::NotNullSafe, format!("`{name}` may be absent"), span, "may be null here", help);
    }

    fn check(&mut self, expr: &IdedExpr) -> Checked {
        let (node, ty) = self.check_raw(expr);
        // A path that was asked about before is not null here.
        let narrowed = match ty {
            Some(Type::Nullable(inner)) if path(expr).is_some_and(|p| self.not_null.contains(&p)) => Some(*inner),
            other => other,
        };
        (node, narrowed)
    }

    fn check_raw(&mut self, expr: &IdedExpr) -> Checked {
        match &expr.expr {
            Expr::Literal(literal) => self.literal(expr, literal),
            Expr::Ident(name) => self.name(expr, name),
            Expr::Select(select) => self.select(expr, &select.operand, &select.field),
            Expr::List(list) => self.list(expr, &list.elements),
            Expr::Call(call) => self.call(expr, &call.func_name, call.target.as_deref(), &call.args),
            Expr::Map(_) | Expr::Struct(_) | Expr::Comprehension(_) | Expr::Unspecified => {
                let span = self.span(expr);
                self.wrong(Code::ExpressionSyntax, "structures cannot be written in a policy", span, "here", None)
            }
        }
    }

    fn literal(&mut self, expr: &IdedExpr, literal: &LiteralValue) -> Checked {
        match literal {
            LiteralValue::Boolean(b) => (Node::Const(Value::Bool(*b.inner())), Some(Type::Bool)),
            LiteralValue::Int(i) => (Node::Const(Value::Int(*i.inner())), Some(Type::Int)),
            LiteralValue::Double(d) => (Node::Const(Value::Double(*d.inner())), Some(Type::Double)),
            LiteralValue::String(s) => (Node::Const(Value::string(s.inner())), Some(Type::String)),
            LiteralValue::Null => (Node::Const(Value::Null), Some(Type::Null)),
            LiteralValue::Bytes(_) | LiteralValue::UInt(_) => {
                let span = self.span(expr);
                self.wrong(Code::ExpressionType, "bytes and unsigned numbers have no use here", span, "here", None)
            }
        }
    }

    fn name(&mut self, expr: &IdedExpr, name: &str) -> Checked {
        if let Some((slot, ty)) = self.names.get(name) {
            let known = !self.names.opaque.contains(name);
            return (Node::Slot(slot), known.then(|| ty.clone()));
        }
        let help = foreign::name(name).map(str::to_owned);
        let help = help.or_else(|| {
            let (_, ty) = self.names.get("resource")?;
            let Type::Resource(Some(kind)) = ty else { return None };
            kind.properties.field(name).map(|_| format!("did you mean `resource.{name}`?"))
        });
        let help = help.or_else(|| nearest(name, self.names.iter().map(|(n, _)| n)).map(|near| format!("did you mean `{near}`?")));
        let help = help.or_else(|| Some(format!("text stands in quotes: '{name}'")));
        let span = self.span(expr);
        self.wrong(Code::UnknownName, format!("nothing is called `{name}`"), span, "unknown name", help)
    }

    fn select(&mut self, expr: &IdedExpr, operand: &IdedExpr, field: &str) -> Checked {
        let (of, ty) = self.check(operand);
        let Some(ty) = ty else { return (of, None) };
        let ty = self.not_null_or_mistake(operand, ty);
        match ty {
            Type::Record(record) => match record.field(field) {
                Some((at, declared)) => (Node::Field(Box::new(of), at), Some(declared.ty.clone())),
                None => {
                    let code = if record.name == "params" { Code::UnknownParameter } else { Code::UnknownField };
                    self.no_field(expr, field, &record.name, code, record.fields.iter().map(|f| f.name.as_str()))
                }
            },
            Type::Resource(kind) => {
                if let Some((_, part)) = Envelope::ALL.iter().find(|(name, _)| *name == field) {
                    return (Node::Envelope(Box::new(of), *part), Some(part.ty()));
                }
                let Some(kind) = kind else {
                    return self.no_field(expr, field, "a resource of any type", Code::UnknownField, Envelope::ALL.iter().map(|(n, _)| *n));
                };
                match kind.properties.field(field) {
                    Some((at, declared)) => (Node::Property(Box::new(of), at), Some(declared.ty.clone())),
                    None => {
                        let known = kind.properties.fields.iter().map(|f| f.name.as_str());
                        self.no_field(expr, field, &kind.name, Code::UnknownField, known.chain(Envelope::ALL.iter().map(|(n, _)| *n)))
                    }
                }
            }
            Type::Map(value) => (Node::Index(Box::new(of), Box::new(Node::Const(Value::string(field)))), Some(*value)),
            other => {
                let span = self.span(expr);
                let help = foreign::function(field).map(str::to_owned);
                self.wrong(Code::UnknownField, format!("{other} has no fields"), span, "unknown field", help)
            }
        }
    }

    fn no_field<'n>(&mut self, expr: &IdedExpr, field: &str, of: &str, code: Code, known: impl Iterator<Item = &'n str>) -> Checked {
        let known: Vec<&str> = known.collect();
        let help = match nearest(field, known.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if of == "params" => Some("`keur policy list --parameters` shows them all".to_owned()),
            None if of.starts_with("AWS::") => Some(format!("`keur schema {of}` shows them all")),
            None => None,
        };
        let title = if of == "params" { format!("no parameter `{field}`") } else { format!("no field `{field}` on {of}") };
        let span = self.span(expr);
        self.wrong(code, title, span, "unknown field", help)
    }

    fn list(&mut self, expr: &IdedExpr, elements: &[IdedExpr]) -> Checked {
        let mut nodes = Vec::new();
        let mut item: Option<Type> = None;
        for element in elements {
            let (node, ty) = self.check(element);
            nodes.push(node);
            match (&item, ty) {
                (_, None) => return (Node::Const(Value::Null), None),
                (None, Some(ty)) => item = Some(ty),
                (Some(first), Some(ty)) if *first == ty => {}
                (Some(first), Some(ty)) => {
                    let title = format!("a list holds values of one type; this one begins with {first} and goes on with {ty}");
                    let span = self.span(element);
                    return self.wrong(Code::ExpressionType, title, span, "another type", None);
                }
            }
        }
        let Some(item) = item else {
            let span = self.span(expr);
            return self.wrong(Code::EmptyList, "an empty list contains nothing and matches nothing", span, "empty", None);
        };
        let constant = nodes.iter().map(|n| if let Node::Const(v) = n { Some(v.clone()) } else { None }).collect::<Option<Vec<_>>>();
        let node = constant.map_or_else(|| Node::List(nodes), |values| Node::Const(Value::List(values.into())));
        (node, Some(Type::List(Box::new(item))))
    }

    fn under<T>(&mut self, facts: Vec<String>, f: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.not_null.len();
        self.not_null.extend(facts);
        let result = f(self);
        self.not_null.truncate(before);
        result
    }

    fn call(&mut self, expr: &IdedExpr, name: &str, target: Option<&IdedExpr>, args: &[IdedExpr]) -> Checked {
        match (name, args) {
            (operators::LOGICAL_AND, [left, right]) => {
                let a = self.bool(left);
                let b = self.under(facts(left, true), |c| c.bool(right));
                (Node::And(Box::new(a), Box::new(b)), Some(Type::Bool))
            }
            (operators::LOGICAL_OR, [left, right]) => {
                let a = self.bool(left);
                let b = self.under(facts(left, false), |c| c.bool(right));
                (Node::Or(Box::new(a), Box::new(b)), Some(Type::Bool))
            }
            (operators::LOGICAL_NOT, [of]) => (Node::Not(Box::new(self.bool(of))), Some(Type::Bool)),
            (operators::CONDITIONAL, [condition, yes, no]) => self.conditional(expr, condition, yes, no),
            (operators::NEGATE, [of]) => {
                let (node, ty) = self.check(of);
                match ty {
                    Some(Type::Int | Type::Double | Type::Duration) | None => (Node::Negate(Box::new(node)), ty),
                    Some(other) => {
                        let span = self.span(expr);
                        self.wrong(Code::ExpressionType, format!("`-` does not take {other}"), span, "here", None)
                    }
                }
            }
            (operators::INDEX, [of, key]) => self.index(of, key),
            (operators::IN, [item, range]) => self.contained(expr, item, range),
            (operators::HAS, [of]) if target.is_none() => self.has(expr, of),
            ("all" | "exists" | "exists_one" | "filter" | "map", _) if target.is_some() => {
                let Some(target) = target else { unreachable!("internal error: just asked") };
                self.comprehension(expr, name, target, args)
            }
            ("matches", [pattern]) => match target {
                Some(target) => self.matches(expr, target, pattern),
                None => self.unknown_function(expr, name),
            },
            (_, [left, right]) if binary(name).is_some() => {
                let Some(op) = binary(name) else { unreachable!("internal error: just asked") };
                self.binary(expr, op, left, right)
            }
            _ => self.function(expr, name, target, args),
        }
    }

    fn bool(&mut self, expr: &IdedExpr) -> Node {
        let (node, ty) = self.check(expr);
        self.must_be_bool(expr, ty.as_ref());
        node
    }

    fn conditional(&mut self, expr: &IdedExpr, condition: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Checked {
        let test = self.bool(condition);
        let (a, a_ty) = self.under(facts(condition, true), |c| c.check(yes));
        let (b, b_ty) = self.under(facts(condition, false), |c| c.check(no));
        let (Some(a_ty), Some(b_ty)) = (a_ty, b_ty) else { return (a, None) };
        let ty = match (&a_ty, &b_ty) {
            (a, b) if a == b => a_ty,
            (Type::Null, other) | (other, Type::Null) => other.clone().nullable(),
            (a, b) if a.without_null() == b.without_null() => a.clone().nullable(),
            _ => {
                let span = self.span(expr);
                return self.wrong(Code::ExpressionType, format!("one way gives {a_ty}, the other {b_ty}"), span, "here", None);
            }
        };
        (Node::If(Box::new(test), Box::new(a), Box::new(b)), Some(ty))
    }

    fn index(&mut self, of: &IdedExpr, key: &IdedExpr) -> Checked {
        let (node, ty) = self.check(of);
        let (key_node, key_ty) = self.check(key);
        let (Some(ty), Some(key_ty)) = (ty, key_ty) else {
            return (node, None);
        };
        match (&ty, &key_ty) {
            (Type::Map(value), Type::String) => (Node::Index(Box::new(node), Box::new(key_node)), Some((**value).clone())),
            (Type::List(item), Type::Int) => (Node::Index(Box::new(node), Box::new(key_node)), Some((**item).clone())),
            (Type::Nullable(_), _) => {
                self.null_unsafe(of);
                (node, None)
            }
            _ => {
                let span = self.span(key);
                self.wrong(Code::ExpressionType, format!("{ty} is not indexed by {key_ty}"), span, "wrong index", None)
            }
        }
    }

    fn contained(&mut self, expr: &IdedExpr, item: &IdedExpr, range: &IdedExpr) -> Checked {
        let (item_node, item_ty) = self.check(item);
        let (range_node, range_ty) = self.check(range);
        let (Some(item_ty), Some(range_ty)) = (item_ty, range_ty) else {
            return (item_node, None);
        };
        let element = match &range_ty {
            Type::List(element) => element.as_ref(),
            Type::Map(_) => &Type::String,
            Type::Nullable(_) => {
                self.null_unsafe(range);
                return (item_node, None);
            }
            other => {
                let span = self.span(expr);
                return self.wrong(Code::ExpressionType, format!("`in` asks a list or a map, this is {other}"), span, "here", None);
            }
        };
        if !comparable(&item_ty, element) {
            let title = format!("{item_ty} is never in {range_ty}");
            let span = self.span(expr);
            return self.wrong(Code::ExpressionType, title, span, "different types", None);
        }
        if let Expr::List(list) = &range.expr {
            list.elements.iter().for_each(|element| self.can_be(&item_node, element));
        }
        (Node::In(Box::new(item_node), Box::new(range_node)), Some(Type::Bool))
    }

    fn has(&mut self, expr: &IdedExpr, of: &IdedExpr) -> Checked {
        if let Expr::Select(select) = &of.expr {
            let (operand, ty) = self.check(&select.operand);
            if let Some(Type::Map(_)) = ty {
                return (Node::HasKey(Box::new(operand), select.field.as_str().into()), Some(Type::Bool));
            }
            let (node, ty) = self.check(of);
            return match ty {
                None => (node, None),
                Some(Type::Nullable(_)) => (Node::NotNull(Box::new(node)), Some(Type::Bool)),
                Some(_) => {
                    let span = self.span(of);
                    self.wrong(Code::NeverMatches, format!("`{}` is always there", select.field), span, "never absent", None)
                }
            };
        }
        let span = self.span(expr);
        self.wrong(Code::ExpressionSyntax, "`has` asks for a field: `has(resource.field)`", span, "here", None)
    }

    fn comprehension(&mut self, expr: &IdedExpr, name: &str, target: &IdedExpr, args: &[IdedExpr]) -> Checked {
        let (range, range_ty) = self.check(target);
        let [variable, body] = args else {
            let span = self.span(expr);
            let title = format!("`{name}` takes a name and a condition: `list.{name}(x, …x…)`");
            return self.wrong(Code::UnknownFunction, title, span, "wrong number of arguments", None);
        };
        let Expr::Ident(variable) = &variable.expr else {
            let span = self.span(variable);
            return self.wrong(Code::ExpressionSyntax, format!("the first argument of `{name}` is a name"), span, "not a name", None);
        };
        let Some(range_ty) = range_ty else { return (range, None) };
        let item = match self.not_null_or_mistake(target, range_ty) {
            Type::List(item) => *item,
            Type::Map(_) => Type::String,
            other => {
                let span = self.span(expr);
                return self.wrong(Code::ExpressionType, format!("`{name}` goes over a list, this is {other}"), span, "not a list", None);
            }
        };
        if self.loops >= DEEPEST_LOOP {
            let span = self.span(expr);
            let title = "loops can be nested twice; bind the inner list with `with:` instead";
            return self.wrong(Code::BudgetExceeded, title, span, "too deep", None);
        }
        let outer = self.names.clone();
        self.loops += 1;
        self.names.bind(variable.clone(), item);
        let outer_paths = self.not_null.clone();
        // The loop's name hides what may be known about something of the same name outside.
        self.not_null.retain(|p| p != variable && !p.starts_with(&format!("{variable}.")));
        let (node, ty) = self.check(body);
        let kind = match name {
            "all" => Macro::All,
            "exists" => Macro::Exists,
            "exists_one" => Macro::ExistsOne,
            "filter" => Macro::Filter,
            _ => Macro::Map,
        };
        let item = self.names.get(variable).map(|(_, t)| t.clone());
        let result = match (kind, ty) {
            (Macro::Map, ty) => ty.map(|ty| Type::List(Box::new(ty))),
            (_, ty) => {
                self.must_be_bool(body, ty.as_ref());
                match kind {
                    Macro::Filter => item.map(|item| Type::List(Box::new(item))),
                    Macro::All | Macro::Exists | Macro::ExistsOne | Macro::Map => Some(Type::Bool),
                }
            }
        };
        self.names = outer;
        self.not_null = outer_paths;
        self.loops -= 1;
        (Node::Loop(kind, Box::new(range), Box::new(node)), result)
    }

    fn matches(&mut self, expr: &IdedExpr, target: &IdedExpr, pattern: &IdedExpr) -> Checked {
        let (node, ty) = self.check(target);
        match ty {
            None => return (node, None),
            Some(Type::String) => {}
            Some(Type::Nullable(_)) => {
                self.null_unsafe(target);
                return (node, None);
            }
            Some(other) => {
                let span = self.span(expr);
                return self.wrong(Code::ExpressionType, format!("`matches` is a method of text, this is {other}"), span, "not text", None);
            }
        }
        let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
            let span = self.span(pattern);
            return self.wrong(Code::ExpressionType, "the pattern of `matches` is a text in quotes", span, "not a literal", None);
        };
        match regex::Regex::new(text.inner()) {
            Ok(regex) => (Node::Matches(Box::new(node), regex), Some(Type::Bool)),
            Err(_) => {
                let span = self.span(pattern);
                self.wrong(Code::ExpressionSyntax, "this is not a regular expression", span, "not a pattern", None)
            }
        }
    }

    fn binary(&mut self, expr: &IdedExpr, op: Binary, left: &IdedExpr, right: &IdedExpr) -> Checked {
        let (a, a_ty) = self.check(left);
        let (b, b_ty) = self.check(right);
        let (Some(a_ty), Some(b_ty)) = (a_ty, b_ty) else { return (a, None) };
        let symbol = operator_of(op);
        let result = match op {
            Binary::Equal | Binary::NotEqual => {
                let pair = (&a_ty, &b_ty);
                if let (Type::Null, other) | (other, Type::Null) = pair
                    && !matches!(other, Type::Nullable(_) | Type::Null)
                {
                    let span = self.span(expr);
                    return self.wrong(Code::NeverMatches, format!("{other} is never null here"), span, "always the same", None);
                }
                self.can_be(&a, right);
                self.can_be(&b, left);
                comparable(&a_ty, &b_ty).then_some(Type::Bool)
            }
            _ => {
                let (a_ty, b_ty) = (self.not_null_or_mistake(left, a_ty.clone()), self.not_null_or_mistake(right, b_ty.clone()));
                arithmetic(op, &a_ty, &b_ty)
            }
        };
        match result {
            Some(ty) => (Node::Binary(op, Box::new(a), Box::new(b)), Some(ty)),
            None => {
                let span = self.span(expr);
                let title = format!("`{symbol}` does not take {a_ty} and {b_ty}");
                let help = operand_help(&a_ty, &b_ty, right, left);
                self.wrong(Code::ExpressionType, title, span, "different types", help)
            }
        }
    }

    /// What every resource has, if that is what the node reads: `environment`, `r.region`.
    fn envelope_of(&self, node: &Node) -> Option<&'static str> {
        match node {
            Node::Envelope(_, part) => Envelope::ALL.iter().find(|(_, p)| p == part).map(|(name, _)| *name),
            Node::Slot(slot) => {
                let (name, _) = self.names.iter().nth(*slot)?;
                // A loop variable of the same name stands in a slot behind the first.
                let first = self.names.iter().position(|(n, _)| n == name) == Some(*slot);
                Envelope::ALL.iter().find(|(n, _)| first && *n == name).map(|(name, _)| *name)
            }
            _ => None,
        }
    }

    /// A text that what it is compared with can never be.
    fn can_be(&mut self, of: &Node, literal: &IdedExpr) {
        let Expr::Literal(LiteralValue::String(text)) = &literal.expr else { return };
        let Some(name) = self.envelope_of(of) else { return };
        let Some((words, all)) = self.names.words.get(name).cloned() else { return };
        if words.iter().any(|word| word == text.inner()) {
            return;
        }
        let help = match nearest(text.inner(), words.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if !all => return,
            None => format!("it can be: {}", words.iter().take(12).map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")),
        };
        let span = self.span(literal);
        self.mistake(Code::NeverMatches, format!("`{name}` is never `{}`", text.inner()), span, "never so", Some(help));
    }

    fn unknown_function(&mut self, expr: &IdedExpr, name: &str) -> Checked {
        const MACROS: &[&str] = &["all", "exists", "exists_one", "filter", "map", "has", "matches"];
        let known = functions().iter().map(|f| f.name).chain(MACROS.iter().copied());
        let help = foreign::function(name).map(str::to_owned);
        let help = help.or_else(|| nearest(name, known).map(|near| format!("did you mean `{near}`?")));
        let span = self.span(expr);
        self.wrong(Code::UnknownFunction, format!("there is no function `{name}`"), span, "unknown function", help)
    }

    fn function(&mut self, expr: &IdedExpr, name: &str, target: Option<&IdedExpr>, args: &[IdedExpr]) -> Checked {
        let named: Vec<&'static Function> = functions().iter().filter(|f| f.name == name).collect();
        if named.is_empty() {
            return self.unknown_function(expr, name);
        }
        let Some(function) = named.into_iter().find(|f| f.method == target.is_some()) else {
            let usage = functions().iter().find(|f| f.name == name).map_or("", |f| f.usage);
            let span = self.span(expr);
            return self.wrong(Code::UnknownFunction, format!("`{name}` is called so: `{usage}`"), span, "not so", None);
        };
        let mut nodes = Vec::new();
        let mut types = Vec::new();
        for argument in target.into_iter().chain(args) {
            let (node, ty) = self.check(argument);
            match ty {
                None => return (node, None),
                Some(ty) => types.push(self.not_null_or_mistake(argument, ty)),
            }
            nodes.push(node);
        }
        let Some(result) = (function.check)(&types) else {
            let given = types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let span = self.span(expr);
            let title = format!("`{name}` does not take ({given})");
            let help = match (name, types.first()) {
                ("contains", Some(Type::List(_) | Type::Map(_))) => "write `item in list`, or `'key' in map`".to_owned(),
                _ => format!("it is called so: `{}`", function.usage),
            };
            return self.wrong(Code::ExpressionType, title, span, "wrong arguments", Some(help));
        };
        if let [Node::Const(Value::String(text))] = nodes.as_slice() {
            let bad = match name {
                "duration" => parse_duration(text).is_none().then_some("a duration is written like 26h, 7d or 1h30m"),
                "timestamp" => text.parse::<jiff::Timestamp>().is_err().then_some("a time is written like 2026-01-31T12:00:00Z"),
                _ => None,
            };
            if let Some(help) = bad {
                let span = args.first().map_or(0..0, |a| self.span(a));
                return self.wrong(Code::BadValue, format!("`{text}` is not a {name}"), span, "here", Some(help.to_owned()));
            }
        }
        (Node::Call(function, nodes), Some(result))
    }
}

fn operand_help(a: &Type, b: &Type, right: &IdedExpr, left: &IdedExpr) -> Option<String> {
    let literal = |e: &IdedExpr| match &e.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
        _ => None,
    };
    let time = |text: &str| match text.parse::<jiff::civil::Date>() {
        Ok(date) => format!("write `timestamp('{date}T00:00:00Z')`"),
        Err(_) => format!("write `timestamp('{text}')`"),
    };
    match (a, b) {
        (Type::Duration, Type::String) => literal(right).map(|text| format!("write `duration('{text}')`")),
        (Type::String, Type::Duration) => literal(left).map(|text| format!("write `duration('{text}')`")),
        (Type::Timestamp, Type::String) => literal(right).map(|text| match parse_duration(&text) {
            Some(_) => format!("an age is a span of time: `now - x < duration('{text}')`"),
            None => time(&text),
        }),
        (Type::String, Type::Timestamp) => literal(left).map(|text| time(&text)),
        (Type::Duration, Type::Int | Type::Double) | (Type::Int | Type::Double, Type::Duration) => {
            Some("a span of time has a unit: `duration('24h')`, `duration('7d')`".to_owned())
        }
        (Type::Timestamp, Type::Int | Type::Double) | (Type::Int | Type::Double, Type::Timestamp) => {
            Some("a date is written `timestamp('2026-01-31T00:00:00Z')`, an age `now - x < duration('7d')`".to_owned())
        }
        (Type::Timestamp, Type::Duration) | (Type::Duration, Type::Timestamp) => {
            Some("the age of something is `now - x`: compare that with the span of time".to_owned())
        }
        (Type::String, Type::Bool) | (Type::Bool, Type::String) => Some("`true` and `false` stand without quotes".to_owned()),
        (Type::String, Type::Int | Type::Double) | (Type::Int | Type::Double, Type::String) => {
            Some("numbers stand without quotes, text in quotes".to_owned())
        }
        _ => None,
    }
}

fn comparable(a: &Type, b: &Type) -> bool {
    match (a.without_null(), b.without_null()) {
        (Type::Null, _) | (_, Type::Null) => true,
        (Type::Int, Type::Double) | (Type::Double, Type::Int) => true,
        (Type::List(a), Type::List(b)) => comparable(a, b),
        (Type::Resource(_), Type::Resource(_)) => true,
        (a, b) => a == b,
    }
}

fn arithmetic(op: Binary, a: &Type, b: &Type) -> Option<Type> {
    let ordered = matches!(op, Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual);
    if ordered {
        let number = |t: &Type| matches!(t, Type::Int | Type::Double);
        let same = a == b && matches!(a, Type::String | Type::Timestamp | Type::Duration);
        return (same || (number(a) && number(b))).then_some(Type::Bool);
    }
    match (op, a, b) {
        (Binary::Modulo, Type::Int, Type::Int) => Some(Type::Int),
        (Binary::Modulo, _, _) => None,
        (_, Type::Int, Type::Int) => Some(Type::Int),
        (_, Type::Double, Type::Double) => Some(Type::Double),
        (Binary::Add, Type::String, Type::String) => Some(Type::String),
        (Binary::Add, Type::List(x), Type::List(y)) if x == y => Some(a.clone()),
        (Binary::Subtract, Type::Timestamp, Type::Timestamp) => Some(Type::Duration),
        (Binary::Add | Binary::Subtract, Type::Timestamp, Type::Duration) | (Binary::Add, Type::Duration, Type::Timestamp) => {
            Some(Type::Timestamp)
        }
        (Binary::Add | Binary::Subtract, Type::Duration, Type::Duration) => Some(Type::Duration),
        _ => None,
    }
}

const OPERATORS: &[(&str, Binary, &str)] = &[
    (operators::EQUALS, Binary::Equal, "=="),
    (operators::NOT_EQUALS, Binary::NotEqual, "!="),
    (operators::LESS, Binary::Less, "<"),
    (operators::LESS_EQUALS, Binary::LessEqual, "<="),
    (operators::GREATER, Binary::Greater, ">"),
    (operators::GREATER_EQUALS, Binary::GreaterEqual, ">="),
    (operators::ADD, Binary::Add, "+"),
    (operators::SUBSTRACT, Binary::Subtract, "-"),
    (operators::MULTIPLY, Binary::Multiply, "*"),
    (operators::DIVIDE, Binary::Divide, "/"),
    (operators::MODULO, Binary::Modulo, "%"),
];

fn binary(name: &str) -> Option<Binary> {
    OPERATORS.iter().find(|(n, _, _)| *n == name).map(|(_, op, _)| *op)
}

fn operator_of(op: Binary) -> &'static str {
    OPERATORS.iter().find(|(_, o, _)| *o == op).map_or("", |(_, _, symbol)| symbol)
}

fn operator(name: &str) -> &'static str {
    match name {
        operators::LOGICAL_AND => "&&",
        operators::LOGICAL_OR => "||",
        operators::LOGICAL_NOT => "!",
        operators::IN => "in",
        operators::INDEX => "[",
        operators::CONDITIONAL => "?",
        operators::NEGATE => "-",
        _ => OPERATORS.iter().find(|(n, _, _)| *n == name).map_or("", |(_, _, symbol)| symbol),
    }
}
