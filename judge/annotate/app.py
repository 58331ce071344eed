"""The routes. Each takes what the guard let through, asks the desk, and answers in JSON; there is one page.

No path of a file is ever made from a request: assets are held in memory by name, transcripts by id.
"""

from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from judge import address
from judge.annotate.desk import Desk, SettledError
from judge.annotate.form import Answer, IncompleteError
from judge.annotate.guard import Guard, Keys
from judge.annotate.notebook import StaleError
from judge.errors import StoreError

_HERE = Path(__file__).parent
_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class _Submission(BaseModel):
    model_config = ConfigDict(extra="forbid")

    answer: Answer
    base: int = Field(ge=0)
    """The revision that the page goes by."""


def application(desk: Desk, keys: Keys) -> Starlette:
    """The whole of it, guard included."""
    pages = _Pages(desk, keys)
    routes = [
        Route("/", pages.page),
        Route("/t/{name}", pages.page),
        Route("/enter", pages.enter),
        Route("/static/{name}", _asset),
        Route("/api/desk", pages.overview),
        Route("/api/text/{name}", pages.text),
        Route("/api/work/{name}", pages.work),
        Route("/api/draft/{name}", pages.draft, methods=["POST"]),
        Route("/api/commit/{name}", pages.commit, methods=["POST"]),
        Route("/api/seen/{name}", pages.seen, methods=["POST"]),
        Route("/api/link/{name}", pages.link, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, keys=keys)])


class _Pages:
    """The desk's answers to requests."""

    def __init__(self, desk: Desk, keys: Keys) -> None:
        self.desk = desk
        self.keys = keys

    async def page(self, request: Request) -> Response:
        if request.state.role is None:  # the browser kept the cookie back, because another page linked here
            return _render(request, "door.html", target=f"{request.url.path}?again=1")
        name = request.path_params.get("name")
        status = HTTPStatus.OK if name is None or self._known(name) else HTTPStatus.NOT_FOUND
        return _render(request, "page.html", status=status, assets=_assets())

    async def enter(self, request: Request) -> Response:
        session = self.keys.redeem(request.query_params.get("key", ""))
        if session is None:
            return _render(request, "door.html", status=HTTPStatus.FORBIDDEN, target="")
        to = request.query_params.get("to", "")
        target = f"/t/{to}" if self._known(to) else "/"
        answer = _render(request, "door.html", target=target)
        answer.set_cookie(
            self.keys.cookie, session, max_age=14 * 24 * 3600, path="/", httponly=True, samesite="strict"
        )
        return answer

    async def overview(self, request: Request) -> Response:
        if request.state.role == "guest":
            return _json(self._overview_for_guest())
        return _json(self.desk.overview() | {"guest": False})

    def _overview_for_guest(self) -> dict[str, Any]:
        """What there is to read. A guest may be the next annotator, so nobody's labels or pace."""
        seen = self.desk.overview()
        items = [item | {"state": "open", "label": None, "contested": False} for item in seen["items"]]
        nothing = {"done": 0, "total": len(items), "seconds": 0, "pace": None}
        hidden = {"summary": None, "annotator": "", "progress": nothing}
        return seen | hidden | {"items": items, "guest": True}

    async def text(self, request: Request) -> Response:
        return self._about(request, self.desk.text)

    async def work(self, request: Request) -> Response:
        if request.state.role == "guest":
            return self._about(request, self._for_guest)
        return self._about(request, self.desk.work)

    def _for_guest(self, transcript_id: str) -> dict[str, Any]:
        """A guest reads the text, and in review what the judge said; nobody's labels."""
        return self.desk.disclosed(transcript_id) if self.desk.mode == "review" else {}

    async def draft(self, request: Request) -> Response:
        return await self._taking(request, self.desk.save_draft)

    async def commit(self, request: Request) -> Response:
        return await self._taking(request, self.desk.commit)

    async def seen(self, request: Request) -> Response:
        found = self._id(request)
        if found is None:
            return _problem(HTTPStatus.NOT_FOUND, "There is no such transcript.")
        try:
            self.desk.show_others(found)
        except SettledError as error:
            return _problem(HTTPStatus.CONFLICT, str(error))
        return _json(self.desk.work(found))

    async def link(self, request: Request) -> Response:
        """A link for a colleague at this machine: it works once, and lets them read."""
        if self._id(request) is None:
            return _problem(HTTPStatus.NOT_FOUND, "There is no such transcript.")
        host, name = request.headers["host"], request.path_params["name"]
        return _json({"link": f"http://{host}/enter?key={self.keys.link('guest')}&to={name}"})

    def _id(self, request: Request) -> str | None:
        found = address.transcript_id(request.path_params["name"])
        return found if found is not None and found in self.desk.m.shelf else None

    def _known(self, name: str) -> bool:
        found = address.transcript_id(name)
        return found is not None and found in self.desk.m.shelf

    def _about(self, request: Request, ask: Callable[[str], dict[str, Any]]) -> Response:
        found = self._id(request)
        if found is None:
            return _problem(HTTPStatus.NOT_FOUND, "There is no such transcript.")
        return _json(ask(found))

    async def _taking(self, request: Request, take: Callable[[str, Answer, int], int]) -> Response:
        """Hand an answer to the desk; every way in which it can be sent back has its status."""
        found = self._id(request)
        if found is None:
            return _problem(HTTPStatus.NOT_FOUND, "There is no such transcript.")
        try:
            given = _Submission.model_validate_json(await request.body())
            revision = take(found, given.answer, given.base)
        except (ValidationError, *_SENT_BACK) as error:
            return _sent_back(error)
        return _json({"revision": revision, "progress": self.desk.progress()})


_SENT_BACK = (IncompleteError, StaleError, SettledError, StoreError)


def _sent_back(error: Exception) -> Response:
    """Why an answer was not taken."""
    match error:
        case ValidationError():
            return _problem(HTTPStatus.BAD_REQUEST, str(error.errors()[0]["msg"]))
        case IncompleteError():
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Not complete yet.", problems=error.problems)
        case StaleError():
            return _problem(
                HTTPStatus.CONFLICT, "This was changed elsewhere, in another tab perhaps.", stale=True
            )
        case StoreError():
            return _problem(HTTPStatus.INSUFFICIENT_STORAGE, str(error))
        case _:
            return _problem(HTTPStatus.CONFLICT, str(error))


async def _asset(request: Request) -> Response:
    found = _assets().get(request.path_params["name"])
    if found is None:
        return _problem(HTTPStatus.NOT_FOUND, "There is no such file.")
    body, kind = found
    return Response(body, media_type=kind, headers={"cache-control": "no-cache"})


@cache
def _assets() -> dict[str, tuple[bytes, str]]:
    files = sorted((_HERE / "static").iterdir())
    return {file.name: (file.read_bytes(), _KINDS[file.suffix]) for file in files if file.suffix in _KINDS}


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )


def _render(request: Request, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
    return HTMLResponse(
        _templates().get_template(template).render(nonce=request.state.nonce, **values), status_code=status
    )


def _json(data: Any) -> Response:
    return Response(orjson.dumps(data), media_type="application/json")


def _problem(status: HTTPStatus, what: str, **more: Any) -> Response:
    return Response(
        orjson.dumps({"problem": what, **more}), status_code=status, media_type="application/json"
    )
