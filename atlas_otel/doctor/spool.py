"""The spool: what waits in it, and whether somebody sees to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_otel.delivery.spool_folder import default_root, target_folder
from atlas_otel.delivery.spool_status import status
from atlas_otel.doctor.finding import Finding, ok, warn
from atlas_otel.postgres.dsn import describe

if TYPE_CHECKING:
    from atlas_otel.settings import Settings


def examine_spool(settings: Settings) -> list[Finding]:
    """Look at what waits for the database of the settings; changes nothing."""
    url = settings.database_url
    if url is None:
        return []
    if settings.durability == "memory":
        said = "durability is memory: what is not yet stored dies with the process"
        return [warn("spool", said, "configure(durability='spool') keeps it, at the cost of a write to a file")]
    folder = target_folder(default_root(), describe(url))
    owners = [owner for target in status() if target.folder == folder for owner in target.owners]
    refused = sum(target.refused for target in status() if target.folder == folder)
    dead = [owner for owner in owners if not owner.alive]
    used = sum(owner.bytes for owner in owners)
    found = []
    said = f"{len(owners) - len(dead)} living processes, {used:,} bytes in {folder}"
    if any(owner.records for owner in dead):
        records = sum(owner.records for owner in dead)
        todo = "the next process that records stores them; or run: atlas-otel spool replay"
        found.append(warn("spool", f"{said}; {len(dead)} dead ones left {records} records", todo))
    else:
        found.append(ok("spool", said))
    if damaged := sum(owner.damaged for owner in dead):
        found.append(warn("spool", f"{damaged} records cannot be read back", "nothing: they are counted when replayed"))
    if unread := sum(owner.unread for owner in dead):
        todo = f"see who owns them and which version wrote them: atlas-otel spool status; they stay in {folder}"
        found.append(warn("spool", f"{unread} files cannot be read", todo))
    if refused:
        found.append(
            warn(
                "spool",
                f"{refused} records that no store took",
                "see why, store them after all or drop them: atlas-otel refused list",
            )
        )
    return found
