//! Ctrl-C and SIGTERM: a clean end, without half-written files, whatever the program is doing.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::target;

/// Tells the run that is asking AWS that it is to end, and with which exit code: it seals what it began.
static RUN: Mutex<Option<oneshot::Sender<u8>>> = Mutex::new(None);

/// Waits for signals, in a thread of its own: most of what the program does never waits for anything.
pub(super) fn watch() {
    let waiting = || {
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            while let Some(code) = signal().await {
                stop(code);
            }
        });
    };
    // Without the thread the system ends the program as it ends every other one.
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(waiting);
}

/// The exit code of the next signal, as shells have it: 128 and its number.
#[cfg(unix)]
async fn signal() -> Option<u8> {
    use std::sync::LazyLock;
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tokio::sync::Mutex;
    type Both = Option<(Signal, Signal)>;
    static BOTH: LazyLock<Mutex<Both>> =
        LazyLock::new(|| Mutex::new(signal(SignalKind::interrupt()).ok().zip(signal(SignalKind::terminate()).ok())));
    let mut both = BOTH.lock().await;
    let (interrupt, terminate) = both.as_mut()?;
    tokio::select! {
        _ = interrupt.recv() => Some(130),
        _ = terminate.recv() => Some(143),
    }
}

#[cfg(not(unix))]
async fn signal() -> Option<u8> {
    tokio::signal::ctrl_c().await.ok().map(|()| 130)
}

/// Ends what is being done. A run over AWS ends by itself, because its pack is sealed as aborted; a second signal does not wait for it.
fn stop(code: u8) {
    if let Some(run) = RUN.lock().unwrap_or_else(PoisonError::into_inner).take()
        && run.send(code).is_ok()
    {
        return;
    }
    target::discard_unfinished();
    let _ = writeln!(io::stderr(), "error: {}", message(code));
    #[allow(clippy::exit, reason = "nothing else ends the other threads, which wait for nobody")]
    std::process::exit(i32::from(code));
}

/// What is said of a signal.
pub(super) fn message(code: u8) -> String {
    let by = if code == 143 { "SIGTERM" } else { "Ctrl-C" };
    format!("stopped by {by}")
}

/// The signal that ends a run over AWS.
pub(super) fn asked() -> oneshot::Receiver<u8> {
    let (sender, receiver) = oneshot::channel();
    *RUN.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    receiver
}
