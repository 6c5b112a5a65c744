/** How a series looks: its colour, and the shape of its marks. */

/** A series' colour, as CSS. */
export function colour(series) {
  const number = series.colour ?? 0;
  return number < 0 ? "var(--mv-ink)" : `var(--mv-c${number})`;
}

export const SHAPES = {
  circle: "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z",
  square: "M-4,-4h8v8h-8Z",
  triangle: "M0,-5L5,4H-5Z",
  diamond: "M0,-6L4.5,0L0,6L-4.5,0Z",
  star: "M0,-6L1.5,-2L5.7,-1.9L2.4,.8L3.5,4.9L0,2.5L-3.5,4.9L-2.4,.8L-5.7,-1.9L-1.5,-2Z",
};
