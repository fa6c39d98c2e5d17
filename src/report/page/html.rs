//! What of the page stands still.

use maud::{Markup, PreEscaped, html};

use super::{Finding, Page, Verdict};
use crate::report::document::document;
use crate::report::plot::{self, Subject, What};
use crate::svg;

const STYLE: &str = include_str!("style.css");

/// The scripts, in the order in which they build on one another. They are one module.
const SCRIPTS: &[&str] = &[
    include_str!("script/run.js"),
    include_str!("script/bytes.js"),
    include_str!("script/ladder.js"),
    include_str!("script/map.js"),
    include_str!("script/details.js"),
    include_str!("script/known.js"),
    include_str!("script/player.js"),
];

/// The whole page.
pub(super) fn page(page: &Page<'_>, map: &str, data: &str, why: &str) -> String {
    let body = html! {
        header {
            h1 { (page.title) }
            @for paragraph in &page.about { p { (paragraph) } }
        }
        main {
            (verdicts(&page.verdicts))
            (findings(&page.findings))
            (run(map))
            (plots(page))
            (source(page.source))
        }
        footer { p { "Made by " code { "lvslab report" } ": a simulation of Linux Virtual Server, frame by frame." } }
        script type="application/json" id="data" { (PreEscaped(data)) }
        script type="application/json" id="why" { (PreEscaped(why)) }
        script type="module" { (PreEscaped(SCRIPTS.join("\n"))) }
    };
    document("report", page.title, STYLE, &body)
}

fn verdicts(verdicts: &[Verdict<'_>]) -> Markup {
    let held = verdicts.iter().filter(|verdict| verdict.held).count();
    html! {
        @if !verdicts.is_empty() {
            section aria-labelledby="expected" {
                h2 id="expected" { "What was expected" }
                p.soft { (held) " of " (verdicts.len()) " came true." }
                ul.verdicts {
                    @for verdict in verdicts {
                        li.held[verdict.held].failed[!verdict.held] {
                            strong { @if verdict.held { "yes" } @else { "no" } } " "
                            span {
                                (verdict.say)
                                @if !verdict.held {
                                    br; span.soft { "expected: " } (verdict.expected)
                                    br; span.soft { "found: " } span.found { (verdict.found) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn findings(findings: &[Finding<'_>]) -> Markup {
    html! {
        section aria-labelledby="found" {
            h2 id="found" { "What is wrong with the cluster" }
            @if findings.is_empty() { p.soft { "Nothing was found." } }
            ol.findings {
                @for finding in findings {
                    li {
                        p { strong { (finding.what) } }
                        @if !finding.evidence.is_empty() {
                            ul {
                                @for (frame, text) in &finding.evidence {
                                    li {
                                        @if let Some(frame) = frame {
                                            button type="button" class="link" data-goto=(frame) { "frame " (frame) } " "
                                        }
                                        (text)
                                    }
                                }
                            }
                        }
                        @if let Some(cause) = &finding.cause { p { "It comes from " code { (cause) } } }
                        @for fix in &finding.fix { p { "This mends it: " code { (fix) } } }
                        p.soft { "The book has a chapter on it: " (finding.read) "." }
                    }
                }
            }
        }
    }
}

/// The player: what moves is put in by the scripts.
fn run(map: &str) -> Markup {
    html! {
        section #player aria-labelledby="run" {
            h2 id="run" { "The run, frame by frame" }
            noscript { p { "To play the run, the page needs JavaScript." } }
            div.stage {
                div.map { (PreEscaped(map)) }
                div.story {
                    div.lanes aria-hidden="true" {}
                    div #ladder role="listbox" tabindex="0" aria-label="What happened, in order" { div.rows {} }
                    p #nothing.soft hidden { "Nothing of this kind has happened." }
                }
            }
            (controls())
            div.panes {
                section.pane aria-labelledby="chosen" {
                    h3 id="chosen" tabindex="-1" { "Nothing is chosen" }
                    div #why-so {}
                }
                section.pane aria-labelledby="headers" {
                    h3 id="headers" { "Its headers" }
                    div #layers {}
                }
                section.pane aria-labelledby="knows" {
                    h3 id="knows" { label for="node" { "What " } select #node {} " knows" span #when {} }
                    div #tables {}
                }
            }
        }
    }
}

fn controls() -> Markup {
    html! {
        div.controls role="toolbar" aria-label="Playing" {
            div.buttons {
                (button("home", "To the beginning (Home)", "M4 4v12M16 4l-9 6 9 6z"))
                (button("back", "A step back (←)", "M14 4l-9 6 9 6z"))
                (button("play", "Play (space)", "M5 3l12 7-12 7z"))
                (button("step", "A step forward (→)", "M6 4l9 6-9 6z"))
                (button("end", "To the end (End)", "M16 4v12M4 4l9 6-9 6z"))
            }
            output #clock { "0.000000 s" }
            input #slider type="range" min="0" value="0" step="1" aria-label="Moment of the run";
            label { "speed " select #speed {
                option value="0.5" { "½" } option value="1" selected { "1" } option value="2" { "2" }
                option value="5" { "5" } option value="20" { "20" }
            } }
            label { "show " input #filter type="search" placeholder="arp, syn, rs1, dropped …" autocomplete="off" spellcheck="false"; }
            label { input #decisions type="checkbox" checked; " decisions" }
        }
        p.keys.soft {
            kbd { "space" } " play  " kbd { "←" } kbd { "→" } " step  " kbd { "Home" } kbd { "End" } "  "
            kbd { "Enter" } " opens the frame  " kbd { "/" } " filter  " kbd { "n" } " next machine"
        }
    }
}

fn button(id: &str, label: &str, path: &str) -> Markup {
    html! {
        button type="button" id=(id) aria-label=(label) title=(label) {
            svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" { path d=(path) {} }
        }
    }
}

fn plots(page: &Page<'_>) -> Markup {
    let subject = Subject { network: page.network, trace: page.trace, length: page.length };
    let plots: Vec<_> =
        What::ALL.into_iter().filter_map(|what| Some((what, plot::svg(what, &subject).ok()?))).collect();
    html! {
        @if !plots.is_empty() {
            section aria-labelledby="plots" {
                h2 id="plots" { "Plots" }
                div.plots {
                    @for (what, svg) in plots {
                        figure id=(format!("plot-{what}")) { (PreEscaped(svg.replace(svg::STYLE, ""))) }
                    }
                }
            }
        }
    }
}

fn source((name, text): (&str, &str)) -> Markup {
    html! {
        section {
            details #source data-file=(name) {
                summary { "The scenario: " code { (name) } }
                pre { @for (number, line) in (1..).zip(text.lines()) {
                    span id=(format!("line-{number}")) { span.number { (number) } (line) "\n" }
                } }
            }
        }
    }
}
