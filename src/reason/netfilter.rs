use std::fmt;

/// What a rule of iptables, or a chain's policy, did to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The table.
    pub table: &'static str,
    /// The chain.
    pub chain: String,
    /// The rule's number, from 1, and the rule as it would be typed; none if it was the chain's policy.
    pub rule: Option<(usize, String)>,
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ruling { table, chain, rule } = self;
        match rule {
            Some((number, text)) => write!(f, "rule {number} of iptables' {table} {chain}: {text}"),
            None => write!(f, "no rule of iptables' {table} {chain} accepts it, and the policy is DROP"),
        }
    }
}
