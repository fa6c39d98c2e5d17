//! The gallery: pages and pictures of the scenarios that teach most.

use std::path::Path;
use std::{fs, io};

use super::{Exhibited, exhibit};
use crate::cli::subject::{Loaded, wrong};
use crate::cli::{Status, files};
use crate::report::gallery::{self, Exhibit};
use crate::report::ladder::{self, Ladder};
use crate::report::plot::{self, Subject, What};
use crate::scenario::Outcome;
use crate::topo::draw;
use crate::trace::filter::Filter;

/// A picture of a run.
enum Picture {
    Network,
    Ladder(&'static str),
    Plot(What),
}

/// The scenarios, the pictures that say most about them, and these in words.
const SHOWN: &[(&str, Picture, &str)] = &[
    (
        "dr",
        Picture::Ladder("conn 192.168.1.10:40001 and (syn or synack or data)"),
        "A ladder: the director passes the client's packets on, and the real server answers the client itself",
    ),
    ("dr-arp-problem", Picture::Ladder("arp"), "A ladder: the real servers answer for the virtual address, too"),
    (
        "nat-masquerade",
        Picture::Ladder("(conn 192.168.5.10:40001 or conn 192.168.0.1:40001) and (syn or synack)"),
        "A ladder: addresses are translated twice on the way",
    ),
    ("tun", Picture::Network, "The network: the real servers are behind a router, on networks of their own"),
    ("persistence/ppc", Picture::Plot(What::Share), "A plot: the share of the connections that each server got"),
    ("schedulers/wlc", Picture::Plot(What::Connections), "A plot: how many connections each server has"),
    ("keepalived/failover", Picture::Plot(What::Vip), "A time line: a director dies, and the other takes over"),
    (
        "keepalived/failover-sync",
        Picture::Ladder("conn 10.0.0.5:45001 and (syn or synack or data)"),
        "A ladder: a connection begins by one director and goes on by the other",
    ),
    ("keepalived/split-brain-firewall", Picture::Plot(What::Vip), "A time line: both directors hold the address"),
    (
        "pitfalls/06-nat-wrong-gateway",
        Picture::Ladder("conn 10.0.0.2:40001 and (syn or synack or rst)"),
        "A ladder: answers go past the director, and the client refuses them",
    ),
];

/// Writes the gallery into a folder.
///
/// # Errors
///
/// What the process ends with; the complaint has been printed.
pub fn write(folder: &Path, force: bool) -> Result<Status, Status> {
    let mut written: Vec<(String, String)> = Vec::new();
    let mut exhibits = Vec::new();
    for (name, picture, words) in SHOWN {
        let loaded = Loaded::built_in(name)?;
        let Exhibited { outcome, page, held, findings } = exhibit(&loaded)?;
        let file = name.replace('/', "-");
        let drawn = draw_picture(picture, &outcome).map_err(|why| wrong(&format!("no picture of {name}: {why}")))?;
        exhibits.push(Exhibit {
            name: (*name).to_owned(),
            title: loaded.plan.title.clone(),
            about: super::about(&loaded.text).join(" "),
            page: format!("{file}.html"),
            picture: (format!("{file}.svg"), (*words).to_owned()),
            held,
            findings,
        });
        written.extend([(format!("{file}.html"), page), (format!("{file}.svg"), drawn)]);
    }
    written.push(("index.html".to_owned(), gallery::html(&exhibits)));
    let paths = || written.iter().map(|(name, text)| (folder.join(name), text));
    if !force {
        paths().try_for_each(|(path, _)| files::may_draw(&path)).map_err(|error| wrong(&error))?;
    }
    let write_all = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        paths().try_for_each(|(path, text)| files::write(&path, text.as_bytes()))
    };
    write_all().map_err(|error| {
        anstream::eprintln!("lvslab: {error}");
        Status::Stopped
    })?;
    Ok(Status::Held)
}

fn draw_picture(picture: &Picture, outcome: &Outcome) -> Result<String, String> {
    let Outcome { network, trace, length, .. } = outcome;
    match picture {
        Picture::Network => Ok(draw::svg(network)),
        Picture::Ladder(filter) => {
            let filter = Filter::parse(filter).map_err(|error| error.to_string())?;
            Ok(ladder::svg::svg(&Ladder::of(network, trace, &filter)))
        }
        Picture::Plot(what) => plot::svg(*what, &Subject { network, trace, length: *length }).map_err(str::to_owned),
    }
}
