//! A ladder as a picture.

use super::text::clock;
use super::{Ladder, Rung};
use crate::svg::{Font, Picture, width, wrap};

/// What is left free around the picture.
const MARGIN: i32 = 24;
/// For the times, left of the machines.
const GUTTER: i32 = 92;
/// The least from one machine to the next.
const STEP: i32 = 168;
/// From a rung's upper edge to its arrow, and from its arrow to what stands below.
const ABOVE: i32 = 26;
const LEADING: i32 = 14;
/// Below the last line of a rung.
const BELOW: i32 = 8;
/// A machine's head.
const HEAD: i32 = 34;

/// The ladder as SVG.
pub fn svg(ladder: &Ladder) -> String {
    let longest = ladder.columns.iter().map(|column| width(&column.name, Font::Name)).max().unwrap_or_default();
    let step = STEP.max(longest + 44);
    let x = |column: usize| MARGIN + GUTTER + 70 + i32::try_from(column).unwrap_or_default() * step;
    let label = |rung: &Rung| x(*rung.to.iter().chain([&rung.from]).min().unwrap_or(&0)) + label_width(rung) + 20;
    let texts = ladder.rungs.iter().map(label).max().unwrap_or_default();
    let page = (x(ladder.columns.len().saturating_sub(1)) + 90 + MARGIN).max(texts + MARGIN).max(480);
    let heading = wrap(&ladder.title, Font::Title, page - 2 * MARGIN);
    let head_at = MARGIN + 23 * heading.len() as i32 + 8;
    let first = head_at + HEAD + 14;
    let heights: Vec<_> = ladder.rungs.iter().map(height).collect();
    let end = first + heights.iter().sum::<i32>() + 6;
    let frames = ladder.rungs.len();
    let names: Vec<_> = ladder.columns.iter().map(|column| column.name.as_str()).collect();
    let description = format!("A message sequence of {frames} frames between {}.", names.join(", "));
    let mut picture = Picture::new(page, end + MARGIN, &ladder.title, &description);
    for (place, line) in (0..).zip(&heading) {
        picture.text("title", (MARGIN, MARGIN + 14 + place * 23), line);
    }
    for (place, column) in ladder.columns.iter().enumerate() {
        let (middle, half) = (x(place), (width(&column.name, Font::Name) / 2 + 16).max(44));
        picture.path("rule", format_args!("M{middle} {}V{end}", head_at + HEAD));
        picture.rect("card", (middle - half, head_at), (2 * half, HEAD), 8);
        picture.rect(column.role.colour(), (middle - half + 6, head_at + 8), (4, HEAD - 16), 2);
        picture.text("name mid", (middle + 3, head_at + 22), &column.name);
    }
    let mut y = first;
    for (rung, height) in ladder.rungs.iter().zip(heights) {
        draw(&mut picture, rung, y + ABOVE, x);
        y += height;
    }
    picture.finish()
}

/// What stands below a rung's arrow.
fn below(rung: &Rung) -> impl Iterator<Item = (&'static str, String)> {
    let changes = rung.changes.iter().map(|changes| ("small vipink halo", format!("changed: {changes}")));
    changes.chain(rung.ends.iter().map(|(_, why)| ("small red halo", format!("✗ {why}"))))
}

fn height(rung: &Rung) -> i32 {
    ABOVE + LEADING * below(rung).count() as i32 + BELOW
}

fn label_width(rung: &Rung) -> i32 {
    below(rung).map(|(_, text)| width(&text, Font::Small)).fold(width(&rung.label, Font::Mono), i32::max)
}

fn draw(picture: &mut Picture, rung: &Rung, y: i32, x: impl Fn(usize) -> i32) {
    let id = rung.id.number().to_string();
    picture.open("rung", &[("frame", &id)]);
    picture.text("mono soft end", (MARGIN + GUTTER - 12, y + 4), &clock(rung.at));
    let from = x(rung.from);
    let ends = || rung.to.iter().copied().chain(rung.ends.iter().filter_map(|(column, _)| *column));
    let colour = match () {
        () if !rung.ends.is_empty() => "red",
        () if rung.changes.is_some() => "orange",
        () if rung.is_broadcast => "purple",
        () => "blue",
    };
    let class = format!("arrow {colour}{}", if rung.to.is_empty() { " lost" } else { "" });
    let (left, right) = (ends().map(&x).fold(from, i32::min), ends().map(&x).fold(from, i32::max));
    if left == right {
        // Lost before anybody had it.
        picture.path(&class, format_args!("M{from} {y}h40"));
        picture.path("arrow red", format_args!("M{} {}l10 10m0 -10l-10 10", from + 40, y - 5));
    } else {
        picture.path(&class, format_args!("M{left} {y}H{right}"));
    }
    for &column in &rung.to {
        let tip = x(column);
        let back = if tip < from { 9 } else { -9 };
        picture.path(colour, format_args!("M{tip} {y}l{back} -5v10z"));
    }
    for column in rung.ends.iter().filter_map(|(column, _)| *column) {
        picture.path("arrow red", format_args!("M{} {}l10 10m0 -10l-10 10", x(column) - 5, y - 5));
    }
    picture.dot(colour, (from, y), 3);
    picture.text("mono halo", (left + 10, y - 7), &rung.label);
    for (place, (class, text)) in (1..).zip(below(rung)) {
        picture.text(class, (left + 10, y + place * LEADING), &text);
    }
    picture.close();
}
