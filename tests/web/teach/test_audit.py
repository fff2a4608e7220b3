"""What a teacher does on the page, as the audit log has it afterwards."""

from pathlib import Path

from starlette.testclient import TestClient

from labelling.audit_log import record
from tests.inference.tiny_versions import write_version
from tests.web.requests import make_access
from tests.web.teach_page import MODEL, open_visit, paint, serve
from web.model.versions import make_version_routes


def test_acts_of_the_page_are_shown(tmp_path: Path) -> None:
    with open_visit(tmp_path) as visit:
        write_version(visit.data / "models" / MODEL / "2", version=2)
        versions = make_version_routes(visit.service, make_access())
        client: TestClient = serve(versions)
        client.headers, client.cookies = visit.client.headers, visit.client.cookies
        for path, values in (
            ("publish", {"version": 2}), ("publish", {"version": 1}), ("delete", {"version": 2}),
            ("publish", {"version": 99}),
        ):  # fmt: skip
            client.post(f"/versions/{path}", json={"model": MODEL, **values})
        ids = [visit.add("red", paint("red", seed)).json()["entry"]["id"] for seed in range(10)]
        visit.post("gallery/relabel", ids=ids[:9], label="green")
        changes = visit.post("gallery/relabel", ids=ids, label="blue_berry")["changes"]
        visit.post("gallery/undo", changes=changes)
        acts = visit.get("audit")["acts"]
    assert [words for _, _, words in acts] == [
        "undid 10 changes",
        "relabelled 10 pictures",
        "deleted colours version 2",
        "rolled colours back to version 1",
        "published colours version 2",
    ]
    assert {who for _, who, _ in acts} == {"this machine"}


def test_the_last_hundred_are_shown(tmp_path: Path) -> None:
    with open_visit(tmp_path) as visit:
        for number in range(101):
            record(visit.data, str(number), "signed_in")
        acts = visit.get("audit")["acts"]
    assert [who for _, who, _ in acts] == [str(number) for number in range(100, 0, -1)]
