/** The explorer in JupyterLab: what the reader searches and selects, the kernel sees, and the other way round. */

import { modelStore } from "../overlap/store.js";
import { explorerView } from "./view.js";

function render({ model, el }) {
  const { element, remove } = explorerView(model.get("vocabularies"), model.get("words"), modelStore(model));
  element.dataset.lmSuppressShortcuts = "true"; // keys are the widget's: Enter presses a button and edits no cell
  el.append(element);
  return remove;
}

export default { render };
