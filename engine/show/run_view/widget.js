// What a report and a notebook widget call.

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
