"""Store: runs and iterations in MLflow, and their records.

`mlflow_store.RunStore` reads and writes, `records` are frozen copies of what it holds,
`recorder.Recorder` writes from a thread. MLflow is imported in this room only. It may import
`engine.ensembles` and below.
"""
