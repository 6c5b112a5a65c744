/** The learner in JupyterLab: what the reader types, the kernel sees, and the other way round. */

import { modelStore } from "../overlap/store.js";
import { learnerView } from "./view.js";

function render({ model, el }) {
  const { element, remove } = learnerView(modelStore(model));
  element.dataset.lmSuppressShortcuts = "true"; // arrow keys step through the learner, not through cells
  el.append(element);
  return remove;
}

export default { render };
