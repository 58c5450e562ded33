"""The HTTP API. Every 4xx and 5xx has the shape ``{"error": {"code", "message"}}``."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader
from starlette.exceptions import HTTPException as StarletteHTTPException

from bmii import __version__, telemetry
from bmii.artifacts import ModelHolder
from bmii.database import make_engine
from bmii.errors import BmiiError
from bmii.health import Health, database_check
from bmii.metrics import CONTENT_TYPE, Metrics
from bmii.middleware import Observe, error_body
from bmii.ranking import rank
from bmii.schemas import ErrorAnswer, RankAnswer, RankQuestion
from bmii.settings import Settings
from bmii.storage import S3StorageProvider

_STATEMENT_SECONDS = 10
_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="Required when the service has a key.")
_CODES = {401: "missing_key", 403: "wrong_key", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer} for status in (401, 403, 413, 422, 500, 503)
}


class Guarded(APIRoute):
    """A route that asks for the key before it reads the body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler behind the check."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            _check_key(request.app.state.settings, request.headers.get("X-API-Key"))
            return await handler(request)

        return guarded


def _check_key(settings: Settings, given: str | None) -> None:
    """Raise status 401 without a key and 403 with a wrong one, in the same time however wrong it is."""
    if settings.api_key is None:
        return
    if not given:
        raise HTTPException(401, "the header X-API-Key is missing", headers={"WWW-Authenticate": "ApiKey"})
    # Header values are Latin-1 on the wire; comparing bytes avoids an error on characters beyond ASCII.
    if not hmac.compare_digest(given.encode("latin-1"), settings.api_key.get_secret_value().encode()):
        raise HTTPException(403, "the key in X-API-Key is not valid")


def create_app(settings: Settings) -> FastAPI:
    """Return the application. It starts without its database and store, and says so in ``/health``."""
    metrics = Metrics()
    engine = make_engine(settings, statement_seconds=_STATEMENT_SECONDS, pool_size=10)
    model = ModelHolder(S3StorageProvider(settings), on_change=metrics.model)
    provider = telemetry.tracer_provider(settings)
    # Health has connections of its own, so that it tells of the database and not of a busy pool.
    probe = S3StorageProvider(settings, timeout=0.7, attempts=1)
    probe_engine = make_engine(settings, statement_seconds=1, pool_size=1)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        model.start()
        yield
        model.stop()
        engine.dispose()
        probe_engine.dispose()
        provider.shutdown()

    app = FastAPI(
        title="BMII",
        version=__version__,
        summary="Ranks protein targets for a molecule by the similarity of their known ligands.",
        lifespan=lifespan,
        telemetry=telemetry.fastapi_options(provider),
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.engine = engine
    app.state.model = model
    app.state.health = Health(
        {"database": database_check(probe_engine), "object_store": probe.check, "model": model.current}
    )
    app.add_middleware(Observe, metrics=metrics)
    app.router.add_api_route(
        "/rank",
        post_rank,
        methods=["POST"],
        response_model=RankAnswer,
        responses=_ERRORS,
        route_class_override=Guarded,
    )
    app.add_api_route("/health", get_health, methods=["GET"], responses={503: {"model": ErrorAnswer}})
    app.add_api_route("/metrics", get_metrics, methods=["GET"], response_class=Response)
    _handle_errors(app)
    return app


def post_rank(
    question: RankQuestion, request: Request, _key: Annotated[str | None, Security(_KEY)] = None
) -> RankAnswer:
    """Rank the protein targets that a molecule is most likely to act on.

    The answer is recorded unless `record` is false.
    """
    state = request.app.state
    answer = rank(
        state.engine, state.model.current(), question.smiles, question.top_k, record=question.record
    )
    return RankAnswer.model_validate(answer, from_attributes=True)


async def get_health(request: Request) -> JSONResponse:
    """Report whether the database, the object store and the model are fit; 503 names the part that is not."""
    state = request.app.state
    # In a thread of asyncio's own pool: the one that rankings use may be full of requests that wait.
    findings = await asyncio.to_thread(state.health.findings)
    failing = [finding for finding in findings if finding.message]
    body: dict[str, Any] = {
        "status": "unavailable" if failing else "ok",
        "service": "bmii",
        "version": __version__,
        "image": state.settings.image_digest or None,
        "checks": {
            f.name: {"status": "down", "message": f.message} if f.message else {"status": "ok"}
            for f in findings
        },
    }
    if failing:
        message = "; ".join(f"{finding.name}: {finding.message}" for finding in failing)
        body |= error_body("unhealthy", message) | {"failing": [finding.name for finding in failing]}
    return JSONResponse(body, 503 if failing else 200, headers={"Cache-Control": "no-store"})


def get_metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


def _handle_errors(app: FastAPI) -> None:
    """Give every error the one shape."""

    @app.exception_handler(BmiiError)
    async def ours(_request: Request, error: BmiiError) -> JSONResponse:
        headers = {"Retry-After": "5"} if error.status == 503 else None  # noqa: PLR2004 - HTTP's own
        return JSONResponse(error_body(error.code, error.message), error.status, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse(error_body("invalid_request", _describe(error)), 422)

    @app.exception_handler(StarletteHTTPException)
    async def http(_request: Request, error: StarletteHTTPException) -> JSONResponse:
        body = error_body(_CODES.get(error.status_code, "bad_request"), str(error.detail))
        return JSONResponse(body, error.status_code, headers=error.headers)


def _describe(error: RequestValidationError) -> str:
    """Say which field is wrong and how; never what was in it, which may be anything."""
    parts = []
    for item in error.errors():
        if item["type"] == "json_invalid":
            return "the body is not valid JSON"
        where = ".".join(str(part) for part in item["loc"] if part != "body")
        parts.append(f"{where}: {item['msg']}" if where else str(item["msg"]))
    return "; ".join(parts)
