// The state of a run, and changes to it.

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
