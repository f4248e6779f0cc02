"""Files are whole or not there, and the same data gives the same bytes."""

from __future__ import annotations

import gzip
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atlas_otel.errors import ExportError
from atlas_otel_exporters.write import open_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def write(path: Path, lines: Iterable[bytes]) -> None:
    with open_lines(path) as out:
        for line in lines:
            out.write(line)


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.jsonl"
    with open_lines(path) as out:
        out.write(b"1")
        assert not path.exists()
        out.write(b"23")
        assert out.bytes_written == 5
    assert path.read_bytes() == b"1\n23\n"
    assert [p.name for p in path.parent.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("failure", [RuntimeError("half-way"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_what_was_there(tmp_path: Path, failure: BaseException) -> None:
    path = tmp_path / "a.jsonl"
    write(path, [b"old"])

    def lines() -> Iterator[bytes]:
        yield b"new"
        raise failure

    with pytest.raises(type(failure)):
        write(path, lines())
    assert path.read_bytes() == b"old\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_no_line_no_file(tmp_path: Path, name: str) -> None:
    write(tmp_path / "deep" / "er" / name, [])
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "deep" / name
    write(path, [b"old"])
    before = path.read_bytes()
    write(path, [])
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [name]


@pytest.mark.parametrize("used", [False, True])
def test_folders_that_were_made_for_what_failed_are_removed_unless_somebody_uses_them(
    tmp_path: Path, used: bool
) -> None:
    def lines() -> Iterator[bytes]:
        yield b"1"
        if used:
            (tmp_path / "deep" / "note").touch()
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        write(tmp_path / "deep" / "er" / "a.jsonl", lines())
    assert sorted(tmp_path.rglob("*")) == ([tmp_path / "deep", tmp_path / "deep" / "note"] if used else [])


def test_permissions_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.touch()
    write(ours, [b"1"])
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    ours.chmod(0o640)
    write(ours, [b"2"])
    assert stat.S_IMODE(ours.stat().st_mode) == 0o640


def test_a_link_is_followed_not_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "target.jsonl", tmp_path / "link.jsonl"
    target.write_bytes(b"old\n")
    link.symlink_to(target)
    write(link, [b"new"])
    assert link.is_symlink()
    assert target.read_bytes() == b"new\n"


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_the_suffix_compresses_and_the_bytes_are_the_same_again(tmp_path: Path, suffix: str) -> None:
    lines = [b'{"n":%d}' % number for number in range(1000)]
    one, two = tmp_path / f"one.jsonl{suffix}", tmp_path / f"two.jsonl{suffix}"
    write(one, lines)
    write(two, lines)
    assert one.read_bytes() == two.read_bytes()
    assert len(one.read_bytes()) < 8000
    assert unpacked(one) == b"\n".join(lines) + b"\n"


def unpacked(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.decompress(path.read_bytes())


def test_a_place_that_cannot_be_written_is_named_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "below.jsonl", Path("/proc/nothing/here.jsonl")):
        with pytest.raises(ExportError, match=str(path)), open_lines(path):
            pytest.fail("the block ran")


def test_a_full_disk_is_an_error_of_ours() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(ExportError, match="/dev/full"), open_lines("/dev/full") as out:
        out.write(b"x" * 100_000)


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe, [b"1", b"2"])
    reader.join(10)
    assert read == [b"1\n2\n"]
    assert pipe.is_fifo()


def test_standard_output_stays_usable_and_a_reader_that_left_is_an_error() -> None:
    script = (
        "import sys\n"
        "from atlas_otel_exporters.write import open_lines\n"
        "from atlas_otel.errors import ExportError\n"
        "print('before')\n"
        "with open_lines('-') as out: out.write(b'line')\n"
        "print('after', flush=True)\n"
        "sys.stdin.read()\n"
        "try:\n"
        "    with open_lines('-') as out: out.write(b'x' * 1_000_000)\n"
        "except ExportError as error: sys.stderr.write(str(error))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        assert [child.stdout.readline() for _ in range(3)] == [b"before\n", b"line\n", b"after\n"]
        child.stdout.close()
        child.stdin.close()
        assert b"closed it before the export was complete" in child.stderr.read()
