/** A chart's specification as a drawing. Colours are the page's variables, so that it follows the theme by itself. */

import { areaY, axisX, axisY, dot, gridX, gridY, line, link, plot, ruleX, ruleY, text } from "@observablehq/plot";
import { nameLevel, writeLabels } from "./labels.js";
import { colour } from "./marks.js";
import { measured } from "./words.js";

export const DASHES = { dashed: "6 4", dotted: "1.5 4" };
const FONT_SIZE = 13;
const LINE = 15; // between the names of references, one above the other
const MOST_MARKS = 40; // a line of more points is drawn without marks

/**
 * Draw the series that are shown.
 * @param {object} chart the specification (`mixvocab/widgets/charts.py`)
 * @param {object[]} shown those of its series that are drawn; the axes fit them
 * @param {number} width in pixels
 * @returns {{svg: SVGElement, place: (point: object) => [number, number]}} place: where a point is, in pixels
 */
export function draw(chart, shown, width) {
  const rows = chart.y.categories?.length;
  const top = 16 + LINE * Math.max(0, references(chart, "x").length - 1);
  const height = rows ? top + 28 + 42 * rows : Math.min(400, Math.max(250, 0.62 * width));
  const margins = rows ? Math.min(0.42 * width, 14 + 0.62 * FONT_SIZE * longest(chart.y.categories)) : 52;
  const [across, up] = [scale(chart, "x", shown), scale(chart, "y", shown)];
  const [below, beside] = [
    ticks(chart.x, width - margins, 75, across.domain),
    ticks(chart.y, height, 45, up.domain),
  ];
  const svg = plot({
    width,
    height,
    marginLeft: margins,
    marginRight: 22,
    marginTop: top,
    marginBottom: 28,
    style: { background: "none", color: "var(--mv-ink)", fontFamily: "inherit", fontSize: `${FONT_SIZE}px` },
    x: across,
    y: up,
    marks: [
      gridX({ stroke: "var(--mv-line)", strokeOpacity: 1, ...below }),
      gridY({ stroke: "var(--mv-line)", strokeOpacity: 1, ...beside }),
      axisX({ label: null, tickSize: 0, ...below, ...names(chart.x) }),
      axisY({ label: null, tickSize: 0, lineWidth: (margins - 10) / (1.12 * FONT_SIZE), ...beside, ...names(chart.y) }),
      ...(chart.references ?? []).flatMap((one) => reference(chart, one)),
      ...shown.flatMap((series) => marks(chart, series)),
    ],
  });
  const [x, y] = [svg.scale("x"), svg.scale("y")];
  const place = (point) => [x.apply(point.x), y.apply(point.y)];
  const frame = { left: margins, right: width - 4, top: 4, bottom: height - 28 };
  writeLabels(svg, shown, place, frame);
  for (const one of (chart.references ?? []).filter(({ axis }) => axis === "y")) {
    nameLevel(svg, one.label, y.apply(one.value), shown, place, frame);
  }
  return { svg, place };
}

function longest(words) {
  return Math.max(...words.map((word) => word.length));
}

function scale(chart, side, shown) {
  const axis = chart[side];
  // Of categories the first stands at the top, and at the left.
  if (axis.scale === "categories") return { type: "point", domain: axis.categories, padding: 0.6 };
  const across = measured(chart) === side;
  const points = (shown.length ? shown : chart.series).flatMap((series) => series.points);
  const values = points.flatMap((point) => [point[side], ...(across ? [point.low, point.high] : [])]);
  const known = values.concat(references(chart, side)).filter((value) => value !== undefined);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (axis.scale === "log") return { type: "log", domain: [low / 1.25, high * 1.25] };
  const room = (high - low || 1) * 0.05;
  return { type: "linear", domain: [low - room, high + room] };
}

function references(chart, side) {
  return (chart.references ?? []).filter((one) => one.axis === side).map((one) => one.value);
}

/** Ticks where the specification wants them, as many as there is room for; else as the library finds them. */
function ticks(axis, room, each, [low, high]) {
  if (axis.scale === "categories") return {};
  if (axis.ticks) {
    const step = Math.ceil((axis.ticks.length * 44) / room);
    return { ticks: axis.ticks.filter((_, number) => number % step === 0).map(([value]) => value) };
  }
  const most = Math.max(2, Math.round(room / each));
  return { ticks: axis.scale === "log" ? decades(low, high, most) : most };
}

/** Round numbers of a logarithmic axis: as many in each power of ten as there is room for. */
function decades(low, high, most) {
  const first = Math.floor(Math.log10(low));
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, number) => first + number);
  const choices = [[1, 2, 3, 5], [1, 2, 5], [1, 3], [1]].map((factors) =>
    powers.flatMap((power) => factors.map((factor) => factor * 10 ** power)).filter((at) => at >= low && at <= high),
  );
  return choices.find((found) => found.length <= most) ?? choices.at(-1);
}

/** What is written at the ticks. */
function names(axis) {
  if (axis.ticks) {
    const known = new Map(axis.ticks);
    return { tickFormat: (value) => known.get(value) };
  }
  if (axis.scale !== "log") return {};
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  return { tickFormat: (value) => short.format(value) };
}

/** A line across; the name of one at a value of x stands above the drawing, each in a line of its own. */
function reference(chart, one) {
  const { axis, value, label } = one;
  const rule = (axis === "x" ? ruleX : ruleY)([value], { stroke: "var(--mv-muted)", strokeDasharray: "5 4" });
  if (axis === "y") return [rule]; // its name is written where there is room
  const numbers = chart.series.flatMap((series) => series.points.map((point) => point.x));
  const textAnchor = value > (Math.min(...numbers) + Math.max(...numbers)) / 2 ? "end" : "start";
  const above = chart.references.filter((other) => other.axis === "x").indexOf(one);
  const spot = { x: value, frameAnchor: "top", dy: -11 - LINE * above, textAnchor };
  return [rule, text([label], { ...spot, fill: "var(--mv-muted)" })];
}

function marks(chart, series) {
  const paint = colour(series);
  const at = { x: (point) => point.x, y: (point) => point.y };
  const ranged = series.points.filter((point) => point.low !== undefined);
  const drawn = [];
  if (ranged.length && series.line) {
    const ends = { x: at.x, y1: (point) => point.low, y2: (point) => point.high };
    drawn.push(areaY(ranged, { ...ends, fill: paint, fillOpacity: 0.18 }));
  } else if (ranged.length) {
    const across = measured(chart) === "x";
    const [low, high] = [(point) => point.low, (point) => point.high];
    const ends = across ? { x1: low, x2: high, y1: at.y, y2: at.y } : { x1: at.x, x2: at.x, y1: low, y2: high };
    drawn.push(link(ranged, { ...ends, stroke: paint, strokeWidth: 1.75 }));
  }
  if (series.line) {
    drawn.push(line(series.points, { ...at, stroke: paint, strokeWidth: 2, strokeDasharray: DASHES[series.dash] }));
  }
  if (!(series.line && series.points.length > MOST_MARKS)) {
    const fill = series.hollow ? "var(--mv-page)" : paint;
    const r = series.line || series.colour < 0 ? 3.5 : 5;
    drawn.push(dot(series.points, { ...at, symbol: series.mark ?? "circle", r, stroke: paint, strokeWidth: 1.75, fill }));
  }
  return drawn;
}
