//! The network's drawing, and the ways on which frames move along it.

use serde::Serialize;

use crate::svg::Picture;
use crate::topo::layout::{Layout, Wire, lay_out};
use crate::topo::{Network, draw};
use crate::trace::Cast;

/// The machines and where their cables lie.
#[derive(Serialize)]
pub(super) struct Map {
    /// By their numbers.
    nodes: Vec<Node>,
}

#[derive(Serialize)]
struct Node {
    name: String,
    /// The class of its colour.
    colour: &'static str,
    /// By the number of the interface: its name, its hardware address, and the corners of its way to the middle of the
    /// switch, x and y in turns.
    plugs: Vec<(String, String, Vec<i32>)>,
}

impl Map {
    /// The map and its drawing, as SVG for a page.
    pub fn of(network: &Network, cast: &Cast) -> (Map, String) {
        let layout = lay_out(network);
        let mut picture = Picture::new(layout.width, layout.height, "The network", &draw::description(network));
        draw::draw(&mut picture, &layout);
        let nodes = cast.nodes.iter().enumerate().map(|(number, member)| {
            let plugs = member.interfaces.iter().map(|plug| {
                (plug.name.clone(), plug.mac.to_string(), way(network, &layout, number, &plug.name).unwrap_or_default())
            });
            let role = network.machines.get(number).map(|machine| network.role(machine));
            Node {
                name: member.name.clone(),
                colour: role.map_or("grey", |role| role.colour()),
                plugs: plugs.collect(),
            }
        });
        (Map { nodes: nodes.collect() }, picture.inline())
    }
}

/// From a machine's card to the middle of the switch.
fn way(network: &Network, layout: &Layout, machine: usize, interface: &str) -> Option<Vec<i32>> {
    let place = network.machines.get(machine)?.interfaces.iter().position(|it| it.name == interface)?;
    let is_it = |wire: &&Wire| (wire.machine, wire.interface) == (machine, place);
    let wire = layout.wires.iter().find(is_it)?;
    let bar = layout.bars.iter().find(|bar| bar.switch == wire.switch)?.at;
    let card = layout.cards.get(machine)?.at;
    let mut corners = wire.corners.clone();
    // It begins inside the card, so that one sees who sends.
    if let (Some(&(x, y)), true) = (corners.first(), corners.len() == 2) {
        corners.insert(0, (x, if y <= card.y { y + 12 } else { y - 12 }));
    }
    if let Some(&(x, _)) = corners.last() {
        corners.push((x, bar.y + bar.height / 2));
    }
    Some(corners.into_iter().flat_map(|(x, y)| [x, y]).collect())
}
