//! A machine's card: what stands on it, and how large that makes it.

use super::Rect;
use crate::svg::{Font, width};
use crate::topo::{Machine, Network, Role};

/// A machine as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The machine's name.
    pub name: String,
    /// The part that it plays.
    pub role: Role,
    /// The same in words, with what matters about it.
    pub part: String,
    /// What stands below.
    pub lines: Vec<Line>,
    /// Where it is.
    pub at: Rect,
}

/// A line on a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it begins with: an interface's name, if it has not been named on the line above.
    pub lead: String,
    /// What it says.
    pub text: String,
    /// A virtual address.
    pub is_virtual: bool,
    /// What is to be known about it.
    pub remark: &'static str,
}

/// From the card's left edge to its text.
pub const INDENT: i32 = 16;
/// From its text to its right edge.
const OUTDENT: i32 = 14;
/// The base lines of name and part, from the top.
pub const NAME_AT: i32 = 24;
/// See [`NAME_AT`].
pub const PART_AT: i32 = 41;
/// The base line of the first line below, from the top.
pub const LINES_AT: i32 = 63;
/// From one base line to the next.
pub const LEADING: i32 = 19;
/// Between an address and what is said about it.
pub const BEFORE_REMARK: i32 = 8;
/// Between two cables on the same edge, besides the interfaces' names.
const BETWEEN_CABLES: i32 = 14;

impl Card {
    /// The card of a machine.
    pub fn of(network: &Network, machine: &Machine) -> Card {
        let vips = network.virtual_addresses();
        let mut lines = Vec::new();
        let lead = width("eth0", Font::Mono).max(
            machine.addresses().map(|(interface, _)| width(&interface.name, Font::Mono)).max().unwrap_or_default(),
        );
        for interface in &machine.interfaces {
            for (place, address) in interface.addresses.iter().enumerate() {
                let is_virtual = vips.contains(&address.net.addr());
                lines.push(Line {
                    lead: if place == 0 { interface.name.clone() } else { String::new() },
                    text: address.net.to_string(),
                    is_virtual,
                    remark: match () {
                        () if address.floats => "as master",
                        () if is_virtual && !address.answers => "silent",
                        () => "",
                    },
                });
            }
        }
        let mut card = Card {
            name: machine.name.clone(),
            role: network.role(machine),
            part: network.part(machine),
            lines,
            at: Rect::default(),
        };
        let texts = card.lines.iter().map(|line| {
            let remark = if line.remark.is_empty() { 0 } else { BEFORE_REMARK + width(line.remark, Font::Small) };
            lead + 8 + width(&line.text, Font::Mono) + remark + 8
        });
        let head = width(&card.name, Font::Name).max(width(&card.part, Font::Plain));
        let text = texts.max().unwrap_or_default().max(head);
        let names = machine.interfaces.iter().filter(|interface| interface.switch.is_some());
        let cables = names.map(|interface| width(&interface.name, Font::Small) + BETWEEN_CABLES);
        // One more than there are cables: they divide the edge into equal parts, the outer ones free.
        let edge = cables.clone().max().unwrap_or_default() * (cables.count() as i32 + 1);
        card.at.width = (INDENT + text + OUTDENT).max(edge).max(132);
        card.at.height = match card.lines.len() as i32 {
            0 => PART_AT + 15,
            lines => LINES_AT + (lines - 1) * LEADING + 15,
        };
        card
    }

    /// Where the addresses begin, from the card's left edge.
    pub fn text_at(&self) -> i32 {
        let leads = self.lines.iter().map(|line| width(&line.lead, Font::Mono)).max().unwrap_or_default();
        INDENT + leads.max(width("eth0", Font::Mono)) + 8
    }

    /// Where all its texts are, from the card's corner.
    pub fn texts(&self) -> Vec<Rect> {
        let text = |x: i32, base: i32, text: &str, font| Rect { x, y: base - 11, width: width(text, font), height: 14 };
        let mut texts =
            vec![text(INDENT, NAME_AT, &self.name, Font::Name), text(INDENT, PART_AT, &self.part, Font::Plain)];
        for (place, line) in (0..).zip(&self.lines) {
            let (base, x) = (LINES_AT + place * LEADING, self.text_at());
            texts.push(text(INDENT, base, &line.lead, Font::Mono));
            texts.push(text(x, base, &line.text, Font::Mono));
            let after = x + width(&line.text, Font::Mono) + BEFORE_REMARK;
            texts.push(text(after, base, line.remark, Font::Small));
        }
        texts.retain(|at| at.width > 0);
        texts
    }
}
