"""The class of all datastores."""

from engine.client.datastores import Datastore as AbstractDatastore

__all__ = ["AbstractDatastore"]
