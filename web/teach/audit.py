"""What was done here and by whom, for teachers: the last lines of the audit log."""

from starlette.responses import Response
from starlette.routing import Route

from labelling.audit_log import read_acts
from web.access.rules import Access
from web.access.teacher_routes import Call, get, reply
from web.teach.models import TeachContext

_SHOWN = 100


def list_audit_routes(context: TeachContext, access: Access) -> list[Route]:
    """Return the route."""

    def show(call: Call) -> Response:
        acts = read_acts(context.data, _SHOWN)
        return reply({"acts": [[act.time, act.who, act.describe()] for act in acts]})

    return [get(access, "/teach/audit", show)]
