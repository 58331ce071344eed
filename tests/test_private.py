"""Folders for their owner alone, whatever the umask and however many levels are missing."""

import pytest

from judge.private import make_folder
from tests.cli.direct import umask


def test_every_level_that_was_not_there_is_private(tmp_path):
    (tmp_path / "there").mkdir(mode=0o755)
    with umask(0):
        make_folder(tmp_path / "there" / "new" / "deeper")
    modes = [(tmp_path / part).stat().st_mode & 0o777 for part in ("there/new", "there/new/deeper")]
    assert modes == [0o700, 0o700]
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o755, "what is there keeps its mode"
    make_folder(tmp_path / "there" / "new")


def test_a_file_in_its_place_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")
