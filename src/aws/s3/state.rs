//! A Terraform state in a bucket: the only object that is ever read, and only when the user names it.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{self, Region};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_types::SdkConfig;
use jiff::Timestamp;

use crate::aws::session::caller;

/// States are smaller; what is larger is not one.
const LARGEST: usize = 1 << 30;

/// Why a state could not be read. The place or the permissions are the user's to mend.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// AWS does not give it.
    #[error("{place}: {problem}")]
    Refused {
        /// `s3://bucket/key`.
        place: String,
        /// What AWS says.
        problem: String,
    },
    /// Nothing of that name.
    #[error("{place}: there is no such {what}")]
    Missing {
        /// `s3://bucket/key`.
        place: String,
        /// `bucket` or `object`.
        what: &'static str,
    },
    /// Not a state.
    #[error("{place}: the object has more than {LARGEST} bytes")]
    TooLarge {
        /// `s3://bucket/key`.
        place: String,
    },
}

/// Reads one object with the caller's credentials (`s3:GetObject` on that key, and `kms:Decrypt` on its
/// key where it has one). It is not recorded: a state holds secrets.
pub async fn state_object(
    profile: Option<String>,
    allowed: Vec<String>,
    now: Timestamp,
    bucket: &str,
    key: &str,
) -> Result<Vec<u8>, StateError> {
    let place = format!("s3://{bucket}/{key}");
    let sdk =
        caller(profile, allowed, now).await.map_err(|error| StateError::Refused { place: place.clone(), problem: error.to_string() })?;
    let client = client_of(&sdk, bucket).await;
    let answer = client.get_object().bucket(bucket).key(key).send().await.map_err(|error| {
        let of_service = error.as_service_error();
        let missing = |what| StateError::Missing { place: place.clone(), what };
        if of_service.is_some_and(GetObjectError::is_no_such_key) {
            return missing("object");
        }
        if of_service.and_then(|e| e.meta().code()) == Some("NoSuchBucket") {
            return missing("bucket");
        }
        StateError::Refused { place: place.clone(), problem: DisplayErrorContext(&error).to_string() }
    })?;
    if answer.content_length.and_then(|n| usize::try_from(n).ok()).is_some_and(|n| n > LARGEST) {
        return Err(StateError::TooLarge { place });
    }
    let refused = |problem: String| StateError::Refused { place: place.clone(), problem };
    let body = answer.body.collect().await.map_err(|error| refused(error.to_string()))?;
    Ok(body.into_bytes().to_vec())
}

/// A client for one bucket, in the region where it lies.
pub(crate) async fn client_of(sdk: &SdkConfig, bucket: &str) -> Client {
    let client = |region: Option<String>| {
        let mut config = config::Builder::from(sdk);
        if let Some(region) = region {
            config = config.region(Region::new(region));
        }
        // Emulators and gateways rarely have a host name for each bucket.
        Client::from_conf(if sdk.endpoint_url().is_some() { config.force_path_style(true).build() } else { config.build() })
    };
    // S3 is asked where the bucket lies; where it does not tell, the caller's own region is tried.
    let location = client(None).get_bucket_location().bucket(bucket).send().await.ok();
    let asked = sdk.region().map_or("", |region| region.as_ref());
    client(location.and_then(|answer| super::live::region_of(answer.location_constraint.as_ref().map_or("", |c| c.as_str()), asked)))
}
