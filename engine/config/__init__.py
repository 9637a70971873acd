"""Configuration: `AutoMLConfig`, its settings, and a run's specification.

`value_rules` check one value, `combinations` several. The room may import `engine.search` and
`engine.evaluation` and what stands below them.
"""
