/** The names of the series, as buttons that hide and show them. */

import { h, s } from "../dom.js";
import { colour, DASHES } from "./drawing.js";

const SHAPES = {
  circle: "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z",
  square: "M-4,-4h8v8h-8Z",
  triangle: "M0,-5L5,4H-5Z",
  diamond: "M0,-6L4.5,0L0,6L-4.5,0Z",
  star: "M0,-6L1.5,-2L5.7,-1.9L2.4,.8L3.5,4.9L0,2.5L-3.5,4.9L-2.4,.8L-5.7,-1.9L-1.5,-2Z",
};

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
