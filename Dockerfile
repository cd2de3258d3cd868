# Highwater in a small image: built in one stage, only the program and its root certificates in the other.
FROM rust:1.95-slim-bookworm AS build
# A C compiler and make for librdkafka and its TLS; perl, which the TLS build asks for, comes with them.
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /highwater highwater
COPY --from=build /build/target/release/highwater /usr/local/bin/highwater
USER highwater
WORKDIR /highwater
# Made here so that the volumes take over their owner.
RUN mkdir cursors runtime
COPY --chown=highwater settings.toml ./
VOLUME ["/highwater/cursors", "/highwater/runtime"]
ENTRYPOINT ["highwater"]
CMD ["demo"]
