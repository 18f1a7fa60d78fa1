"""From a row of the setting to the origin that it names."""

from collections.abc import Sequence

from edge.origins.base import Origin
from edge.origins.folder import FolderOrigin
from edge.origins.http import HttpOrigin
from edge.origins.routes import Route


def open_origin(
    route: Route,
    *,
    max_bytes: int,
    timeout: float,
    allow_hosts: Sequence[str] = (),
    private_networks: Sequence[str] = (),
    s3_endpoint: str | None = None,
) -> Origin:
    """The origin of one route. Nothing is connected yet.

    A template says exactly where an original is, so neighbours are looked for only without one.

    Raises:
        SettingsError: the route's target or a network is wrong.
    """
    neighbours = route.template is None
    if route.scheme == "folder":
        return FolderOrigin(route.target, max_bytes, neighbours=neighbours)
    if route.scheme == "s3":
        from edge.origins.s3 import S3Origin  # its libraries take half of a start

        bucket, _, prefix = route.target.partition("/")
        return S3Origin(bucket, prefix, s3_endpoint, max_bytes, timeout, neighbours=neighbours)
    return HttpOrigin(
        route.target,
        max_bytes,
        timeout,
        allow_hosts=allow_hosts,
        private_networks=private_networks,
        neighbours=neighbours,
    )
