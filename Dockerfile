# edge in a container: docker build -t edge .
# The first stage has the compilers, the second what runs. Both from one Python, so that the virtual environment fits.

ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /app
COPY requirements.lock requirements-build.lock requirements-engine.lock requirements-openvino.lock pyproject.toml README.md LICENSE NOTICE ./
COPY scripts/environment scripts/environment
COPY scripts/slim scripts/slim
COPY edge edge
COPY triton_models triton_models
# OpenVINO runs the networks where the processor gains from it, which shows when the server starts: bfloat16 on AMX. 0: without, 185 MB less.
ARG OPENVINO=1
# Installs what the lock names, and pillow-simd built for AVX2 where this machine has it.
RUN scripts/environment serve
# Public networks, each under its own licence, over those of the repository. Empty: none.
ARG NETWORKS="u2netp ppocr-det centerface"
RUN mv triton_models networks && ln -s networks triton_models \
    && if [ -n "$NETWORKS" ]; then .venv/bin/edge models fetch $NETWORKS --models networks --replace; fi \
    && rm -rf downloads \
    && .venv/bin/edge models check --models networks
# What nothing needs at run time goes, pip among it; the rest loses its symbols for debuggers.
RUN .venv/bin/python scripts/slim \
    && .venv/bin/python -m compileall -q edge

FROM python:${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="edge" \
      org.opencontainers.image.description="On-the-fly image transformation server for e-commerce" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# The libraries that pillow-simd was built with. They follow the base image's Debian, so none is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libjpeg62-turbo liblcms2-2 libtiff6 libwebp7 libwebpdemux2 libwebpmux3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 edge \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin edge
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    EDGE_SERVER_HOST=0.0.0.0 \
    EDGE_MODELS_FOLDER=/app/networks \
    EDGE_MODELS_FETCHED=""
# Nothing is written but below /tmp: run it with a read-only root file system.
WORKDIR /tmp
USER 10001:10001
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; e = os.environ.get; u.urlopen('http://127.0.0.1:' + (e('EDGE_SERVER_ADMIN_PORT') or e('EDGE_SERVER_PORT') or '8080') + '/-/healthz', timeout=4)"]
ENTRYPOINT ["edge"]
CMD ["serve"]
