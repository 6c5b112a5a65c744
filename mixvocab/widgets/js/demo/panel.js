/** What the reader sees of the live model: a button that loads it, then a line to type in, and answers below. */
import { h } from "../dom.js";
import { onTheWire } from "./download.js";
import { Model } from "./model.js";
import { megabytes } from "./parts.js";

const RUNTIME = "ort-wasm-simd-threaded.wasm";
const RUNTIME_BYTES = 14.2e6; // about; what the button says before the server has told
const PAUSE = 500; // milliseconds without typing before an answer is read out

let panels = 0; // elements of one page must not share an id

/** One live model. Answers are also events `mv-answer` of its element, with the whole answer as their `detail`. */
export class Panel {
  #task;
  #view;
  #published;
  #model = null;
  #attempts = 0;
  #times = []; // milliseconds of every query
  #transferred = "";
  #announcing = 0; // the timer of what will be read out

  #start = h("div", { class: "mv-demo-start" });
  #input = h("input", { type: "text", spellcheck: false, autocomplete: "off", disabled: true });
  #line = h("div", { class: "mv-demo-line" }, this.#input);
  #answer = h("div", { class: "mv-demo-answer" });
  #figures = h("p", { class: "mv-demo-figures" });
  #spoken = h("p", { class: "mv-demo-spoken", "aria-live": "polite" });

  /**
   * @param {string} task name under which the model was published
   * @param {object} view how its answers are shown: `snips.js`, `masked.js`
   * @param {object} published the JSON that goes with the model
   */
  constructor(task, view, published) {
    [this.#task, this.#view, this.#published] = [task, view, published];
    this.#input.id = `mv-demo-${++panels}`;
    this.#input.addEventListener("input", () => this.#ask());
    if (view.control) this.#line.append(view.control(this.#input));
    this.element = h(
      "div",
      { class: "mv-demo" },
      h("p", { class: "mv-demo-about" }, published.about),
      this.#start,
      h("label", { htmlFor: this.#input.id }, view.label),
      this.#line,
      this.#examples(),
      this.#answer,
      this.#figures,
      this.#spoken,
    );
    this.#example(published.examples[0]);
    if (location.protocol === "file:") this.#start.append(fromDisk());
    else this.#offer();
  }

  #examples() {
    const buttons = this.#published.examples.map((example) =>
      h("button", { type: "button", class: "mv-demo-button", onclick: () => this.#example(example) }, example.text),
    );
    const { origin } = this.#published;
    const said = h("span", { class: "mv-demo-origin" }, `${origin}:`);
    return h("div", { class: "mv-demo-examples", role: "group", "aria-label": origin }, said, ...buttons);
  }

  /** Before the model is there, examples have the answers that Python gave when the book was made. */
  #example({ text, answer }) {
    this.#input.value = text;
    if (this.#model) this.#ask();
    else this.#show(answer, "Answered by Python when this page was made.");
  }

  #offer() {
    const sizes = `${megabytes(this.#published.bytes)}, and its runtime, ${Math.round(RUNTIME_BYTES / 1e6)} MB`;
    this.#start.replaceChildren(this.#button(`Load the model, ${sizes}`));
  }

  #button(text) {
    return h("button", { type: "button", class: "mv-demo-load", onclick: () => this.#load() }, text);
  }

  async #load() {
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Loading the model" });
    const said = h("span", {}, "loading");
    this.#start.replaceChildren(bar, said);
    const { task, tokenizer: pack, bytes } = this.#published;
    const addresses = { model: mixvocab.address(`${this.#task}.onnx`), runtime: mixvocab.address(RUNTIME) };
    const sizes = { model: bytes, runtime: RUNTIME_BYTES };
    const cache = this.#attempts++ ? "reload" : "default"; // what failed once may be a damaged or outdated copy
    const model = new Model(mixvocab.address("demo-worker.js"));
    try {
      const ready = await model.load({ task, pack, addresses, bytes: sizes, cache }, (progress) => {
        const parts = Object.entries(progress);
        const sum = (key) => parts.reduce((total, [, part]) => total + part[key], 0);
        bar.value = parts.length === 2 ? sum("loaded") / sum("total") : 0;
        said.textContent = parts
          .map(([part, { loaded, total }]) => `${part} ${megabytes(loaded)} of ${megabytes(total)}`)
          .join(", ");
      });
      this.#ready(model, ready);
    } catch (error) {
      model.close();
      this.#trouble(error);
    }
  }

  #ready(model, { checked, transferred }) {
    this.#model = model;
    const vocabulary = onTheWire(mixvocab.address(`data-${this.#task}.js`));
    const parts = { runtime: transferred.runtime, model: transferred.model, ...(vocabulary && { vocabulary }) };
    const sizes = Object.entries(parts).map(([part, bytes]) => `${part} ${megabytes(bytes)}`);
    this.#transferred = `Transferred: ${sizes.join(", ")}.`;
    if (!checked) this.#transferred += " The model's SHA-256 is checked over https and on localhost only.";
    this.#start.replaceChildren();
    this.#enable(true);
    // The button that was pressed is gone; whoever went on reading elsewhere is left alone.
    if (document.activeElement === document.body) this.#input.focus({ preventScroll: true });
    this.#ask();
  }

  #enable(can) {
    for (const control of this.#line.children) control.disabled = !can;
  }

  /** One line on what went wrong, and the way to try again. */
  #trouble(error) {
    this.#model?.close();
    this.#model = null;
    this.#enable(false);
    const line = h("p", { class: "mv-demo-trouble", role: "alert" }, `The model is not running: ${error.message}.`);
    this.#start.replaceChildren(line, this.#button("Try again"));
  }

  async #ask() {
    const text = this.#input.value;
    if (!this.#view.answerable(text)) {
      this.#answer.replaceChildren(h("p", { class: "mv-demo-note" }, this.#view.hint));
      return;
    }
    try {
      const answer = await this.#model.ask(text);
      if (!answer) return; // a newer text is being answered
      this.#times.push(answer.milliseconds);
      if (this.#view.answerable(this.#input.value)) this.#show(answer, this.#latency());
      this.element.dispatchEvent(new CustomEvent("mv-answer", { bubbles: true, detail: { text, ...answer } }));
    } catch (error) {
      this.#trouble(error);
    }
  }

  #show(answer, figures) {
    this.#answer.replaceChildren(...this.#view.show(answer, this.#published));
    this.#figures.textContent = figures;
    clearTimeout(this.#announcing);
    if (this.#model) this.#announcing = setTimeout(() => (this.#spoken.textContent = this.#view.tell(answer)), PAUSE);
  }

  #latency() {
    const sorted = [...this.#times].sort((a, b) => a - b);
    const [last, median] = [this.#times.at(-1), sorted[sorted.length >> 1]].map((time) => `${time.toFixed(1)} ms`);
    return `Answered in this browser in ${last}, median of ${sorted.length} queries ${median}. ${this.#transferred}`;
  }
}

/** From disk, browsers start no worker and fetch no file: one line says what to do instead. */
function fromDisk() {
  const root = new URL(document.documentElement.dataset.content_root ?? ".", location.href);
  const folder = decodeURIComponent(root.pathname).replace(/^\/([A-Za-z]:)/, "$1");
  const address = `http://localhost:8000/${location.pathname.slice(root.pathname.length)}`;
  return h(
    "p",
    { class: "mv-demo-note" },
    "Browsers start no model on a page opened from disk: run ",
    h("code", {}, `python -m http.server --directory "${folder}"`),
    " and open ",
    h("a", { href: address }, address),
  );
}
