// The data of the run, and what can be asked of it.

const data = JSON.parse(document.getElementById("data").textContent);
const { frames, rows } = data.run;
const { nodes } = data.map;

/** The text of this number; none for -1. */
const text = (number) => data.texts[number] ?? "";

const ENDS = { taken: 0, passed: 1, dropped: 2, lost: 3, other: 4, waiting: 5 };
const KINDS = { frame: 0, command: 1, output: 2, complaint: 3, decision: 4 };

/** What was decided about frames: read when somebody asks for the first time. */
let decided;
function why() {
  decided ??= JSON.parse(document.getElementById("why").textContent);
  return decided;
}

/** The place of the frame of this number, or -1. Numbers ascend. */
function placeOf(id) {
  let [low, high] = [0, frames.id.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (frames.id[middle] < id) low = middle + 1;
    else high = middle;
  }
  return frames.id[low] === id ? low : -1;
}

/** The row in which a frame is sent; rows of decisions name their frames, too. */
const rowOfFrame = new Map();
rows.frame.forEach((frame, row) => {
  if (rows.kind[row] === KINDS.frame) rowOfFrame.set(frame, row);
});

function clock(nanos) {
  return `${(nanos / 1e9).toFixed(6)} s`;
}

/** Whom a frame concerns: where it came to, without those whom a switch has flooded it to. */
function visits(frame) {
  return frames.visits[frame].map(([node, port, delay, end, reason]) => ({
    node,
    port,
    delay,
    end,
    why: text(reason),
  }));
}

const concerned = (frame) => visits(frame).filter((visit) => visit.end !== ENDS.other);

const isBad = (visit) => visit.end === ENDS.dropped || visit.end === ENDS.lost;

/** The colour of a frame, the same as in ladders for paper. */
function colour(frame) {
  if (concerned(frame).some(isBad)) return "red";
  if (frames.changes[frame] >= 0) return "orange";
  return frames.is_broadcast[frame] ? "purple" : "blue";
}

const landings = [];

/** When a frame was at its last place. */
function landing(frame) {
  landings[frame] ??= frames.at[frame] + Math.max(0, ...concerned(frame).map((visit) => visit.delay));
  return landings[frame];
}

/** All that can be searched for in a row. */
function searchable(row) {
  const kind = rows.kind[row];
  const frame = rows.frame[row];
  const names = (list) => list.filter((node) => node >= 0).map((node) => nodes[node].name);
  if (kind !== KINDS.frame) return `${names([rows.node[row]])} ${text(rows.text[row])}`.toLowerCase();
  const there = concerned(frame);
  const ends = there.some(isBad) ? "dropped lost" : "";
  const who = names([frames.node[frame], ...there.map((visit) => visit.node)]);
  const what = [text(frames.label[frame]), text(frames.changes[frame]), ...there.map((visit) => visit.why)];
  return [...what, ...who, ends, `#${frames.id[frame]}`].join(" ").toLowerCase();
}

/** A new element with attributes and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  return fill(element, attributes, children);
}

/** A new element of a drawing. */
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return fill(element, attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
