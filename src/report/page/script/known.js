// What a machine knew at a moment.

const known = {
  box: document.getElementById("tables"),
  choice: document.getElementById("node"),
  when: document.getElementById("when"),
};

known.choice.append(...nodes.map((node, number) => make("option", { value: number }, node.name)));

/** The place of the last of these ascending times that is not later; -1 if there is none. */
function lastUntil(times, at) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The lines of a table's state, put together from the differences up to it. */
function linesOf(table, state) {
  let lines = [];
  for (const [head, own, tail] of table.states.slice(0, state + 1)) {
    lines = [...lines.slice(0, head), ...own, ...lines.slice(lines.length - tail)];
  }
  return lines;
}

function tableAt(table, at) {
  const state = lastUntil(table.since, at);
  const lines = linesOf(table, state);
  if (lines.length === 0) return null;
  const isNews = state > 0 && table.since[state] === at;
  const before = new Set(isNews ? linesOf(table, state - 1) : lines);
  const shown = lines.map((line) => make("span", before.has(line) ? {} : { class: "new" }, `${text(line)}\n`));
  const command = make("p", { class: "code" }, `$ ${table.command}`);
  return make("div", { class: "table" }, command, make("pre", { tabindex: 0 }, ...shown));
}

function showKnown(at) {
  const node = Number(known.choice.value);
  known.when.textContent = ` at ${clock(at)}`;
  const tables = data.known
    .filter((table) => table.node === node)
    .map((table) => tableAt(table, at))
    .filter(Boolean);
  const nothing = make("p", { class: "soft" }, "Nothing.");
  known.box.replaceChildren(...(tables.length ? tables : [nothing]));
  for (const [name, card] of map.cards) card.classList.toggle("asked", name === nodes[node].name);
}
