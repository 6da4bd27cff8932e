"""Numbers and times in the words that the user reads. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_workos_users.checkpoint.state import Entry
    from target_workos_users.progress.pace import Pace


def duration(seconds: float) -> str:
    """``56m 10s``, ``1h 7m``, ``12s``."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:  # noqa: PLR2004 - an hour
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours:,}h {minutes}m"
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def point_in_time(timestamp: str, now: datetime) -> str:
    """``14:02 UTC``; with its date unless that is today's."""
    try:
        at = datetime.fromisoformat(timestamp).astimezone(UTC)
    except ValueError:
        return timestamp or "an unknown time"
    today = at.date() == now.astimezone(UTC).date()
    return f"{at:%H:%M} UTC" if today else f"{at:%Y-%m-%d %H:%M} UTC"


def how_far(
    chunks: int, records: int, total: int | None, chunk_size: int, pace: Pace, *, ahead: int = 0
) -> list[str]:
    """Where an import stands: chunks, percentage, records, rate, ETA, as far as they are known.

    Args:
        chunks: Committed.
        records: Committed.
        total: Records that there will be, if that is known.
        chunk_size: Records a chunk from here on.
        pace: Of the latest chunks.
        ahead: Records that are finished, but not committed: shown with the others.
    """
    of = chunks - (records - total) // chunk_size if total else None
    records += ahead
    if total:
        parts = [
            f"{chunks:,}/{of:,} chunks ({100 * records // total}%)",
            f"{records:,} of {total:,} records",
        ]
    else:
        parts = [f"{chunks:,} chunks", f"{records:,} records"]
    if rate := pace.rate:
        parts.append(f"{rate:,.1f}/s")
    if total and (eta := pace.eta(total - records)):
        parts.append(f"ETA {duration(eta)}")
    return parts


def resuming(entry: Entry, total: int | None, chunk_size: int, now: datetime) -> str:
    """What a checkpoint says at the start of a run."""
    chunks, loaded = loaded_chunks(entry)
    at = point_in_time(entry.updated, now)
    if is_complete(entry):
        return (
            f"The last import was complete: {chunks:,} chunks ({loaded:,} records), at {at}. "
            "Comparing the source with it; what changed is loaded."
        )
    if not total or total < loaded:
        return f"Resuming: {chunks:,} chunks already loaded ({loaded:,} records), last at {at}"
    of = chunks - (loaded - total) // chunk_size
    share = 100 * loaded // total
    return f"Resuming: {chunks:,} of {of:,} chunks already loaded ({share}%), last at {at}"


def nothing_to_do(chunks: int, since: str, now: datetime) -> str:
    """What is said at the end if the source is as the checkpoint has it."""
    return (
        f"Nothing to do: {chunks:,} chunks unchanged since {point_in_time(since, now)}; "
        "`--full-refresh` loads them again"
    )


def loaded_chunks(entry: Entry) -> tuple[int, int]:
    """Chunks in a checkpoint, and their records."""
    sizes = [chunk.records for stream in entry.streams.values() for chunk in stream.chunks]
    return len(sizes), sum(sizes)


def is_complete(entry: Entry) -> bool:
    """Whether the import that a checkpoint belongs to got to its end."""
    return bool(entry.streams) and all(stream.complete for stream in entry.streams.values())
