//! The truth tables, the type checker, and the agreement with the evaluator of the `cel` crate.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else a value is, the answer is the same")]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Names, Truth, World, compile, eval};
use crate::diag::Code;
use crate::estate::{Field, Gap, Reason, Record, RecordType, Type, Value};

fn gap(name: &str) -> Value {
    Value::Unknown(Arc::new(Gap {
        service: "rds".to_owned(),
        operation: name.to_owned(),
        account: String::new(),
        region: String::new(),
        reason: Reason::Denied,
        code: None,
        subject: None,
    }))
}

/// t, f, u: true, false, unknown; n: null or bool; list: [f, u], and more.
fn names() -> (Names, Vec<Value>) {
    let record = Arc::new(RecordType {
        name: "Record".to_owned(),
        doc: String::new(),
        fields: vec![
            Field { name: "port".to_owned(), doc: String::new(), ty: Type::Int },
            Field { name: "zone".to_owned(), doc: String::new(), ty: Type::String.nullable() },
        ],
    });
    let item = |port: Value, zone: Value| Value::Record(Arc::new(Record { ty: Arc::clone(&record), values: [port, zone].into() }));
    let mut names = Names::default();
    let mut values = Vec::new();
    let mut bind = |name: &str, ty: Type, value: Value| {
        names.bind(name, ty);
        values.push(value);
    };
    let ints = || Type::List(Box::new(Type::Int));
    bind("t", Type::Bool, Value::Bool(true));
    bind("f", Type::Bool, Value::Bool(false));
    bind("u", Type::Bool, gap("U"));
    bind("n", Type::Bool.nullable(), Value::Null);
    bind("nt", Type::Bool.nullable(), Value::Bool(true));
    bind("i", Type::Int, Value::Int(3));
    bind("s", Type::String, Value::string("text"));
    bind("known", ints(), Value::List([Value::Int(1), Value::Int(2)].into()));
    bind("partly", ints(), Value::List([Value::Int(1), gap("REST")].into()));
    bind("none", ints(), Value::List([].into()));
    bind("unseen", ints(), gap("LIST"));
    bind(
        "rules",
        Type::List(Box::new(Type::Record(Arc::clone(&record)))),
        Value::List([item(Value::Int(22), Value::Null), item(gap("PORT"), Value::string("a"))].into()),
    );
    bind("rule", Type::Record(Arc::clone(&record)), item(Value::Int(443), Value::Null));
    let tags = BTreeMap::from([(Arc::from("Environment"), Value::string("production"))]);
    bind("tags", Type::Map(Box::new(Type::String)), Value::Map(Arc::new(tags)));
    bind("now", Type::Timestamp, Value::Timestamp("2026-01-02T00:00:00Z".parse().unwrap()));
    bind("then", Type::Timestamp, Value::Timestamp("2026-01-01T00:00:00Z".parse().unwrap()));
    (names, values)
}

fn truth(source: &str) -> Truth {
    let (names, slots) = names();
    let program = compile(source, &names, &[]).unwrap_or_else(|m| panic!("{source}: {m:?}"));
    program.evaluate(&mut World { resources: &[], slots, sentence: false, shared: None })
}

/// The three letters of the truth tables.
fn letter(source: &str) -> char {
    match truth(source) {
        Truth::True => 't',
        Truth::False { .. } => 'f',
        Truth::Unknown { .. } => 'u',
    }
}

#[test]
fn and_or_not_follow_kleene() {
    for (a, b, and, or) in [
        ("t", "t", 't', 't'),
        ("t", "f", 'f', 't'),
        ("t", "u", 'u', 't'),
        ("f", "t", 'f', 't'),
        ("f", "f", 'f', 'f'),
        ("f", "u", 'f', 'u'),
        ("u", "t", 'u', 't'),
        ("u", "f", 'f', 'u'),
        ("u", "u", 'u', 'u'),
    ] {
        assert_eq!(letter(&format!("{a} && {b}")), and, "{a} && {b}");
        assert_eq!(letter(&format!("({a} && {b}) || {b} && {a}")), and, "{a} && {b}, nested");
        assert_eq!(letter(&format!("{a} || {b}")), or, "{a} || {b}");
        assert_eq!(letter(&format!("!(!{a} && !{b})")), or, "de Morgan of {a}, {b}");
    }
    assert_eq!(letter("!u"), 'u');
}

#[test]
fn an_unknown_spreads_unless_the_rest_decides() {
    for (source, expected) in [
        ("u == t", 'u'),
        ("u != t", 'u'),
        ("u ? t : f", 'u'),
        ("u ? t : t", 't'),
        ("t ? t : u", 't'),
        ("partly.all(x, x > 0)", 'u'),
        ("partly.all(x, x > 1)", 'f'),
        ("partly.exists(x, x == 1)", 't'),
        ("partly.exists(x, x == 2)", 'u'),
        ("partly.exists_one(x, x == 1)", 'u'),
        ("partly.exists_one(x, x > 0)", 'u'),
        ("known.exists_one(x, x > 0)", 'f'),
        ("1 in partly", 't'),
        ("2 in partly", 'u'),
        ("partly.size() == 2", 'u'),
        ("partly.atLeast(1)", 't'),
        ("partly.atLeast(2)", 'u'),
        ("known.atLeast(3)", 'f'),
        ("partly.filter(x, x > 1).exists(x, x > 1)", 'u'),
        ("partly.map(x, x + 1).exists(x, x == 2)", 't'),
        ("partly == known", 'u'),
        ("unseen.all(x, x > 0)", 'u'),
        ("unseen.exists(x, x > 0)", 'u'),
        ("none.all(x, x > 0)", 't'),
        ("none.exists(x, x > 0)", 'f'),
        ("rules.exists(r, r.port == 22)", 't'),
        ("rules.all(r, r.port == 22)", 'u'),
        ("rules.all(r, r.port == 23)", 'f'),
        ("u && none.exists(x, x > 0)", 'f'),
        ("partly.exists(x, t && f || t)", 't'),
        ("partly.filter(x, x > 1).exists(x, t || f)", 'u'),
        ("partly.filter(x, x > 1).all(x, f && t)", 'u'),
        ("partly.map(x, i).atLeast(1)", 't'),
        ("(s + ':a:b').before(':') == s", 't'),
        ("s.before(':') == s", 't'),
        ("s.oneOf(['text'], ['other'])", 't'),
        ("s.oneOf(['other'], ['text'])", 'f'),
        ("s.oneOf(['more'], ['other'])", 'u'),
        ("partly.filter(x, x > 1).map(x, i).exists(x, x == 3)", 'u'),
    ] {
        assert_eq!(letter(source), expected, "{source}");
    }
}

#[test]
fn null_is_known_absence() {
    for (source, expected) in [
        ("n == null", 't'),
        ("n != null && n", 'f'),
        ("n == null || n", 't'),
        ("nt != null && nt", 't'),
        ("has(rule.zone)", 'f'),
        ("rule.zone == null || rule.zone.startsWith('eu')", 't'),
        ("rules.exists(r, r.zone != null && r.zone == 'a')", 't'),
        ("'Environment' in tags && tags['Environment'] == 'production'", 't'),
        ("has(tags.Owner)", 'f'),
    ] {
        assert_eq!(letter(source), expected, "{source}");
    }
}

#[test]
fn time_is_measured_in_durations() {
    assert_eq!(letter("now - then <= duration('24h')"), 't');
    assert_eq!(letter("now - then < duration('1d')"), 'f');
    assert_eq!(letter("then + duration('1d') == now"), 't');
    assert_eq!(letter("timestamp('2026-01-02T00:00:00Z') == now"), 't');
}

#[test]
fn the_clause_and_the_gap_are_named() {
    assert!(matches!(truth("t && (t || f) && f && u"), Truth::False { clause: 2 }));
    let Truth::Unknown { clause, gap } = truth("t && u && t") else { panic!("unknown") };
    assert_eq!((clause, gap.operation.as_str()), (1, "U"));
    // A later false decides although something before is unknown.
    assert!(matches!(truth("u && f"), Truth::False { clause: 1 }));
}

#[test]
fn errors_at_run_time_are_unknown_and_never_a_verdict() {
    for source in ["i / (i - 3) == 1", "tags['Owner'] == 'x'", "known[7] == 1", "s.arnRegion() == 'x'", "i % 0 == 1"] {
        let Truth::Unknown { gap, .. } = truth(source) else { panic!("{source}") };
        assert_eq!(gap.reason, Reason::PolicyError, "{source}");
    }
}

fn mistakes(source: &str) -> Vec<(Code, String)> {
    let (names, _) = names();
    match compile(source, &names, &[]) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.into_iter().map(|m| (m.code, source.get(m.span).unwrap_or("<outside>").to_owned())).collect(),
    }
}

#[test]
fn every_mistake_is_found_at_its_place() {
    for (source, expected) in [
        ("tt", vec![(Code::UnknownName, "tt")]),
        ("rule.prot == 3", vec![(Code::UnknownField, "prot")]),
        ("rules.all(r, r.prot > 1)", vec![(Code::UnknownField, "prot")]),
        ("s > 3", vec![(Code::ExpressionType, ">")]),
        ("s == 3", vec![(Code::ExpressionType, "==")]),
        ("i", vec![(Code::ExpressionType, "i")]),
        ("n", vec![(Code::NotNullSafe, "n")]),
        ("rule.zone.startsWith('eu')", vec![(Code::NotNullSafe, "zone")]),
        ("s.startWith('eu')", vec![(Code::UnknownFunction, "startWith")]),
        ("known.all(x)", vec![(Code::UnknownFunction, "all")]),
        ("s in known", vec![(Code::ExpressionType, "in")]),
        ("i = 3", vec![(Code::ExpressionSyntax, "=")]),
        ("t and f", vec![(Code::ExpressionSyntax, "and")]),
        ("t &&", vec![(Code::ExpressionSyntax, "")]),
        ("rule.?zone == 'x'", vec![(Code::ExpressionSyntax, ".?")]),
        ("s == 'open", vec![(Code::ExpressionSyntax, "'")]),
        ("now - then < '24h'", vec![(Code::ExpressionType, "<")]),
        ("duration('26x') > duration('1h')", vec![(Code::BadValue, "'26x'")]),
        ("s.matches('(')", vec![(Code::ExpressionSyntax, "'('")]),
        ("i == null", vec![(Code::NeverMatches, "==")]),
        ("has(rule.port)", vec![(Code::NeverMatches, "port")]),
        ("s in []", vec![(Code::EmptyList, "[")]),
        ("1 == 1", vec![(Code::NeverMatches, "1 == 1")]),
        ("true", vec![(Code::NeverMatches, "true")]),
        ("tt && rule.prot == 3 && s > 1", vec![(Code::UnknownName, "tt"), (Code::UnknownField, "prot"), (Code::ExpressionType, ">")]),
        ("[1, 'a'].exists(x, x == 1)", vec![(Code::ExpressionType, "'a'")]),
        ("{'a': 1}.a == 1", vec![(Code::ExpressionSyntax, "{")]),
        ("known.all(x, known.all(y, known.all(z, x == z)))", vec![(Code::BudgetExceeded, "all")]),
    ] {
        let expected: Vec<(Code, String)> = expected.into_iter().map(|(code, text)| (code, text.to_owned())).collect();
        assert_eq!(mistakes(source), expected, "{source}");
    }
}

#[test]
fn near_names_are_offered() {
    let (names, _) = names();
    let help = |source: &str| compile(source, &names, &[]).unwrap_err()[0].help.join(" ");
    assert_eq!(help("rule.prot == 3"), "did you mean `port`?");
    assert_eq!(help("s.startWith('x')"), "did you mean `startsWith`?");
    assert_eq!(help("now - then < '24h'"), "write `duration('24h')`");
}

/// Expressions over known values, written by a small generator, give what the crate's evaluator gives.
#[test]
fn known_values_give_what_the_cel_crate_gives() {
    let mut generator = Generator(0x9e37_79b9_7f4a_7c15);
    let (names, slots) = names();
    let mut context = cel::Context::default();
    for (name, value) in [("t", true), ("f", false)] {
        context.add_variable_from_value(name, value);
    }
    context.add_variable_from_value("i", 3_i64);
    context.add_variable_from_value("s", "text");
    context.add_variable_from_value("known", vec![1_i64, 2]);
    context.add_variable_from_value("none", Vec::<i64>::new());
    let mut compared = 0;
    for _ in 0..600 {
        let source = generator.bool(3);
        let Ok(program) = compile(&source, &names, &[]) else { continue };
        let mut world = World { resources: &[], slots: slots.clone(), sentence: false, shared: None };
        let ours = match program.evaluate(&mut world) {
            Truth::True => Some(true),
            Truth::False { .. } => Some(false),
            Truth::Unknown { .. } => None,
        };
        let theirs = match cel::Program::compile(&source).unwrap().execute(&context) {
            Ok(cel::Value::Bool(b)) => Some(b),
            Ok(other) => panic!("{source}: {other:?}"),
            Err(_) => None,
        };
        // Where theirs is an error ours may know more: they stop a loop at the first error.
        assert!(theirs.is_none() || ours == theirs, "{source}: ours {ours:?}, theirs {theirs:?}");
        compared += usize::from(theirs.is_some());
    }
    assert!(compared > 300, "only {compared} expressions were compared");
}

/// Random expressions, the same in every run.
struct Generator(u64);

impl Generator {
    fn pick(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn bool(&mut self, depth: u32) -> String {
        if depth == 0 {
            return ["t", "f", "i > 2", "s == 'text'", "s.startsWith('te')"][usize::try_from(self.pick(5)).unwrap()].to_owned();
        }
        let d = depth - 1;
        match self.pick(10) {
            0 => format!("({} && {})", self.bool(d), self.bool(d)),
            1 => format!("({} || {})", self.bool(d), self.bool(d)),
            2 => format!("!({})", self.bool(d)),
            3 => format!("({} ? {} : {})", self.bool(d), self.bool(d), self.bool(d)),
            4 => {
                format!("({} {} {})", self.int(d), ["<", "<=", ">", ">=", "==", "!="][usize::try_from(self.pick(6)).unwrap()], self.int(d))
            }
            5 => format!("{} in known", self.int(d)),
            6 => format!("known.all(x, x > {} || {})", self.int(0), self.bool(0)),
            7 => format!("known.exists(x, x == {} && {})", self.int(0), self.bool(0)),
            8 => format!("known.filter(x, x > {}).size() == {}", self.int(0), self.int(0)),
            _ => format!("none.exists_one(x, x == {})", self.int(0)),
        }
    }

    fn int(&mut self, depth: u32) -> String {
        if depth == 0 {
            return ["0", "1", "2", "i", "size(known)"][usize::try_from(self.pick(5)).unwrap()].to_owned();
        }
        let d = depth - 1;
        let op = ["+", "-", "*", "/", "%"][usize::try_from(self.pick(5)).unwrap()];
        format!("({} {op} {})", self.int(d), self.int(d))
    }
}

#[test]
fn equality_is_known_only_where_both_sides_are() {
    let (a, u) = (Value::Int(1), gap("X"));
    assert_eq!(eval::equal(&a, &u), None);
    let short = Value::List([a.clone()].into());
    let open = Value::List([a.clone(), u].into());
    assert_eq!(eval::equal(&short, &open), None, "an unknown element may stand for none");
    assert_eq!(eval::equal(&short, &Value::List([Value::Int(2)].into())), Some(false));
}

/// What a loop over a shared list says is what it says when each element is asked in turn: verdicts, reasons and sentences.
#[test]
fn elements_that_are_alike_are_asked_once_and_say_the_same() {
    use super::{Shared, compile_template};
    let text = || Type::String;
    let fields = [("id", text()), ("port", Type::Int), ("zone", text().nullable())];
    let fields = fields.into_iter().map(|(name, ty)| Field { name: name.to_owned(), doc: String::new(), ty }).collect();
    let record = Arc::new(RecordType { name: "Machine".to_owned(), doc: String::new(), fields });
    let machine = || Type::Record(Arc::clone(&record));
    let mut names = Names::default();
    for (name, ty) in [("own", machine()), ("all", Type::List(Box::new(machine()))), ("zones", Type::List(Box::new(text())))] {
        names.bind(name, ty);
    }
    let excused = |name: &str| match gap(name) {
        Value::Unknown(gap) => Value::Unknown(Arc::new(Gap { reason: Reason::NotInPlan, ..gap.as_ref().clone() })),
        other => other,
    };
    let later = |name: &str| match gap(name) {
        Value::Unknown(gap) => Value::Unknown(Arc::new(Gap {
            reason: Reason::Referenced,
            code: Some("aws_instance".to_owned()),
            subject: Some(name.to_owned()),
            ..gap.as_ref().clone()
        })),
        other => other,
    };
    let mut generator = Generator(0x1234_5678_9abc_def1);
    let conditions = [
        "m.id == own.id || (m.zone == own.zone && m.zone != null)",
        "own.id != m.id && (m.zone != own.zone || m.zone in zones)",
        "m.port < 23",
        "m.port < own.port || m.id == own.id",
        "zones.exists(z, z == m.zone) || m.id == own.id",
        "m.id != own.id",
        "m.id.startsWith('m-1')",
    ];
    let sources = |shapes: [&str; 2]| -> Vec<String> {
        conditions.iter().flat_map(|condition| shapes.map(|shape| shape.replace("CONDITION", condition))).collect()
    };
    let programs: Vec<_> = sources(["all.all(m, CONDITION)", "all.exists(m, CONDITION)"])
        .into_iter()
        .map(|source| (compile(&source, &names, &[]).unwrap_or_else(|m| panic!("{source}: {m:?}")), source))
        .collect();
    let templates: Vec<_> = sources(["{all.filter(m, CONDITION)}", "{all.filter(m, CONDITION).map(m, m.id + '.')}"])
        .into_iter()
        .map(|source| (compile_template(&source, &names).unwrap_or_else(|m| panic!("{source}: {m:?}")), source))
        .collect();
    let (mut compared, mut told) = (0, std::collections::BTreeSet::new());
    for round in 0..24_usize {
        let mut items = Vec::new();
        for at in 0..150 {
            let id = match generator.pick(40) {
                0 => gap("ID"),
                1 => later(&format!("aws_instance.m[{at}]")),
                _ if round % 4 == 3 => later(&format!("aws_instance.m[{at}]")),
                _ => Value::string(format!("m-{at}")),
            };
            let zone = match generator.pick(if round % 2 == 0 { 3 } else { 60 }) {
                0 => Value::string("b"),
                1 => Value::Null,
                2 if round % 3 == 1 => excused("ZONE"),
                3 => gap("ZONE"),
                _ => Value::string("a"),
            };
            items.push(match generator.pick(300) {
                0 => gap("REST"),
                1 => excused("REST"),
                _ => Value::Record(Arc::new(Record { ty: Arc::clone(&record), values: [id, Value::Int(22), zone].into() })),
            });
        }
        let all: Arc<[Value]> = items.into();
        // As the graph and other resources do.
        let _held = (Arc::clone(&all), Arc::clone(&all));
        let shared = Shared::default();
        for own in all.iter().filter(|item| !item.is_unknown()).step_by(7) {
            let zones = Value::List([Value::string("b")].into());
            let slots = vec![own.clone(), Value::List(Arc::clone(&all)), zones];
            let world = |shared| World { resources: &[], slots: slots.clone(), sentence: false, shared };
            for (program, source) in &programs {
                let (alike, each) = (program.evaluate(&mut world(Some(&shared))), program.evaluate(&mut world(None)));
                assert_eq!(alike, each, "{source} in round {round}");
                told.insert(format!("{each:?}").chars().take(4).collect::<String>());
                compared += 1;
            }
            for (template, source) in &templates {
                assert_eq!(template.render(&mut world(Some(&shared))), template.render(&mut world(None)), "{source} in round {round}");
            }
        }
    }
    assert!(compared > 5000 && told.len() == 3, "{compared} {told:?}");
}
