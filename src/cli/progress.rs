//! Progress on a terminal: how many collectors are done, and which are at work.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::aws::Observer;

/// A bar over all collectors.
pub(super) struct Bars {
    bar: ProgressBar,
    at_work: Mutex<BTreeSet<String>>,
}

impl Bars {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar.set_message("identity, accounts, regions");
        Self { bar, at_work: Mutex::default() }
    }

    fn show(&self, change: impl FnOnce(&mut BTreeSet<String>)) {
        let Ok(mut at_work) = self.at_work.lock() else { return };
        change(&mut at_work);
        let first: Vec<&str> = at_work.iter().take(4).map(String::as_str).collect();
        self.bar.set_message(first.join(", "));
    }
}

fn place(region: &str, service: &str) -> String {
    format!("{service} {}", crate::untrusted::plain(region))
}

impl Observer for Bars {
    fn planned(&self, collectors: usize) {
        self.bar.set_length(collectors as u64);
    }

    fn started(&self, _: &str, region: &str, service: &str) {
        self.show(|at_work| {
            at_work.insert(place(region, service));
        });
    }

    fn finished(&self, _: &str, region: &str, service: &str, _: usize) {
        self.bar.inc(1);
        self.show(|at_work| {
            at_work.remove(&place(region, service));
        });
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
