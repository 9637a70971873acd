"""Client: what a user holds: workspace, experiment, run, iteration.

Its objects read the store and leave requests in it. The room may import `engine.driver`,
`engine.show` and `cluster`, and what stands below them.
"""
