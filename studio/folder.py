"""What `culturepark studio` was started on: a run, or a folder of runs."""

from pathlib import Path
from typing import Final, NamedTuple

from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.read_only import is_run
from culturepark.runtime.store import DATABASE, LOCATION

TRIALS: Final = "design"


class Folder(NamedTuple):
    """The folder given at the start."""

    path: Path

    def runs(self) -> dict[str, Path]:
        """The runs by name, the one written last first."""
        if is_run(self.path):
            places = (self.path, *(place for place in (self.trials,) if is_run(place)))
            return {place.resolve().name: place for place in places}
        found = [place for place in self.path.iterdir() if place.is_dir() and is_run(place)]
        return {place.name: place for place in sorted(found, key=lambda place: (-_written(place), place.name))}

    def run(self, name: str) -> Path:
        """The folder of a run.

        Raises:
            CultureParkError: When there is no such run here.
        """
        runs = self.runs()
        if name not in runs:
            raise unknown("run", name, runs, place=str(self.path))
        return runs[name]

    @property
    def trials(self) -> Path:
        """The run that holds talks of the design page."""
        return self.work / TRIALS

    @property
    def work(self) -> Path:
        """Where new runs and files of the design page lie: the folder of runs, or the one that the run lies in."""
        return self.path.resolve().parent if is_run(self.path) else self.path


def open_folder(path: Path) -> Folder:
    """Check what the studio is to show.

    Raises:
        CultureParkError: When it is no folder.
    """
    if not path.is_dir():
        raise CultureParkError(f"{path}: there is no such folder; `culturepark run --run {path}` makes a run there")
    return Folder(path)


def _written(run: Path) -> float:
    """When something of the run's folder was last written, in seconds since 1970."""
    files = (run / DATABASE, run / f"{DATABASE}-wal", run / LOCATION)
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
