import pytest

from inference.errors import BusyError, OverloadedError, StorageError, UserInputError
from web.http.errors import (
    ConflictError,
    NotAllowedError,
    NotFoundError,
    TooLargeError,
    TooSlowError,
    WrongKindError,
    find_status,
)


class OddPictureError(UserInputError):
    """An error of another folder."""


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (UserInputError, 400),
        (OddPictureError, 400),
        (TooLargeError, 413),
        (NotAllowedError, 403),
        (NotFoundError, 404),
        (TooSlowError, 408),
        (ConflictError, 409),
        (WrongKindError, 415),
        (OverloadedError, 503),
        (BusyError, 503),
        (StorageError, 507),
        (ValueError, 500),
    ],
)
def test_every_error_has_one_status(kind: type[Exception], status: int) -> None:
    assert find_status(kind("So it is.")) == status


def test_a_route_may_say_otherwise() -> None:
    assert find_status(TooLargeError("Too large."), {TooLargeError: 400}) == 400
    assert find_status(UserInputError("No such file."), {UserInputError: 404}) == 404
    assert find_status(NotAllowedError("No."), {UserInputError: 404}) == 403
