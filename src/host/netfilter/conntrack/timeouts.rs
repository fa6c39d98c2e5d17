//! How long connections are remembered: net.netfilter.nf_conntrack_*.

use super::tcp::State;
use crate::host::sysctl::Sysctl;
use crate::time::Span;

/// A host's settings of the tracker, read once for many packets.
#[derive(Clone, Debug, Default)]
pub struct Timeouts {
    /// At which state of the settings they were read.
    read_at: Option<u64>,
    tcp: [Span; 10],
    /// While data or a picked up connection waits for an acknowledgement.
    pub(super) tcp_unacknowledged: Span,
    pub(super) udp: Span,
    pub(super) udp_stream: Span,
    pub(super) icmp: Span,
    pub(super) generic: Span,
    /// nf_conntrack_tcp_loose
    pub(super) takes_up_running: bool,
    /// The most connections at a time; 0 for no limit.
    pub(super) max: usize,
}

impl Timeouts {
    /// Reads the settings again if they have changed.
    pub fn refresh(&mut self, sysctl: &Sysctl) {
        if self.read_at == Some(sysctl.changes()) {
            return;
        }
        self.read_at = Some(sysctl.changes());
        let number = |name: &str| sysctl.number(&format!("net.netfilter.nf_conntrack_{name}")).max(0) as u64;
        let seconds = |name: &str| Span::from_secs(number(&format!("{name}timeout")));
        let tcp = |name: &str| Span::from_secs(number(&format!("tcp_timeout_{name}")));
        self.tcp[State::SynSent as usize] = tcp("syn_sent");
        self.tcp[State::SynRecv as usize] = tcp("syn_recv");
        self.tcp[State::Established as usize] = tcp("established");
        self.tcp[State::FinWait as usize] = tcp("fin_wait");
        self.tcp[State::CloseWait as usize] = tcp("close_wait");
        self.tcp[State::LastAck as usize] = tcp("last_ack");
        self.tcp[State::TimeWait as usize] = tcp("time_wait");
        self.tcp[State::Close as usize] = tcp("close");
        // The kernel gives a simultaneous opening the time of a SYN, too.
        self.tcp[State::SynSent2 as usize] = tcp("syn_sent");
        self.tcp_unacknowledged = tcp("unacknowledged");
        self.udp = seconds("udp_");
        self.udp_stream = Span::from_secs(number("udp_timeout_stream"));
        self.icmp = seconds("icmp_");
        self.generic = seconds("generic_");
        self.takes_up_running = number("tcp_loose") != 0;
        self.max = number("max") as usize;
    }

    pub(super) fn tcp(&self, state: State) -> Span {
        self.tcp[state as usize]
    }
}
