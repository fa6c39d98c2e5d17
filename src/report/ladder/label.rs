//! A frame in few words.

use crate::trace::brief;

/// What tcpdump says of a frame, as short as it can be said beside an arrow: "SYN 10.0.0.5.40001 > 10.0.0.100.80".
pub(super) fn short(line: &str) -> String {
    let line = brief(line).replacen("ARP, Request ", "ARP ", 1).replacen("ARP, Reply ", "ARP ", 1);
    let Some((ends, rest)) = line.split_once(": Flags [") else { return line };
    let Some((flags, rest)) = rest.split_once(']') else { return line };
    let length = rest.rsplit_once("length ").map(|(_, text)| text);
    let length = length.map(|text| text.chars().take_while(char::is_ascii_digit).collect::<String>());
    let length = length.filter(|length| !length.is_empty() && length != "0");
    let mut words: Vec<_> = flags.chars().filter_map(word).collect();
    match length {
        Some(length) => {
            words.retain(|word| *word != "ACK");
            words.push("data");
            format!("{} {ends}, {length} bytes", words.join(" "))
        }
        None => format!("{} {ends}", words.join(" ")),
    }
}

const fn word(flag: char) -> Option<&'static str> {
    match flag {
        'S' => Some("SYN"),
        'F' => Some("FIN"),
        'R' => Some("RST"),
        '.' => Some("ACK"),
        'U' => Some("URG"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn segments_are_named() {
        let short = |flags: &str, rest: &str| short(&format!("IP 10.0.0.5.4 > 10.0.0.1.80: Flags [{flags}], {rest}"));
        assert_eq!(short("S", "seq 1, win 64240, options [mss 1460], length 0"), "SYN 10.0.0.5.4 > 10.0.0.1.80");
        assert_eq!(short("S.", "seq 1, ack 2, win 3, length 0"), "SYN ACK 10.0.0.5.4 > 10.0.0.1.80");
        assert_eq!(short("P.", "seq 1:84, ack 1, win 3, length 83"), "data 10.0.0.5.4 > 10.0.0.1.80, 83 bytes");
        assert_eq!(short("F.", "seq 1, ack 1, win 3, length 0"), "FIN ACK 10.0.0.5.4 > 10.0.0.1.80");
    }
}
