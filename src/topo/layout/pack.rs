//! Cards in rows: none overlaps another, and each lies as near as it can to those that it is connected with.

use super::{Card, SPINE};

/// Between cards that stand side by side.
const GAP: i32 = 30;
/// Between cards that are stacked.
pub(super) const GAP_DOWN: i32 = 12;
/// How often the rows are moved towards one another.
const ROUNDS: usize = 12;

/// One or more cards that are placed together.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub machines: Vec<usize>,
    /// What orders the items of a row: the places of its switches.
    pub key: Vec<usize>,
    pub switches: Vec<usize>,
    pub x: i32,
    pub width: i32,
    pub height: i32,
}

impl Item {
    pub fn of(machines: Vec<usize>, key: Vec<usize>, switches: Vec<usize>) -> Item {
        Item { machines, key, switches, x: 0, width: 0, height: 0 }
    }

    /// How large it is. Stacked cards are as wide as the widest of them.
    pub fn measure(&mut self, cards: &[Card]) {
        let of = |machine: &usize| cards[*machine].at;
        let widest = self.machines.iter().map(|machine| of(machine).width).max().unwrap_or_default();
        let is_stack = self.machines.len() > 1;
        self.width = widest + if is_stack { SPINE } else { 0 };
        self.height = self.machines.iter().map(|machine| of(machine).height + GAP_DOWN).sum::<i32>() - GAP_DOWN;
    }

    fn middle(&self) -> i32 {
        self.x + self.width / 2
    }
}

/// Gives every item its place across.
pub(super) fn place(rows: &mut [Vec<Item>]) {
    for row in rows.iter_mut() {
        let wishes: Vec<_> = row.iter().map(|_| 0).collect();
        arrange(row, &wishes);
    }
    for round in 0..ROUNDS {
        // Downwards and upwards in turn, so that wishes travel through all rows.
        let order: Vec<_> = if round % 2 == 0 { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for at in order {
            let wishes: Vec<_> = rows[at].iter().map(|item| wish(item, at, rows)).collect();
            arrange(&mut rows[at], &wishes);
        }
    }
}

/// Where an item's middle would like to be: below or above the middle of those on its switches in the rows beside.
fn wish(item: &Item, row: usize, rows: &[Vec<Item>]) -> i32 {
    let shares = |other: &&Item| other.switches.iter().any(|switch| item.switches.contains(switch));
    let beside = [row.checked_sub(1), Some(row + 1)].into_iter().flatten().filter_map(|at| rows.get(at));
    let mut ends: Option<(i32, i32)> = None;
    for other in beside.flatten().filter(shares) {
        let (left, right) = ends.unwrap_or((other.middle(), other.middle()));
        ends = Some((left.min(other.middle()), right.max(other.middle())));
    }
    ends.map_or_else(|| item.middle(), |(left, right)| (left + right) / 2)
}

/// Places a row's items in their order, without overlaps, so that the squares of their distances from what they wish are
/// least: neighbours that would overlap form a block, which lies at the mean of its members' wishes.
fn arrange(row: &mut [Item], wishes: &[i32]) {
    struct Block {
        first: usize,
        /// Where it begins, times the number of its members.
        sum: i64,
        members: i64,
        width: i64,
    }
    let start = |block: &Block| block.sum.div_euclid(block.members);
    let mut blocks: Vec<Block> = Vec::new();
    for (at, (item, wish)) in row.iter().zip(wishes).enumerate() {
        let width = i64::from(item.width + GAP);
        let mut block = Block { first: at, sum: i64::from(wish - item.width / 2), members: 1, width };
        while let Some(before) = blocks.pop_if(|before| start(before) + before.width > start(&block)) {
            block = Block {
                first: before.first,
                // Each member of the later block wishes the whole to begin that much further left.
                sum: before.sum + block.sum - before.width * block.members,
                members: before.members + block.members,
                width: before.width + block.width,
            };
        }
        blocks.push(block);
    }
    let mut ends = blocks.iter().map(|block| block.first).skip(1).collect::<Vec<_>>();
    ends.push(row.len());
    for (block, end) in blocks.iter().zip(ends) {
        let mut x = start(block);
        for item in &mut row[block.first..end] {
            item.x = x as i32;
            x += i64::from(item.width + GAP);
        }
    }
}
