/** The choice of a shape on a static page, with the records that chapter 9 published. */

import { pageStore } from "../overlap/store.js";
import { shapeView } from "./view.js";

globalThis.mixvocab.register("shape", async (element, values) => {
  const { element: live, ready } = shapeView(await globalThis.mixvocab.data("shape"), pageStore(values));
  element.replaceChildren(live);
  ready();
});
