use super::*;
use crate::scenario::{Options, load, run};

const SCENARIO: &str = include_str!("../../../scenarios/dr.ron");

fn ladder(filter: &str) -> Ladder {
    let outcome = run(&load(SCENARIO).unwrap(), Options::default()).unwrap();
    Ladder::of(&outcome.network, &outcome.trace, &Filter::parse(filter).unwrap())
}

fn page(ladder: &Ladder) -> String {
    let mut page = Vec::new();
    text::write(&mut page, ladder).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn machines_stand_in_the_order_in_which_packets_meet_them() {
    let names: Vec<_> = ladder("all").columns.into_iter().map(|column| column.name).collect();
    assert_eq!(names, ["client", "director", "rs1", "rs2"]);
}

#[test]
fn a_conversation() {
    let ladder = ladder("conn 192.168.1.10:40001 or arp");
    let text = page(&ladder);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!("text", text);
    insta::assert_snapshot!("svg", svg::svg(&ladder));
}

#[test]
fn nothing_chosen() {
    assert!(page(&ladder("none")).contains("no frame is chosen"));
    assert!(svg::svg(&ladder("none")).ends_with("</svg>\n"));
}
