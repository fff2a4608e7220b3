"""What can go wrong with a request, and the HTTP status of each error: one map for all routes."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from inference.errors import (
    BusyError,
    OverloadedError,
    StorageError,
    UserInputError,
    explain_full_disk,
)
from web.serving import explain

Endpoint = Callable[[Request], Awaitable[Response]]
_NONE: Mapping[Any, Any] = MappingProxyType({})


class NotAllowedError(UserInputError):
    """Only a teacher may do this."""


class NotFoundError(UserInputError):
    """It is not there, or not any more."""


class TooSlowError(UserInputError):
    """The body did not arrive in time."""


class ConflictError(UserInputError):
    """It cannot be done while something else runs."""


class TooLargeError(UserInputError):
    """The body is over the limit."""


class WrongKindError(UserInputError):
    """The body is of another kind than its header must say."""


STATUSES: Mapping[type[Exception], int] = MappingProxyType(
    {
        NotAllowedError: 403,
        NotFoundError: 404,
        TooSlowError: 408,
        ConflictError: 409,
        TooLargeError: 413,
        WrongKindError: 415,
        OverloadedError: 503,
        BusyError: 503,
        StorageError: 507,
    }
)
CLIENT_GONE = 499  # nginx's; nobody is left to read it


def answering_errors(
    respond: Endpoint,
    statuses: Mapping[type[Exception], int] = _NONE,
    headers: Mapping[str, str] = _NONE,
) -> Endpoint:
    """Return an endpoint that answers every error as `{"error": sentence}`, never by silence.

    `statuses`: what differs from `STATUSES` on this route.
    """

    async def respond_or_explain(request: Request) -> Response:
        try:
            return await respond(request)
        except ClientDisconnect:
            return Response(status_code=CLIENT_GONE)
        except Exception as error:  # noqa: BLE001  (the edge of the page)
            status = find_status(error, statuses)
            retry = {"Retry-After": "1"} if status == 503 else {}
            return JSONResponse({"error": explain(error)}, status, {**headers, **retry})

    return respond_or_explain


def find_status(error: Exception, statuses: Mapping[type[Exception], int] = _NONE) -> int:
    """Return the status of an error: 400 for what a person can put right, 500 for a defect."""
    error = explain_full_disk(error) or error
    known = {**STATUSES, UserInputError: 400, **statuses}
    found = [known[kind] for kind in type(error).__mro__ if kind in known]
    return found[0] if found else 500
