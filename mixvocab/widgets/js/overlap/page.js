/** The widget on a static page: no kernel; the address may say what is shown, of what the book has published. */

import { pageStore } from "./store.js";
import { fromAddress } from "./share.js";
import { overlapView } from "./view.js";

globalThis.mixvocab.register("overlap", async (element, { shapes, ...values }) => {
  const vocabularies = await globalThis.mixvocab.data("vocabularies");
  if (!vocabularies.sizes.includes(String(values.size))) values.size = Number(vocabularies.default);
  const store = pageStore({ ...values, ...fromAddress(location.href, vocabularies, shapes) });
  const view = overlapView(vocabularies, shapes, store, { address: () => location.href });
  element.replaceChildren(view.element);
});
