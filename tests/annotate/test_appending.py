"""What was acknowledged is on the disk; what was not leaves no trace that a reader would trip over."""

import multiprocessing
import resource

import pytest

from judge.annotate.appending import AppendOnly
from judge.errors import StoreError


def test_lines_come_back_in_order_and_once(tmp_path):
    path = tmp_path / "labels" / "ana.jsonl"
    writer, reader = AppendOnly(path), AppendOnly(path)
    assert list(reader.unread()) == []
    writer.append([b'{"n":1}', b'{"n":2}'])
    assert list(reader.unread()) == [b'{"n":1}\n', b'{"n":2}\n']
    writer.append([b'{"n":3}'])
    assert list(reader.unread()) == [b'{"n":3}\n']


def test_half_a_line_is_not_read_and_is_moved_aside_by_the_next_writer(tmp_path):
    path = tmp_path / "ana.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2, "half')
    reader = AppendOnly(path)
    assert list(reader.unread()) == [b'{"n":1}\n']
    AppendOnly(path).append([b'{"n":3}'])
    assert list(reader.unread()) == [b'{"n":3}\n']
    assert path.read_bytes() == b'{"n":1}\n{"n":3}\n'
    assert (tmp_path / ".ana.torn").read_bytes() == b'{"n":2, "half\n'


def test_a_whole_last_line_whose_newline_an_editor_took_stays(tmp_path):
    path = tmp_path / "ana.jsonl"
    path.write_bytes(b'{"n":1}')
    AppendOnly(path).append([b'{"n":2}'])
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n'


def test_half_a_line_longer_than_a_block_is_found_whole(tmp_path):
    path = tmp_path / "ana.jsonl"
    path.write_bytes(b'{"n":1}\n{"' + b"x" * 200_000)
    AppendOnly(path).append([b'{"n":2}'])
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n'


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "ana.jsonl"
    file = AppendOnly(path)
    file.append([b'{"n":1}'])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, before[1]))
    try:
        with pytest.raises(StoreError, match="nothing of it was"):
            file.append([b'{"n":2}' * 3, b'{"n":3}' * 20])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b'{"n":1}\n'
    file.append([b'{"n":2}'])
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n'


def _write_many(path, name):
    file = AppendOnly(path)
    for number in range(100):
        file.append(
            [f'{{"who":"{name}","n":{number}}}'.encode(), f'{{"who":"{name}","and":{number}}}'.encode()]
        )


def test_batches_of_several_processes_neither_vanish_nor_mix(tmp_path):
    path = tmp_path / "ana.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    lines = path.read_bytes().splitlines()
    assert len(lines) == 400
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        assert first.replace(b'"n"', b'"and"') == second
