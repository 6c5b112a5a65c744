/** The sets as a picture: how large they are, and in columns how each divides into classes; every part opens. */

import { h } from "../dom.js";
import { CLASSES, grouped, overlap, SETS } from "./sets.js";

let choices = 0; // radio buttons of two explorers must not share a name
const CLASSED = { frequency: "How often used", length: "Characters" };

/**
 * @param {(opened: {by: string, set: string, place: number} | null) => void} open called when the reader opens a cell
 * @returns {{element: HTMLElement, update: (entries: object[]) => void, mark: (opened: object | null) => void}}
 */
export function picture(open) {
  let [by, entries, opened] = ["frequency", [], null];
  const told = h("p", { class: "mv-explorer-told" });
  const whole = h("div", { class: "mv-explorer-whole", "aria-hidden": "true" });
  const body = h("tbody");
  const corner = h("th", { scope: "col" });
  const totals = Object.fromEntries(Object.keys(SETS).map((set) => [set, h("span")]));
  const heads = Object.entries(SETS).map(([set, name]) =>
    h("th", { scope: "col", class: `mv-set-${set}` }, `${name} `, totals[set]),
  );
  const grid = h("table", { class: "mv-explorer-grid" }, h("thead", {}, h("tr", {}, corner, ...heads)), body);
  const draw = () => {
    corner.textContent = CLASSED[by];
    body.replaceChildren(...rows(entries, by, open));
    mark(opened);
  };
  const choose = (value) => {
    by = value;
    open(null);
    draw();
  };

  function mark(now) {
    opened = now;
    for (const button of body.querySelectorAll("button")) {
      const { set, place } = button.dataset;
      const pressed = opened?.by === by && opened.set === set && opened.place === Number(place);
      button.setAttribute("aria-pressed", String(pressed));
    }
  }

  return {
    element: h("div", {}, told, whole, choice(choose), grid),
    update(now) {
      entries = now;
      const { pieces, shared, tokens, sharedTokens } = overlap(entries);
      const counts = countBySet(entries);
      told.textContent =
        `${grouped(shared)} of the student's ${grouped(pieces)} pieces (${percent(shared / pieces)}) are the ` +
        `teacher's too, and ${percent(sharedTokens / tokens)} of the tokens into which it cuts these words.`;
      whole.replaceChildren(...Object.keys(SETS).map((set) => share(set, counts[set] / entries.length)));
      for (const set of Object.keys(SETS)) totals[set].textContent = grouped(counts[set]);
      draw();
    },
    mark,
  };
}

/** Entries of one cell of the picture. */
export function cellOf(entries, { by, set, place }) {
  return entries.filter((entry) => entry.set === set && CLASSES[by][place].holds(entry));
}

/** The cell in words. */
export function cellName({ by, set, place }) {
  const { label } = CLASSES[by][place];
  if (by === "length") return `${SETS[set]}, ${label} character${label === "1" ? "" : "s"}`;
  return `${SETS[set]}, used ${label}${label === "never" ? "" : " times"}`;
}

function countBySet(entries) {
  const counts = { student: 0, both: 0, teacher: 0 };
  for (const { set } of entries) counts[set]++;
  return counts;
}

function share(set, part) {
  const stretch = h("span", { class: `mv-set-${set}` });
  stretch.style.flexGrow = part;
  return stretch;
}

function rows(entries, by, open) {
  const classes = CLASSES[by]
    .map(({ label, holds }, place) => ({ label, place, counts: countBySet(entries.filter(holds)) }))
    .filter(({ counts }) => Object.values(counts).some((count) => count));
  // A bar is measured against its own column: the sets differ so much in size that one would hide the other.
  const most = (set) => Math.max(...classes.map(({ counts }) => counts[set]));
  return classes.map(({ label, place, counts }) => {
    const cells = Object.keys(SETS).map((set) => h("td", {}, cell({ by, set, place }, counts[set], most(set), open)));
    return h("tr", {}, h("th", { scope: "row" }, label), ...cells);
  });
}

function cell(where, count, most, open) {
  if (!count) return h("span", { class: "mv-explorer-none" }, "0");
  const bar = h("span", { class: `mv-explorer-bar mv-set-${where.set}`, "aria-hidden": "true" });
  bar.style.inlineSize = `${(100 * count) / most}%`;
  const told = `${grouped(count)} pieces: ${cellName(where)}`;
  const button = h("button", { type: "button", "aria-label": told, onclick: () => open(where) }, bar, grouped(count));
  Object.assign(button.dataset, { set: where.set, place: where.place });
  return button;
}

function choice(choose) {
  const name = `mv-explorer-by-${++choices}`;
  const labels = Object.keys(CLASSED).map((by, place) => {
    const input = h("input", { type: "radio", name, checked: place === 0, onchange: () => choose(by) });
    return h("label", {}, input, ` by ${by}`);
  });
  return h("div", { class: "mv-explorer-by", role: "radiogroup", "aria-label": "Pieces in classes" }, ...labels);
}

function percent(part) {
  return `${(100 * part).toFixed(1)}%`;
}
