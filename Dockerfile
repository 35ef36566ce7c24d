# The server as an image: `docker build --tag flights .`, after `make repro` or `dvc pull`.
# It holds the model's files and the code, and neither Git nor the pipeline's data, but for what features are computed from.
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm

FROM ${BASE} AS build
WORKDIR /project
COPY locks/uv.txt locks/serve.txt locks/
RUN python3 -m venv /uv && /uv/bin/python -m pip install --no-cache-dir --require-hashes -r locks/uv.txt
COPY install install
COPY src/recommit/notebook/kernels src/recommit/notebook/kernels
RUN python3 -m venv --without-pip /venv \
 && /uv/bin/uv pip install --no-cache --python /venv/bin/python --require-hashes --compile-bytecode -r locks/serve.txt
RUN /uv/bin/uv pip install --no-cache --python /venv/bin/python --no-deps --no-build-isolation ./install
COPY . .
RUN /venv/bin/python -m compileall -q src

FROM ${BASE}
COPY --from=build /venv /venv
COPY --from=build /project /project
WORKDIR /project
RUN install --directory --owner 10001 --group 10001 .recommit
# Which model: nothing is the champion, and the baseline until one is promoted; else a folder, as models/candidate.
ARG MODEL=""
ENV PATH=/venv/bin:${PATH} HOME=/tmp PYTHONDONTWRITEBYTECODE=1 RECOMMIT_SERVE_MODEL=${MODEL}
USER 10001:10001
# The prediction log and the store of events; all else may be read-only, but for /tmp.
VOLUME /project/.recommit
EXPOSE 8080
STOPSIGNAL SIGTERM
# Hosts add nothing or the word serve, and set variables: RECOMMIT_SERVE_HOST_CONTRACT is one for --host-contract.
ENTRYPOINT ["recommit"]
CMD ["serve"]
