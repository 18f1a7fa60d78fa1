"""A client of a running server, for the command line."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from edge.errors import EdgeError, JobsUnavailable, SettingsError
from edge.jobs.model import Options
from edge.settings import Settings

_SECONDS = 60.0


class Remote:
    """One server, by the administrator's token of the settings.

    Args: `url` of the server; None: where the settings say that one listens here.

    Raises:
        SettingsError: there is no token, or the URL is none.
    """

    token: ClassVar[str] = "the server's admin token"
    unavailable: ClassVar[type[EdgeError]] = EdgeError
    """What is raised where no server answers, or one that cannot serve at the moment."""

    def __init__(self, given: Settings, url: str | None) -> None:
        if not given.admin.token:
            raise SettingsError(f"set EDGE_ADMIN_TOKEN to {self.token}")
        self.place = (url or f"http://{given.server.host}:{given.server.port}").rstrip("/")
        if not self.place.startswith(("http://", "https://")):
            raise SettingsError(
                f"--server {self.place!r}: allowed is http://host:port or https://host"
            )
        self._token = given.admin.token

    def purge(self, name: str, value: str) -> dict[str, Any]:
        """What is answered to a purge of `name` (original, preset, tag or key); it has `unreached`
        where not every tier and replica was reached. Raises as `open` does."""
        return self.object("POST", "/-/purge", {}, json.dumps({name: value}).encode())

    def object(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        seconds: float = _SECONDS,
    ) -> dict[str, Any]:
        """The JSON object that is answered. Raises as `open` does."""
        with self.open(method, path, headers or {}, body, seconds) as answer:
            try:
                content: dict[str, Any] = json.load(answer)
            except ValueError as error:
                raise self.unavailable(f"{self.place} did not answer as edge does") from error
        return content

    def open(
        self, method: str, path: str, headers: Mapping[str, str], body: Any, seconds: float
    ) -> Any:
        """The answer, to be read and closed; one that says what was not reached is one, too.

        Raises:
            EdgeError: the server refuses, with what its problem document says; `unavailable` where
                nobody answers there, or not at the moment.
        """
        request = Request(f"{self.place}{path}", body, method=method)
        for name, value in (*headers.items(), ("authorization", f"Bearer {self._token}")):
            request.add_header(name, value)
        try:
            return urlopen(request, timeout=seconds)
        except HTTPError as error:
            problem = _object_of(error)
            if "unreached" in problem:
                return io.BytesIO(json.dumps(problem).encode())
            raise self._refusal(error, problem) from error
        except (URLError, OSError) as error:
            raise self.unavailable(f"{self.place} cannot be reached: {error}") from error

    def _refusal(self, error: HTTPError, problem: Mapping[str, Any]) -> EdgeError:
        kind = self.unavailable if error.code in (429, 502, 503, 504) else EdgeError
        return kind(
            f"{self.place} answered {error.code}: {problem.get('detail', error.reason)}",
            param=problem.get("param"),
            allowed=problem.get("allowed"),
            nearest=problem.get("nearest"),
        )


def _object_of(error: HTTPError) -> dict[str, Any]:
    """The JSON object of an error response; empty where there is none."""
    try:
        content = json.load(error)
    except (ValueError, OSError):
        return {}
    return content if isinstance(content, dict) else {}


_FEED_SECONDS = 600.0


class RemoteJobs(Remote):
    """The jobs of one server."""

    token: ClassVar[str] = "a token of the server with the role jobs"
    unavailable: ClassVar[type[EdgeError]] = JobsUnavailable

    def submit(self, feed: Path, options: Options, **more: object) -> dict[str, Any]:
        """Send a feed; answers the job, or with `dry_run` among further words the estimate."""
        kind = {
            ".csv": "text/csv", ".tsv": "text/csv", ".jsonl": "application/x-ndjson",
            ".ndjson": "application/x-ndjson", ".xml": "application/xml",
        }.get(feed.suffix.lower(), "application/octet-stream")  # fmt: skip
        words = [*words_of(options), *more.items()]
        with feed.open("rb") as body:
            headers = {"content-type": kind, "content-length": str(feed.stat().st_size)}
            path = f"/-/jobs?{urlencode(words)}"
            return self.object("POST", path, headers, body, _FEED_SECONDS)

    def show(self, job: str) -> dict[str, Any]:
        return self.object("GET", f"/-/jobs/{job}")

    def list(self, limit: int) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self.object("GET", f"/-/jobs?limit={limit}")["jobs"]
        return jobs

    def steer(self, job: str, verb: str) -> dict[str, Any]:
        return self.object("POST", f"/-/jobs/{job}/{verb}")

    def ledger(self, label: str | None) -> dict[str, Any]:
        query = "" if label is None else "?" + urlencode({"label": label})
        return self.object("GET", f"/-/jobs/ledger{query}")

    def items(self, job: str, status: str, limit: int) -> Sequence[dict[str, Any]]:
        words = urlencode({"status": status, "limit": limit})
        items: list[dict[str, Any]] = self.object("GET", f"/-/jobs/{job}/items?{words}")["items"]
        return items

    def report(self, job: str, form: str) -> bytes:
        with self.open("GET", f"/-/jobs/{job}/report.{form}", {}, None, _FEED_SECONDS) as answer:
            body: bytes = answer.read()
        return body


def words_of(options: Options) -> list[tuple[str, str]]:
    """Options as a URL's words; what is as it would be anyway is left out."""
    plain = Options().as_facts()
    words = [("preset", name) for name in options.presets]
    for name, value in options.as_facts().items():
        if name != "presets" and value != plain[name]:
            words.append((name, "1" if value is True else str(value)))
    return words
