//! Where data goes: nothing that is no regular file is replaced, nothing is half-written, and verdicts are given whatever becomes of the
//! files and of the evidence.

#![cfg(all(feature = "all-services", unix))]

mod support;

use std::fs::{self, File};
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use support::{Keur, estate, place};

const CHECK: [&str; 5] = ["check", "--policies", "policies", "--estate", "estate.json"];

/// A command of the system, which must be there.
fn system(program: &str, arguments: &[&str], folder: &Path) -> bool {
    Command::new(program).args(arguments).current_dir(folder).status().expect("a program of the system").success()
}

/// Runs keur from a shell, with what only a shell can give it.
fn shell(keur: &Keur, script: &str) -> Output {
    let mut command = keur.command([""; 0]);
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_keur")]).current_dir(keur.home()).stdin(Stdio::null());
    shell.env_clear().envs(command.env("LC_ALL", "C").get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.output().expect("a shell")
}

/// The JSON of a report.
fn report(bytes: &[u8]) -> Json {
    let json: Json = serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)));
    assert_eq!(json["schema"], "keur/report/1");
    json
}

/// Nothing is left of files that were being written.
fn nothing_is_left_in(folder: &Path) {
    let hidden = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".keur");
    let left: Vec<_> = fs::read_dir(folder).expect("a folder").filter_map(Result::ok).filter(hidden).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn check(format: &str) -> Vec<&str> {
    [&CHECK[..], &["--format", format]].concat()
}

#[test]
fn a_fifo_is_written_into_and_stays_one() {
    let keur = place();
    assert!(system("mkfifo", &["pipe"], keur.home()));
    let pipe = keur.home().join("pipe");
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).expect("what comes through")
    });
    keur.run(check("json=pipe")).exits(1).gives_nothing();
    report(&reader.join().expect("a reader"));
    assert!(fs::symlink_metadata(&pipe).expect("the pipe").file_type().is_fifo());
    // A reader who leaves is no error; the estate is made large enough to fill the pipe.
    let many: String = estate().replace("\"name\":\"vol-2\"", &format!("\"name\":\"{}\"", "x".repeat(1 << 20)));
    keur.write("estate.json", many);
    let leaves = std::thread::spawn(move || File::open(pipe).expect("the pipe").read_exact(&mut [0; 10]).expect("a little"));
    let ran = keur.run(check("json=pipe")).exits(1);
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    leaves.join().expect("a reader");
    nothing_is_left_in(keur.home());
}

/// Making devices is for root; a run without that right has nothing to lose there.
#[test]
fn a_device_is_written_into_and_stays_one() {
    let keur = place();
    if !system("mknod", &["null", "c", "1", "3"], keur.home()) || File::options().write(true).open(keur.home().join("null")).is_err() {
        return;
    }
    symlink("null", keur.home().join("link")).expect("a link");
    for format in ["json=null", "json=link", "csv=./null"] {
        keur.run(check(format)).exits(1).gives_nothing();
        assert!(fs::symlink_metadata(keur.home().join("null")).expect("the device").file_type().is_char_device(), "{format}");
        assert!(fs::symlink_metadata(keur.home().join("link")).expect("the link").is_symlink(), "{format}");
    }
    keur.run([&check("json=null")[..], &["--format", "csv=link"]].concat()).exits(2).says(&["are one place"]).gives_nothing();
    assert!(system("mknod", &["full", "c", "1", "7"], keur.home()));
    let ran = keur.run([&check("json=full")[..], &["--format", "table"]].concat()).exits(1).says(&["full: ", "No space left"]);
    assert!(ran.text().contains("vol-2 is not encrypted"), "{}", ran.text());
}

#[test]
fn what_a_shell_opened_is_written_into() {
    let keur = place();
    let check = CHECK.join(" ");
    // Standard output under its other names, in a file and behind something that is there already.
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "out"] {
        symlink("/dev/stdout", keur.home().join("out")).or_else(|_| fs::metadata(keur.home()).map(drop)).expect("a link");
        let ran = shell(&keur, &format!("echo before >whole; \"$0\" {check} --format json={name} >>whole"));
        assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stderr));
        let whole = fs::read(keur.home().join("whole")).expect("a file");
        report(whole.strip_prefix(b"before\n").unwrap_or_else(|| panic!("{name}: {}", String::from_utf8_lossy(&whole))));
        assert!(fs::symlink_metadata(keur.home().join("out")).expect("the link").is_symlink());
    }
    // Another file, and a pipe: what `>(…)` gives.
    shell(&keur, &format!("\"$0\" {check} --format json=/dev/fd/3 3>third"));
    report(&fs::read(keur.home().join("third")).expect("a file"));
    let ran = shell(&keur, &format!("{{ \"$0\" {check} --format json=/dev/fd/3 --format csv=rows.csv 3>&1 >/dev/null; }} | cat"));
    report(&ran.stdout);
    let ran = shell(&keur, &format!("\"$0\" {check} --format json=/dev/fd/77"));
    assert_eq!(ran.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("/dev/fd/77"));
}

#[test]
fn links_are_followed_and_files_keep_their_mode() {
    let keur = place();
    let at = |name: &str| keur.home().join(name);
    fs::create_dir(at("real")).expect("a folder");
    symlink("real/report.json", at("second")).expect("a link");
    symlink("second", at("first")).expect("a link");
    // What a link leads to need not be there yet.
    keur.run(check("json=first")).exits(1);
    report(&fs::read(at("real/report.json")).expect("the report"));
    fs::write(at("real/report.json"), "old").expect("written");
    fs::set_permissions(at("real/report.json"), fs::Permissions::from_mode(0o640)).expect("the mode");
    let before = fs::metadata(at("real/report.json")).expect("the file");
    keur.run(check("json=first")).exits(1);
    for link in ["first", "second"] {
        assert!(fs::symlink_metadata(at(link)).expect("a link").is_symlink(), "{link}");
    }
    let after = fs::metadata(at("real/report.json")).expect("the file");
    report(&fs::read(at("real/report.json")).expect("the report"));
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    nothing_is_left_in(&at("real"));
    // Links that lead nowhere, or round and round.
    symlink("gone/report.json", at("nowhere")).expect("a link");
    symlink("round", at("round")).expect("a link");
    keur.run(check("json=nowhere")).exits(2).says(&["nowhere: cannot be written", "gone"]).gives_nothing();
    keur.run(check("json=round")).exits(2).says(&["its links lead nowhere"]).gives_nothing();
    // New files are as private as the user wants new files to be.
    let check = CHECK.join(" ");
    shell(&keur, &format!("umask 077; \"$0\" {check} --format json=private.json"));
    assert_eq!(fs::metadata(at("private.json")).expect("the report").mode() & 0o777, 0o600);
}

#[test]
fn two_outputs_to_one_place_are_refused() {
    let keur = place();
    symlink("a.json", keur.home().join("link")).expect("a link");
    let both = |one: &str, two: &str, says: &[&str]| {
        keur.run([&CHECK[..], &["--format", one, "--format", two]].concat()).exits(2).says(says).gives_nothing();
        assert!(!keur.home().join("a.json").exists(), "{one} {two}");
    };
    both("json=a.json", "csv=a.json", &["a.json and a.json are one place", "hint:"]);
    both("json=a.json", "csv=./policies/../a.json", &["are one place"]);
    both("json=link", "csv=a.json", &["are one place"]);
    both("json=-", "table", &["only one format can go to standard output"]);
    both("json=/dev/stdout", "table=-", &["only one format can go to standard output"]);
    let ran = shell(&keur, &format!("\"$0\" {} --format table --format json=a.json >a.json", CHECK.join(" ")));
    assert_eq!(ran.status.code(), Some(2), "standard output is that very file");
    fs::remove_file(keur.home().join("a.json")).expect("what the shell made");
    fs::write(keur.home().join("b.json"), "b").expect("written");
    fs::hard_link(keur.home().join("b.json"), keur.home().join("c.json")).expect("a second name");
    both("json=b.json", "csv=c.json", &["are one place"]);
    // Nor is anything written over that is read.
    for read in ["estate.json", "./policies/volume-encrypted.yaml"] {
        keur.run(check(&format!("json={read}"))).exits(2).says(&["would replace what is read"]).gives_nothing();
    }
    keur.write("keur.yaml", "policies: [policies]\nexceptions: accepted.yaml\n");
    keur.write("accepted.yaml", "[]\n");
    for read in ["keur.yaml", "accepted.yaml"] {
        let ran = keur.run(["check", "--estate", "estate.json", "--format", &format!("json={read}")]);
        ran.exits(2).says(&["would replace what is read"]).gives_nothing();
    }
    keur.write("chain/.keep", "");
    fs::remove_file(keur.home().join("chain/.keep")).expect("an empty folder");
    let inside = [&check("json=chain/report.json")[..], &["--evidence", "chain"]].concat();
    keur.run(inside).exits(2).says(&["is in the folder of the evidence"]).gives_nothing();
    keur.run([&CHECK[..], &["--evidence", "-"]].concat()).exits(2).says(&["cannot be standard output"]).gives_nothing();
}

#[test]
fn a_dash_is_standard_output() {
    let keur = place();
    let ran = keur.run(["policy", "new", "-"]).exits(0);
    keur.write("new/my-policy.yaml", &ran.stdout);
    keur.run(["policy", "test", "new"]).exits(0);
    let config = keur.run(["init", "-"]).exits(0).stdout;
    keur.run(["init", "there"]).exits(0);
    assert_eq!(config, fs::read(keur.home().join("there/keur.yaml")).expect("the configuration"));
    keur.run(["init", "-", "--policies"]).exits(2).says(&["cannot be standard output"]).gives_nothing();
    keur.run(["evidence", "key", "--new", "-", "--no-password"]).exits(2).says(&["three files"]).gives_nothing();
    keur.run(["evidence", "key", "--new", "my.key", "--no-password"]).exits(0);
    let pem = keur.run(["evidence", "key", "--show", "my.key", "-o", "-"]).exits(0);
    assert_eq!(pem.stdout, fs::read(keur.home().join("my.pem")).expect("the public half"));
    keur.run([&CHECK[..], &["--evidence", "chain"]].concat()).exits(1);
    let archive = keur.run(["evidence", "archive", "chain", "-o", "-"]).exits(0).stdout;
    keur.write("pack.tar.zst", &archive);
    keur.run(["evidence", "verify", "pack.tar.zst"]).exits(0);
    let head = keur.run(["evidence", "anchor", "chain", "--to", "-"]).exits(0).text();
    assert_eq!(head.lines().count(), 1, "{head}");
    for name in ["-", "-.pub", "-.pem"] {
        assert!(!keur.home().join(name).exists(), "{name}");
    }
}

#[test]
fn verdicts_are_given_whatever_cannot_be_written() {
    let keur = place();
    // No file may grow beyond what the shell lets it: a full disk for anybody, root or not.
    let code = |arguments: &str| {
        let script = format!("trap '' XFSZ; ulimit -f 200; \"$0\" {arguments} >table 2>said; echo $?");
        let ran = shell(&keur, &script);
        let text = |name: &str| fs::read_to_string(keur.home().join(name)).expect("a file");
        (String::from_utf8_lossy(&ran.stdout).trim().to_owned(), text("table"), text("said"))
    };
    // The HTML report is larger than what the disk has room for; the other two are not.
    let (exit, table, said) = code(&format!("{} --format html=report.html --format json=report.json --format table", CHECK.join(" ")));
    assert_eq!(exit, "1", "a deviation goes before what could not be written\n{said}");
    assert!(table.contains("vol-2 is not encrypted") && said.contains("error: report.html: "), "{table}\n{said}");
    report(&fs::read(keur.home().join("report.json")).expect("the report"));
    assert!(!keur.home().join("report.html").exists());
    let (exit, table, said) = code(&format!("{} --fail-on critical --format html=report.html --format table", CHECK.join(" ")));
    assert_eq!(exit, "6", "nothing severe, and an output is missing\n{said}");
    assert!(table.contains("vol-2 is not encrypted"), "{table}");
    // What was there before is still there, whole.
    fs::write(keur.home().join("report.html"), "yesterday's").expect("written");
    code(&format!("{} --format html=report.html", CHECK.join(" ")));
    assert_eq!(fs::read(keur.home().join("report.html")).expect("the report"), b"yesterday's");
    nothing_is_left_in(keur.home());
    // The same for evidence: the pack stays in the chain as one that came to nothing, and the next run goes on.
    let (exit, table, said) = code(&format!("{} --evidence chain", CHECK.join(" ")));
    assert_eq!(exit, "1", "{said}");
    assert!(table.contains("vol-2 is not encrypted") && said.contains("error: the evidence was not kept: "), "{table}\n{said}");
    keur.run([&CHECK[..], &["--evidence", "chain"]].concat()).exits(1).says(&["chain/pack-000002"]);
    let ran = keur.run(["evidence", "verify", "chain"]).exits(0);
    assert!(ran.text().contains("Pack 1 was aborted: its evidence could not be written"), "{}", ran.text());
}

#[test]
fn a_run_whose_evidence_cannot_be_kept_is_a_run() {
    let keur = place();
    keur.write("a-file", "no folder");
    keur.write("foreign/readme", "not of a chain");
    keur.run(["evidence", "key", "--new", "locked.key", "--password-file", "estate.json"]).exits(2);
    keur.write("password", "right\n");
    keur.write("other", "wrong\n");
    keur.run(["evidence", "key", "--new", "locked.key", "--password-file", "password"]).exits(0);
    for (options, why) in [
        (&["--evidence", "chain", "--sign", "gone.key"][..], "gone.key"),
        (&["--evidence", "chain", "--sign", "locked.key"], "has a password, and none was given"),
        (&["--evidence", "chain", "--sign", "locked.key", "--password-file", "other"], "locked.key"),
        (&["--evidence", "a-file"], "a-file"),
        (&["--evidence", "a-file/chain"], "a-file"),
        (&["--evidence", "foreign"], "`readme` is in it"),
    ] {
        // Somebody who waits is told at once, and again at the end, where it is not overlooked.
        let said = ["warning: there will be no evidence of this run", "error: the evidence was not kept", why, "hint:"];
        let ran = keur.run([&CHECK[..], options].concat()).exits(1).says(&said);
        assert!(ran.text().contains("vol-2 is not encrypted"), "{options:?}\n{}", ran.text());
        let ran = keur.run([&CHECK[..], options, &["--fail-on", "critical", "--format", "json"]].concat()).exits(6);
        assert_eq!(ran.report().at("/summary/deviation"), 1);
        assert!(!keur.home().join("chain").exists(), "{options:?}: nothing unsigned is kept in its stead");
    }
}

fn signal(child: &Child, name: &str) {
    assert!(system("kill", &[&format!("-{name}"), &child.id().to_string()], Path::new("/")));
}

fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_there() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_run_that_is_stopped_seals_what_it_began() {
    // Somebody who takes requests and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", silent.local_addr().expect("an address"));
    for (name, code, says) in [("TERM", 143, "stopped by SIGTERM"), ("INT", 130, "stopped by Ctrl-C")] {
        let keur = Keur::at(&address);
        let mut command = keur.command(["check", "--evidence", "chain", "--format", "json=report.json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("keur starts");
        wait_for("no record of the start", || keur.home().join("chain/pack-000001/started.json").is_file());
        // The request is on its way.
        let _taken = silent.accept().expect("a request");
        signal(&child, name);
        let ran = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{said}");
        assert!(said.contains(says) && ran.stdout.is_empty(), "{said}");
        assert!(!keur.home().join("report.json").exists());
        let verified = keur.run(["evidence", "verify", "chain"]).exits(0).text();
        assert!(verified.contains(&format!("Pack 1 was aborted: {says}")), "{verified}");
    }
}

#[test]
fn a_program_that_is_stopped_while_it_writes_leaves_nothing_half_written() {
    let keur = place();
    assert!(system("mkfifo", &["pipe"], keur.home()));
    fs::write(keur.home().join("report.json"), "yesterday's").expect("written");
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        // Nobody reads the pipe: the run waits there, with everything judged and the first output written.
        let rows = keur.home().join("rows.csv");
        let mut command = keur.command([&check("csv=rows.csv")[..], &["--format", "json=pipe", "--format", "html=report.json"]].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("keur starts");
        wait_for("it writes nothing", || rows.is_file());
        std::thread::sleep(Duration::from_millis(200));
        assert!(child.try_wait().expect("its state").is_none(), "it waits for a reader");
        signal(&child, name);
        let ran = child.wait_with_output().expect("it ends");
        assert_eq!(ran.status.code(), Some(code), "{}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(fs::read(keur.home().join("report.json")).expect("the report"), b"yesterday's");
        nothing_is_left_in(keur.home());
        fs::remove_file(rows).expect("the first output");
    }
}
