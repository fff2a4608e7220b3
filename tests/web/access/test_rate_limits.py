import pytest

from tests.web.requests import make_access, make_request
from web.access.rate_limits import Limit, name_client


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def make_limit(each: int = 2, total: int = 100) -> tuple[Limit, Clock]:
    clock = Clock()
    return Limit(each, total, 60, clock), clock


def test_each_visitor_has_a_limit_that_passes_with_time() -> None:
    limit, clock = make_limit()
    assert [limit.take("a") for _ in range(3)] == [True, True, False]
    assert limit.take("b")
    clock.now = 59
    assert not limit.take("a")
    clock.now = 60
    assert limit.take("a")


def test_what_was_refused_does_not_count() -> None:
    limit, clock = make_limit()
    for _ in range(10):
        limit.take("a")
    clock.now = 60
    assert [limit.take("a") for _ in range(3)] == [True, True, False]


def test_all_together_have_a_limit() -> None:
    limit, _ = make_limit(total=3)
    assert [limit.take(name) for name in "abcd"] == [True, True, True, False]


def test_what_is_given_back_can_be_taken() -> None:
    limit, _ = make_limit()
    limit.take("a")
    limit.take("a")
    limit.give_back("a")
    limit.give_back("never seen")
    assert [limit.take("a") for _ in range(2)] == [True, False]


def test_memory_is_bounded() -> None:
    limit = Limit(2, 10_000, 60, max_clients=10)
    for number in range(50):
        assert limit.take(str(number))
    assert len(limit._times) == 10


@pytest.mark.parametrize(
    ("client", "passed", "on_space", "name"),
    [
        ("10.0.0.5", None, False, "10.0.0.5"),
        ("10.0.0.5", "1.2.3.4", False, "10.0.0.5"),  # anybody can write that header
        ("10.0.0.5", "6.6.6.6, 8.8.8.8, 10.1.1.1", True, "8.8.8.8"),
        ("10.0.0.5", "nonsense", True, "10.0.0.5"),
        ("10.0.0.5", None, True, "10.0.0.5"),
        ("9.9.9.9", "8.8.8.8", True, "9.9.9.9"),  # round the proxies of the Space
        ("::ffff:10.0.0.5", None, False, "10.0.0.5"),
        ("2a00:1450:4001:80b::200e", None, False, "2a00:1450:4001:800::/56"),
        (None, None, False, "unknown"),
    ],
)
def test_each_visitor_has_a_name(
    client: str | None, passed: str | None, on_space: bool, name: str
) -> None:
    request = make_request(client, x_forwarded_for=passed)
    assert name_client(request, make_access(on_space=on_space)) == name
