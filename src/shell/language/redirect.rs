//! Redirections: where a command reads from and writes to.

use brush_parser::ast::{IoFileRedirectKind, IoFileRedirectTarget, IoHereDocument, IoRedirect};

use super::interpreter::{Failure, Shell};
use crate::host::files::{Kind, absolute};
use crate::host::{Errno, Output, Stdin};

impl Shell {
    /// Carries out redirections, in order.
    pub async fn redirect(&mut self, redirects: &[IoRedirect]) -> Result<(), Failure> {
        for redirect in redirects {
            match redirect {
                IoRedirect::File(fd, kind, target) => self.redirect_file(*fd, kind, target).await?,
                IoRedirect::OutputAndError(word, append) => {
                    let name = self.one_word(&word.value).await?;
                    let out = self.open_for_writing(&name, *append)?;
                    self.err = out.clone();
                    self.out = out;
                }
                IoRedirect::HereString(fd, word) => {
                    let text = self.expand_text(&word.value).await?;
                    self.set_input(*fd, Stdin::text(text + "\n"))?;
                }
                IoRedirect::HereDocument(fd, document) => {
                    let text = self.here_document(document).await?;
                    self.set_input(*fd, Stdin::text(text))?;
                }
            }
        }
        Ok(())
    }

    async fn here_document(&mut self, document: &IoHereDocument) -> Result<String, Failure> {
        let text = if document.requires_expansion {
            self.expand_here_document(&document.doc.value).await?
        } else {
            document.doc.value.clone()
        };
        Ok(text)
    }

    async fn redirect_file(
        &mut self,
        fd: Option<i32>,
        kind: &IoFileRedirectKind,
        target: &IoFileRedirectTarget,
    ) -> Result<(), Failure> {
        let word = match target {
            IoFileRedirectTarget::Fd(source) => return self.duplicate(fd, kind, *source),
            IoFileRedirectTarget::ProcessSubstitution(..) => {
                return self.fail("process substitution: not supported here");
            }
            IoFileRedirectTarget::Filename(word) => word,
            IoFileRedirectTarget::Duplicate(word) => {
                let name = self.one_word(&word.value).await?;
                match name.parse() {
                    Ok(source) => return self.duplicate(fd, kind, source),
                    Err(_) if name == "-" => return self.set_closed(fd, kind),
                    Err(_) => word,
                }
            }
        };
        let name = self.one_word(&word.value).await?;
        match kind {
            IoFileRedirectKind::Read | IoFileRedirectKind::ReadAndWrite | IoFileRedirectKind::DuplicateInput => {
                let input = self.open_for_reading(&name)?;
                self.set_input(fd, input)
            }
            IoFileRedirectKind::Write | IoFileRedirectKind::Clobber => {
                let out = self.open_for_writing(&name, false)?;
                self.set_output(fd, out)
            }
            // `>& FILE` means both.
            IoFileRedirectKind::DuplicateOutput => {
                let out = self.open_for_writing(&name, false)?;
                self.err = out.clone();
                self.set_output(fd, out)
            }
            IoFileRedirectKind::Append => {
                let out = self.open_for_writing(&name, true)?;
                self.set_output(fd, out)
            }
        }
    }

    fn duplicate(&mut self, fd: Option<i32>, kind: &IoFileRedirectKind, source: i32) -> Result<(), Failure> {
        match (kind, source) {
            (IoFileRedirectKind::DuplicateInput, 0) => self.set_input(fd, self.stdin.clone()),
            (_, 1) => self.set_output(fd, self.out.clone()),
            (_, 2) => self.set_output(fd, self.err.clone()),
            _ => self.fail(&format!("{source}: Bad file descriptor")),
        }
    }

    fn set_closed(&mut self, fd: Option<i32>, kind: &IoFileRedirectKind) -> Result<(), Failure> {
        match kind {
            IoFileRedirectKind::DuplicateInput => self.set_input(fd, Stdin::Null),
            _ => self.set_output(fd, Output::Null),
        }
    }

    fn set_input(&mut self, fd: Option<i32>, input: Stdin) -> Result<(), Failure> {
        match fd.unwrap_or(0) {
            0 => self.stdin = input,
            fd => return self.fail(&format!("{fd}: only descriptors 0, 1 and 2 exist here")),
        }
        Ok(())
    }

    fn set_output(&mut self, fd: Option<i32>, out: Output) -> Result<(), Failure> {
        match fd.unwrap_or(1) {
            1 => self.out = out,
            2 => self.err = out,
            fd => return self.fail(&format!("{fd}: only descriptors 0, 1 and 2 exist here")),
        }
        Ok(())
    }

    fn open_for_reading(&mut self, name: &str) -> Result<Stdin, Failure> {
        let path = absolute(&self.state.cwd, name);
        if path == "/dev/stdin" {
            return Ok(self.stdin.clone());
        }
        match self.sys.with(|kernel| kernel.read_path(&path)) {
            Ok(bytes) => Ok(Stdin::text(String::from_utf8_lossy(&bytes))),
            Err(error) => self.fail(&format!("{name}: {error}")),
        }
    }

    fn open_for_writing(&mut self, name: &str, append: bool) -> Result<Output, Failure> {
        let path = absolute(&self.state.cwd, name);
        match path.as_str() {
            "/dev/null" => return Ok(Output::Null),
            "/dev/stdout" => return Ok(self.out.clone()),
            "/dev/stderr" => return Ok(self.err.clone()),
            _ => {}
        }
        let opened = self.sys.with(|kernel| match kernel.kind_of_path(&path) {
            Some(Kind::Directory) => Err(Errno::IsDirectory),
            Some(Kind::Special) => Ok(()),
            _ => kernel.write_path(&path, b"", append),
        });
        match opened {
            Ok(()) => Ok(Output::File(path.into())),
            Err(error) => self.fail(&format!("{name}: {error}")),
        }
    }

    /// A word that must not become several.
    async fn one_word(&mut self, word: &str) -> Result<String, Failure> {
        let mut fields = self.expand_word(word).await?;
        match (fields.pop(), fields.is_empty()) {
            (Some(field), true) => Ok(field),
            _ => self.fail(&format!("{word}: ambiguous redirect")),
        }
    }
}
