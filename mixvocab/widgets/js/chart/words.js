/** A point in words and numbers, the same for the pointer, the keyboard and the table. */

/**
 * A value as an axis tells it.
 * @param {object} axis of the chart's specification (`mixvocab/widgets/charts.py`)
 * @param {number | string | undefined} value
 * @returns {string}
 */
export function told(axis, value) {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  return new Intl.NumberFormat("en", style(axis)).format(value);
}

function style({ decimals }) {
  if (decimals === undefined) return { maximumSignificantDigits: 4 };
  return { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
}

/** The axis along which intervals lie. */
export function measured(chart) {
  return chart.y.scale === "categories" ? "x" : "y";
}

/**
 * What is told of a point: its name, then pairs of what and how much.
 * @returns {{name: string, rows: [string, string][]}}
 */
export function reading(chart, series, point) {
  const rows = ["x", "y"].map((side) => {
    const axis = chart[side];
    const value = told(axis, point[side]);
    if (side !== measured(chart) || point.low === undefined) return [axis.label, value];
    return [axis.label, `${value} (${told(axis, point.low)} to ${told(axis, point.high)})`];
  });
  const name = point.label && point.label !== series.name ? `${point.label}, ${series.name}` : series.name;
  return { name, rows };
}

/** The same as one sentence, for those who hear the page. */
export function sentence(chart, series, point) {
  const { name, rows } = reading(chart, series, point);
  return [name, ...rows.map(([what, much]) => `${what}: ${much}`)].join("; ");
}
