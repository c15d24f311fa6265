//! Tables as text. The only user of the table crate.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};

/// A rule under the header and nothing else: rows of several lines stay readable, and short.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table no wider than `width`. The first column is never broken; `right` are columns of numbers.
pub fn grid(width: u16, header: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(header.iter().map(|h| (*h).to_owned()));
    table.add_rows(rows);
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string().lines().map(|line| line.trim_end().to_owned()).collect()
}

/// The width of the terminal on standard output, if it is one.
pub fn terminal_width() -> Option<u16> {
    Table::new().width()
}
