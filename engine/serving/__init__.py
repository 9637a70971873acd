"""Endpoints: models of runs behind HTTP, on Ray Serve.

The room may import Ray, `cluster`, and what lies below `engine.driver`.
"""
