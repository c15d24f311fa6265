//! What a chain says, and whether it holds.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::screen::Kind;
use super::super::{Failure, Outcome, Terminal, now, output};
use super::SignedByArgs;
use super::derive::derive;
use super::held::{self, Held, How};
use super::rebuild::{rebuild, say_who_signed};
use crate::evidence::anchor::{self, Head};
#[cfg(feature = "aws")]
use crate::evidence::authority::Authorities;
use crate::evidence::sign::PublicKey;
use crate::evidence::{self, Caller, Chain, Checked, Day, History, Note, PackResult, Signed, Verified, folder_of};
use crate::report::grid;
use crate::target::Target;
use crate::untrusted::plain;
use crate::words::counted;

/// How to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Which packs `verify` makes again from their answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Replayed {
    /// The one that is given; of a chain, the last complete one
    #[default]
    Last,
    /// Every complete one
    All,
    /// None: only bytes, signatures and links are looked at
    None,
}

/// Options of `keur evidence verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A chain, a pack of it, or the archive of a pack
    #[arg(value_name = "CHAIN", value_hint = ValueHint::AnyPath)]
    path: PathBuf,
    #[command(flatten)]
    signed: SignedByArgs,
    /// Which packs are judged again from their own answers, so that what follows from them is told from what is only stated
    #[arg(long, value_name = "WHICH", default_value = "last")]
    replay: Replayed,
    /// Anchors to hold the chain against: a file, or `s3://BUCKET/PREFIX/`; several times for several places
    #[arg(long = "anchor", value_name = "PLACE", value_hint = ValueHint::AnyPath)]
    anchors: Vec<String>,
    /// Certificates (PEM or DER) of authorities that you trust, not from the pack: time stamps must be signed by one of them, or
    /// by one that they vouch for
    #[cfg(feature = "aws")]
    #[arg(long = "tsa-ca", value_name = "FILE", value_hint = ValueHint::FilePath)]
    authorities: Option<PathBuf>,
    /// Profile of the AWS configuration files, for anchors in a bucket
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Form,
}

/// The newest pack of a chain that is sealed, as anchors have it. It and the whole chain up to it must hold.
pub(super) fn head(path: &Path, keys: &[PublicKey], terminal: &Terminal) -> Result<Head, Failure> {
    let (chain, only) = Verified::open(path, keys)?;
    if only.is_some() {
        return Err(Failure::usage(format!("{}: this is one pack", path.display())).hint("give the folder of the chain"));
    }
    let Some(last) = chain.packs().next_back().map(|pack| pack.manifest().sequence) else {
        return Err(Failure::usage(format!("{}: no pack of it is sealed", path.display())));
    };
    let pack = chain.whole(Some(last))?;
    say_who_signed(&pack, terminal);
    let manifest = pack.manifest();
    let manifest_sha256 = pack.manifest_sha256().to_owned();
    Ok(Head { chain: manifest.chain.clone(), sequence: manifest.sequence, manifest_sha256, time: manifest.sealed })
}

/// Holds anchors against a chain: up to which pack it is anchored.
fn against_anchors(args: &VerifyArgs, checked: &mut Checked) -> Result<Option<Option<u64>>, Failure> {
    if args.anchors.is_empty() {
        return Ok(None);
    }
    let mut anchored = None;
    for place in &args.anchors {
        let caller = Caller { profile: args.profile.clone(), allowed: Vec::new(), now: now() };
        let anchors = super::anchor::read(place, caller)?;
        let manifest_of = |sequence| checked.manifests.get(&sequence).cloned();
        let compared = anchor::compare(&anchors, &checked.chain, manifest_of);
        anchored = anchored.max(compared.anchored);
        checked.problems.extend(compared.problems.into_iter().map(|problem| evidence::Error::broken(place, problem)));
    }
    Ok(Some(anchored))
}

/// A time stamp, and whose it is, where that was looked at.
#[derive(Serialize)]
struct StampOut {
    pack: u64,
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

/// Holds the time stamps against the authorities that are trusted.
#[cfg(feature = "aws")]
fn against_authorities(args: &VerifyArgs, checked: &mut Checked) -> Result<Vec<StampOut>, Failure> {
    let authorities = args.authorities.as_deref().map(Authorities::read).transpose();
    let authorities = authorities.map_err(|error| Failure { code: 2, ..error.into() })?;
    Ok(vouched(authorities.as_ref(), checked))
}

#[cfg(feature = "aws")]
fn vouched(authorities: Option<&Authorities>, checked: &mut Checked) -> Vec<StampOut> {
    let stamps = std::mem::take(&mut checked.stamps);
    if authorities.is_some() && stamps.is_empty() {
        checked.problems.push(evidence::Error::broken("manifest.json.tsr", "no pack has a time stamp, and authorities were named"));
    }
    let mut found = Vec::new();
    for (pack, stamp, reply) in stamps {
        let name = format!("{}/manifest.json", folder_of(pack));
        let by = match authorities.map(|authorities| authorities.vouch_for(&name, &reply, &stamp)) {
            None => {
                checked.notes.push(Note::Stamped(pack, stamp.time));
                None
            }
            Some(Ok(by)) => Some(by),
            Some(Err(error)) => {
                checked.problems.push(evidence::Error::broken(&error.name, &error.problem));
                continue;
            }
        };
        found.push(StampOut { pack, time: stamp.time, by });
    }
    found
}

/// This build has nothing that checks certificates.
#[cfg(not(feature = "aws"))]
fn against_authorities(_: &VerifyArgs, checked: &mut Checked) -> Result<Vec<StampOut>, Failure> {
    let stamps = std::mem::take(&mut checked.stamps).into_iter();
    let found = stamps.map(|(pack, stamp, _)| {
        checked.notes.push(Note::Stamped(pack, stamp.time));
        StampOut { pack, time: stamp.time, by: None }
    });
    Ok(found.collect())
}

#[derive(Serialize)]
struct VerifyOut<'a> {
    schema: &'static str,
    holds: bool,
    chain: &'a str,
    packs: &'a [u64],
    files: u64,
    bytes: u64,
    signed: &'a [u64],
    #[serde(skip_serializing_if = "Option::is_none")]
    anchored: Option<Option<u64>>,
    head: Option<HeadOut<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stamped: &'a [StampOut],
    problems: Vec<ProblemOut<'a>>,
    notes: Vec<String>,
    contents: Vec<ContentsOut<'a>>,
}

/// What holds everything that a pack says.
#[derive(Serialize)]
struct ContentsOut<'a> {
    pack: u64,
    #[serde(flatten)]
    held: &'a Held,
}

/// The packs that were made again, and what holds each thing that they say.
type Contents = Vec<(u64, Vec<Held>)>;

#[derive(Serialize)]
struct HeadOut<'a> {
    sequence: u64,
    manifest_sha256: &'a str,
}

#[derive(Serialize)]
struct ProblemOut<'a> {
    file: &'a str,
    reason: &'a str,
}

/// `keur evidence verify`
pub(crate) fn verify(args: &VerifyArgs, terminal: &Terminal) -> Outcome {
    let keys = args.signed.keys()?;
    let (chain, only) = Chain::open(&args.path)?;
    if !args.anchors.is_empty() && only.is_some() {
        return Err(Failure::usage("--anchor is for a chain").hint("give the folder of the chain, not of one pack"));
    }
    let mut checked = evidence::verify(&chain, only, &keys);
    if let Some(only) = only
        && !checked.packs.contains(&only)
    {
        return Err(evidence::Error::broken(folder_of(only), "it is missing").into());
    }
    let anchored = against_anchors(args, &mut checked)?;
    let stamps = against_authorities(args, &mut checked)?;
    let contents = contents(args.replay, chain, only, &keys, &mut checked, terminal);
    let holds = checked.problems.is_empty();
    match args.format {
        Form::Json => output::shown(Kind::Json, |out| json(&checked, anchored, &stamps, &contents, out))?,
        Form::Table => {
            output::folded(terminal, |out| print(&checked, only.is_some(), anchored, &stamps, &contents, terminal.style.width, out))?
        }
    }
    if holds {
        return Ok(0);
    }
    let problems = counted(checked.problems.len(), "problem", "problems");
    terminal.say(&format!("error: {} does not verify: {problems}", args.path.display()));
    Ok(4)
}

/// Makes packs that hold again from their own answers: what does not follow is a problem.
fn contents(which: Replayed, chain: Chain, only: Option<u64>, keys: &[PublicKey], checked: &mut Checked, terminal: &Terminal) -> Contents {
    // Of what was changed nothing follows.
    if which == Replayed::None || !checked.problems.is_empty() {
        return Vec::new();
    }
    let chain = match Verified::again(chain, only, keys) {
        Ok(chain) => chain,
        Err(problem) => {
            checked.problems.push(problem);
            return Vec::new();
        }
    };
    let complete = chain.packs().filter(|pack| pack.manifest().result.is_some()).map(|pack| pack.manifest().sequence);
    let mut wanted: Vec<u64> = complete.filter(|sequence| only.is_none_or(|only| only == *sequence)).collect();
    if which == Replayed::Last {
        wanted.drain(..wanted.len().saturating_sub(1));
    }
    let mut all = Vec::new();
    for sequence in wanted {
        match again(&chain, sequence, terminal) {
            Ok((problems, held)) => {
                checked.problems.extend(problems);
                all.push((sequence, held));
            }
            // Rules that cannot be read, answers that lead nowhere: of a pack that holds, that cannot be.
            Err(failure) => checked.problems.push(evidence::Error::broken(folder_of(sequence), failure.message)),
        }
    }
    all
}

fn again(chain: &Verified, sequence: u64, terminal: &Terminal) -> Result<(Vec<evidence::Error>, Vec<Held>), Failure> {
    let pack = chain.whole(Some(sequence))?;
    #[cfg(not(feature = "aws"))]
    if pack.result()?.basis == evidence::Basis::Responses {
        let note = "this build cannot read answers of AWS: nothing in it was made again".to_owned();
        return Ok((Vec::new(), vec![Held { what: "everything".to_owned(), how: How::Statement, note }]));
    }
    let rebuilt = rebuild(&pack, terminal)?;
    let derived = derive(chain, &pack, &rebuilt, terminal)?;
    Ok((derived.problems, derived.held))
}

fn json(checked: &Checked, anchored: Option<Option<u64>>, stamps: &[StampOut], contents: &Contents, out: &mut dyn Write) -> io::Result<()> {
    let document = VerifyOut {
        schema: "keur/verify/1",
        holds: checked.problems.is_empty(),
        chain: &checked.chain,
        packs: &checked.packs,
        files: checked.files,
        bytes: checked.bytes,
        signed: &checked.signed,
        anchored,
        head: checked.head.as_ref().map(|(sequence, hash)| HeadOut { sequence: *sequence, manifest_sha256: hash }),
        stamped: stamps,
        problems: checked.problems.iter().map(|p| ProblemOut { file: &p.file, reason: &p.reason }).collect(),
        notes: checked.notes.iter().map(note).collect(),
        contents: contents.iter().flat_map(|(pack, held)| held.iter().map(|held| ContentsOut { pack: *pack, held })).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn print(
    checked: &Checked,
    alone: bool,
    anchored: Option<Option<u64>>,
    stamps: &[StampOut],
    contents: &Contents,
    width: u16,
    out: &mut dyn Write,
) -> io::Result<()> {
    let packs = match checked.packs.as_slice() {
        [] => "no pack".to_owned(),
        [one] => folder_of(*one),
        [first, .., last] => {
            let packs = counted(checked.packs.len(), "pack", "packs");
            format!("{} to {}, {packs}", folder_of(*first), folder_of(*last))
        }
    };
    writeln!(out, "{packs}; {}, {:.1} MB", counted(checked.files, "file", "files"), checked.bytes as f64 / 1e6)?;
    for problem in &checked.problems {
        writeln!(out, "  ✗ {}: {}", plain(&problem.file), plain(&problem.reason))?;
    }
    if checked.problems.is_empty() {
        let links = if alone { " The packs before it were not looked at." } else { " Every link leads to the pack before it." };
        let unfinished = checked.notes.iter().any(|note| matches!(note, Note::Unfinished(_)));
        let what = if unfinished { "Every byte of what is sealed" } else { "Every byte" };
        writeln!(out, "  ✓ {what} is what the manifests say.{links}")?;
    }
    if !checked.signed.is_empty() {
        writeln!(out, "  ✓ {} signed by a key that was given.", packs_of(&checked.signed))?;
    }
    for stamp in stamps {
        if let Some(by) = &stamp.by {
            writeln!(out, "  ✓ Pack {} has a time stamp of {}, signed by {}.", stamp.pack, stamp.time, plain(by))?;
        }
    }
    match (anchored, &checked.head) {
        (Some(Some(last)), Some((head, _))) if last >= *head => writeln!(out, "  ✓ The head is anchored.")?,
        (Some(Some(last)), Some(_)) => {
            writeln!(out, "  ! Anchored up to pack {last}: the packs after it could be left out or written anew unnoticed.")?;
        }
        (Some(_), _) => writeln!(out, "  ! No pack is anchored there.")?,
        (None, _) if !alone => {
            writeln!(out, "  ! The head is not anchored, or nobody said where (--anchor): the newest packs could be left out unnoticed.")?;
        }
        (None, _) => {}
    }
    const MOST: usize = 20;
    for note in checked.notes.iter().take(MOST) {
        writeln!(out, "  ! {}", plain(&self::note(note)))?;
    }
    if checked.notes.len() > MOST {
        writeln!(out, "  ! and {} more; --format json lists them all", checked.notes.len() - MOST)?;
    }
    if let Some((sequence, hash)) = &checked.head {
        writeln!(out, "chain {}\nhead  {} {hash}", plain(&checked.chain), folder_of(*sequence))?;
    }
    say_contents(checked, contents, width, out)
}

/// What holds everything that the packs say.
fn say_contents(checked: &Checked, contents: &Contents, width: u16, out: &mut dyn Write) -> io::Result<()> {
    if !checked.problems.is_empty() {
        return Ok(());
    }
    for (sequence, held) in contents {
        let stated = held.iter().filter(|held| held.how == How::Statement).count();
        writeln!(
            out,
            "\nwhat holds {}: derived from its answers and rules, compared, or only stated by whoever signed it ({stated})",
            folder_of(*sequence)
        )?;
        held::table(held, width, out)?;
    }
    let others = checked.packs.len().saturating_sub(contents.len());
    if others > 0 {
        let which = if others == 1 { "pack" } else { "packs" };
        writeln!(
            out,
            "\nof {others} other {which} only bytes, signatures and links were looked at: what they say is stated (--replay all)"
        )?;
    }
    Ok(())
}

/// Tells whoever takes the last complete pack of a chain that a later one was never sealed.
pub(super) fn say_unfinished(chain: &Verified, only: Option<u64>, terminal: &Terminal) {
    if let (None, Some(sequence)) = (only, chain.unfinished()) {
        terminal.say(&format!("warning: {}", lower(&unfinished(sequence))));
    }
}

/// What there is to say of a pack without a manifest.
fn unfinished(sequence: u64) -> String {
    format!("Pack {sequence} is not sealed: its run was killed, or is at work.")
}

fn packs_of(packs: &[u64]) -> String {
    match packs {
        [one] => format!("Pack {one} is"),
        [first, .., last] if last - first + 1 == packs.len() as u64 => format!("Packs {first} to {last} are"),
        many => format!("{} packs are", many.len()),
    }
}

fn note(note: &Note) -> String {
    match note {
        Note::Aborted(sequence, reason) => format!("Pack {sequence} was aborted: {reason}."),
        Note::Unfinished(sequence) => unfinished(*sequence),
        Note::Unsigned(packs) => format!("{} not signed: whoever can write to the folder can rewrite them.", packs_of(packs)),
        Note::UnknownKey(packs, key) => {
            format!("{} signed by {}, which nobody gave: give it with --public-key.", packs_of(packs), key.trim())
        }
        Note::Clock(sequence) => format!("Pack {sequence} began before the one before it was sealed: the clock was set back."),
        Note::Narrower(sequence, gone) => format!("Pack {sequence} looked at less than the one before it: without {}.", gone.join(", ")),
        Note::Stamped(sequence, time) => {
            format!(
                "Pack {sequence} has a time stamp of {time}; who gave it was not checked: name the certificate of the authority with \
                 --tsa-ca, or use openssl."
            )
        }
        Note::Rules(sequence, kinds) => format!("Pack {sequence} was judged by other rules than the one before it: {}.", kinds.join(", ")),
        Note::OtherKey(sequence) => format!("Pack {sequence} is signed by another key than the one before it."),
        Note::AsOf(sequence, as_of) => format!("Pack {sequence} measures ages against {as_of}, which is not when its run began."),
    }
}

/// Options of `keur evidence archive`.
#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// The pack, or the chain for its last complete pack
    #[arg(value_name = "PACK", value_hint = ValueHint::AnyPath)]
    pack: PathBuf,
    /// The file to write: `pack-000042.tar.zst`; `-` for standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,
    #[command(flatten)]
    signed: SignedByArgs,
}

/// `keur evidence archive`
pub(crate) fn archive(args: &ArchiveArgs, terminal: &Terminal) -> Outcome {
    let target = Target::from(args.output.clone());
    output::check(&[&target])?;
    output::check_no_terminal(&target)?;
    output::check_apart(&[&target], [args.pack.as_path()])?;
    let (chain, only) = Verified::open(&args.pack, &args.signed.keys()?)?;
    say_unfinished(&chain, only, terminal);
    let pack = chain.whole(only)?;
    say_who_signed(&pack, terminal);
    let mut bytes = Vec::new();
    evidence::write_archive(&pack, &mut bytes)?;
    output::to(&target, |out| out.write_all(&bytes))?;
    terminal.say(&format!("{}: {} kB, {}", args.output.display(), bytes.len().div_ceil(1000), evidence::sha256(&bytes)));
    Ok(0)
}

/// Options of `keur evidence history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The chain
    #[arg(value_name = "CHAIN", value_hint = ValueHint::DirPath)]
    chain: PathBuf,
    /// Only this control: `A.8.13`
    #[arg(long, value_name = "ID")]
    control: Option<String>,
    /// The state at the end of this day, 2026-01-31, or at a moment
    #[arg(long, value_name = "TIME", value_parser = end_of)]
    on: Option<Timestamp>,
    /// Where the facts come from, if not where those of the last pack do: live, plan, state…
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    #[command(flatten)]
    signed: SignedByArgs,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Form,
}

fn end_of(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let day = text.parse::<Date>().ok().and_then(|day| day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok());
    let end = day.and_then(|midnight| midnight.timestamp().checked_sub(SignedDuration::from_secs(1)).ok());
    end.ok_or_else(|| "write a day, 2026-01-31, or a moment, 2026-01-31T12:00:00Z".to_owned())
}

#[derive(Serialize)]
struct HistoryOut<'a> {
    schema: &'static str,
    chain: &'a str,
    source: &'a str,
    packs: u64,
    signed: &'a SignedOut,
    aborted: Vec<u64>,
    unfinished: Option<u64>,
    of_other_sources: u64,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    cadence_seconds: Option<i64>,
    largest_gap: Option<GapOut>,
    late: Vec<GapOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<OnOut<'a>>,
    controls: Vec<ControlOut<'a>>,
    findings: Vec<FindingOut<'a>>,
}

#[derive(Serialize)]
struct OnOut<'a> {
    moment: Timestamp,
    pack: u64,
    manifest_sha256: &'a str,
    current: bool,
}

#[derive(Serialize)]
struct GapOut {
    from: Timestamp,
    to: Timestamp,
    hours: f64,
}

#[derive(Serialize)]
struct ControlOut<'a> {
    id: &'a str,
    verdict: &'a str,
    since: Timestamp,
    changes: Vec<ChangeOut<'a>>,
}

#[derive(Serialize)]
struct ChangeOut<'a> {
    at: Timestamp,
    pack: u64,
    verdict: &'a str,
}

#[derive(Serialize)]
struct FindingOut<'a> {
    policy: &'a str,
    controls: &'a [String],
    verdict: &'a str,
    severity: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    resource: &'a str,
    account: &'a str,
    region: &'a str,
    opened: Timestamp,
    last_seen: Timestamp,
    closed: Option<Timestamp>,
    days_open: f64,
    fingerprint: &'a str,
}

/// `keur evidence history`
pub(crate) fn history(args: &HistoryArgs, terminal: &Terminal) -> Outcome {
    let (chain, _) = Verified::open(&args.chain, &args.signed.keys()?)?;
    let signed = signed_of(&chain);
    let history = evidence::history(&chain, None, args.source.as_deref())?;
    let Some((first, last)) = history.period() else {
        let besides = history.unfinished.map(|sequence| format!("; {}", lower(&unfinished(sequence)))).unwrap_or_default();
        let problem = format!("{}: no pack of a run over `{}` is complete{besides}", args.chain.display(), history.source);
        return Err(Failure::usage(problem).hint("`--source` names another source"));
    };
    if let Some(control) = &args.control
        && !history.complete().any(|(_, result)| result.controls.contains_key(control))
    {
        return Err(Failure::usage(format!("no pack knows a control `{control}`")).hint("`keur controls` lists them"));
    }
    if let Some(on) = args.on.filter(|on| *on < first) {
        return Err(Failure::usage(format!("nothing is known of {on}: the first pack speaks of {first}")));
    }
    match args.format {
        Form::Json => {
            let document = document(&history, &signed, args, last);
            output::shown(Kind::Json, |out| {
                serde_json::to_writer_pretty(&mut *out, &document)?;
                out.write_all(b"\n")
            })?;
        }
        Form::Table => output::folded(terminal, |out| table(&history, &signed, args, (first, last), terminal, out))?,
    }
    Ok(0)
}

/// How many packs of a chain are signed by a key that was given, by one that was not, and by nobody.
#[derive(Debug, Default, Serialize)]
struct SignedOut {
    by_given_keys: u64,
    by_other_keys: u64,
    by_nobody: u64,
}

fn signed_of(chain: &Verified) -> SignedOut {
    let mut found = SignedOut::default();
    for pack in chain.packs() {
        match pack.signed() {
            Signed::Given => found.by_given_keys += 1,
            Signed::Unknown(_) => found.by_other_keys += 1,
            Signed::Nobody => found.by_nobody += 1,
        }
    }
    found
}

/// The verdicts of a control over time: each change once.
fn changes<'h>(history: &'h History, control: &str, until: Option<Timestamp>) -> Vec<ChangeOut<'h>> {
    let mut found: Vec<ChangeOut<'h>> = Vec::new();
    for (day, result) in history.complete().filter(|(day, _)| until.is_none_or(|until| day.at <= until)) {
        let verdict = result.controls.get(control).map_or("not in the framework", String::as_str);
        if found.last().is_none_or(|last| last.verdict != verdict) {
            found.push(ChangeOut { at: day.at, pack: day.sequence, verdict });
        }
    }
    found
}

fn controls<'h>(history: &'h History, args: &HistoryArgs) -> Vec<ControlOut<'h>> {
    let last = match args.on {
        Some(on) => history.at(on).map(|(_, result, _)| result),
        None => history.complete().next_back().map(|(_, result)| result),
    };
    let Some(last) = last else { return Vec::new() };
    let wanted = last.controls.iter().filter(|(id, _)| args.control.as_ref().is_none_or(|wanted| wanted == *id));
    let mut all: Vec<ControlOut<'h>> = wanted
        .map(|(id, verdict)| {
            let changes = changes(history, id, args.on);
            ControlOut { id, verdict, since: changes.last().map(|c| c.at).unwrap_or_default(), changes }
        })
        .collect();
    all.sort_by_key(|control| natural(control.id));
    all
}

/// A.8.9 before A.8.13.
fn natural(id: &str) -> Vec<(u64, String)> {
    id.split('.').map(|part| (part.parse().unwrap_or_default(), part.to_owned())).collect()
}

fn hours(duration: SignedDuration) -> f64 {
    (duration.as_secs_f64() / 360.0).round() / 10.0
}

fn days(duration: SignedDuration) -> f64 {
    (duration.as_secs_f64() / 8640.0).round() / 10.0
}

fn findings<'h>(history: &'h History, args: &HistoryArgs, last: Timestamp) -> Vec<FindingOut<'h>> {
    let until = args.on.unwrap_or(last);
    let of_control = |controls: &[String]| args.control.as_ref().is_none_or(|wanted| controls.contains(wanted));
    let spans = history.spans.iter().filter(|span| of_control(&span.finding.controls) && span.opened <= until);
    spans
        .map(|span| {
            let closed = span.closed.filter(|closed| *closed <= until);
            let f = &span.finding;
            FindingOut {
                policy: &f.policy,
                controls: &f.controls,
                verdict: &f.verdict,
                severity: &f.severity,
                kind: &f.kind,
                resource: &f.resource,
                account: &f.account,
                region: &f.region,
                opened: span.opened,
                last_seen: span.last.min(until),
                closed,
                days_open: days(closed.unwrap_or(until).duration_since(span.opened)),
                fingerprint: &f.fingerprint,
            }
        })
        .collect()
}

fn gap((from, to): (Timestamp, Timestamp)) -> GapOut {
    GapOut { from, to, hours: hours(to.duration_since(from)) }
}

fn document<'h>(history: &'h History, signed: &'h SignedOut, args: &HistoryArgs, last: Timestamp) -> HistoryOut<'h> {
    let (from, to) = history.period().unzip();
    HistoryOut {
        schema: "keur/history/1",
        chain: &history.chain,
        source: &history.source,
        packs: history.complete().count() as u64,
        signed,
        aborted: history.days.iter().filter(|day| day.result.is_none()).map(|day| day.sequence).collect(),
        unfinished: history.unfinished,
        of_other_sources: history.others,
        from,
        to,
        cadence_seconds: history.cadence.map(|cadence| cadence.as_secs()),
        largest_gap: history.largest_gap().map(gap),
        late: history.late().into_iter().map(gap).collect(),
        on: args.on.and_then(|on| {
            let (day, _, current) = history.at(on)?;
            Some(OnOut { moment: on, pack: day.sequence, manifest_sha256: &day.manifest_sha256, current })
        }),
        controls: controls(history, args),
        findings: findings(history, args, last),
    }
}

fn table(
    history: &History,
    signed: &SignedOut,
    args: &HistoryArgs,
    (first, last): (Timestamp, Timestamp),
    terminal: &Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    let width = terminal.style.width;
    let count = history.complete().count();
    let aborted = history.days.iter().filter(|day| day.result.is_none()).count();
    let packs = counted(count, "pack", "packs");
    writeln!(out, "{packs} over `{}`, from {} to {}", plain(&history.source), minute(first), minute(last))?;
    if aborted > 0 {
        writeln!(out, "{}", counted(aborted, "aborted run", "aborted runs"))?;
    }
    if let Some(sequence) = history.unfinished {
        writeln!(out, "  ! {}", unfinished(sequence))?;
    }
    match signed {
        SignedOut { by_other_keys: 0, by_nobody: 0, .. } => writeln!(out, "every pack is signed by a key that was given")?,
        SignedOut { by_other_keys, by_nobody: 0, .. } => {
            let packs = counted(*by_other_keys, "pack", "packs");
            writeln!(out, "  ! not verified: nobody gave the key that signed {packs} (--public-key)")?;
        }
        SignedOut { by_nobody, .. } => {
            let packs = counted(*by_nobody, "pack", "packs");
            writeln!(out, "  ! not verified: nobody signed {packs}: whoever can write there can rewrite what is there")?;
        }
    }
    writeln!(out, "as the packs say: whether their verdicts follow from their answers, `keur evidence verify --replay all` tells")?;
    if history.others > 0 {
        writeln!(out, "left out: {} of other sources", counted(history.others, "pack", "packs"))?;
    }
    match history.cadence {
        Some(cadence) => writeln!(out, "a run is expected every {}", span(cadence))?,
        None => writeln!(out, "nobody says how often a run is expected (--cadence)")?,
    }
    if let Some((from, to)) = history.largest_gap() {
        writeln!(out, "largest gap: {} ({} to {})", span(to.duration_since(from)), minute(from), minute(to))?;
    }
    let late = history.late();
    for (from, to) in late.iter().take(10) {
        writeln!(out, "  ! nobody looked for {} ({} to {})", span(to.duration_since(*from)), minute(*from), minute(*to))?;
    }
    if late.len() > 10 {
        writeln!(out, "  ! and {} more; --format json lists them", late.len() - 10)?;
    }
    if let Some(on) = args.on
        && let Some((day, result, current)) = history.at(on)
    {
        say_day(on, day, result, current, out)?;
    }
    writeln!(out)?;
    let rows = controls(history, args)
        .into_iter()
        .map(|c| {
            let before = c.changes.iter().rev().skip(1).take(3).map(|c| format!("{} {}", day(c.at), c.verdict)).collect::<Vec<_>>();
            vec![plain(c.id), plain(c.verdict), day(c.since), plain(&before.join("; "))]
        })
        .collect();
    lines(out, grid(width, &["control", "verdict", "since", "before"], rows, &[]))?;
    let findings = findings(history, args, last);
    let (open, closed): (Vec<_>, Vec<_>) = findings.iter().partition(|f| f.closed.is_none());
    const MOST: usize = 40;
    for (title, list) in [("open", open), ("closed", closed)] {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "\n{title}: {}", list.len())?;
        for f in list.iter().take(MOST) {
            let unseen = || format!("every {} in {} {}", f.kind, f.account, f.region);
            let resource = if f.resource.is_empty() { unseen() } else { f.resource.to_owned() };
            let until = f.closed.map_or_else(|| "open".to_owned(), day);
            writeln!(out, "  {:<9}  {}", plain(f.verdict), plain(f.policy))?;
            writeln!(out, "             {}", plain(&resource))?;
            writeln!(out, "             {} – {until}, {:.1} days", day(f.opened), f.days_open)?;
        }
        if list.len() > MOST {
            writeln!(out, "and {} more; --format json lists them all", list.len() - MOST)?;
        }
    }
    Ok(())
}

/// A sentence as a part of another.
fn lower(sentence: &str) -> String {
    sentence.replacen('P', "p", 1).trim_end_matches('.').to_owned()
}

fn lines(out: &mut dyn Write, lines: Vec<String>) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn say_day(on: Timestamp, day: &Day, result: &PackResult, current: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "at {}: pack {} speaks, of {} ({})", minute(on), day.sequence, minute(result.as_of), day.manifest_sha256)?;
    if !current {
        writeln!(out, "  ! it was older than a run is expected: what was so at that moment, nobody looked at")?;
    }
    Ok(())
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn span(duration: SignedDuration) -> String {
    let hours = hours(duration);
    let (count, unit) = if hours < 48.0 { (hours, "hour") } else { (days(duration), "day") };
    format!("{count} {unit}{}", if count.to_string() == "1" { "" } else { "s" })
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use super::*;
    use crate::evidence::authority::tests::stamped;

    #[test]
    fn it_is_said_whose_time_stamps_are_and_whether_anybody_looked() {
        let manifest = b"{}";
        let (reply, trusted, others) = stamped(manifest);
        let stamp = evidence::timestamp::check("manifest.json", manifest, &reply, None).unwrap();
        let checked = || Checked { packs: vec![7], stamps: vec![(7, stamp.clone(), reply.clone())], ..Checked::default() };
        let printed = |checked: &Checked, stamps: &[StampOut]| {
            let mut out = Vec::new();
            print(checked, true, None, stamps, &Vec::new(), 200, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let mut nobody = checked();
        let stamps = vouched(None, &mut nobody);
        let text = printed(&nobody, &stamps);
        assert!(
            text.contains("Pack 7 has a time stamp of 2026-08-31T06:12:44Z; who gave it was not checked") && nobody.problems.is_empty(),
            "{text}"
        );
        let mut known = checked();
        let stamps = vouched(Some(&trusted), &mut known);
        let text = printed(&known, &stamps);
        assert!(text.contains("signed by Stamps") && !text.contains("not checked") && known.problems.is_empty(), "{text}");
        let mut wrong = checked();
        let stamps = vouched(Some(&others), &mut wrong);
        let text = printed(&wrong, &stamps);
        assert!(text.contains("✗ pack-000007/manifest.json.tsr: the certificates given do not vouch for it"), "{text}");
        assert!(!text.contains("has a time stamp") && wrong.problems.len() == 1, "{text}");
        // Whoever names authorities expects time stamps of them.
        let mut none = Checked { stamps: Vec::new(), ..checked() };
        vouched(Some(&trusted), &mut none);
        assert!(none.problems[0].reason.contains("no pack has a time stamp"), "{:?}", none.problems);
    }
}
