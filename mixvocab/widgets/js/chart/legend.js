/** The names of the series, as buttons that hide and show them. */

import { h, s } from "../dom.js";
import { DASHES } from "./drawing.js";
import { colour, SHAPES } from "./marks.js";

/**
 * One button a series, pressed while it is shown.
 * @param {object[]} series
 * @param {(shown: object[]) => void} changed called with those that are shown
 * @returns {HTMLElement}
 */
export function legend(series, changed) {
  const buttons = series.map((one) => {
    const button = h("button", { type: "button", "aria-pressed": "true" }, sample(one), h("span", {}, one.name));
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      changed(series.filter((_, number) => buttons[number].getAttribute("aria-pressed") === "true"));
    });
    return button;
  });
  return h("div", { class: "mv-chart-legend", role: "group", "aria-label": "Series shown" }, ...buttons);
}

/** A little of the line and one mark. */
function sample(one) {
  const paint = colour(one);
  const svg = s("svg", { viewBox: "-15 -8 30 16", width: 30, height: 16, "aria-hidden": "true" });
  const stroke = { stroke: paint, "stroke-width": 2, fill: "none" };
  if (one.line) svg.append(s("path", { d: "M-15,0H15", ...stroke, "stroke-dasharray": DASHES[one.dash] ?? "none" }));
  const shape = SHAPES[one.mark ?? "circle"];
  if (shape) svg.append(s("path", { d: shape, ...stroke, fill: one.hollow ? "var(--mv-page)" : paint }));
  return svg;
}
