"""Whether this process may open another file or connection; drivers tell that as something else, or not at all."""

from __future__ import annotations

import errno
import os


def lack_of_handles() -> str | None:
    """What is the matter and what to do, where nothing can be opened any more; None where something can."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            return (
                f"no file and no connection can be opened any more ({error.strerror}): find what keeps them open, or "
                "raise the limit (ulimit -n)"
            )
    return None
