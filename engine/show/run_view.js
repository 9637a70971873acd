// A run: table, details, charts. Used by the notebook widget and by the HTML report.
// Every text of a run is put in as text, never as markup.

const COLOURS = ["var(--accent)", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c8c"];
const SVG = "http://www.w3.org/2000/svg";
const SURE_MS = 10_000;
const ENDED = ["Completed", "Canceled", "Failed"];
const MOST_DOTS = 400;
const MORE = ["quality", "data", "settings", "versions", "snippet"];

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

function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(at);
  return found;
}

// Axes with a plotting area; `x` and `y` turn values into places.
function plot({ label, xLabel, yLabel, xRange, yRange, whole = false, height = 260 }) {
  const width = 560, left = 62, right = 14, top = 12, bottom = 42;
  const [x0, x1] = xRange[1] > xRange[0] ? xRange : [xRange[0] - 0.5, xRange[0] + 0.5];
  const [y0, y1] = yRange[1] > yRange[0] ? yRange : [yRange[0] - 0.5, yRange[0] + 0.5];
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const x = (v) => left + ((v - x0) / (x1 - x0)) * (width - left - right);
  const y = (v) => height - bottom - ((v - y0) / (y1 - y0)) * (height - top - bottom);
  for (const at of ticks(y0, y1)) {
    svg.append(draw("line", { x1: left, x2: width - right, y1: y(at), y2: y(at),
      stroke: "currentColor", "stroke-opacity": 0.15 }));
    svg.append(draw("text", { x: left - 6, y: y(at) + 4, "text-anchor": "end" }, short(at)));
  }
  for (const at of ticks(x0, x1, 7).filter((v) => !whole || Number.isInteger(v))) {
    svg.append(draw("text", { x: x(at), y: height - bottom + 16, "text-anchor": "middle" },
      short(at)  || "0"));
  }
  svg.append(draw("line", { x1: left, x2: width - right, y1: height - bottom,
    y2: height - bottom, stroke: "currentColor", "stroke-opacity": 0.5 }));
  svg.append(draw("text", { x: (left + width - right) / 2, y: height - 6,
    "text-anchor": "middle" }, xLabel));
  svg.append(draw("text", { x: 14, y: (height - bottom + top) / 2, "text-anchor": "middle",
    transform: `rotate(-90 14 ${(height - bottom + top) / 2})` }, yLabel));
  return { svg, x, y };
}

function path(points, x, y, attributes) {
  const d = points.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)},${y(b).toFixed(1)}`);
  return draw("path", { d: d.join(""), fill: "none", "stroke-width": 2, ...attributes });
}

function range(values, margin = 0.06) {
  let low = Infinity, high = -Infinity;
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  const more = (high - low) * margin;
  return [low - more, high + more];
}

function metricChart(state, metric) {
  const up = state.metrics[metric];
  const done = state.iterations
    .filter((i) => i.status === "Completed" && Number.isFinite(i.metrics[metric]))
    .sort((a, b) => a.iteration - b.iteration);
  if (!done.length) return make("p", {}, "No iteration has completed yet.");
  const values = done.map((i) => i.metrics[metric]);
  let best = null;
  const steps = [];
  for (const i of done) {
    const value = i.metrics[metric];
    if (best !== null) steps.push([i.iteration, best]);
    if (best === null || (up ? value > best : value < best)) best = value;
    steps.push([i.iteration, best]);
  }
  const { svg, x, y } = plot({
    label: `${metric} of each iteration, and the best so far: ${short(best)}`,
    xLabel: "iteration", yLabel: metric, whole: true,
    xRange: [Math.min(0, done[0].iteration) - 0.5, done[done.length - 1].iteration + 0.5],
    yRange: range(values) });
  svg.append(path(steps, x, y, { stroke: "var(--best)", "data-line": "best" }));
  if (done.length > MOST_DOTS) {
    // Thousands of elements would make each drawing slow: one path has all dots.
    const places = done.map((i) => `M${x(i.iteration).toFixed(1)},${y(i.metrics[metric]).toFixed(1)}h0`);
    svg.append(draw("path", { d: places.join(""), stroke: "var(--accent)", "stroke-width": 4,
      "stroke-linecap": "round", "data-dots": done.length }));
    return svg;
  }
  for (const i of done) {
    const dot = draw("circle", { cx: x(i.iteration), cy: y(i.metrics[metric]), r: 4,
      fill: "var(--accent)" });
    dot.append(draw("title", {}, `${i.iteration} ${i.pipeline}: ${short(i.metrics[metric])}`));
    svg.append(dot);
  }
  return svg;
}

function bars(names, values, label) {
  const shown = Math.min(names.length, 20), row = 20, left = 190, width = 560;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${shown * row + 24}`, role: "img",
    "aria-label": `${label}: ${names.slice(0, 3).join(", ")} matter most` });
  const most = Math.max(...values, 1e-300);
  for (let i = 0; i < shown; i += 1) {
    const size = (values[i] / most) * (width - left - 70);
    const bar = draw("rect", { x: left, y: i * row + 4, width: Math.max(size, 0.5),
      height: row - 7, fill: "var(--accent)" });
    bar.append(draw("title", {}, `${names[i]}: ${short(values[i])}`));
    svg.append(bar);
    const name = draw("text", { x: left - 6, y: i * row + 15, "text-anchor": "end",
      class: "label" }, cut(names[i], 28));
    name.append(draw("title", {}, names[i]));
    svg.append(name, draw("text", { x: left + size + 5, y: i * row + 15 }, short(values[i])));
  }
  svg.append(draw("text", { x: left, y: shown * row + 18 }, "mean |SHAP value|"));
  return svg;
}

function curves(series, { label, xLabel, yLabel, diagonal }) {
  const { svg, x, y } = plot({ label, xLabel, yLabel, xRange: [0, 1], yRange: [0, 1.02],
    height: 300 });
  if (diagonal) {
    svg.append(path([[0, 0], [1, 1]], x, y, { stroke: "currentColor", "stroke-opacity": 0.3,
      "stroke-dasharray": "4 4" }));
  }
  series.forEach((one, index) => {
    const line = path(one.points, x, y, { stroke: COLOURS[index % COLOURS.length],
      "stroke-dasharray": ["none", "6 3", "2 3"][Math.floor(index / COLOURS.length) % 3] });
    line.append(draw("title", {}, one.label));
    svg.append(line);
  });
  const legend = make("div", { class: "facts" }, ...series.map((one, index) => {
    const box = make("span", {}, "■ ");
    box.style.color = COLOURS[index % COLOURS.length];
    return make("span", {}, box, cut(one.label, 24));
  }));
  return make("div", {}, svg, series.length > 1 ? legend : null);
}

function confusion(quality) {
  const head = make("tr", {}, make("th", { scope: "col" }, "true \\ predicted"),
    ...quality.classes.map((c) => make("th", { scope: "col", class: "number" }, cut(c, 16))));
  const rows = quality.confusion.map((counts, i) => {
    const total = counts.reduce((a, b) => a + b, 0) || 1;
    return make("tr", {}, make("th", { scope: "row" }, cut(quality.classes[i], 16)),
      ...counts.map((count, j) => {
        const cell = make("td", { class: "number" }, String(count));
        const share = count / total;
        cell.style.background = `color-mix(in srgb, ${i === j ? "var(--good)" : "var(--bad)"} ${
          Math.round(share * 45)}%, transparent)`;
        return cell;
      }));
  });
  return make("div", { class: "scroll", tabindex: 0 }, make("table", {},
    make("thead", {}, head), make("tbody", {}, ...rows)));
}

function card(title, content) {
  return make("div", { class: "card" }, make("h3", {}, title), content);
}

function qualityCards(quality) {
  if (quality.confusion) {
    return [
      card("Confusion matrix", confusion(quality)),
      card("ROC curves", curves(quality.roc, { label: "ROC curves", diagonal: true,
        xLabel: "false positive rate", yLabel: "true positive rate" })),
      card("Precision and recall", curves(quality.pr, { label: "Precision-recall curves",
        xLabel: "recall", yLabel: "precision" })),
      card("Calibration", curves(quality.calibration, { label: "Calibration", diagonal: true,
        xLabel: "predicted probability", yLabel: "share of rows" })),
    ];
  }
  const [truth, predicted] = quality.scatter;
  const span = range([...truth, ...predicted]);
  const both = plot({ label: "Predicted against true values", xLabel: "true value",
    yLabel: "predicted value", xRange: span, yRange: span, height: 320 });
  both.svg.append(path([[span[0], span[0]], [span[1], span[1]]], both.x, both.y,
    { stroke: "currentColor", "stroke-opacity": 0.3, "stroke-dasharray": "4 4" }));
  truth.forEach((value, i) => both.svg.append(draw("circle", { cx: both.x(value),
    cy: both.y(predicted[i]), r: 2.5, fill: "var(--accent)", "fill-opacity": 0.6 })));
  const { counts, edges } = quality.residuals;
  const histogram = plot({ label: "Residuals", xLabel: "true minus predicted value",
    yLabel: "rows", xRange: [edges[0], edges[edges.length - 1]],
    yRange: [0, Math.max(...counts) * 1.05], height: 320 });
  counts.forEach((count, i) => histogram.svg.append(draw("rect", {
    x: histogram.x(edges[i]) + 0.5, y: histogram.y(count), fill: "var(--accent)",
    width: Math.max(histogram.x(edges[i + 1]) - histogram.x(edges[i]) - 1, 0.5),
    height: Math.max(histogram.y(0) - histogram.y(count), 0) })));
  return [card("Predicted and true values", both.svg), card("Residuals", histogram.svg)];
}

function dataCard(data) {
  const rows = data.columns.map((c) => make("tr", {}, make("td", { class: "wide" }, c.name),
    make("td", {}, c.type), make("td", { class: "number" }, `${short(c.missing * 100) || 0} %`),
    make("td", { class: "number" }, String(c.unique))));
  const table = make("div", { class: "scroll", tabindex: 0 }, make("table", {},
    make("thead", {}, make("tr", {}, ...["column", "type", "missing", "different values"].map(
      (name, i) => make("th", { scope: "col", class: i > 1 ? "number" : null }, name)))),
    make("tbody", {}, ...rows)));
  const shape = facts([["rows", data.n_rows], ["columns", data.n_columns],
    ["validation rows", data.n_validation_rows || ""]]);
  return make("div", {}, shape, table);
}

/** Puts changes into a state, which stays the same object. */
function merge(state, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (name === "run" || name === "logs") state[name] = { ...state[name], ...value };
    else if (name === "iterations") mergeIterations(state.iterations, value);
    else state[name] = value;
  }
}

function mergeIterations(iterations, changed) {
  const places = new Map(iterations.map((one, place) => [one.iteration, place]));
  for (const fields of changed) {
    const place = places.get(fields.iteration);
    if (place === undefined) iterations.push({ ...fields });
    else iterations[place] = { ...iterations[place], ...fields };
  }
  iterations.sort((a, b) => a.iteration - b.iteration);
}

class View {
  constructor(root, state, actions) {
    this.root = root;
    this.actions = actions;
    this.chosen = null;
    this.metric = state.run.metric;
    this.group = 0;
    this.sure = { id: "", until: 0 };
    this.asked = new Set();
    this.rows = new Map();
    this.frame();
    this.update(state);
  }

  /** The elements that stay; each part of the view is drawn into one of them. */
  frame() {
    this.parts = Object.fromEntries(["head", "table", "details", "charts", "more"].map(
      (name) => [name, make("div", { "data-part": name })]));
    this.parts.table.append(...this.table());
    this.root.replaceChildren(make("section", { class: "raysmith", "aria-label": "AutoML run" },
      ...Object.values(this.parts)));
  }

  /** Draws what `changes` touch; everything where there are none. */
  update(state, changes = null) {
    this.state = state;
    const has = (...names) => changes === null || names.some((name) => name in changes);
    this.drawInto("head", () => this.head());
    if (has("iterations", "best", "metrics", "run")) this.drawRows();
    if (this.chosen !== null && (changes === null || this.touches(changes))) this.drawDetails();
    if (has("metrics", "explanation") || this.scores(changes)) this.drawCharts();
    if (has(...MORE)) this.drawInto("more", () => this.more());
  }

  scores(changes) {
    return (changes.iterations ?? []).some((one) => "metrics" in one || "status" in one);
  }

  touches(changes) {
    return String(this.chosen) in (changes.logs ?? {})
      || (changes.iterations ?? []).some((one) => one.iteration === this.chosen);
  }

  /** Draws a part anew; the focus and the places that were scrolled to stay. */
  drawInto(name, parts) {
    const box = this.parts[name];
    const focused = box.contains(document.activeElement)
      ? document.activeElement.getAttribute("data-key") : null;
    const scrolls = [...box.querySelectorAll("[data-scroll]")]
      .map((e) => [e.getAttribute("data-scroll"), e.scrollTop]);
    box.replaceChildren(...parts());
    for (const [key, top] of scrolls) {
      const element = box.querySelector(`[data-scroll="${key}"]`);
      if (element) element.scrollTop = top;
    }
    if (focused) box.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  head() {
    const { run, iterations } = this.state;
    const best = iterations.find((i) => i.iteration === this.state.best);
    const seconds = (run.ended ?? Date.now() / 1000) - run.started;
    const going = !ENDED.includes(run.status);
    const parts = [
      make("h1", {}, run.name),
      facts([["experiment", run.experiment], ["status", run.status], ["task", run.task],
        ["target", run.target], ["iterations", iterations.length],
        [`best ${run.metric}`, best ? `${short(best.metrics[run.metric])} (${best.iteration} ${
          best.pipeline})` : ""], ["time", duration(seconds)]]),
      make("p", {}, make("a", { href: /^https?:/.test(run.url) ? run.url : "#", target: "_blank",
        rel: "noopener noreferrer" }, "The run in the MLflow UI"), " ",
      this.actions.cancel && going
        ? this.danger("Cancel run", "cancel-run", () => this.actions.cancel(null)) : null),
      make("p", { class: "hidden", role: "status" },
        `${run.status}, ${iterations.length} iterations`),
    ];
    for (const note of run.notes) parts.push(make("p", { class: "note" }, note));
    if (run.error) parts.push(make("p", { class: "note error" }, run.error));
    return parts;
  }

  /** A button that must be pressed twice. Its state outlives the drawings in between. */
  danger(text, key, action, what = "") {
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

  table() {
    this.metricHead = make("th", { scope: "col", class: "number" }, "");
    const heads = ["iteration", "pipeline", "duration", null, "best", "status", "node"].map((n) =>
      (n === null ? this.metricHead : make("th", { scope: "col",
        class: ["iteration", "duration", "best"].includes(n) ? "number" : null }, n)));
    this.body = make("tbody");
    return [make("h2", {}, "Iterations"), make("p", { class: "facts" },
      "Choose a row for its parameters, scores and log."),
    make("div", { class: "scroll", "data-scroll": "table", tabindex: -1 }, make("table", {
      "aria-label": "Iterations" }, make("thead", {}, make("tr", {}, ...heads)), this.body))];
  }

  /** Rows in the order of their ends; only rows that look different are drawn. */
  drawRows() {
    const { run, iterations, best } = this.state;
    const up = this.state.metrics[run.metric];
    this.metricHead.textContent = run.metric;
    const order = [...iterations].sort((a, b) => (a.ended ?? Infinity) - (b.ended ?? Infinity)
      || a.iteration - b.iteration);
    let top = null;
    let place = this.body.firstChild;
    for (const i of order) {
      const value = i.metrics[run.metric];
      if (i.status === "Completed" && Number.isFinite(value)
        && (top === null || (up ? value > top : value < top))) top = value;
      const row = this.row(i, top, i.iteration === best);
      if (row === place) place = place.nextSibling;
      else this.body.insertBefore(row, place);
    }
    const shown = new Set(order.map((i) => i.iteration));
    for (const [number, known] of this.rows) {
      if (!shown.has(number)) { known.row.remove(); this.rows.delete(number); }
    }
  }

  row(i, top, isBest) {
    const known = this.rows.get(i.iteration);
    const isChosen = i.iteration === this.chosen;
    if (known && known.i === i && known.top === top && known.isBest === isBest
      && known.isChosen === isChosen) return known.row;
    const row = known ? known.row : this.newRow(i.iteration);
    row.className = `row${isBest ? " best" : ""}${isChosen ? " chosen" : ""}`;
    row.setAttribute("aria-selected", String(isChosen));
    if (!known || known.i !== i || known.top !== top || known.isBest !== isBest) {
      row.replaceChildren(...this.cells(i, top, isBest));
    }
    this.rows.set(i.iteration, { row, i, top, isBest, isChosen });
    return row;
  }

  newRow(number) {
    const toggle = () => this.choose(this.chosen === number ? null : number);
    return make("tr", { tabindex: 0, "data-key": `row-${number}`, "data-iteration": number,
      onclick: toggle, onkeydown: (e) => {
        if (e.key === "Enter" || e.key === " ") { e.preventDefault(); toggle(); }
      } });
  }

  cells(i, top, isBest) {
    return [make("td", { class: "number" }, String(i.iteration)),
      make("td", {}, i.pipeline, i.status === "Completed" || !i.reason ? null
        : make("div", { class: "reason" }, cut(i.reason, 160))),
      make("td", { class: "number" }, duration(i.seconds)),
      make("td", { class: "number" }, short(i.metrics[this.state.run.metric])),
      make("td", { class: "number" }, short(top)),
      make("td", { class: i.status }, i.status + (isBest ? " (best)" : "")),
      make("td", {}, i.node)];
  }

  choose(iteration) {
    this.chosen = iteration;
    if (iteration !== null && this.actions.choose) this.actions.choose(iteration);
    this.drawRows();
    this.drawDetails();
    if (iteration !== null) {
      this.root.querySelector(".details")?.scrollIntoView({ block: "nearest" });
    }
  }

  drawDetails() {
    this.drawInto("details", () => [this.details()].filter((part) => part !== null));
  }

  details() {
    const i = this.state.iterations.find((one) => one.iteration === this.chosen);
    if (!i) return null;
    const log = (this.state.logs ?? {})[String(i.iteration)];
    const folds = (i.folds ?? []).map(short).join(", ");
    return make("div", { class: "card details", role: "region",
      "aria-label": `Iteration ${i.iteration}` },
    make("h3", {}, `Iteration ${i.iteration}: ${i.pipeline}`),
    this.actions.cancel && i.status === "Running"
      ? this.danger("Cancel iteration", "cancel-iteration",
        () => this.actions.cancel(i.iteration), i.iteration) : null,
    i.reason ? make("p", { class: "note" }, i.reason) : null,
    ...i.retries.map((reason) => make("p", { class: "note" }, `tried again: ${reason}`)),
    make("div", { class: "grid" },
      make("div", {}, make("h3", {}, "Parameters"), list(i.parameters),
        make("h3", {}, "Properties"), list(i.properties)),
      make("div", {}, make("h3", {}, "Metrics"), list(Object.fromEntries(
        Object.entries(i.metrics).map(([k, v]) => [k, short(v)]))),
      folds ? make("p", {}, `${this.state.run.metric} by fold: ${folds}`) : null)),
    make("h3", {}, "Log"),
    make("pre", { class: "log", tabindex: 0, "data-scroll": "log" },
      log === undefined ? this.missing() : log || "nothing yet"));
  }

  missing() {
    return this.actions.choose ? "…"
      : "not in this report: run.report(logs=None) writes one with all logs";
  }

  /** The choosers stay while their charts are drawn, so that an open list is not closed. */
  drawCharts() {
    const names = Object.keys(this.state.metrics);
    if (!this.chart || this.chart.names !== names.join()) this.drawInto("charts", () => this.charts());
    this.chart.metric.replaceChildren(metricChart(this.state, this.metric));
    const explained = this.state.explanation ?? null;
    if (this.chart.explained !== explained) {
      this.chart.explained = explained;
      this.chart.importance.replaceChildren(...(explained ? [this.importance(explained)] : []));
    }
  }

  charts() {
    const names = Object.keys(this.state.metrics);
    const id = `metric-${Math.random().toString(36).slice(2)}`;
    this.chart = { names: names.join(), metric: make("div"), importance: make("div"),
      explained: null };
    const select = make("select", { id, "data-key": "metric", onchange: (e) => {
      this.metric = e.target.value;
      this.drawCharts();
    } }, ...names.map((n) => make("option", { value: n, selected: n === this.metric }, n)));
    return [make("div", { class: "grid" }, make("div", { class: "card chart" },
      make("h3", {}, "Metric over iterations"), make("label", { for: id }, "Metric "), select,
      this.chart.metric,
      make("div", { class: "facts" }, "● an iteration", make("span", {}, "― best so far"))),
    this.chart.importance)];
  }

  importance(explained) {
    const box = make("div");
    const show = () => {
      const group = explained.groups[Math.min(this.group, explained.groups.length - 1)];
      box.replaceChildren(bars(group.names, group.values, "Feature importance"));
    };
    const chooser = explained.groups.length > 1 ? make("select", { "data-key": "class",
      "aria-label": "Class", onchange: (e) => { this.group = Number(e.target.value); show(); } },
    ...explained.groups.map((g, n) => make("option", { value: n, selected: n === this.group },
      n ? `class ${cut(g.label, 40)}` : "all classes"))) : null;
    show();
    return make("div", { class: "card importance" },
      make("h3", {}, `Feature importance of iteration ${explained.iteration}`), chooser, box,
      make("p", { class: "facts" }, `${explained.rows_explained} of ${
        explained.rows_given} rows of ${explained.source}`));
  }

  more() {
    const { state } = this;
    const parts = [];
    if (state.quality) {
      parts.push(make("h2", {}, "The best model on rows that it was not fitted on"),
        make("div", { class: "grid" }, ...qualityCards(state.quality)));
    }
    if (state.data) parts.push(make("h2", {}, "Data"), dataCard(state.data));
    if (state.settings) {
      parts.push(make("div", { class: "grid" },
        make("div", {}, make("h2", {}, "Settings"), list(state.settings)),
        make("div", {}, make("h2", {}, "Versions"), list(state.versions))));
    }
    if (state.snippet) {
      parts.push(make("h2", {}, "Load the model"), make("pre", { tabindex: 0 }, state.snippet));
    }
    return parts;
  }
}

function mount(root, state, actions = {}) {
  return new View(root, state, actions);
}

// The state of the widget's model and those who draw it; a notebook loads this file once a model.
const watchers = new Set();

/** Keeps the model's state up to date, also for views to come and for a notebook that is saved. */
function initialize({ model }) {
  const state = model.get("state");
  const changed = (changes) => { for (const draw of watchers) draw(changes); };
  const received = (message) => {
    if (message.state && message.state.revision >= state.revision) {
      for (const name of Object.keys(state)) delete state[name];
      Object.assign(state, message.state);
      changed(null);
    }
    const changes = message.changes;
    if (!changes || changes.revision <= state.revision) return;
    if (changes.revision > state.revision + 1) {
      model.send({ seen: state.revision }); // something was missed: all of it again
      return;
    }
    merge(state, changes);
    changed(changes);
  };
  model.on("msg:custom", received);
  return () => model.off("msg:custom", received);
}

function render({ model, el }) {
  const root = make("div");
  el.append(root);
  const state = model.get("state");
  const view = mount(root, state, {
    choose: (iteration) => { model.set("chosen", iteration); model.save_changes(); },
    cancel: (iteration) => model.send({ cancel: iteration }),
  });
  const draw = (changes) => view.update(state, changes);
  watchers.add(draw);
  model.send({ views: 1, seen: state.revision });
  return () => {
    watchers.delete(draw);
    model.send({ views: -1 });
  };
}

export default { initialize, render, mount };
