/** Milliseconds a query of a shape: as they were recorded, or estimated from recorded ones, and which of the two. */

const [SHORT, LONG] = [6, 12]; // layers that are recorded of every width between which is estimated

/**
 * @typedef {object} Time one recorded model
 * @property {number} layers
 * @property {number} hidden
 * @property {"fp32" | "int8"} numbers
 * @property {number[]} ms by length
 */

/**
 * Along the layers and along the width a time is taken to be a power between two recorded ones; below six layers it is
 * the six layers' share.
 * @param {Time[]} times
 * @param {{layers: number, hidden: number, numbers: string, length: number}} asked length: which of the lengths
 * @returns {{ms: number, measured: boolean} | null} null: the width lies outside of what was recorded
 */
export function latency(times, { layers, hidden, numbers, length }) {
  const of = (depth, width) =>
    times.find((time) => time.layers === depth && time.hidden === width && time.numbers === numbers)?.ms[length];
  const exact = of(layers, hidden);
  if (exact !== undefined) return { ms: exact, measured: true };
  const widths = [...new Set(times.map((time) => time.hidden))]
    .filter((width) => of(SHORT, width) !== undefined && of(LONG, width) !== undefined)
    .sort((a, b) => a - b);
  const [below, above] = [widths.findLast((width) => width <= hidden), widths.find((width) => width >= hidden)];
  if (below === undefined || above === undefined) return null;
  const deep = (width) => {
    const six = of(SHORT, width);
    return layers < SHORT ? (six * layers) / SHORT : power(layers, [SHORT, six], [LONG, of(LONG, width)]);
  };
  return { ms: power(hidden, [below, deep(below)], [above, deep(above)]), measured: false };
}

/** The power law through two points, at x. */
function power(x, [x0, y0], [x1, y1]) {
  return x0 === x1 ? y0 : y0 * (y1 / y0) ** (Math.log(x / x0) / Math.log(x1 / x0));
}
