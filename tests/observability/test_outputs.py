"""Standard output and error of `botkit serve`: nothing waits until somebody reads them."""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any
from unittest.mock import patch

import pytest

from botkit.observability import outputs
from botkit.observability.logs import Lines
from botkit.observability.outputs import Output
from botkit.testing.waiting import until
from tests.pipes import Pipe


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Its outputs say nothing any more when the test is over: the next one may look at the log."""
    pipe, made, begin = Pipe(), list[Output](), Output.__init__

    def noted(output: Output, *args: Any, **options: Any) -> None:
        begin(output, *args, **options)
        made.append(output)

    with patch.object(Output, "__init__", noted):
        yield pipe
    pipe.close()
    for output in made:
        output.drain(30)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The one whose lines tell of a gap."""
    logger = logging.getLogger("botkit.outputs")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield logger
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def test_lines_arrive_in_their_order(pipe: Pipe) -> None:
    output = Output(pipe.writer, "stderr")
    wanted = [f"line {number}" for number in range(2_000)]
    for line in wanted:
        output.write(f"{line}\n".encode())
    until(lambda: pipe.lines() == wanted, "for all lines")
    assert output.dropped == 0


def test_lines_come_together_after_one_was_written(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are written in one piece."""
    rests, goes_on = threading.Event(), threading.Event()
    chunks: list[bytes] = []
    write = Output._write

    def rest(_: Output) -> None:
        rests.set()
        assert goes_on.wait(30)

    def recorded(output: Output, data: bytes) -> None:
        chunks.append(data)
        write(output, data)

    monkeypatch.setattr(Output, "_let_lines_come", rest)
    monkeypatch.setattr(Output, "_write", recorded)
    output = Output(pipe.writer, "stderr")
    output.write(b"first\n")
    assert rests.wait(30)
    output.write(b"second\n")
    output.write(b"third\n")
    goes_on.set()
    assert output.drain(30)
    assert chunks == [b"first\n", b"second\nthird\n"]


@pytest.fixture
def patient(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> Output:
    """The only replaced output; it has written a line, and lets others come together for an hour."""
    output = gathering(pipe, monkeypatch)
    monkeypatch.setattr(outputs, "_outputs", [output])
    return output


def gathering(pipe: Pipe, monkeypatch: pytest.MonkeyPatch, *, max_bytes: int = outputs.MAX_BYTES) -> Output:
    """An output that has written a line, and lets others come together for an hour."""
    monkeypatch.setattr(outputs, "GATHER_SECONDS", 3_600.0)
    output = Output(pipe.writer, "stderr", max_bytes=max_bytes)
    output.write(b"first\n")
    until(lambda: pipe.lines() == ["first"], "for the first line")
    return output


@pytest.mark.parametrize("level", ["error", "critical"])
def test_an_error_waits_for_no_other_line(patient: Output, pipe: Pipe, level: str) -> None:
    """The process may die of it."""
    lines = Lines(io.TextIOWrapper(patient, line_buffering=True))
    for name, text in (("warning", "second"), (level, "third")):
        number = getattr(logging, name.upper())
        lines.handle(logging.LogRecord("botkit", number, __file__, 1, text, None, None))
    until(lambda: pipe.lines() == ["first", "second", "third"], "for the error")


def test_an_output_without_room_lets_no_more_lines_come_together(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = gathering(pipe, monkeypatch, max_bytes=10)
    output.write(b"second\n")
    output.write(b"has no room\n")
    until(lambda: pipe.lines() == ["first", "second"], "for what waited")


def test_errors_that_nobody_reads_take_no_memory_of_their_own(pipe: Pipe) -> None:
    pipe.fill()
    output = Output(pipe.writer, "stderr")
    output.write(b"never read\n")
    for _ in range(1_000):
        output.hurry()
    assert output._hurried.qsize() <= 2


def test_lines_that_do_not_tell_of_errors_wait_for_others(patient: Output, pipe: Pipe) -> None:
    lines = Lines(io.TextIOWrapper(patient, line_buffering=True))
    lines.handle(logging.LogRecord("botkit", logging.WARNING, __file__, 1, "second", None, None))
    assert patient.waiting == len("second\n")
    assert pipe.lines() == ["first"]


def stuck(pipe: Pipe, *, max_bytes: int) -> Output:
    """An output whose thread waits for the reader of a full pipe, with its first line."""
    pipe.fill()
    output = Output(pipe.writer, "stderr", max_bytes=max_bytes)
    output.write(b"taken at once\n")
    until(lambda: not output.waiting, "for the thread to take the first line")
    return output


def test_nobody_waits_for_a_reader_and_what_has_no_room_is_counted(
    pipe: Pipe, caplog: pytest.LogCaptureFixture
) -> None:
    output = stuck(pipe, max_bytes=1_000)
    for number in range(500):
        output.write(f"line {number:04}\n".encode())
    assert output.dropped == 400
    assert caplog.records == []
    until(lambda: len(pipe.lines()) == 101, "for what had room")
    assert pipe.lines() == ["taken at once", *(f"line {number:04}" for number in range(100))]
    until(lambda: caplog.messages, "for the notice")
    assert caplog.messages == ["log_lines_dropped count=400 output=stderr"]
    output.write(b"afterwards\n")
    until(lambda: pipe.lines()[-1] == "afterwards", "for the line after the gap")


def test_the_notice_comes_where_the_gap_is(pipe: Pipe, logger: logging.Logger) -> None:
    pipe.fill()
    output = Output(pipe.writer, "stderr", max_bytes=1_000)
    logger.addHandler(logging.StreamHandler(io.TextIOWrapper(output, line_buffering=True)))
    for number in range(500):
        logger.info("line %04d", number)
    until(lambda: _numbered(pipe.lines()) == 500, "for every line or its count")
    assert output.dropped >= 250
    logger.info("afterwards")
    until(lambda: pipe.lines()[-1] == "afterwards", "for the line after the gap")


class Interrupted(SimpleQueue[Any]):
    """A queue whose reader is interrupted once, when it has counted what waits."""

    meanwhile: Callable[[], None] | None = None

    def qsize(self) -> int:
        size = super().qsize()
        if (call := self.meanwhile) is not None:
            self.meanwhile = None
            call()
        return size


def test_a_gap_that_begins_while_the_thread_takes_lines_is_told_where_it_is(
    pipe: Pipe, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "SimpleQueue", Interrupted)
    write = Output._write

    def interrupted(output: Output, data: bytes) -> None:
        write(output, data)
        if b"line 4" in data:
            output.write(b"line 9\n")

    monkeypatch.setattr(Output, "_write", interrupted)
    output = Output(pipe.writer, "stderr", max_bytes=40)
    logger.addHandler(logging.StreamHandler(io.TextIOWrapper(output, line_buffering=True)))

    def write_eight() -> None:
        for number in range(1, 9):
            output.write(f"line {number}\n".encode())

    assert isinstance(output._waiting, Interrupted)
    output._waiting.meanwhile = write_eight
    output.write(b"line 0\n")
    until(lambda: "line 9" in pipe.lines(), "for the last line")
    taken = [f"line {number}" for number in range(5)]
    assert pipe.lines() == [*taken, "log_lines_dropped count=4 output=stderr", "line 9"]


def test_a_gap_that_begins_when_all_has_just_been_taken_is_told(
    pipe: Pipe, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = stuck(pipe, max_bytes=10)
    output.write(b"waits\n")
    count_dropped = output._count_dropped

    def late(line: bytes) -> None:
        until(lambda: pipe.lines() == ["taken at once", "waits"], "for all that waits")
        count_dropped(line)

    monkeypatch.setattr(output, "_count_dropped", late)
    output.write(b"has no room\n")
    until(lambda: caplog.messages, "for the notice")
    assert caplog.messages == ["log_lines_dropped count=1 output=stderr"]
    output.write(b"again\n")
    until(lambda: pipe.lines()[-1] == "again", "for the line after the gap")


def test_what_finalizers_say_in_the_thread_of_an_output_is_written_too(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = Output._let_lines_come
    finalizers = [lambda output: output.write(b"of a finalizer\n")]

    def rest(output: Output) -> None:
        while finalizers:
            finalizers.pop()(output)
        rests(output)

    monkeypatch.setattr(Output, "_let_lines_come", rest)
    output = Output(pipe.writer, "stderr")
    output.write(b"first\n")
    until(lambda: pipe.lines() == ["first", "of a finalizer"], "for both lines")


def test_an_error_in_the_midst_of_lines_is_told_although_no_others_come(
    pipe: Pipe, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Output._write

    def once_full(output: Output, data: bytes) -> None:
        if data.startswith(b"a"):
            raise OSError(errno.ENOSPC, "no space")
        write(output, data)

    monkeypatch.setattr(Output, "_write", once_full)
    output = gathering(pipe, monkeypatch)
    output.write(b"a" * select.PIPE_BUF + b"\n")
    output.write(b"written\n")
    output.hurry()
    until(lambda: caplog.messages, "for the notice")
    assert caplog.messages == ["log_lines_dropped count=1 output=stderr"]
    assert pipe.lines() == ["first", "written"]


def _numbered(lines: Sequence[str]) -> int:
    """How many lines were written, or are told to be missing, without one that is at a wrong place."""
    number = 0
    for line in lines:
        if missing := re.fullmatch(r"log_lines_dropped count=(\d+) output=stderr", line):
            number += int(missing[1])
        else:
            assert line == f"line {number:04}"
            number += 1
    return number


def test_a_handler_that_fails_does_not_end_the_output(pipe: Pipe, logger: logging.Logger) -> None:
    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise LookupError(record.getMessage())

    pipe.fill()
    output = Output(pipe.writer, "stderr", max_bytes=10)
    logger.addHandler(Failing())
    for _ in range(100):
        output.write(b"many lines\n")
    notice = re.compile(r"log_lines_dropped count=\d+ not logged: LookupError at .*")
    until(lambda: any(notice.fullmatch(line) for line in pipe.lines()[-1:]), "for the notice")


def test_a_line_after_one_that_was_dropped_is_not_taken_before_the_gap_is_told(pipe: Pipe) -> None:
    output = stuck(pipe, max_bytes=10)
    output.write(b"waits\n")
    output.write(b"has no room\n")
    output.write(b"has\n")
    assert output.dropped == 2


def test_a_finalizer_that_logs_while_a_line_is_taken_waits_for_nobody(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interpreter calls finalizers at any place. Another thread may hold the lock of a log handler then, and write."""
    output = stuck(pipe, max_bytes=10)
    output.write(b"waits\n")
    handlers_lock, is_called, logged = threading.Lock(), threading.Event(), []

    def finalizer(_: bytes) -> None:
        if threading.current_thread() is threading.main_thread():
            is_called.set()
            logged.append(handlers_lock.acquire(timeout=30))

    def write() -> None:
        with handlers_lock:
            assert is_called.wait(30)
            output.write(b"of another thread\n")

    monkeypatch.setattr(output, "_count_dropped", finalizer)
    other = threading.Thread(target=write)
    other.start()
    until(handlers_lock.locked, "for the other thread")
    output.write(b"has no room\n")
    other.join(30)
    assert logged == [True]


def test_a_line_that_is_longer_than_the_room_is_written_if_nothing_waits(pipe: Pipe) -> None:
    output = Output(pipe.writer, "stderr", max_bytes=100)
    output.write(b"x" * 10_000 + b"\n")
    until(lambda: pipe.lines() == ["x" * 10_000], "for the long line")


def test_at_the_end_what_waits_is_written_but_not_for_long(pipe: Pipe) -> None:
    output = Output(pipe.writer, "stderr")
    output.write(b"last words\n")
    assert output.drain(30)
    assert pipe.lines() == ["last words"]
    pipe.fill()
    output.write(b"never read\n")
    assert not output.drain(0.05)


def test_a_pipe_without_a_reader_costs_its_lines_and_nothing_else(
    pipe: Pipe, caplog: pytest.LogCaptureFixture
) -> None:
    pipe.close()
    output = Output(pipe.writer, "stdout")
    for count in range(1, 4):
        output.write(b"lost\n")
        assert output.drain(30)
        assert output.dropped == count
    assert caplog.records == []


def on_a_full_disk() -> Output:
    with open("/dev/full", "wb", buffering=0) as full:
        return Output(os.dup(full.fileno()), "stderr")


def test_what_was_lost_to_errors_is_said_when_lines_can_be_written_again(
    pipe: Pipe, caplog: pytest.LogCaptureFixture
) -> None:
    output = on_a_full_disk()
    output.write(b"lost\nlost as well\n")
    assert output.drain(30)
    os.dup2(pipe.writer, output.fileno())
    output.write(b"written\n")
    until(lambda: caplog.messages, "for the notice")
    assert caplog.messages == ["log_lines_dropped count=2 output=stderr"]
    until(lambda: pipe.lines() == ["written"], "for the line behind it")


def test_a_gap_is_no_sign_that_lines_can_be_written_again(
    pipe: Pipe, caplog: pytest.LogCaptureFixture
) -> None:
    output = on_a_full_disk()
    output.write(b"lost\n")
    assert output.drain(30)
    output._waiting.put(outputs._GAP)  # As if lines had been dropped when the thread had just taken all.
    assert output.drain(30)
    assert caplog.messages == []
    os.dup2(pipe.writer, output.fileno())
    output.write(b"written\n")
    until(lambda: caplog.messages, "for the notice")
    assert caplog.messages == ["log_lines_dropped count=1 output=stderr"]


def test_a_pipe_that_others_have_made_non_blocking_loses_nothing(pipe: Pipe) -> None:
    pipe.fill()
    os.set_blocking(pipe.writer, False)
    output = Output(pipe.writer, "stderr")
    output.write(b"x" * 10_000 + b"\n")
    until(lambda: pipe.lines() == ["x" * 10_000], "for the whole line")


def test_a_forked_child_writes_by_itself(pipe: Pipe) -> None:
    output = Output(pipe.writer, "stderr")
    child = os.fork()
    if child == 0:
        try:
            output.write(b"from the child\n")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert pipe.lines() == ["from the child"]


def _ended(program: str, *, shell: str = 'exec "$@"', before: str = "") -> subprocess.CompletedProcess[str]:
    """A process that has run this program with its outputs replaced, and another one before that."""
    begin = "import sys\nfrom botkit.observability.outputs import replace_outputs\nreplace_outputs()\n"
    command = ["sh", "-c", shell, "sh", sys.executable, "-c", before + begin + program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_all_that_a_process_says_before_it_ends_is_seen() -> None:
    done = _ended("print('said')\nprint('without an end', end='')\nraise ValueError('why')")
    assert done.returncode == 1
    assert done.stdout == "said\nwithout an end"
    assert done.stderr.endswith("ValueError: why\n")


def test_what_is_said_after_the_outputs_were_drained_is_seen_too() -> None:
    """By what was to be called at the end before they were replaced."""
    last = "for number in range(3): print(number); time.sleep(0.001)"
    begin = f"import atexit, time\n@atexit.register\ndef last():\n    {last}\n"
    assert _ended("print('said')", before=begin).stdout.split() == ["said", "0", "1", "2"]


def test_both_outputs_keep_their_order_where_they_are_one() -> None:
    program = "for number in range(100): print(number, file=(sys.stdout, sys.stderr)[number % 2])"
    done = _ended(program, shell='exec "$@" 2>&1')
    assert done.stdout.split() == [str(number) for number in range(100)]
    assert done.stderr == ""


@pytest.mark.parametrize("end", ["", "raise ValueError('why')", "sys.exit('why')", "sys.exit(3)"])
def test_a_process_ends_although_nobody_reads_what_it_says(pipe: Pipe, end: str) -> None:
    pipe.fill()
    program = (
        f"import logging, warnings\nprint('said')\nwarnings.warn('of it')\nlogging.error('an error')\n{end}"
    )
    begin = "import sys\nfrom botkit.observability.outputs import replace_outputs\nreplace_outputs()\n"
    command = [sys.executable, "-c", begin + program]
    process = subprocess.Popen(command, stdout=pipe.writer, stderr=pipe.writer)
    assert process.wait(30) == {"": 0, "sys.exit(3)": 3}.get(end, 1)


def test_the_replaced_outputs_are_those_of_the_terminal_file_or_pipe() -> None:
    program = "print(sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.isatty(), sys.stderr.encoding, sys.stderr.errors)"
    assert _ended(program).stdout == "1 2 False utf-8 backslashreplace\n"


def test_outputs_without_a_file_are_left_alone() -> None:
    program = "import io\nfrom botkit.observability.outputs import replace_outputs\nimport sys\n"
    program += "sys.stdout = mine = io.StringIO()\nreplace_outputs()\nsys.exit(sys.stdout is not mine)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
