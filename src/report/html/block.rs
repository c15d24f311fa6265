//! What sections are made of. Every table has a caption, a scope on each header and a name of its own.

use askama::Template;

use super::text::{Inline, Line};

/// A part of a section.
#[derive(Debug)]
pub(super) enum Block {
    /// A heading below that of the section.
    Heading { id: String, text: String },
    /// A paragraph.
    Para(Line),
    /// A paragraph that must not be missed.
    Note(Line),
    /// Points.
    List(Vec<Line>),
    /// Names and values.
    Facts(Vec<(&'static str, Line)>),
    /// A table.
    Table(Table),
    /// Small tables, side by side where there is room.
    Beside(Vec<Table>),
    /// What to type.
    Commands { label: &'static str, text: String },
    /// A sheet: of a control, or of a policy.
    Sheet(Sheet),
}

/// A sheet, with its own heading.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) id: String,
    /// `control`, on a page of its own in print, or `policy`.
    pub(super) class: &'static str,
    pub(super) title: Line,
    pub(super) blocks: Vec<Block>,
}

/// A table. The first cell of each row names the row.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) class: &'static str,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
}

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) number: bool,
}

/// A row.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) id: Option<String>,
    pub(super) cells: Vec<Line>,
}

impl Table {
    /// A table; names of columns of numbers begin with `#`.
    pub(super) fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        let column = |name: &&str| match name.strip_prefix('#') {
            Some(name) => Column { name: name.to_owned(), number: true },
            None => Column { name: (*name).to_owned(), number: false },
        };
        Self { caption: caption.into(), class: "", columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    pub(super) fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [Line; N]) {
        self.rows.push(Row { id: None, cells: cells.into() });
    }

    pub(super) fn row_at<const N: usize>(&mut self, id: String, cells: [Line; N]) {
        self.rows.push(Row { id: Some(id), cells: cells.into() });
    }

    pub(super) fn with(mut self, rows: impl IntoIterator<Item = Vec<Line>>) -> Self {
        self.rows.extend(rows.into_iter().map(|cells| Row { id: None, cells }));
        self
    }

    /// Whether it may be wider than a small screen, so that it needs to be scrolled.
    fn is_wide(&self) -> bool {
        self.columns.len() > 2
    }
}

#[derive(Template)]
#[template(path = "line.html")]
pub(super) struct LineHtml<'a> {
    pieces: &'a [Inline],
}

#[derive(Template)]
#[template(path = "table.html")]
struct TableHtml<'a> {
    table: &'a Table,
}

#[derive(Template)]
#[template(path = "blocks.html")]
pub(super) struct BlocksHtml<'a> {
    blocks: &'a [Block],
}

pub(super) fn line(line: &Line) -> LineHtml<'_> {
    LineHtml { pieces: &line.0 }
}

pub(super) fn blocks(blocks: &[Block]) -> BlocksHtml<'_> {
    BlocksHtml { blocks }
}

fn table(table: &Table) -> TableHtml<'_> {
    TableHtml { table }
}
