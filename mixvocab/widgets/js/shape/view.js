/** A student's shape in the reader's hands, on pages and in JupyterLab: what it costs, beside what was measured. */

import { countParameters, storedBytes } from "../core/parameters.js";
import { h } from "../dom.js";
import { follow } from "../overlap/store.js";
import { latency } from "./latency.js";
import { drawScores, key, scoresTable } from "./scores.js";

// As in `mixvocab/widgets/shape.py`.
const PIECES = [1000, 2000, 3000, 5000, 8000, 12000, 20000, 30522];
const WIDTHS = [96, 128, 160, 192, 256, 312, 384, 512, 768];
const LAYERS = Array.from({ length: 12 }, (_, n) => n + 1);
const NUMBERS = {
  fp32: { name: "32 bits", bits: 32, times: "fp32" },
  w8: { name: "8-bit weights", bits: 8, times: "fp32" }, // once loaded, the same as in 32 bits
  int8: { name: "8-bit weights and products", bits: 8, times: "int8" },
};
const grouped = (number) => number.toLocaleString("en");
const digits = (number) => number.toPrecision(number < 1 ? 2 : 3);
const megabytes = (bytes) => `${digits(bytes / 1e6)} MB`;
let made = 0; // ids and names must differ on a page

/**
 * @param {object} known what was recorded, as `mixvocab.widgets.shape.ShapeWidget` says
 * @param {import("../overlap/store.js").Store} store pieces, hidden, layers, numbers, length
 * @returns {{element: HTMLElement, ready: () => void, remove: () => void}} ready: to be called in the document
 */
export function shapeView(known, store) {
  const id = ++made;
  const sliders = [
    slider("Pieces", "pieces", PIECES, store, id),
    slider("Width", "hidden", WIDTHS, store, id),
    slider("Layers", "layers", LAYERS, store, id),
  ];
  const names = Object.entries(NUMBERS).map(([value, { name }]) => [value, name]);
  const numbers = choice("Numbers", `mv-shape-numbers-${id}`, names, (value) => store.set("numbers", value));
  const lengths = known.lengths.map((length) => [length, `${length}`]);
  const length = choice("Tokens of a query", `mv-shape-length-${id}`, lengths, (value) => {
    store.set("length", Number(value));
  });
  const [parameters, stored, time] = ["parameters", "bytes of the weights", "a query"].map(card);
  const spoken = h("p", { class: "mv-shape-spoken", role: "status", "aria-live": "polite" });
  const said = h("p", { class: "mv-shape-said" });
  const box = h("div", { class: "mv-shape-box" });
  const scored = h("div");
  let chart = known.charts[0];
  const tasks = choice(
    "Scores of",
    `mv-shape-task-${id}`,
    known.charts.map(({ name }, n) => [n, name]),
    (value) => {
      chart = known.charts[value];
      showTask();
      draw();
    },
  );
  tasks.choose(0);

  function showTask() {
    const unit = h("p", { class: "mv-shape-axis", "aria-hidden": "true" }, `${chart.y.label} against parameters`);
    const title = h("p", { class: "mv-shape-title" }, chart.title);
    scored.replaceChildren(title, key(chart), unit, box, scoresTable(chart));
  }

  function draw() {
    const { total } = countParameters(chosen(), store.get("pieces"));
    if (box.clientWidth) box.replaceChildren(drawScores(chart, total, box.clientWidth));
  }

  const chosen = () => ({ layers: store.get("layers"), hidden: store.get("hidden") });

  function update() {
    const [shape, pieces, kind] = [chosen(), store.get("pieces"), NUMBERS[store.get("numbers")]];
    for (const each of sliders) each.update();
    numbers.choose(store.get("numbers"));
    length.choose(store.get("length"));
    const { total, embeddings } = countParameters(shape, pieces);
    const parts = storedBytes(shape, pieces, kind.bits, known);
    const bytes = Object.values(parts).reduce((sum, part) => sum + part, 0);
    const place = known.lengths.indexOf(store.get("length"));
    const found = latency(known.times, { ...shape, numbers: kind.times, length: place });
    const share = Math.round((100 * embeddings) / total);
    const source = found === null ? "" : found.measured ? "measured" : "estimated";
    const ms = found === null ? "not known" : `${digits(found.ms)} ms`;
    parameters.show(`${digits(total / 1e6)} million`, `${share}% in the vocabulary`, share);
    stored.show(megabytes(bytes), `${grouped(bytes)} bytes`, Math.round((100 * parts["embeddings of pieces"]) / bytes));
    time.show(ms, source && `${source}, ${store.get("length")} tokens`);
    const name = `L-${shape.layers} H-${shape.hidden}`;
    spoken.textContent =
      `${name}, ${grouped(pieces)} pieces, ${kind.name}: ${digits(total / 1e6)} million parameters, ` +
      `${megabytes(bytes)}, ${ms}${source && ` ${source}`}.`;
    said.textContent = sentences(name, pieces, store.get("numbers")).join(" ");
    draw();
  }

  /** What is known of the accuracy of the chosen shape. */
  function sentences(name, pieces, numbers) {
    const trained = known.trained.includes(`${name}, ${pieces}`);
    const change = known.rounding[numbers];
    const by = change === undefined ? "" : `${Math.abs(change).toFixed(2)} points of ${known.score}`;
    return [
      trained
        ? "Students of this shape were trained here: the filled marks on the line, measured in 32 bits."
        : `No student of ${name} with ${grouped(pieces)} pieces was trained here: how well one would do is not known.`,
      ...(by ? [`One student was scored both ways: these numbers ${change < 0 ? "cost" : "gained"} it ${by}.`] : []),
    ];
  }

  const about = h("details", {}, h("summary", {}, "Where the numbers come from"), h("p", {}, aboutNumbers(known)));
  const element = h(
    "div",
    { class: "mv-shape" },
    h("div", { class: "mv-shape-sliders" }, ...sliders.map((each) => each.element)),
    h("div", { class: "mv-shape-choices" }, numbers.element, length.element),
    h("div", { class: "mv-shape-cards" }, parameters.element, stored.element, time.element),
    spoken,
    said,
    known.charts.length > 1 ? tasks.element : "",
    scored,
    about,
  );
  let width = 0;
  const stop = follow(store, update);
  const sized = new ResizeObserver(() => {
    if (box.clientWidth !== width) {
      width = box.clientWidth;
      draw();
    }
  });
  const remove = () => {
    stop();
    sized.disconnect();
  };
  showTask();
  update();
  const ready = () => {
    sized.observe(box);
    draw();
  };
  return { element, ready, remove };
}

/** Where the numbers come from, and how far an estimate was off where it could be checked. */
function aboutNumbers({ times, checks, lengths, machine }) {
  const at = Math.min(1, lengths.length - 1);
  const checked = checks.map(({ ms, ...shape }) => {
    const guess = latency(times, { ...shape, length: at });
    const bits = shape.numbers === "fp32" ? 32 : 8;
    return `L-${shape.layers} H-${shape.hidden} in ${bits} bits, ${digits(guess.ms)} ms where ${digits(ms[at])} were measured`;
  });
  const tried = checked.length ? ` Tried on a model that it does not use: ${checked.join("; ")}.` : "";
  return (
    "Parameters are the encoder's with 512 positions, as papers count them; bytes are those of the exported weights, " +
    "with the positions and heads that SNIPS needs, without graph and tokenizer. Milliseconds: fastest query, one " +
    `thread, ${machine}, as recorded; pieces are looked up, so that their number does not matter. In 8-bit weights alone ` +
    "a query takes what it takes in 32 bits. Between recorded shapes a time is estimated as a power of layers and of " +
    `width, below six layers as the six layers' share.${tried}`
  );
}

/** A slider over values that are not evenly spaced. */
function slider(label, key, values, store, id) {
  const name = `mv-shape-${key}-${id}`;
  const input = h("input", { id: name, type: "range", min: 0, max: values.length - 1, step: 1 });
  input.addEventListener("input", () => store.set(key, values[Number(input.value)]));
  const output = h("output", { htmlFor: name });
  return {
    element: h("div", { class: "mv-shape-slider" }, h("label", { htmlFor: name }, label), output, input),
    update() {
      const value = store.get(key);
      input.value = values.indexOf(value);
      input.setAttribute("aria-valuetext", grouped(value));
      output.textContent = grouped(value);
    },
  };
}

/** Radio buttons. */
function choice(label, name, values, choose) {
  const inputs = values.map(([value]) => h("input", { type: "radio", name, value, onchange: () => choose(value) }));
  const labels = inputs.map((input, n) => h("label", {}, input, ` ${values[n][1]}`));
  return {
    element: h("fieldset", {}, h("legend", {}, label), ...labels),
    choose: (value) => inputs.forEach((input) => (input.checked = input.value === String(value))),
  };
}

/** A number with its name, and of what has parts how much of it the vocabulary takes. */
function card(name) {
  const [value, note] = [h("strong"), h("small")];
  const bar = h("span", { class: "mv-shape-bar", "aria-hidden": "true" }, h("span"));
  return {
    element: h("div", { class: "mv-shape-card" }, h("span", {}, name), value, bar, note),
    show(text, more, share) {
      value.textContent = text;
      note.textContent = more;
      bar.hidden = share === undefined;
      bar.firstChild.style.inlineSize = `${share ?? 0}%`;
    },
  };
}
