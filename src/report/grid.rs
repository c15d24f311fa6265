//! Tables and paragraphs as text, no wider than the terminal. The only user of the table crate.
//!
//! A word is never broken: an id that is cut cannot be copied. Where the columns do not fit beside each other, or would be so
//! narrow that a sentence is spelt downwards, cells of long columns stand below their row, from the longest column on, until
//! the table takes the fewest lines. A line is wider than the terminal only where a single word is.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use unicode_width::UnicodeWidthStr as _;

/// A rule under the header and nothing else: rows of several lines stay readable, and short.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
/// Between two columns.
const GAP: usize = 2;
/// Before what stands below a row.
const INDENT: usize = 2;
/// Between cells that stand below a row on one line.
const DOT: &str = " · ";

/// A row of a table: its cells, and what is said below them across the whole width.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// The cells. Lines in them stay lines.
    pub(super) cells: Vec<String>,
    /// A sentence below them; empty if there is none.
    pub(super) below: String,
}

impl From<Vec<String>> for Row {
    fn from(cells: Vec<String>) -> Self {
        Self { cells, below: String::new() }
    }
}

/// A table no wider than `width`; `right` are columns of numbers.
pub fn grid(width: u16, header: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> Vec<String> {
    grid_of(width, header, rows.into_iter().map(Row::from).collect(), right)
}

/// The same, with sentences below rows.
pub(super) fn grid_of(width: u16, header: &[&str], rows: Vec<Row>, right: &[usize]) -> Vec<String> {
    let header = Row::from(header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let grid = Grid { width: usize::from(width), header: &header, rows: &rows, right };
    let layout = grid.layout();
    if layout.below.is_empty() && rows.iter().all(|row| row.below.is_empty()) {
        let cells = |row: &Row| layout.beside(row);
        return layout.table(Some(cells(&header)), rows.iter().map(cells), right);
    }
    // What stands below a row is no part of the table.
    let mut lines = grid.lines(&layout, &header);
    let widest = layout.columns.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP);
    lines.push("─".repeat(widest.max(lines.iter().map(|line| line.width()).max().unwrap_or_default()).min(grid.width)));
    lines.extend(rows.iter().flat_map(|row| grid.lines(&layout, row)));
    lines
}

struct Grid<'a> {
    width: usize,
    header: &'a Row,
    rows: &'a [Row],
    right: &'a [usize],
}

/// Which columns stand beside each other and how wide, and whose cells stand below.
struct Layout {
    columns: Vec<(usize, usize)>,
    below: Vec<usize>,
}

/// How wide a column would like to be, and how wide it must be for its words.
#[derive(Debug, Clone, Copy, Default)]
struct Need {
    line: usize,
    word: usize,
}

impl Grid<'_> {
    fn need(&self, column: usize) -> Need {
        let mut need = Need::default();
        for row in [self.header].into_iter().chain(self.rows) {
            for line in row.cells.get(column).into_iter().flat_map(|cell| cell.lines()) {
                need.line = need.line.max(line.width());
                need.word = need.word.max(words(line).map(str::width).max().unwrap_or_default());
            }
        }
        // A number is one word, whatever is between its parts; its header may have several lines.
        if self.right.contains(&column) {
            need.word =
                need.word.max(self.rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| cell.width()).max().unwrap_or_default());
        }
        need
    }

    /// The layout with the fewest lines.
    fn layout(&self) -> Layout {
        let needs: Vec<Need> = (0..self.header.cells.len()).map(|column| self.need(column)).collect();
        // The first column names the row. Sentences go first, the longest before others, and numbers last.
        let mut movable: Vec<usize> = (1..needs.len()).collect();
        movable.sort_by_key(|column| (self.right.contains(column), std::cmp::Reverse(needs[*column].line), std::cmp::Reverse(*column)));
        let mut best: Option<(usize, Layout)> = None;
        for moved in 0..=movable.len() {
            let mut below = movable[..moved].to_vec();
            below.sort_unstable();
            let beside: Vec<usize> = (0..needs.len()).filter(|column| !below.contains(column)).collect();
            let Some(columns) = self.share(&beside, &needs) else { continue };
            let layout = Layout { columns, below };
            let height = self.rows.iter().map(|row| self.height(&layout, row)).sum::<usize>();
            if best.as_ref().is_none_or(|(least, _)| height < *least) {
                best = Some((height, layout));
            }
        }
        // Where not even the names fit, each stands on lines of its own, and is whole.
        let alone = || Layout { columns: Vec::new(), below: (1..needs.len()).collect() };
        best.map_or_else(alone, |(_, layout)| layout)
    }

    /// How wide each of the columns is: as wide as its longest word, and what is left goes to those that want more.
    fn share(&self, columns: &[usize], needs: &[Need]) -> Option<Vec<(usize, usize)>> {
        let gaps = GAP * columns.len().saturating_sub(1);
        let least: usize = columns.iter().map(|column| needs[*column].word).sum();
        let mut left = self.width.checked_sub(least + gaps)?;
        let mut widths: Vec<(usize, usize)> = columns.iter().map(|column| (*column, needs[*column].word.max(1))).collect();
        loop {
            let wanting = widths.iter().filter(|(column, width)| *width < needs[*column].line).count();
            if wanting == 0 || left == 0 {
                return Some(widths);
            }
            let each = (left / wanting).max(1);
            for (column, width) in &mut widths {
                let more = needs[*column].line.saturating_sub(*width).min(each).min(left);
                *width += more;
                left -= more;
            }
        }
    }

    fn height(&self, layout: &Layout, row: &Row) -> usize {
        let cell = |(column, width): &(usize, usize)| {
            row.cells.get(*column).map_or(0, |cell| cell.lines().map(|line| wrapped(line, *width).len()).sum())
        };
        layout.columns.iter().map(cell).max().unwrap_or_default() + self.below(layout, row).len()
    }

    /// The lines below a row: the cells of columns that have no room, on one line where they fit, and its sentence.
    fn below(&self, layout: &Layout, row: &Row) -> Vec<String> {
        let width = self.width.saturating_sub(INDENT);
        let cells = || layout.below.iter().filter_map(|column| row.cells.get(*column)).filter(|cell| !cell.trim().is_empty());
        let together = cells().map(|cell| cell.trim()).collect::<Vec<_>>().join(DOT);
        let mut lines: Vec<String> = match together.width() <= width && !together.contains('\n') {
            true if together.is_empty() => Vec::new(),
            true => vec![together],
            false => cells().flat_map(|cell| cell.lines()).flat_map(|line| wrapped(line.trim(), width)).collect(),
        };
        lines.extend(row.below.lines().flat_map(|line| wrapped(line, width)));
        lines.into_iter().map(|line| format!("{}{line}", " ".repeat(INDENT))).collect()
    }

    fn lines(&self, layout: &Layout, row: &Row) -> Vec<String> {
        let mut lines = match layout.columns.is_empty() {
            true => self.name(row),
            false => layout.table(None, [layout.beside(row)].into_iter(), self.right),
        };
        lines.extend(self.below(layout, row));
        lines
    }

    /// The first cell across the whole width, as far in as it begins.
    fn name(&self, row: &Row) -> Vec<String> {
        let lines = row.cells.first().into_iter().flat_map(|cell| cell.lines());
        let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
        lines
            .flat_map(|line| {
                wrapped(line, self.width.saturating_sub(indent(line)))
                    .into_iter()
                    .map(move |part| format!("{}{part}", " ".repeat(indent(line))))
            })
            .collect()
    }
}

impl Layout {
    fn beside(&self, row: &Row) -> Vec<String> {
        self.columns.iter().map(|(column, _)| row.cells.get(*column).cloned().unwrap_or_default()).collect()
    }

    fn table(&self, header: Option<Vec<String>>, rows: impl Iterator<Item = Vec<String>>, right: &[usize]) -> Vec<String> {
        let mut table = Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
        // The widths are those of the columns; without one the crate asks the terminal.
        table.set_width(u16::MAX);
        if let Some(header) = header {
            table.set_header(header);
        }
        table.add_rows(rows);
        for (at, (column, width)) in self.columns.iter().enumerate() {
            let Some(shown) = table.column_mut(at) else { continue };
            // One of the gap is the crate's own, between all columns.
            let gap = if at + 1 == self.columns.len() { 0 } else { GAP - 1 };
            let number = |width: usize| u16::try_from(width).unwrap_or(u16::MAX);
            shown.set_padding((0, number(gap))).set_constraint(ColumnConstraint::Absolute(Width::Fixed(number(width + gap))));
            if right.contains(column) {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string().lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

/// A line in lines of that width, broken between words.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words(line) {
        let last = lines.last_mut().expect("internal error: there is always a line");
        if last.is_empty() {
            last.push_str(word);
        } else if columns(last) + 1 + columns(word) <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// How many columns a text takes: colour takes none.
pub(super) fn columns(text: &str) -> usize {
    let mut parts = text.split("\x1b[");
    let first = parts.next().map_or(0, str::width);
    first + parts.map(|part| part.split_once('m').map_or(0, |(_, rest)| rest.width())).sum::<usize>()
}

/// A paragraph after `first`, which stands behind so many spaces; its other lines begin where its first word does.
pub(super) fn paragraph(width: u16, indent: usize, first: &str, text: &str) -> Vec<String> {
    let margin = indent + columns(first);
    let mut prefix = format!("{}{first}", " ".repeat(indent));
    let lines = wrapped(text, usize::from(width).saturating_sub(margin));
    let line = |line: String| format!("{}{line}", std::mem::replace(&mut prefix, " ".repeat(margin)));
    lines.into_iter().map(line).map(|line| line.trim_end().to_owned()).collect()
}

/// Writes lines that are wider than the terminal as several, broken between words. Where a line has two columns, its other
/// lines begin under the second.
pub fn folded(width: u16, out: &mut dyn Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut folding = Folding { width, out, line: Vec::new() };
    write(&mut folding)?;
    if !folding.line.is_empty() {
        let line = std::mem::take(&mut folding.line);
        folding.out.write_all(&line)?;
    }
    folding.out.flush()
}

struct Folding<'o> {
    width: u16,
    out: &'o mut dyn Write,
    line: Vec<u8>,
}

impl Write for Folding<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.fold(&line)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Folding<'_> {
    fn fold(&mut self, bytes: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\n');
        if columns(text) <= usize::from(self.width) {
            return self.out.write_all(bytes);
        }
        let indent = text.len() - text.trim_start_matches(' ').len();
        let (first, rest) = text[indent..].split_at(second_column(&text[indent..], usize::from(self.width) / 2));
        let mut lines = paragraph(self.width, indent, first, rest);
        if first.is_empty() && indent == 0 {
            // The first line of a sentence is told from the others.
            let rest = wrapped(rest, usize::from(self.width).saturating_sub(INDENT)).into_iter().enumerate();
            lines = rest.map(|(at, line)| if at == 0 { line } else { format!("{}{line}", " ".repeat(INDENT)) }).collect();
        }
        lines.iter().try_for_each(|line| writeln!(self.out, "{line}"))
    }
}

/// Where the second column of a line begins: behind two spaces, or behind a mark of one character.
fn second_column(text: &str, most: usize) -> usize {
    let behind = text.find("  ").map(|at| text.len() - text[at..].trim_start_matches(' ').len());
    if let Some(behind) = behind.filter(|behind| columns(&text[..*behind]) < most) {
        return behind;
    }
    let mut chars = text.char_indices();
    match (chars.next(), chars.next(), chars.next()) {
        (Some((_, mark)), Some((_, ' ')), Some((behind, _))) if !mark.is_alphanumeric() => behind,
        _ => 0,
    }
}

/// The width of the terminal on standard output, if it is one.
pub fn terminal_width() -> Option<u16> {
    Table::new().width()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTHS: [u16; 7] = [40, 60, 80, 100, 120, 160, 200];
    const ARN: &str =
        "arn:aws:elasticloadbalancing:eu-central-1:111111111111:listener/app/production-web/50dc6c495c0c9188/f2f7dc8efc522ab2";

    fn cells(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    /// No line is wider than the terminal but for one word alone, and every word is whole.
    fn holds(lines: &[String], width: u16, words: &[&str]) {
        let all = lines.join("\n");
        for line in lines {
            assert!(columns(line) <= usize::from(width) || line.split_whitespace().count() == 1, "{width}: {line}\n{all}");
        }
        let shown: Vec<&str> = all.split_whitespace().collect();
        for word in words.iter().flat_map(|text| text.split_whitespace()) {
            assert!(shown.contains(&word), "{width}: {word} is broken\n{all}");
        }
    }

    #[test]
    fn words_are_whole_and_lines_fit_at_every_width() {
        let reason = "nothing to judge, and no listing proves that there is nothing, for database-backups-stay-in-allowed-region";
        let rows = [
            ["no-transit-gateway-between-environments", "1,234", "ElasticLoadBalancingV2::LoadBalancer", reason],
            ["short", "5", "EC2::Volume", "denied"],
            [ARN, "0", "表示名は全角の文字です", ARN],
        ];
        for width in WIDTHS {
            let lines =
                grid(width, &["Policy", "Judged", "Type", "Because of"], rows.iter().map(|row| cells(row)).collect::<Vec<_>>(), &[1]);
            holds(&lines, width, &rows.concat());
        }
    }

    #[test]
    fn a_sentence_is_not_spelt_downwards() {
        let sentence = "the population is empty and there was nothing to judge in any of the regions that were looked at";
        let rows = || vec![cells(&["production-calendar-database-encrypted", "ElasticLoadBalancingV2::TargetGroup", sentence]); 5];
        for width in WIDTHS {
            let lines = grid(width, &["Policy", "Type", "Because of"], rows(), &[]);
            // Header, rule and five rows of the lines that the sentence needs across the terminal, and two for the names.
            let most = (sentence.len() / (usize::from(width) / 2) + 3) * 5 + 5;
            assert!(lines.len() <= most, "{width}: {} lines\n{}", lines.len(), lines.join("\n"));
        }
    }

    #[test]
    fn what_fits_stands_beside_each_other() {
        let rows = vec![cells(&["a-policy", "high", "Volumes are encrypted"]), cells(&["b", "low", "Keys are rotated"])];
        let wanted = [
            "Policy    Severity  Title",
            "───────────────────────────────────────",
            "a-policy  high      Volumes are encrypted",
            "b         low       Keys are rotated",
        ];
        let lines = grid(80, &["Policy", "Severity", "Title"], rows, &[]);
        assert_eq!((lines[0].as_str(), &lines[2..]), (wanted[0], &[wanted[2].to_owned(), wanted[3].to_owned()][..]));
        assert!(lines[1].chars().all(|c| c == '─') && columns(&lines[1]) == 41, "{}", lines[1]);
    }

    #[test]
    fn what_does_not_fit_stands_below_its_row_and_its_header() {
        let long = "Databases keep their data in at least two Availability Zones";
        let mut row = Row::from(cells(&["rds-instance-multi-az", "high", "RDS::DBInstance", long]));
        row.below = "and a sentence".to_owned();
        let lines = grid_of(60, &["Policy", "Severity", "About", "Title"], vec![row], &[]);
        assert_eq!(lines[..2], ["Policy                 Severity  About".to_owned(), "  Title".to_owned()]);
        assert!(lines[2].starts_with("──"));
        assert_eq!(
            lines[3..],
            [
                "rds-instance-multi-az  high      RDS::DBInstance",
                "  Databases keep their data in at least two Availability",
                "  Zones",
                "  and a sentence"
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn lines_that_are_too_wide_are_folded_under_their_text() {
        let text = |width: u16, text: &str| {
            let mut out = Vec::new();
            folded(width, &mut out, |out| out.write_all(text.as_bytes())).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(20, "short\n\nno end"), "short\n\nno end");
        assert_eq!(text(20, "  ✗ a sentence that is too long\n"), "  ✗ a sentence that\n    is too long\n");
        assert_eq!(text(30, "policy      something that is too long\n"), "policy      something that is\n            too long\n");
        assert_eq!(text(20, &format!("see {ARN} there\n")), format!("see\n  {ARN}\n  there\n"));
        // Colour takes no room.
        let red = "\x1b[31mred\x1b[0m and more";
        assert_eq!(text(12, &format!("{red}\n")), format!("{red}\n"));
    }

    #[test]
    fn colour_takes_no_columns_and_wide_characters_take_two() {
        assert_eq!(columns("\x1b[1mmulti-az\x1b[0m: "), 10);
        assert_eq!(columns("全角"), 4);
    }
}
