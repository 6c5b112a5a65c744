/** What the reader has chosen. One object holds it on a static page, the kernel's model in JupyterLab. */

/**
 * @typedef {object} Store
 * @property {(key: string) => any} get
 * @property {(key: string, value: any) => void} set
 * @property {(listen: () => void) => () => void} on call `listen` after changes; returns what stops that
 */

/** @returns {Store} values that live in the page alone */
export function pageStore(values) {
  const listeners = new Set();
  const kept = { ...values };
  return {
    get: (key) => kept[key],
    set(key, value) {
      if (kept[key] === value) return;
      kept[key] = value;
      listeners.forEach((listen) => listen());
    },
    on(listen) {
      listeners.add(listen);
      return () => listeners.delete(listen);
    },
  };
}

/** @returns {Store} values of an anywidget model, sent to the kernel when they change here */
export function modelStore(model) {
  return {
    get: (key) => model.get(key),
    set(key, value) {
      if (model.get(key) === value) return;
      model.set(key, value);
      model.save_changes();
    },
    on(listen) {
      model.on("change", listen);
      return () => model.off("change", listen);
    },
  };
}

/**
 * Call `update` after changes: once for several at a time, and after a `pause` in milliseconds. Returns what ends that,
 * for changes too that have not been drawn yet.
 */
export function follow(store, update, pause = () => 0) {
  let waiting = 0;
  const stop = store.on(() => {
    clearTimeout(waiting);
    waiting = setTimeout(update, pause());
  });
  return () => {
    clearTimeout(waiting);
    stop();
  };
}
