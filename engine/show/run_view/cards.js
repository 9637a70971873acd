// Cards of a run that has ended: the best model on unseen rows, the data.

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
