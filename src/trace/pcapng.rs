//! One capture of the whole lab in the pcapng format: draft-ietf-opsawg-pcapng.
//!
//! Every interface of every node is an interface of the file, called NODE:IFACE. A frame carries what was decided about
//! it as comments, which Wireshark shows beside it.

use std::collections::BTreeMap;

use super::record::{Direction, Event, Record, Trace};
use crate::ids::{FrameId, NodeId, PacketId, Port};
use crate::reason::Note;
use crate::sim::{Hop, Station};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const LINKTYPE_ETHERNET: u16 = 1;

const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_MACADDR: u16 = 6;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;

/// The file.
pub fn write(trace: &Trace) -> Vec<u8> {
    let mut file = Vec::new();
    section_header(&mut file);
    let mut interfaces = BTreeMap::new();
    for (node, port, member, plug) in trace.cast.interfaces() {
        interfaces.insert((node, port), interfaces.len() as u32);
        interface_description(&mut file, &format!("{}:{}", member.name, plug.name), plug.mac.0);
    }
    let notes = notes(trace);
    for Record { at, event } in trace.records() {
        let (place, id, direction, comments) = match event {
            Event::Frame { node, port, direction, id, made, .. } => {
                let subject = match (direction, made) {
                    (Direction::Out, Some(made)) => Some(Subject::Packet(made.packet)),
                    (Direction::Out, None) => None,
                    (Direction::In, _) => Some(Subject::Frame(node, id)),
                };
                let decided = subject.and_then(|subject| notes.get(&subject)).into_iter().flatten();
                let comments = std::iter::once(numbered(id)).chain(decided.map(|note| comment(note))).collect();
                ((node, port), id, Some(direction), comments)
            }
            Event::Lost { hop, id, loss } => {
                let Some(place) = node_end(hop) else { continue };
                (place, id, None, vec![numbered(id), format!("lost: {loss}")])
            }
            Event::Note { .. } => continue,
        };
        if let Some(&interface) = interfaces.get(&place) {
            let frame = trace.frames.of(id);
            enhanced_packet(&mut file, interface, trace.wall(at).as_nanos(), frame.bytes(), direction, &comments);
        }
    }
    file
}

/// The end of a cable that is a node's.
fn node_end(hop: &Hop) -> Option<(NodeId, Port)> {
    [Some(hop.from), hop.to].into_iter().flatten().find_map(|end| match end.station {
        Station::Node(node) => Some((node, end.port)),
        Station::Switch(_) => None,
    })
}

/// What a comment stands beside: what came in, or what was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Frame(NodeId, FrameId),
    Packet(PacketId),
}

/// What was decided about each frame that came in, and about each packet that was made.
fn notes(trace: &Trace) -> BTreeMap<Subject, Vec<&Note>> {
    let mut notes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for record in trace.records() {
        let Event::Note { node, about, packet, note } = record.event else { continue };
        if matches!(note, Note::Console(_) | Note::Change(_) | Note::Process(_)) {
            continue;
        }
        let subject = match (packet, about) {
            (Some(packet), _) => Subject::Packet(packet),
            (None, Some(id)) => Subject::Frame(node, id),
            (None, None) => continue,
        };
        notes.entry(subject).or_default().push(note);
    }
    notes
}

/// The number that `lvslab why --frame` takes.
fn numbered(id: FrameId) -> String {
    format!("frame {}", id.number())
}

fn comment(note: &Note) -> String {
    match note {
        Note::Drop(drop) => format!("dropped: {drop} ({})", drop.name()),
        note => note.to_string(),
    }
}

fn section_header(file: &mut Vec<u8>) {
    block(file, SECTION_HEADER, |body| {
        body.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        // Version 1.0, and a length that nobody has counted.
        body.extend_from_slice(&[1, 0, 0, 0]);
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        option(body, SHB_USERAPPL, b"lvslab");
        option(body, OPT_END, b"");
    });
}

fn interface_description(file: &mut Vec<u8>, name: &str, mac: [u8; 6]) {
    block(file, INTERFACE_DESCRIPTION, |body| {
        body.extend_from_slice(&LINKTYPE_ETHERNET.to_le_bytes());
        // Two reserved bytes, and frames of any length.
        body.extend_from_slice(&[0; 6]);
        option(body, IF_NAME, name.as_bytes());
        option(body, IF_MACADDR, &mac);
        // Units of 10^-9 seconds.
        option(body, IF_TSRESOL, &[9]);
        option(body, OPT_END, b"");
    });
}

fn enhanced_packet(
    file: &mut Vec<u8>,
    interface: u32,
    nanos: u64,
    bytes: &[u8],
    direction: Option<Direction>,
    comments: &[String],
) {
    // Frames are no longer than a jumbo IP datagram.
    let length = bytes.len() as u32;
    block(file, ENHANCED_PACKET, |body| {
        for number in [interface, (nanos >> 32) as u32, nanos as u32, length, length] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.extend_from_slice(bytes);
        pad(body);
        let flags: u32 = match direction {
            Some(Direction::In) => 1,
            Some(Direction::Out) => 2,
            None => 0,
        };
        option(body, EPB_FLAGS, &flags.to_le_bytes());
        for comment in comments {
            option(body, OPT_COMMENT, comment.as_bytes());
        }
        option(body, OPT_END, b"");
    });
}

/// A block: its type, its length, its body, and its length again.
fn block(file: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let mut content = Vec::new();
    body(&mut content);
    let length = (content.len() as u32 + 12).to_le_bytes();
    file.extend_from_slice(&kind.to_le_bytes());
    file.extend_from_slice(&length);
    file.extend_from_slice(&content);
    file.extend_from_slice(&length);
}

/// An option: its code, its length, its value, padded to four bytes.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&(value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
