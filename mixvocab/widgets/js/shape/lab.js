/** The choice of a shape in JupyterLab: what the reader chooses, the kernel sees, and the other way round. */

import { modelStore } from "../overlap/store.js";
import { shapeView } from "./view.js";

function render({ model, el }) {
  const { element, ready, remove } = shapeView(model.get("known"), modelStore(model));
  element.dataset.lmSuppressShortcuts = "true"; // arrow keys move the sliders, not the cells
  el.append(element);
  ready();
  return remove;
}

export default { render };
