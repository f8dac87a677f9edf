"""The directory of a mirror: written beside it, and replaced once the new mirror is complete."""

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

MARK = "constancia-mirror.json"
"""The file by which a directory is known as a mirror."""
SUMS = "SHA256SUMS"
"""The file that lists all others of a mirror."""

_OF_AN_EXPORT = "constancia-export"
"""The file by which the folder of an export is known: the next export may remove that folder."""
# The mirrors in that folder.
_NEW, _OLD = "new", "old"

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
    beside, lock = (directory.with_name(f".{directory.name}.{name}") for name in ("new", "lock"))
    for path in (beside, lock):
        if path.is_symlink():
            raise MirrorError(f"{path} is a link. Remove it: mirrors are written there.")
    new = beside / _NEW
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _locked(lock):
            if beside.exists() and any(beside.iterdir()) and not (beside / _OF_AN_EXPORT).exists():
                raise MirrorError(
                    f"{beside} holds what no export wrote. Move it away: mirrors are written there."
                )
            _clear(directory, beside)  # of an export that was killed
            _check_entries(directory)
            # Nobody else may enter: names are in a mirror before it is complete, and in an old one.
            beside.mkdir(mode=0o700)
            try:
                (beside / _OF_AN_EXPORT).touch()
                with _readable_by_all():
                    new.mkdir()
                    yield new
                _check_entries(directory)  # what was added meanwhile
                if not _exchange(new, directory):
                    _replace(directory, beside)
            finally:
                _clear(directory, beside, ignore_errors=True)
    except OSError as error:
        # EBUSY: a mount point cannot be renamed.
        remedy = " Choose a directory within it." if error.errno == errno.EBUSY else ""
        raise MirrorError(
            f"Cannot write {error.filename or directory}: {error.strerror}.{remedy}"
        ) from None


@contextmanager
def _readable_by_all() -> Iterator[None]:
    """Let a host that runs as another user read new files and folders."""
    mask = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(mask)


def _check_entries(directory: Path) -> None:
    """Raise MirrorError if a mirror has entries that it does not list: others put them there."""
    listed = {SUMS}
    with (
        suppress(FileNotFoundError),
        (directory / SUMS).open(encoding="ascii", errors="surrogateescape") as sums,
    ):
        listed.update(line.rstrip("\n").partition("  ")[2] for line in sums)
    folders = {str(folder) for file in listed for folder in PurePath(file).parents}
    others = []
    for path, names, files in os.walk(directory):
        prefix = Path(path).relative_to(directory)
        others += [name for file in files if (name := str(prefix / file)) not in listed]
        others += [f"{name}/" for it in names if (name := str(prefix / it)) not in folders]
        names[:] = [it for it in names if str(prefix / it) in folders]
    if others:
        examples = ", ".join(sorted(others)[:3])
        rest = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
        raise MirrorError(
            f"{directory} holds what its mirror does not list: {examples}{rest}. Export to another "
            "directory and copy the mirror from there, or move these away: they would be removed."
        )


def _clear(directory: Path, beside: Path, *, ignore_errors: bool = False) -> None:
    """Remove the folder of an export, its mark last: what a kill leaves of it is still known.

    An old mirror in it is put back if _replace was left between its two steps.
    """
    if (beside / _OLD).exists() and not directory.exists():
        (beside / _OLD).rename(directory)
    for folder in (beside / _NEW, beside / _OLD, beside):
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=ignore_errors)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file. It is not removed at the end: another export could then hold a second one."""
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


def _replace(directory: Path, beside: Path) -> None:
    """Put a new mirror in the place of an old one, which is moved away."""
    if directory.exists():
        directory.rename(beside / _OLD)
    (beside / _NEW).rename(directory)
