/** The live model in a page: `{"task": "snips" | "masked"}` names what a chapter has published, and how it is shown. */
import * as masked from "./masked.js";
import { Panel } from "./panel.js";
import * as snips from "./snips.js";

const VIEWS = { snips, masked };

/** Resolves once the page has loaded all that it needs to be read. */
const pageLoaded = new Promise((resolve) => {
  if (document.readyState === "complete") resolve();
  else addEventListener("load", resolve, { once: true });
});

mixvocab.register("demo", async (element, { task }) => {
  await pageLoaded;
  const published = await mixvocab.data(task);
  element.replaceChildren(new Panel(task, VIEWS[task], published).element);
});
