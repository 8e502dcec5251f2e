"""Everything stratvars raises, with the exit code that ``stratvars run`` ends with.

::

    StratvarsError                 1
    ├── UsageError                 2   a name, a URL, a setting or an argument that cannot be used
    ├── UnsavableError             1   a value that cannot be stored exactly (also a TypeError)
    ├── NotSavedError              1   a save asked for by you was not durable in time
    ├── ForkedError                1   a forked child used the backup of its parent
    ├── UnavailableError           3   the database cannot be used right now; asking again may help
    │   ├── UnreachableError       3   nobody answers there: not one strategy can be saved
    │   ├── LockedError            3   somebody holds the strategy's row, or a table
    │   └── RefusedError           3   it refuses for good: no rights, no such folder, not a database
    ├── RestoreError               3   there is a state that cannot be restored; nothing was written
    │   ├── UndecodableError       3   the stored text is not what this library wrote
    │   ├── NewerFormatError       3   it was written by a newer version of this library
    │   ├── NothingSavedError      3   resuming was asked for, and nothing is saved under the name
    │   └── LostRowError           3   the strategy's row is gone while its writers' row stands
    ├── OwnedError                 4   another process is running the strategy
    └── FencedError                4   another process took the strategy over

Every message is a sentence that names the remedy. No message holds the value of a variable.
"""

from __future__ import annotations

from typing import ClassVar


class StratvarsError(Exception):
    """Base of every error of this library."""

    exit_code: ClassVar[int] = 1


class UsageError(StratvarsError):
    """A name, a URL, a setting or an argument cannot be used as given."""

    exit_code: ClassVar[int] = 2


class UnsavableError(StratvarsError, TypeError):
    """A value cannot be stored so that it comes back equal in value and type.

    ``path`` says where it stands, as one would write it in Python: ``positions['SPY'][2].leg``.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type[UnsavableError], tuple[str, str]]:
        return type(self), (self.path, self.problem)


class NotSavedError(StratvarsError):
    """A save that was asked for is not durable yet; the newest state is kept and tried again."""


class ForkedError(StratvarsError):
    """A forked child used the backup of its parent, which goes on being the only writer."""


class UnavailableError(StratvarsError):
    """The database cannot be used right now: unreachable, locked or full. A start asks again for a while."""

    exit_code: ClassVar[int] = 3


class UnreachableError(UnavailableError):
    """The database does not answer, or has no room for one more client: it is so for every strategy kept there."""


class LockedError(UnavailableError):
    """Somebody else holds the strategy's row, or a table, locked. Others may be saved meanwhile."""


class RefusedError(UnavailableError):
    """The database refuses until somebody changes something, so a start does not ask again."""


class RestoreError(StratvarsError):
    """The saved state cannot be restored. Nothing was written, and the strategy does not start."""

    exit_code: ClassVar[int] = 3


class UndecodableError(RestoreError):
    """The stored text is not what this library writes; the stored bytes stay as they are.

    ``path`` says where in the state the fault stands, empty when it is the whole text.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type[UndecodableError], tuple[str, str]]:
        return type(self), (self.path, self.problem)


class NewerFormatError(RestoreError):
    """The state was written by a newer version of this library."""


class NothingSavedError(RestoreError):
    """Resuming was asked for, and nothing is saved under the name."""


class LostRowError(RestoreError):
    """The strategy's row was deleted while the row about its writers still stands."""


class OwnedError(StratvarsError):
    """Another process that is still alive runs the strategy."""

    exit_code: ClassVar[int] = 4


class FencedError(StratvarsError):
    """Another process took the strategy over; this one must not write or trade any more."""

    exit_code: ClassVar[int] = 4
