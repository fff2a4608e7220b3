import pytest

from labelling.printing import describe_enough


@pytest.mark.parametrize(
    ("groups", "lacks"),
    [(0, "10 more for 10"), (10, "20 more for 30"), (99, "1 more for 100"), (100, "enough")],
)
def test_what_a_class_lacks(groups: int, lacks: str) -> None:
    assert describe_enough(groups) == lacks
