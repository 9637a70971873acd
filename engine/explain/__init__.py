"""Explanations: SHAP values of raw columns, without Ray.

`pieces.Work` is divided into pieces that any process can compute; `files` keeps results with an
iteration. The room may import `engine.store` and what stands below it.
"""
