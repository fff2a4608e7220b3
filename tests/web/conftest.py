"""The Teach tab's routes over an empty data folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.teach_page import Visit, open_visit


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    with open_visit(tmp_path) as opened:
        yield opened
