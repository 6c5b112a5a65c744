/** Buttons that copy an address or Python; where a browser refuses, the text to copy by hand. */

import { h } from "../dom.js";
import { toAddress, toPython } from "./share.js";

/** @param {{address?: () => string}} page where there is one: what a shared link begins with */
export function copyRow(store, page) {
  const told = h("span", { class: "mv-copied", role: "status" });
  const button = (label, done, text) =>
    h("button", { class: "mv-button", type: "button", onclick: () => copy(text(), done) }, label);
  const source = h("textarea", { class: "mv-source", hidden: true, readOnly: true, rows: 8, "aria-label": "To copy" });
  async function copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      source.hidden = true;
      told.textContent = done;
    } catch {
      // Some browsers refuse, on pages from disk above all: then the reader copies.
      source.value = text;
      source.hidden = false;
      source.select();
      told.textContent = "Your browser does not let pages copy: take it from here.";
    }
  }
  const python = button("Copy as Python", "Python copied.", () => toPython(store));
  const link = button("Copy link", "Link copied.", () => toAddress(page.address(), store));
  return h("div", { class: "mv-copy" }, ...(page.address ? [link] : []), python, told, source);
}
