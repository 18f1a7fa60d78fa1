"""A running server's jobs, asked over HTTP by the command line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from edge.errors import EdgeError, JobsUnavailable, SettingsError
from edge.settings import Settings

_SECONDS = 60.0
_FEED_SECONDS = 600.0


class Remote:
    """Args: `url` of the server; None: where the settings say that one listens here.

    Raises:
        SettingsError: there is no token, or the URL is none.
    """

    def __init__(self, given: Settings, url: str | None) -> None:
        if not given.admin.token:
            raise SettingsError("set EDGE_ADMIN_TOKEN to a token of the server with the role jobs")
        self.place = (url or f"http://{given.server.host}:{given.server.port}").rstrip("/")
        if not self.place.startswith(("http://", "https://")):
            raise SettingsError(
                f"--server {self.place!r}: allowed is http://host:port or https://host"
            )
        self._token = given.admin.token

    def submit(self, feed: Path, words: Sequence[tuple[str, str]], key: str = "") -> dict[str, Any]:
        """Send a feed; answers the job, or with `dry_run` among the words the estimate."""
        kind = {
            ".csv": "text/csv", ".tsv": "text/csv", ".jsonl": "application/x-ndjson",
            ".ndjson": "application/x-ndjson", ".xml": "application/xml",
        }.get(feed.suffix.lower(), "application/octet-stream")  # fmt: skip
        headers = {"content-type": kind} | ({"idempotency-key": key} if key else {})
        with feed.open("rb") as body:
            headers["content-length"] = str(feed.stat().st_size)
            path = f"/-/jobs?{urlencode(words)}"
            return self._object("POST", path, headers, body, _FEED_SECONDS)

    def show(self, job: str) -> dict[str, Any]:
        return self._object("GET", f"/-/jobs/{job}")

    def list(self, limit: int) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self._object("GET", f"/-/jobs?limit={limit}")["jobs"]
        return jobs

    def steer(self, job: str, verb: str) -> dict[str, Any]:
        return self._object("POST", f"/-/jobs/{job}/{verb}")

    def ledger(self, label: str | None) -> dict[str, Any]:
        query = "" if label is None else "?" + urlencode({"label": label})
        return self._object("GET", f"/-/jobs/ledger{query}")

    def items(self, job: str, status: str, limit: int) -> Sequence[dict[str, Any]]:
        words = urlencode({"status": status, "limit": limit})
        items: list[dict[str, Any]] = self._object("GET", f"/-/jobs/{job}/items?{words}")["items"]
        return items

    def report(self, job: str, form: str) -> bytes:
        with self._open("GET", f"/-/jobs/{job}/report.{form}", {}, None, _FEED_SECONDS) as answer:
            body: bytes = answer.read()
        return body

    def _object(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        seconds: float = _SECONDS,
    ) -> dict[str, Any]:
        with self._open(method, path, headers or {}, body, seconds) as answer:
            try:
                told: dict[str, Any] = json.load(answer)
            except ValueError as error:
                raise JobsUnavailable(f"{self.place} did not answer as a server of ours") from error
        return told

    def _open(
        self, method: str, path: str, headers: Mapping[str, str], body: Any, seconds: float
    ) -> Any:
        request = Request(f"{self.place}{path}", body, method=method)
        for name, value in (*headers.items(), ("authorization", f"Bearer {self._token}")):
            request.add_header(name, value)
        try:
            return urlopen(request, timeout=seconds)
        except HTTPError as error:
            raise _told(self.place, error) from error
        except (URLError, OSError) as error:
            raise JobsUnavailable(f"{self.place} cannot be reached: {error}") from error


def _told(place: str, error: HTTPError) -> EdgeError:
    """The problem document of a failure, as an error of ours."""
    try:
        problem = json.load(error)
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        problem, detail = {}, str(error.reason)
    kind = JobsUnavailable if error.code in (429, 502, 503, 504) else EdgeError
    return kind(
        f"{place} answered {error.code}: {detail}",
        param=problem.get("param"),
        allowed=problem.get("allowed"),
        nearest=problem.get("nearest"),
    )
