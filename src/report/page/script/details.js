// All about one row: the headers of its frame, and why.

const details = {
  title: document.getElementById("chosen"),
  why: document.getElementById("why-so"),
  layers: document.getElementById("layers"),
};

/** A packet that runs in circles is told of only so far. */
const MOST_LEGS = 40;

/** A button that leads to a frame. */
function frameLink(id) {
  const place = placeOf(id);
  const name = `frame ${id}`;
  if (place < 0) return name;
  const button = make("button", { type: "button", class: "link" }, name);
  button.dataset.goto = id;
  return button;
}

function frameWords(id) {
  const place = placeOf(id);
  return place < 0 ? [`frame ${id}`] : [frameLink(id), `: ${text(frames.label[place])}`];
}

const source = document.getElementById("source");

/** Words that begin with a place in the scenario's file lead there. */
function withPlace(said) {
  const { file } = source.dataset;
  const line = said.startsWith(`${file}:`) ? Number.parseInt(said.slice(file.length + 1), 10) : Number.NaN;
  if (Number.isNaN(line)) return [said];
  const place = `${file}:${line}`;
  const button = make("button", { type: "button", class: "link" }, place);
  button.dataset.line = line;
  return [button, said.slice(place.length)];
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
  const shown =
    was === undefined ? [value] : [make("mark", {}, value), make("span", { class: "was" }, was && ` was ${was}`)];
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
  const all = why();
  return numbers.flatMap((number) => {
    const [stage, what, drop, basis] = all.phases[number];
    const tone = drop >= 0 ? { class: "bad" } : {};
    const said = make("dd", tone, all.texts[what]);
    if (drop >= 0) said.append(` (${all.texts[drop]})`);
    if (basis >= 0) said.append(make("span", { class: "basis" }, "└ ", ...withPlace(all.texts[basis])));
    return [make("dt", {}, all.texts[stage]), said];
  });
}

function pair(name, tone, ...said) {
  return [make("dt", {}, name), make("dd", tone ? { class: tone } : {}, ...said)];
}

function madePart(frame, leg) {
  const all = why();
  const facts = [...pair("maker", "", ...withPlace(all.texts[leg.maker]))];
  if (leg.because !== null) facts.push(...pair("because of", "", ...frameWords(leg.because)));
  if (leg.sake !== null) facts.push(...pair("for", "", ...frameWords(leg.sake)));
  facts.push(...phaseRows(leg.phases), ...pair("sends", "good", frameLink(frames.id[frame])));
  const title = `${clock(frames.at[frame])}  ${nodes[frames.node[frame]].name} makes it`;
  return make("div", {}, make("h5", {}, title), make("dl", { class: "phases" }, ...facts));
}

function visitPart(frame, visit) {
  const all = why();
  const isLost = visit.by < 0;
  const what = isLost
    ? `on its way from ${all.texts[visit.who]}`
    : `${all.texts[visit.who]} gets it by ${all.texts[visit.by]}`;
  const facts = phaseRows(visit.phases);
  if (visit.loss >= 0) facts.push(...pair("lost", "bad", all.texts[visit.loss]));
  for (const id of visit.passed) {
    const changes = text(frames.changes[placeOf(id)]);
    facts.push(...pair("passes on", "good", "as ", frameLink(id), changes && `: ${changes}`));
  }
  for (const id of visit.led) facts.push(...pair("led to", "", ...frameWords(id)));
  const title = `${clock(visit.at)}  ${what}`;
  return make("div", {}, make("h5", {}, title), make("dl", { class: "phases" }, ...facts));
}

function legPart(frame, leg, chosen) {
  const all = why();
  const isOther = (visit) => all.texts[visit.end] === "other-machine";
  const parts = leg.maker >= 0 ? [madePart(frame, leg)] : [];
  parts.push(...leg.visits.filter((visit) => !isOther(visit)).map((visit) => visitPart(frame, visit)));
  const idle = leg.visits.filter(isOther).map((visit) => all.texts[visit.who]);
  if (idle.length) parts.push(make("p", { class: "soft" }, `It came by ${idle.join(", ")} too, and is not for them.`));
  return make(
    "div",
    { class: frame === chosen ? "leg here" : "leg" },
    make("strong", {}, frameLink(frames.id[frame])),
    ...parts,
  );
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
