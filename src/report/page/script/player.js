// Playing, stepping, keys: one moment is shown everywhere.

const BEAT = 700;
const SHORT_BEAT = 220;
const element = (id) => document.getElementById(id);
const controls = {
  clock: element("clock"),
  decisions: element("decisions"),
  filter: element("filter"),
  play: element("play"),
  slider: element("slider"),
  speed: element("speed"),
};
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

const player = {
  /** The place among the rows that are shown. */
  place: 0,
  isPlaying: false,
  /** When the present row began to be shown. */
  began: 0,
};

const row = () => ladder.shown[player.place];

/** The moment that is shown: when the frame has come to where it goes. */
function moment() {
  const at = row();
  if (at === undefined) return 0;
  return rows.kind[at] === KINDS.frame ? landing(rows.frame[at]) : rows.at[at];
}

/** Shows the present row everywhere. */
function show() {
  const at = row();
  element("nothing").hidden = at !== undefined;
  if (at === undefined) return;
  controls.slider.value = player.place;
  const time = clock(rows.at[at]);
  controls.clock.textContent = time;
  controls.slider.setAttribute("aria-valuetext", `${time}, ${player.place + 1} of ${ladder.shown.length}`);
  element("back").disabled = player.place === 0;
  element("step").disabled = player.place === ladder.shown.length - 1;
  showChosen(at, player.place);
  drawMoment(at, 1);
  bringIntoView(rows.kind[at] === KINDS.frame ? frames.node[rows.frame[at]] : rows.node[at]);
  showDetails(at);
  showKnown(moment());
}

function go(place) {
  player.place = Math.max(0, Math.min(ladder.shown.length - 1, place));
  player.began = performance.now();
  show();
}

/** Shows a row, whatever the filter says. */
function goToRow(wanted) {
  const place = ladder.shown.indexOf(wanted);
  if (place >= 0) {
    go(place);
    return;
  }
  controls.filter.value = "";
  choose();
  go(ladder.shown.indexOf(wanted));
}

function goToFrame(id) {
  const wanted = rowOfFrame.get(placeOf(id));
  pause();
  if (wanted !== undefined) goToRow(wanted);
}

/** Which rows the filter leaves. The present one stays the present one, or gives way to the next. */
function choose() {
  const present = row() ?? 0;
  const wanted = controls.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const withDecisions = controls.decisions.checked;
  const isChosen = (at) => {
    if (!withDecisions && rows.kind[at] === KINDS.decision) return false;
    if (wanted.length === 0) return true;
    const found = searchable(at);
    return wanted.every((word) => found.includes(word));
  };
  ladder.shown = [...rows.at.keys()].filter(isChosen);
  const next = ladder.shown.findIndex((at) => at >= present);
  player.place = next < 0 ? Math.max(0, ladder.shown.length - 1) : next;
  controls.slider.max = Math.max(0, ladder.shown.length - 1);
  drawLadder();
  show();
}

/** How long a row is shown while playing. */
function beat(at) {
  return (rows.kind[at] === KINDS.frame ? BEAT : SHORT_BEAT) / Number(controls.speed.value);
}

function tick(now) {
  if (!player.isPlaying) return;
  const passed = Math.max(0, now - player.began) / beat(row());
  if (passed < 1.25) {
    if (!stillness.matches) drawMoment(row(), Math.min(1, passed));
  } else if (player.place >= ladder.shown.length - 1) {
    pause();
    return;
  } else {
    go(player.place + 1);
    if (!stillness.matches) drawMoment(row(), 0);
  }
  requestAnimationFrame(tick);
}

function setPlaying(isPlaying) {
  player.isPlaying = isPlaying;
  const name = isPlaying ? "Pause (space)" : "Play (space)";
  controls.play.setAttribute("aria-label", name);
  controls.play.title = name;
  controls.play.querySelector("path").setAttribute("d", isPlaying ? "M5 3h3v14h-3zM12 3h3v14h-3z" : "M5 3l12 7-12 7z");
}

function pause() {
  if (!player.isPlaying) return;
  setPlaying(false);
  if (row() !== undefined) drawMoment(row(), 1);
}

function play() {
  if (ladder.shown.length === 0) return;
  if (player.place === ladder.shown.length - 1) go(0);
  setPlaying(true);
  player.began = performance.now();
  requestAnimationFrame(tick);
}

function step(by) {
  pause();
  go(player.place + by);
}

function nextNode() {
  known.choice.value = (Number(known.choice.value) + 1) % nodes.length;
  showKnown(moment());
}

function openDetails() {
  pause();
  details.title.focus();
  details.title.scrollIntoView({ block: "nearest" });
}

const KEYS = {
  " ": () => (player.isPlaying ? pause() : play()),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  ArrowUp: () => step(-1),
  ArrowDown: () => step(1),
  PageUp: () => step(-10),
  PageDown: () => step(10),
  Home: () => step(-rows.at.length),
  End: () => step(rows.at.length),
  Enter: openDetails,
  "/": () => controls.filter.focus(),
  n: nextNode,
};

/** Up and down scroll the page unless the ladder has the focus; letters belong to whoever is being typed into. */
function isForPlayer(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  const { target, key } = event;
  if (target.matches("input, select, textarea")) return false;
  if (target.matches("button, summary, a") && (key === " " || key === "Enter")) return false;
  return !/^(Arrow(Up|Down)|Page|Home|End|Enter)/.test(key) || target === ladder.box || /^(Home|End|Enter)$/.test(key);
}

function onKey(event) {
  if (event.key === "Escape" && event.target === controls.filter) {
    controls.filter.value = "";
    choose();
    ladder.box.focus();
    return;
  }
  if (event.key === "Enter" && event.target === controls.filter) {
    ladder.box.focus();
    return;
  }
  const act = KEYS[event.key];
  if (!act || !isForPlayer(event)) return;
  event.preventDefault();
  act();
}

function onClick(event) {
  const link = event.target.closest("[data-goto]");
  if (link) goToFrame(Number(link.dataset.goto));
  const line = event.target.closest("[data-line]");
  if (line) showLine(line.dataset.line);
  const chosen = event.target.closest(".row");
  if (chosen) {
    pause();
    go(Number(chosen.dataset.place));
  }
  const card = event.target.closest(".map .node");
  const node = card ? nodes.findIndex((it) => it.name === card.dataset.node) : -1;
  if (node >= 0) {
    known.choice.value = node;
    showKnown(moment());
  }
}

/** An address that ends in #frame-12 leads to frame 12. */
function followAddress() {
  const id = /^#frame-(\d+)$/.exec(location.hash)?.[1];
  if (id) goToFrame(Number(id));
}

addEventListener("hashchange", followAddress);
document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
element("home").addEventListener("click", () => step(-rows.at.length));
element("back").addEventListener("click", () => step(-1));
element("step").addEventListener("click", () => step(1));
element("end").addEventListener("click", () => step(rows.at.length));
controls.play.addEventListener("click", () => (player.isPlaying ? pause() : play()));
controls.slider.addEventListener("input", () => {
  pause();
  go(Number(controls.slider.value));
});
controls.filter.addEventListener("input", choose);
controls.decisions.addEventListener("change", choose);
known.choice.addEventListener("change", () => showKnown(moment()));
ladder.box.addEventListener("scroll", drawRows, { passive: true });
new ResizeObserver(() => {
  if (ladder.box.clientWidth !== ladder.width) drawLadder();
}).observe(ladder.box);

/** The machine whose tables tell most: the first that balances, or the first. */
known.choice.value = Math.max(
  0,
  nodes.findIndex((node) => node.colour === "orange"),
);
choose();
followAddress();
