//! A year of daily packs: `ci/bench-evidence`. Takes a recording, and for each day makes another one of it in which is
//! what changes from day to day: the times of snapshots and the moments up to which databases can be restored, and one
//! answer in fifty. Each is checked by the program, and becomes a pack.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keur::aws::{Outcome, Tape};
use keur::estate::ResponseId;
use sha2::{Digest as _, Sha256};

/// Elements whose moments move with the days.
const MOVING: &[&str] = &["SnapshotCreateTime", "OriginalSnapshotCreateTime", "LatestRestorableTime"];

#[allow(clippy::disallowed_methods, reason = "a program of its own")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [keur, recording, chain, days, key] = arguments.as_slice() else {
        return Err("usage: year KEUR RECORDING CHAIN DAYS KEY".into());
    };
    let days: i64 = days.to_string_lossy().parse()?;
    let tape = Tape::read(recording)?;
    let folder = tempfile::tempdir()?;
    for day in 0..days {
        let at = tape.run.as_of + SignedDuration::from_hours(24 * day);
        let path = folder.path().join(day.to_string());
        of_day(&tape, day, at).write(&path)?;
        let status = Command::new(keur)
            .args(["check", "--format", "json=/dev/null", "--cadence", "24h", "--replay"])
            .arg(&path)
            .args(["--as-of", &at.to_string(), "--evidence"])
            .arg(chain)
            .arg("--sign")
            .arg(key)
            .status()?;
        if !matches!(status.code(), Some(0 | 1 | 3)) {
            return Err(format!("day {day}: {status}").into());
        }
        std::fs::remove_dir_all(Path::new(&path))?;
    }
    Ok(())
}

fn of_day(tape: &Tape, day: i64, at: Timestamp) -> Tape {
    let mut tape = tape.clone();
    (tape.run.started, tape.run.finished, tape.run.as_of) = (at, at, at);
    let moment = at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    for (number, exchange) in tape.exchanges.iter_mut().enumerate() {
        let Outcome::Response { status: 200, body, .. } = &mut exchange.outcome else { continue };
        let mut text = String::from_utf8_lossy(&tape.bodies[body]).into_owned();
        for name in MOVING {
            text = moved(&text, name, &moment);
        }
        if (number as i64 + day) % 50 == 0 {
            text.push_str(&" ".repeat(1 + day as usize % 7));
        }
        let id = ResponseId(Sha256::digest(text.as_bytes()).into());
        tape.bodies.insert(id, Arc::from(text.into_bytes()));
        *body = id;
    }
    tape
}

fn moved(text: &str, name: &str, moment: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut parts = text.split(&open);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all.push_str(&open);
        match part.split_once(&close) {
            Some((_, rest)) => all.push_str(&format!("{moment}{close}{rest}")),
            None => all.push_str(part),
        }
    }
    all
}
