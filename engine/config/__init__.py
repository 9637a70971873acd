"""Configuration: `AutoMLConfig`, its settings, and a run's specification.

`value_rules` check one value, `combinations` several, `parameters` all of them; `preparation`
turns a configuration into a `specification.RunSpecification`. The room may import
`engine.ensembles` and the rooms below it.
"""
