# atlas-otel with what `collect` needs. Versions are those of the lock that the tests run with.
FROM python:3.13.7-slim

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY requirements/dev.lock requirements/
COPY atlas_otel atlas_otel
COPY exporters exporters
RUN sed -e '/^ *--hash/d' -e 's/ *\\$//' requirements/dev.lock >/tmp/constraints.txt \
  && pip install --no-cache-dir --disable-pip-version-check --constraint /tmp/constraints.txt '.[collect]' \
  && rm -rf /src/* /tmp/constraints.txt

WORKDIR /
USER 10001:10001
EXPOSE 4320
ENTRYPOINT ["atlas-otel"]
CMD ["--help"]
