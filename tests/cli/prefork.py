"""Commands without the start of an interpreter each: a server that has imported everything forks once per command.

Each command is a process of its own, with its own arguments, folder, environment and file descriptors, that runs the
installed script to its end. What the start itself does, is looked at by tests that start the script.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import pty
import runpy
import signal
import socket
import subprocess
import sys
import sysconfig
import termios
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from io import FileIO, TextIOWrapper
from pathlib import Path
from subprocess import PIPE
from threading import Timer

COMMAND = str(Path(sysconfig.get_path("scripts")) / "stratvars")
_PATIENCE = 30.0
_LONGEST = 1 << 20

Done = subprocess.CompletedProcess[str]


class Server:
    """A process that forks commands, one after the other; it ends with this one. Not thread-safe."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, __file__, str(theirs.fileno())]
            # Pipes, as a command's streams are to be no files that one can seek in.
            self._process = subprocess.Popen(
                words, stdin=PIPE, stdout=PIPE, stderr=PIPE, pass_fds=[theirs.fileno()], env=dict(environment)
            )

    def run(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: str) -> Done:
        """The command with its output through pipes, once it has ended."""
        assert len(stdin) < 10_000, "more than a pipe surely holds"
        read, write = zip(*(os.pipe() for _ in range(3)), strict=True)
        with os.fdopen(write[0], "wb") as into, os.fdopen(read[1], "rb") as out, os.fdopen(read[2], "rb") as err:
            into.write(stdin.encode())
            into.close()
            theirs = [read[0], write[1], write[2]]
            with self._running(arguments, folder, environment, theirs), ThreadPoolExecutor(1) as beside:
                later = beside.submit(err.read)
                said = out.read().decode(), later.result().decode()
            return Done([COMMAND, *arguments], self._exit_code(), *said)

    def show(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], columns: int) -> Done:
        """The command on a terminal of that width, once it has ended; its stderr is thrown away."""
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, columns))
        with FileIO(ours, "rb") as terminal:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            with self._running(arguments, folder, environment, [theirs, os.dup(theirs), nowhere]):
                seen = b"".join(_pieces(terminal))
        return Done([COMMAND, *arguments], self._exit_code(), seen.decode(), "")

    def close(self) -> None:
        self._channel.close()
        self._process.communicate(timeout=10)

    @contextmanager
    def _running(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], descriptors: Sequence[int]
    ) -> Iterator[None]:
        """``descriptors`` become its stdin, stdout and stderr, and are closed here; it is killed when it takes long."""
        request = json.dumps([list(arguments), str(folder), dict(environment)]).encode() + b"\n"
        socket.send_fds(self._channel, [request], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        killer = Timer(_PATIENCE, os.kill, (self._number(), signal.SIGKILL))
        killer.start()
        yield
        killer.cancel()

    def _exit_code(self) -> int:
        return os.waitstatus_to_exitcode(self._number())

    def _number(self) -> int:
        number = self._channel.recv(8, socket.MSG_WAITALL)
        assert number, self._process.communicate(timeout=10)
        return int.from_bytes(number, "big")


@cache
def server() -> Server:
    """The one server of this process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    found = Server({**environment, "LC_ALL": "C.UTF-8"})
    atexit.register(found.close)
    return found


def _pieces(terminal: FileIO) -> Iterator[bytes]:
    while True:
        try:
            piece = terminal.read(65536)
        except OSError:  # how Linux says that nobody holds the other end any more
            return
        if not piece:
            return
        yield piece


def _serve(channel: socket.socket) -> bool:
    """Fork as asked until nobody asks any more; true in the process that is to be a command."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, _LONGEST, 3)
        if not request:
            return False
        while not request.endswith(b"\n"):
            request += channel.recv(_LONGEST)
        child = os.fork()
        if child == 0:
            channel.close()
            _become(json.loads(request), descriptors)
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        channel.sendall(child.to_bytes(8, "big"))
        channel.sendall(os.waitpid(child, 0)[1].to_bytes(8, "big"))


def _become(request: tuple[list[str], str, dict[str, str]], descriptors: Sequence[int]) -> None:
    arguments, folder, environment = request
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    sys.path[0] = str(Path(COMMAND).parent)
    assert isinstance(sys.stdout, TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # as an interpreter does when it starts


def _import_all() -> None:
    """Everything a command could import, so that a fork finds it there."""
    import stratvars

    for module in pkgutil.walk_packages(stratvars.__path__, "stratvars."):
        if not module.name.endswith("__main__") and ".testing" not in module.name:
            import_module(module.name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _import_all()
    if _serve(socket.socket(fileno=int(sys.argv[1]))):
        runpy.run_path(COMMAND, run_name="__main__")
