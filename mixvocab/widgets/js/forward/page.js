/** The forward pass on a static page: no kernel, the vocabularies that chapter 1 published. */

import { pageStore } from "../overlap/store.js";
import { forwardView } from "./view.js";

globalThis.mixvocab.register("forward", async (element, values) => {
  const vocabularies = await globalThis.mixvocab.data("vocabularies");
  const size = vocabularies.sizes.includes(String(values.size)) ? values.size : Number(vocabularies.default);
  element.replaceChildren(forwardView(vocabularies, pageStore({ ...values, size })).element);
});
