//! How fast AWS is asked: requests per second and requests at once, per account, region and service.
//! The scanner must not eat the quota that production needs.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests at once per account, region and service.
const AT_ONCE: usize = 8;

/// The pace of one account, region and service.
#[derive(Clone)]
pub(crate) struct Pace {
    rate: Option<Arc<DefaultDirectRateLimiter>>,
    here: Arc<Semaphore>,
    everywhere: Arc<Semaphore>,
}

/// One request's turn; it ends when dropped.
pub(crate) struct Turn {
    _here: OwnedSemaphorePermit,
    _everywhere: OwnedSemaphorePermit,
}

impl Pace {
    /// A pace of `per_second` requests, with everything at once bounded by `everywhere`.
    pub(crate) fn new(per_second: u32, everywhere: Arc<Semaphore>) -> Self {
        let rate = NonZeroU32::new(per_second).map(|rate| Arc::new(RateLimiter::direct(Quota::per_second(rate))));
        Self { rate, here: Arc::new(Semaphore::new(AT_ONCE)), everywhere }
    }

    /// Waits until a request may be sent.
    pub(crate) async fn turn(&self) -> Turn {
        let closed = "internal error: the semaphore is never closed";
        let here = Arc::clone(&self.here).acquire_owned().await.expect(closed);
        if let Some(rate) = &self.rate {
            rate.until_ready().await;
        }
        let everywhere = Arc::clone(&self.everywhere).acquire_owned().await.expect(closed);
        Turn { _here: here, _everywhere: everywhere }
    }
}
