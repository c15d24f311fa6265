//! `--format html`: the report for an auditor. One file without script, that needs no network, in the reader's language; laid out
//! in the order in which an auditor asks. The same facts, policies and moment give the same bytes.

mod block;
mod facts;
mod sample;
mod sections;
#[cfg(test)]
mod tests;
mod text;
mod words;

use std::io::{self, Write};

use askama::Template;
use sha2::{Digest as _, Sha256};

use super::{Report, Style};
use block::{Block, blocks, line};
use facts::Facts;
use text::Line;
use words::Words;

pub use words::Lang;

/// A section, with its heading.
struct Section {
    id: &'static str,
    title: &'static str,
    blocks: Vec<Block>,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    lang: Lang,
    words: &'static Words,
    generator: &'a str,
    title: String,
    style: &'a str,
    style_sha256: String,
    subtitle: &'a Line,
    control: &'a [Block],
    sections: &'a [Section],
    colophon: &'a Line,
}

const STYLE: &str = include_str!("templates/style.css");

pub(super) fn write(report: &Report<'_>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let facts = Facts::new(report, style.lang);
    let words = facts.words;
    let sections = sections::all(&facts);
    let style_text = format!("{STYLE}{}", margins(&facts));
    let whose = report.organisation.map_or_else(String::new, |organisation| format!(" – {}", text::visible(organisation)));
    let page = Page {
        lang: style.lang,
        words,
        generator: &crate::tool(),
        title: format!("{} – {}{whose}", words.title, text::visible(&report.framework.title)),
        style_sha256: format!("sha256-{}", base64(&Sha256::digest(style_text.as_bytes()))),
        style: &style_text,
        subtitle: &sections::subtitle(&facts),
        control: &sections::document_control(&facts),
        sections: &sections,
        colophon: &sections::colophon(&facts),
    };
    page.write_into(&mut *out)?;
    out.write_all(b"\n")
}

/// The margins of printed pages: what the page belongs to, and which it is.
fn margins(facts: &Facts<'_>) -> String {
    // In a style sheet nothing is escaped: only what cannot end a string gets in.
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric() || " .,:+_-·".contains(*c)).collect::<String>();
    let run = &facts.report.estate.run;
    let mark = match facts.report.dossier {
        Some(dossier) => format!("{} {:06} · {}", facts.words.pack, dossier.sequence, short(&dossier.findings_sha256)),
        None => format!("{} · {}", run.as_of.strftime("%Y-%m-%d %H:%M:%S UTC"), short(facts.report.policies_sha256)),
    };
    let font = "font-size:8pt;color:#565e6b";
    let top = facts.report.organisation.unwrap_or_default();
    format!(
        "@page{{size:A4;margin:20mm 15mm 18mm;\
         @top-left{{content:\"{}\";{font}}}@top-right{{content:\"{}\";{font}}}\
         @bottom-left{{content:\"{}\";{font}}}@bottom-right{{content:counter(page) \" / \" counter(pages);{font}}}}}",
        plain(top),
        plain(facts.words.classification),
        plain(&mark),
    )
}

/// A hash by the digits that fit a margin.
fn short(hash: &str) -> String {
    hash.chars().take("sha256:".len() + 16).collect()
}

/// Base64, as the content security policy wants the hash of the style.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
