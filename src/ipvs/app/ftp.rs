//! What FTP's control connection says about data connections: ip_vs_ftp.c; RFC 959 and RFC 2428.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

/// How the next data connection will be opened, as far as the client has said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// By the server.
    #[default]
    Active,
    /// By the client, after PASV.
    Passive,
    /// By the client, after EPSV.
    ExtendedPassive,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// PASV or EPSV: the server is to name a port.
    Passive(Mode),
    /// PORT or EPRT: the server is to open a connection to this end.
    Active(SocketAddrV4),
}

/// An end of a connection, and where the text that names it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub end: SocketAddrV4,
    pub place: Range<usize>,
}

/// What a client's segment asks for (ip_vs_ftp_in). PASV and EPSV are found anywhere in it, the others at its beginning.
pub(super) fn command(data: &[u8]) -> Option<Command> {
    for at in 0..data.len().saturating_sub(5) {
        let rest = &data[at..];
        if starts_with(rest, b"PASV\r\n") {
            return Some(Command::Passive(Mode::Passive));
        }
        if starts_with(rest, b"EPSV") && matches!(rest[4], b' ' | b'\r') {
            // 1 is IPv4; a client that names another family, or says EPSV ALL, gets no help.
            let is_ours = rest[4] == b'\r' || matches!(rest, [_, _, _, _, _, b'1', b'\r', ..]);
            return is_ours.then_some(Command::Passive(Mode::ExtendedPassive));
        }
    }
    let named = classic(data, b"PORT", b' ').or_else(|| extended(data, b"EPRT", b' ', None))?;
    Some(Command::Active(named.end))
}

/// The end that a server's segment names for the connection that the client is to open (ip_vs_ftp_out).
pub(super) fn announcement(data: &[u8], mode: Mode, server: Ipv4Addr) -> Option<Named> {
    match mode {
        Mode::Active => None,
        Mode::Passive => classic(data, b"227 ", b'('),
        Mode::ExtendedPassive => extended(data, b"229 ", b'(', Some(server)),
    }
}

/// The text that names another end instead.
pub(super) fn text(mode: Mode, end: SocketAddrV4) -> String {
    match mode {
        // The client takes the address of the control connection.
        Mode::ExtendedPassive => format!("|||{}|", end.port()),
        Mode::Active | Mode::Passive => {
            let ([a, b, c, d], [high, low]) = (end.ip().octets(), end.port().to_be_bytes());
            format!("{a},{b},{c},{d},{high},{low}")
        }
    }
}

fn starts_with(data: &[u8], word: &[u8]) -> bool {
    data.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Where the name begins: behind the word and what opens it.
fn opened(data: &[u8], word: &[u8], opening: u8, or_digit: bool) -> Option<usize> {
    if !starts_with(data, word) {
        return None;
    }
    let mut found = false;
    let at = data[word.len()..].iter().position(|&byte| {
        let is_opening = byte == opening;
        let begins = if found { !is_opening } else { or_digit && byte.is_ascii_digit() };
        found |= is_opening;
        begins
    })?;
    Some(word.len() + at)
}

/// h1,h2,h3,h4,p1,p2. Like the kernel, it takes numbers modulo 256, and wants to see what follows the last.
fn classic(data: &[u8], word: &[u8], opening: u8) -> Option<Named> {
    let start = opened(data, word, opening, true)?;
    let (mut bytes, mut index) = ([0_u8; 6], 0);
    for (at, &byte) in data.iter().enumerate().skip(start) {
        match byte {
            b'0'..=b'9' => bytes[index] = bytes[index].wrapping_mul(10).wrapping_add(byte - b'0'),
            b',' if index < 5 => index += 1,
            _ if index < 5 => return None,
            _ => {
                let [a, b, c, d, high, low] = bytes;
                let end = SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low]));
                return Some(Named { end, place: start..at });
            }
        }
    }
    None
}

/// |1|address|port|, with any visible character for the bar. Only a server may leave the address out: it is `own` then.
fn extended(data: &[u8], word: &[u8], opening: u8, own: Option<Ipv4Addr>) -> Option<Named> {
    let start = opened(data, word, opening, false)?;
    let bar = *data.get(start).filter(|bar| bar.is_ascii_graphic())?;
    let parts: Vec<&[u8]> = data[start..].splitn(5, |&byte| byte == bar).collect();
    let [b"", family, address, port, _] = parts[..] else { return None };
    let address = match (family, address, own) {
        (b"", b"", Some(own)) => own,
        (b"1", address, _) => std::str::from_utf8(address).ok()?.parse().ok()?,
        _ => return None,
    };
    if !port.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = port.iter().fold(0_u16, |sum, digit| sum.wrapping_mul(10).wrapping_add(u16::from(digit - b'0')));
    let len = parts[..4].iter().map(|part| part.len() + 1).sum::<usize>();
    (number != 0).then(|| Named { end: SocketAddrV4::new(address, number), place: start..start + len })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RIP: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);

    fn active(line: &str) -> Option<SocketAddrV4> {
        match command(line.as_bytes()) {
            Some(Command::Active(end)) => Some(end),
            _ => None,
        }
    }

    fn named(line: &str, mode: Mode) -> Option<(SocketAddrV4, &str)> {
        let named = announcement(line.as_bytes(), mode, RIP)?;
        Some((named.end, &line[named.place]))
    }

    #[test]
    fn commands_of_clients() {
        let passive = Some(Command::Passive(Mode::Passive));
        let extended = Some(Command::Passive(Mode::ExtendedPassive));
        assert_eq!(command(b"PASV\r\n"), passive);
        assert_eq!(command(b"TYPE I\r\npasv\r\n"), passive);
        assert_eq!(command(b"PASV\n"), None);
        assert_eq!(command(b"EPSV\r\n"), extended);
        assert_eq!(command(b"epsv 1\r\n"), extended);
        assert_eq!(command(b"EPSV 2\r\n"), None);
        assert_eq!(command(b"EPSV ALL\r\n"), None);
        let end = Some(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 5), 0x8901));
        assert_eq!(active("PORT 10,0,0,5,137,1\r\n"), end);
        assert_eq!(active("port  10,0,0,5,137,1\r\n"), end);
        assert_eq!(active("PORT 10,0,0,5,137,1"), None);
        assert_eq!(active("PORT 10,0,0,5,137\r\n"), None);
        assert_eq!(active("EPRT |1|10.0.0.5|35073|\r\n"), end);
        assert_eq!(active("EPRT !1!10.0.0.5!35073!\r\n"), end);
        assert_eq!(active("EPRT |2|::1|35073|\r\n"), None);
        assert_eq!(active("EPRT |||35073|\r\n"), None);
        assert_eq!(active("EPRT |1|10.0.0.5|0|\r\n"), None);
        assert_eq!(active("NOOP\r\n"), None);
    }

    #[test]
    fn answers_of_servers() {
        let end = SocketAddrV4::new(RIP, 30021);
        let passive = "227 Entering Passive Mode (192,168,10,2,117,69).\r\n";
        assert_eq!(named(passive, Mode::Passive), Some((end, "192,168,10,2,117,69")));
        assert_eq!(named("227 =192,168,10,2,117,69\r\n", Mode::Passive), Some((end, "192,168,10,2,117,69")));
        assert_eq!(named(passive, Mode::Active), None);
        assert_eq!(named(passive, Mode::ExtendedPassive), None);
        let extended = "229 Entering Extended Passive Mode (|||30021|)\r\n";
        assert_eq!(named(extended, Mode::ExtendedPassive), Some((end, "|||30021|")));
        let other = SocketAddrV4::new(Ipv4Addr::new(10, 9, 9, 9), 30021);
        assert_eq!(named("229 (|1|10.9.9.9|30021|)", Mode::ExtendedPassive), Some((other, "|1|10.9.9.9|30021|")));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(address: [u8; 4], port in 1_u16.., extended: bool) {
            let end = SocketAddrV4::new(address.into(), port);
            let mode = if extended { Mode::ExtendedPassive } else { Mode::Passive };
            let code = if extended { "229" } else { "227" };
            let text = text(mode, end);
            let line = format!("{code} Somehow ({text})\r\n");
            prop_assert_eq!(named(&line, mode).map(|(end, _)| end.port()), Some(port));
            prop_assert_eq!(named(&line, mode).map(|(_, text)| text.to_owned()), Some(text));
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..60), word in 0_usize..6) {
            let words: [&[u8]; 6] = [b"", b"PORT ", b"EPRT |", b"EPSV", b"227 (", b"229 (|"];
            let data = [words[word], &bytes].concat();
            command(&data);
            for mode in [Mode::Passive, Mode::ExtendedPassive] {
                if let Some(named) = announcement(&data, mode, RIP) {
                    prop_assert!(named.place.end <= data.len());
                }
            }
        }
    }
}
