"""`Datastore` by the static methods of SDK v1."""

from __future__ import annotations

from typing import Any, NoReturn

from engine.azureml.data.azure_storage_datastore import AzureBlobDatastore
from engine.azureml.unavailable import NotAvailable
from engine.client.datastores import (
    DEFAULT_NAME,
    KeepsFiles,
    datastores,
    default_datastore,
    register_datastore,
    set_default_datastore,
)
from engine.errors import WorkspaceException


class Datastore:
    """Places for files by their names; the constructor and `get` return an `AzureBlobDatastore`.

    Parameters
    ----------
    workspace:
        The workspace that remembers the place.
    name:
        Default: the default datastore.

    Raises
    ------
    WorkspaceException
        When there is none of that name.
    """

    def __new__(cls, workspace: KeepsFiles, name: str | None = None) -> Any:
        """Return the datastore of that name."""
        return cls.get_default(workspace) if name is None else cls.get(workspace, name)

    @staticmethod
    def get(workspace: KeepsFiles, datastore_name: str) -> AzureBlobDatastore:
        """Return a datastore by its name."""
        known = Datastore.list(workspace)
        # Scripts of the service know a second default place, for shares of files.
        wanted = DEFAULT_NAME if datastore_name == "workspacefilestore" else datastore_name
        if wanted not in known:
            raise WorkspaceException(
                f"there is no datastore {datastore_name!r}; there are {', '.join(known)}"
            )
        return known[wanted]

    @staticmethod
    def get_default(workspace: KeepsFiles) -> AzureBlobDatastore:
        """Return the default datastore."""
        found = default_datastore(workspace)
        return AzureBlobDatastore(workspace, found.name, found.location)

    @staticmethod
    def set_default(workspace: KeepsFiles, datastore_name: str) -> None:
        """Make a datastore the default one."""
        set_default_datastore(workspace, datastore_name)

    @staticmethod
    def list(workspace: KeepsFiles) -> dict[str, AzureBlobDatastore]:
        """Return name -> datastore."""
        return {
            name: AzureBlobDatastore(workspace, name, found.location)
            for name, found in datastores(workspace).items()
        }

    @staticmethod
    def register_azure_blob_container(
        workspace: KeepsFiles,
        datastore_name: str,
        container_name: str,
        account_name: str,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        create_if_not_exists: bool = False,
        skip_validation: bool = False,
        **more: object,
    ) -> AzureBlobDatastore:
        """Remember a container of blobs; fsspec's library ``adlfs`` reads it.

        Keys and tokens are not kept: `adlfs` takes them from ``AZURE_STORAGE_ACCOUNT_KEY`` or
        ``AZURE_STORAGE_SAS_TOKEN``.
        """
        return _registered(
            workspace,
            datastore_name,
            f"abfs://{container_name}@{account_name}.dfs.core.windows.net",
            overwrite,
        )

    @staticmethod
    def register_azure_data_lake_gen2(
        workspace: KeepsFiles,
        datastore_name: str,
        filesystem: str,
        account_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        **more: object,
    ) -> AzureBlobDatastore:
        """Remember a file system of a data lake, as `register_azure_blob_container` does."""
        location = f"abfs://{filesystem}@{account_name}.dfs.core.windows.net"
        return _registered(workspace, datastore_name, location, overwrite)

    @staticmethod
    def register_folder(
        workspace: KeepsFiles, datastore_name: str, location: str, overwrite: bool = False
    ) -> AzureBlobDatastore:
        """Remember a folder of this machine, or a URI that fsspec reads. SDK v1 has no such method.

        Examples
        --------
        >>> import tempfile
        >>> from types import SimpleNamespace
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ws = SimpleNamespace(folder=Path(folder), artifact_location=None)
        ...     Datastore.register_folder(ws, "shared", "s3://bucket/data").location
        's3://bucket/data'
        """
        return _registered(workspace, datastore_name, location, overwrite)

    @staticmethod
    def _refuse(kind: str) -> NoReturn:
        raise NotAvailable(
            f"a datastore of {kind} is not available: read it with pandas, for example "
            "pandas.read_sql, and give AutoMLConfig the table; a folder or a URI that fsspec reads "
            "is a datastore by Datastore.register_folder"
        )

    @staticmethod
    def register_azure_file_share(*arguments: object, **named: object) -> NoReturn:
        """Refuse: mount the share and register its folder.

        Raises
        ------
        NotAvailable
            Always.
        """
        Datastore._refuse("a file share")

    @staticmethod
    def register_azure_data_lake(*arguments: object, **named: object) -> NoReturn:
        """Refuse: that service is retired too.

        Raises
        ------
        NotAvailable
            Always.
        """
        Datastore._refuse("a data lake of the first generation")

    @staticmethod
    def register_azure_sql_database(*arguments: object, **named: object) -> NoReturn:
        """Refuse: read the database with pandas.

        Raises
        ------
        NotAvailable
            Always.
        """
        Datastore._refuse("an SQL database")

    register_azure_postgre_sql = register_azure_sql_database
    register_azure_my_sql = register_azure_sql_database

    @staticmethod
    def register_dbfs(*arguments: object, **named: object) -> NoReturn:
        """Refuse: read the files where they are mounted.

        Raises
        ------
        NotAvailable
            Always.
        """
        Datastore._refuse("a Databricks file system")


def _registered(
    workspace: KeepsFiles, name: str, location: str, overwrite: bool
) -> AzureBlobDatastore:
    found = register_datastore(workspace, name, location, overwrite)
    return AzureBlobDatastore(workspace, found.name, found.location)
