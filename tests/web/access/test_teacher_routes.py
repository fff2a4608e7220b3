import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response

from tests.web.disconnecting import leave
from tests.web.requests import make_access
from tests.web.teach_page import serve
from web.access.teacher_routes import Call, get, upload_zip
from web.serving import DEFECT_SENTENCE


def test_defect_is_answered_in_a_plain_sentence() -> None:
    def fail(call: Call) -> Response:
        raise RuntimeError("secret path")

    response = serve([get(make_access(), "/state", fail)]).get("/state")
    assert response.status_code == 500
    assert response.json() == {"error": DEFECT_SENTENCE}


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
