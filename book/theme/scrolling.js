// Boxes that scroll sideways get a tab stop and a name, so that the keyboard reaches what is beyond their edge.

{
  const boxes = ".mv-banner, .mv-table, .mv-figure > div, .cell_output, .cell_output > .output, pre, " +
    ".pst-scrollable-table-container, mjx-container[display]";

  function mark(box) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      if (box.matches("div:not([role])")) {
        box.setAttribute("role", "region");
        box.setAttribute("aria-label", "Scrolls sideways");
      }
    } else if (box.tabIndex === 0) {
      box.removeAttribute("tabindex");
    }
  }

  const sizes = new ResizeObserver((entries) => entries.forEach((entry) => mark(entry.target)));
  const watch = () => document.querySelectorAll(boxes).forEach((box) => sizes.observe(box));

  watch();
  // Formulas come later.
  addEventListener("load", () => globalThis.MathJax?.startup?.promise?.then(watch));
}
