"""How the launcher is told to stop: signals set a flag and no more, while Ray starts and runs in another thread."""

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The service was told to stop before it was up."""


class Stop:
    """Set by SIGTERM, Ctrl-C, and a terminal that closes (SIGHUP)."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._numbers: tuple[signal.Signals, ...] = ()

    def is_set(self) -> bool:
        """Whether the service has been told to stop."""
        return self._told.is_set()

    def check(self) -> None:
        """Raise Stopped if the service has been told to stop."""
        if self._told.is_set():
            raise Stopped

    def wait(self) -> None:
        """Return when the service has been told to stop."""
        # Python runs its handlers in this thread, which sleeps on when the kernel gives the signal to another one. It
        # does so where this one was stopped (SIGSTOP, a debugger).
        while not self._told.wait(1.0):
            pass

    def on_signal(self, number: int, _frame: Any) -> None:
        """Note the first signal; a second SIGTERM or Ctrl-C ends the process at once.

        A second SIGHUP does not: a shell sends one and the kernel another when a terminal closes.
        """
        if self._told.is_set() and number != signal.SIGHUP:
            os._exit(128 + number)
        self._told.set()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listen to the signals. Must be entered in the main thread; SIGHUP stays ignored below `nohup`."""
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        if before[signal.SIGHUP] == signal.SIG_IGN:
            del before[signal.SIGHUP]
        self._numbers = tuple(before)
        self.listen()
        try:
            yield
        finally:
            self._numbers = ()
            for number, handler in before.items():
                signal.signal(number, handler)

    def listen(self) -> None:
        """Take the signals, also back from a library that has put a handler of its own before ours."""
        for number in self._numbers:
            signal.signal(number, self.on_signal)

    def listen_until(self, done: "Future[Any]") -> None:
        """Return when the future is done, while what it stands for takes signals to itself (Ray, when it connects)."""
        while not done.done():
            self.listen()
            wait([done], timeout=0.02)
        self.listen()


class RayThread:
    """The thread from which Ray is started and ended.

    Not the main one: there Ray sets handlers of its own, and a signal would have to wait for it. Ray's processes are
    killed by the kernel when this thread ends, and inherit that SIGHUP is blocked in it: when a terminal closes, they
    live on until they are drained.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="ray", daemon=True).start()

    def begin(self, function: Callable[[], T]) -> "Future[T]":
        """Call the function once those before it have ended."""
        future: Future[T] = Future()
        self._calls.put((future, function))
        return future

    def call(self, function: Callable[[], T], timeout_s: float) -> T:
        """What the function returns or raises. Raises TimeoutError; the thread is of no use afterwards."""
        return self.begin(function).result(timeout_s)

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        while True:
            future, function = self._calls.get()
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
                future.set_exception(error)
