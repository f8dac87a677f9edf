"""security.txt: the contact for security reports (RFC 9116)."""

from datetime import UTC, datetime, timedelta

import pytest

from api import config
from api.app import create_app
from api.database import connections
from tests.conftest import Api
from tests.problems import check_problem

PATH = "/.well-known/security.txt"


def test_security_txt_names_the_contact(api: Api) -> None:
    response = api.send("GET", PATH)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    fields = [line.split(": ", 1) for line in response.text.splitlines()]
    assert sorted(name for name, _ in fields) == ["Contact", "Expires", "Preferred-Languages"]
    values = dict(fields)
    assert values["Contact"] == "mailto:security@example.org"
    now = datetime.now(UTC)
    assert now < datetime.fromisoformat(values["Expires"]) < now + timedelta(days=365)


def test_security_txt_is_missing_without_a_contact() -> None:
    """It takes no connection: the pool is closed here."""
    response = create_app(connections.pool("", 1)).test_client().get(PATH)
    assert "no contact" in check_problem(response, "not-found")["detail"]


def test_contact_is_a_mailto_https_or_tel_address() -> None:
    for contact in ("mailto:a@b.example", "https://b.example/report", "tel:+1-201-555-0123"):
        assert config.read({"CONSTANCIA_SECURITY_CONTACT": contact}).security_contact == contact
    assert config.read({"CONSTANCIA_SECURITY_CONTACT": ""}).security_contact is None
    wrong = ("a@b.example", "http://b.example", "mailto:", "mailto:a@b\nContact: tel:1", "tel:é")
    for contact in wrong:
        with pytest.raises(ValueError, match="CONSTANCIA_SECURITY_CONTACT is "):
            config.read({"CONSTANCIA_SECURITY_CONTACT": contact})
