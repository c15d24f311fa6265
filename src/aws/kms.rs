//! AWS KMS: the keys of a region, those that AWS manages for the account among them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Operation, PolicyDocument, Scope, Service, op};
use crate::estate::{Cardinality, Fetched, Link, Required, Within};

/// A KMS key of the account: made by the customer, or by an AWS service for it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Key {
    /// Id of the key; those of multi-Region keys begin with `mrk-` and are the same in every region.
    pub key_id: Required<String>,
    /// What the owner wrote about the key.
    pub description: Option<String>,
    /// Who manages the key: `CUSTOMER`, or `AWS` for keys like `aws/rds`.
    pub key_manager: Required<String>,
    /// Kind of key: `SYMMETRIC_DEFAULT` is AES-256, others are RSA, elliptic curve or HMAC keys.
    pub key_spec: Required<String>,
    /// What it may be used for: `ENCRYPT_DECRYPT`, `SIGN_VERIFY`, `GENERATE_VERIFY_MAC`, `KEY_AGREEMENT`.
    pub key_usage: Required<String>,
    /// State: `Enabled`, `Disabled`, `PendingDeletion`, `PendingImport`, `Unavailable`.
    pub key_state: Required<String>,
    /// Whether the key can be used; what it encrypted cannot be read while it cannot.
    pub enabled: Required<bool>,
    /// Where the key material is from: `AWS_KMS`, `EXTERNAL` (imported), `AWS_CLOUDHSM`, `EXTERNAL_KEY_STORE`.
    pub origin: Required<String>,
    /// Key store outside KMS that holds the key material.
    pub custom_key_store_id: Option<String>,
    /// When imported key material expires.
    pub valid_to: Option<Timestamp>,
    /// Whether the key is one of a set of multi-Region keys.
    pub multi_region: Required<bool>,
    /// `PRIMARY` or `REPLICA`; absent when the key is not a multi-Region key.
    pub multi_region_key_type: Fetched<String>,
    /// Region of the primary key of the set; absent when the key is not a multi-Region key.
    pub primary_region: Fetched<String>,
    /// Regions that hold replicas of the key; empty when it is not a multi-Region key.
    pub replica_regions: Required<Vec<String>>,
    /// When it was created.
    pub creation_date: Required<Timestamp>,
    /// When it will be deleted; absent unless its deletion is scheduled.
    pub deletion_date: Fetched<Timestamp>,
    /// Names of the key: `alias/bookings`, `alias/aws/rds`.
    pub aliases: Required<Vec<String>>,
    /// ARNs of these names.
    pub alias_arns: Required<Vec<String>>,
    /// The key policy; absent for keys that AWS manages, whose policy the customer cannot change.
    pub policy: Fetched<PolicyDocument>,
    /// Whether new key material is made every period; absent for keys that KMS cannot rotate or that AWS manages.
    pub key_rotation_enabled: Fetched<bool>,
    /// Days between two rotations; absent when there is no rotation.
    pub rotation_period_in_days: Fetched<i64>,
}

resource_types! {
    "kms":
    Key = "AWS::KMS::Key",
}

const OPERATIONS: &[Operation] = &[
    op("ListKeys", "kms:ListKeys"),
    op("ListAliases", "kms:ListAliases"),
    op("DescribeKey", "kms:DescribeKey"),
    op("GetKeyPolicy", "kms:GetKeyPolicy"),
    op("GetKeyRotationStatus", "kms:GetKeyRotationStatus"),
    op("ListResourceTags", "kms:ListResourceTags"),
];

const LINKS: &[Link] = &[Link::keys(
    "encrypts",
    ("AWS::KMS::Key", "arn"),
    &[
        ("AWS::RDS::DBInstance", "kms_key_id"),
        ("AWS::RDS::DBCluster", "kms_key_id"),
        ("AWS::EC2::Volume", "kms_key_id"),
        ("AWS::EFS::FileSystem", "kms_key_id"),
        ("AWS::DynamoDB::Table", "kms_key_arn"),
    ],
    Within::Run,
    Cardinality::NamedBy,
    "Databases, volumes, file systems and tables that the key encrypts",
)];

/// AWS KMS.
pub(super) static SERVICE: Service = Service {
    name: "kms",
    scope: Scope::Regional,
    types: TYPES,
    operations: OPERATIONS,
    links: LINKS,
    per_second: 50,
    register,
    #[cfg(all(feature = "aws", feature = "kms"))]
    collect: Some(|cx| Box::pin(live::collect(cx))),
    #[cfg(all(feature = "aws", not(feature = "kms")))]
    collect: None,
};

#[cfg(feature = "kms")]
mod live {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use aws_sdk_kms::Client;
    use aws_sdk_kms::config::interceptors::AfterDeserializationInterceptorContextRef;
    use aws_sdk_kms::config::{ConfigBag, Intercept, RuntimeComponents};
    use aws_sdk_kms::types;
    use aws_smithy_runtime_api::box_error::BoxError;
    use serde_json::Value as Json;

    use super::Key;
    use crate::aws::PolicyDocument;
    use crate::aws::cx::{Collected, Cx, Identified, Items, Pages, tags, time};
    use crate::estate::{Fetched, NewResource, Reason, Required, Resource, ResponseId};

    const LIST: &str = "ListKeys";
    const ALIASES: &str = "ListAliases";
    const DESCRIBE: &str = "DescribeKey";
    const POLICY: &str = "GetKeyPolicy";
    const ROTATION: &str = "GetKeyRotationStatus";
    const TAGS: &str = "ListResourceTags";

    pub(super) async fn collect(cx: Cx) -> Collected {
        let kms = Client::new(&cx.sdk());
        let pages = cx.pages(LIST, kms.list_keys().limit(1000).into_paginator().send(), |page| page.next_marker.as_deref()).await;
        let pages = whole(&cx, LIST, pages, |page| (page.truncated, page.next_marker.as_deref()));
        let items = pages.items(&cx, LIST, |page| page.keys);
        let (keys, listing) =
            cx.identified::<Key, _>(LIST, items, ("KeyId", "KeyArn"), |key| key.key_id.as_deref(), |key| key.key_arn.as_deref());
        let mut out = Collected::default();
        out.listings.push(listing);
        if keys.is_empty() {
            return out;
        }
        let aliases = Aliases::read(&cx, &kms).await;
        out.resources = cx.each(keys, |Identified { id, arn, from, .. }| key(&cx, &kms, &aliases, id, arn, from)).await;
        out
    }

    /// A listing whose last page says that there are more: the paginator ends without a word when the
    /// marker of the next page is missing, or one that it has used before.
    fn whole<P>(cx: &Cx, operation: &'static str, mut pages: Pages<P>, next: impl Fn(&P) -> (bool, Option<&str>)) -> Pages<P> {
        let last = pages.pages.last().map(|(page, _)| next(page));
        let more = last.is_some_and(|(truncated, marker)| truncated || marker.is_some_and(|marker| !marker.is_empty()));
        if more && pages.gap.is_none() {
            pages.gap = Some(cx.gap(operation, Reason::Unparsable, None, Some("the listing ends before its last page")));
        }
        pages
    }

    /// The names of the keys of a region.
    struct Aliases {
        /// Id of the key → names, each with its ARN, sorted.
        of: Required<BTreeMap<String, Vec<(String, String)>>>,
        from: Vec<ResponseId>,
    }

    impl Aliases {
        async fn read(cx: &Cx, kms: &Client) -> Self {
            let pages = cx.pages(ALIASES, kms.list_aliases().limit(100).into_paginator().send(), |page| page.next_marker.as_deref()).await;
            let pages = whole(cx, ALIASES, pages, |page| (page.truncated, page.next_marker.as_deref()));
            let from = pages.pages.iter().flat_map(|(_, from)| from.iter().copied()).collect();
            let Items { items, gap } = pages.items(cx, ALIASES, |page| page.aliases);
            // A key may have a name on the page that did not come: then the names of no key are known.
            if let Some(gap) = gap {
                return Self { of: Required::Unknown(gap), from };
            }
            let mut of: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
            for (alias, _) in items {
                // Names that AWS reserves for keys it has not made yet lead to no key.
                let Some(key) = alias.target_key_id else { continue };
                let (Some(name), Some(arn)) = (alias.alias_name, alias.alias_arn) else {
                    let gap = cx.gap(ALIASES, Reason::Unparsable, None, Some("AliasName or AliasArn is missing"));
                    return Self { of: Required::Unknown(gap), from };
                };
                of.entry(key).or_default().push((name, arn));
            }
            of.values_mut().for_each(|names| names.sort());
            Self { of: Required::Known(of), from }
        }

        fn of(&self, key: &str) -> Required<Vec<(String, String)>> {
            match &self.of {
                Required::Known(of) => Required::Known(of.get(key).cloned().unwrap_or_default()),
                Required::Unknown(gap) => Required::Unknown(Arc::clone(gap)),
            }
        }
    }

    async fn key(cx: &Cx, kms: &Client, aliases: &Aliases, id: String, arn: String, mut from: Vec<ResponseId>) -> Resource {
        let named = aliases.of(&id);
        from.extend(&aliases.from);
        let first = named.known().and_then(|names| names.first()).map(|(name, _)| name.strip_prefix("alias/").unwrap_or(name));
        let name = first.unwrap_or(&id).to_owned();
        let answer = cx.send(DESCRIBE, kms.describe_key().key_id(&id).send()).await.required(&mut from);
        let metadata = match answer.and_then(|a| cx.need(DESCRIBE, "KeyMetadata", a.key_metadata)) {
            Required::Known(metadata) => metadata,
            // A key that was deleted after the listing stays as well: it may have been in use.
            Required::Unknown(gap) => {
                return cx.resource::<Key>(NewResource {
                    arn,
                    id,
                    name,
                    account: cx.account().to_owned(),
                    region: cx.region().to_owned(),
                    tags: Fetched::Unknown(Arc::clone(&gap)),
                    properties: Required::Unknown(gap),
                    responses: from,
                });
            }
        };
        let manager = cx.word(DESCRIBE, "KeyManager", metadata.key_manager.as_ref().map(|w| w.as_str()), types::KeyManagerType::values());
        let spec = cx.word(DESCRIBE, "KeySpec", metadata.key_spec.as_ref().map(|w| w.as_str()), types::KeySpec::values());
        let origin = cx.word(DESCRIBE, "Origin", metadata.origin.as_ref().map(|w| w.as_str()), types::OriginType::values());
        let customers = manager.clone().map(|manager| manager != "AWS");
        let policy = match &customers {
            Required::Known(true) => policy(cx, kms, &id, &mut from).await.into(),
            Required::Known(false) => Fetched::Absent,
            Required::Unknown(gap) => Fetched::Unknown(Arc::clone(gap)),
        };
        let rotates = customers.clone().and_then(|customers| {
            let kind = spec.clone().and_then(|spec| origin.clone().map(|origin| (spec, origin)));
            kind.map(|(spec, origin)| customers && spec == "SYMMETRIC_DEFAULT" && origin == "AWS_KMS")
        });
        let (key_rotation_enabled, rotation_period_in_days) = match rotates {
            Required::Known(true) => rotation(cx, kms, &id, &mut from).await,
            Required::Known(false) => (Fetched::Absent, Fetched::Absent),
            Required::Unknown(gap) => (Fetched::Unknown(Arc::clone(&gap)), Fetched::Unknown(gap)),
        };
        let tags = match customers {
            Required::Known(true) => resource_tags(cx, kms, &id, &mut from).await.into(),
            // Nobody can tag a key that AWS manages.
            Required::Known(false) => Fetched::Known(BTreeMap::new()),
            Required::Unknown(gap) => Fetched::Unknown(gap),
        };
        let state = cx.word(DESCRIBE, "KeyState", metadata.key_state.as_ref().map(|w| w.as_str()), types::KeyState::values());
        let multi_region = cx.need(DESCRIBE, "MultiRegion", metadata.multi_region);
        let set = set(cx, &multi_region, metadata.multi_region_configuration);
        let properties = Key {
            key_id: cx.need(DESCRIBE, "KeyId", Some(metadata.key_id).filter(|id| !id.is_empty())),
            description: metadata.description.filter(|text| !text.is_empty()),
            key_manager: manager,
            key_spec: spec,
            key_usage: cx.word(DESCRIBE, "KeyUsage", metadata.key_usage.as_ref().map(|w| w.as_str()), types::KeyUsageType::values()),
            enabled: enabled(cx, &state, metadata.enabled),
            origin,
            custom_key_store_id: metadata.custom_key_store_id,
            valid_to: metadata.valid_to.and_then(time),
            multi_region,
            multi_region_key_type: set.as_ref().and_then(|set| {
                let kind = set.multi_region_key_type.as_ref().map(|t| t.as_str().to_owned());
                cx.need(DESCRIBE, "MultiRegionKeyType", kind).into()
            }),
            primary_region: set.as_ref().and_then(|set| {
                let region = set.primary_key.as_ref().and_then(|key| key.region.clone());
                cx.need(DESCRIBE, "PrimaryKey.Region", region).into()
            }),
            replica_regions: replicas(cx, set),
            creation_date: cx.need(DESCRIBE, "CreationDate", metadata.creation_date.and_then(time)),
            deletion_date: deletion_date(cx, &state, metadata.deletion_date),
            key_state: state,
            aliases: named.clone().map(|names| names.into_iter().map(|(name, _)| name).collect()),
            alias_arns: named.map(|names| names.into_iter().map(|(_, arn)| arn).collect()),
            policy,
            key_rotation_enabled,
            rotation_period_in_days,
        };
        cx.new_resource(arn, id, name, tags, properties, from)
    }

    /// The SDK reads a missing `Enabled` as false. AWS documents it as true exactly when the state is
    /// `Enabled`, so false beside that state was not sent.
    fn enabled(cx: &Cx, state: &Required<String>, enabled: bool) -> Required<bool> {
        match state {
            Required::Known(state) => cx.need(DESCRIBE, "Enabled", (enabled || state != "Enabled").then_some(enabled)),
            Required::Unknown(gap) => Required::Unknown(Arc::clone(gap)),
        }
    }

    fn deletion_date(cx: &Cx, state: &Required<String>, date: Option<aws_sdk_kms::primitives::DateTime>) -> Fetched<jiff::Timestamp> {
        let date = date.map(|date| cx.need(DESCRIBE, "DeletionDate", time(date)));
        match (date, state) {
            (Some(date), _) => date.into(),
            (None, Required::Known(state)) if state == "PendingDeletion" => cx.need(DESCRIBE, "DeletionDate", None).into(),
            (None, Required::Known(_)) => Fetched::Absent,
            (None, Required::Unknown(gap)) => Fetched::Unknown(Arc::clone(gap)),
        }
    }

    /// The set of multi-Region keys that a key belongs to.
    fn set(
        cx: &Cx,
        multi_region: &Required<bool>,
        set: Option<types::MultiRegionConfiguration>,
    ) -> Fetched<types::MultiRegionConfiguration> {
        match multi_region {
            Required::Known(true) => cx.need(DESCRIBE, "MultiRegionConfiguration", set).into(),
            Required::Known(false) => Fetched::Absent,
            Required::Unknown(gap) => Fetched::Unknown(Arc::clone(gap)),
        }
    }

    fn replicas(cx: &Cx, set: Fetched<types::MultiRegionConfiguration>) -> Required<Vec<String>> {
        match set {
            Fetched::Known(set) => cx.need(DESCRIBE, "ReplicaKeys", set.replica_keys).and_then(|keys| {
                let regions: Option<Vec<_>> = keys.into_iter().map(|key| key.region).collect();
                cx.need(DESCRIBE, "ReplicaKeys.Region", regions)
            }),
            Fetched::Absent => Required::Known(Vec::new()),
            Fetched::Unknown(gap) => Required::Unknown(gap),
        }
    }

    async fn policy(cx: &Cx, kms: &Client, id: &str, from: &mut Vec<ResponseId>) -> Required<PolicyDocument> {
        let answer = cx.send(POLICY, kms.get_key_policy().key_id(id).policy_name("default").send()).await.required(from);
        let text = answer.and_then(|a| cx.need(POLICY, "Policy", a.policy));
        text.and_then(|text| match PolicyDocument::parse_of_resource(&text) {
            Some(document) => Required::Known(document),
            None => Required::Unknown(cx.gap(POLICY, Reason::Unparsable, None, Some("Policy is not a policy document"))),
        })
    }

    async fn rotation(cx: &Cx, kms: &Client, id: &str, from: &mut Vec<ResponseId>) -> (Fetched<bool>, Fetched<i64>) {
        let sent = Sent::default();
        let request = kms.get_key_rotation_status().key_id(id).customize().interceptor(sent.clone()).send();
        let answer = cx.send(ROTATION, request).await.required(from);
        let answer = Fetched::from(answer.and_then(|a| {
            let status = sent.0.load(Ordering::SeqCst).then_some((a.key_rotation_enabled, a.rotation_period_in_days));
            cx.need(ROTATION, "KeyRotationEnabled", status)
        }));
        let period = answer.as_ref().and_then(|(_, days)| Fetched::from(days.map(i64::from)));
        (answer.map(|(enabled, _)| enabled), period)
    }

    /// Whether `KeyRotationEnabled` was sent: the SDK reads the missing member as false.
    #[derive(Debug, Clone, Default)]
    struct Sent(Arc<AtomicBool>);

    impl Sent {
        fn is_in(body: &[u8]) -> bool {
            serde_json::from_slice::<Json>(body).is_ok_and(|json| json.get("KeyRotationEnabled").is_some_and(Json::is_boolean))
        }
    }

    impl Intercept for Sent {
        fn name(&self) -> &'static str {
            "KeyRotationEnabledSent"
        }

        fn read_after_deserialization(
            &self,
            context: &AfterDeserializationInterceptorContextRef<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            self.0.store(context.response().body().bytes().is_some_and(Self::is_in), Ordering::SeqCst);
            Ok(())
        }
    }

    async fn resource_tags(cx: &Cx, kms: &Client, id: &str, from: &mut Vec<ResponseId>) -> Required<BTreeMap<String, String>> {
        let pages =
            cx.pages(TAGS, kms.list_resource_tags().key_id(id).limit(50).into_paginator().send(), |page| page.next_marker.as_deref()).await;
        let pages = whole(cx, TAGS, pages, |page| (page.truncated, page.next_marker.as_deref()));
        from.extend(pages.pages.iter().flat_map(|(_, from)| from));
        let Items { items, gap } = pages.items(cx, TAGS, |page| page.tags);
        match gap {
            Some(gap) => Required::Unknown(gap),
            None => tags(cx, TAGS, Some(items), |(tag, _)| (Some(tag.tag_key), Some(tag.tag_value))),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::Sent;

        #[test]
        fn rotation_counts_only_when_it_was_sent() {
            assert!(Sent::is_in(br#"{"KeyRotationEnabled":false}"#));
            for body in ["", "{}", r#"{"KeyRotationEnabled":null}"#, r#"{"KeyRotationEnabled":"#] {
                assert!(!Sent::is_in(body.as_bytes()), "{body}");
            }
        }
    }
}
