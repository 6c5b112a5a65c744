/** Attention and guesses in JupyterLab: what the reader chooses, the kernel sees, and the other way round. */

import { modelStore } from "../overlap/store.js";
import { attentionView } from "./view.js";

function render({ model, el }) {
  const { element, remove } = attentionView(model.get("looks"), modelStore(model));
  element.dataset.lmSuppressShortcuts = "true"; // keys are the widget's: arrows choose words, not cells
  el.append(element);
  return remove;
}

export default { render };
