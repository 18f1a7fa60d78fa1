"""The networks: where they run, and which of them are not there."""

from collections.abc import Awaitable, Callable, Sequence

from edge.errors import ModelContractBroken, ModelMissing
from edge.models import roles
from edge.models.base import Models, ModelState
from edge.models.embedded import EmbeddedModels
from edge.models.triton import TritonChain, TritonModels
from edge.rendering.chain.client import ChainClient
from edge.rendering.render import RENDER_VERSION
from edge.settings import Settings, naming
from edge.telemetry import Metrics


def open_models(given: Settings, metrics: Metrics | None = None) -> Models:
    """The networks: on Triton where a URL is given, in this process otherwise."""
    if given.triton.url:
        with naming("EDGE_TRITON_URL"):
            return TritonModels(
                given.triton.url,
                given.models.folders,
                in_flight=given.triton.in_flight,
                shared_memory=given.triton.shared_memory,
                metrics=metrics,
            )
    return EmbeddedModels(
        given.models.folders,
        given.models.threads,
        metrics=metrics,
        backend=given.models.backend,
        precision=given.models.precision,
    )


async def runs_networks(models: Models) -> str:
    """What runs the networks, in words; in this process it is chosen now."""
    if isinstance(models, EmbeddedModels):
        return f"{models.runtime}, {await models.choice()}"
    return models.runtime


def open_chain(given: Settings, models: Models, metrics: Metrics) -> ChainClient | None:
    """What asks Triton for whole pictures; None where there is no Triton, or it shall not."""
    if not isinstance(models, TritonModels) or given.triton.chain == "off":
        return None
    return ChainClient(
        TritonChain(models),
        models,
        RENDER_VERSION,
        given.limits,
        required=given.triton.chain == "on",
        metrics=metrics,
    )


def survey(
    models: Models, chain: ChainClient | None = None
) -> Callable[[], Awaitable[Sequence[ModelState]]]:
    """How readiness asks the networks: those that are there, those without which a request of the
    URL's grammar fails, and what makes whole pictures of them."""

    async def states() -> Sequence[ModelState]:
        whole = [await chain.state()] if chain else []
        return [*await models.states(), *absent(models), *whole]

    return states


def absent(models: Models) -> list[ModelState]:
    """The networks without which a request of the URL's grammar fails, as far as they are not
    there. None is asked or loaded."""
    found = []
    for role in roles.ROLES:
        try:
            models.spec(role)
        except ModelMissing:
            lost = "cut-outs" if role == roles.MATTING else "enlarging"
            detail = f"not in EDGE_MODELS_FOLDER: no {lost} without it"
            found.append(ModelState(role, ready=False, detail=detail))
        except ModelContractBroken:
            continue  # it is there, and answers for itself
    return found
