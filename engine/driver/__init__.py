"""Driver: one run from its data to its explanation, on Ray.

`driver.Driver` takes the steps, `trial` is one iteration on a node. Ray is imported in this room
only. It may import `engine.show` and what stands below it, and `cluster`.
"""
