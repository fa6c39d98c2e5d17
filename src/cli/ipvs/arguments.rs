//! What the arguments of `lvslab ipvs pick` mean, and what is said of those that mean nothing.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use crate::ipvs::ServiceKey;
use crate::random::{self, Stream};
use crate::scenario::parse_time;
use crate::time::Span;
use crate::wire::proto;

/// The largest weight that ipvsadm takes.
const MAX_WEIGHT: i32 = 65535;

/// Where clients knock: ADDRESS:PORT, perhaps /tcp or /udp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    pub endpoint: SocketAddrV4,
    pub protocol: u8,
}

impl Service {
    pub fn key(self) -> ServiceKey {
        ServiceKey::Address { protocol: self.protocol, address: *self.endpoint.ip(), port: self.endpoint.port() }
    }
}

/// How long connections stay open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    length: Length,
    /// The length is a mean, and each connection's own is drawn from the exponential distribution.
    is_exponential: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Requests(u64),
    Time(Span),
    Endless,
}

impl Hold {
    /// Connections end as soon as they are open.
    pub const NONE: Hold = Hold { length: Length::Requests(0), is_exponential: false };

    /// How long the next connection stays open, if requests come `gap` apart; none: until the end.
    pub fn draw(self, gap: Span, stream: &mut Stream) -> Option<Span> {
        let length = match self.length {
            Length::Requests(requests) => gap.times(requests),
            Length::Time(time) => time,
            Length::Endless => return None,
        };
        if !self.is_exponential {
            return Some(length);
        }
        Some(Span::from_nanos(random::exponential(stream, length.as_nanos())))
    }
}

/// A real server as typed: ADDRESS, perhaps =WEIGHT.
pub fn parse_server(text: &str) -> Result<(Ipv4Addr, i32), String> {
    let (address, weight) = match text.split_once('=') {
        None => (text, 1),
        Some((address, weight)) => (address, parse_weight(weight)?),
    };
    if address.contains(':') {
        return Err("a server has the port of the service: only its address is expected".to_owned());
    }
    Ok((parse_address(address)?, weight))
}

fn parse_weight(text: &str) -> Result<i32, String> {
    let weight = text.parse().ok().filter(|weight| (0..=MAX_WEIGHT).contains(weight));
    weight.ok_or_else(|| format!("\"{text}\" is no weight: whole numbers from 0 to {MAX_WEIGHT} are"))
}

fn parse_port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("\"{text}\" is no port: whole numbers from 1 to 65535 are"))
}

fn parse_address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no IPv4 address"))
}

pub fn parse_service(text: &str) -> Result<Service, String> {
    let (endpoint, protocol) = match text.split_once('/') {
        None | Some((_, "tcp")) => (text.trim_end_matches("/tcp"), proto::TCP),
        Some((endpoint, "udp")) => (endpoint, proto::UDP),
        Some((_, other)) => return Err(format!("\"{other}\" is no protocol here: tcp and udp are")),
    };
    let (address, port) = endpoint.split_once(':').ok_or("a port is missing, as in 192.168.1.200:80")?;
    Ok(Service { endpoint: SocketAddrV4::new(parse_address(address)?, parse_port(port)?), protocol })
}

pub fn parse_clients(text: &str) -> Result<Ipv4Net, String> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Ipv4Net::from(address));
    }
    text.parse().map_err(|_| "an address or a prefix is expected, like 10.9.0.7 or 10.9.0.0/24".to_owned())
}

pub fn parse_hold(text: &str) -> Result<Hold, String> {
    let (length, is_exponential) = match text.strip_prefix("exp:") {
        Some(mean) => (mean, true),
        None => (text, false),
    };
    let length = match length.parse() {
        Ok(requests) => Some(Length::Requests(requests)),
        Err(_) if text == "forever" => Some(Length::Endless),
        Err(_) => parse_time(length).map(Length::Time),
    };
    let length = length.ok_or(
        "a number of requests (20), a time (1.5s), either as the mean of a distribution (exp:20, exp:1.5s), or \
         \"forever\" is expected",
    )?;
    Ok(Hold { length, is_exponential })
}

/// The time between two requests.
pub fn parse_rate(text: &str) -> Result<Span, String> {
    let rate: Option<f64> = text.strip_suffix("/s").unwrap_or(text).parse().ok();
    let rate = rate.filter(|rate| (0.001..=1e9).contains(rate));
    let rate = rate.ok_or("a number of requests a second is expected, like 100 or 100/s")?;
    Ok(Span::from_secs_f64(1.0 / rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        let server = |weight| Ok(([10, 0, 0, 1].into(), weight));
        assert_eq!(parse_server("10.0.0.1"), server(1));
        assert_eq!(parse_server("10.0.0.1=0"), server(0));
        assert_eq!(parse_server("10.0.0.1=65535"), server(65535));
        for bad in ["", "10.0.0", "10.0.0.1=", "10.0.0.1=-1", "10.0.0.1=65536", "10.0.0.1:80"] {
            assert!(parse_server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn services() {
        let service = |protocol| Ok(Service { endpoint: "10.0.0.100:53".parse().unwrap(), protocol });
        assert_eq!(parse_service("10.0.0.100:53"), service(proto::TCP));
        assert_eq!(parse_service("10.0.0.100:53/tcp"), service(proto::TCP));
        assert_eq!(parse_service("10.0.0.100:53/udp"), service(proto::UDP));
        for bad in ["", "10.0.0.100", "10.0.0.100:0", "10.0.0.100:53/icmp", "10.0.0.100:53/"] {
            assert!(parse_service(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn holds() {
        let mut stream = random::stream(1, "hold", "test");
        let gap = Span::from_millis(10);
        let mut drawn = |text| parse_hold(text).unwrap().draw(gap, &mut stream);
        assert_eq!(drawn("20"), Some(Span::from_millis(200)));
        assert_eq!(drawn("1.5s"), Some(Span::from_millis(1500)));
        assert_eq!(drawn("forever"), None);
        assert_ne!(drawn("exp:20"), drawn("exp:20"));
        for bad in ["", "-1", "exp:", "exp:forever", "20x"] {
            assert!(parse_hold(bad).is_err(), "{bad}");
        }
    }
}
