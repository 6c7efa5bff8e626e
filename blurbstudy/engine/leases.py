"""Leases on runs, so that commands on one store, on one machine or many, do not train the same run.

A lease is a file that names its owner, made exclusively by a hard link, which network file systems guarantee where
they may lose locks. Each process renews one file, its heartbeat, whatever the number of its leases. A lease ends with
its release, with its process if that was on this machine, and otherwise once its owner's heartbeat has not changed for
`LEASE_SECONDS` of the observer's own clock: no two clocks are ever compared. Who takes over an ended lease makes its
next generation, exclusively again, so that a live lease is never removed.

A process that sleeps longer than its lease may finish a run that another has taken over: the run is trained twice and
recorded once, since the first writer of a record wins.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..config import RunConfig
from ..filesystem import write_once
from ..store.run_store import RunStore

FOLDER = "leases"  # in a store
HEARTBEAT_SECONDS = 10.0
LEASE_SECONDS = 120.0  # above the time for which network file systems keep what they have read (60 s)
DAY = 86400.0
_LEASE = re.compile(r"([0-9a-f]{20})\.(\d+)")  # run id, generation
_OWNER = re.compile(r"(.*):(\d+):(\d*):([0-9a-f]{12})", re.DOTALL)  # machine, process id, its start, random digits


class Leases:
    """The leases of this process on the runs of a store, and what it has seen of others' heartbeats.

    Args:
        folder: of the leases.
        clock: seconds that only grow.
        machine: identifies the machine on which process ids can be compared; '': they cannot.
    """

    def __init__(
        self, folder: Path, *, clock: Callable[[], float] = time.monotonic, machine: str | None = None
    ) -> None:
        self.folder, self.clock = folder, clock
        self.machine = this_machine() if machine is None else machine
        self.owner = f"{self.machine}:{os.getpid()}:{_start_of(os.getpid())}:{os.urandom(6).hex()}"
        self._held: dict[str, int] = {}  # run id -> generation
        self._seen: dict[str, tuple[str, float]] = {}  # owner -> heartbeat, since when it has not changed
        self._beats = 0
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None

    def acquire(self, run_id: str) -> bool:
        """Take the lease of a run unless it is held, by this process or another.

        Raises:
            OSError: no lease can be written here.
        """
        with self._lock:
            generations = self._generations(run_id)
            last = max(generations, default=0)
            if last and not self._has_ended(run_id, last):
                return False
            self._beat()  # before the lease: without a heartbeat it would have ended
            path = self._lease(run_id, last + 1)
            # A network file system may report that a link exists which this call has made.
            if not write_once(path, self.owner) and _read(path) != self.owner:
                return False
            self._held[run_id] = last + 1
            return True

    def release(self, run_ids: Sequence[str]) -> None:
        """Give up leases of this process, and remove what is left of those that they took over."""
        with self._lock:
            for run_id in run_ids:
                held = self._held.pop(run_id, 0)
                for generation in sorted(generation for generation in self._generations(run_id) if generation <= held):
                    with contextlib.suppress(OSError):
                        self._lease(run_id, generation).unlink()
            if not self._held:
                with contextlib.suppress(OSError):
                    self._heartbeat(self.owner).unlink()

    def renew(self) -> None:
        """Change this process's heartbeat, if it holds leases."""
        with self._lock, contextlib.suppress(OSError):  # the disk may be full for a while
            if self._held:
                self._beat()

    def _beat(self) -> None:
        self._beats += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        self._heartbeat(self.owner).write_text(str(self._beats), encoding="utf-8")
        if self._thread is None:
            self._thread = threading.Thread(target=self._renew_forever, daemon=True)
            self._thread.start()

    def _renew_forever(self) -> None:
        while True:
            time.sleep(HEARTBEAT_SECONDS)
            self.renew()

    def _has_ended(self, run_id: str, generation: int) -> bool:
        """Whether nobody holds a lease any more."""
        owner = _read(self._lease(run_id, generation)) or ""
        parts = _OWNER.fullmatch(owner)
        if parts is None:
            return True  # released since the folder was listed, or no lease
        if owner == self.owner:
            return self._held.get(run_id) != generation
        heartbeat = _read(self._heartbeat(owner))
        if heartbeat is None:
            return True
        seen, since = self._seen.get(owner, (None, 0.0))
        if seen != heartbeat:
            self._seen[owner] = heartbeat, self.clock()
        ended = self._died_here(*parts.groups()) or seen == heartbeat and self.clock() - since > LEASE_SECONDS
        if ended:  # an owner that only slept makes it again
            with contextlib.suppress(OSError):
                self._heartbeat(owner).unlink()
        return ended

    def _died_here(self, machine: str, pid: str, start: str, _: str) -> bool:
        """Whether the owner was a process of this machine and is gone."""
        return bool(machine) and machine == self.machine and _start_of(int(pid)) != start

    def _generations(self, run_id: str) -> list[int]:
        names = (path.name for path in self.folder.glob(f"{run_id}.*"))
        return [int(match[2]) for match in map(_LEASE.fullmatch, names) if match]

    def _lease(self, run_id: str, generation: int) -> Path:
        return self.folder / f"{run_id}.{generation}"

    def _heartbeat(self, owner: str) -> Path:
        return self.folder / f"owner-{owner.rsplit(':', 1)[1]}"


@functools.cache
def leases_in(folder: Path) -> Leases:
    """This process's leases in a folder."""
    return Leases(folder)


def count_owners(store: RunStore) -> int:
    """How many processes seem to hold leases."""
    return len(list((store.folder / FOLDER).glob("owner-*")))


def remove_leftovers(store: RunStore) -> None:
    """Remove leases on finished runs, and heartbeats of a day ago, which killed processes left."""
    for path in (store.folder / FOLDER).glob("*"):
        lease = _LEASE.fullmatch(path.name)
        with contextlib.suppress(OSError):
            if lease[1] in store if lease else time.time() - path.stat().st_mtime > DAY:
                path.unlink()


@contextlib.contextmanager
def claim_runs(
    configs: Sequence[RunConfig], store: RunStore, *, leases: Leases | None = None
) -> Iterator[list[RunConfig] | None]:
    """Hold the leases of the runs that the store lacks for the duration of the block.

    Where no lease can be written, runs are not leased, and two commands may train the same run.

    Yields:
        the leased runs; None if another process holds one of them.
    """
    leases = leases or leases_in(store.folder.resolve() / FOLDER)
    acquired: list[str] = []
    claim: list[RunConfig] | None
    try:
        claim = _missing(configs, store)
        with contextlib.suppress(OSError):
            for config in sorted(claim, key=lambda config: config.id):  # in one order: one of two commands gets all
                if not leases.acquire(config.id):
                    claim = None
                    break
                acquired.append(config.id)
        if claim is None:
            leases.release(acquired)
        else:  # another process may have stored some before it released their leases
            claim = _missing(claim, store)
        yield claim
    finally:
        leases.release(acquired)


def _missing(configs: Sequence[RunConfig], store: RunStore) -> list[RunConfig]:
    return [config for config in configs if config.id not in store]


@functools.cache
def this_machine() -> str:
    """Identifies this machine since its last start, and its process ids (a container has its own); '' if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()}/{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """When a process started, in clock ticks since the machine did; '' if there is none, or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""
