use serde_json::Value;

use super::*;
use crate::scenario::{Options, load, run};

fn page(about: &str) -> String {
    let text = include_str!("../../../scenarios/dr.ron");
    let outcome = run(&load(text).unwrap(), Options::default()).unwrap();
    let known = Known {
        node: crate::ids::NodeId(0),
        title: "routes".to_owned(),
        command: "ip route".to_owned(),
        states: vec![State { since: Span::ZERO, text: "one\ntwo\n".to_owned() }],
    };
    let page = Page {
        title: "A & B",
        about: vec![about.to_owned()],
        source: ("dr.ron", text),
        network: &outcome.network,
        trace: &outcome.trace,
        length: outcome.length,
        verdicts: vec![Verdict { held: false, say: "it works", expected: "1", found: "2" }],
        findings: Vec::new(),
        known: vec![known],
        place: &|_| None,
    };
    page.html()
}

fn block(page: &str, id: &str) -> Value {
    let (_, rest) = page.split_once(&format!("id=\"{id}\">")).unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_page_needs_nothing_but_itself() {
    let page = page("</script><b>");
    for outside in ["src=\"", "url(", "@import", "fetch(", "https://"] {
        assert!(!page.contains(outside), "the page has {outside}");
    }
    assert!(page.contains("&lt;/script&gt;&lt;b&gt;"));
    assert!(page.contains("<title>A &amp; B</title>"));
}

#[test]
fn columns_have_the_same_length() {
    let data = block(&page(""), "data");
    for table in ["frames", "rows"] {
        let columns = data["run"][table].as_object().unwrap();
        let lengths: Vec<_> = columns.values().map(|column| column.as_array().unwrap().len()).collect();
        assert!(lengths[0] > 10 && lengths.iter().all(|length| *length == lengths[0]), "{table}: {lengths:?}");
    }
    assert_eq!(
        block(&page(""), "why")["legs"].as_array().unwrap().len(),
        data["run"]["frames"]["id"].as_array().unwrap().len()
    );
}

#[test]
fn a_rewritten_frame_knows_what_it_was() {
    let data = block(&page(""), "data");
    let frames = &data["run"]["frames"];
    let changed = frames["changes"].as_array().unwrap().iter().position(|it| it.as_i64() != Some(-1)).unwrap();
    let parent = usize::try_from(frames["parent"][changed].as_i64().unwrap()).unwrap();
    let [now, before] = [changed, parent].map(|place| frames["bytes"][place].as_str().unwrap());
    assert_eq!((now.len(), &now[24..28]), (before.len(), "0800"));
    assert_ne!(now[..24], before[..24], "direct routing changes hardware addresses");
}

#[test]
fn data_does_not_end_its_element() {
    assert_eq!(json(&["</script>", "<!--"]), r#"["<\/script>","<\u0021--"]"#);
}
