// Elements of the page and the words in them.
// Every text of a run is put in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const SURE_MS = 10_000;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function draw(tag, attributes = {}, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}

function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100000)) return value.toExponential(2);
  return String(Number(value.toPrecision(size >= 1 ? 5 : 4)));
}

function duration(seconds) {
  const whole = Math.ceil(seconds);
  const two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

function cut(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

function facts(pairs) {
  return make("div", { class: "facts" }, ...pairs.filter(([, value]) => value !== "")
    .map(([key, value]) => make("span", {}, `${key} `, make("b", {}, String(value)))));
}

function list(values) {
  const entries = Object.entries(values).filter(([, value]) => value !== "");
  if (!entries.length) return make("p", {}, "none");
  return make("dl", {}, ...entries.flatMap(([key, value]) =>
    [make("dt", {}, key), make("dd", {}, String(value))]));
}

/** Draws a part anew; the focus and the places that were scrolled to stay. */
function redraw(box, parts) {
  const focused = box.contains(document.activeElement)
    ? document.activeElement.getAttribute("data-key") : null;
  const scrolls = [...box.querySelectorAll("[data-scroll]")]
    .map((e) => [e.getAttribute("data-scroll"), e.scrollTop]);
  box.replaceChildren(...parts.filter((part) => part !== null));
  for (const [key, top] of scrolls) {
    const element = box.querySelector(`[data-scroll="${key}"]`);
    if (element) element.scrollTop = top;
  }
  if (focused) box.querySelector(`[data-key="${focused}"]`)?.focus();
}

/** Buttons that must be pressed twice. Their states outlive the drawings in between. */
class SureButtons {
  constructor() {
    this.sure = { id: "", until: 0 };
    this.asked = new Set();
  }

  button(text, key, action, what = "") {
    const id = `${key} ${what}`;
    const words = () => (this.asked.has(id) ? "Canceling…"
      : this.sure.id === id && Date.now() < this.sure.until ? `${text}: sure?` : text);
    return make("button", { class: "danger", type: "button", "data-key": key, onclick: (event) => {
      event.stopPropagation();
      if (words() === text) this.sure = { id, until: Date.now() + SURE_MS };
      else if (!this.asked.has(id)) { this.asked.add(id); action(); }
      event.currentTarget.textContent = words();
    } }, words());
  }
}
