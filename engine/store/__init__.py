"""Store: runs and iterations in MLflow, and their records.

`mlflow_store.RunStore` reads and writes. `records` are frozen copies of its content, `choice`
picks among them, and `recorder.Recorder` writes from a thread. MLflow is imported in this room
only. The room may import `engine.ensembles` and below.
"""
