"""All sections; a field of theirs is one `EDGE_*` variable."""

from dataclasses import dataclass, field

from edge.settings.http import Admin, Http, Presets, Query, Server, Signing, Tracing
from edge.settings.jobs import Jobs, Review
from edge.settings.limits import Decode, Limits
from edge.settings.networks import ModelsFolder, Triton
from edge.settings.stores import S3, Cache, Files, Origins


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a server needs to know, each section one frozen dataclass."""

    server: Server = field(default_factory=Server)
    origin: Origins = field(default_factory=Origins)
    cache: Cache = field(default_factory=Cache)
    http: Http = field(default_factory=Http)
    files: Files = field(default_factory=Files)
    limits: Limits = field(default_factory=Limits)
    decode: Decode = field(default_factory=Decode)
    query: Query = field(default_factory=Query)
    presets: Presets = field(default_factory=Presets)
    signing: Signing = field(default_factory=Signing)
    admin: Admin = field(default_factory=Admin)
    jobs: Jobs = field(default_factory=Jobs)
    review: Review = field(default_factory=Review)
    triton: Triton = field(default_factory=Triton)
    models: ModelsFolder = field(default_factory=ModelsFolder)
    s3: S3 = field(default_factory=S3)
    tracing: Tracing = field(default_factory=Tracing)
