/** The explorer on a static page: no kernel, the words and vocabularies that chapter 1 published. */

import { pageStore } from "../overlap/store.js";
import { explorerView } from "./view.js";

globalThis.mixvocab.register("explorer", async (element, values) => {
  const [vocabularies, words] = await Promise.all(["vocabularies", "words"].map(globalThis.mixvocab.data));
  const store = pageStore({ size: Number(vocabularies.default), query: "", selected: "", ...values });
  const { element: live, ready } = explorerView(vocabularies, words, store);
  element.replaceChildren(live);
  await ready;
});
