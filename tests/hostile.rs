//! Plans, states, templates and sources that are well formed and that nobody writes by accident: addresses, references,
//! conditions, loops and values that mean too much or nothing. Made here, kept nowhere. Each of them gets a clear refusal or
//! an honest answer: no panic, no verdict out of nothing, in bounded time, and nothing of it reaches a terminal as it is.
//! What breaks any file, whatever it is, is in `nasty.rs`.

#![cfg(feature = "all-services")]

mod support;

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use support::{Keur, Ran};

/// What an input gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// It is refused: exit 2, and a message that names the file.
    Refused,
    /// It is read for what it says, and what it does not say is told: exit 1 or 3, never fine.
    NotFine,
    /// One of both.
    Either,
    /// It is read, and may be fine: what is odd about it says nothing of what is judged.
    Any,
}

/// One input: what it is called, what it gets, and its bytes.
type Case = (String, Expect, Vec<u8>);

/// Longest that one of them may take, unoptimised and beside others.
const LONGEST: Duration = Duration::from_secs(60);

fn case(name: impl Into<String>, expect: Expect, content: impl Into<Vec<u8>>) -> Case {
    (name.into(), expect, content.into())
}

/// A volume without encryption, which deviates; and one of which nothing is known.
fn plan() -> Json {
    let change = |name: &str, after: &Json, unknown: &Json| {
        json!({"address": format!("aws_ebs_volume.{name}"), "mode": "managed", "type": "aws_ebs_volume", "name": name,
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "change": {"actions": ["create"], "before": null, "after": after, "after_unknown": unknown, "before_sensitive": false, "after_sensitive": {}}})
    };
    let configured = |name: &str| {
        json!({"address": format!("aws_ebs_volume.{name}"), "mode": "managed", "type": "aws_ebs_volume", "name": name,
            "provider_config_key": "aws", "expressions": {"kms_key_id": {"references": ["aws_kms_key.k.arn", "aws_kms_key.k"]}}})
    };
    let open = json!({"availability_zone": "eu-central-1a", "encrypted": false, "size": 1, "tags": {"Name": "open"}, "tags_all": {"Name": "open"}});
    let unset = json!({"availability_zone": "eu-central-1a", "tags": null});
    json!({
        "format_version": "1.2", "terraform_version": "1.11.4",
        "resource_changes": [change("open", &open, &json!({"id": true, "arn": true})), change("unset", &unset, &json!({"id": true, "encrypted": true, "kms_key_id": true, "tags_all": true}))],
        "planned_values": {"root_module": {"resources": []}},
        "prior_state": {"format_version": "1.0", "values": {"root_module": {"resources": []}}},
        "configuration": {"provider_config": {"aws": {"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws", "expressions": {"region": {"constant_value": "eu-central-1"}}}},
            "root_module": {"resources": [configured("open"), configured("unset")]}},
        "variables": {"a": {"value": "b"}},
    })
}

fn state() -> Json {
    let attributes = json!({"id": "vol-0123456789abcdef0", "arn": "arn:aws:ec2:eu-central-1:123456789012:volume/vol-0123456789abcdef0",
        "availability_zone": "eu-central-1a", "encrypted": false, "size": 1, "tags": {"Name": "open"}, "tags_all": {"Name": "open"}});
    json!({"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "outputs": {}, "resources": [{
        "mode": "managed", "type": "aws_ebs_volume", "name": "open", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
        "instances": [{"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}],
    }]})
}

const TEMPLATE: &str = "Resources:\n  Open: {Type: AWS::EC2::Volume, Properties: {AvailabilityZone: eu-central-1a, Encrypted: false}}\n";

/// What stands in the place of the size of the first volume, as text of JSON.
fn odd_values() -> Vec<(&'static str, String)> {
    let deep = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
    vec![
        ("a list of 100,000 levels", deep("[", "]", 100_000)),
        ("a map of 100,000 levels", deep("{\"a\":", "}", 100_000)),
        ("a list of 120 levels", deep("[", "]", 120)),
        ("a number without bounds", "1e400".to_owned()),
        ("a number of 10,000 digits", "9".repeat(10_000)),
        ("a number near nothing", "-1e-400".to_owned()),
        ("the least number and one less", "-9223372036854775809".to_owned()),
        ("half of a pair", "\"\\ud800\"".to_owned()),
        ("the other half", "\"\\udc00x\"".to_owned()),
        ("both halves, the wrong way round", "\"\\udc00\\ud800\"".to_owned()),
        ("a zero byte", "\"\\u0000\"".to_owned()),
        ("8 MB of text", format!("\"{}\"", "x".repeat(8 << 20))),
        ("100,000 empty lists", format!("[{}[]]", "[],".repeat(100_000))),
        ("one of our own marks", "{\"$unknown\": \"referenced\\naws_kms_key\\naws_kms_key.k\"}".to_owned()),
        ("a mark that is none", "{\"$unknown\": {\"reason\": 7}}".to_owned()),
        ("a key twice", "{\"a\": 1, \"a\": 2}".to_owned()),
    ]
}

fn with_odd_values(what: &str, whole: &str, expect: Expect) -> Vec<Case> {
    let at = "\"size\":1";
    assert!(whole.contains(at), "{what}");
    odd_values()
        .into_iter()
        .flat_map(|(name, text)| {
            let value = whole.replacen(at, &format!("\"size\":{text}"), 1);
            let tag = whole.replacen("\"tags\":{\"Name\":\"open\"}", &format!("\"tags\":{{\"Name\":{text}}}"), 1);
            [case(format!("{what} with {name} as a size"), expect, value), case(format!("{what} with {name} as a tag"), expect, tag)]
        })
        .collect()
}

fn plans() -> Vec<Case> {
    let whole = plan();
    let text = whole.to_string();
    let mut cases = with_odd_values("a plan", &text, Expect::Either);
    let change = |edit: &dyn Fn(&mut Json)| {
        let mut odd = whole.clone();
        edit(&mut odd);
        odd.to_string()
    };
    let addresses = [
        "",
        ".",
        "aws_ebs_volume",
        "aws_ebs_volume.",
        "aws_ebs_volume.a[",
        "aws_ebs_volume.a[\"",
        "aws_ebs_volume.a[\"\\\"]",
        "aws_ebs_volume.a[99999999999999999999999]",
        "module.module.module",
        "module.a[\"]\"].aws_ebs_volume.a",
        "data.data.data",
        "aws_ebs_volume.a]b",
        "\u{202e}aws.x",
        "aws_ebs_volume.\u{1b}[31m",
    ];
    for address in addresses {
        cases.push(case(
            format!("the address {address:?}"),
            Expect::Either,
            change(&|plan| plan["resource_changes"][0]["address"] = json!(address)),
        ));
    }
    let many = "module.a.".repeat(20_000);
    cases.push(case(
        "an address of 20,000 modules",
        Expect::NotFine,
        change(&|plan| plan["resource_changes"][0]["address"] = json!(format!("{many}aws_ebs_volume.a"))),
    ));
    cases.push(case(
        "an address of 20,000 keys",
        Expect::NotFine,
        change(&|plan| plan["resource_changes"][0]["address"] = json!(format!("aws_ebs_volume.a{}", "[0]".repeat(20_000)))),
    ));
    cases.push(case(
        "one address 200 times",
        Expect::NotFine,
        change(&|plan| {
            let one = plan["resource_changes"][0].clone();
            plan["resource_changes"] = Json::Array(vec![one; 200]);
        }),
    ));
    cases.push(case(
        "an action that is none",
        Expect::Refused,
        change(&|plan| plan["resource_changes"][0]["change"]["actions"] = json!(["create", "create", "create"])),
    ));
    cases.push(case("no actions", Expect::Refused, change(&|plan| plan["resource_changes"][0]["change"]["actions"] = json!([]))));
    cases.push(case(
        "everything unknown and secret",
        Expect::NotFine,
        change(&|plan| {
            for n in 0..2 {
                plan["resource_changes"][n]["change"]["after_unknown"] = json!(true);
                plan["resource_changes"][n]["change"]["after_sensitive"] = json!(true);
            }
        }),
    ));
    cases.push(case(
        "unknowns that are no members",
        Expect::NotFine,
        change(&|plan| {
            plan["resource_changes"][0]["change"]["after_unknown"] = json!({"size": {"a": [true, {"b": true}]}, "nothing": [[[true]]]})
        }),
    ));
    cases.push(case("a future format", Expect::Refused, change(&|plan| plan["format_version"] = json!("99999999999999999999.0"))));
    cases.push(case("a format of letters", Expect::Refused, change(&|plan| plan["format_version"] = json!("x"))));

    // References that lead around in circles, or far away.
    let circle = |n: usize| {
        let mut calls = Map::new();
        for at in 0..n {
            let next = (at + 1) % n;
            calls.insert(
                format!("m{at}"),
                json!({"expressions": {"v": {"references": [format!("module.m{next}.o"), format!("module.m{next}")]}},
                "module": {"outputs": {"o": {"expression": {"references": ["var.v"]}}}}}),
            );
        }
        change(&|plan| {
            plan["configuration"]["root_module"]["module_calls"] = Json::Object(calls.clone());
            plan["configuration"]["root_module"]["resources"][1]["expressions"]["kms_key_id"] =
                json!({"references": ["module.m0.o", "module.m0"]});
            for at in 0..n {
                let mut key = plan["resource_changes"][0].clone();
                key["address"] = json!(format!("module.m{at}.aws_kms_key.k"));
                key["type"] = json!("aws_kms_key");
                plan["resource_changes"].as_array_mut().expect("changes").push(key);
            }
        })
    };
    cases.extend([1, 2, 40].map(|n| case(format!("{n} modules that refer to each other in a circle"), Expect::NotFine, circle(n))));
    cases.push(case(
        "a reference of 100,000 steps",
        Expect::NotFine,
        change(&|plan| {
            plan["configuration"]["root_module"]["resources"][1]["expressions"]["kms_key_id"] =
                json!({"references": [format!("a{}", ".b".repeat(100_000))]});
        }),
    ));
    cases.push(case(
        "100,000 references",
        Expect::NotFine,
        change(&|plan| {
            let all: Vec<String> = (0..100_000).map(|n| format!("aws_kms_key.k{n}.arn")).collect();
            plan["configuration"]["root_module"]["resources"][1]["expressions"]["kms_key_id"] = json!({"references": all});
        }),
    ));
    cases.push(case(
        "references that are none",
        Expect::NotFine,
        change(&|plan| {
            plan["configuration"]["root_module"]["resources"][1]["expressions"]["kms_key_id"] =
                json!({"references": [1, null, {}, "", "[", "a[", "..", "\u{0}"]});
        }),
    ));
    cases.push(case("modules of 300 levels in the planned values", Expect::NotFine, {
        let deep = (0..300).fold(json!({"resources": []}), |inner, _| json!({"child_modules": [inner]}));
        // Deeper than the reader goes: what cannot be read is told.
        text.replace("\"planned_values\":{\"root_module\":{\"resources\":[]}}", &format!("\"planned_values\":{{\"root_module\":{deep}}}"))
    }));
    cases.push(case(
        "a provider with text for its expressions",
        Expect::NotFine,
        change(&|plan| plan["configuration"]["provider_config"]["aws"]["expressions"] = json!("x")),
    ));
    cases.push(case("5,000 parts of which nobody can tell the whole", Expect::NotFine, change(&|plan| {
        let attachment = |n: usize| {
            json!({"address": format!("aws_volume_attachment.a[{n}]"), "mode": "managed", "type": "aws_volume_attachment", "name": "a", "provider_name": "registry.terraform.io/hashicorp/aws",
                "change": {"actions": ["create"], "before": null, "after": {"device_name": "/dev/sdf"}, "after_unknown": {"volume_id": true, "instance_id": true}}})
        };
        plan["resource_changes"].as_array_mut().expect("changes").extend((0..2_000).map(attachment));
    })));
    cases
}

fn states() -> Vec<Case> {
    let whole = state();
    let text = whole.to_string();
    let mut cases = with_odd_values("a state", &text, Expect::Either);
    let change = |edit: &dyn Fn(&mut Json)| {
        let mut odd = whole.clone();
        edit(&mut odd);
        odd.to_string()
    };
    for version in [json!(0), json!(3), json!(5), json!(-4), json!(4.5), json!("4"), json!(1e30)] {
        cases.push(case(format!("a state of version {version}"), Expect::Refused, change(&|state| state["version"] = version.clone())));
    }
    for path in [
        json!([]),
        json!(["encrypted"]),
        json!([[]]),
        json!([[{"type": "get_attr", "value": {"value": {"value": "encrypted"}}}]]),
        json!([[{"type": "index", "value": 1e300}]]),
    ] {
        cases.push(case(
            format!("secret at {path}"),
            Expect::NotFine,
            change(&|state| state["resources"][0]["instances"][0]["sensitive_attributes"] = path.clone()),
        ));
    }
    for key in [json!(-1), json!(1.5), json!(1e300), json!({"a": 1}), json!([0]), json!("\u{202e}"), json!("\"]"), json!(true)] {
        cases.push(case(
            format!("an instance of key {key}"),
            Expect::NotFine,
            change(&|state| state["resources"][0]["instances"][0]["index_key"] = key.clone()),
        ));
    }
    cases.push(case("flat attributes in circles", Expect::NotFine, change(&|state| {
        let instance = &mut state["resources"][0]["instances"][0];
        instance["attributes"] = json!(null);
        instance["attributes_flat"] = json!({"id": "vol-1", "a.#": "99999999999", "a.0.b.0.c": "1", "a": "2", "a.%": "x", ".": "", "..": "", "a.": "", "encrypted": "maybe"});
    })));
    cases
}

fn templates() -> Vec<Case> {
    let with = |name: &str, expect: Expect, head: &str, rest: &str| case(name, expect, format!("{head}{TEMPLATE}{rest}"));
    let aliases =
        (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |all, n| format!("{all}a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1));
    let conditions = |n: usize| (0..n).map(|at| format!("  C{at}: !Condition C{}\n", (at + 1) % n)).collect::<String>();
    let chain = |n: usize| {
        (0..n)
            .map(|at| {
                format!("  C{at}: {}\n", if at + 1 == n { "!Equals [a, a]".to_owned() } else { format!("!Not [!Condition C{}]", at + 1) })
            })
            .collect::<String>()
    };
    vec![
        with("aliases that multiply", Expect::Refused, &aliases, ""),
        with("an anchor within itself", Expect::Refused, "a: &a [*a]\n", ""),
        with("a list of 100,000 levels", Expect::Refused, &format!("a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000)), ""),
        with(
            "100,000 levels by indentation",
            Expect::Refused,
            &(0..2_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>(),
            "",
        ),
        with("conditions in a circle", Expect::Refused, &format!("Conditions:\n{}", conditions(3)), ""),
        with("a condition of itself", Expect::Refused, "Conditions: {A: !Condition A}\n", ""),
        with("conditions of 5,000 levels", Expect::Refused, &format!("Conditions:\n{}", chain(5_000)), ""),
        with(
            "a function of 5,000 levels",
            Expect::Refused,
            &format!("Conditions: {{A: {}!Equals [a, a]{}}}\n", "!Not [".repeat(5_000), "]".repeat(5_000)),
            "",
        ),
        with(
            "a function that there is not",
            Expect::NotFine,
            "",
            "  B: {Type: AWS::EC2::Volume, Properties: {Encrypted: !Nonsense [x]}}\n",
        ),
        with(
            "a tag of another kind",
            Expect::Either,
            "",
            "  B: {Type: AWS::EC2::Volume, Properties: {Encrypted: !!python/object:os.system x}}\n",
        ),
        with("two documents", Expect::Refused, "", "---\nResources: {}\n"),
        with("a tab", Expect::Refused, "", "\tB: {}\n"),
        with("a key twice", Expect::Refused, "", "  Open: {Type: AWS::EC2::Volume}\n"),
        with("keys that YAML 1.1 makes one", Expect::Refused, "Mappings: {M: {yes: {a: 1}, true: {a: 2}}}\n", ""),
        with("merged keys in a circle", Expect::Refused, "a: &a {<<: *a}\n", ""),
        with(
            "numbers without bounds",
            Expect::Either,
            "a: [.inf, -.inf, .nan, 1e400, 0x1FFFFFFFFFFFFFFFFFF, 99999999999999999999, 1:59:59:59:59:59:59:59:59:59:59:59:59]\n",
            "",
        ),
        with("a text of 5 MB", Expect::Refused, &format!("a: {}\n", "x".repeat(5 << 20)), ""),
        with(
            "a text that doubles 40 times",
            Expect::Refused,
            "",
            &format!(
                "  B: {{Type: X, Properties: {{P: {}}}}}\n",
                (0..40).fold("x".to_owned(), |inner, _| format!("!Join ['', [&x {inner}]]"))
            ),
        ),
        with(
            "a loop of a million",
            Expect::Either,
            "Transform: AWS::LanguageExtensions\n",
            &format!(
                "  Fn::ForEach::A: [N, [{0}], {{'Fn::ForEach::B${{N}}': [M, [{0}], {{'V${{N}}x${{M}}': {{Type: X}}}}]}}]\n",
                (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
            ),
        ),
        with(
            "a loop within itself",
            Expect::Either,
            "Transform: AWS::LanguageExtensions\n",
            "  Fn::ForEach::A: [N, [a], {'Fn::ForEach::A': [N, [b], {'V${N}': {Type: X}}]}]\n",
        ),
        with(
            "a loop over nothing",
            Expect::Any,
            "Transform: AWS::LanguageExtensions\n",
            "  Fn::ForEach::A: [N, [], {'V${N}': {Type: X}}]\n",
        ),
        with(
            "loops that are none",
            Expect::Either,
            "Transform: AWS::LanguageExtensions\n",
            "  Fn::ForEach::A: 7\n  Fn::ForEach::B: [a]\n  Fn::ForEach::C: [[a], {}, x]\n  Fn::ForEach::D: [a, [x], 7]\n",
        ),
        with("one of our own marks", Expect::NotFine, "", "  B: {Type: AWS::EC2::Volume, Properties: {Encrypted: {$unknown: x}}}\n"),
        with(
            "directions of text and colours",
            Expect::NotFine,
            "",
            "  B: {Type: AWS::EC2::Volume, Properties: {Encrypted: false, Tags: [{Key: Name, Value: \"\u{202e}nepo\\e[31m\"}]}}\n",
        ),
        with(
            "names of 100,000 letters",
            Expect::Either,
            "",
            &format!("  {}: {{Type: AWS::EC2::Volume, Properties: {{Encrypted: false}}}}\n", "B".repeat(100_000)),
        ),
        case(
            "a template in UTF-16",
            Expect::Either,
            [0xff, 0xfe].into_iter().chain(TEMPLATE.encode_utf16().flat_map(u16::to_le_bytes)).collect::<Vec<u8>>(),
        ),
        case("a template with a byte order mark", Expect::NotFine, format!("\u{feff}{TEMPLATE}")),
        case("a template that is nothing", Expect::Refused, ""),
        case("a template of null", Expect::Refused, "null\n"),
        case("a template without resources", Expect::Refused, "Resources:\n"),
        case("a template with a zero byte", Expect::Either, format!("a: \"\u{0}\"\n{TEMPLATE}")),
    ]
}

/// The source of a plan, which is read beside it: none of these changes what the plan itself says.
fn sources() -> Vec<Case> {
    let attribute = |value: &str| format!("resource \"aws_ebs_volume\" \"unset\" {{\n  kms_key_id = {value}\n}}\n");
    let nested = |open: &str, close: &str, n: usize| attribute(&format!("{}aws_kms_key.k.arn{}", open.repeat(n), close.repeat(n)));
    let locals = |n: usize| (0..n).map(|at| format!("  l{at} = local.l{}\n", (at + 1) % n)).collect::<String>();
    let doubling =
        (0..60).fold("locals {\n  d0 = [1, 2]\n".to_owned(), |all, n| format!("{all}  d{} = concat(local.d{n}, local.d{n})\n", n + 1));
    [
        ("parentheses of 100,000 levels", nested("(", ")", 100_000)),
        ("lists of 100,000 levels", nested("[", "]", 100_000)),
        ("signs of 100,000 levels", nested("!", "", 100_000)),
        ("choices of 100,000 levels", nested("true ? 1 : ", "", 100_000)),
        ("templates of 10,000 levels", nested("\"${", "}\"", 10_000)),
        ("functions of 10,000 levels", nested("try(", ")", 10_000)),
        ("locals in a circle", format!("locals {{\n{}}}\n{}", locals(50), attribute("local.l0"))),
        ("locals that double", format!("{doubling}}}\n{}", attribute("local.d60[0]"))),
        ("loops in loops", attribute(&format!("{}aws_kms_key.k.arn{}", "[for x in [1,2,3,4,5,6,7,8,9] : ".repeat(12), "]".repeat(12)))),
        ("blocks of 20,000 levels", format!("resource \"aws_ebs_volume\" \"unset\" {}{}\n", "{\n a ".repeat(20_000), "}\n".repeat(20_000))),
        ("text that is not HCL", "\u{202e}}}{{ <<EOF\n".repeat(1_000)),
        ("a zero byte", attribute("\"\u{0}\"")),
        ("nothing", String::new()),
    ]
    .map(|(name, text)| case(format!("a source with {name}"), Expect::NotFine, text))
    .into()
}

fn judged(keur: &Keur, flag: &str, (name, expect, content): &Case) -> Result<(), String> {
    let file = format!("input{}", flag.replace("--", "."));
    let more: &[&str] = match flag {
        "--source" => {
            keur.write("source/main.tf", content);
            keur.write("input.plan", plan().to_string());
            &["--plan", "input.plan", "--source", "source"]
        }
        flag => {
            keur.write(&file, content);
            &[flag, &file, "--region", "eu-central-1"]
        }
    };
    let mut arguments = vec!["check", "--policy", "ebs-volume-encrypted"];
    arguments.extend(more);
    let ran: Ran = keur.run(arguments);
    let wrong = |what: &str| {
        Err(format!("{name}: {what}\nexit {:?} after {:?}\n{}\n{}", ran.code, ran.took, short(&ran.stderr), short(&ran.text())))
    };
    if ran.stderr.contains("panicked") || ran.stderr.contains("internal error") || !matches!(ran.code, Some(0..=3)) {
        return wrong("it broke");
    }
    if ran.took > LONGEST {
        return wrong("it took too long");
    }
    let shown = format!("{}{}", ran.stderr, ran.text());
    if shown.contains(|c: char| (c.is_control() && !"\n\t".contains(c)) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return wrong("something that moves a terminal's cursor or turns its text came out");
    }
    let refused = ran.code == Some(2);
    if refused && !ran.stderr.contains("input") {
        return wrong("the refusal does not name the file");
    }
    match expect {
        Expect::Refused if !refused => wrong("it is not refused"),
        Expect::NotFine if refused => wrong("it is refused"),
        Expect::NotFine | Expect::Either if ran.code == Some(0) => wrong("it is fine"),
        Expect::Refused | Expect::NotFine | Expect::Either | Expect::Any => Ok(()),
    }
}

fn short(text: &str) -> String {
    text.chars().take(600).collect()
}

/// Two at a time, as there are processors on the smallest machine.
fn all(flag: &str, cases: Vec<Case>, at_least: usize) {
    assert!(cases.len() >= at_least, "only {} inputs", cases.len());
    let queue = Mutex::new(cases);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let keur = Keur::new();
                loop {
                    let next = queue.lock().expect("no thread panics").pop();
                    let Some(case) = next else { break };
                    if let Err(why) = judged(&keur, flag, &case) {
                        wrong.lock().expect("no thread panics").push(why);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no thread panics");
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn plans_that_nobody_writes() {
    all("--plan", plans(), 60);
}

#[test]
fn states_that_nobody_writes() {
    all("--state", states(), 50);
}

#[test]
fn templates_that_nobody_writes() {
    all("--template", templates(), 25);
}

#[test]
fn sources_that_nobody_writes() {
    all("--source", sources(), 13);
}
