/**
 * Puts the scripts and styles of pages and widgets together: `node build.mjs NODE_MODULES OUT`.
 *
 * OUT/pages goes beside the rendered pages, as classic scripts, which pages may load from disk too; OUT/lab has a module
 * for each widget in JupyterLab; OUT/test is for tests of the pages. Warnings are errors, since a style sheet with a
 * broken rule is only worth a warning to esbuild.
 */
import { cpSync, globSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

const [modules, out] = process.argv.slice(2);
const here = import.meta.dirname;
const { build } = createRequire(join(modules, "esbuild", "package.json"))("esbuild");

/** Files that match a pattern, by the name that each is bundled under. */
function entries(pattern, name) {
  return Object.fromEntries(globSync(pattern, { cwd: here }).map((path) => [name(path), join(here, path)]));
}

async function bundle(folder, entryPoints, format) {
  const { warnings } = await build({
    entryPoints,
    format,
    outdir: join(out, folder),
    nodePaths: [modules],
    bundle: true,
    minify: true,
    target: "es2022",
    charset: "utf8",
    legalComments: "eof",
    logLevel: "warning",
    logOverride: { "empty-import-meta": "silent" },
  });
  if (warnings.length) process.exit(1);
}

const kind = (path) => basename(dirname(path));
await bundle("pages", { mixvocab: join(here, "js/pages.js"), "widget-paths": join(here, "js/widget-paths.js") }, "iife");
await bundle("pages", entries("js/*/page.js", kind), "iife");
await bundle("pages", entries("js/*/worker.js", (path) => `${kind(path)}-worker`), "iife");
await bundle("pages", entries("css/*.css", (path) => basename(path, ".css")), "iife");
await bundle("lab", entries("js/*/lab.js", kind), "esm");

// What pages and tests use as it is: inside node_modules, and the folder and name here.
const manager = "@jupyter-widgets/html-manager/dist";
const copies = {
  "mathjax/es5/tex-svg.js": "pages/mathjax.js",
  "requirejs/require.js": "pages/require.js",
  [`${manager}/embed-amd.js`]: "pages/widgets.js",
  "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm": "pages/ort-wasm-simd-threaded.wasm",
  "axe-core/axe.min.js": "test/axe.js",
};
for (const font of globSync(`${manager}/*.woff2`, { cwd: modules })) copies[font] = `pages/${font}`;
for (const [source, target] of Object.entries(copies)) cpSync(join(modules, source), join(out, target));
