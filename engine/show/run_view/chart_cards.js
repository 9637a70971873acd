// The charts of a run with their choosers: a metric over iterations, feature importance.

class ChartCards {
  constructor(box, metric) {
    this.box = box;
    this.metric = metric;
    this.group = 0;
    this.names = null;
  }

  /** The choosers stay while their charts are drawn, so that an open list is not closed. */
  draw(state) {
    this.state = state;
    const names = Object.keys(state.metrics);
    if (this.names !== names.join()) {
      this.names = names.join();
      redraw(this.box, [this.cards(names)]);
    }
    this.scores.replaceChildren(metricChart(state, this.metric));
    const explained = state.explanation ?? null;
    if (this.explained !== explained) {
      this.explained = explained;
      this.importance.replaceChildren(...(explained ? [this.importanceCard(explained)] : []));
    }
  }

  cards(names) {
    const id = `metric-${Math.random().toString(36).slice(2)}`;
    this.scores = make("div");
    this.importance = make("div");
    this.explained = null;
    const select = make("select", { id, "data-key": "metric", onchange: (e) => {
      this.metric = e.target.value;
      this.draw(this.state);
    } }, ...names.map((n) => make("option", { value: n, selected: n === this.metric }, n)));
    return make("div", { class: "grid" }, make("div", { class: "card chart" },
      make("h3", {}, "Metric over iterations"), make("label", { for: id }, "Metric "), select,
      this.scores,
      make("div", { class: "facts" }, "● an iteration", make("span", {}, "― best so far"))),
    this.importance);
  }

  importanceCard(explained) {
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
}
