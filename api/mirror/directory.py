"""The directory of a mirror: written beside it, and replaced once the new mirror is complete."""

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "constancia-mirror.json"
"""The file by which a directory is known as a mirror."""

# AT_FDCWD and RENAME_EXCHANGE of Linux.
_HERE, _EXCHANGE = -100, 2


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
    new, old, lock = (
        directory.with_name(f".{directory.name}.{name}") for name in ("new", "old", "lock")
    )
    for path in (new, old, lock):
        if path.is_symlink():
            raise MirrorError(f"{path} is a link. Remove it: mirrors are written there.")
    if old.is_dir() and any(old.iterdir()) and not (old / MARK).exists():
        raise MirrorError(f"{old} is no mirror. Move it away: old mirrors are moved there.")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _locked(lock):
            if old.is_dir() and not directory.exists():
                old.rename(directory)  # an export was killed between the two steps of _replace
            for folder in (new, old):
                if folder.exists():
                    shutil.rmtree(folder)  # another one was killed
            # Names are in it before it is complete.
            new.mkdir(mode=0o700)
            try:
                yield new
                new.chmod(0o755)
                if not _exchange(new, directory):
                    _replace(directory, new, old)
            finally:
                # After an exchange this is the old mirror, with the names of then.
                shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        # EBUSY: a mount point cannot be renamed.
        remedy = " Choose a directory within it." if error.errno == errno.EBUSY else ""
        raise MirrorError(
            f"Cannot write {error.filename or directory}: {error.strerror}.{remedy}"
        ) from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file, which stays: whoever removed it would let another export hold a second one."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MirrorError(
                f"Another export is writing {path.with_suffix('.new')}. Wait until it has ended."
            ) from None
        yield


def _exchange(new: Path, directory: Path) -> bool:
    """Exchange two folders in one step, so that readers always find a mirror, also if this is the
    last step before a kill. Return False if one does not exist, or the system cannot.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None or not directory.exists():
        return False
    paths = (os.fsencode(new), os.fsencode(directory))
    if rename(_HERE, paths[0], _HERE, paths[1], _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(code, os.strerror(code), str(directory))


def _replace(directory: Path, new: Path, old: Path) -> None:
    """Put a new mirror in the place of an old one, and remove that."""
    is_replaced = directory.exists()
    if is_replaced:
        directory.rename(old)
    try:
        new.rename(directory)
    except OSError:
        if is_replaced:
            old.rename(directory)
        raise
    if is_replaced:
        shutil.rmtree(old)
