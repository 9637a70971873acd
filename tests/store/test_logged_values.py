"""Values and tags that scripts add, on each kind of tracking URI."""

from __future__ import annotations

from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

NOTHING = IterationProperties()


def test_logged_values_stay_apart_from_the_scores(store, run_id):
    record = store.run(run_id)
    child = store.start_iteration(record, 0, "KNN", {}, NOTHING, 0.0)
    end = IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 0.5})
    store.end_iteration(child, end)
    for place in (run_id, child):
        assert store.logged_values(place) == {}
        store.log_values(place, {"accuracy": [0.75], "curve": [1.0, 2.0]})
        store.log_values(place, {"curve": [0.5]})
        assert store.logged_values(place) == {"accuracy": 0.75, "curve": [1.0, 2.0, 0.5]}
    assert store.iteration(child).metrics == {"accuracy": 0.5}


def test_tags_of_users(store, run_id):
    store.tag_all(run_id, {"team": "x", "other": "y"})
    store.remove_tag(run_id, "other")
    store.remove_tag(run_id, "never")
    assert store.user_tags(run_id) == {"mine": "1", "team": "x"} == dict(store.run(run_id).tags)
