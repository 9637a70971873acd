"""Tags that users give to runs."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import ConfigException
from engine.store.tags import is_reserved


def check_tags(tags: object) -> None:
    """Check that a run may have tags.

    Raises
    ------
    ConfigException
        When it may not.

    Examples
    --------
    >>> check_tags({"team": "x"})
    >>> check_tags({"raysmith.status": "Completed"})
    Traceback (most recent call last):
    ...
    engine.errors.ConfigException: tag 'raysmith.status': expected a name not starting with ...
    """
    if not isinstance(tags, Mapping):
        raise ConfigException([f"tags={tags!r}: expected a dict of names and values"])
    problems = [
        f"tag {key!r}: expected a name not starting with mlflow. or raysmith."
        for key in tags
        if not isinstance(key, str) or not key or is_reserved(key)
    ]
    if problems:
        raise ConfigException(problems)
