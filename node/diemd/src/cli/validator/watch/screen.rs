//! The picture of a validator on a terminal, drawn over the last one.

use diem_cli::{
    layout::{lines_of, wrapped},
    output::{fields, plain, width},
    units::date,
};
use diem_host::outlet;
use rustix::termios::tcgetwinsize;

use super::{
    marks::Marks,
    state::{Seen, State},
};
use crate::cli::validator::{look::ValidatorStatus, status::lines};

/// The size of a terminal that does not tell it.
const SIZE: (usize, usize) = (80, 24);

/// What is drawn; dropping it leaves the last picture, with the cursor below.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The lines of the last picture.
    drawn: Vec<String>,
    notice: Option<String>,
}

impl Screen {
    /// Adds a line to all pictures from now on, in place of the last such line.
    pub(super) fn notice(&mut self, text: &str) {
        self.notice = Some(text.into());
    }

    /// Draws the picture over the last one, unless nobody has taken that yet.
    pub(super) fn draw(&mut self, seen: &Seen, status: Option<&ValidatorStatus>, marks: &Marks) {
        if !outlet::out_is_read() {
            return;
        }
        let (columns, rows) = size();
        let state = seen.state.unwrap_or(State::Down);
        let head = plain(&format!("{} since {}", state.name(), date(seen.since))).into_owned();
        let mut picture = vec![head];
        if matches!(state, State::Down | State::Behind) {
            picture.extend(wrapped(&plain(&seen.text), Some(columns)).lines().map(str::to_owned));
        }
        if let Some(status) = status {
            picture.extend(fields(lines(status)).lines().map(str::to_owned));
            picture.extend(marks.lines(columns));
        }
        picture.extend(self.notice.as_deref().map(|text| plain(text).into_owned()));
        picture.extend(wrapped("Ctrl-C ends the watch", width()).lines().map(str::to_owned));
        // What is above the upper edge cannot be drawn over.
        picture.truncate(rows.saturating_sub(1));
        let up: usize = self.drawn.iter().map(|line| lines_of(line, columns)).sum();
        let mut text = if self.drawn.is_empty() { "\x1b[?25l".into() } else { format!("\r\x1b[{up}A") };
        text.push_str("\x1b[J");
        for (number, line) in picture.iter().enumerate() {
            match (number, state) {
                (0, State::Ok) => text.push_str(&format!("\x1b[32m{line}\x1b[0m\n")),
                (0, _) => text.push_str(&format!("\x1b[1;31m{line}\x1b[0m\n")),
                _ => text.push_str(&format!("{line}\n")),
            }
        }
        outlet::out(&text);
        self.drawn = picture;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if !self.drawn.is_empty() {
            outlet::out("\x1b[?25h");
        }
    }
}

/// The columns and rows of the terminal.
fn size() -> (usize, usize) {
    let told = tcgetwinsize(std::io::stdout()).ok().map(|size| (size.ws_col.into(), size.ws_row.into()));
    told.filter(|(columns, rows)| *columns > 0 && *rows > 1).unwrap_or(SIZE)
}
