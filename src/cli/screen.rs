//! The last thing that looks at what goes to a terminal. Names, reasons and texts come from whoever made a resource, a pack, a
//! plan: none of their characters moves the cursor, changes the title of the window or turns the direction of reading around.

use std::io::{self, IsTerminal as _, Write};

use crate::report::Format;
use crate::untrusted::{is_hidden, plain, without_user};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines for people, wherever they go: a log of a pipeline is shown on a terminal in the end.
    Text,
    /// JSON: on a terminal, what is hidden is escaped; elsewhere not a byte is touched.
    Json,
    /// Another format for programs: cleaned on a terminal only.
    Document,
}

impl Kind {
    /// That of a format.
    pub(super) fn of(format: Format) -> Self {
        match format {
            Format::Table => Self::Text,
            Format::Json | Format::Oscal | Format::Ocsf | Format::Asff => Self::Json,
            Format::Csv | Format::Html => Self::Document,
        }
    }
}

/// Writes to standard output, so that a terminal shows it and nothing else.
pub(super) fn screened(kind: Kind, out: &mut dyn Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if kind != Kind::Text && !io::stdout().is_terminal() {
        return write(out);
    }
    let mut screen = Screen { out, kind, pending: Vec::new() };
    write(&mut screen)?;
    screen.flush()
}

/// A text for standard error: what it quotes of others is shown, and obeyed by nobody. Addresses lose their passwords.
pub(super) fn cleaned(text: &str) -> String {
    clean(Kind::Text, &without_user(text))
}

/// The lines of an error message: those after the first are set in, so that nothing that is quoted looks like a line of keur's own.
/// None of it is coloured.
pub(super) fn set_in(message: &str) -> String {
    let mut lines = message.lines().map(|line| plain(&line.replace('\t', "    ")));
    let first = lines.next().unwrap_or_default();
    lines.fold(first, |text, line| if line.starts_with(' ') { format!("{text}\n{line}") } else { format!("{text}\n  {line}") })
}

/// Cleans line by line.
struct Screen<'o> {
    out: &'o mut dyn Write,
    kind: Kind,
    pending: Vec<u8>,
}

impl Write for Screen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        // No character and no colour goes over the end of a line.
        if let Some(end) = self.pending.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.pending.split_off(end + 1);
            let lines = std::mem::replace(&mut self.pending, rest);
            self.out.write_all(clean(self.kind, &String::from_utf8_lossy(&lines)).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let lines = std::mem::take(&mut self.pending);
        self.out.write_all(clean(self.kind, &String::from_utf8_lossy(&lines)).as_bytes())?;
        self.out.flush()
    }
}

fn clean(kind: Kind, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\u{1b}' if kind == Kind::Text => colour(rest).unwrap_or(0),
            '\n' | '\t' => 1,
            c if is_hidden(c) => 0,
            c => c.len_utf8(),
        };
        if length > 0 {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match kind {
            Kind::Text | Kind::Document => out.push('\u{fffd}'),
            // In JSON it stands in a text, where it may be written so.
            Kind::Json => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out
}

/// The length of a sequence that a text begins with, if it is one of those with which keur colours its own words: they hide
/// nothing, and the next of them ends them.
fn colour(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let known = |code: &str| matches!(code, "" | "0" | "1" | "2" | "4" | "22" | "24" | "39") || is_ink(code);
    (codes[end..].starts_with('m') && codes[..end].split(';').all(known)).then_some(end + 3)
}

fn is_ink(code: &str) -> bool {
    code.parse::<u8>().is_ok_and(|code| matches!(code, 31..=37 | 91..=97))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may never reach a terminal.
    fn obeyed(text: &str) -> bool {
        text.replace(['\n', '\t'], "").chars().any(is_hidden)
    }

    fn written(kind: Kind, parts: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut screen = Screen { out: &mut out, kind, pending: Vec::new() };
        for part in parts {
            screen.write_all(part).unwrap();
        }
        screen.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_that_terminals_obey_gets_through() {
        let nasty: Vec<String> = (0..=0x10_ffff).filter_map(char::from_u32).filter(|c| is_hidden(*c)).map(|c| format!("a{c}b")).collect();
        let sequences = [
            "\u{1b}]0;title\u{7}",
            "\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\",
            "\u{1b}[2J",
            "\u{1b}[1A",
            "\u{1b}[8mhidden",
            "\u{1b}[5;31mblinks",
            "\u{1b}[38;5;1m",
            "\u{1b}[48;2;0;0;0m",
            "\u{1b}c",
            "\u{1b}[?1049h",
            "\u{9b}31m",
            "\u{1b}",
            "\u{1b}[",
            "\u{1b}[31",
            "\u{1b}[31;999m",
            "\rover",
            "\u{8}\u{8}back",
        ];
        let mut tried = 0;
        for text in nasty.iter().map(String::as_str).chain(sequences).filter(|text| !text.contains(['\n', '\t'])) {
            for kind in [Kind::Text, Kind::Document, Kind::Json] {
                // However it is cut into pieces.
                for at in 0..=text.len() {
                    let shown = written(kind, &[&text.as_bytes()[..at], &text.as_bytes()[at..]]);
                    assert!(!obeyed(&shown), "{text:?} {kind:?} {shown:?}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 1000, "{tried}");
    }

    #[test]
    fn keurs_own_colours_and_ordinary_text_are_left_alone() {
        for text in ["\u{1b}[1;31merror\u{1b}[0m: x", "\u{1b}[1m\u{1b}[94m", "\u{1b}[2mdim\u{1b}[m", "Zürich — ✓ ✗ 日本 😀\n\tx\n", ""]
        {
            assert_eq!(written(Kind::Text, &[text.as_bytes()]), text);
        }
        assert_eq!(written(Kind::Text, &[b"a\xffb"]), "a\u{fffd}b");
    }

    #[test]
    fn json_stays_what_it_says() {
        let value = serde_json::json!({"a": "x\u{202e}\u{9b}\u{e0041}y\u{1b}[2J\n", "b": ["\u{200f}"]});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = written(Kind::Json, &[text.as_bytes()]);
        assert!(!obeyed(&shown) && shown.contains("\\u202e\\u009b\\udb40\\udc41"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn messages_do_not_forge_lines_and_name_no_passwords() {
        assert_eq!(set_in("first\nerror: forged\n  set in"), "first\n  error: forged\n  set in");
        assert_eq!(cleaned("http://u:p@h/\u{1b}[2J"), "http://***@h/\u{fffd}[2J");
    }
}
