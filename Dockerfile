# One image: migrates, then serves behind nginx. Needs DATABASE_URL: no PostgreSQL is inside.
FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir "flit_core==3.12.0"
COPY requirements.lock ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE openapi.yaml ./
COPY sql sql
COPY api api
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e . \
    && /venv/bin/pip uninstall -y flit_core pip

FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends nginx \
    && rm -rf /var/lib/apt/lists/* && useradd --system --no-create-home constancia
COPY --from=build /venv /venv
COPY --from=build /app /app

WORKDIR /app
USER constancia
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz')"]
CMD ["api/server/nginx.sh"]
