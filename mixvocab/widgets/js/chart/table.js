/** The chart's data as a table, folded away. */

import { h, whole } from "../dom.js";
import { measured, told } from "./words.js";

/**
 * @param {object} chart
 * @returns {HTMLElement}
 */
export function table(chart) {
  const points = chart.series.flatMap((series) => series.points.map((point) => ({ series, point })));
  const axis = chart[measured(chart)];
  const columns = [
    ["series", ({ series }) => series.name],
    ["name", ({ point }) => point.label],
    [chart.x.label, ({ point }) => told(chart.x, point.x)],
    [chart.y.label, ({ point }) => told(chart.y, point.y)],
    ["from", ({ point }) => told(axis, point.low)],
    ["to", ({ point }) => told(axis, point.high)],
  ].filter(([, cell]) => points.some((row) => cell(row)));
  const head = h("tr", {}, ...columns.map(([name]) => h("th", { scope: "col" }, ...whole(name))));
  const kind = (n) => (n ? ["td", {}] : ["th", { scope: "row" }]);
  const rows = points.map((row) =>
    h("tr", {}, ...columns.map(([, cell], n) => h(...kind(n), ...whole(cell(row) ?? "")))),
  );
  const caption = h("caption", {}, ...whole(chart.title));
  const inner = h("table", { class: "table" }, caption, h("thead", {}, head), h("tbody", {}, ...rows));
  const box = { class: "mv-chart-table", role: "region", tabIndex: 0, "aria-label": `Table: ${chart.title}` };
  return h("details", {}, h("summary", {}, "As a table"), h("div", box, inner));
}
