//! A terminal with a program at it, and what is to be seen on its screen.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, Pty, open};

/// How long a test waits for something to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal of so many rows and columns, and lvslab at it.
pub struct Terminal {
    pty: Arc<Pty>,
    child: std::process::Child,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Starts lvslab with these arguments.
    pub fn start(rows: u16, columns: u16, arguments: &[&str], home: &std::path::Path) -> Terminal {
        let (pty, pts) = open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_lvslab"))
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env("XDG_STATE_HOME", home)
            .env_remove("NO_COLOR");
        let child = command.spawn(pts).unwrap();
        let (pty, screen) =
            (Arc::new(pty), Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 1000))));
        let (reading, seen) = (Arc::clone(&pty), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of the program is an error of its terminal.
            while let Ok(count) = (&*reading).read(&mut bytes) {
                seen.lock().unwrap().process(&bytes[..count]);
                if count == 0 {
                    return;
                }
            }
        });
        Terminal { pty, child, screen }
    }

    /// Presses keys.
    pub fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Everything on the screen.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Whether a program has taken the whole screen.
    pub fn is_full_screen(&self) -> bool {
        self.screen.lock().unwrap().screen().alternate_screen()
    }

    /// Makes the window another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(cells(rows), cells(columns));
        self.pty.resize(pty_process::Size::new(rows, columns)).unwrap();
    }

    /// Waits until something is to be seen.
    pub fn expect(&self, wanted: &str) -> String {
        self.wait(&format!("\"{wanted}\""), |text| text.contains(wanted))
    }

    /// Waits until the screen is as wanted.
    pub fn wait(&self, wanted: &str, is_so: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let text = self.text();
            if is_so(text.trim_end()) {
                return text;
            }
            assert!(began.elapsed() < PATIENCE, "waited in vain for {wanted} on:\n{text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the program's end: its exit status.
    pub fn end(&mut self) -> i32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that has failed leaves nobody behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
