import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from labelling import audit_log
from labelling.audit_log import (
    FILE,
    OLDER,
    What,
    name_command_line,
    read_acts,
    record,
    record_published,
)
from tests.running import ROOT


def test_acts_come_back_newest_first(tmp_path: Path) -> None:
    record(tmp_path, "teacher", "signed_in")
    record_published(tmp_path, "ann", "hotdog", 4, before=3)
    record_published(tmp_path, "ann", "hotdog", 3, before=4)
    acts = read_acts(tmp_path)
    assert [(act.who, act.describe()) for act in acts] == [
        ("ann", "rolled hotdog back to version 3"),
        ("ann", "published hotdog version 4"),
        ("teacher", "signed in"),
    ]
    age = datetime.now(UTC) - datetime.fromisoformat(acts[0].time)
    assert timedelta(-1) < age < timedelta(minutes=5)
    assert read_acts(tmp_path, 1) == acts[:1]


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    record(tmp_path, "teacher", "signed_in")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_every_act_has_words(tmp_path: Path) -> None:
    for what in get_args(What):
        record(tmp_path, "ann", what, model="pets", version=2, count=1)
    for act in read_acts(tmp_path):
        assert "{" not in act.describe()
        assert "None" not in act.describe()
    record(tmp_path, "ann", "approved", count=1200)
    assert read_acts(tmp_path, 1)[0].describe() == "approved 1,200 pictures"


def test_what_people_wrote_stays_one_line(tmp_path: Path) -> None:
    record(tmp_path, 'ann\n{"who": "forged"}\u2028' + "x" * 500, "signed_in")
    [line] = (tmp_path / FILE).read_text(encoding="utf-8").splitlines()
    assert len(json.loads(line)["who"]) == 200
    assert len(read_acts(tmp_path)) == 1


def test_line_that_a_kill_cut_off_spoils_no_other(tmp_path: Path) -> None:
    record(tmp_path, "ann", "signed_in")
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"time":"2026-01-01T00:00:00+00:00","who":"bob","wh\xff')
    record(tmp_path, "eve", "signed_in")
    assert [act.who for act in read_acts(tmp_path)] == ["eve", "ann"]


def test_it_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "MAX_BYTES", 2000)
    for number in range(100):
        record(tmp_path, str(number), "signed_in")
    assert (tmp_path / FILE).stat().st_size <= 2000
    assert (tmp_path / OLDER).stat().st_size <= 2000
    assert [act.who for act in read_acts(tmp_path, 30)] == [str(n) for n in range(99, 69, -1)]


def test_many_write_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from labelling.audit_log import record\n"
        "for n in range(20): record(Path(sys.argv[1]), sys.argv[2], 'signed_in')"
    )

    def write(who: str) -> int:
        command = [sys.executable, "-c", script, str(tmp_path), who]
        return subprocess.run(command, cwd=ROOT, check=False).returncode

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(write, "abc")) == [0, 0, 0]
    assert sorted(act.who for act in read_acts(tmp_path)) == sorted("abc" * 20)


def test_act_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(None, "ann", "signed_in")
    record(tmp_path / "missing", "ann", "signed_in")
    assert not caplog.records
    (tmp_path / FILE).mkdir()
    record(tmp_path, "ann", "signed_in")
    assert caplog.records[0].getMessage() == "signed in could not be logged: Is a directory."


def test_commands_name_who_started_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLASSIFIER_WHO", raising=False)
    assert name_command_line() == "command line"
    monkeypatch.setitem(os.environ, "CLASSIFIER_WHO", "ann")
    assert name_command_line() == "ann"
