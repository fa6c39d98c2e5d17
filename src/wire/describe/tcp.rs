//! TCP segments in words, and the web's lines in them.

use std::fmt::{self, Formatter};

use etherparse::{TcpOptionElement, TcpOptionReadError, TcpSlice};

use super::{Line, Rest};
use crate::wire::checksum::transport_checksum;
use crate::wire::proto;

impl Line<'_> {
    pub(super) fn tcp(&self, f: &mut Formatter<'_>, rest: &Rest<'_>) -> fmt::Result {
        let (source_port, destination_port) = rest.ends(f)?;
        let Ok(tcp) = TcpSlice::from_slice(rest.bytes) else { return f.write_str(" [|tcp]") };
        write!(f, "Flags [{}]", Flags(&tcp))?;
        if self.style.verbose && rest.is_whole() {
            write!(f, ", cksum {:#06x} ", tcp.checksum())?;
            let sum = |segment: &[u8]| transport_checksum(rest.source, rest.destination, proto::TCP, segment);
            if sum(rest.bytes) == 0 {
                f.write_str("(correct)")?;
            } else {
                let mut right = rest.bytes.to_vec();
                right[16..18].fill(0);
                write!(f, "(incorrect -> {:#06x})", sum(&right))?;
            }
        }
        let seq = tcp.sequence_number().wrapping_sub(self.origin.seq);
        let len = rest.len.saturating_sub(tcp.header_len());
        if len > 0 {
            write!(f, ", seq {seq}:{}", seq.wrapping_add(len as u32))?;
        } else if tcp.syn() || tcp.fin() || tcp.rst() {
            write!(f, ", seq {seq}")?;
        }
        if tcp.ack() {
            write!(f, ", ack {}", tcp.acknowledgment_number().wrapping_sub(self.origin.ack))?;
        }
        write!(f, ", win {}", tcp.window_size())?;
        if tcp.urg() {
            write!(f, ", urg {}", tcp.urgent_pointer())?;
        }
        if !tcp.options().is_empty() {
            f.write_str(", options [")?;
            self.tcp_options(f, &tcp)?;
            f.write_str("]")?;
        }
        write!(f, ", length {len}")?;
        let is_one_of = |ports: &[u16]| ports.contains(&source_port) || ports.contains(&destination_port);
        if len > 0 && !tcp.rst() {
            if is_one_of(&[80, 3128, 8080]) {
                spoken(f, "http", tcp.payload(), self.style.verbose, is_http)?;
            } else if is_one_of(&[21]) {
                spoken(f, "ftp", tcp.payload(), self.style.verbose, |_| true)?;
            }
        }
        Ok(())
    }

    fn tcp_options(&self, f: &mut Formatter<'_>, tcp: &TcpSlice<'_>) -> fmt::Result {
        let mut iterator = tcp.options_iterator();
        let mut separator = "";
        loop {
            let rest = iterator.rest();
            let option = iterator.next();
            if option.is_none() && rest.is_empty() {
                return Ok(());
            }
            f.write_str(std::mem::replace(&mut separator, ","))?;
            match option {
                // The iterator stops at the end-of-options byte.
                None => return f.write_str("eol"),
                Some(Ok(TcpOptionElement::Noop)) => f.write_str("nop")?,
                Some(Ok(TcpOptionElement::MaximumSegmentSize(mss))) => write!(f, "mss {mss}")?,
                Some(Ok(TcpOptionElement::WindowScale(scale))) => write!(f, "wscale {scale}")?,
                Some(Ok(TcpOptionElement::SelectiveAcknowledgementPermitted)) => f.write_str("sackOK")?,
                Some(Ok(TcpOptionElement::SelectiveAcknowledgement(first, more))) => {
                    write!(f, "sack {} ", 1 + more.iter().flatten().count())?;
                    for (from, to) in std::iter::once(first).chain(more.into_iter().flatten()) {
                        let (from, to) = (from.wrapping_sub(self.origin.ack), to.wrapping_sub(self.origin.ack));
                        write!(f, "{{{from}:{to}}}")?;
                    }
                }
                Some(Ok(TcpOptionElement::Timestamp(value, echo))) => write!(f, "TS val {value} ecr {echo}")?,
                Some(Err(TcpOptionReadError::UnknownId(kind))) => return write!(f, "unknown-{kind}"),
                Some(Err(_)) => return f.write_str("[bad opt]"),
            }
        }
    }
}

/// tcpdump's letters for TCP's flags.
struct Flags<'a>(&'a TcpSlice<'a>);

impl fmt::Display for Flags<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tcp = self.0;
        let letters = [
            (tcp.fin(), "F"),
            (tcp.syn(), "S"),
            (tcp.rst(), "R"),
            (tcp.psh(), "P"),
            (tcp.ack(), "."),
            (tcp.urg(), "U"),
            (tcp.ece(), "E"),
            (tcp.cwr(), "W"),
        ];
        if letters.iter().all(|(set, _)| !set) {
            return f.write_str("none");
        }
        letters.iter().filter(|(set, _)| *set).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// The first line of what somebody says in a protocol of text lines, if `is_speech` takes it for that; all its lines if
/// `verbose` is set.
fn spoken(
    f: &mut Formatter<'_>,
    protocol: &str,
    payload: &[u8],
    verbose: bool,
    is_speech: impl Fn(&[u8]) -> bool,
) -> fmt::Result {
    write!(f, ": {}", protocol.to_ascii_uppercase())?;
    let Some((line, is_cut)) = lines(payload).next() else { return Ok(()) };
    if !is_text(line) || !is_speech(line) {
        return Ok(());
    }
    let cut = |f: &mut Formatter<'_>, is_cut| if is_cut { write!(f, " [|{protocol}]") } else { Ok(()) };
    if !verbose {
        write!(f, ": {}", String::from_utf8_lossy(line))?;
        return cut(f, is_cut);
    }
    write!(f, ", length: {}", payload.len())?;
    for (line, is_cut) in lines(payload).take_while(|(line, _)| is_text(line)) {
        write!(f, "\n\t{}", String::from_utf8_lossy(line))?;
        cut(f, is_cut)?;
    }
    Ok(())
}

/// Whether a web client or server says so: a request or a status line.
fn is_http(line: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] =
        [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];
    let mut words = line.split(|byte| *byte == b' ');
    let is_status = |word: &[u8]| word.len() == 3 && word.iter().all(u8::is_ascii_digit);
    METHODS.contains(&words.next().unwrap_or_default()) || words.next().is_some_and(is_status)
}

/// The lines of a text without their ends, and whether the end is missing.
fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], bool)> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| match line.strip_suffix(b"\n") {
        Some(line) => (line.strip_suffix(b"\r").unwrap_or(line), false),
        None => (line, true),
    })
}

fn is_text(line: &[u8]) -> bool {
    line.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t'))
}
