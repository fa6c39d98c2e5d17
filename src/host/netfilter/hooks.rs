//! A packet's way through a hook: nf_hook_slow, with the functions of nf_tables, the tracker, the translator and IPVS in
//! the order of their priorities (enum nf_ip_hook_priorities).

use super::conntrack::{Refused, States, Tracked};
use super::rule::{Target, TcpMss};
use super::table::{ChainId, Outcome};
use super::view::View;
use super::{FILTER, Hook, MANGLE, Netfilter, RAW, Way, ruling};
use smallvec::SmallVec;

use crate::host::interface::IfIndex;
use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::host::route::Route;
use crate::reason::{self, Drop, Note};
use crate::wire::rewrite;

/// How a packet left a hook.
#[derive(Debug)]
pub(in crate::host) enum Passage {
    /// It goes on, perhaps changed.
    On(Packet),
    /// It ends here; whoever sends it hears of it.
    Dropped,
    /// Somebody else has it now.
    Stolen,
}

/// What stands at a hook.
#[derive(Clone, Copy)]
enum Step {
    /// nf_conntrack_defrag: the tracker wants whole datagrams.
    Defragment,
    Table(usize),
    /// nftables' table of addresses that nobody may speak with, just before the filter table.
    Guard,
    Track,
    Translate,
    Ipvs,
    Confirm,
}

/// Who looks at a packet at a hook, in order.
const fn steps(hook: Hook) -> &'static [Step] {
    use Step::{Confirm, Defragment, Guard, Ipvs, Table, Track, Translate};
    match hook {
        Hook::Prerouting => &[Defragment, Table(RAW), Track, Table(MANGLE), Translate],
        Hook::Input => &[Table(MANGLE), Guard, Table(FILTER), Ipvs, Translate, Confirm],
        Hook::Forward => &[Table(MANGLE), Table(FILTER), Ipvs],
        Hook::Output => &[Table(RAW), Track, Table(MANGLE), Translate, Ipvs, Guard, Table(FILTER)],
        Hook::Postrouting => &[Table(MANGLE), Translate, Confirm],
    }
}

impl Kernel {
    /// The tables of iptables.
    pub fn netfilter_mut(&mut self) -> &mut Netfilter {
        &mut self.netfilter
    }

    /// nf_hook: puts a packet before everybody who stands at this place.
    ///
    /// If it does not go on, all is done: counted, noted, its sender told if a rule says so.
    #[inline]
    pub(in crate::host) fn netfilter(&mut self, hook: Hook, packet: Packet, way: Way) -> Passage {
        if self.netfilter.busy[hook as usize] {
            return self.netfilter_slow(hook, packet, &way);
        }
        match hook {
            Hook::Prerouting | Hook::Postrouting => Passage::On(packet),
            Hook::Input | Hook::Forward | Hook::Output => self.ipvs_hook(hook, packet),
        }
    }

    fn netfilter_slow(&mut self, hook: Hook, mut packet: Packet, way: &Way) -> Passage {
        for step in steps(hook) {
            let passage = match *step {
                Step::Defragment if self.netfilter.tracks && packet.is_fragment() => match self.reassemble(packet) {
                    Some(packet) => Passage::On(packet),
                    None => Passage::Stolen,
                },
                Step::Table(table) => self.put_to_table(table, hook, packet, way),
                Step::Guard => self.guard(hook, packet),
                Step::Track if self.netfilter.tracks => self.track(packet),
                Step::Translate if self.netfilter.translates() => {
                    self.translate(hook, packet, way).map_or(Passage::Dropped, Passage::On)
                }
                Step::Ipvs => self.ipvs_hook(hook, packet),
                Step::Confirm if self.netfilter.tracks => self.confirm(packet),
                Step::Defragment | Step::Track | Step::Translate | Step::Confirm => continue,
            };
            match passage {
                Passage::On(same) => packet = same,
                passage => return passage,
            }
        }
        Passage::On(packet)
    }

    /// nf_conntrack_in. What has been seen already, or shall not be seen, is left alone.
    fn track(&mut self, mut packet: Packet) -> Passage {
        if !matches!(packet.tracked, Tracked::Nothing) {
            return Passage::On(packet);
        }
        let conntrack = &mut self.netfilter.conntrack;
        conntrack.settings.refresh(&self.sysctl);
        match conntrack.track(packet.ip(), self.now) {
            Ok(tracked) => {
                packet.tracked = tracked;
                Passage::On(packet)
            }
            Err(Refused::TableFull(max)) => {
                self.messages.push(self.now, "nf_conntrack: nf_conntrack: table full, dropping packet".to_owned());
                self.out.note_about(packet.origin, || Note::Drop(Drop::ConntrackFull { max }));
                Passage::Dropped
            }
        }
    }

    fn guard(&mut self, hook: Hook, packet: Packet) -> Passage {
        let address = if hook == Hook::Input { packet.destination() } else { packet.source() };
        if !self.netfilter.guarded.contains(&address) {
            return Passage::On(packet);
        }
        self.out.note_about(packet.origin.cause, || Note::Drop(Drop::Guarded { address }));
        Passage::Dropped
    }

    /// nf_confirm
    fn confirm(&mut self, mut packet: Packet) -> Passage {
        if let Tracked::Part(part) = &mut packet.tracked
            && part.state != States::RELATED
            && !self.netfilter.conntrack.confirm(part, self.now)
        {
            self.out.note_about(packet.origin, || Note::Drop(Drop::ConntrackClash));
            return Passage::Dropped;
        }
        Passage::On(packet)
    }

    fn put_to_table(&mut self, table: usize, hook: Hook, mut packet: Packet, way: &Way) -> Passage {
        let Some(entrance) = self.netfilter.tables[table].entrance(hook) else { return Passage::On(packet) };
        let (chain, index, reject) = match self.visit(table, entrance, &mut packet, way) {
            Outcome::Accept(chain, index) => {
                let table = &self.netfilter.tables[table];
                if !table.chain(entrance).rules.is_empty() {
                    let accepted = || Note::Step(reason::Step::Accepted(Box::new(ruling(table, chain, index))));
                    self.out.note_about(packet.origin, accepted);
                }
                return Passage::On(packet);
            }
            Outcome::Translate(..) => return Passage::On(packet),
            Outcome::Drop(chain, index) => (chain, index, None),
            Outcome::Reject(chain, index, with) => (chain, Some(index), Some(with)),
        };
        let table = &self.netfilter.tables[table];
        self.out.note_about(packet.origin, || Note::Drop(Drop::Netfilter(Box::new(ruling(table, chain, index)))));
        if let Some(reject) = reject {
            self.answer_rejected(&packet, reject);
        }
        Passage::Dropped
    }

    /// Takes a packet through a table's rules from this chain on. They may mark it, and write to the kernel's log.
    pub(super) fn visit(&mut self, table: usize, entrance: ChainId, packet: &mut Packet, way: &Way) -> Outcome {
        let Netfilter { tables, conntrack, random, .. } = &mut self.netfilter;
        let table = &mut tables[table];
        let interfaces = &self.interfaces;
        let name =
            |index: Option<IfIndex>| index.and_then(|index| interfaces.get(index)).map_or("", |found| &found.name);
        let connection = match &packet.tracked {
            Tracked::Part(part) => conntrack.connection(part),
            _ => None,
        };
        let mut view = View::new(packet, random);
        (view.iif, view.oif, view.now) = (name(way.iif), name(way.oif), self.now);
        (view.routes, view.ipvs) = (Some(&self.routes), Some(&self.ipvs));
        if let Some(connection) = connection {
            view.connmark = Some(connection.mark);
            if connection.source.is_changed {
                view.state.0 |= States::SNAT.0;
            }
            if connection.destination.is_changed {
                view.state.0 |= States::DNAT.0;
            }
        }
        let visit = table.traverse(entrance, &mut view);
        let (mark, connmark, is_untracked) = (view.mark, view.connmark, view.is_untracked);
        for &(chain, index) in &visit.passed {
            self.out.note_about(packet.origin, || Note::Rule(Box::new(ruling(table, chain, Some(index)))));
            if let Some(options) = table.chain(chain).rules[index].log_options() {
                let line = super::log::line(options, packet, way.iif, name(way.iif), name(way.oif));
                self.messages.push(self.now, line);
            }
        }
        packet.mark = mark;
        let sizes: SmallVec<[TcpMss; 1]> = visit
            .passed
            .iter()
            .filter_map(|&(chain, index)| match table.chain(chain).rules[index].target {
                Target::TcpMss(mss) => Some(mss),
                _ => None,
            })
            .collect();
        match &mut packet.tracked {
            Tracked::Part(part) => {
                if let Some((connection, mark)) = conntrack.connection_mut(part).zip(connmark) {
                    connection.mark = mark;
                }
            }
            tracked @ Tracked::Nothing if is_untracked => *tracked = Tracked::Untracked,
            Tracked::Nothing | Tracked::Untracked => {}
        }
        for mss in sizes {
            self.limit_segments(mss, packet, way);
        }
        visit.outcome
    }

    /// tcpmss_mangle_packet: a TCP never announces more than this from here on. (The kernel would add the option to a SYN
    /// that lacks it; no SYN here does.)
    fn limit_segments(&mut self, mss: TcpMss, packet: &mut Packet, way: &Way) {
        const HEADERS: u32 = 40;
        let most = match mss {
            TcpMss::Set(most) => u32::from(most),
            TcpMss::Clamp => {
                let mtu = |route: Result<Route, _>| route.map_or(u32::MAX, |route| route.mtu);
                let there = mtu(self.route_output(packet.destination(), None, way.oif));
                let back = mtu(self.route_output(packet.source(), None, None));
                there.min(back).saturating_sub(HEADERS)
            }
        };
        rewrite::limit_mss(&mut packet.frame, u16::try_from(most).unwrap_or(u16::MAX));
    }
}
