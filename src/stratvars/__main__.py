"""``python -m stratvars`` is the command ``stratvars``."""

from __future__ import annotations

from stratvars.cli import main

if __name__ == "__main__":
    main()
