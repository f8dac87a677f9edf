"""The data of the service as schema.org's Dataset (JSON-LD), for search engines of data."""

from collections.abc import Mapping
from typing import Any

from api.pages.site import Address
from api.wording.words import Words

_LICENSES = "https://spdx.org/licenses/"


def describe(
    spoken: Words, address: Address, first_day: str | None, license: str | None
) -> Mapping[str, Any]:
    """Return the description of the data.

    The license is an SPDX identifier or an https address. The data cover the time from the
    first day on.
    """
    files = (
        ("application/zip", "/v1/export.zip"),
        ("text/csv", "/v1/release-events?format=csv"),
        ("application/x-ndjson", "/v1/export"),
    )
    terms = license if license is None or license.startswith("https://") else _LICENSES + license
    return {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "name": spoken.text("Releases of political prisoners, and who attests to them"),
        "description": spoken.text(
            "People detained for political reasons, the releases that were reported of them, what "
            "each source published about each release, and which releases two or more independent "
            "sources confirm. Hidden people have a pseudonym."
        ),
        "url": address.absolute("/"),
        "isAccessibleForFree": True,
        "creator": {"@type": "Organization", "name": "Constancia", "url": address.absolute("/")},
        **({"temporalCoverage": f"{first_day}/.."} if first_day else {}),
        **({"license": terms} if terms else {}),
        "distribution": [
            {
                "@type": "DataDownload",
                "encodingFormat": media_type,
                "contentUrl": address.absolute(path),
            }
            for media_type, path in files
        ],
    }
