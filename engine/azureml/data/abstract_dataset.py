"""What data sets of both kinds have: a name, versions, a place in the workspace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from engine.azureml.data.dataset_consumption_config import DatasetConsumptionConfig
from engine.client.datasets import (
    DatasetRecord,
    HasFolder,
    dataset_names,
    forget_dataset,
    read_dataset,
    register_dataset,
)
from engine.errors import DataException


class AbstractDataset(ABC):
    """A data set that a workspace may remember."""

    #: ``tabular`` or ``file``.
    kind: ClassVar[str]
    #: Kind -> class, for data sets that are opened by their names.
    kinds: ClassVar[dict[str, type[AbstractDataset]]] = {}

    _record: DatasetRecord | None = None
    _workspace: HasFolder | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "kind" in vars(cls):
            AbstractDataset.kinds[cls.kind] = cls

    @property
    def name(self) -> str | None:
        """The registered name; ``None`` before `register`."""
        return None if self._record is None else self._record.name

    @property
    def version(self) -> int | None:
        """The registered version; ``None`` before `register`."""
        return None if self._record is None else self._record.version

    @property
    def id(self) -> str | None:
        """The id of the registered version; ``None`` before `register`."""
        return None if self._record is None else self._record.id

    @property
    def description(self) -> str:
        """The text given to `register`."""
        return "" if self._record is None else self._record.description

    @property
    def tags(self) -> dict[str, str]:
        """The tags given to `register`."""
        return {} if self._record is None else dict(self._record.tags)

    def unnamed(self) -> Self:
        """Forget that the data set is a registered one, as it has been changed since."""
        self._record = None
        return self

    @abstractmethod
    def to_plan(self) -> dict[str, Any]:
        """Return JSON values from which the data set is made again."""

    @classmethod
    @abstractmethod
    def of_plan(cls, plan: Mapping[str, Any]) -> AbstractDataset:
        """Return the data set that `to_plan` was called on."""

    def register(
        self,
        workspace: HasFolder,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        create_new_version: bool = False,
    ) -> Self:
        """Let the workspace remember the data set under a name.

        The workspace keeps where the files are and what is done to them, not the files.

        Parameters
        ----------
        create_new_version:
            Add a version when there is another data set of that name.

        Raises
        ------
        DataException
            When there is another one of that name and not ``create_new_version``, and for a table
            in memory.
        """
        record = register_dataset(
            workspace,
            name,
            self.kind,
            self.to_plan(),
            description=description,
            tags=tags,
            new_version=create_new_version,
        )
        registered = type(self).__new__(type(self))
        registered.__dict__.update(self.__dict__)
        registered._record, registered._workspace = record, workspace
        return registered

    def unregister_all_versions(self) -> None:
        """Let the workspace forget the data set; its files stay."""
        if self._record is not None and self._workspace is not None:
            forget_dataset(self._workspace, self._record.name)

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """Return the data set under a name for a run."""
        return DatasetConsumptionConfig(name, self)

    @staticmethod
    def get_by_name(
        workspace: HasFolder, name: str, version: int | str = "latest"
    ) -> AbstractDataset:
        """Open a registered data set; the last version by default.

        Raises
        ------
        DataException
            When there is none of that name or version.
        """
        record = read_dataset(workspace, name, version)
        opened = AbstractDataset.kinds[record.kind].of_plan(record.plan)
        opened._record, opened._workspace = record, workspace
        return opened

    @staticmethod
    def get_by_id(workspace: HasFolder, id: str, **more: object) -> AbstractDataset:
        """Open a registered data set by the id of a version.

        Raises
        ------
        DataException
            When there is none.
        """
        for name in dataset_names(workspace):
            latest = read_dataset(workspace, name)
            for version in range(latest.version, 0, -1):
                if read_dataset(workspace, name, version).id == id:
                    return AbstractDataset.get_by_name(workspace, name, version)
        raise DataException(f"there is no data set with the id {id!r} in the workspace")

    @staticmethod
    def get_all(workspace: HasFolder) -> Mapping[str, AbstractDataset]:
        """Return name -> latest version, opened when it is asked for."""
        return _Registered(workspace)


class _Registered(Mapping[str, AbstractDataset]):
    """The data sets of a workspace by their names."""

    def __init__(self, workspace: HasFolder) -> None:
        self._workspace = workspace

    def __getitem__(self, name: str) -> AbstractDataset:
        if name not in dataset_names(self._workspace):
            raise KeyError(name)
        return AbstractDataset.get_by_name(self._workspace, name)

    def __iter__(self) -> Iterator[str]:
        return iter(dataset_names(self._workspace))

    def __len__(self) -> int:
        return len(dataset_names(self._workspace))

    def __repr__(self) -> str:
        return repr({name: self[name] for name in self})
