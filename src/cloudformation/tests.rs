use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Declared, Error, Given, Template, read};

fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn given(parameters: &BTreeMap<String, String>) -> Given<'_> {
    Given { parameters, account: Some("123456789012"), region: Some("eu-central-1"), stack: Some("shop") }
}

fn gap(reason: &str, subject: &str) -> Value {
    json!({"$unknown": {
        "service": "cloudformation",
        "operation": "-",
        "account": "123456789012",
        "region": "eu-central-1",
        "reason": reason,
        "subject": subject,
    }})
}

fn later(subject: &str) -> Value {
    gap("after-apply", subject)
}

fn read_with(text: &str, pairs: &[(&str, &str)]) -> Result<Template, Error> {
    read("t.yaml", text, &given(&parameters(pairs)))
}

const HEAD: &str = "
Parameters:
  Env: {Type: String, Default: test}
  Open: {Type: String}
  Other: {Type: String}
  List: {Type: CommaDelimitedList, Default: 'a, b,c'}
  OpenList: {Type: List<AWS::EC2::Subnet::Id>}
  Secret: {Type: String, NoEcho: true, Default: hunter2}
  Port: {Type: Number, Default: 80}
  Stored: {Type: AWS::SSM::Parameter::Value<String>, Default: /a/b}
Mappings:
  M:
    test: {Size: 1, Names: [x, y]}
    prod: {Size: 2, Names: []}
Conditions:
  Sure: !Equals [!Ref Env, test]
  Not: !Equals [!Ref Env, prod]
  Maybe: !Equals [!Ref Open, x]
  Hidden: !Equals [!Ref Secret, hunter2]
Resources:
  Key: {Type: AWS::KMS::Key}
  Db: {Type: AWS::RDS::DBInstance}
  Vpc: {Type: AWS::EC2::VPC}
  Never: {Type: AWS::EC2::VPC, Condition: Not}
  T:
    Type: X::Y::Z
    Properties:
      P: ";

/// What an expression comes to, as property `P`; `Null` if the property is removed.
fn try_value(expression: &str) -> Result<Value, Error> {
    let template = read_with(&format!("{HEAD}{expression}\n"), &[])?;
    let last = template.resources.last().unwrap();
    assert_eq!(last.logical_id, "T");
    Ok(last.properties.get("P").cloned().unwrap_or_default())
}

#[track_caller]
fn value(expression: &str) -> Value {
    try_value(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
}

#[track_caller]
fn wrong(expression: &str) -> String {
    let text = try_value(expression).map(|value| panic!("{expression} gives {value}")).unwrap_err().to_string();
    text.strip_prefix("t.yaml:").unwrap_or_else(|| panic!("no place: {text}")).split_once(": ").unwrap().1.to_owned()
}

#[track_caller]
fn resource<'t>(template: &'t Template, logical_id: &str) -> &'t Declared {
    template.resources.iter().find(|declared| declared.logical_id == logical_id).unwrap()
}

#[test]
fn a_template_is_worked_out() {
    let parameters = parameters(&[("Environment", "prod"), ("Subnets", "subnet-1, subnet-2")]);
    let template = read("shop.yaml", include_str!("../../tests/cloudformation/shop.yaml"), &given(&parameters)).unwrap();
    let ids: Vec<_> = template.resources.iter().map(|declared| (declared.logical_id.as_str(), declared.line)).collect();
    let lines = [("Key", 31), ("Bucket", 37), ("BucketPolicy", 50), ("Database", 64), ("SubnetGroup", 78)];
    assert_eq!(ids, lines.map(|(id, line)| (id, Some(line))));
    assert!(template.undecided.is_empty() && template.notes.is_empty());

    let bucket = resource(&template, "Bucket");
    assert_eq!((bucket.kind.as_str(), bucket.deletion_policy.as_deref()), ("AWS::S3::Bucket", Some("Retain")));
    assert_eq!(bucket.update_replace_policy.as_deref(), Some("Retain"));
    let by_default = json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": gap("referenced", "Key")});
    assert_eq!(
        bucket.properties,
        json!({
            "BucketName": "shop-prod",
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": by_default}]},
            "VersioningConfiguration": {"Status": "Enabled"},
        })
    );
    let document = &resource(&template, "BucketPolicy").properties["PolicyDocument"];
    assert_eq!(document["Version"], "2012-10-17");
    assert_eq!(document["Statement"][0]["Condition"], json!({"Bool": {"aws:SecureTransport": false}}));
    assert_eq!(document["Statement"][0]["Resource"], json!([gap("referenced", "Bucket"), later("resource Bucket")]));
    assert_eq!(
        resource(&template, "Database").properties,
        json!({
            "Engine": "postgres",
            "EngineVersion": "15.10",
            "AllocatedStorage": "20",
            "MultiAZ": true,
            "StorageEncrypted": true,
            "KmsKeyId": gap("referenced", "Key"),
            "BackupRetentionPeriod": 35,
            "MasterUserPassword": gap("sensitive", "parameter DbPassword"),
            "DBSubnetGroupName": gap("referenced", "SubnetGroup"),
        })
    );
    assert_eq!(
        resource(&template, "SubnetGroup").properties,
        json!({"DBSubnetGroupDescription": "Subnets of shop", "SubnetIds": ["subnet-1", "subnet-2"]})
    );
}

#[test]
fn json_and_yaml_give_the_same() {
    for pairs in [&[][..], &[("Subnets", "subnet-1")], &[("Environment", "prod"), ("DbPassword", "x")]] {
        let parameters = parameters(pairs);
        let of = |name: &str, text: &str| {
            let mut template = read(name, text, &given(&parameters)).unwrap();
            template.resources.iter_mut().for_each(|declared| declared.line = None);
            template
        };
        let yaml = of("shop.yaml", include_str!("../../tests/cloudformation/shop.yaml"));
        assert_eq!(yaml, of("shop.json", include_str!("../../tests/cloudformation/shop.json")));
        assert!(!format!("{yaml:?}").contains("hunter2"));
    }
}

#[test]
fn scalars_stay_as_they_are() {
    for (written, expected) in [
        ("text", json!("text")),
        ("yes", json!(true)),
        ("No", json!(false)),
        ("true", json!(true)),
        ("'true'", json!("true")),
        ("80", json!(80)),
        ("1.5", json!(1.5)),
        ("15.10", json!("15.10")),
        ("012345678901", json!("012345678901")),
        ("1_000", json!(1000)),
        ("12e03", json!("12e03")),
        ("12345678901234567890123", json!("12345678901234567890123")),
        ("2012-10-17", json!("2012-10-17")),
        ("!!str 5", json!("5")),
        ("[]", json!([])),
        ("{}", json!({})),
        ("[{a: [1, {b: x}]}]", json!([{"a": [1, {"b": "x"}]}])),
        ("{Condition: {Bool: x}}", json!({"Condition": {"Bool": "x"}})),
        ("{Condition: x}", json!({"Condition": "x"})),
        ("{Ref: x, Other: y}", json!({"Ref": "x", "Other": "y"})),
    ] {
        assert_eq!(value(written), expected, "{written}");
    }
}

#[test]
fn what_is_repeated_is_as_it_was_written() {
    let text = "x: &v 15.10\ny: &m {Version: *v, Kind: !Ref Key}\nResources:\n  Key: &k {Type: A::B::C, Properties: *m}\n  Also: *k\n  More: {Type: A::B::C, Properties: {<<: *m, Kind: z}}\n";
    let template = read_with(text, &[]).unwrap();
    assert_eq!(resource(&template, "Also").properties, json!({"Version": "15.10", "Kind": gap("referenced", "Key")}));
    assert_eq!(resource(&template, "More").properties, json!({"Version": "15.10", "Kind": "z"}));
}

#[test]
fn ref_known() {
    assert_eq!(value("!Ref Env"), "test");
    assert_eq!(value("{Ref: Env}"), "test");
    assert_eq!(value("!Ref Port"), "80");
    assert_eq!(value("!Ref List"), json!(["a", "b", "c"]));
    assert_eq!(value("!Ref AWS::Region"), "eu-central-1");
    assert_eq!(value("!Ref AWS::AccountId"), "123456789012");
    assert_eq!(value("!Ref AWS::StackName"), "shop");
    assert_eq!(value("!Ref AWS::Partition"), "aws");
    assert_eq!(value("!Ref AWS::URLSuffix"), "amazonaws.com");
    assert_eq!(value("!Ref AWS::NoValue"), Value::Null);
    assert_eq!(value("[a, !Ref AWS::NoValue, {b: !Ref AWS::NoValue}]"), json!(["a", {}]));
}

#[test]
fn ref_unknown() {
    assert_eq!(value("!Ref Key"), gap("referenced", "Key"));
    assert_eq!(value("!Ref Open"), later("parameter Open has no value"));
    assert_eq!(value("!Ref OpenList"), later("parameter OpenList has no value"));
    assert_eq!(value("!Ref Secret"), gap("sensitive", "parameter Secret"));
    assert_eq!(value("!Ref Stored"), later("parameter Stored is read from SSM parameter /a/b"));
    assert_eq!(value("!Ref AWS::StackId"), later("AWS::StackId is not given"));
    assert_eq!(value("!Ref Never"), later("resource Never is left out, its condition Not is false"));
    let none = BTreeMap::new();
    let nothing = Given { parameters: &none, account: None, region: None, stack: None };
    let text = "Resources: {A: {Type: B, Properties: {P: !Ref AWS::Partition, A: !Ref AWS::AccountId}}}";
    let properties = &read("t.yaml", text, &nothing).unwrap().resources[0].properties;
    assert_eq!(properties["P"]["$unknown"]["subject"], "AWS::Partition is not given");
    assert_eq!((&properties["A"]["$unknown"]["account"], &properties["A"]["$unknown"]["region"]), (&json!(""), &json!("")));
}

#[test]
fn ref_wrong() {
    assert_eq!(wrong("!Ref Kye"), "`Ref` names `Kye`, which is neither a parameter nor a resource of the template; did you mean `Key`?");
    assert_eq!(
        wrong("!Ref Elsewhere"),
        "`Ref` names `Elsewhere`, which is neither a parameter nor a resource of the template; declare it, or correct the name"
    );
    assert_eq!(wrong("!Ref AWS::Regoin"), "`Ref` names `AWS::Regoin`, which there is not; did you mean `AWS::Region`?");
    assert_eq!(wrong("!Ref [Env]"), "`Ref` takes the name of a parameter or resource, this is a list of 1; write it so");
    assert_eq!(wrong("{Ref: !Ref Env}"), "`Ref` takes the name of a parameter or resource, this is text; write it so");
}

#[test]
fn getatt() {
    for written in ["!GetAtt Key.Arn", "!GetAtt [Key, Arn]", "{Fn::GetAtt: [Key, Arn]}", "{Fn::GetAtt: Key.Arn}"] {
        assert_eq!(value(written), gap("referenced", "Key"), "{written}");
    }
    assert_eq!(value("!GetAtt Vpc.VpcId"), gap("referenced", "Vpc"));
    assert_eq!(value("!GetAtt Vpc.CidrBlock"), later("Vpc.CidrBlock"));
    assert_eq!(value("!GetAtt Db.Endpoint.Address"), later("Db.Endpoint.Address"));
    assert_eq!(value("!GetAtt [Db, !Ref Open]"), later("parameter Open has no value"));
    assert_eq!(value("!GetAtt Never.Arn"), later("resource Never is left out, its condition Not is false"));
    assert_eq!(wrong("!GetAtt Kye.Arn"), "`Fn::GetAtt` names `Kye`, which is no resource of the template; did you mean `Key`?");
    assert_eq!(wrong("!GetAtt Env.Arn"), "`Fn::GetAtt` names `Env`, which is no resource of the template; it is a parameter: use `Ref`");
    assert_eq!(wrong("!GetAtt Key"), "`Fn::GetAtt` takes a logical id and an attribute, as in `Database.Arn`, this is `Key`; write both");
    assert!(wrong("!GetAtt [Key, Arn, x]").contains("this is a list of 3"));
}

#[test]
fn sub() {
    assert_eq!(value("!Sub plain"), "plain");
    assert_eq!(value("!Sub '${Env}-${AWS::Region}${!Stays}$'"), "test-eu-central-1${Stays}$");
    assert_eq!(value("{Fn::Sub: ['${a}${Env}', {a: !Join ['', [x, y]]}]}"), "xytest");
    assert_eq!(value("!Sub '${Port}'"), "80");
    assert_eq!(value("!Sub 'install ${ Env}'"), "install test");
    assert_eq!(value("{Fn::Base64: {Fn::Sub: {Fn::Transform: {Name: Data}}}}"), later("Fn::Transform Data"));
    assert_eq!(value("!Sub '${Key}'"), gap("referenced", "Key"));
    assert_eq!(value("!Sub '${Key.Arn}'"), gap("referenced", "Key"));
    assert_eq!(value("!Sub '${Key.Arn}/*'"), later("resource Key"));
    assert_eq!(value("!Sub '${Open}'"), later("parameter Open has no value"));
    assert_eq!(value("!Sub '${Open}${Other}${Open}'"), later("parameter Open has no value; parameter Other has no value"));
    assert_eq!(value("!Sub '${Open} ${Secret}'"), gap("sensitive", "parameter Secret"));
    assert_eq!(value("!Sub ['${a}', {a: !GetAtt Db.Endpoint.Port}]"), later("Db.Endpoint.Port"));
    assert_eq!(wrong("!Sub 'a ${Kye.Arn}'"), "`Fn::Sub` names `Kye`, which is no resource of the template; did you mean `Key`?");
    assert_eq!(wrong("!Sub '${HOME:-x}'"), "`${HOME:-x}` in `Fn::Sub` is no name; write `${!HOME:-x}` if it is to stay as it is");
    assert_eq!(wrong("!Sub '${List}'"), "`${List}` in `Fn::Sub` is a list, not text; make text of it, with `Fn::Join` or `Fn::Select`");
    assert!(wrong("!Sub [a]").starts_with("`Fn::Sub` takes text, or a list of text and a map of variables, this is a list of 1"));
    assert!(wrong("!Sub {a: b}").contains("this is a map"));
    // The place is that of the name.
    let error = try_value("!Sub 'a ${Nowhere}'").unwrap_err().to_string();
    assert!(error.starts_with("t.yaml:28:20: "), "{error}");
}

#[test]
fn join() {
    assert_eq!(value("!Join ['-', [a, 1, true, !Ref Env]]"), "a-1-true-test");
    assert_eq!(value("!Join [',', !Ref List]"), "a,b,c");
    assert_eq!(value("!Join ['', [a, !Ref AWS::NoValue, b]]"), "ab");
    assert_eq!(value("!Join ['', []]"), "");
    assert_eq!(value("!Join ['', [!Ref Key]]"), gap("referenced", "Key"));
    assert_eq!(value("!Join [',', [!Ref Key, !Ref Open]]"), later("resource Key; parameter Open has no value"));
    assert_eq!(value("!Join [',', !Ref OpenList]"), later("parameter OpenList has no value"));
    assert_eq!(value("!Join [',', !GetAZs '']"), later("Fn::GetAZs"));
    assert_eq!(wrong("!Join [',']"), "`Fn::Join` takes a delimiter and a list, this is a list of 1; write it so");
    assert_eq!(wrong("!Join [',', x]"), "`Fn::Join` takes a delimiter and a list, this is text; write a list");
    assert_eq!(wrong("!Join [',', [[x]]]"), "an element of `Fn::Join` is a list, not text; join text only");
    assert!(wrong("!Join [!Ref Env, [x]]").contains("a delimiter that is text"));
}

#[test]
fn select() {
    assert_eq!(value("!Select [1, !Ref List]"), "b");
    assert_eq!(value("!Select ['0', [!Ref Env, !Ref Open]]"), "test");
    assert_eq!(value("!Select [0, [!Ref Key, a]]"), gap("referenced", "Key"));
    assert_eq!(value("!Select [1, [!Ref Open, a]]"), "a");
    assert_eq!(value("!Select [0, !GetAZs '']"), later("Fn::GetAZs"));
    assert_eq!(value("!Select [!Ref Open, [a, a]]"), later("parameter Open has no value"));
    // The first may not be there, and then `b` is the second.
    let moving = "[!If [Maybe, x, !Ref AWS::NoValue], a, b]";
    assert_eq!(value(&format!("!Select [1, {moving}]")), later("parameter Open has no value"));
    assert_eq!(value(&format!("!Select [0, [a, {moving}]]")), "a");
    assert_eq!(wrong("!Select [3, !Ref List]"), "`Fn::Select` asks for element 3 of 3, counted from 0; ask for one there is");
    assert_eq!(wrong("!Select [-1, !Ref List]"), "the index of `Fn::Select` is a number from 0, this is `-1`; write a whole number");
    assert_eq!(wrong("!Select [0, x]"), "`Fn::Select` selects from a list, this is text; write a list");
    assert!(wrong("!Select [0]").contains("takes an index and a list"));
}

#[test]
fn split() {
    assert_eq!(value("!Split ['-', a-b-]"), json!(["a", "b", ""]));
    assert_eq!(value("!Select [2, !Split ['-', !Ref AWS::Region]]"), "1");
    assert_eq!(value("!Split [',', !Ref Open]"), later("parameter Open has no value"));
    assert_eq!(value("!Select [5, !Split [':', !GetAtt Key.Arn]]"), later("resource Key"));
    assert!(wrong("!Split ['', a]").contains("a delimiter that is text and not empty"));
    assert_eq!(wrong("!Split [',', [a]]"), "`Fn::Split` splits text, this is a list; give text");
}

#[test]
fn base64() {
    assert_eq!(value("!Base64 a"), "YQ==");
    assert_eq!(value("{Fn::Base64: !Sub '${Env}!'}"), "dGVzdCE=");
    assert_eq!(value("!Base64 {Fn::Sub: 'héé'}"), "aMOpw6k=");
    assert_eq!(value("!Base64 ''"), "");
    assert_eq!(value("!Base64 {Fn::Sub: '${Secret}'}"), gap("sensitive", "parameter Secret"));
    assert_eq!(wrong("!Base64 [a]"), "`Fn::Base64` encodes text, this is a list; give text");
}

#[test]
fn cidr() {
    assert_eq!(value("!Cidr [10.0.0.0/16, 3, 8]"), json!(["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]));
    assert_eq!(value("!Cidr ['192.168.0.0/24', '2', '5']"), json!(["192.168.0.0/27", "192.168.0.32/27"]));
    assert_eq!(value("!Cidr ['2001:db8::/56', 2, 64]"), json!(["2001:db8::/64", "2001:db8:0:1::/64"]));
    assert_eq!(value("!Cidr [255.255.255.0/24, 256, 0]")[255], "255.255.255.255/32");
    assert_eq!(value("!Cidr [!GetAtt Vpc.CidrBlock, 3, 8]"), later("Vpc.CidrBlock"));
    assert_eq!(value("!Cidr [10.0.0.0/16, 3]"), later("Fn::Cidr without the bits of each block"));
    for bad in [
        "10.0.0.0/24, 3, 8",
        "10.0.0.1/24, 1, 4",
        "10.0.0.0/24, 0, 4",
        "10.0.0.0/33, 1, 4",
        "x, 1, 4",
        "10.0.0.0/0, 1, 32",
        "'ffff::/0', 2, 127",
    ] {
        assert!(wrong(&format!("!Cidr [{bad}]")).starts_with("`Fn::Cidr`: "), "{bad}");
    }
    assert!(value("!Cidr ['::/0', 256, 1]")[255].as_str().unwrap().ends_with("::1fe/127"));
    assert!(wrong("!Cidr [10.0.0.0/16, x, 8]").contains("write the last two as whole numbers"));
    assert!(wrong("!Cidr x").contains("this is text"));
}

#[test]
fn find_in_map() {
    assert_eq!(value("!FindInMap [M, test, Size]"), 1);
    assert_eq!(value("!FindInMap [M, !Ref Env, Names]"), json!(["x", "y"]));
    assert_eq!(value("!FindInMap [M, !Ref Open, Size]"), later("parameter Open has no value"));
    assert_eq!(value("!FindInMap [M, other, Size, {DefaultValue: !Ref Env}]"), "test");
    assert_eq!(value("!FindInMap [M, test, Size, {DefaultValue: !Ref Env}]"), 1);
    assert_eq!(wrong("!FindInMap [N, test, Size]"), "`Fn::FindInMap` names the mapping `N`, which there is not; did you mean `M`?");
    assert_eq!(wrong("!FindInMap [M, tset, Size]"), "the mapping `M` has no key `tset`; did you mean `test`?");
    assert_eq!(wrong("!FindInMap [M, test, Sizes]"), "the mapping `M.test` has no key `Sizes`; did you mean `Size`?");
    assert_eq!(
        wrong("!FindInMap [N, !Ref Open, Size]").split(';').next(),
        Some("`Fn::FindInMap` names the mapping `N`, which there is not")
    );
    assert!(wrong("!FindInMap [M, test]").contains("this is a list of 2"));
    assert!(wrong("!FindInMap [M, test, Size, {Default: 1}]").contains("did you mean `DefaultValue`?"));
    // A branch that is not taken, or may not be, is not looked up in earnest.
    assert_eq!(value("!If [Sure, a, !FindInMap [M, other, Size]]"), "a");
    assert_eq!(value("!If [Maybe, a, !FindInMap [M, other, Size]]"), later("parameter Open has no value"));
}

#[test]
fn choices() {
    assert_eq!(value("!If [Sure, a, !Ref Open]"), "a");
    assert_eq!(value("{Fn::If: [Not, a, [b]]}"), json!(["b"]));
    assert_eq!(value("!If [Sure, 'Fn::GetAtt': [Key, Arn], !Ref Env]"), gap("referenced", "Key"));
    assert_eq!(value("!If [Not, a, !Ref AWS::NoValue]"), Value::Null);
    assert_eq!(value("!If [Maybe, '1', 1]"), "1");
    assert_eq!(value("!If [Maybe, {a: [1]}, {a: ['1']}]"), json!({"a": [1]}));
    assert_eq!(value("!If [Maybe, !Ref AWS::NoValue, !Ref AWS::NoValue]"), Value::Null);
    assert_eq!(value("!If [Maybe, a, b]"), later("parameter Open has no value"));
    assert_eq!(value("!If [Maybe, a, !Ref AWS::NoValue]"), later("parameter Open has no value"));
    assert_eq!(value("!If [Hidden, a, b]"), gap("sensitive", "parameter Secret"));
    // A secret counts as set; what a secret may take away does not.
    for removable in
        ["!If [Hidden, a, !Ref AWS::NoValue]", "!If [Hidden, !Ref AWS::NoValue, a]", "!If [Hidden, !If [Maybe, a, !Ref AWS::NoValue], b]"]
    {
        assert_eq!(value(removable), later("parameter Secret"), "{removable}");
        assert_eq!(value(&format!("{{a: {removable}}}")), json!({"a": later("parameter Secret")}), "{removable}");
    }
    assert_eq!(value("!If [Maybe, !Ref Key, !GetAtt Key.Arn]"), gap("referenced", "Key"));
    assert_eq!(wrong("!If [Suree, a, b]"), "`Fn::If` names the condition `Suree`, which there is not; did you mean `Sure`?");
    assert_eq!(wrong("!If [Sure, a]"), "`Fn::If` takes a condition and two values, this is a list of 2; write it so");
    assert!(wrong("!If [!Equals [a, b], a, b]").contains("the name of a condition"));
    // What is not taken must still name what there is.
    assert!(wrong("!If [Sure, a, !Ref Nowhere]").contains("`Nowhere`"));
}

#[test]
fn what_only_the_deployment_knows() {
    assert_eq!(value("!GetAZs ''"), later("Fn::GetAZs"));
    assert_eq!(value("!GetAZs"), later("Fn::GetAZs"));
    assert_eq!(value("{Fn::GetAZs: !Ref AWS::Region}"), later("Fn::GetAZs eu-central-1"));
    assert_eq!(value("!ImportValue network-VpcId"), later("Fn::ImportValue network-VpcId"));
    assert_eq!(value("{Fn::ImportValue: !Sub '${Env}-VpcId'}"), later("Fn::ImportValue test-VpcId"));
    assert_eq!(value("{Fn::ImportValue: !Sub '${Open}-VpcId'}"), later("Fn::ImportValue; parameter Open has no value"));
    assert_eq!(value("{Fn::ImportValue: !Ref Secret}"), gap("sensitive", "parameter Secret"));
    assert_eq!(value("{Fn::Transform: {Name: AWS::Include}, Other: x}"), later("Fn::Transform AWS::Include"));
    assert_eq!(value("!Transform {Name: Mine}"), later("Fn::Transform Mine"));
    assert_eq!(value("{'Fn::ForEach::L': [x, [a], {}]}"), later("Fn::ForEach::L"));
    for reference in ["{{resolve:ssm:/a:1}}", "{{resolve:secretsmanager:s:SecretString:p}}", "{{resolve:ssm-secure:a}}"] {
        assert_eq!(value(&format!("'x{reference}y'")), later(&format!("dynamic reference {reference}")));
        assert_eq!(value(&format!("!Sub 'x{reference}${{Env}}'")), later(&format!("dynamic reference {reference}")));
    }
    assert_eq!(value("!Join ['', ['{{resolve', ':ssm:/a}}']]"), later("dynamic reference {{resolve:ssm:/a}}"));
    assert_eq!(value("!GetNewThing x"), later("the function Fn::GetNewThing is not known"));
    assert_eq!(value("!!binary YQ=="), later("the function Fn::tag:yaml.org,2002:binary is not known"));
    assert_eq!(wrong("!Ref [x]").split(',').next(), Some("`Ref` takes the name of a parameter or resource"));
    assert_eq!(wrong("!Jion [',', []]"), "there is no function `Fn::Jion`; did you mean `Fn::Join`?");
    assert_eq!(
        wrong("!Equals [a, b]"),
        "`Fn::Equals` is no value; declare a condition with it under `Conditions`, and choose with `Fn::If`"
    );
    assert_eq!(wrong("{Fn::Sub: a, Other: b}"), "`Fn::Sub` stands beside other keys; a function is the only key of its map");
}

#[test]
fn nobody_marks_a_value_as_ours() {
    let found = value("{a: {$unknown: {reason: referenced, subject: Key}}}");
    assert_eq!(found["a"]["$unknown"]["reason"], "after-apply");
    assert!(found["a"]["$unknown"]["subject"].as_str().unwrap().starts_with("the template itself writes $unknown at t.yaml:28"));
}

#[test]
fn language_extensions() {
    assert_eq!(value("{Fn::Length: [a, !Ref Open]}"), 2);
    assert_eq!(value("!Length [a, b]"), 2);
    assert_eq!(value("{Fn::Length: !Ref List}"), 3);
    assert_eq!(value("{Fn::Length: !Ref OpenList}"), later("parameter OpenList has no value"));
    assert_eq!(value("{Fn::Length: [a, !If [Maybe, b, !Ref AWS::NoValue]]}"), later("parameter Open has no value"));
    assert_eq!(wrong("{Fn::Length: x}"), "`Fn::Length` counts a list, this is text; give a list");
    assert_eq!(value("{Fn::ToJsonString: {b: 1, a: [true, \"x\\\"\", !Ref Env]}}"), r#"{"b":1,"a":[true,"x\"","test"]}"#);
    assert_eq!(value("{Fn::ToJsonString: {b: !Ref Key}}"), later("resource Key"));
    assert_eq!(wrong("{Fn::ToJsonString: x}"), "`Fn::ToJsonString` takes a map or a list, this is text; give one of them");

    let extended = |resources: &str| {
        let text = format!("Transform: AWS::LanguageExtensions\nParameters: {{N: {{Type: String, Default: A}}}}\nResources:\n{resources}");
        read_with(&text, &[])
    };
    let template = extended("  A: {Type: X, DeletionPolicy: !Ref N}\n  B: {Type: X, Properties: {P: {Ref: {Ref: N}}}}\n").unwrap();
    assert_eq!(template.resources[0].deletion_policy.as_deref(), Some("A"));
    assert_eq!(template.resources[1].properties["P"], gap("referenced", "A"));
    assert!(template.notes.is_empty(), "{:?}", template.notes);
    assert!(extended("  A: {Type: X, Properties: {P: !Ref B}}\n").is_err());
    // A loop whose list is not known makes resources that are not seen, and so any name may exist.
    let template = extended("  Fn::ForEach::L: [x, !Split [',', !Ref N], {}]\n  A: {Type: X, Properties: {P: !Ref B}}\n").unwrap();
    assert_eq!(template.resources[0].properties["P"], later("B is not in the file, a macro may add it"));
    assert_eq!(template.notes, ["Fn::ForEach::L: resources it makes are not seen (line 4)"]);
}

/// Words and numbers by YAML 1.1, wherever they stand; what is quoted, a block or tagged stays text.
#[test]
fn scalars_are_those_of_yaml_1_1() {
    for (written, expected) in [
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("'yes'", json!("yes")),
        ("\"no\"", json!("no")),
        ("!!str no", json!("no")),
        ("|-\n        no", json!("no")),
        ("y", json!("y")),
        ("010", json!(8)),
        ("0x1F", json!(31)),
        ("0o17", json!("0o17")),
        ("1:30", json!(90)),
        ("!Sub on", json!("on")),
        ("!Join ['-', [no, 010, '010']]", json!("false-8-010")),
        ("{no: on}", json!({"false": true})),
        ("{'no': &a off, Also: *a}", json!({"no": false, "Also": false})),
    ] {
        assert_eq!(value(written), expected, "{written}");
    }
    assert!(wrong("{yes: 1, true: 2}").contains("`true` is there twice"));
    let conditions = "Parameters: {Plain: {Type: String, Default: no}}\nConditions: {Same: !Equals [!Ref Plain, 'no'], False: !Equals [!Ref Plain, no]}\nResources: {A: {Type: X, Condition: Same}, B: {Type: X, Condition: False}}\n";
    let made: Vec<String> = read_with(conditions, &[]).unwrap().resources.into_iter().map(|r| r.logical_id).collect();
    assert_eq!(made, ["B"]);
}

#[test]
fn loops_are_written_out() {
    let head = "Transform: AWS::LanguageExtensions\nParameters:\n  Names: {Type: CommaDelimitedList, Default: 'a,b-1'}\n  Open: {Type: CommaDelimitedList}\nResources:\n";
    let read = |resources: &str| read_with(&format!("{head}{resources}"), &[]);
    let template = read(
        "  Fn::ForEach::Queues:\n    - Name\n    - !Ref Names\n    - Queue&{Name}:\n        Type: AWS::SQS::Queue\n        Properties:\n          QueueName: !Sub 'x-${Name}'\n          Label: !Ref Name\n          Fn::ForEach::Inner: [Key, [P, Q], {'${Key}': '${Name}/${Key}'}]\n  After: {Type: X, Properties: {P: !GetAtt Queueb1.Arn}}\n",
    )
    .unwrap();
    let ids: Vec<&str> = template.resources.iter().map(|r| r.logical_id.as_str()).collect();
    assert_eq!((ids, template.notes.len()), (vec!["Queuea", "Queueb1", "After"], 0));
    let properties = json!({"QueueName": "x-b-1", "Label": "b-1", "P": "b-1/P", "Q": "b-1/Q"});
    assert_eq!(resource(&template, "Queueb1").properties, properties);
    // Without a value for its list, with a list that is worked out, without the extensions: it is not seen.
    for (text, whole) in [
        (format!("{head}  Fn::ForEach::L: [N, !Ref Open, {{'A${{N}}': {{Type: X}}}}]\n  B: {{Type: X}}\n"), false),
        (format!("{head}  Fn::ForEach::L: [N, [a, !Ref Open], {{'A${{N}}': {{Type: X}}}}]\n  B: {{Type: X}}\n"), false),
        ("Resources:\n  Fn::ForEach::L: [N, [a], {'A${N}': {Type: X}}]\n  B: {Type: X}\n".to_owned(), false),
        (format!("{head}  Fn::ForEach::L: [N, [a], {{'A${{N}}': {{Type: X}}}}]\n  B: {{Type: X}}\n"), true),
    ] {
        let template = read_with(&text, &[]).unwrap();
        assert_eq!((template.notes.is_empty(), template.resources.len()), (whole, if whole { 2 } else { 1 }), "{text}");
    }
    let twice = read("  Fn::ForEach::L: [N, [a, a], {'A${N}': {Type: X}}]\n").unwrap_err().to_string();
    assert!(twice.contains("`Aa` more than once"), "{twice}");
    // A few lines do not become a million.
    let bomb = (0..8).fold("{Type: X}".to_owned(), |inner, n| {
        format!(
            "{{'Fn::ForEach::L{n}': [N{n}, [{}], {{'${{N{n}}}': {inner}}}]}}",
            (0..9).map(|i| i.to_string()).collect::<Vec<_>>().join(",")
        )
    });
    drop(read(&format!("  A: {{Type: X, Properties: {bomb}}}\n")));
}

fn truth(condition: &str) -> Result<Option<bool>, Error> {
    let text = format!(
        "Parameters: {{Env: {{Type: String, Default: test}}, Open: {{Type: String}}, List: {{Type: CommaDelimitedList, Default: ''}}}}
Conditions:
  T: !Equals [a, a]
  F: !Equals [a, b]
  U: !Equals [!Ref Open, a]
  C: {condition}
Resources:
  R: {{Type: X, Condition: C}}
"
    );
    let template = read_with(&text, &[])?;
    Ok(match (template.resources.len(), template.undecided.len()) {
        (1, 0) => Some(true),
        (0, 0) => Some(false),
        (1, 1) => None,
        other => panic!("{other:?}"),
    })
}

#[test]
fn conditions_have_three_values() {
    for (written, expected) in [
        ("!Equals [!Ref Env, test]", Some(true)),
        ("{Fn::Equals: [!Ref Env, prod]}", Some(false)),
        ("!Equals ['80', 80]", Some(true)),
        ("!Equals [true, 'true']", Some(true)),
        ("!Equals [!Join ['', !Ref List], '']", Some(true)),
        ("!Equals [!Ref List, ['']]", Some(true)),
        ("!Equals [!Ref Open, '']", None),
        ("!Equals ['{{resolve:ssm:/a}}', a]", None),
        ("!Not [!Condition T]", Some(false)),
        ("!Not [{Condition: F}]", Some(true)),
        ("!Not [{Condition: U}]", None),
        ("!And [!Condition T, !Condition T]", Some(true)),
        ("!And [!Condition T, !Condition U]", None),
        ("!And [!Condition U, !Condition F]", Some(false)),
        ("!Or [!Condition F, !Condition F]", Some(false)),
        ("!Or [!Condition F, !Condition U]", None),
        ("!Or [!Condition U, !Condition T]", Some(true)),
        ("{Fn::Or: [{Fn::And: [{Condition: T}, {Condition: F}]}, {Fn::Not: [{Condition: F}]}]}", Some(true)),
        ("!Condition T", Some(true)),
        ("!Equals [!If [T, a, b], a]", Some(true)),
    ] {
        assert_eq!(truth(written).unwrap_or_else(|error| panic!("{written}: {error}")), expected, "{written}");
    }
    for (written, expected) in [
        ("!Condition TT", "`Condition` names the condition `TT`, which there is not; did you mean `T`?"),
        ("!Equals [a]", "`Fn::Equals` takes two values, this is a list of 1; write it so"),
        ("!And [!Condition T]", "`Fn::And` takes a list of two to ten conditions; write the list"),
        ("!Not {Condition: T}", "`Fn::Not` takes one condition in a list, this is a map; write it so"),
        ("!Sub a", "`Sub` is no function that is true or false"),
        ("'true'", "a condition is a function that is true or false, this is text"),
        ("!Equals [!Ref R, a]", "`Ref` in a condition names the resource `R`; a condition can refer to parameters only"),
        ("!Equals [!GetAtt R.Arn, a]", "`Fn::GetAtt` in a condition names the resource `R`"),
        ("!Condition C", "the condition depends on itself: C -> C; let one of them stand on its own"),
        ("!Equals [!If [C, a, b], a]", "the condition depends on itself: C -> C"),
    ] {
        let error = truth(written).unwrap_err().to_string();
        assert!(error.contains(expected), "{written}: {error}");
    }
}

#[test]
fn circular_and_long_chains_of_conditions_end() {
    let text = "Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition C]\n  C: !Not [!Condition A]\nResources: {}\n";
    let error = read_with(text, &[]).unwrap_err();
    assert!(matches!(&error, Error::CircularCondition { path, .. } if path == "A -> B -> C -> A"), "{error}");
    assert!(error.to_string().starts_with("t.yaml:4:"), "{error}");
    let mut text = "Resources: {}\nConditions:\n".to_owned();
    for n in 1000..6000 {
        text.push_str(&format!("  C{n}: !Not [!Condition C{}]\n", n + 1));
    }
    text.push_str("  C6000: !Equals [a, a]\n");
    assert!(matches!(read_with(&text, &[]), Err(Error::TooLarge { .. })));
}

#[test]
fn resources_whose_condition_is_false_or_unknown() {
    let text = "Parameters: {Env: {Type: String}}
Mappings: {M: {prod: {A: 1}}}
Conditions: {IsProd: !Equals [!Ref Env, prod]}
Resources:
  A: {Type: X, Condition: IsProd, Properties: {P: !FindInMap [M, !Ref Env, A], Q: !Select [1, [a]]}}
  B: {Type: X, Properties: {P: !Ref A}}
";
    let template = read_with(text, &[("Env", "test")]).unwrap();
    assert_eq!(template.resources.len(), 1);
    assert_eq!(template.resources[0].properties["P"], later("resource A is left out, its condition IsProd is false"));
    let template = read_with(text, &[]).unwrap();
    assert_eq!(template.undecided, [("A".to_owned(), later("parameter Env has no value"))]);
    let a = resource(&template, "A");
    assert_eq!((a.condition.as_deref(), &a.properties["P"]), (Some("IsProd"), &later("parameter Env has no value")));
    assert_eq!(a.properties["Q"]["$unknown"]["reason"], "after-apply");
    assert_eq!(resource(&template, "B").properties["P"], gap("referenced", "A"));
    assert!(read_with(text, &[("Env", "prod")]).unwrap_err().to_string().contains("asks for element 1 of 1"));
    let error = read_with("Conditions: {IsProd: !Equals [a, a]}\nResources: {A: {Type: X, Condition: IsPrd}}", &[]).unwrap_err();
    let expected = "t.yaml:2:37: the resource `A` names the condition `IsPrd`, which there is not; did you mean `IsProd`?";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn policies_that_cannot_be_told() {
    let text = "Transform: AWS::LanguageExtensions\nParameters: {P: {Type: String}}\nResources:\n  A: {Type: X, DeletionPolicy: !Ref P, UpdateReplacePolicy: Snapshot}\n";
    let template = read_with(text, &[]).unwrap();
    assert_eq!(template.resources[0].deletion_policy.as_deref(), Some("$unknown"));
    assert_eq!(template.resources[0].update_replace_policy.as_deref(), Some("Snapshot"));
    assert!(template.notes.is_empty(), "what becomes of it when the stack goes adds no resources: {:?}", template.notes);
    let error = read_with("Resources: {A: {Type: X, DeletionPolicy: [Retain]}}", &[]).unwrap_err().to_string();
    assert!(error.ends_with("`DeletionPolicy` of `A` is text, this is a list; write `Delete`, `Retain` or `Snapshot`"), "{error}");
}

#[test]
fn macros_are_noted_and_excuse_unknown_names() {
    let text = include_str!("../../tests/cloudformation/serverless.yaml");
    let template = read("serverless.yaml", text, &given(&BTreeMap::new())).unwrap();
    assert_eq!(template.notes, ["AWS::Serverless-2016-10-31: resources it makes of `AWS::Serverless` ones are not seen (line 2)"]);
    let variables = &resource(&template, "Hello").properties["Environment"]["Variables"];
    assert_eq!(variables["ROLE"], later("HelloRole is not in the file, a macro may add it"));
    assert_eq!(variables["STAGE"], later("ServerlessRestApi.Stage is not in the file, a macro may add it"));
    assert_eq!(variables["TABLE"], gap("referenced", "Table"));
    assert_eq!(resource(&template, "Table").properties, later("Fn::Transform AWS::Include"));

    let text = "Transform: [Mine, {Name: AWS::Include, Parameters: {Location: x}}]
Mappings: {Fn::Transform: {Name: AWS::Include}, M: {a: {Fn::Transform: {Name: AWS::Include}}}}
Conditions: {Fn::Transform: {Name: AWS::Include}}
Resources:
  Fn::Transform: {Name: AWS::Include}
  A: {Type: X, Condition: Added, Properties: {P: !FindInMap [Added, a, b], Q: !FindInMap [M, a, b]}}
  B: {Type: X, Properties: {P: x}, Fn::Transform: {Name: AWS::Include}}
  C: {Type: My::Net::Work::MODULE, Properties: {P: !If [Added, a, b]}}
";
    let template = read_with(text, &[]).unwrap();
    assert_eq!(
        template.notes,
        [
            "AWS::Include: what it inserts is not seen (line 1)",
            "Mine: it can rewrite any part of the template (line 1)",
            "Fn::Transform: what it puts into `Mappings` is not seen (line 2)",
            "Fn::Transform: what it puts into `Conditions` is not seen (line 3)",
            "Fn::Transform: resources it makes are not seen (line 5)",
            "B: `Fn::Transform` can rewrite the resource (line 7)",
            "C: resources of the module `My::Net::Work::MODULE` are not seen (line 8)",
        ]
    );
    let added = later("condition Added is not in the file, a macro may add it");
    assert_eq!(template.undecided, [("A".to_owned(), added.clone())]);
    assert_eq!(resource(&template, "A").properties["P"], later("mapping Added is not in the file, a macro may add it"));
    assert_eq!(resource(&template, "A").properties["Q"], later("Fn::Transform in the mapping M"));
    assert_eq!(resource(&template, "B").properties, later("Fn::Transform in B"));
    assert_eq!(resource(&template, "C").properties["P"], added);
}

#[test]
fn resources_of_other_templates_are_noted() {
    for kind in ["AWS::CloudFormation::Stack", "AWS::CloudFormation::StackSet", "AWS::ServiceCatalog::CloudFormationProvisionedProduct"] {
        let text = format!("Resources:\n  A: {{Type: AWS::S3::Bucket}}\n  B: {{Type: {kind}}}\n");
        let template = read_with(&text, &[]).unwrap();
        assert_eq!(template.notes, [format!("B: resources of the template that `{kind}` names are not seen (line 3)")]);
    }
    let own = "Resources: {A: {Type: AWS::S3::Bucket}, B: {Type: AWS::CloudFormation::WaitConditionHandle}}";
    assert!(read_with(own, &[]).unwrap().notes.is_empty());
}

#[test]
fn parameters_are_checked() {
    let with = |declared: &str, pairs: &[(&str, &str)]| {
        read_with(&format!("Parameters:\n  Size: {declared}\nResources: {{A: {{Type: X, Properties: {{P: !Ref Size}}}}}}\n"), pairs)
    };
    let value = |declared: &str, pairs: &[(&str, &str)]| {
        with(declared, pairs).unwrap_or_else(|error| panic!("{declared}: {error}")).resources[0].properties["P"].clone()
    };
    let wrong = |declared: &str, pairs: &[(&str, &str)]| with(declared, pairs).unwrap_err().to_string();
    assert_eq!(value("{Type: Number}", &[("Size", "20")]), "20");
    assert_eq!(value("{Type: String, Default: 15.10}", &[]), "15.10");
    // An unquoted `no` is false, and the text of it `false`.
    assert_eq!(value("{Type: String, Default: no, AllowedValues: [yes, no]}", &[]), "false");
    assert_eq!(value("{Type: String, Default: 'no', AllowedValues: ['yes', 'no']}", &[]), "no");
    assert!(with("{Type: String, AllowedValues: [yes, no]}", &[("Size", "no")]).is_err());
    assert_eq!(value("{Type: Number, Default: 010}", &[]), "8");
    assert_eq!(value("{Type: List<Number>}", &[("Size", "1, 2.5")]), json!(["1", "2.5"]));
    assert_eq!(value("{Type: CommaDelimitedList, AllowedValues: [a, b]}", &[("Size", "a,b")]), json!(["a", "b"]));
    assert_eq!(value("{Type: CommaDelimitedList, Default: ''}", &[]), json!([""]));
    assert_eq!(value("{Type: AWS::EC2::VPC::Id}", &[("Size", "vpc-1")]), "vpc-1");
    assert_eq!(value("{Type: AWS::SSM::Parameter::Name}", &[("Size", "/a")]), "/a");
    assert_eq!(value("{Type: String}", &[("Size", "{{resolve:ssm:/a}}")]), later("dynamic reference {{resolve:ssm:/a}}"));
    for no_echo in ["true", "'true'", "yes", "True"] {
        let declared = format!("{{Type: String, NoEcho: {no_echo}}}");
        assert_eq!(value(&declared, &[("Size", "x")]), gap("sensitive", "parameter Size"));
    }
    assert_eq!(value("{Type: String, NoEcho: false}", &[("Size", "x")]), "x");

    assert_eq!(
        wrong("{Type: Number}", &[("Size", "20GB")]),
        "t.yaml:2:3: the given value of parameter `Size`, `20GB`, is not a number; give a number without unit"
    );
    assert_eq!(
        wrong("{Type: String, AllowedValues: [small, large]}", &[("Size", "medium")]),
        "t.yaml:2:3: the given value of parameter `Size`, `medium`, is not among its `AllowedValues`; give one of `small`, `large`"
    );
    assert!(wrong("{Type: String, Default: x, AllowedValues: [a]}", &[]).contains("the default of parameter `Size`, `x`, is not among"));
    let secret = wrong("{Type: Number, NoEcho: true}", &[("Size", "hunter2")]);
    assert_eq!(secret, "t.yaml:2:3: the given value of parameter `Size` is not a number; give a number without unit");
    // What a secret may be is not said either.
    assert_eq!(
        wrong("{Type: String, NoEcho: true, AllowedValues: [hunter2, hunter3]}", &[("Size", "hunter4")]),
        "t.yaml:2:3: the given value of parameter `Size` is not among its `AllowedValues`; give one of them"
    );
    assert_eq!(
        wrong("{Type: String}", &[("Sise", "1")]),
        "t.yaml: the template declares no parameter `Sise`, but a value is given for it; did you mean `Size`?"
    );
    assert!(wrong("{Type: String}", &[("Elsewhere", "1")]).ends_with("leave it out"));
    assert!(wrong("{Type: Strin}", &[]).ends_with("has the type `Strin`, which there is not; did you mean `String`?"));
    assert!(wrong("{Default: x}", &[]).contains("has no `Type`"));
    assert!(wrong("{Type: String, Default: [a]}", &[]).contains("is text, this is a list"));
    assert!(wrong("{Type: String, NoEcho: perhaps}", &[]).contains("neither true nor false"));
    assert!(wrong("{Type: String}", &[("Size", &"x".repeat(5000))]).contains("has 5000 bytes"));
    for not_a_number in ["", "inf", "NaN", "1,2"] {
        assert!(wrong("{Type: Number}", &[("Size", not_a_number)]).contains("is not a number"), "{not_a_number}");
    }
}

#[test]
fn what_is_no_template_is_refused() {
    for (text, expected) in [
        ("", "t:1:1: not a CloudFormation template: it is empty; give the file that holds the template"),
        ("# nothing\n", "not a CloudFormation template: it is empty"),
        ("just text", "not a CloudFormation template: it is text; a template is a map with `Resources`"),
        ("[1]", "it is a list"),
        ("Description: x\n", "it has no `Resources`; give the template itself"),
        ("Resource: {}\n", "it has no `Resources`; write `Resource` as `Resources`"),
        ("Resources:\n", "it has no `Resources`"),
        ("Resources: [a]\n", "t:1:1: not a CloudFormation template: its `Resources` is no map"),
        ("Resources: !Include {a: b}\n", "its `Resources` is no map"),
        ("{\"Resources\": {\"A\": {\"Type\": \"X\"", "t:1:32: the JSON ends before it is complete; the file is cut off"),
        ("{", "t:1:1: the JSON ends before it is complete"),
        ("{\"Resources\": {}}}", "t:1:18: the JSON is broken: trailing characters; correct it there or just before"),
        ("{\"Resources\": {\"A\": 1 \"B\": 2}}", "t:1:23: the JSON is broken: expected `,` or `}`"),
        ("{\"Resources\": {}, \"Resources\": {}}", "the key `Resources` is there twice; remove one of the two"),
        ("Resources:\n  A: {Type: X}\n  A: {Type: X}\n", "t:3:3: the key `A` is there twice; remove one of the two"),
        ("Resources:\n  A: 'x", "t:2:6: the YAML is broken: unclosed quote; correct it there"),
        ("Resources:\n\tA: x\n", "t:2:2: the YAML is broken: tabs disallowed"),
        ("Resources: {A: {Type: X, Properties: {P: !Base64 !Sub x}}}", "a function within a short one its long form"),
        ("Resources: {}\n---\nResources: {}\n", "the file holds several YAML documents; give one template per file"),
        ("Resources: {!Ref A: {Type: X}}", "the key `A` has the tag `!Ref`; only values have tags"),
        ("Resources: {A: {Type: X, Properties: {P: .inf}}}", "put it in quotes if it is text"),
        ("Resources: {A: {Properties: {}}}", "t:1:13: the resource `A` has no `Type`; write it, as in `Type: AWS::S3::Bucket`"),
        ("Resources: {A: {Typ: X}}", "write `Typ` as `Type`"),
        ("Resources: {A: {Type: [X]}}", "the type of a resource is text, this is a list"),
        ("Resources: {A: x}", "the resource `A` is a map, this is text"),
        ("Resources: {A: !If [a, b, c]}", "the resource `A` is a map, this is `!If`"),
        ("Resources: {A: {Type: X, Properties: [a]}}", "the properties of `A` are a map, this is a list"),
        ("Resources: {A: {Type: X, Condition: [a]}}", "the condition of a resource is text, this is a list"),
        ("Parameters: [a]\nResources: {}\n", "t:1:13: `Parameters` is a map, this is a list; check the indentation or the brackets"),
        ("Transform: {Nam: x}\nResources: {}\n", "the transform has no `Name`"),
        (
            "Mappings: {M: {a: {b: !Ref AWS::Region}}}\nResources: {A: {Type: X, Properties: {P: !FindInMap [M, a, b]}}}",
            "a mapping holds a function",
        ),
    ] {
        let error = read("t", text, &given(&BTreeMap::new())).map(|template| panic!("{text:?} gives {template:?}")).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("t:") && error.contains(expected), "{text:?}: {error}");
    }
    assert_eq!(read_with("\u{feff}{\"Resources\": {}}", &[]).unwrap().resources, []);
}

#[test]
fn size_depth_and_repetition_are_bounded() {
    let refused = |text: String| matches!(read_with(&text, &[]), Err(Error::TooLarge { .. }));
    assert!(refused(format!("Resources: {{}}\nDescription: {}\n", "x".repeat(4 << 20))));
    let nested = |depth: usize| format!("Resources: {{A: {{Type: X, Properties: {{P: {}1{}}}}}}}\n", "[".repeat(depth), "]".repeat(depth));
    assert!(read_with(&nested(60), &[]).is_ok());
    assert!(refused(nested(61)) && refused(nested(5000)));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")));
    }
    assert!(refused(bomb + "Resources: {}\n"));
    // Few lines that would come to very much text.
    let list = vec!["'${P}${P}${P}${P}${P}${P}${P}${P}'"; 2000].iter().map(|text| format!("!Sub {text}")).collect::<Vec<_>>().join(", ");
    let text = format!(
        "Parameters: {{P: {{Type: String, Default: {}}}}}\nResources: {{A: {{Type: X, Properties: {{P: [{list}]}}}}}}\n",
        "x".repeat(4000)
    );
    assert!(refused(text));
}

#[test]
fn large_templates_are_read_quickly() {
    let mut text = "{\"Resources\": {\n".to_owned();
    for n in 0..4000 {
        let properties =
            "{\"BucketName\": {\"Fn::Sub\": \"${AWS::StackName}-x\"}, \"Tags\": [{\"Key\": \"a\", \"Value\": {\"Ref\": \"AWS::Region\"}}]}";
        text.push_str(&format!("\"R{n}\": {{\"Type\": \"AWS::S3::Bucket\", \"Properties\": {properties}}},\n"));
    }
    text.push_str("\"Last\": {\"Type\": \"AWS::S3::Bucket\"}}}\n");
    let template = read("t.json", &text, &given(&BTreeMap::new())).unwrap();
    assert_eq!((template.resources.len(), template.resources[4000].line), (4001, Some(4002)));
}
