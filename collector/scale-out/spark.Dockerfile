# Spark 4.1 with atlas-otel and the jars that a lake and Kafka need. Built from the checkout's root (see spark-stream.yaml).
# Java of Debian 12 is 17, the oldest that Spark 4 takes; Python is that of the driver and of the executors alike.
FROM python:3.11-slim-bookworm

RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless curl procps \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY atlas_otel atlas_otel
COPY exporters exporters
RUN pip install --no-cache-dir --disable-pip-version-check '.[lake,collect]' 'pyspark==4.1.1' 'pandas<3' && rm -rf /src/*

WORKDIR /opt/atlas/jars
RUN set -e; central=https://repo1.maven.org/maven2; \
  curl -fsSL -o iceberg-spark-runtime.jar $central/org/apache/iceberg/iceberg-spark-runtime-4.1_2.13/1.12.0/iceberg-spark-runtime-4.1_2.13-1.12.0.jar; \
  curl -fsSL -o iceberg-aws-bundle.jar $central/org/apache/iceberg/iceberg-aws-bundle/1.12.0/iceberg-aws-bundle-1.12.0.jar; \
  curl -fsSL -o postgresql.jar $central/org/postgresql/postgresql/42.7.14/postgresql-42.7.14.jar; \
  curl -fsSL -o spark-sql-kafka.jar $central/org/apache/spark/spark-sql-kafka-0-10_2.13/4.1.1/spark-sql-kafka-0-10_2.13-4.1.1.jar; \
  curl -fsSL -o spark-token-provider-kafka.jar $central/org/apache/spark/spark-token-provider-kafka-0-10_2.13/4.1.1/spark-token-provider-kafka-0-10_2.13-4.1.1.jar; \
  curl -fsSL -o kafka-clients.jar $central/org/apache/kafka/kafka-clients/3.9.1/kafka-clients-3.9.1.jar; \
  curl -fsSL -o commons-pool2.jar $central/org/apache/commons/commons-pool2/2.12.1/commons-pool2-2.12.1.jar

# So that `spark-class` is found, as pip installs it.
ENV SPARK_HOME=/usr/local/lib/python3.11/site-packages/pyspark
WORKDIR /work
CMD ["python3", "-m", "atlas_otel.lake.stream", "--help"]
