//! Policies on small estates: links, environments, listings that failed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Judgement, Subject, Verdict, evaluate, population};
use crate::aws;
use crate::diag::SourceFile;
use crate::estate::{Estate, Fetched, Gap, Listing, Reason, Registry, Run, Value};
use crate::isolation::{self, EnvironmentRule, Environments};
use crate::policy::{Bundle, Files, Parameters};

fn run(accounts: &[&str]) -> Run {
    let at = "2026-01-15T12:00:00Z".parse().unwrap();
    Run {
        started: at,
        finished: at,
        as_of: at,
        source: "live".to_owned(),
        tool: "keur test".to_owned(),
        identity: None,
        accounts: accounts.iter().map(|id| crate::estate::Account { id: (*id).to_owned(), name: None, gap: None }).collect(),
        regions: vec!["eu-central-1".to_owned()],
        calls: 0,
        declared: None,
    }
}

fn denied(operation: &str) -> Gap {
    Gap {
        service: "rds".to_owned(),
        operation: operation.to_owned(),
        account: "111111111111".to_owned(),
        region: "eu-central-1".to_owned(),
        reason: Reason::Denied,
        code: Some("AccessDenied".to_owned()),
        subject: None,
    }
}

fn listing(kind: &str, listed: u64, gap: Option<Gap>) -> Listing {
    let (account, region) = ("111111111111".to_owned(), "eu-central-1".to_owned());
    Listing { kind: kind.to_owned(), account, region, listed, unreadable: 0, gap }
}

/// A resource as `estate.json` has it: what is not given is a gap, as in a file of an older program.
fn resource(kind: &str, id: &str, tags: &str, properties: &str) -> String {
    format!(
        r#"{{"type":"{kind}","arn":"arn:aws:x:eu-central-1:111111111111:{id}","id":"{id}","name":"{id}","account":"111111111111",
            "region":"eu-central-1","tags":{tags},"properties":{properties}}}"#
    )
}

fn estate(registry: &Registry, resources: &[String], listings: Vec<Listing>) -> Estate {
    let head = serde_json::to_string(&run(&["111111111111"])).unwrap();
    let listings_text = serde_json::to_string(&listings).unwrap();
    let text = format!(r#"{{"schema":"keur/estate/1","run":{head},"resources":[{}],"listings":{listings_text}}}"#, resources.join(","));
    let mut estate = Estate::load(&text, registry).unwrap();
    isolation::assign(&mut estate, &Environments::ByTag);
    estate
}

fn bundle(registry: &Registry, policies: &[(&str, &str)]) -> Bundle {
    let mut sources: Vec<Arc<SourceFile>> = crate::policy::shipped_files()
        .into_iter()
        .filter(|f| f.name.ends_with("statements.yaml") || f.name.ends_with("parameters.yaml"))
        .collect();
    for (name, rest) in policies {
        let text = format!("id: {name}\ntitle: x\nstatement: multi-az\nseverity: high\ndeviation: '{{name}}'\nremedy: x\n{rest}");
        sources.push(SourceFile::new(format!("{name}.yaml"), text));
    }
    let mut diagnostics = Vec::new();
    let files = Files::parse(&sources, &mut diagnostics);
    let parameters = Parameters::new(files.parameters.clone(), BTreeMap::new());
    let links = aws::links(isolation::LINKS);
    let bundle = Bundle::check(&files, parameters, registry, &links, &mut diagnostics);
    assert!(!crate::diag::has_errors(&diagnostics), "{}", diagnostics.iter().map(|d| d.render(false)).collect::<String>());
    bundle
}

fn verdicts(bundle: &Bundle, estate: &Estate) -> Vec<(String, Verdict)> {
    let judgement = evaluate(&bundle.policies, &bundle.parameters, estate, &crate::registry());
    named(&judgement, estate)
}

fn named(judgement: &Judgement, estate: &Estate) -> Vec<(String, Verdict)> {
    let name = |subject: &Subject| match subject {
        Subject::Resource(at) => estate.resources[*at as usize].id.to_string(),
        Subject::Unseen { region, .. } => format!("unseen {region}"),
    };
    judgement.findings.iter().map(|f| (name(&f.subject), f.verdict)).collect()
}

const DB: &str = "AWS::RDS::DBInstance";
const SNAPSHOT: &str = "AWS::RDS::DBSnapshot";

#[test]
fn a_listing_that_failed_is_unknown_and_an_empty_one_is_nothing() {
    let registry = crate::registry();
    let bundle = bundle(&registry, &[("a", "resource: AWS::RDS::DBInstance\nrequire: resource.multi_az\n")]);
    let empty = estate(&registry, &[], vec![listing(DB, 0, None)]);
    assert_eq!(verdicts(&bundle, &empty), []);
    let failed = estate(&registry, &[], vec![listing(DB, 0, Some(denied("DescribeDBInstances")))]);
    assert_eq!(verdicts(&bundle, &failed), [("unseen eu-central-1".to_owned(), Verdict::Unknown)]);
    let never_asked = estate(&registry, &[], vec![]);
    assert_eq!(verdicts(&bundle, &never_asked), [("unseen *".to_owned(), Verdict::Unknown)]);
}

#[test]
fn a_member_that_an_older_file_lacks_is_unknown() {
    let registry = crate::registry();
    let bundle = bundle(&registry, &[("a", "resource: AWS::RDS::DBInstance\nrequire: resource.multi_az\n")]);
    let estate = estate(&registry, &[resource(DB, "db-1", "{}", "{}")], vec![listing(DB, 1, None)]);
    assert_eq!(verdicts(&bundle, &estate), [("db-1".to_owned(), Verdict::Unknown)]);
}

#[test]
fn links_end_open_where_the_listing_of_their_targets_is_not_complete() {
    let registry = crate::registry();
    let policies = [
        ("some", "resource: AWS::RDS::DBInstance\nwith: {s: snapshots_of}\nrequire: s.exists(x, x.status == 'available')\n"),
        ("every", "resource: AWS::RDS::DBInstance\nwith: {s: snapshots_of}\nrequire: s.all(x, x.encrypted)\n"),
    ];
    let bundle = bundle(&registry, &policies);
    let db = |id: &str| resource(DB, id, "{}", &format!(r#"{{"dbi_resource_id":"{id}"}}"#));
    let snapshot = |id: &str, of: &str, encrypted: bool| {
        resource(SNAPSHOT, id, "{}", &format!(r#"{{"dbi_resource_id":"{of}","status":"available","encrypted":{encrypted}}}"#))
    };
    let all = [db("db-1"), db("db-2"), snapshot("s-1", "db-1", true), snapshot("s-2", "db-2", false)];
    let whole = estate(&registry, &all, vec![listing(DB, 2, None), listing(SNAPSHOT, 2, None)]);
    // Policies come in the order of their ids: `every`, then `some`.
    let expected = |a, b, c, d| [("db-1", a), ("db-2", b), ("db-1", c), ("db-2", d)].map(|(id, verdict)| (id.to_owned(), verdict));
    use Verdict::{Deviation, Pass, Unknown};
    assert_eq!(verdicts(&bundle, &whole), expected(Pass, Deviation, Pass, Pass));
    let broken_off = vec![listing(DB, 2, None), listing(SNAPSHOT, 2, Some(denied("DescribeDBSnapshots")))];
    let partial = estate(&registry, &all, broken_off.clone());
    assert_eq!(verdicts(&bundle, &partial), expected(Unknown, Deviation, Pass, Pass));
    let unseen = estate(&registry, &all[..2], broken_off);
    assert_eq!(verdicts(&bundle, &unseen), expected(Unknown, Unknown, Unknown, Unknown));
    let gone = estate(&registry, &all[..2], vec![listing(DB, 2, None), listing(SNAPSHOT, 0, None)]);
    assert_eq!(verdicts(&bundle, &gone), expected(Pass, Pass, Deviation, Deviation));
}

#[test]
fn a_target_whose_key_is_unknown_may_be_anybodys() {
    let registry = crate::registry();
    let bundle =
        bundle(&registry, &[("a", "resource: AWS::RDS::DBInstance\nwith: {s: snapshots_of}\nrequire: s.exists(x, true || x.encrypted)\n")]);
    let unknown = r#"{"dbi_resource_id":{"$unknown":{"service":"rds","operation":"X","account":"","region":"","reason":"denied"}}}"#;
    let resources = [resource(DB, "db-1", "{}", r#"{"dbi_resource_id":"db-1"}"#), resource(SNAPSHOT, "s-1", "{}", unknown)];
    let estate = estate(&registry, &resources, vec![listing(DB, 1, None), listing(SNAPSHOT, 1, None)]);
    // It may be nobody's as well: that `true || …` holds of anything does not make it exist.
    assert_eq!(verdicts(&bundle, &estate), [("db-1".to_owned(), Verdict::Unknown)]);
}

#[test]
fn a_resource_out_of_scope_is_counted_under_its_rule() {
    let registry = crate::registry();
    let bundle =
        bundle(&registry, &[("a", "resource: AWS::RDS::DBInstance\nwhen: environment == 'production'\nrequire: resource.multi_az\n")]);
    let resources = [
        resource(DB, "db-1", r#"{"Environment":"prod"}"#, r#"{"multi_az":true}"#),
        resource(DB, "db-2", r#"{"Environment":"test"}"#, "{}"),
    ];
    let estate = estate(&registry, &resources, vec![listing(DB, 2, None)]);
    let judgement = evaluate(&bundle.policies, &bundle.parameters, &estate, &registry);
    assert_eq!(named(&judgement, &estate), [("db-1".to_owned(), Verdict::Pass)]);
    assert_eq!(judgement.out_of_scope[0].by_rule.get("condition"), Some(&1));
    let lines = population(&estate, &judgement);
    assert_eq!((lines[0].listed, lines[0].judged, lines[0].out_of_scope, lines[0].complete), (2, 1, 1, true));
}

#[test]
fn a_condition_that_cannot_be_seen_is_unknown_even_if_the_rest_holds() {
    let registry = crate::registry();
    let bundle =
        bundle(&registry, &[("a", "resource: AWS::RDS::DBInstance\nwhen: environment == 'production'\nrequire: resource.multi_az\n")]);
    let tags = r#"{"$unknown":{"service":"rds","operation":"ListTagsForResource","account":"","region":"","reason":"denied"}}"#;
    let estate = estate(&registry, &[resource(DB, "db-1", tags, r#"{"multi_az":true}"#)], vec![listing(DB, 1, None)]);
    assert_eq!(verdicts(&bundle, &estate), [("db-1".to_owned(), Verdict::Unknown)]);
}

#[test]
fn environments_are_claimed_inherited_contested_or_unknown() {
    let registry = crate::registry();
    let vpc = |id: &str, tags: &str| resource("AWS::EC2::VPC", id, tags, r#"{"is_default":false}"#);
    let subnet = |id: &str, of: &str| resource("AWS::EC2::Subnet", id, "{}", &format!(r#"{{"vpc_id":"{of}"}}"#));
    let unread = r#"{"$unknown":{"service":"ec2","operation":"X","account":"","region":"","reason":"denied"}}"#;
    let resources = [
        vpc("vpc-1", r#"{"Stage":"prod"}"#),
        vpc("vpc-2", r#"{"Stage":"prod","Team":"qa"}"#),
        vpc("vpc-3", "{}"),
        vpc("vpc-4", unread),
        subnet("subnet-1", "vpc-1"),
        subnet("subnet-2", "vpc-2"),
        subnet("subnet-3", "vpc-3"),
        subnet("subnet-4", "vpc-4"),
    ];
    let mut estate = estate(&registry, &resources, vec![]);
    let tags = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), vec![value.to_owned()])]);
    let rules = BTreeMap::from([
        ("production".to_owned(), EnvironmentRule { tags: tags("Stage", "prod"), ..EnvironmentRule::default() }),
        ("test".to_owned(), EnvironmentRule { tags: tags("Team", "qa"), ..EnvironmentRule::default() }),
    ]);
    isolation::assign(&mut estate, &Environments::Declared(rules));
    let of = |id: &str| estate.resources.iter().find(|r| &*r.id == id).unwrap().environment.as_str().to_owned();
    for (id, expected) in [
        ("vpc-1", "production"),
        ("vpc-2", "ambiguous"),
        ("vpc-3", "unassigned"),
        ("vpc-4", "unknown"),
        ("subnet-1", "production"),
        ("subnet-2", "ambiguous"),
        ("subnet-3", "unassigned"),
        ("subnet-4", "unknown"),
    ] {
        assert_eq!(of(id), expected, "{id}");
    }
}

/// Single-AZ databases under these tags, judged where `environment in params.highly_available`.
fn highly_available(resources: &[String], environments: &Environments, set: Option<&[&str]>) -> Vec<(String, Verdict)> {
    let registry = crate::registry();
    let mut bundle = bundle(
        &registry,
        &[("a", "resource: AWS::RDS::DBInstance\nwhen: environment in params.highly_available\nrequire: resource.multi_az\n")],
    );
    if let Some(names) = set {
        let listed = Value::List(names.iter().map(|name| Value::string(*name)).collect());
        let setting = crate::policy::Setting { default: listed, environments: BTreeMap::new() };
        let declared = bundle.parameters.iter().map(|(parameter, _)| parameter.clone()).collect();
        bundle.parameters = Parameters::new(declared, BTreeMap::from([("highly_available".to_owned(), setting)]));
    }
    let mut estate = estate(&registry, resources, vec![listing(DB, resources.len() as u64, None)]);
    isolation::assign(&mut estate, environments);
    verdicts(&bundle, &estate)
}

fn single_az(id: &str, tags: &str) -> String {
    resource(DB, id, tags, r#"{"multi_az":false,"db_cluster_identifier":null,"vpc_id":null}"#)
}

fn expected(verdicts: &[(&str, Verdict)]) -> Vec<(String, Verdict)> {
    verdicts.iter().map(|(id, verdict)| ((*id).to_owned(), *verdict)).collect()
}

#[test]
fn an_environment_that_nobody_declared_is_never_out_of_sight() {
    let tag = |id: &str, value: &str| single_az(id, &format!(r#"{{"Environment":"{value}"}}"#));
    let resources = [
        tag("a-right", "production"),
        tag("b-short", "Live"),
        tag("c-upper", "PROD"),
        tag("d-misspelt", "prodution"),
        tag("e-suffix", "prod-eu"),
        tag("f-test", "test"),
        tag("g-development", "dev"),
        single_az("h-lower-key", r#"{"environment":"production"}"#),
        single_az("i-none", "{}"),
    ];
    use Verdict::{Deviation, Unknown};
    let wanted = expected(&[
        ("a-right", Deviation),
        ("b-short", Deviation),
        ("c-upper", Deviation),
        ("d-misspelt", Unknown),
        ("e-suffix", Unknown),
        ("h-lower-key", Unknown),
        ("i-none", Unknown),
    ]);
    assert_eq!(highly_available(&resources, &Environments::ByTag, None), wanted);
    // What the tag says is told, and is no environment: what asks for exactly one environment deviates.
    let registry = crate::registry();
    let in_one = bundle(&registry, &[("a", "resource: AWS::RDS::DBInstance\nrequire: environment != 'unassigned'\n")]);
    let estate = estate(&registry, &resources[3..5], vec![listing(DB, 2, None)]);
    assert_eq!(verdicts(&in_one, &estate), expected(&[("d-misspelt", Deviation), ("e-suffix", Deviation)]));
    let told = |tag: &str| Value::string(format!("tag Environment={tag}, which no environment claims"));
    assert_eq!([0, 1].map(|at: usize| estate.resources[at].environment.basis()), [told("prodution"), told("prod-eu")]);
}

#[test]
fn a_misspelt_tag_is_not_healed_by_the_vpc_and_passes_on_to_the_parts() {
    let registry = crate::registry();
    let resources = [
        resource("AWS::EC2::VPC", "vpc-1", r#"{"Environment":"production"}"#, r#"{"is_default":false}"#),
        resource("AWS::EC2::VPC", "vpc-2", r#"{"Environment":"prodution"}"#, r#"{"is_default":false}"#),
        resource("AWS::EC2::Subnet", "subnet-1", r#"{"Environment":"prodution"}"#, r#"{"vpc_id":"vpc-1"}"#),
        resource("AWS::EC2::Subnet", "subnet-2", "{}", r#"{"vpc_id":"vpc-2"}"#),
        resource("AWS::EC2::Subnet", "subnet-3", "{}", r#"{"vpc_id":"vpc-1"}"#),
    ];
    let estate = estate(&registry, &resources, vec![]);
    let of = |id: &str| estate.resources.iter().find(|r| &*r.id == id).unwrap().environment.as_str().to_owned();
    assert_eq!(["subnet-1", "subnet-2", "subnet-3"].map(of), ["unassigned", "unassigned", "production"]);
}

#[test]
fn a_default_says_nothing_of_environments_that_the_configuration_names_itself() {
    let tags = |values: &[&str]| EnvironmentRule {
        tags: BTreeMap::from([("Stage".to_owned(), values.iter().map(|v| (*v).to_owned()).collect())]),
        ..EnvironmentRule::default()
    };
    let rules = [("prod-eu", tags(&["p"])), ("test", tags(&["t"])), ("production", tags(&["old"]))];
    let environments = Environments::Declared(rules.into_iter().map(|(name, rule)| (name.to_owned(), rule)).collect());
    let tag = |id: &str, value: &str| single_az(id, &format!(r#"{{"Stage":"{value}"}}"#));
    let resources = [tag("a", "p"), tag("b", "t"), tag("c", "old"), tag("d", "x")];
    use Verdict::{Deviation, Unknown};
    let by_default = highly_available(&resources, &environments, None);
    assert_eq!(by_default, expected(&[("a", Unknown), ("c", Deviation), ("d", Unknown)]));
    let listed = highly_available(&resources, &environments, Some(&["prod-eu"]));
    assert_eq!(listed, expected(&[("a", Deviation), ("d", Unknown)]));
    let left_out = highly_available(&resources, &environments, Some(&["production"]));
    assert_eq!(left_out, expected(&[("c", Deviation), ("d", Unknown)]), "whoever sets the list has spoken of every declared name");
}

#[test]
fn of_several_environments_is_judged_as_far_as_all_of_them_say_the_same() {
    let rule =
        |key: &str| EnvironmentRule { tags: BTreeMap::from([(key.to_owned(), vec!["yes".to_owned()])]), ..EnvironmentRule::default() };
    let rules = ["production", "demo", "test", "development"].map(|name| (name.to_owned(), rule(name)));
    let environments = Environments::Declared(rules.into_iter().collect());
    let both = |id: &str, a: &str, b: &str| single_az(id, &format!(r#"{{"{a}":"yes","{b}":"yes"}}"#));
    let resources = [both("a-all", "production", "demo"), both("b-some", "production", "test"), both("c-none", "test", "development")];
    let found = highly_available(&resources, &environments, None);
    assert_eq!(found, expected(&[("a-all", Verdict::Deviation), ("b-some", Verdict::Unknown)]));
}

#[test]
fn a_default_vpc_is_awss_own_only_when_it_is_seen_to_be_empty() {
    let registry = crate::registry();
    let vpc = resource("AWS::EC2::VPC", "vpc-1", "{}", r#"{"is_default":true}"#);
    let interface = resource("AWS::EC2::NetworkInterface", "eni-1", "{}", r#"{"vpc_id":"vpc-1"}"#);
    const ENI: &str = "AWS::EC2::NetworkInterface";
    let rule = |resources: &[String], listings: Vec<Listing>| {
        let estate = estate(&registry, resources, listings);
        estate.resources.iter().find(|r| &*r.id == "vpc-1").unwrap().provided_by_aws.clone()
    };
    assert_eq!(rule(std::slice::from_ref(&vpc), vec![listing(ENI, 0, None)]), Fetched::Known("unused-default-vpc"));
    assert_eq!(rule(&[vpc.clone(), interface], vec![listing(ENI, 1, None)]), Fetched::Absent);
    assert!(matches!(
        rule(std::slice::from_ref(&vpc), vec![listing(ENI, 0, Some(denied("DescribeNetworkInterfaces")))]),
        Fetched::Unknown(_)
    ));
    assert!(matches!(rule(&[vpc], vec![]), Fetched::Unknown(_)));
}

#[test]
fn what_somebody_added_to_a_default_vpc_or_called_default_is_not_awss_own() {
    let registry = crate::registry();
    let in_vpc = |kind: &str, id: &str, more: &str| resource(kind, id, "{}", &format!(r#"{{"vpc_id":"vpc-1",{more}}}"#));
    let resources = [
        resource("AWS::EC2::VPC", "vpc-1", "{}", r#"{"is_default":true}"#),
        in_vpc("AWS::EC2::Subnet", "subnet-own", r#""default_for_az":true"#),
        in_vpc("AWS::EC2::Subnet", "subnet-added", r#""default_for_az":false"#),
        in_vpc("AWS::EC2::RouteTable", "rtb-own", r#""main":true"#),
        in_vpc("AWS::EC2::RouteTable", "rtb-added", r#""main":false"#),
        in_vpc("AWS::EC2::SecurityGroup", "sg-own", r#""group_name":"default""#),
        in_vpc("AWS::EC2::SecurityGroup", "sg-added", r#""group_name":"default-web""#),
        resource("AWS::RDS::DBParameterGroup", "default.postgres16", "{}", "{}"),
        resource("AWS::RDS::DBParameterGroup", "default-orders-pg16", "{}", "{}"),
        resource("AWS::RDS::DBClusterParameterGroup", "default.aurora-postgresql16", "{}", "{}"),
        resource("AWS::RDS::DBClusterParameterGroup", "defaults", "{}", "{}"),
    ];
    let estate = estate(&registry, &resources, vec![listing("AWS::EC2::NetworkInterface", 0, None)]);
    let left_out: Vec<&str> = estate.resources.iter().filter(|r| matches!(r.provided_by_aws, Fetched::Known(_))).map(|r| &*r.id).collect();
    assert_eq!(left_out, ["rtb-own", "sg-own", "subnet-own", "vpc-1", "default.aurora-postgresql16", "default.postgres16"]);
    let unread = resource("AWS::EC2::SecurityGroup", "sg-1", "{}", r#"{"vpc_id":"vpc-1"}"#);
    let estate = self::estate(&registry, &[resources[0].clone(), unread], vec![listing("AWS::EC2::NetworkInterface", 0, None)]);
    assert!(matches!(estate.resources[0].provided_by_aws, Fetched::Unknown(_)), "the name of the group was not read");
}

#[test]
fn saving_and_loading_an_estate_gives_the_same_bytes() {
    let registry = crate::registry();
    let resources =
        [resource(DB, "db-2", r#"{"a":"b"}"#, r#"{"multi_az":true,"backup_retention_period":7}"#), resource(DB, "db-1", "null", "{}")];
    let first = estate(&registry, &resources, vec![listing(DB, 2, Some(denied("DescribeDBInstances")))]);
    let mut once = Vec::new();
    first.save(&mut once).unwrap();
    let mut twice = Vec::new();
    Estate::load(std::str::from_utf8(&once).unwrap(), &registry).unwrap().save(&mut twice).unwrap();
    assert_eq!(once, twice);
    for broken in ["", "{}", "[]", &String::from_utf8_lossy(&once)[..once.len() / 2]] {
        assert!(Estate::load(broken, &registry).is_err());
    }
    let other = String::from_utf8_lossy(&once).replace("keur/estate/1", "keur/estate/9");
    assert!(Estate::load(&other, &registry).unwrap_err().to_string().contains("keur/estate/9"));
    let foreign = String::from_utf8_lossy(&once).replace("\"multi_az\"", "\"multy_az\"");
    assert!(Estate::load(&foreign, &registry).unwrap_err().to_string().contains("no field `multy_az`"));
}

#[test]
fn every_link_starts_and_ends_at_fields_that_exist() {
    let registry = crate::registry();
    for link in aws::links(isolation::LINKS).iter() {
        assert!(registry.get(link.from).is_some(), "{} from {}", link.name, link.from);
        for target in link.needs() {
            assert!(registry.get(target).is_some(), "{} to {target}", link.name);
        }
        use crate::estate::exists;
        if let crate::estate::Source::Keys { from, to, .. } = link.source {
            assert!(exists(&registry, link.from, from), "{} from {} by {from}", link.name, link.from);
            for (kind, path) in to {
                assert!(exists(&registry, kind, path), "{} to {kind} by {path}", link.name);
            }
        }
    }
}

#[test]
fn no_property_hides_what_every_resource_has() {
    const ENVELOPE: &[&str] =
        &["account", "arn", "environment", "environment_basis", "id", "name", "provided_by_aws", "region", "tags", "type"];
    for kind in crate::registry().iter() {
        assert!(!kind.doc.is_empty(), "{} has no description", kind.name);
        for field in &kind.properties.fields {
            assert!(!ENVELOPE.contains(&field.name.as_str()), "{}.{}", kind.name, field.name);
            assert!(!field.doc.is_empty(), "{}.{} has no description", kind.name, field.name);
        }
    }
}

#[test]
fn every_type_belongs_to_the_service_that_registers_it() {
    let registry = aws::registry();
    let declared: Vec<&str> = aws::SERVICES.iter().flat_map(|s| s.types.iter().copied()).collect();
    let registered: Vec<&str> = registry.names().collect();
    let mut sorted = declared.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, registered);
    for kind in registry.iter() {
        assert_eq!(aws::service_of(&kind.name).unwrap().name, kind.service);
    }
}

#[test]
fn only_reads_are_declared() {
    const GUARDED: &[&str] = &["s3:GetObject", "secretsmanager:GetSecretValue", "kms:Decrypt", "dynamodb:GetItem", "lambda:GetFunction"];
    for operation in aws::SERVICES.iter().flat_map(|s| s.operations) {
        let reads = ["Describe", "List", "Get"].iter().any(|verb| operation.name.starts_with(verb));
        assert!(reads, "{} is not a read", operation.name);
        let (_, action) = operation.action.split_once(':').unwrap();
        assert!(["Describe", "List", "Get"].iter().any(|verb| action.starts_with(verb)), "{}", operation.action);
        assert!(!GUARDED.contains(&operation.action), "{}", operation.action);
    }
}

/// Each of a thousand instances with one key pair asks of all thousand: that must not cost a million questions.
#[test]
fn instances_that_share_a_key_pair_cost_as_much_as_their_number() {
    const INSTANCE: &str = "AWS::EC2::Instance";
    let registry = crate::registry();
    let shipped = crate::policy::shipped_files().into_iter().find(|file| file.name.ends_with("key-pair-in-one-environment.yaml")).unwrap();
    let rest: String = shipped.text.lines().skip_while(|line| !line.starts_with("resource:")).map(|line| format!("{line}\n")).collect();
    let condition: String = rest.split("\nremedy:").next().unwrap().to_owned();
    let (head, deviation) = condition.split_once("\ndeviation: >-").unwrap();
    let mut sources: Vec<Arc<SourceFile>> = crate::policy::shipped_files();
    sources.retain(|f| f.name.ends_with("statements.yaml") || f.name.ends_with("parameters.yaml"));
    let text = format!("id: a\ntitle: x\nstatement: multi-az\nseverity: high\ndeviation: >-{deviation}\nremedy: x\n{head}\n");
    sources.push(SourceFile::new("a.yaml", text));
    let mut diagnostics = Vec::new();
    let files = Files::parse(&sources, &mut diagnostics);
    let parameters = Parameters::new(files.parameters.clone(), BTreeMap::new());
    let bundle = Bundle::check(&files, parameters, &registry, &aws::links(isolation::LINKS), &mut diagnostics);
    assert!(!crate::diag::has_errors(&diagnostics), "{}", diagnostics.iter().map(|d| d.render(false)).collect::<String>());
    let judged = |count: usize, environments: &[&str]| {
        let instance = |n: usize| {
            let tags = format!(r#"{{"Environment":"{}"}}"#, environments[n % environments.len()]);
            resource(INSTANCE, &format!("i-{n}"), &tags, r#"{"key_name":"admin"}"#)
        };
        let resources: Vec<String> = (0..count).map(instance).collect();
        let estate = estate(&registry, &resources, vec![listing(INSTANCE, count as u64, None)]);
        let start = std::time::Instant::now();
        let judgement = evaluate(&bundle.policies, &bundle.parameters, &estate, &registry);
        let took = start.elapsed();
        assert_eq!(judgement.findings.len(), count);
        (judgement, took)
    };
    for environments in [&["test"][..], &["test", "production"]] {
        let (_, few) = judged(300, environments);
        let (judgement, many) = judged(2400, environments);
        let expected = if environments.len() == 1 { Verdict::Pass } else { Verdict::Deviation };
        assert!(judgement.findings.iter().all(|finding| finding.verdict == expected));
        if let Some(message) = &judgement.findings[0].message {
            assert!(message.ends_with(" and 1195 more"), "{message}");
        }
        // Eight times as many: each asking each would take sixty-four times as long.
        assert!(many < few * 30 + std::time::Duration::from_millis(500), "{few:?}, {many:?}");
    }
}
