"""The directory of a mirror: written beside it, and replaced once the new mirror is complete."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "constancia-mirror.json"
"""The file by which a directory is known as a mirror."""


class MirrorError(Exception):
    """A mirror cannot be written; the message says why and what to do."""


@contextmanager
def replaced(directory: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces a mirror, or becomes one, if nothing is raised."""
    directory = directory.resolve()
    if directory.is_dir() and any(directory.iterdir()) and not (directory / MARK).exists():
        raise MirrorError(
            f"{directory} holds something else than a mirror. Choose an empty or a new directory."
        )
    new, old = (directory.with_name(f".{directory.name}.{name}") for name in ("new", "old"))
    for folder in (new, old):
        if folder.is_symlink():
            raise MirrorError(f"{folder} is a link. Remove it: mirrors are written there.")
    if old.is_dir() and any(old.iterdir()) and not (old / MARK).exists():
        raise MirrorError(f"{old} is no mirror. Move it away: old mirrors are moved there.")
    try:
        if old.is_dir() and not directory.exists():
            old.rename(directory)  # an export was killed between the two steps of _replace
        # Names are in it before it is complete.
        new.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(new):
            try:
                for folder in (new, old):
                    _clear(folder)
                yield new
                _replace(directory, new, old)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        # EBUSY: a mount point cannot be renamed.
        remedy = " Choose a directory within it." if error.errno == errno.EBUSY else ""
        raise MirrorError(
            f"Cannot write {error.filename or directory}: {error.strerror}.{remedy}"
        ) from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder. One that nobody holds was left by an export that was killed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MirrorError(
                f"Another export is writing {folder}. Wait until it has ended."
            ) from None
        yield
    finally:
        os.close(descriptor)


def _replace(directory: Path, new: Path, old: Path) -> None:
    """Put a new mirror in the place of an old one, and remove that: it may name somebody who was
    withheld since.
    """
    is_replaced = directory.exists()
    if is_replaced:
        directory.rename(old)
    new.chmod(0o755)
    try:
        new.rename(directory)
    except OSError:
        if is_replaced:
            old.rename(directory)
        raise
    if is_replaced:
        shutil.rmtree(old)


def _clear(folder: Path) -> None:
    """Empty a folder that an export which was killed has left."""
    for child in folder.iterdir() if folder.exists() else ():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()
