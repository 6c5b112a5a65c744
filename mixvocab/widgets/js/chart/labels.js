/** Names beside points, where neither points nor other names are in the way; others are told by the pointer. */

import { s } from "../dom.js";

const HEIGHT = 14;
const GAP = 8;

/**
 * Write the points' labels into a drawing.
 * @param {SVGElement} svg
 * @param {object[]} shown series
 * @param {(point: object) => [number, number]} place
 * @param {{left: number, right: number, top: number, bottom: number}} frame
 */
export function writeLabels(svg, shown, place, frame) {
  const points = shown.flatMap((series) => series.points.map((point) => ({ point, bold: !series.hollow })));
  const named = points.filter(({ point }) => point.label);
  if (!named.length) return;
  const taken = points.map(({ point }) => around(point, place));
  // Ours first: they are what the reader came for.
  for (const { point, bold } of named.sort((a, b) => b.bold - a.bold)) {
    const [x, y] = place(point);
    const width = (bold ? 8 : 7) * point.label.length;
    const free = sides(x, y, width).find((box) => inside(box, frame) && !taken.some((other) => meet(box, other)));
    if (!free) continue;
    taken.push(free);
    const attributes = { x: free.left + width / 2, y: free.top + 11, "text-anchor": "middle", fill: "currentColor" };
    svg.append(s("text", { ...attributes, "font-weight": bold ? 700 : 400, "font-size": 12 }, point.label));
  }
}

/** Write the name of a line across: above it or below, at one end, where the fewest points are in the way. */
export function nameLevel(svg, name, y, shown, place, frame) {
  const taken = shown.flatMap((series) => series.points.map((point) => around(point, place)));
  const width = 7 * name.length;
  const boxes = [y - HEIGHT - 3, y + 3].flatMap((top) =>
    [frame.right - 18 - width, frame.left + 4].map((left) => ({ left, top, right: left + width, bottom: top + HEIGHT })),
  );
  const hidden = boxes.map((box) => taken.filter((other) => meet(box, other)).length);
  const { left, top } = boxes[hidden.indexOf(Math.min(...hidden))];
  // A seam, so that no line of the grid runs through it.
  const seam = { stroke: "var(--mv-page)", "stroke-width": 4, "paint-order": "stroke" };
  const attributes = { x: left + width / 2, y: top + 11, "text-anchor": "middle", fill: "var(--mv-muted)", ...seam };
  svg.append(s("text", attributes, name));
}

function sides(x, y, width) {
  const [right, left, middle] = [x + GAP, x - GAP - width, x - width / 2];
  const [up, down, level] = [y - GAP - HEIGHT, y + GAP, y - HEIGHT / 2];
  const corners = [[right, level], [left, level], [middle, up], [middle, down], [right, up], [left, up], [right, down]];
  return [...corners, [left, down]].map(([l, t]) => ({ left: l, top: t, right: l + width, bottom: t + HEIGHT }));
}

/** The room of a point with its interval, which lies along y where points have names. */
function around(point, place) {
  const [x, y] = place(point);
  const ends = [point.low, point.high].filter((end) => end !== undefined).map((end) => place({ ...point, y: end })[1]);
  return { left: x - 6, right: x + 6, top: Math.min(y - 6, ...ends), bottom: Math.max(y + 6, ...ends) };
}

function inside(box, frame) {
  return box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
}

function meet(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
