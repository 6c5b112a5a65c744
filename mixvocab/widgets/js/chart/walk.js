/** Reading points by pointer and by keyboard: the point is ringed, its values stand beside it and are spoken. */

import { h, s } from "../dom.js";
import { reading, sentence } from "./words.js";

const REACH = 48; // pixels from the pointer

/** The points that are shown, and the one that the reader is at. */
export class Walk {
  /**
   * @param {object} chart
   * @param {HTMLElement} box holds the drawing, takes the focus
   * @param {HTMLElement} spoken a live region
   */
  constructor(chart, box, spoken) {
    Object.assign(this, { chart, box, spoken, shown: [], at: null });
    this.tip = h("div", { class: "mv-chart-tip", "aria-hidden": "true", hidden: true });
    this.ring = s("circle", { r: 9, fill: "none", stroke: "var(--mv-accent)", "stroke-width": 2.5 });
    box.addEventListener("keydown", (event) => this.#key(event));
    box.addEventListener("focus", () => this.#go(this.at ?? { series: 0, point: 0 }, true));
    box.addEventListener("blur", () => this.leave());
    box.addEventListener("pointermove", (event) => this.#near(event));
    box.addEventListener("pointerdown", (event) => this.#near(event));
    box.addEventListener("pointerleave", () => document.activeElement !== box && this.leave());
  }

  /** A new drawing stands in the box. */
  drawn(shown, place, svg) {
    Object.assign(this, { shown, place, svg });
    this.leave();
    // Who came to the box before its drawing did is told now.
    if (document.activeElement === this.box) this.#go({ series: 0, point: 0 }, true);
  }

  /** Away from all points. */
  leave() {
    this.at = null;
    this.tip.hidden = true;
    this.ring.remove();
  }

  #key(event) {
    const steps = {
      ArrowRight: [0, 1],
      ArrowLeft: [0, -1],
      ArrowDown: [1, 0],
      ArrowUp: [-1, 0],
      Home: [0, -Infinity],
      End: [0, Infinity],
    };
    if (event.key === "Escape") return this.leave();
    if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey || !this.shown.length) return;
    event.preventDefault();
    const [over, along] = steps[event.key];
    const from = this.at ?? { series: 0, point: 0 };
    if (!this.at) return this.#go(from, true);
    if (over) return this.#go(this.#across(from, over), true);
    const last = this.shown[from.series].points.length - 1;
    this.#go({ ...from, point: Math.min(last, Math.max(0, from.point + along)) }, true);
  }

  /** The nearest point of the next series. */
  #across(from, over) {
    const series = (from.series + over + this.shown.length) % this.shown.length;
    const here = this.place(this.shown[from.series].points[from.point]);
    const distances = this.shown[series].points.map((point) => distance(this.place(point), here));
    return { series, point: distances.indexOf(Math.min(...distances)) };
  }

  #near(event) {
    const frame = this.box.getBoundingClientRect();
    const pointer = [event.clientX - frame.left, event.clientY - frame.top];
    let best = { far: REACH };
    this.shown.forEach(({ points }, series) =>
      points.forEach((one, point) => {
        const far = distance(this.place(one), pointer);
        if (far < best.far) best = { far, series, point };
      }),
    );
    if (best.series === undefined) this.leave();
    else this.#go(best, false);
  }

  #go({ series, point }, speak) {
    if (!this.shown.length) return;
    this.at = { series, point };
    const [line, one] = [this.shown[series], this.shown[series].points[point]];
    if (speak) this.spoken.textContent = sentence(this.chart, line, one);
    const { name, rows } = reading(this.chart, line, one);
    this.tip.replaceChildren(
      h("strong", {}, name),
      ...rows.map(([what, much]) => h("div", {}, h("span", {}, `${what}: `), h("b", {}, much))),
    );
    this.#show(this.place(one));
  }

  #show([x, y]) {
    this.ring.setAttribute("cx", x);
    this.ring.setAttribute("cy", y);
    this.svg.append(this.ring);
    this.box.append(this.tip);
    this.tip.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const left = Math.min(Math.max(0, x - width / 2), this.box.clientWidth - width);
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${y - height - 14 > 0 ? y - height - 14 : y + 16}px`;
  }
}

function distance([x, y], [a, b]) {
  return Math.hypot(x - a, y - b);
}
