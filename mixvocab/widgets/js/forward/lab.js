/** The forward pass in JupyterLab: what the reader does here, the kernel sees, and the other way round. */

import { modelStore } from "../overlap/store.js";
import { forwardView } from "./view.js";

function render({ model, el }) {
  const { element, remove } = forwardView(model.get("vocabularies"), modelStore(model));
  element.dataset.lmSuppressShortcuts = "true"; // keys are the widget's: arrows move the slider, not over cells
  el.append(element);
  return remove;
}

export default { render };
