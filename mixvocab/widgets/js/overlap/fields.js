/** Fields that choose how the pieces are arranged and whose figures are shown, and what the marks mean. */

import { h } from "../dom.js";
import { freshId, grouped } from "./naming.js";

/** Side by side or interleaved: sets `how.layout`. */
export function layoutField(how, redraw) {
  const name = freshId();
  const choice = (value, label) => {
    const choose = () => {
      how.layout = value;
      redraw();
    };
    return h(
      "label",
      { class: "mv-switch" },
      h("input", { type: "radio", name, value, checked: how.layout === value, onchange: choose }),
      h("span", {}, label),
    );
  };
  return h(
    "fieldset",
    { class: "mv-layout" },
    h("legend", { class: "mv-silent" }, "Arrangement"),
    choice("stacked", "Side by side"),
    choice("interleaved", "Interleaved"),
  );
}

/** Whether white space is marked: sets `how.space`. */
export function spaceField(how, redraw) {
  const input = h("input", {
    type: "checkbox",
    onchange: () => {
      how.space = input.checked;
      redraw();
    },
  });
  return h("label", { class: "mv-check" }, input, " white space");
}

/** The student whose figures are shown. */
export function shapeField(shapes, store) {
  const id = freshId();
  const options = Object.keys(shapes).map((name) => h("option", { value: name }, name));
  const select = h("select", { id, onchange: () => store.set("shape", select.value) }, ...options);
  return {
    element: h("span", { class: "mv-control" }, h("label", { htmlFor: id }, "Student's shape"), select),
    update: () => (select.value = store.get("shape")),
  };
}

/** Which pieces are whose, and what the marks mean. */
export function legend() {
  const [teacher, student, both] = [h("span"), h("span"), h("span", {}, "double line: both alike")];
  const sample = (mark) => h("span", { class: `${mark} mv-sample`, "aria-hidden": "true" });
  const key = (mark, meaning) => h("span", { class: "mv-key" }, sample(mark), ` ${meaning}`);
  const marks = [key("mv-shared", "shared piece"), key("mv-boundary", "shared boundary")];
  return {
    element: h("p", { class: "mv-legend" }, teacher, student, both, ...marks),
    update(layout, vocabularies) {
      const [theirs, mine] = layout === "stacked" ? ["above", "below"] : ["solid line", "dotted line"];
      teacher.textContent = `${theirs}: teacher's ${grouped(vocabularies.teacher.size)}`;
      student.textContent = `${mine}: student's ${grouped(vocabularies.student.size)}`;
      both.hidden = layout === "stacked";
    },
  };
}
