//! A place for everything: switches are bars, machines are cards above and below them.
//!
//! Bars and cards lie in alternating rows. The rank of a switch is how many machines lie between it and the clients'; since
//! that is a breadth-first search, a machine's switches never differ by more than one rank, so its card fits between them,
//! and every cable is a straight line down or up from a card to the next row of bars: none crosses a card. Machines that hang
//! on one switch alone are stacked when there are many.

pub mod card;
mod pack;

use super::{Graph, Network, Role};
use crate::svg::{Font, width};

pub use card::{Card, Line};
use pack::Item;

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// The left edge.
    pub x: i32,
    /// The upper edge.
    pub y: i32,
    /// How wide it is.
    pub width: i32,
    /// How high it is.
    pub height: i32,
}

impl Rect {
    /// Whether two rectangles share a pixel.
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }

    /// Whether another rectangle lies inside.
    pub fn contains(&self, other: &Rect) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && other.x + other.width <= self.x + self.width
            && other.y + other.height <= self.y + self.height
    }
}

/// A switch as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Its place in the network.
    pub switch: usize,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub at: Rect,
}

/// A cable as it is drawn: a straight line down from a card to a bar or up, for stacked cards by way of a shared one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Whose it is: the machine's place in the network.
    pub machine: usize,
    /// The place of its plug among the machine's interfaces.
    pub interface: usize,
    /// The switch at its other end.
    pub switch: usize,
    /// Its corners, from the card to the bar.
    pub corners: Vec<(i32, i32)>,
    /// The interface's name and where it stands, if the machine has several cables.
    pub label: Option<(String, Rect)>,
}

/// A network with a place for everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How wide the picture is.
    pub width: i32,
    /// How high it is.
    pub height: i32,
    /// The machines, by their place in the network.
    pub cards: Vec<Card>,
    /// The switches, by their place in the network.
    pub bars: Vec<Bar>,
    /// The cables.
    pub wires: Vec<Wire>,
}

/// What is left free around the picture.
pub const MARGIN: i32 = 24;
/// How thick a bar is.
const BAR: i32 = 26;
/// Between bars that lie above one another.
const BETWEEN_BARS: i32 = 14;
/// Between a row of cards and the bars: interfaces' names stand there.
const AISLE: i32 = 34;
/// How far a stack's shared line lies left of its cards.
pub(super) const SPINE: i32 = 16;
/// How far a bar reaches beyond its outermost cable.
const OVERHANG: i32 = 22;
/// Between bars that lie side by side.
const BESIDE: i32 = 14;

/// Finds a place for everything.
pub fn lay_out(network: &Network) -> Layout {
    let graph = Graph::of(network);
    let cards: Vec<_> = network.machines.iter().map(|machine| Card::of(network, machine)).collect();
    let mut plan = Planned::of(network, &graph, cards);
    for row in &mut plan.rows {
        row.retain(|item| !item.machines.is_empty());
    }
    pack::place(&mut plan.rows);
    plan.finish(network, &graph)
}

/// The machines that nobody is related to in the same way, in rows.
struct Planned {
    cards: Vec<Card>,
    /// The rank of each switch.
    rank: Vec<usize>,
    /// Row 0 lies above the first bars, row n below the bars of rank n - 1.
    rows: Vec<Vec<Item>>,
}

impl Planned {
    fn of(network: &Network, graph: &Graph, cards: Vec<Card>) -> Planned {
        let (rank, order) = graph.ranks(network);
        let place: Vec<_> = (0..rank.len()).map(|it| order.iter().position(|&o| o == it).unwrap_or_default()).collect();
        let rows = rank.iter().max().map_or(1, |last| last + 2);
        let mut planned = Planned { cards, rank, rows: (0..rows).map(|_| Vec::new()).collect() };
        let mut singles: Vec<Vec<Vec<usize>>> = vec![vec![Vec::new(); network.switches.len()]; rows];
        for machine in 0..network.machines.len() {
            let cables = graph.cables(machine).len();
            let mut switches: Vec<_> = graph.cables(machine).iter().map(|cable| cable.1).collect();
            switches.sort_unstable();
            switches.dedup();
            let row = planned.row(network, graph, machine, &switches);
            match *switches.as_slice() {
                [switch] if cables == 1 => singles[row][switch].push(machine),
                _ => {
                    let key = switches.iter().map(|&switch| place[switch]).collect();
                    planned.rows[row].push(Item::of(vec![machine], key, switches));
                }
            }
        }
        for (row, switches) in singles.into_iter().enumerate() {
            for (switch, mut machines) in switches.into_iter().enumerate() {
                machines.sort_by_key(|&machine| (network.role(&network.machines[machine]), machine));
                for stack in stacks(machines) {
                    planned.rows[row].push(Item::of(stack, vec![place[switch]], vec![switch]));
                }
            }
        }
        for row in &mut planned.rows {
            // Machines on several switches come before those on the first of them alone, so that cables further down pass
            // beside stacks and not far to their right. Stable: of equals, those planned first stay first.
            row.sort_by(|a, b| {
                let first = |item: &Item| item.key.first().copied();
                first(a).cmp(&first(b)).then(b.key.len().cmp(&a.key.len())).then(a.key.cmp(&b.key))
            });
            for item in row {
                item.measure(&planned.cards);
            }
        }
        planned
    }

    /// The row of a machine: between its switches, or on the side of the only one where it fits its part.
    fn row(&self, network: &Network, graph: &Graph, machine: usize, switches: &[usize]) -> usize {
        let Some(highest) = switches.iter().map(|&switch| self.rank[switch]).min() else { return 0 };
        let is_above = |&it: &usize| network.role(&network.machines[it]) != Role::RealServer;
        if switches.len() > 1 || highest > 0 || !is_above(&machine) {
            return highest + 1;
        }
        // Directors hang below a switch that has nothing else there.
        let goes_down = |&it: &usize| !is_above(&it) || graph.cables(it).iter().any(|&(_, to)| to != switches[0]);
        let others = graph.domain(switches[0]);
        let is_director = network.role(&network.machines[machine]) == Role::Director;
        usize::from(is_director && !others.iter().any(goes_down))
    }

    fn finish(mut self, network: &Network, graph: &Graph) -> Layout {
        // Across: cards have their place by now; bars reach over all their cables.
        let mut layout = Layout { width: 0, height: 0, cards: Vec::new(), bars: Vec::new(), wires: Vec::new() };
        for (row, items) in self.rows.iter().enumerate() {
            for item in items {
                wire(item, row, &self.rank, &mut self.cards, network, graph, &mut layout.wires);
            }
        }
        let mut free = self.rows.iter().flatten().map(|item| item.x + item.width).max().unwrap_or_default() + BESIDE;
        for (switch, name) in network.switches.iter().enumerate() {
            let ends = layout.wires.iter().filter(|wire| wire.switch == switch);
            let ends: Vec<_> = ends.filter_map(|wire| wire.corners.last()).map(|corner| corner.0).collect();
            let label = width(name, Font::Plain) + 2 * OVERHANG;
            let (left, right) = match (ends.iter().min(), ends.iter().max()) {
                (Some(left), Some(right)) => (left - OVERHANG, right + OVERHANG),
                // Nobody is plugged in: beside everything else.
                _ => {
                    free += label + BESIDE;
                    (free - label - BESIDE, free - BESIDE)
                }
            };
            let missing = (label - (right - left)).max(0);
            let at = Rect { x: left - missing / 2, y: 0, width: right - left + missing, height: BAR };
            layout.bars.push(Bar { switch, name: name.clone(), at });
        }
        self.stack_up(&mut layout);
        layout.cards = self.cards;
        layout.frame();
        layout
    }

    /// Down: rows of cards and bars, one below the other.
    fn stack_up(&mut self, layout: &mut Layout) {
        let mut y = 0;
        for (row, items) in self.rows.iter().enumerate() {
            let height = items.iter().map(|item| item.height).max().unwrap_or_default();
            for item in items {
                // Above the first bars, cards stand on the same floor; elsewhere they hang from the same ceiling.
                let mut top = if row == 0 { y + height - item.height } else { y };
                for &machine in &item.machines {
                    self.cards[machine].at.y = top;
                    top += self.cards[machine].at.height + pack::GAP_DOWN;
                }
            }
            y += height + if height > 0 { AISLE } else { 0 };
            let mut bars: Vec<_> = (0..layout.bars.len()).filter(|&bar| self.rank[bar] == row).collect();
            if bars.is_empty() {
                continue;
            }
            bars.sort_by_key(|&bar| (layout.bars[bar].at.x, bar));
            let mut tracks: Vec<i32> = Vec::new();
            for bar in bars {
                let at = &mut layout.bars[bar].at;
                let track = tracks.iter().position(|end| end + BESIDE <= at.x).unwrap_or(tracks.len());
                at.y = y + track as i32 * (BAR + BETWEEN_BARS);
                let end = at.x + at.width;
                match tracks.get_mut(track) {
                    Some(known) => *known = end,
                    None => tracks.push(end),
                }
            }
            y += tracks.len() as i32 * (BAR + BETWEEN_BARS) - BETWEEN_BARS + AISLE;
        }
        for wire in &mut layout.wires {
            connect(wire, &self.cards, &layout.bars);
        }
    }
}

/// Few machines stand side by side; many are stacked, in at most so many columns.
fn stacks(machines: Vec<usize>) -> Vec<Vec<usize>> {
    const SIDE_BY_SIDE: usize = 5;
    let columns = if machines.len() <= SIDE_BY_SIDE { machines.len() } else { machines.len().isqrt().clamp(4, 6) };
    let each = machines.len().div_ceil(columns.max(1));
    machines.chunks(each.max(1)).map(<[usize]>::to_vec).collect()
}

/// The cables of an item's machines: where they leave the card, and which way.
fn wire(
    item: &Item,
    row: usize,
    rank: &[usize],
    cards: &mut [Card],
    network: &Network,
    graph: &Graph,
    wires: &mut Vec<Wire>,
) {
    let is_stack = item.machines.len() > 1;
    for &machine in &item.machines {
        let at = &mut cards[machine].at;
        at.x = item.x + if is_stack { SPINE } else { 0 };
        let mut cables = graph.cables(machine);
        let several = cables.len() > 1;
        let (up, down): (Vec<_>, Vec<_>) = {
            cables.sort_by_key(|&(interface, switch)| (rank[switch], interface));
            cables.into_iter().partition(|&(_, switch)| rank[switch] < row)
        };
        for side in [up, down] {
            let count = side.len() as i32;
            for (place, (interface, switch)) in (1..).zip(side) {
                let name = &network.machines[machine].interfaces[interface].name;
                let x = if is_stack { item.x } else { at.x + at.width * place / (count + 1) };
                let label = Rect { x: x + 6, y: 0, width: width(name, Font::Small), height: 13 };
                let label = several.then(|| (name.clone(), label));
                wires.push(Wire { machine, interface, switch, corners: vec![(x, 0)], label });
            }
        }
    }
}

/// Draws a cable between its ends, now that both have a height.
fn connect(wire: &mut Wire, cards: &[Card], bars: &[Bar]) {
    let (card, bar) = (cards[wire.machine].at, bars[wire.switch].at);
    let x = wire.corners[0].0;
    let is_below = card.y > bar.y;
    let end = if is_below { bar.y + bar.height } else { bar.y };
    wire.corners = if x < card.x {
        let middle = card.y + card.height / 2;
        vec![(card.x, middle), (x, middle), (x, end)]
    } else {
        vec![(x, if is_below { card.y } else { card.y + card.height }), (x, end)]
    };
    if let Some((_, at)) = &mut wire.label {
        at.y = if is_below { card.y - 5 - at.height } else { card.y + card.height + 5 };
    }
}

impl Layout {
    /// Moves everything so that it begins at the margin, and measures the whole.
    fn frame(&mut self) {
        let rects = || self.cards.iter().map(|card| &card.at).chain(self.bars.iter().map(|bar| &bar.at));
        // A stack's shared line lies left of its cards.
        let left = rects().map(|at| at.x).min().unwrap_or_default();
        let left = self.wires.iter().flat_map(|wire| &wire.corners).map(|corner| corner.0).fold(left, i32::min);
        let top = rects().map(|at| at.y).min().unwrap_or_default();
        let (dx, dy) = (MARGIN - left, MARGIN - top);
        self.width = rects().map(|at| at.x + at.width).max().unwrap_or_default() + dx + MARGIN;
        self.height = rects().map(|at| at.y + at.height).max().unwrap_or_default() + dy + MARGIN;
        self.shift(dx, dy);
    }

    /// Moves everything.
    pub fn shift(&mut self, dx: i32, dy: i32) {
        let labels = self.wires.iter_mut().filter_map(|wire| wire.label.as_mut()).map(|(_, at)| at);
        let cards = self.cards.iter_mut().map(|card| &mut card.at);
        for at in cards.chain(self.bars.iter_mut().map(|bar| &mut bar.at)).chain(labels) {
            (at.x, at.y) = (at.x + dx, at.y + dy);
        }
        for corner in self.wires.iter_mut().flat_map(|wire| &mut wire.corners) {
            *corner = (corner.0 + dx, corner.1 + dy);
        }
    }
}

#[cfg(test)]
mod tests;
