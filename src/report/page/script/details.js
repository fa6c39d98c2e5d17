// All about one row: the headers of its frame, and why.

const details = {
  title: document.getElementById("chosen"),
  why: document.getElementById("why-so"),
  layers: document.getElementById("layers"),
};

/** A packet that runs in circles is told of only so far. */
const MOST_LEGS = 40;

/** A button that leads to a frame. */
function frameLink(id, words = `frame ${id}`) {
  const place = placeOf(id);
  if (place < 0) return words;
  const button = make("button", { type: "button", class: "link" }, words);
  button.dataset.goto = id;
  return button;
}

function frameWords(id) {
  const place = placeOf(id);
  return place < 0 ? [`frame ${id}`] : [frameLink(id), `: ${text(frames.label[place])}`];
}

const source = document.getElementById("source");

/** Words that begin with a place in the scenario's file lead there. */
function withPlace(words) {
  const { file } = source.dataset;
  const line = words.startsWith(`${file}:`) ? Number.parseInt(words.slice(file.length + 1), 10) : Number.NaN;
  if (Number.isNaN(line)) return [words];
  const place = `${file}:${line}`;
  const button = make("button", { type: "button", class: "link" }, place);
  button.dataset.line = line;
  return [button, words.slice(place.length)];
}

/** Opens the scenario's file at a line. */
function showLine(number) {
  source.open = true;
  const line = document.getElementById(`line-${number}`);
  for (const shown of source.querySelectorAll(".shown")) shown.classList.remove("shown");
  line.classList.add("shown");
  line.scrollIntoView({ block: "center" });
}

function fieldRow({ name, value, bytes, was }) {
  const shown = was === undefined ? [value] : [make("mark", {}, value), make("span", { class: "was" }, was && ` was ${was}`)];
  const raw = bytes.length > 24 ? `${bytes.slice(0, 24)}…` : bytes;
  const digitsCell = make("td", { class: "code", title: bytes }, was === undefined ? raw : make("mark", {}, raw));
  return make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: "code" }, ...shown), digitsCell);
}

function layerTable({ name, length, fields, isNew }) {
  const caption = make("caption", {}, `${name}, ${length} bytes `);
  if (isNew) caption.append(make("mark", {}, "new"));
  return make("table", { class: "layer" }, caption, make("tbody", {}, ...fields.map(fieldRow)));
}

function phaseRows(numbers) {
  const known = why();
  return numbers.flatMap((number) => {
    const [stage, what, drop, basis] = known.phases[number];
    const tone = drop >= 0 ? { class: "bad" } : {};
    const words = make("dd", tone, known.texts[what]);
    if (drop >= 0) words.append(` (${known.texts[drop]})`);
    if (basis >= 0) words.append(make("span", { class: "basis" }, "└ ", ...withPlace(known.texts[basis])));
    return [make("dt", {}, known.texts[stage]), words];
  });
}

function pair(name, tone, ...words) {
  return [make("dt", {}, name), make("dd", tone ? { class: tone } : {}, ...words)];
}

function madePart(frame, leg) {
  const known = why();
  const rows = [...pair("maker", "", ...withPlace(known.texts[leg.maker]))];
  if (leg.because !== null) rows.push(...pair("because of", "", ...frameWords(leg.because)));
  if (leg.sake !== null) rows.push(...pair("for", "", ...frameWords(leg.sake)));
  rows.push(...phaseRows(leg.phases), ...pair("sends", "good", frameLink(frames.id[frame])));
  const title = `${clock(frames.at[frame])}  ${nodes[frames.node[frame]].name} makes it`;
  return make("div", {}, make("h5", {}, title), make("dl", { class: "phases" }, ...rows));
}

function visitPart(frame, visit) {
  const known = why();
  const isLost = visit.by < 0;
  const what = isLost ? `on its way from ${known.texts[visit.who]}` : `${known.texts[visit.who]} gets it by ${known.texts[visit.by]}`;
  const rows = phaseRows(visit.phases);
  if (visit.loss >= 0) rows.push(...pair("lost", "bad", known.texts[visit.loss]));
  for (const id of visit.passed) {
    const changes = text(frames.changes[placeOf(id)]);
    rows.push(...pair("passes on", "good", "as ", frameLink(id), changes && `: ${changes}`));
  }
  for (const id of visit.led) rows.push(...pair("led to", "", ...frameWords(id)));
  const title = `${clock(visit.at)}  ${what}`;
  return make("div", {}, make("h5", {}, title), make("dl", { class: "phases" }, ...rows));
}

function legPart(frame, leg, chosen) {
  const known = why();
  const isOther = (visit) => known.texts[visit.end] === "other-machine";
  const parts = leg.maker >= 0 ? [madePart(frame, leg)] : [];
  parts.push(...leg.visits.filter((visit) => !isOther(visit)).map((visit) => visitPart(frame, visit)));
  const idle = leg.visits.filter(isOther).map((visit) => known.texts[visit.who]);
  if (idle.length) parts.push(make("p", { class: "soft" }, `It came by ${idle.join(", ")} too, and is not for them.`));
  return make("div", { class: frame === chosen ? "leg here" : "leg" }, make("strong", {}, frameLink(frames.id[frame])), ...parts);
}

function visitOf([who, by, at, end, loss, phases, passed, led]) {
  return { who, by, at, end, loss, phases, passed, led };
}

/** What is known of one frame: whose journey it belongs to, who has made it, what for, and where it came to. */
function legOf(frame) {
  const [start, maker, because, sake, phases, visited] = why().legs[frame] ?? [-1, -1, null, null, [], []];
  return { start, maker, because, sake, phases, visits: visited.map(visitOf) };
}

/** The whole journey of a frame's packet. */
function journey(frame) {
  const { legs } = why();
  const { start } = legOf(frame);
  const parts = [];
  for (let place = start; place >= 0 && place < legs.length && parts.length < MOST_LEGS; place += 1) {
    if (legs[place]?.[0] === start) parts.push(legPart(place, legOf(place), frame));
  }
  return parts;
}

function showDetails(row) {
  const frame = rows.frame[row];
  const said = rows.kind[row] === KINDS.frame ? [] : [make("pre", { class: "said" }, text(rows.text[row]))];
  const who = nodes[rows.node[row]]?.name ?? "";
  const label = text(frames.label[frame]);
  details.title.textContent = said.length ? `${clock(rows.at[row])}  ${who}` : `Frame ${frames.id[frame]}: ${label}`;
  details.why.replaceChildren(...said, ...(frame < 0 ? [] : journey(frame)));
  const noFrame = make("p", { class: "soft" }, "It is about no frame.");
  details.layers.replaceChildren(...(frame < 0 ? [noFrame] : compared(frame).map(layerTable)));
}
