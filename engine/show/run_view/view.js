// The whole view: its parts, and which of them a change touches.

const ENDED = ["Completed", "Canceled", "Failed"];
const MORE = ["quality", "data", "settings", "versions", "snippet"];

class View {
  constructor(root, state, actions) {
    this.root = root;
    this.actions = actions;
    this.chosen = null;
    this.buttons = new SureButtons();
    // The elements that stay; each part of the view is drawn into one of them.
    this.parts = Object.fromEntries(["head", "table", "details", "charts", "more"].map(
      (name) => [name, make("div", { "data-part": name })]));
    this.table = new IterationTable(this.parts.table, (iteration) => this.choose(iteration));
    this.charts = new ChartCards(this.parts.charts, state.run.metric);
    this.root.replaceChildren(make("section", { class: "raysmith", "aria-label": "AutoML run" },
      ...Object.values(this.parts)));
    this.update(state);
  }

  /** Draws what `changes` touch; everything where there are none. */
  update(state, changes = null) {
    this.state = state;
    const has = (...names) => changes === null || names.some((name) => name in changes);
    redraw(this.parts.head, this.head());
    if (has("iterations", "best", "metrics", "run")) this.table.draw(state, this.chosen);
    if (this.chosen !== null && (changes === null || this.touches(changes))) this.drawDetails();
    if (has("metrics", "explanation") || this.scores(changes)) this.charts.draw(state);
    if (has(...MORE)) redraw(this.parts.more, this.more());
  }

  scores(changes) {
    return (changes.iterations ?? []).some((one) => "metrics" in one || "status" in one);
  }

  touches(changes) {
    return String(this.chosen) in (changes.logs ?? {})
      || (changes.iterations ?? []).some((one) => one.iteration === this.chosen);
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
        ? this.buttons.button("Cancel run", "cancel-run", () => this.actions.cancel(null)) : null),
      make("p", { class: "hidden", role: "status" },
        `${run.status}, ${iterations.length} iterations`),
    ];
    for (const note of run.notes) parts.push(make("p", { class: "note" }, note));
    if (run.error) parts.push(make("p", { class: "note error" }, run.error));
    return parts;
  }

  choose(iteration) {
    this.chosen = iteration;
    if (iteration !== null && this.actions.choose) this.actions.choose(iteration);
    this.table.draw(this.state, iteration);
    this.drawDetails();
    if (iteration !== null) {
      this.root.querySelector(".details")?.scrollIntoView({ block: "nearest" });
    }
  }

  drawDetails() {
    redraw(this.parts.details, [this.details()]);
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
      ? this.buttons.button("Cancel iteration", "cancel-iteration",
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
