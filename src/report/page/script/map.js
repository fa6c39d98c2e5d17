// Frames on their way along the drawing of the network.

const map = {
  box: document.querySelector(".map"),
  picture: document.querySelector(".map svg"),
  trails: draw("g"),
  flights: draw("g"),
  cards: new Map(),
};

map.picture.append(map.trails, map.flights);
map.box.style.setProperty("--wide", `${map.picture.viewBox.baseVal.width}px`);
document.querySelectorAll(".map .node").forEach((card) => map.cards.set(card.dataset.node, card));

/** The corners of the way from a plug to the middle of its switch. */
function plugWay(node, port) {
  const flat = nodes[node]?.plugs[port]?.[2] ?? [];
  return Array.from({ length: flat.length / 2 }, (_, corner) => [flat[2 * corner], flat[2 * corner + 1]]);
}

/** The corners of a frame's way to a place; those that are lost have come half as far. */
function way(frame, visit) {
  const out = plugWay(frames.node[frame], frames.port[frame]);
  if (visit.node < 0) return out;
  return [...out, ...plugWay(visit.node, visit.port).reverse()];
}

const distance = ([x, y], [u, v]) => Math.hypot(u - x, v - y);

function wayLength(corners) {
  return corners.slice(1).reduce((sum, corner, place) => sum + distance(corners[place], corner), 0);
}

/** The point at this part of a way. */
function pointAt(corners, part) {
  let left = wayLength(corners) * part;
  for (let place = 1; place < corners.length; place += 1) {
    const [a, b] = [corners[place - 1], corners[place]];
    const length = distance(a, b);
    if (left <= length && length > 0) {
      return [a[0] + ((b[0] - a[0]) * left) / length, a[1] + ((b[1] - a[1]) * left) / length];
    }
    left -= length;
  }
  return corners.at(-1) ?? [0, 0];
}

/** How many frames before and after one are looked at for those that are under way with it. */
const NEAR = 200;

/** The other frames that are under way at a time, each where it is then. */
function company(frame, time) {
  const first = Math.max(0, frame - NEAR);
  const near = Array.from({ length: Math.min(frames.at.length, frame + NEAR) - first }, (_, place) => first + place);
  const isUnderWay = (other) => other !== frame && frames.at[other] < time && time < landing(other);
  return near.filter(isUnderWay).flatMap((other) => {
    const part = (time - frames.at[other]) / (landing(other) - frames.at[other]);
    const ways = concerned(other).map((visit) => way(other, visit));
    const drawable = ways.filter((corners) => corners.length > 1);
    return drawable.map((corners) => {
      const [cx, cy] = pointAt(corners, part);
      return draw("circle", { class: `fellow ${colour(other)}`, cx, cy, r: 5, "data-goto": frames.id[other] });
    });
  });
}

/** A frame on the map, `part` of its way along, and those that are under way at the same time. */
function drawFlight(frame, part) {
  const hue = colour(frame);
  const ways = concerned(frame).map((visit) => ({ visit, corners: way(frame, visit) }));
  const drawable = ways.filter(({ corners }) => corners.length > 1);
  const trails = drawable.map(({ corners }) => draw("polyline", { class: `trail ${hue}`, points: corners.join(" ") }));
  const dots = drawable.map(({ visit, corners }) => {
    const reach = visit.end === ENDS.lost ? Math.min(part, 0.6) : part;
    const [cx, cy] = pointAt(corners, reach);
    const isCrossed = visit.end === ENDS.lost && part >= 0.6;
    return isCrossed ? cross(cx, cy) : draw("circle", { class: `flight ${hue}`, cx, cy, r: 9, "data-goto": frames.id[frame] });
  });
  map.trails.replaceChildren(...trails);
  const time = frames.at[frame] + (landing(frame) - frames.at[frame]) * part;
  map.flights.replaceChildren(...company(frame, time), ...dots);
}

/** Marks who does something in a row, and who gets something. */
function markNodes(acts, gets) {
  for (const [name, card] of map.cards) {
    card.classList.toggle("acts", name === acts);
    card.classList.toggle("gets", gets.includes(name));
  }
}

/** Where the map is wider than the page, brings who acts to its middle. */
function bringIntoView(node) {
  const [x] = plugWay(node, 0)[0] ?? [0];
  const spare = map.box.scrollWidth - map.box.clientWidth;
  if (spare <= 0) return;
  const scale = map.box.scrollWidth / map.picture.viewBox.baseVal.width;
  map.box.scrollLeft = x * scale - map.box.clientWidth / 2;
}

/** Shows a row: its frame `part` of its way along. */
function drawMoment(row, part) {
  const frame = rows.frame[row];
  if (rows.kind[row] !== KINDS.frame) {
    map.trails.replaceChildren();
    map.flights.replaceChildren();
    markNodes(nodes[rows.node[row]]?.name, []);
    return;
  }
  const gets = concerned(frame).filter((visit) => visit.node >= 0 && visit.end !== ENDS.lost);
  markNodes(nodes[frames.node[frame]].name, part >= 1 ? gets.map((visit) => nodes[visit.node].name) : []);
  drawFlight(frame, part);
}
