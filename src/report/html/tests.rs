//! The whole document, with and without a pack.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::text::{fill, gaps, slug, visible};
use super::{Lang, base64, sample};
use crate::estate::{Estate, Gap, Listing, Reason, ResponseId};
use crate::evaluate::{Judgement, evaluate, fingerprint, population};
use crate::framework::{Attestation, ControlVerdict, Document, Edition, Exception, Framework, apply, framework, roll_up};
use crate::policy::{Bundle, Files, Parameters, Severity, shipped_files};
use crate::report::{CallLine, Counts, Dossier, Format, PackLine, RedactionLine, Report, Span, Style};
use crate::{aws, isolation};

const ACCOUNT: &str = "111111111111";
const NASTY: &str = "</td><script>alert('x')</script>\u{202e}gnp\u{1b}[31m\u{200b}";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Everything a report is made of.
struct Given {
    estate: Estate,
    bundle: Bundle,
    framework: Framework,
    judgement: Judgement,
    exceptions: Vec<Exception>,
    attestations: Vec<Attestation>,
    dossier: Option<Dossier>,
}

impl Given {
    /// Volumes, encrypted but for one whose name is up to no good; everything else was not asked for.
    fn new(volumes: usize) -> Self {
        let registry = crate::registry();
        let volume = |n: usize| {
            let name = if n == 0 { NASTY.to_owned() } else { format!("vol-{n}") };
            serde_json::json!({
                "type": "AWS::EC2::Volume", "arn": format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:volume/vol-{n}"), "id": format!("vol-{n}"),
                "name": name, "account": ACCOUNT, "region": "eu-central-1", "tags": {"Environment": "production"},
                "properties": {"encrypted": n > 0}, "responses": [ResponseId([7; 32]).to_string()],
            })
        };
        let listing = |kind: &str, listed: usize, gap: Option<Gap>| Listing {
            kind: kind.to_owned(),
            account: ACCOUNT.to_owned(),
            region: "eu-central-1".to_owned(),
            listed: listed as u64,
            unreadable: 0,
            gap,
        };
        let denied = Gap {
            service: "rds".to_owned(),
            operation: "DescribeDBInstances".to_owned(),
            account: ACCOUNT.to_owned(),
            region: "eu-central-1".to_owned(),
            reason: Reason::Denied,
            code: Some("AccessDenied".to_owned()),
            subject: None,
        };
        let file = serde_json::json!({
            "schema": "keur/estate/1",
            "run": {
                "started": "2026-01-31T12:00:00Z", "finished": "2026-01-31T12:01:00Z", "as_of": "2026-01-31T12:00:00Z", "source": "live",
                "tool": "keur test", "identity": {"account": ACCOUNT, "arn": "arn:aws:sts::111111111111:assumed-role/reader/ci"},
                "accounts": [{"id": ACCOUNT, "name": "production"}], "regions": ["eu-central-1"], "calls": 3,
            },
            "resources": (0..volumes).map(volume).collect::<Vec<_>>(),
            "listings": [
                listing("AWS::EC2::Volume", volumes, None),
                listing("AWS::DynamoDB::Table", 0, None),
                listing("AWS::RDS::DBInstance", 0, Some(denied)),
            ],
        });
        let mut estate = Estate::load(&file.to_string(), &registry).unwrap();
        isolation::assign(&mut estate, &isolation::Environments::ByTag);
        let mut diagnostics = Vec::new();
        let files = Files::parse(&shipped_files(), &mut diagnostics);
        let parameters = Parameters::new(files.parameters.clone(), BTreeMap::new());
        let bundle = Bundle::check(&files, parameters, &registry, &aws::links(isolation::LINKS), &mut diagnostics);
        let (source, node) = &files.frameworks[0];
        let framework = framework(source, node, None, &files.statements, &mut diagnostics).unwrap();
        assert!(!crate::diag::has_errors(&diagnostics));
        let judgement = evaluate(&bundle.policies, &bundle.parameters, &estate, &registry);
        Self { estate, bundle, framework, judgement, exceptions: Vec::new(), attestations: Vec::new(), dossier: None }
    }

    fn exception(mut self, id: &str, resource: &str, expires: &str) -> Self {
        let text = format!(
            "- id: {id}\n  policy: ebs-volume-encrypted\n  resources: [{resource}]\n  reason: old\n  risk: RISK-1\n  compensating: nightly export\n  approver: CISO\n  approved: 2026-01-01\n  expires: {expires}\n"
        );
        let source = crate::diag::SourceFile::new("exceptions.yaml", text);
        let ids = self.bundle.policies.iter().map(|p| p.id.clone()).collect();
        let mut diagnostics = Vec::new();
        self.exceptions.extend(crate::framework::exceptions(&source, &ids, &mut diagnostics));
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        apply(&self.exceptions, &self.bundle.policies, &self.estate, &mut self.judgement, self.estate.run.as_of);
        self
    }

    fn attestation(mut self, statement: &str, document: Document, until: &str) -> Self {
        self.attestations.push(Attestation {
            statement: statement.to_owned(),
            title: "Report of 2026".to_owned(),
            document,
            owner: "CISO".to_owned(),
            approver: "Board".to_owned(),
            valid_from: "2026-01-01".parse().unwrap(),
            valid_until: until.parse().unwrap(),
        });
        self
    }

    /// With a pack: the third after one that was finished and one that was aborted, with as many calls.
    fn dossier(mut self, calls: usize) -> Self {
        let pack = |sequence: u64, finished: Option<Timestamp>| PackLine {
            sequence,
            started: at("2025-12-30T06:00:00Z"),
            finished,
            manifest_sha256: format!("sha256:{sequence:064}"),
            previous_sha256: None,
            key: Some("7b2610dd563e5b33".to_owned()),
            counts: Counts { pass: 5, deviation: 0, unknown: 1, excepted: 0 },
            controls: self.framework.controls.iter().map(|c| (c.id.clone(), ControlVerdict::Met)).collect(),
            policies_sha256: "sha256:other".to_owned(),
            scope: vec!["111111111111 eu-central-1".to_owned()],
        };
        let call = |n: usize| CallLine {
            account: ACCOUNT.to_owned(),
            region: "eu-central-1".to_owned(),
            service: "ec2".to_owned(),
            operation: "DescribeVolumes".to_owned(),
            time: at("2026-01-31T12:00:01Z"),
            status: Some(if n == 0 { 200 } else { 403 }),
            request_id: Some(format!("request-{n}")),
            bytes: 100,
            response: Some(ResponseId([7; 32])),
        };
        let arn = format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:volume/vol-0");
        let span = |policy: &str, closed: Option<Timestamp>| Span {
            fingerprint: fingerprint(policy, "AWS::EC2::Volume", ACCOUNT, "eu-central-1", &arn),
            policy: policy.to_owned(),
            resource: arn.clone(),
            verdict: "deviation".to_owned(),
            opened: at("2026-01-01T12:00:00Z"),
            closed,
        };
        self.dossier = Some(Dossier {
            chain: "sha256:chain".to_owned(),
            sequence: 3,
            started_sha256: "sha256:start".to_owned(),
            findings_sha256: "sha256:findings".to_owned(),
            earlier: vec![pack(1, Some(at("2025-12-30T06:01:00Z"))), pack(2, None)],
            cadence: Some(SignedDuration::from_hours(24)),
            late: vec![(at("2025-12-30T06:01:00Z"), at("2026-01-31T12:00:00Z"))],
            key: Some("7b2610dd563e5b33".to_owned()),
            tool_sha256: Some("sha256:tool".to_owned()),
            run_by: vec![("GITHUB_RUN_ID".to_owned(), "42".to_owned())],
            rules: vec![("rules/ebs-volume-encrypted.yaml".to_owned(), "sha256:rule".to_owned())],
            calls: (0..calls).map(call).collect(),
            redactions: vec![RedactionLine {
                response: ResponseId([7; 32]),
                pointer: "/user_data".to_owned(),
                reason: "may hold secrets".to_owned(),
            }],
            spans: vec![span("ebs-volume-encrypted", None), span("ebs-volume-recent-snapshot", Some(at("2026-01-20T12:00:00Z")))],
        });
        self
    }

    fn html(&self, lang: Lang) -> String {
        let report = Report {
            organisation: Some("Clinic <&> \"Co\""),
            estate: &self.estate,
            policies: &self.bundle.policies,
            policies_sha256: &self.bundle.sha256,
            statements: &self.bundle.statements,
            judgement: &self.judgement,
            population: population(&self.estate, &self.judgement),
            framework: &self.framework,
            controls: roll_up(&self.framework, &self.bundle.policies, &self.judgement, &self.estate, &self.attestations, Edition::CURRENT),
            exceptions: &self.exceptions,
            attestations: &self.attestations,
            dossier: self.dossier.as_ref(),
            fail_on: Severity::Low,
            all: false,
            edition: Edition::CURRENT,
        };
        let mut out = Vec::new();
        report.write(Format::Html, Style { width: 100, color: false, lang }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn full() -> Self {
        Self::new(60)
            .exception("EX-1", "vol-0", "2026-02-10")
            .exception("EX-2", "vol-gone", "2026-02-10")
            .exception("EX-3", "vol-0", "2026-01-10")
            .attestation("security-organisation", Document::Uri("javascript:alert(1)//x".to_owned()), "2026-12-31")
            .attestation(
                "annual-penetration-test",
                Document::File { path: "pentest.pdf".to_owned(), sha256: "sha256:doc".to_owned() },
                "2026-01-15",
            )
            .dossier(2)
    }
}

/// What stands between two marks.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let start = text.find(from).unwrap_or_else(|| panic!("no `{from}`"));
    let rest = &text[start + from.len()..];
    &rest[..rest.find(to).unwrap_or_else(|| panic!("no `{to}` after `{from}`"))]
}

fn section<'t>(html: &'t str, id: &str) -> &'t str {
    between(html, &format!("<section aria-labelledby=\"{id}\">"), "</section>")
}

/// The row of a table with that beginning, without tags.
fn row(html: &str, first: &str) -> String {
    let line = html.lines().find(|line| line.contains("<tr") && line.contains(first)).unwrap_or_else(|| panic!("no row with `{first}`"));
    let mut text = String::new();
    for part in line.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        text.push('|');
    }
    text
}

#[test]
fn every_language_has_every_word_with_the_same_gaps() {
    let english = Lang::En.words().all();
    for (code, lang) in Lang::ALL {
        let mut same = 0;
        for ((name, word), (_, original)) in lang.words().all().into_iter().zip(&english) {
            assert!(!word.trim().is_empty(), "{code}: `{name}` is empty");
            assert_eq!(gaps(word), gaps(original), "{code}: `{name}` has other gaps");
            // A column of numbers is told by its first letter.
            assert!(!word.starts_with('#'), "{code}: `{name}`");
            same += usize::from(word == *original);
        }
        // Words like `Account` are the same in several languages; sentences are not.
        assert!(*lang == Lang::En || same < 25, "{code}: {same} words are still English");
        let verdicts: BTreeSet<&str> = {
            let w = lang.words();
            [w.met, w.not_met, w.not_determined, w.attested, w.attestation_expired, w.exception_accepted, w.inherited, w.not_applicable]
                .into()
        };
        assert_eq!(verdicts.len(), 8, "{code}: two verdicts have one word");
    }
}

#[test]
fn every_section_is_there_in_every_language() {
    let ids = [
        "glance",
        "scope",
        "applicability",
        "sheets",
        "exceptions",
        "attestations",
        "claims",
        "chain",
        "inherited",
        "method",
        "index",
        "verify",
        "annexes",
    ];
    for given in [Given::full(), Given::new(3)] {
        for (code, lang) in Lang::ALL {
            let html = given.html(*lang);
            assert!(html.contains(&format!("<html lang=\"{code}\">")));
            for id in ids {
                assert!(section(&html, id).len() > 100, "{code}: {id}");
                assert!(html.contains(&format!("<li><a href=\"#{id}\">")), "{code}: {id} is not among the contents");
            }
            assert!(html.contains(lang.words().not_a_certificate), "{code}");
            assert_eq!(html.matches("<article class=\"control\"").count(), 93);
            assert_eq!(section(&html, "applicability").matches("<tr><th scope=\"row\">").count(), 93);
            let mut before = html.split("</style>").nth(1).unwrap().split('%').rev().skip(1);
            assert!(!before.any(|text| text.trim_end().ends_with(|c: char| c.is_ascii_digit())), "{code}: a percentage");
        }
    }
}

#[test]
fn ids_are_unique_links_lead_somewhere_and_tables_have_names_of_their_own() {
    let html = Given::full().html(Lang::Nl);
    let all = |before: &str| html.split(before).skip(1).map(|part| part.split('"').next().unwrap()).collect::<Vec<_>>();
    let ids = all(" id=\"");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for to in all(" href=\"") {
        assert!(ids.contains(&to.strip_prefix('#').unwrap()), "{to} leads nowhere");
    }
    let labels = all(" role=\"group\" aria-label=\"");
    let unique: BTreeSet<_> = labels.iter().collect();
    assert_eq!(unique.len(), labels.len());
    assert_eq!(html.matches("<table").count(), html.matches("<caption>").count());
    assert_eq!(html.matches("<h1>").count(), 1);
}

#[test]
fn what_comes_from_outside_is_escaped_and_seen() {
    for given in [Given::full(), Given::new(3)] {
        let html = given.html(Lang::En);
        assert!(!html.contains("<script") && !html.contains("alert('x')"));
        assert!(!html.contains('\u{202e}') && !html.contains('\u{1b}') && !html.contains('\u{200b}'));
        assert!(html.contains("⟨U+202E⟩gnp⟨U+001B⟩[31m⟨U+200B⟩"));
        assert!(html.contains("Clinic &#60;&#38;&#62; &#34;Co&#34;"));
        assert!(
            !html.contains("href=\"javascript:") && !html.contains("style=") && !html.contains("http://") && !html.contains("https://")
        );
        // In the style nothing is escaped: only letters get in.
        assert!(html.contains("@top-left{content:\"Clinic  Co\""));
    }
    assert_eq!(visible("a\u{feff}\u{2066}\u{7}\u{85}b\nc\n"), "a⟨U+FEFF⟩⟨U+2066⟩⟨U+0007⟩⟨U+0085⟩b c");
    assert_eq!(slug("o-rds:Describe\"><x"), "o-rds-describe---x");
    assert_eq!(["", "f", "fo", "foo"].map(|text| base64(text.as_bytes())), ["", "Zg==", "Zm8=", "Zm9v"]);
    let line = fill("{a} of {b}", &[("a", "<".into()), ("b", 2.into())]);
    assert_eq!(line.0.len(), 3);
}

#[test]
fn the_style_is_allowed_by_its_hash_and_nothing_else_is() {
    use sha2::Digest as _;
    let html = Given::new(1).html(Lang::De);
    let style = between(&html, "<style>", "</style>");
    let policy = between(&html, "Content-Security-Policy\" content=\"", "\"");
    let hash = base64(&sha2::Sha256::digest(style.as_bytes()));
    assert_eq!(policy, format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(Given::full().html(Lang::Fr), Given::full().html(Lang::Fr));
    assert_eq!(Given::new(40).html(Lang::En), Given::new(40).html(Lang::En));
}

#[test]
fn nothing_to_judge_is_never_met() {
    let given = Given::new(0);
    for (code, lang) in Lang::ALL {
        let html = given.html(*lang);
        let met = row(section(&html, "glance"), &format!("</span> {}</span>", lang.words().met));
        assert!(met.contains("|0|"), "{code}: {met}");
    }
    // A type that was listed and of which there is none.
    let mut given = Given::new(0);
    given.bundle.policies.retain(|p| p.id == "dynamodb-table-encrypted");
    given.framework.controls.retain(|c| c.id == "A.8.24");
    given.framework.controls[0].policies = vec!["dynamodb-table-encrypted".to_owned()];
    given.framework.controls[0].attested.clear();
    let registry = crate::registry();
    given.judgement = evaluate(&given.bundle.policies, &given.bundle.parameters, &given.estate, &registry);
    let html = given.html(Lang::De);
    let sheet = between(&html, "<article class=\"control\"", "</article>");
    assert!(sheet.contains(Lang::De.words().population_empty) && sheet.contains(Lang::De.words().not_determined), "{sheet}");
}

#[test]
fn verdicts_are_counted_and_listed_once_and_whole() {
    let given = Given::new(60);
    let html = given.html(Lang::En);
    let results = between(&html, "<article class=\"policy\" aria-labelledby=\"p-ebs-volume-encrypted\">", "</article>");
    assert!(results.contains("in Terraform <code>encrypted = true</code>"));
    assert!(results.contains("Deviation 1, ") && results.contains("Pass 59, "), "{results}");
    assert!(results.contains("random sample of 15 of 59 passes"));
    assert_eq!(between(results, "<table class=\"sample\">", "</table>").matches("<tr><th scope=\"row\">").count(), 15);
    // Every deviation and unknown is in its policy's results.
    let bad = given.judgement.findings.iter().filter(|f| f.verdict != crate::evaluate::Verdict::Pass).count();
    let listed: usize = html
        .split("<article class=\"policy\"")
        .skip(1)
        .map(|sheet| {
            let tables = sheet.split("<table class=\"findings\">").skip(1);
            tables.map(|table| table.split("</table>").next().unwrap().matches("<tr><th scope=\"row\">").count()).sum::<usize>()
        })
        .sum();
    assert_eq!(listed, bad);
    let claims = section(&html, "claims");
    assert!(row(claims, "id=\"s-encrypted-at-rest\"").contains("Deviation 1, Unknown "), "{claims}");
    assert!(row(claims, "id=\"s-monitoring\"").contains("Nothing tests it yet."), "{claims}");
    assert!(section(&html, "scope").contains("rds:DescribeDBInstances"));
    assert!(section(&html, "scope").contains("AccessDenied"));
}

#[test]
fn the_sample_follows_from_the_seed() {
    let given = Given::new(60);
    let seed = sample::seed(&given.bundle.sha256, "2026-01-31T12:00:00Z");
    let drawn = |html: &str| {
        let results = between(html, "aria-labelledby=\"p-ebs-volume-encrypted\">", "</article>");
        between(results, "<table class=\"sample\">", "</table>").matches("volume/").count();
        between(results, "<table class=\"sample\">", "</table>").to_owned()
    };
    let plain = given.html(Lang::En);
    assert!(section(&plain, "method").contains(&seed));
    let arn = |n: usize| format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:volume/vol-{n}");
    let items = (1..60).map(|n| (fingerprint("ebs-volume-encrypted", "AWS::EC2::Volume", ACCOUNT, "eu-central-1", &arn(n)), n));
    let expected = sample::draw(&seed, items);
    for n in 1..60 {
        assert_eq!(drawn(&plain).contains(&format!(">vol-{n}<")), expected.contains(&n), "vol-{n}");
    }
    let packed = given.dossier(1).html(Lang::En);
    assert!(section(&packed, "method").contains("sha256:findings"));
    assert_ne!(drawn(&plain), drawn(&packed));
}

#[test]
fn without_a_pack_the_report_says_so() {
    for (code, lang) in Lang::ALL {
        let html = Given::new(3).html(*lang);
        let w = lang.words();
        assert!(section(&html, "chain").contains(w.no_pack_chain), "{code}");
        let start = w.no_pack_index.split('{').next().unwrap();
        assert!(section(&html, "index").contains(start), "{code}");
        assert!(section(&html, "verify").contains(w.no_pack_verify), "{code}");
    }
}

#[test]
fn with_a_pack_there_are_a_chain_a_period_and_an_index() {
    let html = Given::full().html(Lang::En);
    let control = between(&html, "<header>", "</header>");
    for text in
        ["sha256:chain", "sha256:start", "sha256:findings", "2025-12-30 06:00:00 UTC", "000001", "7b2610dd563e5b33", "GITHUB_RUN_ID"]
    {
        assert!(control.contains(text), "{text}");
    }
    let chain = section(&html, "chain");
    assert!(chain.contains("Aborted</span>") && chain.contains("000003 (this pack)"));
    // 32 days without a run, a deviation that was open for 19 days, and one that has been for 30.
    assert!(row(chain, "2025-12-30T06:01:00Z").contains("|32|"));
    assert!(row(chain, "2026-01-20T12:00:00Z").contains("|19|"));
    assert!(chain.contains("<td class=\"n\">30</td>"));
    let index = section(&html, "index");
    assert!(index.contains("request-0") && index.contains("id=\"r-070707070707\""));
    assert!(row(section(&html, "glance"), "</span> Met</span>").contains("|93|"));
    assert!(section(&html, "glance").contains("The rules are not those of the previous pack"));
    assert!(section(&html, "sheets").contains("#r-070707070707"));
    assert!(section(&html, "method").contains("/user_data"));
    assert!(section(&html, "verify").contains("<code>sha256sum -c pack-000003/SHA256SUMS</code>"));
    assert!(between(&html, "aria-labelledby=\"a-8-24\">", "</article>").contains("2025-12"));
    let many = Given::new(3).dossier(301).html(Lang::En);
    let index = section(&many, "index");
    assert!(
        !index.contains("request-0") && index.contains("Above 300 calls") && row(index, "ec2:DescribeVolumes").contains("|301|"),
        "{index}"
    );
    assert!(row(index, "ec2:DescribeVolumes").contains("|300|"), "refused ones");
}

#[test]
fn the_registers_say_what_is_stale_expired_and_missing() {
    let html = Given::full().html(Lang::En);
    let exceptions = section(&html, "exceptions");
    let (used, stale, expired) = (row(exceptions, ">EX-1<"), row(exceptions, ">EX-2<"), row(exceptions, ">EX-3<"));
    assert!(used.contains("|10|") && used.contains("nightly export") && !used.contains("Matches nothing"), "{used}");
    assert!(stale.contains("Matches nothing"), "{stale}");
    assert!(expired.contains("Expired"), "{expired}");
    let attestations = section(&html, "attestations");
    assert!(row(attestations, "security-organisation</code>").contains("Valid"));
    assert!(row(attestations, "annual-penetration-test</code>").contains("Expired"));
    assert!(attestations.contains("Claims that need a document and have none"));
    let claims = section(&html, "claims");
    assert!(row(claims, "id=\"s-security-organisation\"").contains("Attested"));
    assert!(row(claims, "id=\"s-annual-penetration-test\"").contains("Attestation expired"));
    assert!(row(claims, "id=\"s-encrypted-at-rest\"").contains("Not determined"));
}

#[test]
fn a_claim_is_not_met_when_policies_were_left_out() {
    let mut given = Given::new(60);
    given.bundle.policies.retain(|p| p.id == "ebs-volume-encrypted");
    let registry = crate::registry();
    given.estate.resources.retain(|r| &*r.id != "vol-0");
    given.judgement = evaluate(&given.bundle.policies, &given.bundle.parameters, &given.estate, &registry);
    let html = given.html(Lang::En);
    assert!(row(section(&html, "claims"), "id=\"s-encrypted-at-rest\"").contains("Not determined"));
    assert!(section(&html, "scope").contains("policies of the framework that were left out of this run"));
}

/// Whatever the program writes as a code has a word in each language: a new one must not be shown as it is.
#[test]
fn every_code_has_a_word() {
    use super::words::{OWNERS, REDACTIONS, SCOPE_RULES, SOURCES};
    let known = |table: &[(&'static str, _)]| {
        table.iter().map(|(code, _): &(&str, fn(&super::Words) -> &'static str)| *code).collect::<BTreeSet<_>>()
    };
    // Rules that say why a resource is out of scope are named in these files and nowhere else.
    let in_quotes = |source: &'static str| source.split('"').skip(1).step_by(2);
    let is_name =
        |text: &&str| text.contains('-') && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()));
    let rules: BTreeSet<&str> =
        in_quotes(include_str!("../../isolation/provided.rs")).filter(is_name).chain(["condition", "global-service"]).collect();
    assert!(rules.len() > 8, "{rules:?}");
    assert_eq!(rules, known(SCOPE_RULES));
    let (mut diagnostics, statements) = (Vec::new(), shipped_files());
    let owners = Files::parse(&statements, &mut diagnostics).statements;
    assert_eq!(owners.iter().map(|s| s.owner.as_str()).collect::<BTreeSet<_>>(), known(OWNERS));
    assert_eq!(known(SOURCES), BTreeSet::from(["live", "demo", "replay", "plan", "state", "template", "estate"]));
    #[cfg(feature = "aws")]
    assert_eq!(aws::redaction_reasons().collect::<BTreeSet<_>>(), known(REDACTIONS));
    #[cfg(not(feature = "aws"))]
    assert!(!REDACTIONS.is_empty());
}

#[test]
fn codes_are_not_shown_as_prose() {
    for (code, lang) in Lang::ALL {
        let html = Given::full().html(*lang);
        let w = lang.words();
        for raw in [
            "<code>denied</code>",
            "<code>unassigned</code>",
            "<code>live</code>",
            "<code>global</code>",
            "not seen: ",
            "TEST:",
            "EXAMINE:",
        ] {
            assert!(!html.contains(raw), "{code}: {raw}");
        }
        assert!(section(&html, "scope").contains(w.reason_denied), "{code}");
        assert!(section(&html, "method").contains(w.taken_may_be_secret), "{code}");
        assert!(section(&html, "claims").contains(w.owner_data_protection), "{code}");
        if *lang != Lang::En {
            for english in ["The population is empty", "no attestation for", "nothing to judge for", "Infrastructure<", "may hold secrets"]
            {
                assert!(*lang == Lang::Fr && english == "Infrastructure<" || !html.contains(english), "{code}: {english}");
            }
        }
    }
}

#[test]
fn one_is_not_many() {
    for (code, lang) in Lang::ALL {
        let html = Given::new(2).html(*lang);
        assert!(html.contains(&format!("ebs-volume-encrypted: {}", lang.words().one_pass)), "{code}");
        let w = lang.words();
        assert_ne!(w.day_old, w.days_old, "{code}");
        assert!(lang.is_one(1) && !lang.is_one(2) && lang.is_one(0) == (*lang == Lang::Fr), "{code}");
    }
}

/// The numbers of the method are those of what was mapped, not those of the framework.
#[test]
fn controls_that_are_counted_as_tested_are_tested() {
    let given = Given::new(3);
    let in_run = |id: &String| given.bundle.policies.iter().any(|p| p.id == *id);
    let mapped = given.framework.controls.iter().filter(|c| c.policies.iter().any(in_run)).count();
    assert!(mapped > 10 && mapped < 40, "{mapped}");
    let html = given.html(Lang::En);
    let said = format!("policies ({}); controls that they test: {mapped} of 93", given.bundle.policies.len());
    assert!(section(&html, "method").contains(&said), "{said}");
}

/// A sentence about an empty population is not shown where a listing failed, and says what the verdict says.
#[test]
fn an_empty_population_is_told_as_the_verdict_is() {
    for (code, lang) in Lang::ALL {
        let w = lang.words();
        let verdict = match lang {
            Lang::En => "not determined",
            Lang::Nl => "niet vastgesteld",
            Lang::De => "nicht festgestellt",
            Lang::Fr => "pas déterminée",
        };
        for sentence in [w.population_empty, w.rule_empty] {
            let says = |words: &str| sentence.to_lowercase().contains(words);
            assert!(says(verdict) && !says(&w.not_met.to_lowercase()), "{code}: {sentence}");
        }
        // The listing of databases failed: nobody knows whether there are any.
        let mut given = Given::new(0);
        given.framework.controls.retain(|c| c.id == "A.8.24");
        given.framework.controls[0].policies = vec!["rds-instance-encrypted".to_owned()];
        given.framework.controls[0].attested.clear();
        let html = given.html(*lang);
        let sheet = between(&html, "<article class=\"control\"", "</article>");
        assert!(!sheet.contains(w.population_empty) && sheet.contains(w.not_determined), "{code}");
    }
}
