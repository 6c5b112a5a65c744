/**
 * Where require.js finds what a page's widgets ask for: anywidget.js and icon fonts. The address follows from this
 * script's own, so that it works from any page and from disk.
 */
const folder = new URL(".", document.currentScript.src).href;
globalThis.require.config({ baseUrl: folder });
window.addEventListener("load", () => {
  // The widget manager speaks to MathJax 2, the page has MathJax 3.
  if (window.MathJax && !window.MathJax.Hub) {
    window.MathJax.Hub = { Queue: (job) => window.MathJax.typesetPromise?.([job[2]]) };
  }
});
