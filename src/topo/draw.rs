//! The network as a picture.

use super::layout::{Card, Layout, MARGIN, Wire, card, lay_out};
use super::{Network, Role};
use crate::svg::{Font, Picture, width, wrap};

/// From one line of the heading to the next.
const HEADING: i32 = 23;
/// Between heading and drawing, and between drawing and legend.
const BREATH: i32 = 14;
/// The least width of a picture, so that its heading has room.
const LEAST: i32 = 560;

impl Role {
    /// The colour that stands for it, as a class of [`crate::svg::STYLE`].
    pub const fn colour(self) -> &'static str {
        match self {
            Role::Client => "blue",
            Role::Router => "purple",
            Role::Director => "orange",
            Role::RealServer => "green",
        }
    }
}

/// The network as SVG.
pub fn svg(network: &Network) -> String {
    let mut layout = lay_out(network);
    let size = (layout.width.max(LEAST), layout.height);
    let heading = wrap(&network.title, Font::Title, size.0 - 2 * MARGIN);
    let top = heading.len() as i32 * HEADING + BREATH;
    layout.shift((size.0 - layout.width) / 2, top);
    let has_vip = layout.cards.iter().flat_map(|card| &card.lines).any(|line| line.is_virtual);
    let height = size.1 + top + if has_vip { HEADING } else { 0 };
    let mut picture = Picture::new(size.0, height, &network.title, &description(network));
    for (place, line) in (1..).zip(&heading) {
        picture.text("title", (MARGIN, MARGIN - 6 + place * HEADING - BREATH / 2), line);
    }
    draw(&mut picture, &layout);
    if has_vip {
        let y = height - MARGIN + 4;
        picture.rect("vip", (MARGIN, y - 12), (26, 16), 4);
        let legend = "a virtual address, wherever it lives; silent: kept from ARP";
        picture.text("small soft", (MARGIN + 34, y), legend);
    }
    picture.finish()
}

/// Draws switches, cables and machines into a picture.
pub fn draw(picture: &mut Picture, layout: &Layout) {
    // Cables first: where one passes a bar that is not its own, it goes behind it.
    for wire in &layout.wires {
        draw_wire(picture, wire);
    }
    for bar in &layout.bars {
        let at = bar.at;
        picture.open("switch", &[("switch", &bar.name)]);
        picture.rect("bar", (at.x, at.y), (at.width, at.height), 6);
        picture.text("mid soft", (at.x + at.width / 2, at.y + 17), &bar.name);
        picture.close();
    }
    for wire in &layout.wires {
        if let Some(&end) = wire.corners.last() {
            picture.dot("plug", end, 4);
        }
        if let Some((name, at)) = &wire.label {
            picture.text("small soft", (at.x, at.y + at.height - 3), name);
        }
    }
    layout.cards.iter().for_each(|card| draw_card(picture, card));
}

fn draw_wire(picture: &mut Picture, wire: &Wire) {
    let mut path = String::new();
    for (place, (x, y)) in wire.corners.iter().enumerate() {
        path += &format!("{}{x} {y}", if place == 0 { 'M' } else { 'L' });
    }
    picture.path("wire", path);
}

fn draw_card(picture: &mut Picture, it: &Card) {
    let (x, y) = (it.at.x, it.at.y);
    picture.open("node", &[("node", &it.name)]);
    picture.rect("card", (x, y), (it.at.width, it.at.height), 8);
    picture.rect(it.role.colour(), (x + 6, y + 9), (4, it.at.height - 18), 2);
    picture.text("name", (x + card::INDENT, y + card::NAME_AT), &it.name);
    picture.text(&format!("{} strong", it.role.colour()), (x + card::INDENT, y + card::PART_AT), &it.part);
    let text_at = x + it.text_at();
    for (place, line) in (0..).zip(&it.lines) {
        let base = y + card::LINES_AT + place * card::LEADING;
        let wide = width(&line.text, Font::Mono);
        if line.is_virtual {
            picture.rect("vip", (text_at - 5, base - 13), (wide + 10, 18), 4);
        }
        picture.text("mono soft", (x + card::INDENT, base), &line.lead);
        let class = if line.is_virtual { "mono vipink strong" } else { "mono" };
        picture.text(class, (text_at, base), &line.text);
        if !line.remark.is_empty() {
            picture.text("small soft", (text_at + wide + card::BEFORE_REMARK, base), line.remark);
        }
    }
    picture.close();
}

/// The picture in words.
pub fn description(network: &Network) -> String {
    let machine = |it: &super::Machine| {
        let addresses: Vec<_> = it.addresses().map(|(_, address)| address.net.addr().to_string()).collect();
        format!("{} ({}): {}", it.name, network.part(it), addresses.join(", "))
    };
    let machines: Vec<_> = network.machines.iter().map(machine).collect();
    format!("{}.", machines.join("; "))
}
