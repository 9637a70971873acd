"""Search: proposes the pipelines of a run, one for each iteration.

`searcher.Searcher` is the interface; `pipeline_search` is the searcher of runs, `random_search` the
baseline. They choose among what is `usable`, from the `portfolio` and by `proposals`.
The room imports `engine.pipelines` and the rooms below.
"""
