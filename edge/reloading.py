"""What is read from files and may be exchanged while a process runs: keys, tokens, presets."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from edge import access
from edge.access import Token
from edge.settings import Settings, naming
from edge.telemetry import Metrics
from edge.variants import presets as presets_file
from edge.variants.presets import LivePresets, Presets
from edge.variants.signing import SigningKeys
from edge.watched import Watched


@dataclass(frozen=True, slots=True)
class ReloadedFiles:
    """The values as they are now, each with the file that it came from, if any.

    Files of keys and tokens are looked at once a second, for a secret that is out must go at once.
    Presets change at a hangup alone: a file that is half edited would change pictures, and all
    replicas should change together.
    """

    keys: Watched[SigningKeys]
    tokens: Watched[tuple[Token, ...]]
    presets: LivePresets
    any: bool
    """Whether there is such a file."""

    _presets: Watched[Presets]

    @classmethod
    def open(cls, given: Settings, metrics: Metrics) -> "ReloadedFiles":
        """Read them all.

        Raises:
            SettingsError, PresetsFileError: one of them cannot be used. Later on, that is logged
                and counted, and what was read before stays.
        """
        signing, admin, own = given.signing, given.admin, given.presets.file
        count = partial(_count_reloads, metrics)
        keys = Watched(partial(keys_of, given), signing.file, count("keys"))
        tokens = Watched(
            lambda: access.tokens(admin.token, admin.file), admin.file, count("tokens")
        )
        presets = Watched(partial(presets_of, given), own, count("presets"))
        live = LivePresets(presets.value)
        presets.on_change = lambda: live.exchange(presets.value)
        return cls(keys, tokens, live, bool(signing.file or admin.file or own), presets)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` when other keys or presets count from now on."""
        self.keys.on_change = listener

        def both() -> None:
            self.presets.exchange(self._presets.value)
            listener()

        self._presets.on_change = both

    async def reload(self) -> None:
        """Read all that come from a file anew, at once."""
        for watched in (self.keys, self.tokens, self._presets):
            if watched.file:
                await watched.refresh(force=True)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the files of keys and tokens while the block runs."""
        tasks = [asyncio.create_task(each.run()) for each in (self.keys, self.tokens)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def keys_of(given: Settings) -> SigningKeys:
    """The keys that may sign URLs, as they are now. Raises `SettingsError`."""
    with naming("EDGE_SIGNING_KEYS"):
        SigningKeys.of(given.signing.keys)
    with naming("EDGE_SIGNING_FILE"):
        return SigningKeys.of(given.signing.keys, given.signing.file)


def presets_of(given: Settings) -> Presets:
    """The presets as they are now. Raises `PresetsFileError`."""
    with naming("EDGE_PRESETS_FILE"):
        return presets_file.load(given.presets.file or None)


def _count_reloads(metrics: Metrics, what: str) -> Callable[[bool], None]:
    def count(good: bool) -> None:
        metrics.reloads.labels(what, "ok" if good else "failed").inc()
        metrics.reload_successful.labels(what).set(good)

    return count
