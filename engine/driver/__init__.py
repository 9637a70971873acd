"""Driver: one run from its data to its explanation.

`driver.Driver` drives a run, `steps` are its steps. `platform` is the interface to the machines,
`trial_backends` execute the trials: on Ray, or replayed on a simulated clock. `trial` is one
iteration on a node. The room may import `engine.show` and what stands below it, and `cluster`. Ray
is imported by the files that are named for it, and by those that run on nodes.
"""
