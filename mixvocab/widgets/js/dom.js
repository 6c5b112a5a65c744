/** Building elements: text stays text. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * A new element.
 * @param {string} tag
 * @param {object} [properties] names with a dash, `class` and `role` are set as attributes, others as properties
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class" || name === "role" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/**
 * A new element of a drawing.
 * @param {string} tag
 * @param {object} [attributes]
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// A student's shape, and words with a hyphen, unless they are so long that a phone's line may not hold them.
const WHOLE = /(L-\d+ H-\d+|(?<!\S)(?=\S*\w-)\S{1,20}(?!\S))/;

/**
 * A text as children of an element, its short names on one line each.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function whole(text) {
  return text.split(WHOLE).map((part, number) => (number % 2 ? h("span", { class: "mv-whole" }, part) : part));
}
