/** The widget on a static page: no kernel; the address may say what is shown, of what the book has published. */

import { pageStore } from "./store.js";
import { fromAddress } from "./share.js";
import { overlapView } from "./view.js";

globalThis.mixvocab.register("overlap", async (element, { shapes, ...values }) => {
  const vocabularies = await globalThis.mixvocab.data("vocabularies");
  if (!vocabularies.sizes.includes(String(values.size))) values.size = Number(vocabularies.default);
  const asked = fromAddress(location.href, vocabularies, shapes);
  const store = pageStore({ ...values, ...asked });
  const view = overlapView(vocabularies, shapes, store, { address: () => location.href });
  element.replaceChildren(view.element);
  if (Object.keys(asked).length) element.scrollIntoView();
});
