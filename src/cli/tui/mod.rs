//! `lvslab tui`: a scenario on the whole screen, step by step.

mod app;
mod draw;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use super::Status;
use super::subject::{Subject, wrong};
use crate::scenario::Options;
use crate::session::Session;
use app::App;

/// Shows a scenario on the whole screen: play, step, back; who knows what, and why.
#[derive(clap::Args)]
#[command(after_help = "Keys: `?` lists them. `q` ends.\n\nExample:\n  lvslab tui dr.ron")]
pub struct Tui {
    #[command(flatten)]
    subject: Subject,
}

/// How long a frame is shown while it plays.
const BEAT: Duration = Duration::from_millis(250);

impl Tui {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let loaded = self.subject.load()?;
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(wrong("tui needs a terminal; `lvslab shell` reads its commands from a pipe"));
        }
        let session = Session::begin(loaded.plan.clone(), Options::default());
        let session = session.map_err(|failure| loaded.explain(&failure))?;
        let mut app = App::new(session, loaded.text);
        // Puts the terminal right again also when the program panics.
        let result = ratatui::try_init().and_then(|mut terminal| attend(&mut app, &mut terminal));
        ratatui::restore();
        result.map_err(|error| wrong(&error.to_string()))?;
        Ok(Status::Held)
    }
}

/// Draws and listens until the user leaves.
fn attend(app: &mut App, terminal: &mut DefaultTerminal) -> io::Result<()> {
    loop {
        terminal.draw(|frame| draw::draw(app, frame))?;
        if app.playing && !event::poll(BEAT)? {
            app.tick();
            continue;
        }
        // Another size is drawn anew in any case.
        if let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
            && !app.press(key)
        {
            return Ok(());
        }
    }
}
