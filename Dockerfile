# The static lockin for users, in an image with nothing else:
#
#   docker build -t lockin .
#   docker buildx build --platform linux/arm64 -t lockin .
#
# `lockin image` makes such an image out of a binary that is there already, without any download.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache build-base
WORKDIR /src
COPY . .
RUN cargo build --release --locked \
 && install -D target/release/lockin /out/lockin \
 && install -d -m 0777 /out/data \
 && install -d -m 1777 /out/tmp

FROM scratch
COPY --from=build /out/ /
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/lockin"]
