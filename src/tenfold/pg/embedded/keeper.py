"""The keeper: a small process between a server and its users that ends the server when the last user is gone.

It is the server's parent, so the pid that it signals cannot have become another program's. Every user holds
a shared lock on `users.lock`; the keeper waits for the exclusive one, which the kernel grants when the last
user has left or died, by kill -9 too. It is in a session of its own, where a terminal's signals do not reach
it. A pipe would tell of the death of one user only. So would PR_SET_PDEATHSIG, and on Linux alone; it is the
second line here, for the case that the keeper itself is killed.

It is run as a program of the standard library alone (python -I -S), as its start is part of every server's.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable

_FAST = signal.SIGINT  # disconnects the clients, then writes a checkpoint
_IMMEDIATE = signal.SIGQUIT  # writes nothing; the next start recovers
_FAST_SECONDS = 120  # a checkpoint of a large buffer cache on a slow disk
_IMMEDIATE_SECONDS = 10
_LAST_USER_LEFT = signal.SIGUSR1
_EVENTS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGQUIT, _LAST_USER_LEFT)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Order(TypedDict):
    """What the keeper is to run, and where."""

    folder: str
    command: list[str]
    environment: dict[str, str]
    log: str
    account: tuple[int, int] | None
    "uid and gid to run the server as"
    socket_folder: str
    temporary: bool
    "delete the folder when the last user left"


def keep(order: Order) -> None:
    """Start the server and stay until it has ended. The process that was called ends as soon as we stay."""
    held = os.open(f"{order['folder']}/keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.ftruncate(held, 0)
    users = os.open(f"{order['folder']}/users.lock", os.O_RDWR)
    if os.fork():
        os._exit(0)
    os.setsid()
    _write_to(order["log"])
    signal.signal(signal.SIGCHLD, lambda *_: None)  # an ignored signal need not wake sigwait
    signal.pthread_sigmask(signal.SIG_BLOCK, _EVENTS)
    server = _start(order)
    os.pwrite(held, f"{os.getpid()} {server.pid}".encode(), 0)
    threading.Thread(target=_tell_when_unused, args=(users,), daemon=True).start()
    event = _await_end(server, users, order["folder"])
    unused = event == _LAST_USER_LEFT
    _stop(server, _IMMEDIATE if event == signal.SIGQUIT or (unused and order["temporary"]) else _FAST)
    if not order["socket_folder"].startswith(order["folder"]):
        shutil.rmtree(order["socket_folder"], ignore_errors=True)  # empty but for a crashed server's socket
    if unused and order["temporary"]:
        shutil.rmtree(order["folder"], ignore_errors=True)  # what withstands, the next server sweeps


def _write_to(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)  # the starter waits for the end of the stream that was here


def _start(order: Order) -> subprocess.Popen[bytes]:
    uid, gid = order["account"] or (None, None)
    return subprocess.Popen(
        order["command"],
        user=uid,
        group=gid,
        extra_groups=None if uid is None else [],
        env=order["environment"],
        cwd="/",
        stdin=subprocess.DEVNULL,
        preexec_fn=_before_exec(),
    )


def _before_exec() -> Callable[[], None]:
    """What the server's process does first, importing nothing: its account may be unable to read Python."""
    libc = None
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None)

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _EVENTS)
        if libc:
            libc.prctl(_PR_SET_PDEATHSIG, _FAST)

    return prepare


def _tell_when_unused(users: int) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)
    os.kill(os.getpid(), _LAST_USER_LEFT)


def _await_end(server: subprocess.Popen[bytes], users: int, folder: str) -> signal.Signals:
    """The event that ends it all: the server ended, we are told to end it, or nobody uses it any more."""
    while True:
        event = signal.Signals(signal.sigwait(_EVENTS))
        if event == signal.SIGCHLD and server.poll() is None:
            continue
        if event == _LAST_USER_LEFT and os.access(f"{folder}/detached", os.F_OK):
            fcntl.flock(users, fcntl.LOCK_UN)
            continue
        return event


def _stop(server: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Popen signals only while the pid is still its child's."""
    for sign, seconds in ((how, _FAST_SECONDS), (_IMMEDIATE, _IMMEDIATE_SECONDS), (signal.SIGKILL, None)):
        server.send_signal(sign)
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


if __name__ == "__main__":
    keep(json.loads(sys.argv[1]))
