"""A spool that is somebody else's, by ownership or by a link, is refused before anything in it is changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas_otel.delivery.accounts import Accounts
from atlas_otel.delivery.spool import SpoolJournal
from atlas_otel.delivery.spool_folder import default_root, target_folder
from atlas_otel.errors import SpoolError

TARGET = "database a at b"


def tree(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((str(one), one.lstat().st_mode, one.lstat().st_mtime_ns) for one in (folder, *folder.rglob("*")))


def open_spool(root: Path) -> SpoolJournal:
    return SpoolJournal(Accounts(), target=TARGET, root=root)


def test_a_database_s_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    theirs, root = tmp_path / "theirs", tmp_path / "spool"
    theirs.mkdir(mode=0o755)
    root.mkdir(mode=0o700)
    target_folder(root, TARGET).symlink_to(theirs)
    before = tree(theirs)
    with pytest.raises(SpoolError, match="symbolic link"):
        open_spool(root)
    assert tree(theirs) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("what", ["root", "link", "folder"])
def test_what_belongs_to_another_user_is_refused(tmp_path: Path, what: str) -> None:
    theirs = tmp_path / "theirs"
    root = tmp_path / "link" if what == "link" else theirs
    theirs.mkdir(mode=0o755)
    if what == "folder":
        target_folder(theirs, TARGET).mkdir(mode=0o755)
        os.chown(target_folder(theirs, TARGET), 12345, 12345)
    else:
        os.chown(theirs, 12345, 12345)
    if what == "link":
        root.symlink_to(theirs)
    before = tree(theirs)
    with pytest.raises(SpoolError, match="another user"):
        open_spool(root)
    assert tree(theirs) == before


def test_a_link_of_one_s_own_to_a_folder_of_one_s_own_is_taken(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "spool").symlink_to(tmp_path / "disk")
    assert open_spool(tmp_path / "spool").folder.is_dir()


def test_without_a_home_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no such user")))
    with pytest.raises(SpoolError, match="no home"):
        default_root({})
