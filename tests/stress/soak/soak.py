"""A long import that is killed over and over, watched from outside."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.stress.kill.source import API_KEY
from tests.support.whole_target import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator

_STALLED = 120  # seconds without a STATE line, after the first


@dataclass
class Soak:
    """One import, from its first run to its last.

    Attributes:
        folder: Holds ``source.singer``, and takes all that the target writes.
        base_url: Where the sandbox listens.
        chunk: Records a chunk.
        kill_every: Seconds from a run's first STATE line to its end, on average.
        state: The last STATE line that was printed: what the next run starts with.
        kills: By signal.
        rss_mb: Peak resident memory of each run.
        files: The most files that a run had open.
    """

    folder: Path
    base_url: str
    chunk: int
    kill_every: float
    state: bytes = b""
    kills: Counter[str] = field(default_factory=Counter)
    rss_mb: list[float] = field(default_factory=list)
    files: int = 0
    _random: Random = field(default_factory=Random)
    _signals: Iterator[signal.Signals] = field(
        default_factory=lambda: cycle([signal.SIGKILL, signal.SIGTERM])
    )

    def run_to_the_end(self) -> None:
        while self.run() != 0:
            pass

    def run(self) -> int:
        """A run from the last printed state on, killed after a while unless it ends before.

        Returns:
            Its exit code.
        """
        out = self.folder / "states"
        with self._tap() as tap, out.open("wb") as stdout, self.log.open("wb") as stderr:
            target = subprocess.Popen(
                [COMMAND, "--config", self._config()],
                stdin=tap.stdout,
                stdout=stdout,
                stderr=stderr,
            )
            assert tap.stdout
            tap.stdout.close()  # the target's now
            killed_by = self._watch(target, out)
        exit_code = target.wait()
        expected = {0, *({-killed_by, 128 + killed_by} if killed_by else ())}
        assert exit_code in expected, self.log.read_text()[-2000:]
        assert "Traceback" not in self.log.read_text()
        *whole, _ = out.read_bytes().split(b"\n")  # a killed run may leave half a line
        self.state = whole[-1] if whole else self.state
        return exit_code

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def stream(self) -> dict[str, Any]:
        """What the last STATE line says of the stream."""
        entry = json.loads(self.state)["bookmarks"]["target-workos-users"]
        stream: dict[str, Any] = entry["streams"]["users"]
        return stream

    def _tap(self) -> subprocess.Popen[bytes]:
        """Sends the source, and first the state, as an SDK tap hands it back."""
        path = self.folder / "state.singer"
        message = b'{"type":"STATE","value":%b}\n' % self.state if self.state else b""
        path.write_bytes(message)
        command = ["cat", path, self.folder / "source.singer"]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    def _config(self) -> Path:
        path = self.folder / "config.json"
        config = {
            "api_key": API_KEY,
            "base_url": self.base_url,
            "batch_size_rows": self.chunk,
            "concurrency": 50,
            "rate_limit": 100_000,
            "request_timeout": 2,
            "errors_path": str(self.folder / "errors.jsonl"),
            "summary_path": str(self.folder / "summary.json"),
        }
        path.write_text(json.dumps(config))
        return path

    def _watch(self, target: subprocess.Popen[bytes], out: Path) -> int | None:
        """Look at it until it ends or its time has come; kill it then, and give the signal."""
        started, size, kill_at = time.monotonic(), 0, float("inf")
        self.rss_mb.append(0)
        while target.poll() is None:
            self._look_at(Path("/proc", str(target.pid)))
            now = time.monotonic()
            if out.stat().st_size > size:
                if not size:
                    kill_at = now + self.kill_every * self._random.uniform(0.5, 1.5)
                size, started = out.stat().st_size, now
            if now > kill_at:
                number = next(self._signals)
                target.send_signal(number)
                self.kills[number.name] += 1
                target.wait(_STALLED)
                return number
            assert now < started + _STALLED, f"it hangs: {self.log.read_text()[-2000:]}"
            time.sleep(0.1)
        return None

    def _look_at(self, process: Path) -> None:
        """Memory and files of a process, as Linux shows them; it may just have ended."""
        with suppress(OSError):
            self.files = max(self.files, len(list((process / "fd").iterdir())))
            for line in (process / "status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.rss_mb[-1] = int(line.split()[1]) / 1024
