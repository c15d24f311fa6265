//! The caller's own session, for the few requests of evidence that are no collecting: signing with KMS, and writing to a
//! bucket with Object Lock. Only made when the user names a key or a bucket.

use jiff::Timestamp;

#[cfg(feature = "s3")]
pub(super) use session::code;
#[cfg(any(feature = "s3", feature = "kms"))]
pub(super) use session::{Session, why};

/// Whose credentials are used.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Profile of the AWS configuration files, instead of `AWS_PROFILE`.
    pub profile: Option<String>,
    /// The first of these is the region of a caller who has none.
    pub allowed: Vec<String>,
    /// The start of the run.
    pub now: Timestamp,
}

#[cfg(any(feature = "s3", feature = "kms"))]
mod session {
    use aws_smithy_runtime_api::client::result::SdkError;
    use aws_smithy_types::error::metadata::ProvideErrorMetadata;
    use aws_types::SdkConfig;
    use tokio::runtime::{Builder, Runtime};

    use super::Caller;
    use crate::aws;

    /// A thread's own runtime: what waits for it must not be asynchronous itself.
    pub(in crate::evidence) struct Session {
        pub(in crate::evidence) runtime: Runtime,
        pub(in crate::evidence) sdk: SdkConfig,
    }

    impl Session {
        pub(in crate::evidence) fn open(caller: Caller) -> Result<Self, String> {
            let runtime = runtime()?;
            let sdk = runtime.block_on(aws::caller(caller.profile, caller.allowed, caller.now)).map_err(|error| error.to_string())?;
            Ok(Self { runtime, sdk })
        }

        pub(in crate::evidence) fn over(sdk: SdkConfig) -> Result<Self, String> {
            Ok(Self { runtime: runtime()?, sdk })
        }
    }

    fn runtime() -> Result<Runtime, String> {
        Builder::new_current_thread().enable_all().build().map_err(|error| format!("no threads: {error}"))
    }

    /// AWS's code of an error, if AWS answered.
    pub(in crate::evidence) fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
        error.as_service_error().and_then(ProvideErrorMetadata::code)
    }

    /// What AWS says, or why nothing came of it.
    pub(in crate::evidence) fn why<E, R>(error: &SdkError<E, R>) -> String
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        match (code(error), error.as_service_error().and_then(ProvideErrorMetadata::message)) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => aws::explain(error),
        }
    }
}
