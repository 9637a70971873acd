"""Scripts of the retired service's SDK v1: rewritten, or run as they are.

The room may import `engine.azureml` and everything below it.
"""
