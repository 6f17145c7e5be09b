"""Whether files and folders could be written: looked at, and left as they are."""

import os
from collections.abc import Iterator
from pathlib import Path

from mxisd.errors import RecordsUnavailable

OPEN_TO_OTHERS = 0o077
WRITABLE_BY_OTHERS = 0o022
NO_NAME = "a character in it is not allowed in names of files"


def folder_obstacle(folder: Path) -> str | None:
    """
    Why nothing could be written into a folder, which may have to be made first.

    :return: What to tell the operator; ``None`` if nothing is in the way.
    """
    if "\0" in str(folder):
        return NO_NAME
    for each in (folder, *folder.parents):
        if os.path.lexists(each):
            if not os.path.isdir(each):
                return f"{each} is no folder"
            return None if _may(each, os.W_OK | os.X_OK) else _no_permission(each)
    return None


def file_obstacle(file: Path) -> str | None:
    """Why a file could not be written, which may have to be made, but its folder."""
    if "\0" in file.name:
        return NO_NAME
    if os.path.isdir(file):
        return f"{file} is a folder"
    if os.path.exists(file):
        return None if _may(file, os.W_OK) else _no_permission(file)
    if not os.path.exists(file.parent):
        return f"the folder {file.parent} is not there"
    return folder_obstacle(file.parent)


def has_mode(path: Path, bits: int) -> bool:
    """Whether a file or folder is there, and open in one of these ways."""
    try:
        return bool(path.stat().st_mode & bits)
    except OSError:
        return False


def look_at_hash_folder(folder: Path) -> Iterator[str]:
    """
    Judge the folder of the hash index as the start will find it, and change nothing.

    :return: What is worth a warning.
    :raise RecordsUnavailable: If it could not be used.
    """
    obstacle = folder_obstacle(folder.absolute())
    if obstacle is not None:
        raise RecordsUnavailable(f"{folder} cannot be used: {obstacle}")
    if has_mode(folder, WRITABLE_BY_OTHERS):
        yield (
            f"others may write into {folder}, and so change who is found: "
            f"chmod 700 {folder}"
        )


def _may(path: Path, ways: int) -> bool:
    return os.access(path, ways, effective_ids=os.access in os.supports_effective_ids)


def _no_permission(path: Path) -> str:
    return f"{path}: no permission to write there"
