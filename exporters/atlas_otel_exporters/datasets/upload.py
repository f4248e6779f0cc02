"""A dataset onto the Hugging Face Hub: its rows and its card, as ``load_dataset`` reads them there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from atlas_otel.errors import ConfigError, ExportError
from atlas_otel_exporters.datasets.manifest import CARD, LINEAGE, MANIFEST, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

_WITHIN: Final = ("data/**", CARD)


def upload_dataset(folder: Path, repository: str, *, private: bool = True, lineage: bool = False) -> str:
    """Upload the dataset in ``folder`` to the Hub's ``repository`` (``name`` or ``organisation/name``), which is made
    where there is none; the address of the commit.

    Args:
        folder: What ``dataset create`` made.
        repository: The dataset's name on the Hub.
        private: Make a new repository private.
        lineage: Upload ``manifest.json`` and ``lineage.jsonl`` too: they name your database and sessions.

    Raises:
        UsageError: ``folder`` holds no dataset.
        ConfigError: ``huggingface_hub`` is not installed, the name is wrong, or nobody is logged in.
        ExportError: The Hub cannot be reached, or refuses.
    """
    manifest = read_manifest(folder)
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
    except ImportError:
        raise ConfigError(
            "uploading needs Hugging Face's client: pip install 'atlas-otel[hub]', then hf auth login"
        ) from None
    api = HfApi(library_name="atlas-otel")
    try:
        api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            allow_patterns=[*_WITHIN, *((MANIFEST, LINEAGE) if lineage else ())],
            commit_message=f"{manifest.name}, {manifest.format}, {manifest.content_hash[:16]}",
        )
    except (HFValidationError, LocalTokenNotFoundError) as error:
        raise ConfigError(f"{repository}: {_first_line(error)}") from None
    except HfHubHTTPError as error:
        if error.response.status_code == 401:
            raise ConfigError(f"{repository}: the Hub does not know you: hf auth login, or set HF_TOKEN") from None
        raise ExportError(f"{repository}: the Hub refused: {_first_line(error)}") from None
    except _transport_errors() as error:
        raise ExportError(f"{repository}: the Hub cannot be reached: {_first_line(error)}") from None
    return str(done.commit_url)


def _transport_errors() -> tuple[type[Exception], ...]:
    """The roots of what the client's transport raises: httpx before version 2 of the client, then httpx2."""
    transports = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return (OSError, *(transport.HTTPError for transport in transports))


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
