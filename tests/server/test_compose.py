"""compose.yaml: valid, and consistent with the image and the settings. No Docker runs it here."""

import os
import re
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import psycopg
import yaml
from compose_spec import PyCompose
from psycopg.conninfo import make_conninfo

from api import config
from api.config import SERVICE_ROLE
from api.database import connections, migrations
from api.server import cluster, embedded
from tests.support import data_dir

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_compose_file_is_valid() -> None:
    compose = PyCompose.from_yaml(TEXT)
    compose.validate_networks()
    compose.validate_volumes()
    compose.validate_configs()


def test_every_service_is_checked_and_restarted() -> None:
    for service in SERVICES.values():
        kind, *check = service["healthcheck"]["test"]
        assert kind == "CMD"
        # Readiness depends on the database and the load: it must not restart this service.
        assert "readyz" not in str(check)
        assert service["restart"] == "unless-stopped"
        for dependency in service.get("depends_on", {}).values():
            assert dependency["condition"] == "service_healthy"


def test_database_is_not_healthy_before_it_is_created() -> None:
    """The server that runs the roles script listens on its socket only, and stops after it."""
    assert "--host=127.0.0.1" in SERVICES["database"]["healthcheck"]["test"]


def test_image_is_checked_for_liveness() -> None:
    _, _, check = (ROOT / "Dockerfile").read_text("utf-8").partition("HEALTHCHECK")
    assert "/healthz" in check
    assert "readyz" not in check


def test_settings_of_the_service_are_valid() -> None:
    values = {
        "POSTGRES_PASSWORD": "owner",
        "WEB_PASSWORD": "web",
        "CONSTANCIA_HOST": "constancia.example",
    }
    environment = {
        name: re.sub(r"\$\{(\w+)(:[^}]*)?\}", lambda m: values.get(m[1], ""), str(value))
        for name, value in SERVICES["service"]["environment"].items()
    }
    settings = config.read(environment)
    assert settings.database_url == "postgresql://web:web@database/constancia"
    settings_of_config = {field.name.upper() for field in fields(config.Config)}
    assert {name.removeprefix("CONSTANCIA_") for name in environment} <= settings_of_config
    assert settings.public_url == "https://constancia.example/"
    (network,) = settings.trusted_proxies
    assert str(network) == COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"]


def test_only_the_front_is_published() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["front"]


def test_roles_script_creates_a_login_that_may_serve() -> None:
    script = COMPOSE["configs"]["create-roles"]["content"].replace("$$", "$")
    with data_dir(new=True) as directory, embedded.running(directory) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(f"DROP ROLE {SERVICE_ROLE}".encode())
        programs = Path(cluster.program("psql")).parent
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            check=True,
            env={
                **os.environ,
                **connections.environment(url),
                "PATH": f"{programs}:{os.environ['PATH']}",
                "POSTGRES_USER": cluster.OWNER,
                "POSTGRES_DB": cluster.OWNER,
                "WEB_PASSWORD": "it's secret",
            },
        )
        with connections.connect(url) as conn:
            migrations.migrate(conn, lambda _: None)
        connections.check_service(make_conninfo(url, user="web"))
