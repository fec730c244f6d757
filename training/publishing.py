"""An adapter's way to the hub."""

from pathlib import Path
from typing import Final, NamedTuple

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapters import CONFIG, DESCRIPTION, WEIGHTS, read_adapter
from culturepark.training.curves import CURVES, PICTURE
from culturepark.training.model_card import CARD

PUBLISHED: Final = (CARD, CONFIG, WEIGHTS, DESCRIPTION, CURVES, PICTURE)
"""What is sent. Rows and checkpoints in the same folder are not."""


class Sent(NamedTuple):
    """One file and its size in bytes."""

    name: str
    bytes: int


def published_files(folder: Path) -> list[Sent]:
    """What `push_adapter` would send.

    Raises:
        CultureParkError: When the folder is no adapter.
    """
    read_adapter(folder)
    return [Sent(name, (folder / name).stat().st_size) for name in PUBLISHED if (folder / name).is_file()]


def push_adapter(folder: Path, repository: str, *, private: bool) -> str:
    """Send an adapter to the hub (`$HF_ENDPOINT`, with `$HF_TOKEN` or the token of `hf auth login`).

    Returns:
        Address of the commit.

    Raises:
        CultureParkError: When the folder is no adapter or the hub refuses.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415  (slow to import)
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    files = published_files(folder)
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=[file.name for file in files],
            commit_message=f"Adapter {folder.resolve().name}",
        )
    except (
        HfHubHTTPError,
        ValueError,
        OSError,
    ) as error:
        # ValueError: the repository's name or the card's front matter.
        reason = str(error).strip().splitlines()[0]
        raise CultureParkError(f"{repository}: the hub did not take the adapter ({reason})") from None
    return str(commit.commit_url)
