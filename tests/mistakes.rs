//! What people write who know another language, or have not met YAML: each mistake is told where it stands, with what to
//! write instead, and hides none of the others.

#![cfg(feature = "all-services")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use keur::diag::{Diagnostic, SourceFile};
use keur::estate::{LinkSet, Registry};
use keur::policy::{Bundle, Files, Parameters, shipped_files};
use keur::{aws, isolation};
use support::Keur;

struct World {
    registry: Registry,
    links: LinkSet,
}

impl World {
    fn new() -> Self {
        Self { registry: keur::registry(), links: aws::links(isolation::LINKS) }
    }

    /// What is wrong with a policy file beside the shipped declarations.
    fn wrong(&self, name: &str, text: &str, environments: Option<&[&str]>) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        let mut sources: Vec<_> = shipped_files()
            .into_iter()
            .filter(|file| file.name.ends_with("/statements.yaml") || file.name.ends_with("/parameters.yaml"))
            .collect();
        sources.push(SourceFile::new(format!("{name}.yaml"), text));
        let files = Files::parse(&sources, &mut diagnostics);
        let declared = environments.map(|names| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>());
        let parameters = Parameters::new(files.parameters.clone(), BTreeMap::new()).with_environments(declared);
        Bundle::check(&files, parameters, &self.registry, &self.links, &mut diagnostics);
        diagnostics
    }
}

/// What a diagnostic is about: its code, the text it underlines, and all that it advises.
fn told(diagnostic: &Diagnostic) -> (String, String, String) {
    let text = diagnostic.source.as_ref().map(|source| source.text[diagnostic.span.clone()].to_owned()).unwrap_or_default();
    (diagnostic.code.as_str().to_owned(), text, format!("{}; {}", diagnostic.title, diagnostic.help.join("; ")))
}

/// A policy with that condition, and all else as it should be.
fn policy(name: &str, require: &str) -> String {
    format!(
        "id: {name}
title: Volumes are encrypted
statement: encrypted-at-rest
severity: low
resource: AWS::EC2::Volume
require: {require}
deviation: \"{{name}} is not encrypted\"
remedy: Encrypt it
tests:
  - {{name: a, given: {{encrypted: true}}, expect: pass}}
  - {{name: b, given: {{encrypted: false}}, expect: deviation}}
  - {{name: c, given: {{encrypted: !unknown \"ec2:DescribeVolumes\"}}, expect: unknown}}
"
    )
}

/// Condition as it is written in the file, code, what is underlined, and what is advised.
const CONDITIONS: &[(&str, &str, &str, &str)] = &[
    // Python, SQL, Rego, JMESPath, JavaScript, Terraform
    ("resource.encrypted and resource.size > 3", "expression-syntax", "and", "write `&&`"),
    ("resource.encrypted or resource.size > 3", "expression-syntax", "or", "write `||`"),
    ("not resource.encrypted", "expression-syntax", "not", "write `!`"),
    ("resource.encrypted AND resource.size > 3", "expression-syntax", "AND", "write `&&`"),
    ("resource.encrypted & resource.size > 3", "expression-syntax", "&", "write `&&`"),
    ("resource.encrypted | resource.size > 3", "expression-syntax", "|", "write `||`"),
    ("resource.encrypted = true", "expression-syntax", "=", "write `==`"),
    ("resource.encrypted === true", "expression-syntax", "===", "write `==`"),
    ("resource.state <> 'available'", "expression-syntax", "<>", "write `!=`"),
    ("resource.encrypted := true", "expression-syntax", ":=", "compare with `==`"),
    ("resource.size ** 2 > 3", "expression-syntax", "**", "the operators are"),
    ("resource.kms_key_id is null", "expression-syntax", "is", "== null"),
    ("resource.size between 1 and 3 && resource.encrypted", "expression-syntax", "between", "low <= value"),
    ("resource.state =~ 'available'", "expression-syntax", "=~", "text.matches('pattern')"),
    ("resource.state LIKE 'a%'", "expression-syntax", "LIKE", "text.startsWith"),
    ("resource.state ilike 'a%'", "expression-syntax", "ilike", "text.startsWith"),
    ("resource.availability_zone contains 'eu'", "expression-syntax", "contains", "item in list"),
    ("\"resource.state in ('available', 'in-use')\"", "expression-syntax", "in", "x in ['a', 'b']"),
    ("resource.encrypted if resource.size > 3 else true", "expression-syntax", "if", "condition ? this : that"),
    ("resource.kms_key_id ?? 'none' != 'none'", "expression-syntax", "??", "x == null ? other : x"),
    ("resource?.encrypted", "expression-syntax", "?.", "hide what is unknown"),
    ("resource.?encrypted", "expression-syntax", ".?", "hide what is unknown"),
    ("resource.attachments.all(a => a.state == 'attached')", "expression-syntax", "=>", "list.all(x, condition on x)"),
    ("resource.encrypted;", "expression-syntax", ";", "`&&`"),
    ("${resource.encrypted}", "expression-syntax", "${", "what is in the braces"),
    ("resource.state == `available`", "expression-syntax", "`", "single quotes"),
    ("resource.state == ‘available’", "expression-syntax", "‘", "'text'"),
    ("\"resource.encrypted # or so\"", "expression-syntax", "#", "description"),
    // Names and values
    ("resource.kms_key_id == None", "unknown-name", "None", "write `null`"),
    ("resource.kms_key_id == nil", "unknown-name", "nil", "write `null`"),
    ("resource.encrypted == True", "unknown-name", "True", "write `true`"),
    ("resource.encrypted == 'true'", "expression-type", "==", "without quotes"),
    ("resource.size > '3'", "expression-type", ">", "without quotes"),
    ("resource.state == available", "unknown-name", "available", "'available'"),
    ("encrypted", "unknown-name", "encrypted", "`resource.encrypted`"),
    ("self.encrypted", "unknown-name", "self", "`resource`"),
    ("var.encrypted", "expression-syntax", "var", "`params`"),
    ("env == 'production' && resource.encrypted", "unknown-name", "env", "`environment`"),
    // Times
    ("now - resource.create_time < 24h", "expression-syntax", "24h", "duration('24h')"),
    ("now - resource.create_time < 2 * 7days", "expression-syntax", "7days", "duration('7d')"),
    ("now - resource.create_time < '24h'", "expression-type", "<", "duration('24h')"),
    ("now - resource.create_time < 24", "expression-type", "<", "has a unit"),
    ("resource.create_time > '2026-01-01'", "expression-type", ">", "timestamp('2026-01-01T00:00:00Z')"),
    ("resource.create_time > '26h'", "expression-type", ">", "now - x < duration('26h')"),
    ("resource.create_time > 2026-01-01", "expression-type", ">", "timestamp("),
    ("resource.create_time < duration('24h')", "expression-type", "<", "now - x"),
    ("now - resource.create_time < duration('24 hours')", "bad-value", "'24 hours'", "26h, 7d or 1h30m"),
    ("now() - resource.create_time < duration('1d')", "unknown-function", "now", "without brackets"),
    // Functions
    ("resource.attachments.any(a, a.state == 'attached')", "unknown-function", "any", "list.exists(x, condition on x)"),
    ("resource.attachments.every(a, a.state == 'attached')", "unknown-function", "every", "list.all(x, condition on x)"),
    ("resource.attachments.contains('x')", "expression-type", "contains", "item in list"),
    ("resource.attachments.length > 1", "unknown-field", "length", "size(list)"),
    ("resource.attachments.length() > 1", "unknown-function", "length", "size(list)"),
    ("len(resource.attachments) > 1", "unknown-function", "len", "size(list)"),
    ("count(resource.attachments) > 1", "unknown-function", "count", "size(list)"),
    ("resource.attachments.isEmpty()", "unknown-function", "isEmpty", "size(list) == 0"),
    ("resource.availability_zone.startswith('eu')", "unknown-function", "startswith", "startsWith"),
    ("resource.availability_zone.lower() == 'eu'", "unknown-function", "lower", "lowerAscii"),
    ("coalesce(resource.kms_key_id, 'x') == 'x'", "unknown-function", "coalesce", "x == null ? other : x"),
    ("is_null(resource.kms_key_id)", "unknown-function", "is_null", "x == null"),
    ("resource.encrypted && resource.availability_zone.matchs('eu.*')", "unknown-function", "matchs", "matches"),
    // What can never be
    ("environment == 'prodution' && resource.encrypted", "never-matches", "'prodution'", "`production`"),
    ("environment in ['production', 'stagingg'] || resource.encrypted", "never-matches", "'stagingg'", "`staging`"),
    ("environment != 'unasigned' && resource.encrypted", "never-matches", "'unasigned'", "`unassigned`"),
    ("resource.type == 'AWS::EC2::Volum' && resource.encrypted", "never-matches", "'AWS::EC2::Volum'", "`AWS::EC2::Volume`"),
    // YAML
    ("!resource.encrypted", "bad-yaml", "!resource.encrypted", "\"!resource.encrypted\""),
    ("!resource.encrypted && resource.size > 3", "bad-yaml", "!resource.encrypted", "\"!resource.encrypted && resource.size > 3\""),
    ("!(resource.state == \"x\")", "bad-yaml", "!(resource.state", "'!(resource.state == \"x\")'"),
    ("resource.encrypted ? true : false", "bad-yaml", "resource.encrypted ? true : false", "into quotes"),
    ("{resource.encrypted}", "bad-value", "{", "into quotes"),
    ("[resource.encrypted]", "bad-value", "[", "into quotes"),
    ("*resource.encrypted", "bad-yaml", "*resource.encrypted", "repeats an anchor"),
    ("&resource.encrypted", "bad-value", "", "names an anchor"),
    ("%resource.encrypted", "bad-yaml", "%resource.encrypted", "is reserved"),
    ("@resource.encrypted", "bad-yaml", "@resource.encrypted", "is reserved"),
    ("'available' == resource.state", "bad-yaml", "'available' == resource.state", "more follows"),
    ("resource.state == 'a #b'", "expression-syntax", "'", "` #` begins a comment"),
    ("3", "bad-value", "3", "in quotes"),
];

#[test]
fn every_condition_of_another_language_is_told_with_what_to_write() {
    let world = World::new();
    let mut missed = Vec::new();
    for (at, (condition, code, underlined, advice)) in CONDITIONS.iter().enumerate() {
        let name = format!("condition-{at}");
        let found: Vec<_> = world.wrong(&name, &policy(&name, condition), None).iter().map(told).collect();
        let told = found.iter().any(|(c, text, says)| c == code && text == underlined && says.contains(advice));
        if !told {
            missed.push(format!("{condition}\n    wanted [{code}] `{underlined}` … {advice}\n    told {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Files with several mistakes: code and what is underlined of each; all of them in one run, and no other.
const FILES: &[(&str, &[(&str, &str)])] = &[
    // A misspelt type hides nothing: the type that is meant checks the rest.
    (
        "statement: encrypted-at-rest\nresource: aws_db_instance\nrequire: resource.storage_encryptedd && foo\ndeviation: '{resource.nme}'\n\
         tests:\n  - {name: a, given: {storage_encryptd: true}, expect: fail}\n",
        &[
            ("unknown-type", "aws_db_instance"),
            ("unknown-field", "storage_encryptedd"),
            ("unknown-name", "foo"),
            ("unknown-field", "nme"),
            ("unknown-field", "storage_encryptd"),
            ("bad-value", "fail"),
        ],
    ),
    (
        "statement: encrypted-at-rest\nresource: RDS::DBInstance\nrequire: resource.storage_encryptd\ndeviation: x\n",
        &[("unknown-type", "RDS::DBInstance"), ("unknown-field", "storage_encryptd")],
    ),
    // A type that nobody knows hides nothing that does not depend on it.
    (
        "statement: encrypted-at-rst\nresource: Foo::Bar\nwith: {a: b}\nrequire: a.b && resource.x && nme == 'x'\ndeviation: '{foo}'\n\
         tests:\n  - {name: a, given: {whatever: true}, expect: pas}\n",
        &[
            ("unknown-statement", "encrypted-at-rst"),
            ("unknown-type", "Foo::Bar"),
            ("unknown-name", "nme"),
            ("unknown-name", "foo"),
            ("bad-value", "pas"),
        ],
    ),
    // A key that is there twice hides nothing.
    (
        "statement: encrypted-at-rest\nresource: AWS::EC2::Volum\nrequire: resource.encryptd\nrequire: resource.encrypted\ndeviation: x\nremedi: x\n",
        &[("unknown-type", "AWS::EC2::Volum"), ("unknown-field", "encryptd"), ("duplicate-id", "require"), ("unknown-key", "remedi")],
    ),
    // What a test gives, at every depth.
    (
        "statement: encrypted-at-rest\nresource: AWS::EC2::Volume\nwith: {key: encrypted_by}\nrequire: resource.encrypted && key != null\n\
         deviation: x\ntests:\n  - name: a\n    given: {encryptd: true, key: {key_mangaer: CUSTOMER}, attachments: [{stat: x}], size: large}\n    \
         expect: pass\n  - {name: b, given: {resource: {encrypted: true}}, expect: deviation}\n  - {name: c, given: {encrypted: !unknwon x}, expect: Unknown}\n",
        &[
            ("unknown-field", "encryptd"),
            ("unknown-field", "key_mangaer"),
            ("unknown-field", "stat"),
            ("bad-value", "large"),
            ("unknown-field", "resource"),
            ("bad-yaml", "!unknwon"),
            ("bad-value", "Unknown"),
        ],
    ),
    // An unknown stands where a test gives something, nowhere else.
    (
        "statement: !unknown x\nresource: AWS::EC2::Volume\nrequire: resource.encrypted\ndeviation: !unknown x\n",
        &[("bad-value", "x"), ("bad-value", "x")],
    ),
    (
        "statement: encrypted-at-rest\nresource: AWS::EC2::Volume\nrequire: resource.encrypted\ndeviation: x\ntests:\n\t- {name: a}\n",
        &[("bad-yaml", "\t")],
    ),
    (
        "statement: encrypted-at-rest\nresource: AWS::EC2::Volume\nrequire: resource.encrypted\ndeviation: {name} is not encrypted\n",
        &[("bad-yaml", "{name} is not encrypted")],
    ),
    (
        "statement: encrypted-at-rest\nresource: AWS::EC2::Volume\nrequire: resource.encrypted\ndeviation: \"{name}\" is not encrypted\n",
        &[("bad-yaml", "\"{name}\" is not encrypted")],
    ),
    (
        "statement: encrypted-at-rest\nresource: AWS::EC2::Volume\nrequire: resource.encrypted\ndeviation: not so: {name}\n",
        &[("bad-yaml", "not so: {name}")],
    ),
];

#[test]
fn one_mistake_hides_no_other() {
    let world = World::new();
    for (at, (rest, expected)) in FILES.iter().enumerate() {
        let name = format!("file-{at}");
        let remedy = if rest.contains("remed") { "" } else { "remedy: x\n" };
        let text = format!("id: {name}\ntitle: A title\nseverity: low\n{remedy}{rest}");
        let mut found: Vec<_> = world.wrong(&name, &text, None).iter().map(told).collect();
        found.retain(|(code, _, says)| code != "missing-inline-test" && !says.contains("has no `remedy`"));
        let mut seen: Vec<_> = found.iter().map(|(code, text, _)| (code.as_str(), text.as_str())).collect();
        let mut wanted = expected.to_vec();
        seen.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(seen, wanted, "{text}\n{found:#?}");
    }
}

#[test]
fn declared_environments_are_all_there_are() {
    let world = World::new();
    let text = policy("named", "environment == 'quality' || resource.encrypted");
    assert!(world.wrong("named", &text, None).is_empty(), "a tag may name it");
    assert!(world.wrong("named", &text, Some(&["production", "quality"])).is_empty());
    let found = world.wrong("named", &text, Some(&["production", "test"]));
    let [only] = found.as_slice() else { panic!("{found:#?}") };
    let (code, underlined, says) = told(only);
    assert_eq!((code.as_str(), underlined.as_str()), ("never-matches", "'quality'"));
    assert!(says.contains("`production`, `test`, `unassigned`"), "{says}");
}

/// Configurations: the text, and what is said of it, with its place.
const CONFIGURATIONS: &[(&str, &[&str])] = &[
    ("", &["the configuration is empty", "keur init"]),
    ("- a\n", &["the configuration is a map", ":1:1"]),
    ("organistion: x\n", &["no key `organistion`", "`organisation`", ":1:1"]),
    ("organization: Example\n", &["`organisation:`", ":1:15"]),
    ("organization: yes\n", &["write `true`"]),
    ("organization: {roles: x}\n", &["no key `roles`", "`role`"]),
    ("accounts: [{id: 012345678901}]\n", &["leading zeros count", "in quotes", ":1:17"]),
    ("accounts: [{id: '12345'}]\n", &["`12345` is not an account id", ":1:17"]),
    ("accounts: ['111111111111']\n", &["an account is a map", "key: value"]),
    ("accounts: [{id: '111111111111'}, {id: '111111111111'}]\n", &["account `111111111111` is there twice", ":1:34"]),
    ("accounts: [{id: '111111111111', role: keur}]\n", &["`keur` is not the ARN of a role"]),
    ("regions: [eu-central-1]\n", &["`regions` is a map", ":1:10"]),
    ("regions: {allowed: eu-central-1}\n", &["write `[eu-central-1]`"]),
    ("regions: {allowed: [eu-centrl-1]}\n", &["`eu-central-1`", ":1:21"]),
    ("regions: {allowed: [EU-CENTRAL-1]}\n", &["did you mean `eu-central-1`"]),
    ("regions: {allowed: [frankfurt]}\n", &["named like `eu-central-1`"]),
    ("regions: {allowed: [eu-central-1, eu-central-1]}\n", &["region `eu-central-1` is there twice", ":1:35"]),
    ("regions: {allowed: []}\n", &["no region would be allowed"]),
    ("regions: {sweep: all}\n", &["`sweep` is `enabled` or a list"]),
    ("environments: [production]\n", &["a map of names to rules", ":1:15"]),
    ("environments: {production: {tag: {Environment: [x]}}}\n", &["no key `tag`", "`tags`"]),
    ("environments: {production: {tags: {Environment: prod}}}\n", &["write `[prod]`"]),
    ("environments: {unassigned: {names: [x]}}\n", &["a reserved word"]),
    ("environments:\n  production: {names: [x]}\n  production: {names: [y]}\n", &["the key `production` is there twice", "line 2", ":3:3"]),
    (
        "environments: {production: {accounts: ['111111111111']}, test: {accounts: ['111111111111']}}\n",
        &["account 111111111111 is claimed for `production` as well", ":1:76"],
    ),
    ("environments: {a: {tags: {E: [x]}}, b: {tags: {E: [x, y]}}}\n", &["tag E=x is claimed for `a` as well"]),
    ("parameters: {snapshot_max_agee: 26h}\n", &["`snapshot_max_age`", ":1:14"]),
    ("parameters: {snapshot_max_age: 26}\n", &["a duration has a unit", ":1:32"]),
    ("parameters: {snapshot_max_age: 24 hours}\n", &["`24 hours` is not a duration"]),
    ("parameters: {highly_available: production}\n", &["write `[production]`"]),
    ("parameters: {highly_available: []}\n", &["is an empty list"]),
    ("environments: {production: {names: [x]}}\nparameters: {highly_available: [prodution]}\n", &["`production`", ":2:33"]),
    ("policies: shipped\n", &["write `[shipped]`"]),
    ("policies: [shiped]\n", &["did you mean `shipped`", ":1:12"]),
    ("policies: []\n", &["nothing would be judged"]),
    ("framework: iso27001\n", &["there is: iso27001-2022", ":1:12"]),
    ("exceptions: gone.yaml\n", &["`gone.yaml` is not there", ":1:13"]),
    ("attestations: gone\n", &["`gone` is not there", ":1:15"]),
    ("evidence: daily\n", &["`evidence` is a map"]),
    ("evidence: {cadence: 24}\n", &["write `24h` or `7d`", ":1:21"]),
    ("evidence: {cadence: 9000000000000000000h}\n", &["write `24h` or `7d`"]),
    ("evidence: {chain: x}\n", &["no key `chain`"]),
    ("profile: [a]\n", &["`profile` is text"]),
    ("organisation: Clinic: North\n", &["into quotes", ":1:15"]),
    ("regions:\n\tallowed: [eu-central-1]\n", &["a tab cannot indent YAML", ":2:1"]),
    ("organisation: \"Clinic\n", &["must end with it"]),
];

#[test]
fn every_mistake_in_a_configuration_has_its_place_and_a_remedy() {
    let keur = Keur::new();
    for (text, says) in CONFIGURATIONS {
        keur.write("keur.yaml", text);
        keur.run(["controls"]).exits(2).says(&["keur.yaml"]).says(says).gives_nothing();
    }
}

#[test]
fn every_mistake_in_exceptions_has_its_place_and_a_remedy() {
    const ENTRY: &str = "id: E, policy: ebs-volume-encrypted, resources: [vol-1], reason: r, risk: R, approver: A, approved: 2026-02-01, expires: 2026-12-31";
    let keur = Keur::new();
    keur.write("keur.yaml", "exceptions: exceptions.yaml\n");
    for (from, to, says) in [
        ("ebs-volume-encrypted", "ebs-volume-encryptd", "`ebs-volume-encrypted`"),
        ("ebs-volume-encrypted", "backups", "keur policy list"),
        ("2026-02-01", "2026-02-30", "`2026-02-30` is not a day"),
        ("2026-02-01", "01/02/2026", "2026-12-31"),
        ("2026-12-31", "never", "`never` is not a day"),
        ("[vol-1]", "vol-1", "write `[vol-1]`"),
        ("[vol-1]", "['*']", "would accept everything"),
        ("[vol-1]", "[]", "names its resources"),
        ("risk: R", "risk: 7", "in quotes"),
        ("risk: R, ", "", "has no `risk`"),
        ("resources", "resource", "`resources`"),
    ] {
        keur.write("exceptions.yaml", format!("- {{{}}}\n", ENTRY.replacen(from, to, 1)));
        keur.run(["controls"]).exits(2).says(&["exceptions.yaml:1:", says]).gives_nothing();
    }
    keur.write("exceptions.yaml", format!("- {{{ENTRY}}}\n- {{{ENTRY}}}\n"));
    keur.run(["controls"]).exits(2).says(&["exception `E` is there twice", "exceptions.yaml:2:"]);
}

/// Thousands of mistakes cost what they cost once each: the file is not read again for every one of them, and those that are
/// not shown are counted.
#[test]
fn thousands_of_mistakes_are_counted() {
    const MANY: usize = 3_000;
    let keur = Keur::new();
    let statement = |at: usize| format!("- {{id: s-{at}, title: t, basis: api, owner: o, colour: blue}}\n");
    keur.write("policies/statements.yaml", (0..MANY).map(statement).collect::<String>());
    let ran = keur.run(["policy", "check", "policies"]).exits(2).gives_nothing();
    assert_eq!(ran.stderr.matches("error[unknown-key]").count(), 100);
    ran.says(&[&format!("and {} more, not shown: {} unknown-key", MANY - 100, MANY - 100), "3,000 errors found"]);
}
