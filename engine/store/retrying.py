"""Calls of a store that are repeated while the store does not answer."""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, TypeVar

import sqlalchemy.exc
from mlflow.exceptions import InvalidUrlException, MlflowException

from engine.errors import StoreUnavailable
from engine.store.redaction import Redaction

Answer = TypeVar("Answer")

#: Below the driver's logger, so that its warnings are in ``debug_log``.
logger = logging.getLogger("raysmith.driver.store")

#: A failure is the first of an outage when the one before is longer ago than this.
_FORGOTTEN_SECONDS = 30.0
#: Calls of each kind are repeated for so long, if there is any patience at all.
_LEAST_SECONDS = 30.0
#: An outage of so many seconds is worth a warning.
_TOLD_SECONDS = 3.0

_CODES_OF_AN_OUTAGE = {
    "ABORTED",
    "CANCELLED",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "ENDPOINT_NOT_FOUND",  # a proxy whose server is away; a missing run has another code
    "INTERNAL_ERROR",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "TEMPORARILY_UNAVAILABLE",
}
_STATUSES_OF_AN_OUTAGE = (408, 425, 429)
_ERRORS_OF_PROGRAMS = (TypeError, ValueError, LookupError, AttributeError, AssertionError)
#: Errors about one file rather than about its disk.
_ERRORS_OF_PATHS = (
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
#: Packages that reach databases and artifact stores: errors of theirs are failures to reach them.
_PACKAGES = {"azure", "boto3", "botocore", "google", "http", "requests", "sqlalchemy", "urllib3"}


class Access(Enum):
    """What may fail apart from the others: a locked database can be read, a full disk, too."""

    READ_RECORDS = "runs could not be read"
    WRITE_RECORDS = "runs could not be written"
    READ_FILES = "files could not be read"
    WRITE_FILES = "files could not be written"


_WRITES = (Access.WRITE_RECORDS, Access.WRITE_FILES)
_ACCESS = {
    **dict.fromkeys(("download_artifacts", "list_artifacts"), Access.READ_FILES),
    **dict.fromkeys(("log_artifacts", "log_text"), Access.WRITE_FILES),
    **dict.fromkeys(
        (
            "create_experiment",
            "create_model_version",
            "create_registered_model",
            "delete_tag",
            "log_batch",
            "log_param",
            "set_tag",
            "set_terminated",
            "update_run",
        ),
        Access.WRITE_RECORDS,
    ),
}


#: Writes that replace a value. MLflow looks for it and then inserts: of two processes that come
#: together the second one fails, and would find the value of the first one now.
_REPLACING = ("log_batch", "set_registered_model_alias", "set_tag")
_TRIES_BESIDE_OTHERS = 5
#: What databases call it: SQLite's and MySQL's word, and PostgreSQL's.
_CONFLICT = re.compile(r"\b(IntegrityError|UniqueViolation)\b")


@dataclass(frozen=True)
class Patience:
    """How long calls are repeated while the store does not answer.

    The pauses between the tries double. Seconds are counted from the first failure of the outage,
    whichever call it was. Once the patience is over, further calls of the same kind are tried once
    each, and those of another kind, such as files instead of runs, for half a minute.

    Attributes
    ----------
    seconds:
        Length of an outage after which a call raises; 0: each call is tried once.
    first_pause, longest_pause:
        Seconds between two tries.
    clock, sleep:
        Give the time in seconds, and wait; default: those of this machine.

    Examples
    --------
    >>> patience = Patience(10.0, first_pause=1.0, longest_pause=3.0)
    >>> [patience.pause(tries) for tries in (1, 2, 3)]
    [1.0, 2.0, 3.0]
    """

    seconds: float
    first_pause: float = 0.25
    longest_pause: float = 5.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def pause(self, tries: int) -> float:
        """Return the seconds to wait after so many tries, without jitter."""
        return min(self.first_pause * 2.0 ** min(tries - 1, 20), self.longest_pause)


#: A user waits for an answer: a request that MLflow has given up, after 120 s, is made once more.
OF_A_CLIENT = Patience(130.0)
#: A run survives a store that is away for five minutes, and ends within ten if it is gone.
OF_A_DRIVER = Patience(330.0)
#: The caller asks again by itself.
NONE = Patience(0.0)


@dataclass
class _Outage:
    """Failures of one access, in seconds of the clock."""

    began: float
    last: float
    is_told: bool = False


class RetryingClient:
    """An ``MlflowClient`` whose calls are repeated while the store does not answer.

    Calls that leave the same when they are repeated need nothing else; `attempt` repeats the
    others.

    Parameters
    ----------
    client:
        The client. Its attributes are available here.
    patience:
        How long calls are repeated.
    name:
        Name of the store in messages, without passwords.
    redact:
        Hides secrets in errors.
    fence:
        Called before each try of a write; what it raises ends the call. Default: nothing.
    """

    def __init__(
        self,
        client: Any,
        patience: Patience,
        name: str,
        redact: Redaction,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        #: The client itself, whose calls are made once.
        self.once = client
        self.patience = patience
        self._name = name
        self._redact = redact
        self._fence = fence
        self._lock = threading.Lock()
        self._outages: dict[Access, _Outage] = {}

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)
        call = getattr(self.once, method)
        if method in _REPLACING:
            call = partial(_beside_others, call)
        access = _ACCESS.get(method, Access.READ_RECORDS)
        return lambda *args, **kwargs: self.attempt(access, partial(call, *args, **kwargs))

    def with_patience(self, patience: Patience) -> RetryingClient:
        """Return a client of the same store with another patience."""
        return RetryingClient(self.once, patience, self._name, self._redact, self._fence)

    def behind(self, fence: Callable[[], None]) -> RetryingClient:
        """Return a client that calls ``fence`` before each try of a write."""
        return RetryingClient(self.once, self.patience, self._name, self._redact, fence)

    def attempt(self, access: Access, do: Callable[[], Answer]) -> Answer:
        """Do something, again and again while it fails because the store does not answer.

        Raises
        ------
        StoreUnavailable
            When the patience is over.
        Exception
            Whatever else ``do`` raises: the store has answered.
        """
        tries = 0
        while True:
            began = self.patience.clock()
            try:
                if access in _WRITES:
                    self._fence()
                answer = do()
            except Exception as error:
                failure = error
            else:
                with self._lock:
                    self._outages.pop(access, None)
                return answer
            if not is_outage(failure):
                raise self._redact.error(failure)
            left = self._failed(access, began, failure)
            if left <= 0:
                # Not chained: the text of the cause may hold a password.
                raise StoreUnavailable(self._message(access, failure))
            tries += 1
            pause = self.patience.pause(tries) * random.uniform(0.5, 1.0)
            self.patience.sleep(min(left, pause))

    def _failed(self, access: Access, began: float, error: Exception) -> float:
        """Take note of a failure; return the seconds of patience that are left."""
        with self._lock:
            last = max((outage.last for outage in self._outages.values()), default=began)
            if began - last > _FORGOTTEN_SECONDS:
                self._outages.clear()
            if access not in self._outages:
                self._outages[access] = _Outage(began, began)
            outage = self._outages[access]
            outage.last = self.patience.clock()
            self._tell(outage, access, error)
            whole = outage.last - min(other.began for other in self._outages.values())
            least = min(_LEAST_SECONDS, self.patience.seconds)
            return max(self.patience.seconds - whole, least - (outage.last - outage.began))

    def _tell(self, outage: _Outage, access: Access, error: Exception) -> None:
        """Warn once of an outage that lasts: a server under load refuses a call now and then."""
        lasts = outage.last - outage.began >= _TOLD_SECONDS
        if self.patience.seconds and lasts and not outage.is_told:
            outage.is_told = True
            logger.warning("%s; trying again", self._reason(access, error))

    def _reason(self, access: Access, error: Exception) -> str:
        text = self._redact(f"{type(error).__name__}: {error}".splitlines()[0])
        return f"{access.value} in the store {self._name}: {text}"

    def _message(self, access: Access, error: Exception) -> str:
        with self._lock:
            outage = self._outages[access]
        return (
            f"{self._reason(access, error)} (for {outage.last - outage.began:.0f} s); "
            "check that the store answers and that its disks have room, then try again"
        )


def _beside_others(write: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
    """Replace a value that another process may insert at the same moment."""
    for _ in range(_TRIES_BESIDE_OTHERS - 1):
        try:
            return write(*args, **kwargs)
        except MlflowException as error:
            if not _CONFLICT.search(str(error)):
                raise
    return write(*args, **kwargs)


def is_outage(error: BaseException) -> bool:
    """Whether an error says that the store did not answer, rather than what it answered.

    Such a call may succeed later as it is: the server is away or overloaded, the database is
    locked, its connection was cut, the disk is full.

    Examples
    --------
    >>> is_outage(MlflowException("database is locked")), is_outage(OSError(28, "disk full"))
    (True, True)
    >>> is_outage(FileNotFoundError()), is_outage(ValueError())
    (False, False)
    """
    if isinstance(error, StoreUnavailable):  # of a look before a write
        return True
    if isinstance(error, MlflowException):
        return _is_outage_of_mlflow(error)
    status = _http_status(error)
    if status is not None:
        return status >= 500 or status in _STATUSES_OF_AN_OUTAGE
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
        return _is_outage_of_database(error)
    if isinstance(error, OSError):
        return not isinstance(error, _ERRORS_OF_PATHS)
    return type(error).__module__.partition(".")[0] in _PACKAGES


def _is_outage_of_mlflow(error: MlflowException) -> bool:
    # MLflow gives these errors of its own machine the code of an internal error of the server.
    cause = error.__cause__
    if isinstance(error, InvalidUrlException) or isinstance(cause, _ERRORS_OF_PROGRAMS):
        return False
    if error.error_code == "BAD_REQUEST" and isinstance(cause, sqlalchemy.exc.SQLAlchemyError):
        return _is_outage_of_database(cause)
    return error.error_code in _CODES_OF_AN_OUTAGE


def _is_outage_of_database(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    """Drivers of databases have several errors for a connection that was cut."""
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated:
        return True
    if type(error) is sqlalchemy.exc.DatabaseError:
        return True
    lost = (
        sqlalchemy.exc.OperationalError,
        sqlalchemy.exc.InterfaceError,
        sqlalchemy.exc.InternalError,
        sqlalchemy.exc.TimeoutError,
        sqlalchemy.exc.PendingRollbackError,
    )
    return isinstance(error, lost)


def _http_status(error: BaseException) -> int | None:
    """Return the status of an HTTP answer, as requests and the clouds' libraries keep it."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        response = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        response = getattr(response, "status_code", getattr(error, "status_code", None))
    return response if isinstance(response, int) else None
