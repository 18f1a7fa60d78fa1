"""The commands, returning values; `main` prints them and sets exit codes."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.cli import fetched, local
from edge.cli.remote import Remote
from edge.cli.verdicts import Verdicts
from edge.errors import EdgeError, InvalidParameter, SettingsError
from edge.kinds import nearest
from edge.models.repository import in_one_folder
from edge.reloading import keys_of, presets_of
from edge.rendering.compliance.report import Report
from edge.reported import Compliance
from edge.settings import Settings
from edge.tools.triton import server
from edge.variants import links, signing
from edge.variants.presets import Preset
from edge.variants.query import AcceptClass, ImageRequest, read
from edge.web.reported import compliance_line

Table = Sequence[Sequence[str]]
"""Rows of cells, the first one the heads."""


async def explain_file(given: Settings, file: Path, query: str) -> dict[str, Any]:
    """Facts, analysis and plan for a local file."""
    transform = image_request_of(given, query).resolve(AcceptClass.BASE, file.suffix)
    async with local.open_local_renderer(given) as renderer:
        return await renderer.renderer.explain(
            local.original_of(file), transform, deadline=renderer.deadline()
        )


def image_request_of(given: Settings, query: str) -> ImageRequest:
    """A query, read without any leniency towards unknown words."""
    return read(query.lstrip("?"), presets_of(given), strict=True)


def sign_url(given: Settings, url: str, *, expires: int | None, kid: str | None) -> str:
    """The URL with key id, expiry (seconds from now) and signature; host and scheme are kept."""
    keys = keys_of(given)
    if kid is not None:
        keys = signing.SigningKeys(keys.named(kid))
        if not keys:
            raise SettingsError(f"EDGE_SIGNING_KEYS has no key id {kid!r}, nor EDGE_SIGNING_FILE")
    until = None if expires is None else int(time.time()) + expires
    return links.signed(url, keys, presets_of(given), until)


def preset_named(given: Settings, name: str) -> Preset:
    """Raises `InvalidParameter` for a name that no preset has."""
    known = presets_of(given)
    if name not in known:
        raise InvalidParameter(
            f"there is no preset {name!r}",
            allowed=known.names,
            nearest=nearest(name, frozenset(known.names)),
        )
    return known[name]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verification of one file; `problem` says why it could not be verified, `reported` that
    the verdict was recorded when edge made it."""

    file: str
    report: Report | None = None
    problem: str = ""
    reported: bool = False

    @property
    def passed(self) -> bool:
        return self.report is not None and self.report.passed

    @property
    def summary(self) -> str:
        if self.report is None:
            return f"fail; {self.problem}"
        line = compliance_line(self.report.compliance)
        return line + " (as reported when edge made it)" * self.reported

    @property
    def rows(self) -> Table:
        """One row a rule; none where the file could not be read."""
        if self.report is None:
            return ()
        return [
            (
                "  pass" if finding.passed else "  FAIL",
                finding.rule,
                f"{json.dumps(finding.measured)}",
                f"wanted {json.dumps(finding.wanted)}",
                "heuristic" if finding.heuristic else "",
            )
            for finding in self.report.findings
        ]

    def as_facts(self) -> dict[str, Any]:
        """JSON-able."""
        facts = (
            self.report.as_facts() if self.report else {"passed": False, "problem": self.problem}
        )
        return {"file": self.file, **facts} | ({"as_reported": True} if self.reported else {})


async def verify_files(
    given: Settings,
    files: Sequence[str],
    preset: Preset,
    *,
    manifest: Path | None = None,
    url: str | None = None,
    anew: bool = False,
) -> tuple[Verdict, ...]:
    """Hold files, all pictures of folders, or what servers give for URLs, against a preset's rules,
    by the networks that look for letters and faces too; what cannot be read is a verdict, too.

    For bytes that edge has made, the recorded verdict counts unless `anew`: noted here by `edge
    render` or by the verification of a URL, listed in a job's `manifest`, or reported by the server
    that has them at `url`.

    Raises:
        SettingsError: a `url` with several files; a folder or pattern that holds no picture.
    """
    files = [name for file in files for name in _named(file)]
    if url is not None and len(files) > 1:
        raise SettingsError("--url is where one file is from; there are several files")
    known = Verdicts(None if anew else given.files.verdicts_folder, manifest)
    verifier = Verifier(given.origin.max_bytes, known, preset, url, anew)
    async with local.open_local_renderer(given) as renderer:
        return tuple([await verifier.verdict(renderer, file) for file in files])


def _named(file: str) -> list[str]:
    """A URL or file, or each picture that a folder or a pattern names."""
    return [file] if fetched.is_url(file) else [str(path) for path, _ in local.files_of([file])]


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies pictures against one preset's rules; see `verify_files`."""

    most: int
    known: Verdicts
    preset: Preset
    url: str | None
    anew: bool

    async def verdict(self, renderer: local.LocalRenderer, file: str) -> Verdict:
        try:
            body, reported = await asyncio.to_thread(self._picture, file)
            if reported and not reported.of_preset(self.preset.name, self.preset.version):
                reported = None
            report = await renderer.renderer.verify(
                body, self.preset, renderer.deadline(), reported
            )
            return Verdict(file, report, reported=reported is not None)
        except EdgeError as error:
            return Verdict(file, problem=error.detail)

    def _picture(self, file: str) -> tuple[bytes, Compliance | None]:
        """Its bytes, and the recorded verdict on them."""
        if fetched.is_url(file):
            answer = fetched.fetch(file, self.most)
            return answer.body, self._noted(answer.body, answer.reported)
        body = local.bytes_of(Path(file))
        if self.url is not None and not self.anew:
            return body, self._noted(body, fetched.reported_of(body, self.url))
        return body, self.known.find(body)

    def _noted(self, body: bytes, reported: Compliance | None) -> Compliance | None:
        """A server's verdict, which is noted for copies of the picture."""
        if self.anew or reported is None:
            return None
        self.known.note(body, reported)
        return reported


def purge(given: Settings, url: str | None, name: str, value: str) -> dict[str, Any]:
    """Purge `name` (an original, preset, tag or key) on a running server; the answer has
    `unreached` where not every tier and replica was reached.

    Args:
        url: of the server; None: where the settings say that it listens.

    Raises:
        SettingsError: EDGE_ADMIN_TOKEN is not set, or the URL is none.
        InvalidParameter: there is no preset of that name.
        EdgeError: the server cannot be reached, or refuses.
    """
    there = Remote(given, url)
    if name == "preset":
        _check_spelling(given, value)
    return there.purge(name, value)


def _check_spelling(given: Settings, name: str) -> None:
    """Refuse a name that differs little from a known preset's; others pass, since the server may
    have or have had them."""
    known = presets_of(given)
    meant = None if name in known else nearest(name, frozenset(known.names))
    if meant:
        raise InvalidParameter(
            f"there is no preset {name!r} here; --tag preset:{name} purges it all the same",
            param="preset",
            nearest=meant,
        )


def run_triton(
    given: Settings,
    ports: tuple[int, int, int],
    options: Sequence[str] = (),
    *,
    gpu: bool | None = None,
) -> int:
    """Run the real Triton until it ends or a signal comes; answers its exit status.

    Args:
        gpu: whether on GPUs; None: where there are some.
    """
    http, grpc, metrics = ports
    with in_one_folder(given.models.folders) as repository:
        return server.run(
            repository,
            server.Ports(http, grpc, metrics),
            threads=given.models.threads,
            options=options,
            gpu=gpu,
        )
