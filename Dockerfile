# The daemon in a container: `docker build -t rlm-ha-exporter .`; docs/install.md says how it is run.

FROM python:3.13-slim-trixie AS build
WORKDIR /src
COPY packaging/build.lock packaging/requirements.lock packaging/
# The last stage has no pip: what is installed is what the lock names, each with its hash.
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement packaging/build.lock \
    && python -m venv --without-pip /opt/rlm-ha-exporter \
    && /build/bin/pip --python /opt/rlm-ha-exporter/bin/python install --no-cache-dir --no-deps \
        --require-hashes --only-binary :all: --requirement packaging/requirements.lock
COPY . .
RUN /build/bin/python -m hatchling build -t wheel -d /wheels \
    && /build/bin/pip --python /opt/rlm-ha-exporter/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl \
    && /opt/rlm-ha-exporter/bin/python -m compileall -q /opt/rlm-ha-exporter/lib

FROM python:3.13-slim-trixie
# A number, so that Kubernetes can see that it is not root.
RUN groupadd --gid 10053 rlm-ha \
    && useradd --uid 10053 --gid 10053 --no-create-home --home-dir /var/lib/rlm-ha --shell /usr/sbin/nologin rlm-ha \
    && install -d -m 0750 -o 10053 -g 10053 /var/lib/rlm-ha \
    && install -d -m 0755 /etc/rlm-ha
COPY --from=build /opt/rlm-ha-exporter /opt/rlm-ha-exporter
COPY packaging/settings.yaml /etc/rlm-ha/settings.yaml
ENV PATH=/opt/rlm-ha-exporter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
USER 10053:10053
WORKDIR /var/lib/rlm-ha
VOLUME ["/var/lib/rlm-ha"]
EXPOSE 10053
# SIGTERM ends it, SIGHUP has it read its manifests again.
ENTRYPOINT ["rlm-ha"]
CMD ["serve", "--config", "/etc/rlm-ha", "--state-dir", "/var/lib/rlm-ha"]
# Whether it answers; whether a failover would work is for people (`rlm-ha health --ready`), and no reason to
# start it again.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["rlm-ha", "health"]
