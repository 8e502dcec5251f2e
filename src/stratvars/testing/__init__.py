"""The suites that every store passes; for authors of stores. They need pytest.

A store's test is a class with one method::

    class TestMyStore(StoreContract):
        def open(self, place: Path) -> Store:
            return MyStore(place / "some.db")

``open`` is called with the same folder again when a test needs a second connection or a restart. A store that keeps
nothing behind its object sets ``survives = False``. ``RecordsContract`` is the same for the side that looks; its
``open`` returns both sides of one database; ``EditContract`` opens as that does.
"""

from __future__ import annotations

from stratvars.testing.editing import EditContract
from stratvars.testing.leases import LeaseContract
from stratvars.testing.records import RecordsContract
from stratvars.testing.samples import TABLE, revision_of
from stratvars.testing.stores import StoreContract

__all__ = ["TABLE", "EditContract", "LeaseContract", "RecordsContract", "StoreContract", "revision_of"]
