/** Small matters of writing. */

/** 12345 as "12,345". */
export const grouped = (number) => number.toLocaleString("en");

let made = 0;
/** A name no two elements of a page share: labels point to fields by it. */
export const freshId = () => `mv-overlap-${++made}`;
