"""Client: the objects that users hold: workspace, experiment, run, iteration.

They read the store and leave requests in it; `launch` starts drivers. The room may import
`engine.driver`, `engine.show` and `cluster`, and rooms below them.
"""
