# The static lockin for users, in an image with nothing else:
#
#   docker build -t lockin:0.1.0 .
#   docker buildx build --platform linux/arm64 -t lockin:0.1.0 .
#
# `lockin image` makes such an image out of a binary that is there already, without any download.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache build-base
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked \
 && install -D target/dist/lockin /out/lockin \
 && install -d -m 0777 /out/data \
 && install -d -m 1777 /out/tmp

FROM scratch
COPY --from=build /out/ /
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/lockin"]
