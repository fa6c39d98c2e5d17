//! TCP's numbers after a segment has become longer or shorter on its way: nf_conntrack_seqadj.c.
//!
//! IPVS has numbers of its own for this (struct ip_vs_seq), which no helper uses any more: ip_vs_ftp leaves it to
//! connection tracking.

/// By how much one direction's sequence numbers are off for whoever receives them (struct nf_ct_seqadj).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Offset {
    /// The beginning of the last segment that changed its length.
    changed_at: u32,
    /// How far the numbers up to it are shifted, modulo 2^32,
    before: u32,
    /// and those behind it.
    after: u32,
}

impl Offset {
    /// A number in the sender's own count, as the receiver is to see it.
    fn shift(self, number: u32) -> u32 {
        let is_behind = is_after(number, self.changed_at);
        number.wrapping_add(if is_behind { self.after } else { self.before })
    }

    /// A number in the receiver's count, as the sender knows it.
    fn shift_back(self, number: u32) -> u32 {
        let is_behind = is_after(number.wrapping_sub(self.before), self.changed_at);
        number.wrapping_sub(if is_behind { self.after } else { self.before })
    }

    /// A segment at this number has grown by so much (nf_ct_seqadj_set).
    fn change(&mut self, at: u32, by: i32) {
        if self.before == self.after || is_after(at, self.changed_at) {
            *self = Offset { changed_at: at, before: self.after, after: self.after.wrapping_add_signed(by) };
        }
    }
}

/// The kernel's after(): later in the circle of numbers.
fn is_after(number: u32, other: u32) -> bool {
    (other.wrapping_sub(number) as i32) < 0
}

/// How both ends of a connection have to be told each other's numbers. Only servers' segments are ever changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers(Offset);

impl Numbers {
    /// Whether any number is to be changed.
    pub(super) fn is_needed(self) -> bool {
        self.0.before != 0 || self.0.after != 0
    }

    /// A segment of the server that begins with this number has grown by so much.
    pub(super) fn grow(&mut self, at: u32, by: i32) {
        if by != 0 {
            self.0.change(at, by);
        }
    }

    /// A sequence number of the server, for the client.
    pub fn sequence(self, number: u32) -> u32 {
        self.0.shift(number)
    }

    /// What the client acknowledges, for the server.
    pub fn acknowledgement(self, number: u32) -> u32 {
        self.0.shift_back(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_behind_a_longer_segment_is_shifted() {
        let mut numbers = Numbers::default();
        assert!(!numbers.is_needed());
        // A segment of 20 bytes at 1000 has become one of 23.
        numbers.grow(1000, 3);
        assert_eq!((numbers.sequence(1000), numbers.sequence(1020)), (1000, 1023));
        assert_eq!((numbers.acknowledgement(1000), numbers.acknowledgement(1023)), (1000, 1020));
        // The next one, of 10 bytes, loses two.
        numbers.grow(1020, -2);
        assert_eq!((numbers.sequence(1020), numbers.sequence(1030)), (1023, 1031));
        assert_eq!((numbers.acknowledgement(1023), numbers.acknowledgement(1031)), (1020, 1030));
    }

    #[test]
    fn a_retransmission_does_not_count_twice() {
        let mut numbers = Numbers::default();
        numbers.grow(1000, 3);
        numbers.grow(1000, 3);
        assert_eq!(numbers.sequence(1020), 1023);
        numbers.grow(2000, 0);
        assert_eq!(numbers.sequence(1020), 1023);
    }

    proptest! {
        /// The ends of segments, which are what is acknowledged, come back as they were, wherever the count begins.
        #[test]
        fn acknowledgements_come_back(start: u32, segments in prop::collection::vec((20_u32..200, -10_i32..10), 1..20)) {
            let mut numbers = Numbers::default();
            let mut at = start;
            for (length, by) in segments {
                numbers.grow(at, by);
                at = at.wrapping_add(length);
                let seen = numbers.sequence(at);
                prop_assert_eq!(numbers.acknowledgement(seen), at);
            }
        }
    }
}
