// Tables that are wider than their place are set smaller, and where that is not enough row by row, each cell below its
// column's name. Other boxes that scroll sideways get a tab stop and a name, so that the keyboard reaches what is
// beyond their edge.

{
  const boxes = ".mv-banner, .mv-figure > div, .cell_output, .cell_output > .output, pre, mjx-container[display]";
  const tables = ".mv-table, .mv-chart-table, .pst-scrollable-table-container";
  const widths = new WeakMap();

  function fit(box) {
    if (widths.get(box) === box.clientWidth) return;
    widths.set(box, box.clientWidth);
    box.classList.remove("mv-small", "mv-stacked");
    for (const way of ["mv-small", "mv-stacked"]) {
      if (box.scrollWidth <= box.clientWidth) break;
      box.classList.add(way);
    }
  }

  function label(box) {
    const names = Array.from(box.querySelectorAll("thead th"), (head) => head.textContent.trim());
    for (const row of box.querySelectorAll("tbody tr")) {
      Array.from(row.cells).forEach((cell, place) => { cell.dataset.label = names[place] ?? ""; });
    }
  }

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

  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) (target.matches(tables) ? fit : mark)(target);
  });
  const watch = () => document.querySelectorAll(boxes).forEach((box) => sizes.observe(box));

  const lay = (place) => place.querySelectorAll(tables).forEach((box) => { label(box); sizes.observe(box); });

  lay(document);
  watch();

  // On paper: the light theme, and all pictures.
  let theme;
  addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    document.querySelectorAll("img").forEach((picture) => { picture.loading = "eager"; });
  });
  addEventListener("afterprint", () => { document.documentElement.dataset.theme = theme; });

  // A chart's table comes with the chart.
  document.addEventListener("toggle", (event) => lay(event.target), true);
  // Formulas come later.
  addEventListener("load", () => globalThis.MathJax?.startup?.promise?.then(watch));
}
