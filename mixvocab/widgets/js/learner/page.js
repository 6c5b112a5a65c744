/** The learner on a static page: what the reader types stays there. */

import { pageStore } from "../overlap/store.js";
import { learnerView } from "./view.js";

globalThis.mixvocab.register("learner", (element, values) => {
  element.replaceChildren(learnerView(pageStore(values)).element);
});
