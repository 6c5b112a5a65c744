/** Attention and guesses on a static page: no kernel, no model, what a chapter published. */

import { pageStore } from "../overlap/store.js";
import { attentionView } from "./view.js";

globalThis.mixvocab.register("attention", async (element, values) => {
  const looks = await globalThis.mixvocab.data("attention");
  element.replaceChildren(attentionView(looks, pageStore(values)).element);
});
