//! What ping counts, and its last lines.

use rustc_hash::FxHashSet;

use crate::time::Span;

/// The counts of one run.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    /// Packets sent, those that failed included.
    pub sent: u64,
    /// Packets answered.
    pub received: u64,
    /// Answers to packets that had been answered.
    pub repeated: u64,
    /// Errors that came back.
    pub errors: u64,
    answered: FxHashSet<u16>,
    acknowledged: u16,
    pipe: u16,
    trips: Trips,
}

/// Round trips, in microseconds.
#[derive(Debug, Default)]
struct Trips {
    count: u64,
    least: u64,
    most: u64,
    sum: u64,
    sum_of_squares: u128,
    /// Eight times the moving average.
    smoothed: u64,
}

impl Statistics {
    /// The sequence number of the packet that comes next.
    pub fn next_sequence(&self) -> u16 {
        (self.sent as u16).wrapping_add(1)
    }

    /// A packet has been sent.
    pub fn sent(&mut self) {
        self.answered.remove(&self.next_sequence());
        self.sent += 1;
    }

    /// The number of the last packet, if there is no answer to it.
    pub fn last_unanswered(&self) -> Option<u64> {
        (self.sent > 0 && !self.answered.contains(&(self.sent as u16))).then_some(self.sent)
    }

    /// in_flight: how many packets may still be answered.
    pub fn in_flight(&self) -> u64 {
        let behind = (self.sent as u16).wrapping_sub(self.acknowledged);
        if behind <= 0x7fff { behind.into() } else { self.sent.saturating_sub(self.received + self.errors) }
    }

    /// Something has come back about this packet.
    pub fn acknowledge(&mut self, sequence: u16) {
        let sent = self.sent as u16;
        let behind = sent.wrapping_sub(sequence);
        if behind > 0x7fff {
            return;
        }
        self.pipe = self.pipe.max(behind + 1);
        let is_later = sequence.wrapping_sub(self.acknowledged) as i16 > 0;
        if is_later || sent.wrapping_sub(self.acknowledged) > 0x7fff {
            self.acknowledged = sequence;
        }
    }

    /// This packet has been answered after so long, if that can be told. True if it had been before.
    pub fn received(&mut self, sequence: u16, trip: Option<Span>) -> bool {
        self.acknowledge(sequence);
        if let Some(trip) = trip {
            self.trips.add(trip.as_nanos() / 1000);
        }
        let is_first = self.answered.insert(sequence);
        if is_first {
            self.received += 1;
        } else {
            self.repeated += 1;
        }
        !is_first
    }

    /// The longest round trip so far.
    pub fn slowest(&self) -> Span {
        Span::from_micros(self.trips.most)
    }

    /// The moving average of the round trips, if there are any.
    pub fn smoothed(&self) -> Option<Span> {
        (self.trips.count > 0).then(|| Span::from_micros(self.trips.smoothed / 8))
    }

    /// finish: the last lines; `span` is from the first packet sent to the last.
    pub fn summary(&self, name: &str, span: Span, is_flood: bool) -> String {
        let Statistics { sent, received, repeated, errors, .. } = self;
        let mut text = format!("\n--- {name} ping statistics ---\n{sent} packets transmitted, {received} received");
        if *repeated > 0 {
            text += &format!(", +{repeated} duplicates");
        }
        if *errors > 0 {
            text += &format!(", +{errors} errors");
        }
        if *sent > 0 {
            let loss = sent.saturating_sub(*received) as f64 * 100.0 / *sent as f64;
            let millis = (span.as_nanos() + 500_000) / 1_000_000;
            text += &format!(", {}% packet loss, time {millis}ms", significant(loss));
        }
        text.push('\n');
        let mut details = Vec::new();
        if *received > 0 && self.trips.count > 0 {
            details.push(self.trips.summary());
        }
        if self.pipe > 1 {
            details.push(format!("pipe {}", self.pipe));
        }
        if *received > 0 && is_flood && *sent > 1 {
            let gap = span.as_nanos() / 1000 / (sent - 1);
            details.push(format!("ipg/ewma {}/{} ms", millis(gap), millis(self.trips.smoothed / 8)));
        }
        text + &details.join(", ") + "\n"
    }
}

impl Trips {
    fn add(&mut self, micros: u64) {
        self.least = if self.count == 0 { micros } else { self.least.min(micros) };
        self.most = self.most.max(micros);
        self.count += 1;
        self.sum += micros;
        self.sum_of_squares += u128::from(micros) * u128::from(micros);
        self.smoothed = if self.smoothed == 0 { micros * 8 } else { self.smoothed + micros - self.smoothed / 8 };
    }

    fn summary(&self) -> String {
        let (count, sum) = (u128::from(self.count), u128::from(self.sum));
        let average = self.sum / self.count;
        let variance = (self.sum_of_squares - sum * sum / count) / count;
        let deviation = variance.isqrt() as u64;
        let shown: Vec<String> = [self.least, average, self.most, deviation].map(millis).to_vec();
        format!("rtt min/avg/max/mdev = {} ms", shown.join("/"))
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

/// A round trip in milliseconds, with three significant digits.
pub(super) fn shown(trip: Span) -> String {
    let micros = trip.as_nanos() / 1000;
    match micros {
        99_950.. => format!("{}", (micros + 500) / 1000),
        9_995.. => format!("{}.{}", (micros + 50) / 1000, (micros + 50) % 1000 / 100),
        1_000.. => format!("{}.{:02}", (micros + 5) / 1000, (micros + 5) % 1000 / 10),
        _ => millis(micros),
    }
}

/// A number as C's `%g` writes it: six significant digits, no zeros at the end.
fn significant(number: f64) -> String {
    let whole_digits = if number < 1.0 { 1 } else { number.log10() as usize + 1 };
    let text = format!("{number:.*}", 6_usize.saturating_sub(whole_digits));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_have_three_digits() {
        let shown = |micros| shown(Span::from_micros(micros));
        let all = [9, 771, 1_000, 3_104, 9_994, 9_995, 12_944, 99_949, 99_950, 1_234_567].map(shown);
        assert_eq!(
            all,
            ["0.009", "0.771", "1.00", "3.10", "9.99", "10.0", "12.9", "99.9", "100", "1235"].map(str::to_owned)
        );
    }

    #[test]
    fn loss_is_written_as_c_does() {
        assert_eq!(
            [100.0, 0.0, 100.0 / 3.0, 12.5].map(significant),
            ["100", "0", "33.3333", "12.5"].map(str::to_owned)
        );
    }

    #[test]
    fn summaries() {
        let mut two = Statistics::default();
        two.sent();
        two.received(1, Some(Span::from_micros(8_312)));
        two.sent();
        two.received(2, Some(Span::from_micros(771)));
        insta::assert_snapshot!(two.summary("10.0.0.2", Span::from_millis(503), false), @"

        --- 10.0.0.2 ping statistics ---
        2 packets transmitted, 2 received, 0% packet loss, time 503ms
        rtt min/avg/max/mdev = 0.771/4.541/8.312/3.770 ms
        ");
        let mut none = Statistics::default();
        (0..3).for_each(|_| none.sent());
        for sequence in 1..=3 {
            none.acknowledge(sequence);
            none.errors += 1;
        }
        insta::assert_snapshot!(none.summary("10.9.0.2", Span::from_millis(2019), false), @"

        --- 10.9.0.2 ping statistics ---
        3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2019ms
        pipe 3
        ");
    }
}
