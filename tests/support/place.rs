//! A place with a policy and an estate that load faster than the shipped ones.

use super::Keur;

/// A folder of policies that loads faster than the shipped ones.
pub(crate) const POLICY: &str = "
id: volume-encrypted
title: Volumes are encrypted
statement: encrypted-at-rest
severity: high
resource: AWS::EC2::Volume
require: resource.encrypted
deviation: \"{name} is not encrypted\"
remedy: Encrypt it
tests:
  - {name: encrypted, given: {encrypted: true}, expect: pass}
  - {name: not encrypted, given: {encrypted: false}, expect: deviation}
  - {name: not readable, given: {encrypted: !unknown \"ec2:DescribeVolumes\"}, expect: unknown}
";

/// An estate of two volumes, the second not encrypted.
pub(crate) fn estate() -> String {
    let volume = |name: &str, encrypted: bool| {
        format!(
            r#"{{"type":"AWS::EC2::Volume","arn":"arn:aws:ec2:eu-central-1:111111111111:volume/{name}","id":"{name}","name":"{name}",
            "account":"111111111111","region":"eu-central-1","tags":{{}},"properties":{{"encrypted":{encrypted}}},"responses":[]}}"#
        )
    };
    let listing = r#"{"type":"AWS::EC2::Volume","account":"111111111111","region":"eu-central-1","listed":2}"#;
    let moment = "2026-01-31T12:00:00Z";
    format!(
        r#"{{"schema":"keur/estate/1","run":{{"started":"{moment}","finished":"{moment}","as_of":"{moment}","source":"live","tool":"keur",
        "identity":null,"accounts":[{{"id":"111111111111","name":null}}],"regions":["eu-central-1"],"calls":1}},
        "resources":[{},{}],"listings":[{listing}]}}"#,
        volume("vol-1", true),
        volume("vol-2", false)
    )
}

/// A place with a policy, an estate and a tape.
pub(crate) fn place() -> Keur {
    let keur = Keur::new();
    keur.write("policies/volume-encrypted.yaml", POLICY);
    keur.write("estate.json", estate());
    keur
}
