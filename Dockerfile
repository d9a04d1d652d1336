# The one image: every service, job and tool is a subcommand of the one program in it.
#
#   docker build --tag tradespine:local .
#
# Both bases can be replaced, by mirrors of them or by digests:
#   docker build --build-arg RUST_IMAGE=... --build-arg RUNTIME_IMAGE=... .
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-bookworm
# glibc, libstdc++ and certificates, and neither a shell nor a package manager.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST_IMAGE} AS tools
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake=3.25.* \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src

# What decides what the dependencies are: the manifests, with hardly a word of source beside them.
# It runs again at every change, but mostly comes to the same bytes, and then the next stage is
# taken from the cache.
FROM tools AS manifests
COPY . .
RUN find . -name '*.rs' ! -name lib.rs ! -name main.rs ! -name build.rs \
        ! -path '*/benches/*' ! -path '*/examples/*' -delete \
    && find . -type f ! -name '*.rs' ! -name 'Cargo.*' -delete \
    && find . -type d -empty -delete \
    && find . -name '*.rs' -exec sh -c 'for file; do echo "fn main() { }" > "$file"; done' _ {} +

FROM tools AS dependencies
COPY --from=manifests /src .
RUN cargo build --locked --release --package tradespine

FROM dependencies AS build
COPY . .
# Cargo goes by times, and what was copied is older than what was built of nothing.
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && cargo build --locked --release --package tradespine \
    && install -D target/release/tradespine /out/tradespine \
    && mkdir /out/data

FROM ${RUNTIME_IMAGE}
COPY --from=build /out/tradespine /usr/local/bin/tradespine
# A new volume here becomes its user's.
COPY --from=build --chown=65532:65532 /out/data /var/lib/tradespine
WORKDIR /var/lib/tradespine
ENV TRADESPINE_DATA_DIR=/var/lib/tradespine
USER 65532:65532
# Which service a container is, and so how it is asked for its health, its command says:
# `tradespine probe gateway` needs nothing but this image.
ENTRYPOINT ["/usr/local/bin/tradespine"]
CMD ["--help"]
