"""Files appear whole or not at all."""

import contextlib
import subprocess
import sys
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
    assert list(tmp_path.iterdir()) == [path]


def test_two_processes_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    theirs = f"with whole_file(Path({str(path)!r})) as partial: partial.write_text('theirs')"
    code = f"from pathlib import Path\nfrom culturepark.runtime.whole_file import whole_file\n{theirs}"

    with whole_file(path) as partial:
        partial.write_text("ours", encoding="utf-8")
        subprocess.run([sys.executable, "-c", code], check=True)
        assert path.read_text("utf-8") == "theirs"

    assert path.read_text("utf-8") == "ours"
    assert list(tmp_path.iterdir()) == [path]
