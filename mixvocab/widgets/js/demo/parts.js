/** What both kinds of answers are made of. */
import { h } from "../dom.js";

/** "1.26 MB": bytes in millions, as disks and networks count them. */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 10e6 ? 2 : 1)} MB`;
}

/** "97%". */
export function percent(share) {
  return `${Math.round(100 * share)}%`;
}

/**
 * Names with bars as long as their probabilities; the first, which should be the most probable, stands out.
 * @param {{name: string, probability: number}[]} rows
 * @param {string} label for those who hear the page
 * @returns {HTMLElement}
 */
export function bars(rows, label) {
  const items = rows.map(({ name, probability }) => {
    const bar = h("span", { class: "mv-demo-bar", "aria-hidden": "true" });
    bar.style.setProperty("--mv-share", probability);
    return h("li", {}, h("span", { class: "mv-demo-name" }, name), bar, h("span", {}, percent(probability)));
  });
  return h("ol", { class: "mv-demo-bars", "aria-label": label }, ...items);
}
