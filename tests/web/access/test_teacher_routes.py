import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from tests.web.asking import make_access
from tests.web.disconnecting import leave
from web.access.teacher_routes import Call, upload_zip


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
@pytest.mark.parametrize("parts", [0, 1])
def test_an_archive_is_removed_when_its_sender_goes_away(
    tmp_path: Path, spec: str, parts: int
) -> None:
    ended: list[bool] = []

    def take(call: Call, archive: Path) -> Generator[dict[str, Any]]:
        try:
            for number in range(9):
                assert archive.read_bytes() == b"zip"
                yield {"number": number}
        finally:
            ended.append(archive.is_file())

    app = Starlette(routes=[upload_zip(make_access(), "/zip", tmp_path, take)])
    sent = leave(app, spec, parts)
    assert [json.loads(line) for line in sent] == [{"number": 0}][:parts]
    assert ended == [True] * parts  # it ends before the archive is removed
    assert list(tmp_path.iterdir()) == []
