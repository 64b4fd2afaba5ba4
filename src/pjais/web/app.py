"""The web app as a value, built from lists of views and actions, behind its guard.

Each view is served twice: as `GET /api/...`, in the OpenAPI document, and at its own address as a page, or as JSON for
clients that accept JSON and not HTML.  A request changes nothing unless it is a POST to `/do/...`.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from pjais import canonical, sqlite
from pjais.errors import NoSourceFound, PjaisError, StoreFailed, UsageError
from pjais.store import browse
from pjais.version import __version__
from pjais.web import actions, guard, rendering, schemas
from pjais.web.guard import Guard, Keys
from pjais.web.memories import downloads
from pjais.web.memories import lists as memory_views
from pjais.web.memories import personas as record_views
from pjais.web.memories import record as memory_view
from pjais.web.memories import schemas as memory_schemas
from pjais.web.memories.lists import InAsked
from pjais.web.moving import cutover as cutover_views
from pjais.web.moving import migration as migration_views
from pjais.web.moving import overview as overview_view
from pjais.web.moving import quarantine as quarantine_views
from pjais.web.moving import schemas as migration_schemas
from pjais.web.reading import attachment
from pjais.web.reading import conversations as conversation_views
from pjais.web.reading import history as history_views
from pjais.web.reading import insights as insight_views
from pjais.web.reading import schemas as reading_schemas
from pjais.web.session import Session
from pjais.web.tables import schemas as table_schemas
from pjais.web.tables import views as table_views
from pjais.web.view_values import Id, InSession, Missing, session_of


class View(NamedTuple):
    """One thing to look at: its address, what gives it, and the template that shows it.

    `former`: the address it had, which still answers.
    """

    path: str
    gives: Callable[..., schemas.Shape]
    shape: type[schemas.Shape]
    template: str
    former: str | None = None


VIEWS = (
    View("/overview", overview_view.front, migration_schemas.Overview, "overview"),
    View("/import", migration_views.migration, migration_schemas.Migration, "import", "/migrate"),
    View("/rollback", migration_views.rollback, migration_schemas.Rollback, "rollback"),
    View("/run", migration_views.report, migration_schemas.Report, "run"),
    View("/work", migration_views.work, migration_schemas.Job, "work"),
    View("/backups", migration_views.backups, migration_schemas.Backups, "backups"),
    View("/quarantine", quarantine_views.quarantine, migration_schemas.Quarantine, "quarantine"),
    View("/kept", quarantine_views.kept, migration_schemas.Kept, "kept"),
    View("/cutover", cutover_views.sides, migration_schemas.Sides, "cutover", "/sides"),
    View("/personas", record_views.personas, schemas.Personas, "personas"),
    View("/persona", record_views.persona, schemas.PersonaView, "persona"),
    View("/memories", memory_views.memories, memory_schemas.Memories, "memories"),
    View("/facets", memory_views.facets, memory_schemas.Facets, "facets"),
    View("/memory", memory_view.memory, memory_schemas.MemoryView, "memory"),
    View("/conversations", conversation_views.conversations, reading_schemas.Conversations, "conversations"),
    View("/conversation", conversation_views.conversation, reading_schemas.ConversationView, "conversation"),
    View("/tables", table_views.tables, table_schemas.Tables, "tables"),
    View("/table", table_views.table, table_schemas.TableView, "table"),
    View("/row", table_views.row, table_schemas.RowView, "row"),
    View("/sql", table_views.sql, table_schemas.SqlView, "sql"),
    View("/search", table_views.search, table_schemas.Jumps, "search"),
    View("/settings", table_views.settings, table_schemas.Settings, "settings"),
    View("/insights", insight_views.pictures, reading_schemas.Insights, "insights", "/pictures"),
    View("/history", history_views.time, reading_schemas.History, "history", "/time"),
)

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": schemas.Problem, "description": "The request means nothing here"},
    403: {"model": schemas.Problem, "description": "The key is missing or wrong"},
    404: {"model": schemas.Problem, "description": "Not found"},
    409: {"model": schemas.Problem, "description": "Not now: what the code says stands against it"},
    414: {"model": schemas.Problem, "description": "The address is too long"},
    421: {"model": schemas.Problem, "description": "The page has one name, and this is another"},
    422: {"model": schemas.Problem, "description": "A parameter is not what it should be"},
}
_LOOKS = ["GET", "HEAD"]
_REMEMBERED = 400 * 24 * 3600
"""Lifetime of the settings in a browser (s): as long as browsers allow."""
_MOST_FIELDS = 600
"""Fields of a form: the boxes of the longest page of a list, and the rest."""
_OF_THE_DISK = (sqlite.Error, OSError)
_OF_THE_DATA = (ValidationError, RecursionError)
"""Errors caused by a store or report that another program changed: a missing value, or one of another type."""


def make(session: Session, keys: Keys, port: int | None = None) -> ASGIApp:
    """Return the app for one data folder, behind its guard."""
    app = FastAPI(title="pjais", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.session = session
    app.state.keys = keys
    for view in VIEWS:
        told, shown = _as_json(view), _as_page(view)
        app.get(f"/api{view.path}", response_model=view.shape, responses=_PROBLEMS, name=view.template)(told)
        app.head(f"/api{view.path}", include_in_schema=False)(told)
        app.api_route(view.path, methods=_LOOKS, include_in_schema=False)(shown)
        if view.former is not None:
            app.api_route(f"/api{view.former}", methods=_LOOKS, include_in_schema=False)(told)
            app.api_route(view.former, methods=_LOOKS, include_in_schema=False)(_moved(view.path))
    app.api_route("/report.html", methods=_LOOKS, include_in_schema=False)(_report_file)
    app.api_route("/", methods=_LOOKS, include_in_schema=False)(_as_page(VIEWS[0]))
    app.get("/blob", include_in_schema=False)(_blob)
    app.get("/events", include_in_schema=False)(_events)
    app.api_route(guard.ATTACHMENT, methods=_LOOKS, include_in_schema=False)(_attachment)
    app.api_route("/export", methods=_LOOKS, include_in_schema=False)(_export)
    app.api_route("/conversation.md", methods=_LOOKS, include_in_schema=False)(_as_markdown)
    app.post("/do/{name}", include_in_schema=False)(_do)
    app.post(guard.FILES, include_in_schema=False)(_take)
    app.mount("/static", StaticFiles(packages=[("pjais.web", "static")]))
    app.add_exception_handler(PjaisError, _explained)
    app.add_exception_handler(RequestValidationError, _explained)
    app.add_exception_handler(HTTPException, _explained)
    for one in (*_OF_THE_DISK, *_OF_THE_DATA):
        app.add_exception_handler(one, _explained)
    app.add_exception_handler(Exception, _unexpected)
    return Guard(app, keys, port)


class Canonical(Response):
    """JSON as our exports have it; what JSON cannot say is tagged, never changed."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of a value."""
        return canonical.dumps(content).encode("utf-8", "backslashreplace")


def _moved(path: str) -> Callable[[Request], Response]:
    """Return what leads from a former address to the one of now, with its query."""

    def endpoint(request: Request) -> Response:
        query = request.url.query
        return RedirectResponse(f"{path}?{query}" if query else path, 308)

    return endpoint


def _as_json(view: View) -> Callable[..., Response]:
    given = Depends(view.gives)

    def endpoint(shown: Any = given) -> Response:
        return Canonical(shown.model_dump())

    endpoint.__doc__ = view.gives.__doc__
    return endpoint


def _as_page(view: View) -> Callable[..., Response]:
    given = Depends(view.gives)

    def endpoint(request: Request, shown: Any = given) -> Response:
        if _wants_json(request):
            return Canonical(shown.model_dump(), headers={"vary": "accept"})
        return rendering.page(request, view.template, shown)

    return endpoint


def _report_file(session: InSession, id: Id) -> Response:
    """The report of a run as the file that it is, to be kept."""
    headers = {"content-disposition": f'attachment; filename="report-{quote(id)}.html"'}
    return HTMLResponse(migration_views.report_file(session, id), headers=headers)


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


async def _do(request: Request, name: str) -> Response:
    """An action, if the form carries the page's own word.  Its answer is where to look next."""
    keys: Keys = request.app.state.keys
    session = session_of(request)
    try:
        form = dict(
            parse_qsl(
                (await request.body()).decode("utf-8"),
                keep_blank_values=True,
                max_num_fields=_MOST_FIELDS,
                errors="strict",
            )
        )
    except ValueError as error:
        raise UsageError("this is no form") from error
    if not hmac.compare_digest(form.get("csrf", "").encode(), keys.form.encode()):
        raise HTTPException(403, "only the page itself may change something; load it again")
    action = actions.ACTIONS.get(name)
    if action is None:
        raise Missing("action not found", where=[name])
    done = await run_in_threadpool(action, session, form)
    following, remember = done if isinstance(done, actions.Next) else (done, {})
    answer: Response = RedirectResponse(following, 303)
    if _wants_json(request):
        answer = Canonical({"code": "done", "next": following})
    for name, value in remember.items():
        answer.set_cookie(name, value, max_age=_REMEMBERED, path="/", samesite="strict", httponly=True)
    return answer


async def _take(request: Request, name: str, batch: str = "") -> Response:
    """Take a file that was picked, or dropped on the page; the answer says the batch that `import` is to be told."""
    keys: Keys = request.app.state.keys
    if not hmac.compare_digest(request.headers.get("x-csrf", "").encode(), keys.form.encode()):
        raise HTTPException(403, "only the page itself may hand over files; load it again")
    taken = await session_of(request).inbox.take(batch, name, request.stream())
    return Canonical({"code": "done", "batch": taken})


def _blob(request: Request, sha256: Id) -> Response:
    """The bytes of a document."""
    with session_of(request).store() as store, store.pool.view() as db:
        found = browse.blob(db, sha256)
    if found is None:
        raise Missing("bytes not found", where=[sha256])
    about, data = found
    return rendering.download(data, about.media_type, about.name)


def _export(session: InSession, chosen: InAsked, format: Id = "csv", order: Id = "") -> Response:
    """Return the memories that pass the filters as a file."""
    return downloads.answer(session, chosen, format, order)


def _attachment(session: InSession, id: Id, save: bool = False) -> Response:
    """Return the bytes of an attachment; `save`: as a file."""
    return attachment.answer(session, id, save=save)


def _as_markdown(session: InSession, id: Id, branch: Id = "") -> Response:
    """Return a branch of a conversation as a Markdown file."""
    name, said = conversation_views.as_markdown(session, id, branch)
    how = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    body = said.encode("utf-8", "backslashreplace")
    return Response(body, media_type="text/markdown; charset=utf-8", headers={"content-disposition": how})


async def _events(request: Request) -> StreamingResponse:
    session = session_of(request)

    async def stream() -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        async for news in session.broadcast.listen():
            yield b"".join(f"event: {one}\ndata: 1\n\n".encode() for one in sorted(news)) or b": still here\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


def _explained(request: Request, error: Exception) -> Response:
    """An error as the page or the JSON of it; every one of ours is below 500."""
    problem: PjaisError
    status, headers = 409, None
    if isinstance(error, RequestValidationError):
        status, problem = 422, UsageError("a parameter is not what it should be", where=_places(error))
    elif isinstance(error, HTTPException):
        status, problem = error.status_code, UsageError(str(error.detail), where=[request.url.path])
        headers = error.headers
    elif isinstance(error, PjaisError):
        problem = error
        status = 404 if isinstance(error, Missing | NoSourceFound) else 400 if isinstance(error, UsageError) else 409
    elif isinstance(error, _OF_THE_DATA):
        problem = StoreFailed(f"this cannot be shown: {type(error).__name__}", where=_places(error))
    else:
        problem = session_of(request).explained(error)
    return _answer(request, problem, status, headers)


def _places(error: Exception) -> list[str]:
    """Which fields are meant, and what is wrong with each; never what they hold."""
    if not isinstance(error, RequestValidationError | ValidationError):
        return []
    return [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]


def _unexpected(request: Request, error: Exception) -> Response:
    """A fault of this program: said as such, with nothing of its insides."""
    problem = PjaisError(
        f"an unexpected error: {type(error).__name__}", advice="report it", next_command="pjais ui -vv"
    )
    return _answer(request, problem, 500)


def _answer(request: Request, problem: PjaisError, status: int, headers: Mapping[str, str] | None = None) -> Response:
    problem.next_command = session_of(request).typed(problem.next_command)
    told = _wants_json(request) or request.url.path.startswith("/api")
    answer = Canonical(problem.as_dict(), status) if told else rendering.problem(request, problem, status)
    answer.headers.update(headers or {})
    return answer
