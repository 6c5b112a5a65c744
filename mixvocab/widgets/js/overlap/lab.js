/** The widget in JupyterLab: what the reader does here, the kernel sees, and the other way round. */

import { modelStore } from "./store.js";
import { overlapView } from "./view.js";

function render({ model, el }) {
  const view = overlapView(model.get("vocabularies"), model.get("shapes"), modelStore(model));
  el.append(view.element);
  return view.remove;
}

export default { render };
