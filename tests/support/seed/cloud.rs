//! Clients of an emulator, for seeding: plain HTTP, one account and one region.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ec2::types::{ResourceType, TagSpecification};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::SdkConfig;
use aws_types::region::Region;

/// The account of a twelve-digit access key.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The only region that is allowed.
pub(crate) const HOME: &str = "eu-central-1";

/// An account and a region of an emulator.
#[derive(Debug, Clone)]
pub(crate) struct Cloud {
    sdk: SdkConfig,
    account: String,
}

impl Cloud {
    /// The caller's own account, in the allowed region.
    pub(crate) fn new(endpoint: &str) -> Self {
        let sdk = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new(HOME))
            .endpoint_url(endpoint)
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(ACCOUNT, "test", None, None, "test")))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .sleep_impl(TokioSleep::new())
            .build();
        Self { sdk, account: ACCOUNT.to_owned() }
    }

    /// The same account in another region.
    pub(crate) fn at(&self, region: &str) -> Self {
        let sdk = self.sdk.to_builder().region(Region::new(region.to_owned())).build();
        Self { sdk, account: self.account.clone() }
    }

    /// Keys of another account. moto makes it, and the role, when the role is assumed.
    pub(crate) async fn keys(&self, account: &str) -> Credentials {
        let role = format!("arn:aws:iam::{account}:role/seeder");
        let answer = aws_sdk_sts::Client::new(&self.sdk).assume_role().role_arn(role).role_session_name("seeder").send().await;
        let keys = answer.expect("AssumeRole").credentials.expect("credentials");
        Credentials::new(keys.access_key_id, keys.secret_access_key, Some(keys.session_token), None, "test")
    }

    /// Another account.
    pub(crate) async fn account(&self, account: &str) -> Self {
        let keys = self.keys(account).await;
        let sdk = self.sdk.to_builder().credentials_provider(SharedCredentialsProvider::new(keys)).build();
        Self { sdk, account: account.to_owned() }
    }

    pub(crate) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    pub(crate) fn region(&self) -> &str {
        self.sdk.region().map_or(HOME, AsRef::as_ref)
    }

    pub(crate) fn account_id(&self) -> &str {
        &self.account
    }

    pub(crate) fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.sdk)
    }

    pub(crate) fn rds(&self) -> aws_sdk_rds::Client {
        aws_sdk_rds::Client::new(&self.sdk)
    }

    /// Emulators have no host name for each bucket.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(true).build())
    }

    pub(crate) fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.sdk)
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.sdk)
    }

    pub(crate) fn elb(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        aws_sdk_elasticloadbalancingv2::Client::new(&self.sdk)
    }

    pub(crate) fn autoscaling(&self) -> aws_sdk_autoscaling::Client {
        aws_sdk_autoscaling::Client::new(&self.sdk)
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk)
    }

    pub(crate) fn organizations(&self) -> aws_sdk_organizations::Client {
        aws_sdk_organizations::Client::new(&self.sdk)
    }

    pub(crate) fn efs(&self) -> aws_sdk_efs::Client {
        aws_sdk_efs::Client::new(&self.sdk)
    }

    pub(crate) fn backup(&self) -> aws_sdk_backup::Client {
        aws_sdk_backup::Client::new(&self.sdk)
    }
}

/// The tags of what EC2 makes.
pub(crate) fn ec2_tags(kind: ResourceType, environment: &str) -> TagSpecification {
    let tag = aws_sdk_ec2::types::Tag::builder().key("Environment").value(environment).build();
    TagSpecification::builder().resource_type(kind).tags(tag).build()
}

/// The tag of what RDS makes.
pub(crate) fn rds_tag(environment: &str) -> aws_sdk_rds::types::Tag {
    aws_sdk_rds::types::Tag::builder().key("Environment").value(environment).build()
}

/// The tag of what Elastic Load Balancing makes.
pub(crate) fn elb_tag(environment: &str) -> aws_sdk_elasticloadbalancingv2::types::Tag {
    aws_sdk_elasticloadbalancingv2::types::Tag::builder().key("Environment").value(environment).build()
}
