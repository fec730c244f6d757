"""Files appear whole or not at all."""

import contextlib
from pathlib import Path

from culturepark.runtime.whole_file import whole_file


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old", encoding="utf-8")

    with whole_file(path) as partial:
        partial.write_text("ne", encoding="utf-8")
        assert path.read_text("utf-8") == "old"
        partial.write_text("new", encoding="utf-8")

    assert path.read_text("utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old", encoding="utf-8")

    with contextlib.suppress(OSError), whole_file(path) as partial:
        partial.write_text("ne", encoding="utf-8")
        raise OSError("the disk is full")

    assert path.read_text("utf-8") == "old"
