//! What TCP counts, under the names of /proc/net/snmp and /proc/net/netstat as `nstat` joins them.

use crate::host::counters::counters;

counters! {
    /// TCP's counters since the host was switched on.
    TcpCounters {
        /// Connections that this host began to open.
        active_opens => "TcpActiveOpens",
        /// Connections that were opened to this host.
        passive_opens => "TcpPassiveOpens",
        /// Attempts in either direction that failed.
        attempt_fails => "TcpAttemptFails",
        /// Standing connections that were reset.
        established_resets => "TcpEstabResets",
        /// Segments received.
        in_segments => "TcpInSegs",
        /// Segments sent, without retransmissions and resets.
        out_segments => "TcpOutSegs",
        /// Segments retransmitted.
        retransmitted => "TcpRetransSegs",
        /// Segments received with an error.
        in_errors => "TcpInErrs",
        /// Resets sent.
        out_resets => "TcpOutRsts",
        /// Segments received with a wrong checksum.
        checksum_errors => "TcpInCsumErrors",
        /// Half-open connections that were reset.
        embryonic_resets => "TcpExtEmbryonicRsts",
        /// ICMP errors about segments that are not in flight.
        foreign_errors => "TcpExtOutOfWindowIcmps",
        /// Connections that ended in TIME_WAIT.
        time_waits => "TcpExtTW",
        /// Segments refused because of an old timestamp.
        old_timestamps => "TcpExtPAWSEstab",
        /// Acknowledgements sent by the delayed-acknowledgement timer.
        delayed_acks => "TcpExtDelayedACKs",
        /// Acknowledgements that seem to have been lost, since the data came again.
        delayed_acks_lost => "TcpExtDelayedACKLost",
        /// Connections refused since too many waited to be accepted.
        listen_overflows => "TcpExtListenOverflows",
        /// SYNs and acknowledgements that a listening socket has dropped.
        listen_drops => "TcpExtListenDrops",
        /// Recoveries by selective acknowledgements.
        sack_recoveries => "TcpExtTCPSackRecovery",
        /// Recoveries by duplicate acknowledgements alone.
        reno_recoveries => "TcpExtTCPRenoRecovery",
        /// Segments retransmitted in a recovery.
        fast_retransmitted => "TcpExtTCPFastRetrans",
        /// Expired retransmission timers.
        timeouts => "TcpExtTCPTimeouts",
        /// Tail loss probes.
        loss_probes => "TcpExtTCPLossProbes",
        /// Resets because of data for a closed socket.
        aborted_on_data => "TcpExtTCPAbortOnData",
        /// Resets because a socket was closed with unread data.
        aborted_on_close => "TcpExtTCPAbortOnClose",
        /// Connections given up for want of an answer.
        aborted_on_timeout => "TcpExtTCPAbortOnTimeout",
        /// Challenge acknowledgements (RFC 5961).
        challenge_acks => "TcpExtTCPChallengeACK",
        /// SYNs and SYN+ACKs retransmitted.
        syn_retransmitted => "TcpExtTCPSynRetrans",
        /// SYNs dropped since too many connections were half open.
        request_queue_drops => "TcpExtTCPReqQFullDrop",
    }
}
