"""A running server's jobs, asked over HTTP by the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from edge.cli.remote import Remote
from edge.errors import EdgeError, JobsUnavailable

_FEED_SECONDS = 600.0


class RemoteJobs(Remote):
    """The jobs of one server."""

    token: ClassVar[str] = "a token of the server with the role jobs"
    unavailable: ClassVar[type[EdgeError]] = JobsUnavailable

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
