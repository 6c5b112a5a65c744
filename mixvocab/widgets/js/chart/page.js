/** Charts on the page: the picture gives way to a drawing that can be read point by point. */

import { h, whole } from "../dom.js";
import { draw } from "./drawing.js";
import { legend } from "./legend.js";
import { table } from "./table.js";
import { Walk } from "./walk.js";

const KEYS = "Left and right arrow: along a series. Up and down: to another. Escape: away.";
let number = 0; // ids must differ on a page

/**
 * Put the charts into an element whose pictures are its fallback.
 * @param {HTMLElement} element
 * @param {{charts: object[], description: string}} config as `mixvocab.widgets.charts.chart_element` gives it
 */
function mount(element, { charts, description }) {
  const told = h("p", { id: `mv-chart-${++number}`, hidden: true }, `${description} ${KEYS}`);
  const place = h("div");
  const show = (chart) => place.replaceChildren(view(chart, told.id));
  const live = h("div", { class: "mv-chart" }, told, ...(charts.length > 1 ? [choice(charts, show)] : []), place);
  element.append(live);
  show(charts[0]);
  element.classList.add("mv-chart-drawn"); // the pictures are for print from now on
}

/** Radio buttons for one of several charts. */
function choice(charts, show) {
  const name = `mv-chart-choice-${number}`;
  const labels = charts.map((chart, place) => {
    const input = h("input", { type: "radio", name, checked: place === 0 });
    input.addEventListener("change", () => show(chart));
    return h("label", {}, input, ` ${chart.name}`);
  });
  return h("div", { class: "mv-chart-choice", role: "radiogroup", "aria-label": "What is shown" }, ...labels);
}

function view(chart, description) {
  const spoken = h("p", { class: "mv-chart-spoken", role: "status", "aria-live": "polite" });
  const box = h("div", {
    class: "mv-chart-box",
    role: "application",
    tabIndex: 0,
    "aria-roledescription": "chart",
    "aria-label": chart.title.replaceAll("\n", " "),
    "aria-describedby": description,
  });
  const walk = new Walk(chart, box, spoken);
  let shown = chart.series;
  const redraw = () => {
    const width = Math.floor(box.clientWidth);
    if (!width) return; // hidden; drawn when it is not
    const { svg, place } = draw(chart, shown, width);
    svg.setAttribute("aria-hidden", "true");
    box.replaceChildren(svg);
    walk.drawn(shown, place, svg);
  };
  const change = (series) => {
    shown = series;
    redraw();
  };
  let width = 0;
  new ResizeObserver(() => {
    if (box.clientWidth !== width) {
      width = box.clientWidth;
      redraw();
    }
  }).observe(box);
  return h(
    "div",
    {},
    h("p", { class: "mv-chart-title" }, ...whole(chart.title)),
    ...(chart.series.length > 1 ? [legend(chart.series, change)] : []),
    h("p", { class: "mv-chart-label", "aria-hidden": "true" }, chart.y.categories ? "" : chart.y.label),
    box,
    h("p", { class: "mv-chart-label mv-chart-x", "aria-hidden": "true" }, chart.x.label),
    spoken,
    table(chart),
  );
}

globalThis.mixvocab.register("chart", mount);
