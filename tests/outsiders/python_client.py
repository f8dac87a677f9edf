"""Record a release with the client that openapi-python-client generated, until it is confirmed.

Run as `python python_client.py ADDRESS KEY` in the folder that has the package `constancia_client`.
"""

import sys
from datetime import UTC, date, datetime
from typing import Any

from constancia_client import AuthenticatedClient  # type: ignore[import-not-found]
from constancia_client import models as m
from constancia_client.api.attestations import create_attestation
from constancia_client.api.counts import get_counts
from constancia_client.api.detainees import create_detainee, get_detainee, list_detainees
from constancia_client.api.detentions import create_detention
from constancia_client.api.release_events import create_release_event
from constancia_client.api.sources import create_source
from httpx import Timeout

address, key = sys.argv[1:]
# A loaded machine may take longer than the five seconds that are the default.
client = AuthenticatedClient(
    base_url=address, token=key, timeout=Timeout(60), raise_on_unexpected_status=True
)


def expect(response: Any, kind: type) -> Any:
    """Return the response if it is of this model, not a problem."""
    assert isinstance(response, kind), response
    return response


def record(operation: Any, kind: type, body: Any, *path: Any) -> Any:
    return expect(operation.sync(*path, client=client, body=body), kind)


person = record(
    create_detainee,
    m.NewDetainee,
    m.DetaineeCreate(name="Belisario Quintanar", nationalities=[m.Country.VE]),
)
detention = m.DetentionCreate(detained_on="2024-02")
record(create_detention, m.Detention, detention, person.id)
event = record(
    create_release_event,
    m.ReleaseEvent,
    m.ReleaseEventCreate(detainee_id=person.id, occurred_on=date(2026, 1, 8)),
)
statuses = [event.verification.status]
for name in ("Puertas Abiertas", "El Correo"):
    source = record(
        create_source, m.NewSource, m.SourceCreate(name=name, kind=m.SourceKind.NGO, country=None)
    )
    attestation = record(
        create_attestation,
        m.Attestation,
        m.AttestationCreate(
            release_event_id=event.id,
            source_id=source.id,
            stance=m.Stance.CONFIRMS,
            basis=m.Basis.FIRST_HAND,
            evidence=m.Evidence.STATEMENT,
            published_at=datetime(2026, 1, 9, 12, tzinfo=UTC),
        ),
    )
    statuses.append(attestation.verification.status)
assert statuses == [m.Status.UNVERIFIED, m.Status.REPORTED, m.Status.CONFIRMED], statuses

counts = expect(get_counts.sync(client=client), m.Counts)
assert counts.confirmed == 1, counts
people = expect(list_detainees.sync(client=client), m.DetaineeList)
assert [(p.id, p.custody) for p in people.items] == [(person.id, m.Custody.RELEASED)], people
problem = expect(get_detainee.sync(event.id, client=client), m.Problem)
assert problem.type_ == "/problems/not-found", problem
print(*statuses)
