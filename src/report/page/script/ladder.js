// The ladder: a lane for each machine, a row for each thing that happened. Only the rows in view exist.

const ROW = 46;
const GUTTER = 86;
const LEAST_STEP = 30;
const MARK = 9;
const ARROW_Y = 26;

const ladder = {
  box: document.getElementById("ladder"),
  rows: document.querySelector("#ladder .rows"),
  lanes: document.querySelector(".lanes"),
  /** The rows that the filter leaves. */
  shown: [],
  chosen: -1,
  width: 0,
  drawn: new Map(),
};

const laneOf = new Map(data.run.lanes.map((node, lane) => [node, lane]));

/** From one lane to the next. */
function laneWidth() {
  const room = ladder.width - GUTTER - 12;
  return Math.max(LEAST_STEP, Math.min(190, room / Math.max(1, laneOf.size)));
}

const laneX = (lane) => GUTTER + laneWidth() * (lane + 0.5);

const nodeX = (node) => (laneOf.has(node) ? laneX(laneOf.get(node)) : GUTTER);

/** The machines' names; where they have too little room, every other one stands lower. */
function drawLanes() {
  const longest = Math.max(0, ...data.run.lanes.map((node) => nodes[node].name.length));
  const isTight = longest * 9 > laneWidth();
  const heads = data.run.lanes.map((node, lane) => {
    const y = isTight ? 14 + 14 * (lane % 2) : 22;
    const size = isTight ? "small " : "";
    return draw("text", { class: `${size}mid strong ${nodes[node].colour}`, x: laneX(lane), y }, nodes[node].name);
  });
  ladder.lanes.replaceChildren(draw("svg", { width: ladder.width, height: 34 }, ...heads));
}

/** How many pixels a text of the ladder takes, about. */
const textWidth = (line) => line.length * 7.25;

/** Where a text begins so that as much as possible of it can be seen. */
function textX(wanted, line) {
  return Math.max(GUTTER + 8, Math.min(wanted, ladder.width - textWidth(line) - 14));
}

/** Where a frame begins and ends on the ladder; one that nobody had ends beside its sender. */
function span(frame, ends) {
  const from = nodeX(frames.node[frame]);
  const xs = [from, ...ends.map((end) => nodeX(end.node))];
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  return { from, left, right: left === right ? from + 36 : right, isNowhere: left === right };
}

function arrow(frame) {
  const hue = colour(frame);
  const there = concerned(frame);
  const ends = there.filter((visit) => visit.node >= 0);
  const { from, left, right, isNowhere } = span(frame, ends);
  const isLost = there.some((visit) => visit.end === ENDS.lost);
  const line = draw("path", { class: `arrow ${hue}${isLost ? " lost" : ""}`, d: `M${left} ${ARROW_Y}H${right}` });
  const tips = ends.flatMap((end) => tip(end, from, hue));
  const isLostBetween = isNowhere || there.some((visit) => visit.node < 0 && isBad(visit));
  const crosses = isLostBetween ? [cross(right, ARROW_Y)] : [];
  const start = draw("circle", { class: hue, cx: from, cy: ARROW_Y, r: 3 });
  return [line, ...tips, ...crosses, start, ...arrowTexts(frame, left + 10, there)];
}

function tip(end, from, hue) {
  const x = nodeX(end.node);
  const back = x < from ? MARK : -MARK;
  const head = draw("path", { class: hue, d: `M${x} ${ARROW_Y}l${back} -5v10z` });
  return [...(end.end === ENDS.lost ? [] : [head]), ...(isBad(end) ? [cross(x, ARROW_Y)] : [])];
}

/** What stands above an arrow, and below it: why it came to nothing, or what has changed. */
function arrowTexts(frame, x, there) {
  const write = (tone, y, said) => draw("text", { class: `${tone} halo`, x: textX(x, said), y }, said);
  const label = write("mono", 17, text(frames.label[frame]));
  const reason = there.find((visit) => visit.why)?.why;
  if (reason) return [label, write("small red", 40, `✗ ${reason}`)];
  const changes = text(frames.changes[frame]);
  return changes ? [label, write("small vipink", 40, `changed: ${changes}`)] : [label];
}

function cross(x, y) {
  return draw("path", { class: "arrow red", d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10` });
}

/** A text in at most two lines of the ladder's width. */
function twoLines(line, room) {
  const most = Math.floor(room / 7.25);
  if (line.length <= most) return [line];
  const end = line.lastIndexOf(" ", most);
  const first = end > most / 2 ? end : most;
  const rest = line.slice(first).trim();
  return [line.slice(0, first), rest.length > most ? `${rest.slice(0, most - 1)}…` : rest];
}

/** A command, what it prints, or a decision. */
function saying(row) {
  const line = text(rows.text[row]);
  const node = rows.node[row];
  const tone = ["", "strong", "green", "red", "soft"][rows.kind[row]];
  const hasLane = laneOf.has(node);
  const said = hasLane ? line : `${nodes[node]?.name ?? ""}  ${line}`;
  const x = textX(hasLane ? nodeX(node) + 10 : GUTTER, said);
  const lines = twoLines(said, ladder.width - x - 14);
  const write = (part, place) => {
    const y = (lines.length > 1 ? 22 : 28) + 15 * place;
    return draw("text", { class: `mono halo ${tone}`, x, y }, part);
  };
  const dot = hasLane ? [draw("circle", { class: nodes[node].colour, cx: nodeX(node), cy: 7, r: 4 })] : [];
  return [...lines.map(write), ...dot];
}

function spoken(row) {
  const frame = rows.frame[row];
  const at = clock(rows.at[row]);
  if (rows.kind[row] !== KINDS.frame) return `${at}, ${nodes[rows.node[row]]?.name ?? ""}: ${text(rows.text[row])}`;
  const to = concerned(frame).map((visit) => `${nodes[visit.node]?.name ?? "nobody"} ${visit.why}`);
  return `${at}, frame ${frames.id[frame]}, ${nodes[frames.node[frame]].name} to ${to.join(", ")}: ${text(frames.label[frame])}`;
}

function drawRow(place) {
  const row = ladder.shown[place];
  const lines = data.run.lanes.map((_, lane) => `M${laneX(lane)} 0V${ROW}`).join("");
  const isFrame = rows.kind[row] === KINDS.frame;
  const time = draw("text", { class: "mono soft end", x: GUTTER - 10, y: 30 }, (rows.at[row] / 1e9).toFixed(6));
  const parts = [draw("path", { class: "rule", d: lines }), time, ...(isFrame ? arrow(rows.frame[row]) : saying(row))];
  const picture = draw("svg", { width: ladder.width, height: ROW, "aria-hidden": "true" }, ...parts);
  const attributes = { class: "row", role: "option", id: `row-${row}`, "aria-label": spoken(row) };
  const element = make("div", attributes, picture);
  element.dataset.place = place;
  element.style.top = `${place * ROW}px`;
  element.style.height = `${ROW}px`;
  element.setAttribute("aria-posinset", place + 1);
  element.setAttribute("aria-setsize", ladder.shown.length);
  element.setAttribute("aria-selected", row === ladder.chosen);
  return element;
}

/** Draws the rows that have come into view, and drops those that have left it. */
function drawRows() {
  const first = Math.max(0, Math.floor(ladder.box.scrollTop / ROW) - 4);
  const last = Math.min(ladder.shown.length, first + Math.ceil(ladder.box.clientHeight / ROW) + 8);
  for (const [place, element] of ladder.drawn) {
    if (place < first || place >= last) {
      element.remove();
      ladder.drawn.delete(place);
    }
  }
  for (let place = first; place < last; place += 1) {
    if (ladder.drawn.has(place)) continue;
    const element = drawRow(place);
    ladder.drawn.set(place, element);
    ladder.rows.append(element);
  }
}

function drawLadder() {
  ladder.width = ladder.box.clientWidth;
  ladder.rows.style.height = `${ladder.shown.length * ROW}px`;
  ladder.rows.replaceChildren();
  ladder.drawn.clear();
  drawLanes();
  drawRows();
}

/** Marks the chosen row, and brings it into view. */
function showChosen(row, place) {
  ladder.chosen = row;
  const top = place * ROW;
  const { scrollTop, clientHeight } = ladder.box;
  if (top < scrollTop + ROW || top + 2 * ROW > scrollTop + clientHeight) {
    ladder.box.scrollTop = Math.max(0, top - clientHeight / 2);
  }
  drawRows();
  for (const element of ladder.drawn.values()) element.setAttribute("aria-selected", element.id === `row-${row}`);
  ladder.box.setAttribute("aria-activedescendant", `row-${row}`);
}
