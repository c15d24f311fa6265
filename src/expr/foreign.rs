//! Spellings from other languages: what people write who know Python, SQL, Rego, JMESPath or Terraform, and how CEL says it.

use std::ops::Range;

use super::Mistake;
use crate::diag::Code;

/// Every spelling of another language in an expression that the parser refused.
pub(super) fn spellings(source: &str) -> Vec<Mistake> {
    let mut found = Vec::new();
    let tokens = tokens(source);
    for (at, (span, token)) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |at| tokens[at].1);
        // `.and` would be a field.
        let said = if before == "." { None } else { meaning(token) };
        let said = said.or_else(|| tuple(token, &tokens[at + 1..]));
        if let Some((title, help)) = said {
            found.push(Mistake { code: Code::ExpressionSyntax, title, span: span.clone(), label: "here".to_owned(), help: vec![help] });
        }
    }
    // Quotes come in pairs; one is enough to be told.
    let mut told = std::collections::BTreeSet::new();
    found.retain(|mistake| !source[mistake.span.clone()].starts_with(QUOTES) || told.insert(mistake.title.clone()));
    found
}

/// Quotes that CEL does not have.
const QUOTES: [char; 6] = ['`', '‘', '’', '“', '”', '„'];

/// `in (a, b)`, a list of SQL and Python.
fn tuple(token: &str, next: &[(Range<usize>, &str)]) -> Option<(String, String)> {
    let mut inner = next.iter().map(|(_, token)| *token);
    let opened = token.eq_ignore_ascii_case("in") && inner.next() == Some("(");
    let comma = opened && inner.take_while(|token| !matches!(*token, "(" | ")")).any(|token| token == ",");
    comma.then(|| ("a list does not stand in round brackets".to_owned(), "write `x in ['a', 'b']`".to_owned()))
}

/// What a token of another language is called, and how it is said here.
fn meaning(token: &str) -> Option<(String, String)> {
    let low = token.to_ascii_lowercase();
    let plain = |write: &str| Some((format!("`{token}` is not an operator"), format!("write `{write}`")));
    match low.as_str() {
        "and" => plain("&&"),
        "or" => plain("||"),
        "not" => Some(("`not` is not an operator".to_owned(), "write `!` before what is negated: `!(a in list)`".to_owned())),
        "is" => Some(("`is` is not an operator".to_owned(), "write `==` or `!=`: `resource.kms_key_id == null`".to_owned())),
        "eq" | "equals" => plain("=="),
        "ne" => plain("!="),
        "&" => plain("&&"),
        "|" => Some(("`|` is not an operator".to_owned(), "write `||` for \"or\"; values go into functions: `size(list)`".to_owned())),
        "=" => Some(("`=` does not compare".to_owned(), "write `==`".to_owned())),
        "===" => plain("=="),
        "!==" | "<>" => plain("!="),
        "=~" | "!~" => Some((format!("`{token}` is not an operator"), "write `text.matches('pattern')`".to_owned())),
        "like" | "ilike" => Some((
            format!("`{token}` is not an operator"),
            "write `text.startsWith('…')`, `text.endsWith('…')` or `text.matches('pattern')`".to_owned(),
        )),
        "contains" => Some(("`contains` is not an operator".to_owned(), "write `item in list`, or `text.contains('part')`".to_owned())),
        "between" => Some(("`between` is not an operator".to_owned(), "write `low <= value && value <= high`".to_owned())),
        "if" | "then" | "else" | "elif" => Some((format!("`{token}` has no meaning here"), "write `condition ? this : that`".to_owned())),
        "??" => Some(("`??` is not an operator".to_owned(), "write `x == null ? other : x`".to_owned())),
        "?." | ".?" => {
            Some((format!("`{token}` is not allowed: it would hide what is unknown"), "ask `x != null && x.field …` first".to_owned()))
        }
        ":=" => Some(("nothing can be assigned".to_owned(), "compare with `==`; bind linked resources with `with:`".to_owned())),
        "=>" | "->" => Some((format!("`{token}` is not an operator"), "a loop is written `list.all(x, condition on x)`".to_owned())),
        "**" | "^" | "~" => {
            Some((format!("`{token}` is not an operator"), "the operators are `+ - * / % == != < <= > >= && || ! in`".to_owned()))
        }
        ";" => Some(("`;` ends nothing here".to_owned(), "join conditions with `&&`".to_owned())),
        "#" => Some((
            "a comment cannot stand in an expression".to_owned(),
            "write it in `description:`, or above the key in the file".to_owned(),
        )),
        "`" => Some(("text does not stand in backticks".to_owned(), "write it in single quotes: 'text'".to_owned())),
        "‘" | "’" | "“" | "”" | "„" => {
            Some(("these are the quotes of a text processor".to_owned(), "write 'text' or \"text\"".to_owned()))
        }
        "${" | "{{" | "}}" => {
            Some((format!("`{token}` has no meaning here"), "an expression stands for itself: write what is in the braces".to_owned()))
        }
        _ => duration(token)
            .map(|written| (format!("`{token}` is not a value"), format!("a span of time is written `duration('{written}')`"))),
    }
}

/// `24h`, `2d`, `90min`: a number with a unit, as `duration` takes it.
fn duration(token: &str) -> Option<String> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = token.split_at(digits);
    let unit = match unit.to_ascii_lowercase().as_str() {
        _ if number.is_empty() => return None,
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

/// Operators of other languages, the longest first; those of CEL as well, so that none is found within another.
const OPERATORS: &[&str] =
    &["===", "!==", "==", "!=", "<=", ">=", "<>", "=~", "!~", "&&", "||", "??", "?.", ".?", ":=", "=>", "->", "**", "//", "${", "{{", "}}"];

/// Words, numbers with what hangs on them, and operators, with their places; what stands in quotes is left out.
fn tokens(source: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if let '\'' | '"' = first {
            at += text_length(rest, first);
            continue;
        }
        let word: usize = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
        let operator = OPERATORS.iter().find(|operator| rest.starts_with(**operator)).map(|operator| operator.len());
        let len = if word > 0 { word } else { operator.unwrap_or(first.len_utf8()) };
        found.push((at..at + len, &rest[..len]));
        at += len;
    }
    found
}

/// How long a text in quotes is, with its quotes; to the end where it is not closed.
fn text_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// What a name of another language is called here.
pub(super) fn name(name: &str) -> Option<&'static str> {
    match name {
        "None" | "nil" | "NULL" | "Null" | "undefined" | "nothing" => Some("write `null`"),
        "True" | "TRUE" | "yes" | "Yes" | "on" => Some("write `true`"),
        "False" | "FALSE" | "no" | "No" | "off" => Some("write `false`"),
        "self" | "this" | "input" | "it" | "item" | "data" | "each" => Some("the resource that is judged is called `resource`"),
        "var" | "vars" | "local" | "locals" | "config" | "parameters" | "param" => Some("parameters are called `params`: `params.name`"),
        "env" => Some("it is called `environment`"),
        "today" | "time" => Some("the moment of the run is called `now`"),
        "type" => Some("write `resource.type`"),
        "arn" => Some("write `resource.arn`"),
        "id" => Some("write `resource.id`"),
        _ => None,
    }
}

/// How a function of another language is said here.
pub(super) fn function(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "any" | "some" | "anyof" | "anytrue" => Some("write `list.exists(x, condition on x)`"),
        "every" | "forall" | "allof" | "alltrue" => Some("write `list.all(x, condition on x)`"),
        "none" | "noneof" => Some("write `!list.exists(x, condition on x)`"),
        "length" | "len" | "count" => Some("write `size(list)` or `list.size()`"),
        "isempty" | "is_empty" | "empty" => Some("write `size(list) == 0`"),
        "includes" | "has_key" | "haskey" | "containskey" | "has_any" | "element" => Some("write `item in list`, or `'key' in map`"),
        "startswith" | "starts_with" | "hasprefix" | "has_prefix" => Some("write `text.startsWith('…')`"),
        "endswith" | "ends_with" | "hassuffix" | "has_suffix" => Some("write `text.endsWith('…')`"),
        "lower" | "tolower" | "to_lower" | "lowercase" | "tolowercase" | "downcase" | "upper" | "toupper" | "to_upper" | "upperascii" => {
            Some("write `text.lowerAscii()` and compare with lower case")
        }
        "match" | "regex" | "regex_match" | "re_match" | "test" => Some("write `text.matches('pattern')`"),
        "unique" | "uniq" | "set" | "toset" => Some("write `list.distinct()`"),
        "coalesce" | "default" | "orelse" | "lookup" | "try" | "get" => Some("write `x == null ? other : x`"),
        "isnull" | "is_null" | "exists_key" | "defined" => Some("write `x == null`, or `has(resource.field)`"),
        "select" | "where" => Some("write `list.filter(x, condition on x)`"),
        "collect" | "foreach" => Some("write `list.map(x, value of x)`"),
        "days" | "hours" | "minutes" | "timedelta" | "interval" => Some("write `duration('24h')` or `duration('7d')`"),
        "date" | "datetime" | "parse_time" | "todate" => Some("write `timestamp('2026-01-31T12:00:00Z')`"),
        "now" | "today" | "utcnow" | "current_timestamp" => Some("the moment of the run is called `now`, without brackets"),
        _ => None,
    }
}
