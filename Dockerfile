# One image: migrates, then serves behind nginx. Needs DATABASE_URL: it contains no PostgreSQL.
FROM python:3.13-slim AS build
WORKDIR /source
RUN python -m venv /build && /build/bin/pip install --no-cache-dir "hatchling==1.33.0" \
    && python -m venv /venv
COPY requirements.lock ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE openapi.yaml ./
COPY sql sql
COPY api api
RUN /build/bin/python -m pip wheel -q --no-deps --no-build-isolation -w /dist . \
    && /venv/bin/pip install --no-cache-dir --no-deps --no-index /dist/*.whl \
    && /venv/bin/pip uninstall -y pip \
    && ln -s /venv/lib/python3.13/site-packages/api/server/nginx.sh /venv/bin/constancia-nginx

FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends nginx \
    && rm -rf /var/lib/apt/lists/* && useradd --system --no-create-home constancia
COPY --from=build /venv /venv

USER constancia
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz')"]
CMD ["constancia-nginx"]
