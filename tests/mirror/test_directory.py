"""The directory of a mirror: always a whole mirror, whatever ends an export."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from api.mirror import directory
from api.mirror.directory import MARK, SUMS, MirrorError, replaced


def write(folder: Path, content: str) -> None:
    for name in (MARK, "index.html"):
        (folder / name).write_text(content)
    (folder / SUMS).write_text(f"0  {MARK}\n0  index.html\n")


def content(mirror: Path) -> set[str]:
    return {file.read_text() for file in mirror.iterdir() if file.name != SUMS}


@pytest.mark.parametrize("can_exchange", [True, False])
def test_killed_or_second_export_leaves_a_whole_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(directory, "_exchange", lambda *_: False)
    mirror = tmp_path / "mirror"
    with replaced(mirror) as folder:
        write(folder, "first")
    assert content(mirror) == {"first"}

    def killed(step: Callable[[Path], None]) -> None:
        """Export in a process that ends at once after a step."""
        if (child := os.fork()) == 0:
            with replaced(mirror) as folder:
                step(folder)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def end_in_the_middle(folder: Path) -> None:
        (folder / "index.html").write_text("killed")
        os._exit(0)

    def end_before_the_last_step(folder: Path) -> None:
        write(folder, "killed")
        rename = Path.rename
        monkeypatch.setattr(
            Path,
            "rename",
            lambda path, target: os._exit(0) if path == folder else rename(path, target),
        )
        monkeypatch.setattr(directory.shutil, "rmtree", lambda *_, **__: os._exit(0))

    killed(end_in_the_middle)
    assert content(mirror) == {"first"}
    killed(end_before_the_last_step)
    if can_exchange:
        assert content(mirror) == {"killed"}
    # An old mirror has names as well.
    assert (tmp_path / ".mirror.new").stat().st_mode & 0o777 == 0o700

    with replaced(mirror) as folder:
        # What readers see meanwhile.
        assert content(mirror) == ({"killed"} if can_exchange else {"first"})
        with (
            pytest.raises(MirrorError, match="Another export is writing"),
            replaced(mirror) as second,
        ):
            write(second, "second")
        write(folder, "third")
    assert content(mirror) == {"third"}
    with pytest.raises(KeyError), replaced(mirror):
        raise KeyError
    assert content(mirror) == {"third"}
    mask = os.umask(0o077)
    try:
        with replaced(mirror) as folder:
            write(folder, "readable by all")
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(mask)
    # Only the lock is left of all.
    assert {path.name for path in tmp_path.iterdir()} == {"mirror", ".mirror.lock"}
    assert mirror.stat().st_mode & 0o777 == 0o755
    assert {file.stat().st_mode & 0o777 for file in mirror.iterdir()} == {0o644}


def test_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """Beside a directory, where the new mirror would be written."""
    letter = tmp_path / ".mirror.new" / "letter.txt"
    letter.parent.mkdir()
    letter.write_text("Dear")
    with pytest.raises(MirrorError, match="Move it away"), replaced(tmp_path / "mirror"):
        pass
    assert letter.read_text() == "Dear"


def test_mirror_with_files_of_others_is_not_replaced(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    with replaced(mirror) as folder:
        write(folder, "first")
    added = [mirror / name for name in (".git/HEAD", ".git/index", "CNAME", "a", "z")]
    (mirror / ".git").mkdir()
    for file in added:
        file.write_text("theirs")
    match = r"does not list: \.git/, CNAME, a and 1 more\. Export to another directory"
    with pytest.raises(MirrorError, match=match), replaced(mirror):
        raise AssertionError
    for file in added:
        file.unlink()
    (mirror / ".git").rmdir()
    # Also if they come while a mirror is written.
    with pytest.raises(MirrorError, match=r"does not list: CNAME\. "), replaced(mirror):
        (mirror / "CNAME").write_text("theirs")
    assert content(mirror) == {"first", "theirs"}
