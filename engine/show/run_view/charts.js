// Charts as SVG: scores over iterations, bars, curves.

const COLOURS = ["var(--accent)", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c8c"];
const MOST_DOTS = 400;

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
