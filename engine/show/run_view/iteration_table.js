// The table of iterations; a row can be chosen.

class IterationTable {
  /** `choose` takes the number of the row that the user wants to see, or null. */
  constructor(box, choose) {
    this.choose = choose;
    this.rows = new Map();
    this.metricHead = make("th", { scope: "col", class: "number" }, "");
    const heads = ["iteration", "pipeline", "duration", null, "best", "status", "node"].map((n) =>
      (n === null ? this.metricHead : make("th", { scope: "col",
        class: ["iteration", "duration", "best"].includes(n) ? "number" : null }, n)));
    this.body = make("tbody");
    box.append(make("h2", {}, "Iterations"), make("p", { class: "facts" },
      "Choose a row for its parameters, scores and log."),
    make("div", { class: "scroll", "data-scroll": "table", tabindex: -1 }, make("table", {
      "aria-label": "Iterations" }, make("thead", {}, make("tr", {}, ...heads)), this.body)));
  }

  /** Draws rows in the order of their ends; only those that look different are drawn. */
  draw(state, chosen) {
    this.metric = state.run.metric;
    this.chosen = chosen;
    this.metricHead.textContent = this.metric;
    const up = state.metrics[this.metric];
    const order = [...state.iterations].sort((a, b) =>
      (a.ended ?? Infinity) - (b.ended ?? Infinity) || a.iteration - b.iteration);
    let top = null;
    let place = this.body.firstChild;
    for (const i of order) {
      const value = i.metrics[this.metric];
      if (i.status === "Completed" && Number.isFinite(value)
        && (top === null || (up ? value > top : value < top))) top = value;
      const row = this.row(i, top, i.iteration === state.best);
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
      make("td", { class: "number" }, short(i.metrics[this.metric])),
      make("td", { class: "number" }, short(top)),
      make("td", { class: i.status }, i.status + (isBest ? " (best)" : "")),
      make("td", {}, i.node)];
  }
}
