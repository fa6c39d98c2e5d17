//! What curl tells about a transfer: --write-out and the progress meter.

use super::Failure;
use super::transfer::Transfer;
use crate::shell::language::{Escape, escape};

/// The text of a --write-out format, and complaints about variables that do not exist.
pub(super) fn format(format: &str, transfer: &Transfer<'_>, failure: Option<&Failure>) -> (String, String) {
    let (mut text, mut complaints) = (String::new(), String::new());
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        text.push_str(&rest[..at]);
        let sign = &rest[at..=at];
        rest = &rest[at + 1..];
        let braced = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        match (sign, braced) {
            ("%", Some((name, behind))) => {
                match variable(name, transfer, failure) {
                    Some(value) => text.push_str(&value),
                    None => complaints.push_str(&format!("curl: unknown --write-out variable: '{name}'\n")),
                }
                rest = behind;
            }
            ("%", None) => {
                text.push('%');
                rest = rest.strip_prefix('%').unwrap_or(rest);
            }
            _ => match (rest.chars().next(), escape(rest)) {
                // Only these three are known to curl.
                (Some('n' | 'r' | 't'), (Escape::Char(c), len)) => {
                    text.push(c);
                    rest = &rest[len..];
                }
                _ => text.push('\\'),
            },
        }
    }
    (text + rest, complaints)
}

fn variable(name: &str, transfer: &Transfer<'_>, failure: Option<&Failure>) -> Option<String> {
    let seconds = |until| format!("{:.6}", transfer.seconds_until(until));
    let total = transfer.seconds_until(Some(transfer.now()));
    let size = transfer.body_bytes;
    Some(match name {
        "http_code" | "response_code" => format!("{:03}", transfer.code),
        "time_namelookup" => seconds(transfer.resolved),
        "time_connect" => seconds(transfer.connected),
        "time_appconnect" | "time_redirect" => "0.000000".to_owned(),
        "time_pretransfer" => seconds(transfer.connected),
        "time_starttransfer" => seconds(transfer.first_byte),
        "time_total" => format!("{total:.6}"),
        "remote_ip" => transfer.remote.map(|end| end.ip().to_string()).unwrap_or_default(),
        "remote_port" => transfer.remote.map_or(0, |end| end.port()).to_string(),
        "local_ip" => transfer.local.map(|end| end.ip().to_string()).unwrap_or_default(),
        "local_port" => transfer.local.map_or(0, |end| end.port()).to_string(),
        "size_download" => size.to_string(),
        "size_upload" | "num_redirects" | "ssl_verify_result" | "http_connect" => "0".to_owned(),
        "size_header" => transfer.header_bytes.to_string(),
        "size_request" => transfer.request_bytes.to_string(),
        "speed_download" => speed(size, total).to_string(),
        "speed_upload" => "0".to_owned(),
        "num_connects" => transfer.connections.to_string(),
        "url_effective" | "url" => transfer.url.clone(),
        "content_type" => transfer.header("content-type").unwrap_or_default().to_owned(),
        "method" => transfer.method(),
        "scheme" => if transfer.is_http() { "HTTP" } else { "FTP" }.to_owned(),
        "http_version" => match transfer.headers.split([' ', '\r']).next() {
            Some("HTTP/1.0") => "1",
            Some("HTTP/1.1") => "1.1",
            _ => "0",
        }
        .to_owned(),
        "exitcode" => failure.map_or(0, |failure| failure.code).to_string(),
        "errormsg" => failure.map(|failure| failure.message.clone()).unwrap_or_default(),
        "ftp_entry_path" if !transfer.is_http() => "/".to_owned(),
        "filename_effective" | "redirect_url" | "ftp_entry_path" | "referer" => String::new(),
        _ => return None,
    })
}

fn speed(bytes: usize, seconds: f64) -> u64 {
    if seconds > 0.0 { (bytes as f64 / seconds) as u64 } else { 0 }
}

/// The progress meter, as it stands at the end of a transfer.
pub(super) fn meter(transfer: &Transfer<'_>) -> String {
    const HEAD: &str = "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                                 Dload  Upload   Total   Spent    Left  Speed\n";
    const EMPTY: &str = "\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0";
    let size = transfer.body_bytes;
    let total = transfer.seconds_until(Some(transfer.now()));
    let spent = match total as u64 {
        0 => "--:--:--".to_owned(),
        seconds => format!("{:2}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    };
    let percent = if size > 0 { 100 } else { 0 };
    let rate = speed(size, total).min(99_999);
    let line = format!(
        "\r{percent:3} {size:5}  {percent:3} {size:5}    0     0  {rate:5}      0 --:--:-- {spent} --:--:-- {rate:5}\n"
    );
    format!("{HEAD}{EMPTY}{line}")
}
