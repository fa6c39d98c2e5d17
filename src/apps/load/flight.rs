//! One request under way.

use crate::host::Errno;
use crate::host::SocketId;
use crate::host::net::{TcpStream, UdpSocket};
use crate::time::{Span, Time};

/// The most of an answer that is looked at.
const MAX_ANSWER: usize = 64 << 10;

/// A socket of either kind.
pub(super) enum Link {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Link {
    pub fn id(&self) -> SocketId {
        match self {
            Link::Tcp(stream) => stream.id(),
            Link::Udp(socket) => socket.id(),
        }
    }
}

/// What a request is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The handshake.
    Opening,
    /// The time to ask.
    Holding,
    /// The answer.
    Asked,
    /// The time to close.
    Keeping,
}

/// A request, from the opening of its connection to its end. There may be a million.
pub(super) struct Flight {
    pub link: Link,
    pub phase: Phase,
    /// When the phase began.
    pub since: Time,
    /// How long the earlier phases took, but for the holding.
    pub spent: Span,
    /// When its timer fires: it has taken too long, or has been held for long enough.
    pub wake: Time,
    /// As much of it as has come; none before.
    pub answer: Option<Box<Answer>>,
}

/// What the server has said.
#[derive(Default)]
pub(super) struct Answer(Vec<u8>);

/// What has come of waiting.
pub(super) enum Progress {
    /// Nothing yet.
    Wait,
    /// The connection stands.
    Open,
    /// The answer is complete.
    Answered,
    Failed(Errno),
}

impl Flight {
    /// Looks what has happened at the socket.
    pub fn look(&mut self, keep_alive: bool) -> Progress {
        let result = match (&self.link, self.phase) {
            (Link::Tcp(stream), Phase::Opening) => stream.try_connected().map(|()| Progress::Open),
            (Link::Tcp(_), Phase::Asked) => self.read(keep_alive),
            (Link::Udp(socket), Phase::Asked) => socket.try_receive().map(|datagram| {
                self.answer = Some(Box::new(Answer(datagram.bytes)));
                Progress::Answered
            }),
            // The other side has closed what was merely held open: that shows when it is used.
            _ => Err(Errno::WouldBlock),
        };
        match result {
            Ok(progress) => progress,
            Err(Errno::WouldBlock) => Progress::Wait,
            Err(error) => Progress::Failed(error),
        }
    }

    fn read(&mut self, keep_alive: bool) -> Result<Progress, Errno> {
        let Link::Tcp(stream) = &self.link else { return Err(Errno::WouldBlock) };
        loop {
            let bytes = stream.try_read(MAX_ANSWER)?;
            if bytes.is_empty() {
                return Ok(Progress::Answered);
            }
            let answer = self.answer.get_or_insert_default();
            answer.take(&bytes);
            if keep_alive && answer.is_complete() {
                return Ok(Progress::Answered);
            }
        }
    }
}

impl Answer {
    fn take(&mut self, bytes: &[u8]) {
        let room = MAX_ANSWER.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether the answer is as long as it says.
    fn is_complete(&self) -> bool {
        let Some(end) = head_end(&self.0) else { return false };
        let head = String::from_utf8_lossy(&self.0[..end]);
        let mut headers = head.lines().filter_map(|line| line.split_once(':'));
        let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: Option<usize> = length.and_then(|(_, value)| value.trim().parse().ok());
        length.is_some_and(|length| self.0.len() >= (end + length).min(MAX_ANSWER))
    }

    /// Who has answered: the body's first line.
    pub fn server(&self) -> String {
        let body = head_end(&self.0).map_or(&self.0[..], |end| &self.0[end..]);
        match body.split(|byte| *byte == b'\n').next() {
            None | Some([]) => "(empty)".to_owned(),
            Some(line) => String::from_utf8_lossy(line).into_owned(),
        }
    }
}

fn head_end(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}
