//! What anybody may have written: files, and text that is to be shown.
//!
//! Of files only what is a regular file is opened, and nothing is read or unpacked beyond a size that is named. A pipe would be
//! waited for without end, a device read without end. Text may hold secrets, and characters that move the cursor or turn the
//! reading around: neither is to reach a terminal or a record.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{self, Error, ErrorKind, Read, Seek as _};
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// Frames that need more memory than 2^27 bytes to be unpacked are refused: what keur writes needs 2^23 at most.
const WINDOW_LOG: u32 = 27;

/// Opens a file, which may be behind a link.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    checked(path, &path.metadata()?)
}

/// Opens a file that must not be behind a link.
pub(crate) fn open_itself(path: &Path) -> io::Result<File> {
    checked(path, &path.symlink_metadata()?)
}

/// What is not a file is told before it is opened: opening a pipe waits for whoever writes to it.
fn checked(path: &Path, meta: &Metadata) -> io::Result<File> {
    let refused = |meta: &Metadata| {
        let what = if meta.is_dir() { "it is a folder, not a file" } else { "it is a link, a pipe or a device, not a file" };
        Error::new(ErrorKind::InvalidInput, what)
    };
    if !meta.is_file() {
        return Err(refused(meta));
    }
    let file = File::open(path)?;
    match file.metadata()? {
        meta if meta.is_file() => Ok(file),
        meta => Err(refused(&meta)),
    }
}

/// Reads a file, which may be behind a link, of at most so many bytes.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    to_end(open(path)?, most)
}

/// Reads a file that must not be behind a link, of at most so many bytes.
pub(crate) fn read_itself(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    to_end(open_itself(path)?, most)
}

/// Reads what the user named, of at most so many bytes: that may be a pipe, as shells make them.
pub(crate) fn stream(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    to_end(File::open(path)?, most)
}

/// Reads text that the user named.
pub(crate) fn text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(stream(path, most)?).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not text (UTF-8)"))
}

/// Everything that a source has, which must be at most so many bytes.
pub(crate) fn to_end(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large(most));
    }
    Ok(bytes)
}

fn too_large(most: u64) -> Error {
    Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes"))
}

/// What a compressed text holds: one frame, and nothing beside it.
pub(crate) fn unpack(bytes: &[u8], most: u64) -> io::Result<Vec<u8>> {
    one_frame(bytes)?;
    to_end(decoder(bytes)?, most)
}

/// Unpacks a file as it is read: one frame, and nothing beside it.
pub(crate) fn unpacking(mut file: File) -> io::Result<impl Read> {
    one_frame(io::BufReader::new(&file))?;
    file.rewind()?;
    decoder(io::BufReader::new(file))
}

/// Unpacks the first frame of a source, within bounded memory.
pub(crate) fn decoder<R: io::BufRead>(source: R) -> io::Result<impl Read> {
    let mut decoder = zstd::Decoder::with_buffer(source)?.single_frame();
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder)
}

/// Refuses what is not exactly one frame of zstd. Decoders pass over frames that they are to skip, and join those that
/// follow one another: either would be a place for what nobody sees.
fn one_frame(mut source: impl Read) -> io::Result<()> {
    let wrong = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let cut = |error: Error| if error.kind() == ErrorKind::UnexpectedEof { wrong("it is cut off, or it is not zstd") } else { error };
    let mut head = [0; 5];
    source.read_exact(&mut head).map_err(cut)?;
    let [magic @ .., flags] = head;
    if magic != [0x28, 0xb5, 0x2f, 0xfd] {
        return Err(wrong("it is not zstd"));
    }
    if flags & 0b0001_1011 != 0 {
        return Err(wrong("its frame names a dictionary, or has flags that nobody uses"));
    }
    let alone = flags & 0b0010_0000 != 0;
    let size = match flags >> 6 {
        0 => u64::from(alone),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    skip(&mut source, size + u64::from(!alone)).map_err(cut)?;
    loop {
        let mut block = [0; 3];
        source.read_exact(&mut block).map_err(cut)?;
        let block = u32::from_le_bytes([block[0], block[1], block[2], 0]);
        let (last, kind, size) = (block & 1 == 1, (block >> 1) & 0b11, block >> 3);
        if size == 0 && !last {
            return Err(wrong("a block of it holds nothing"));
        }
        match kind {
            1 => skip(&mut source, 1),
            0 | 2 => skip(&mut source, u64::from(size)),
            _ => Err(wrong("a block of it is of no kind")),
        }
        .map_err(cut)?;
        if last {
            break;
        }
    }
    if flags & 0b0000_0100 != 0 {
        skip(&mut source, 4).map_err(cut)?;
    }
    match source.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(wrong("something stands behind its end")),
    }
}

fn skip(source: &mut impl Read, count: u64) -> io::Result<()> {
    match io::copy(&mut source.take(count), &mut io::sink())? {
        passed if passed == count => Ok(()),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// What is wrong with JSON, without anything of what stands in it: states and plans hold secrets. Names of members are no secrets.
pub(crate) fn json_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The parser's own words for what is broken or cut off repeat nothing.
    if !error.is_data() {
        return text;
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    let place = if error.line() == 0 { "" } else { place.as_str() };
    let expected = |text: &str| text.rfind(", expected ").map_or_else(String::new, |at| text[at..].to_owned());
    let name = |rest: &str| rest.split('`').next().filter(|name| is_name(name)).map(str::to_owned);
    if let Some(rest) = text.strip_prefix("invalid type: ") {
        const KINDS: &[&str] = &["string", "integer", "floating point", "boolean", "null", "map", "sequence"];
        let kind = KINDS.iter().find(|kind| rest.starts_with(*kind)).unwrap_or(&"something else");
        return format!("invalid type: {kind}{}{place}", expected(rest));
    }
    for start in ["unknown field `", "missing field `", "duplicate field `"] {
        if let Some(name) = text.strip_prefix(start).and_then(name) {
            return format!("{start}{name}`{place}");
        }
    }
    match text {
        text if text.starts_with("unknown variant ") || text.starts_with("invalid value: ") => {
            format!("unknown value{}{place}", expected(text))
        }
        _ => format!("a value is not what belongs there{place}"),
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
}

/// A text without the user and the password that addresses in it may carry.
pub(crate) fn without_user(text: &str) -> Cow<'_, str> {
    static USER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?\#"'<>`]*@"#).expect("internal error: a pattern of this file"));
    USER.replace_all(text, "$1***@")
}

/// Whether a character moves the cursor, begins what a terminal obeys, turns the direction of reading around or is not seen.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Text on one line, with a mark in the place of what is hidden.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn packed(bytes: &[u8], level: i32, checksum: bool) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), level).unwrap();
        encoder.include_checksum(checksum).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn why(bytes: &[u8]) -> String {
        unpack(bytes, 1 << 20).unwrap_err().to_string()
    }

    #[test]
    fn one_frame_is_unpacked_whatever_made_it() {
        let noise: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for content in [&b""[..], b"a", &[7; 500_000], &noise] {
            for level in [1, 3, 6, 19] {
                for checksum in [false, true] {
                    assert_eq!(unpack(&packed(content, level, checksum), 1 << 20).unwrap(), content);
                }
            }
            // With its size in the header.
            assert_eq!(unpack(&zstd::bulk::compress(content, 6).unwrap(), 1 << 20).unwrap(), content);
        }
    }

    #[test]
    fn what_is_beside_the_frame_is_refused() {
        let frame = packed(b"what everybody sees", 6, true);
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 6, 0, 0, 0][..], b"hidden"].concat();
        assert!(why(&[skipped.as_slice(), &frame].concat()).contains("not zstd"));
        assert!(why(&[frame.as_slice(), &skipped].concat()).contains("behind its end"));
        assert!(why(&[frame.as_slice(), &frame].concat()).contains("behind its end"));
        assert!(why(&[frame.as_slice(), &packed(b"", 6, true)].concat()).contains("behind its end"));
        assert!(why(&[frame.as_slice(), &[0]].concat()).contains("behind its end"));
        for end in 0..frame.len() {
            assert!(unpack(&frame[..end], 1 << 20).is_err(), "{end}");
        }
        // An empty block before the others says nothing, and could be there any number of times.
        let header = frame.len() - 4 - 3 - b"what everybody sees".len();
        let with = [&frame[..header], &[0, 0, 0], &frame[header..]].concat();
        assert_eq!(zstd::decode_all(with.as_slice()).unwrap(), b"what everybody sees");
        assert!(why(&with).contains("holds nothing"));
    }

    #[test]
    fn what_swells_is_refused_before_it_has_swollen() {
        let bomb = packed(&vec![0; 64 << 20], 19, true);
        assert!(bomb.len() < 10_000, "{}", bomb.len());
        assert!(why(&bomb).contains("more than 1048576 bytes"));
        let mut encoder = zstd::Encoder::new(Vec::new(), 19).unwrap();
        encoder.window_log(28).unwrap();
        encoder.write_all(&vec![1; 1 << 20]).unwrap();
        assert!(unpack(&encoder.finish().unwrap(), 1 << 20).is_err(), "it asks for 256 MiB");
    }

    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for path in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
            assert!(read(path, 10).is_err(), "{}", path.display());
            assert!(read_itself(path, 10).is_err(), "{}", path.display());
        }
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"0123456789").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link, 10).unwrap(), b"0123456789");
        assert!(read_itself(&link, 10).is_err());
        assert!(read_itself(&file, 9).unwrap_err().to_string().contains("more than 9 bytes"));
    }

    #[test]
    fn what_is_wrong_with_json_is_said_without_what_stands_in_it() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "it is only read")]
        struct Shape {
            number: u8,
            text: Option<String>,
            list: Option<Vec<bool>>,
            time: Option<jiff::Timestamp>,
            word: Option<Word>,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Word {
            One,
        }
        const SECRETS: &[&str] =
            &["hunter2", "hunter2, expected `hunter2`", "hunter2\" at line 1 column 1", "hunter2`, expected x", "\u{1b}[2Jhunter2"];
        let mut tried = 0;
        for secret in SECRETS {
            let secret = serde_json::to_string(secret).unwrap();
            for text in [
                format!("{{\"number\": {secret}}}"),
                format!("{{\"number\": 1, \"text\": [{secret}]}}"),
                format!("{{\"number\": 1, \"list\": {secret}}}"),
                format!("{{\"number\": 1, \"list\": [{secret}]}}"),
                format!("{{\"number\": 1, \"time\": {secret}}}"),
                format!("{{\"number\": 1, \"word\": {secret}}}"),
                format!("{{\"number\": 1, \"word\": {{{secret}: 1}}}}"),
                format!("{{\"number\": 1, \"text\": {secret}"),
                format!("{{\"number\": 1, \"text\": {secret} {secret}}}"),
                format!("{{\"number\": 1}} {secret}"),
                format!("[{secret}]"),
                secret.clone(),
            ] {
                for end in 1..=text.len() {
                    let Some(cut) = text.get(..end) else { continue };
                    if let Err(error) = serde_json::from_str::<Shape>(cut) {
                        let said = json_problem(&error);
                        assert!(!said.contains("hunter") && !said.contains('\u{1b}') && !said.is_empty(), "{cut}: {said}");
                        tried += 1;
                    }
                }
            }
        }
        assert!(tried > 1000, "{tried}");
        let said = |text: &str| json_problem(&serde_json::from_str::<Shape>(text).unwrap_err());
        assert_eq!(said("{\"number\": \"x\"}"), "invalid type: string, expected u8 at line 1 column 14");
        assert_eq!(said("{\"numbr\": 1}"), "unknown field `numbr` at line 1 column 8");
        assert_eq!(said("{}"), "missing field `number` at line 1 column 2");
        assert_eq!(said("{\"number\": 1,"), "EOF while parsing a value at line 1 column 13");
    }

    #[test]
    fn addresses_lose_their_user() {
        for (address, shown) in [
            ("http://user:pass@host:8080/a@b?c", "http://***@host:8080/a@b?c"),
            ("proxy https://tok3n@host, and s3://a@b", "proxy https://***@host, and s3://***@b"),
            ("git::ssh://a:b@c@host/x", "git::ssh://***@host/x"),
            ("http://host/user@example.org", "http://host/user@example.org"),
            ("somebody@example.org", "somebody@example.org"),
            ("https://u:p@[::1]:1/", "https://***@[::1]:1/"),
        ] {
            assert_eq!(without_user(address), shown);
        }
    }
}
