/**
 * The loader that every page carries: brings the page's live elements to life and hands them their data.
 *
 * Everything is loaded by classic scripts from the folder of this very script, so that it works on any server,
 * below any path, and from disk.
 */

const folder = new URL(".", document.currentScript.src).href;
const loading = new Map(); // address -> promise of a script
const mounts = new Map(); // kind -> (element, config) => void
const provided = new Map(); // name -> data

/** Absolute address of a file beside the scripts. */
function address(name) {
  return new URL(name, folder).href;
}

/** Load a script of that folder once. Rejects with an Error that says so in one line. */
function script(name) {
  if (!loading.has(name)) {
    loading.set(
      name,
      new Promise((resolve, reject) => {
        const tag = document.createElement("script");
        tag.src = address(name);
        tag.onload = resolve;
        tag.onerror = () => {
          loading.delete(name); // so that it can be tried again
          reject(new Error(`${name} could not be loaded; reload the page`));
        };
        document.head.append(tag);
      }),
    );
  }
  return loading.get(name);
}

/** The JSON that a chapter published under this name. */
async function data(name) {
  await script(`data-${name}.js`);
  return provided.get(name);
}

/** "light" or "dark", as the page is shown now. */
function theme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Call back with the theme whenever it changes. */
function onTheme(callback) {
  let shown = theme();
  const look = () => {
    if (theme() !== shown) callback((shown = theme()));
  };
  new MutationObserver(look).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look);
}

async function mount(element) {
  const kind = element.dataset.mv;
  try {
    await script(`${kind}.js`);
    await mounts.get(kind)(element, JSON.parse(element.dataset.mvConfig || "{}"));
    element.dataset.mvState = "live";
  } catch (error) {
    const note = document.createElement("p");
    note.className = "mv-trouble";
    note.textContent = `This part of the page is not live: ${error.message}`;
    element.append(note);
    element.dataset.mvState = "failed";
  }
}

function start() {
  const elements = [...document.querySelectorAll("[data-mv]")];
  for (const kind of new Set(elements.map((element) => element.dataset.mv))) {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = address(`${kind}.css`);
    document.head.append(sheet);
  }
  elements.forEach(mount);
}

globalThis.mixvocab = {
  register: (kind, callback) => mounts.set(kind, callback),
  provide: (name, value) => provided.set(name, value),
  data,
  address,
  theme,
  onTheme,
};

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
