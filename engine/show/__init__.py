"""Show: what people look at: table, report, widget, model card.

It reads the store through `view.RunView`. The room may import `engine.explain` and what stands
below it.
"""
