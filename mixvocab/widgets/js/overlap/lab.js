/** The widget in JupyterLab: what the reader does here, the kernel sees, and the other way round. */

import { modelStore } from "./store.js";
import { overlapView } from "./view.js";

function render({ model, el }) {
  const view = overlapView(model.get("vocabularies"), model.get("shapes"), modelStore(model));
  view.element.dataset.lmSuppressShortcuts = "true"; // arrow keys move over pieces, not over cells
  el.append(view.element);
  return view.remove;
}

export default { render };
