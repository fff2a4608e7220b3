from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from labelling.audit_log import read_acts
from tests.web.requests import make_access
from web.access.audit import SignInAudit
from web.access.sign_in import make_sign_in_routes
from web.access.turns import Turns


def describe(folder: Path) -> list[str]:
    return [f"{act.who} {act.describe()}" for act in reversed(read_acts(folder))]


def test_sign_ins_are_noted(tmp_path: Path) -> None:
    access = make_access(password="right", host="0.0.0.0")
    routes = make_sign_in_routes(access, Turns(interval=0.001), tmp_path)
    client = TestClient(Starlette(routes=routes), "http://page.example")
    client.post("/sign-out")
    for password in ("wrong", "secret", "right"):
        client.post("/sign-in", data={"password": password})
    client.post("/sign-out")
    assert describe(tmp_path) == [
        "somebody gave 1 wrong password",
        "somebody gave 1 wrong password",
        "teacher signed in",
        "teacher signed out",
    ]
    assert "secret" not in (tmp_path / "audit.jsonl").read_text()


def test_guessing_fills_nothing(tmp_path: Path) -> None:
    now = 0.0
    audit = SignInAudit(tmp_path, "teacher", lambda: now)
    for second in range(7300):
        now = float(second)
        audit.note_wrong()
    audit.note_signed_in()
    assert describe(tmp_path) == [
        "somebody gave 1 wrong password",
        "somebody gave 3,600 wrong passwords",
        "somebody gave 3,600 wrong passwords",
        "somebody gave 99 wrong passwords",
        "teacher signed in",
    ]


def test_people_who_are_no_teachers_fill_nothing(tmp_path: Path) -> None:
    """Anybody can have a name at Hugging Face, and many of them."""
    now = 0.0
    audit = SignInAudit(tmp_path, "teacher", lambda: now)
    for second in range(7200):
        now = float(second)
        audit.note_hugging_face(f"eve{second % 900}", is_teacher=False)
    audit.note_hugging_face("ann", is_teacher=True)
    acts = describe(tmp_path)
    assert acts[0] == "eve0 signed in with Hugging Face, and is no teacher here"
    assert acts[-1] == "ann signed in"
    assert len(acts) == 41
