/** Measured scores against parameters, and where the chosen shape stands: a line, since nobody has measured it. */

import { writeLabels } from "../chart/labels.js";
import { colour, SHAPES } from "../chart/marks.js";
import { h, s } from "../dom.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [40, 12, 24, 30];
const [FEWEST, MOST] = [2.5e5, 4.5e8]; // parameters, wide enough for all that can be chosen or was published
const TICKS = [1e6, 1e7, 1e8];
const SMALL = { fill: "var(--mv-muted)", "font-size": 12 };

/**
 * @param {object} chart as `mixvocab.widgets.charts.specified` gives it, x: parameters
 * @param {number} chosen parameters
 * @param {number} width in pixels
 * @returns {SVGElement}
 */
export function drawScores(chart, chosen, width) {
  const height = Math.min(320, Math.max(230, 0.55 * width));
  const values = chart.series.flatMap(({ points }) => points.flatMap(({ y, low, high }) => [y, low ?? y, high ?? y]));
  const [least, greatest] = [Math.floor(Math.min(...values)) - 1, Math.ceil(Math.max(...values)) + 1];
  const x = (count) =>
    LEFT + (Math.log(count / FEWEST) / Math.log(MOST / FEWEST)) * (width - LEFT - RIGHT);
  const y = (score) => height - BOTTOM - ((score - least) / (greatest - least)) * (height - TOP - BOTTOM);
  const place = (point) => [x(point.x), y(point.y)];
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  const step = [1, 2, 5, 10, 20].find((each) => (greatest - least) / each <= 6);
  for (let score = Math.ceil(least / step) * step; score <= greatest; score += step) {
    svg.append(rule(LEFT, y(score), width - RIGHT, y(score)));
    svg.append(s("text", { x: LEFT - 6, y: y(score) + 4, "text-anchor": "end", ...SMALL }, String(score)));
  }
  for (const count of TICKS) {
    svg.append(rule(x(count), TOP, x(count), height - BOTTOM));
    svg.append(s("text", { x: x(count), y: height - 12, "text-anchor": "middle", ...SMALL }, `${count / 1e6}M`));
  }
  const here = { stroke: "var(--mv-accent)", "stroke-width": 2 };
  svg.append(s("line", { x1: x(chosen), y1: TOP, x2: x(chosen), y2: height - BOTTOM, ...here }));
  const edge = x(chosen) > width - 90 ? "end" : x(chosen) < 90 ? "start" : "middle";
  const bold = { fill: "var(--mv-accent)", "font-size": 13, "font-weight": 700 };
  svg.append(s("text", { x: x(chosen), y: TOP - 8, "text-anchor": edge, ...bold }, "your choice"));
  for (const series of chart.series) for (const point of series.points) svg.append(...mark(series, point, place, y));
  writeLabels(svg, chart.series, place, { left: LEFT, right: width - 4, top: TOP, bottom: height - BOTTOM });
  return svg;
}

function rule(x1, y1, x2, y2) {
  return s("line", { x1, y1, x2, y2, stroke: "var(--mv-line)" });
}

function mark(series, point, place, y) {
  const [left, top] = place(point);
  const paint = { stroke: colour(series), "stroke-width": 2 };
  const fill = series.hollow ? "var(--mv-page)" : colour(series);
  const shape = s("path", { d: SHAPES[series.mark ?? "circle"], transform: `translate(${left},${top})`, fill, ...paint });
  shape.append(s("title", {}, `${point.label ?? ""} ${series.name}: ${point.y.toFixed(1)}`.trim()));
  if (point.low === undefined) return [shape];
  return [s("line", { x1: left, y1: y(point.low), x2: left, y2: y(point.high), ...paint }), shape];
}

/** What the marks mean. */
export function key(chart) {
  const sample = (series) => {
    const fill = series.hollow ? "var(--mv-page)" : colour(series);
    const svg = s("svg", { viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" });
    svg.append(s("path", { d: SHAPES[series.mark ?? "circle"], stroke: colour(series), "stroke-width": 2, fill }));
    return h("li", {}, svg, ` ${series.name}`);
  };
  return h("ul", { class: "mv-shape-key" }, ...chart.series.map(sample));
}

/** The same as a table, folded away. */
export function scoresTable(chart) {
  const heads = ["model", "of which", "parameters", chart.y.label].map((name) => h("th", { scope: "col" }, name));
  const rows = chart.series.flatMap((series) =>
    series.points.map((point) => {
      const spread = point.low === undefined ? "" : ` (${point.low.toFixed(1)} to ${point.high.toFixed(1)})`;
      const cells = [series.name, `${(point.x / 1e6).toFixed(1)}M`, `${point.y.toFixed(1)}${spread}`];
      const name = h("th", { scope: "row" }, point.label || series.name);
      return h("tr", {}, name, ...cells.map((cell) => h("td", {}, cell)));
    }),
  );
  const table = h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows));
  return h("details", {}, h("summary", {}, "The marks as a table"), table);
}
