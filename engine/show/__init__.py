"""Show: runs for people to look at, as table, summary, report, widget and model card.

Report, widget and model card read the store through `view.RunView`. The room may import
`engine.explain` and what stands below it.
"""
