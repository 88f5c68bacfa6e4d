//! Columns that line up, and colours for terminals that have them.

use std::borrow::Cow;

/// A colour or weight, as the terminal numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u8);

impl Colour {
    pub(crate) const BOLD: Colour = Colour(1);
    pub(crate) const RED: Colour = Colour(31);
    pub(crate) const GREEN: Colour = Colour(32);
    pub(crate) const YELLOW: Colour = Colour(33);
    pub(crate) const CYAN: Colour = Colour(36);
    pub(crate) const BLUE: Colour = Colour(94);
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Colours,
    Plain,
}

impl Paint {
    /// The text in a colour.
    pub(crate) fn text(self, colour: Colour, text: &str) -> Cow<'_, str> {
        match self {
            Paint::Colours if !text.is_empty() => {
                let Colour(number) = colour;
                Cow::Owned(format!("\x1b[{number}m{text}\x1b[0m"))
            }
            _ => Cow::Borrowed(text),
        }
    }
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    pub(crate) fn coloured(text: impl Into<String>, colour: Colour) -> Cell {
        Cell {
            text: text.into(),
            colour: Some(colour),
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell {
            text: text.into(),
            colour: None,
        }
    }
}

/// Columns as wide as their widest cell; those of figures stand to the right.
pub(crate) fn table<const N: usize>(
    heads: [&str; N],
    rows: impl IntoIterator<Item = [Cell; N]>,
    figures: &[usize],
    paint: Paint,
) -> String {
    let mut all = vec![heads.map(|head| Cell::coloured(head, Colour::BOLD))];
    all.extend(rows);
    let width = |column: usize| all.iter().map(|row| row[column].text.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            // Colours take no room.
            let padding = " ".repeat(widths[column] - cell.text.chars().count());
            let painted = match cell.colour {
                Some(colour) => paint.text(colour, &cell.text),
                None => Cow::Borrowed(cell.text.as_str()),
            };
            if figures.contains(&column) {
                line = line + &padding + &painted + "  ";
            } else {
                line = line + &painted + &padding + "  ";
            }
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];

    fn row() -> [Cell; 6] {
        let mut row = ["long", "b", "1,000", "1 B", "2 B", ""].map(Cell::from);
        row[1] = Cell::coloured("b", Colour::RED);
        row[2] = Cell::coloured("1,000", Colour::RED);
        row
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(
            table(HEADS, [row()], &[2, 3, 4], Paint::Plain),
            "A     B      C    D    E  F\nlong  b  1,000  1 B  2 B\n"
        );
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let mut text = table(HEADS, [row()], &[2, 3, 4], Paint::Colours);
        assert!(text.contains("\x1b[1mA\x1b[0m"), "{text:?}");
        assert!(text.contains("\x1b[31m1,000\x1b[0m"), "{text:?}");
        for code in ["\x1b[1m", "\x1b[31m", "\x1b[0m"] {
            text = text.replace(code, "");
        }
        assert_eq!(text, table(HEADS, [row()], &[2, 3, 4], Paint::Plain));
    }
}
