"""The paths of the lists."""

# Queries.
LISTS = (
    "/v1/sources",
    "/v1/affiliations",
    "/v1/facilities",
    "/v1/detainees",
    "/v1/detainees/$detainee/detentions",
    "/v1/detentions",
    "/v1/release-events",
    "/v1/attestations",
    "/v1/claims",
    "/v1/comparisons",
    "/v1/counts/people",
    "/v1/differences",
    "/v1/changes",
)
LISTS_WITH_CURSOR = tuple(path for path in LISTS if path != "/v1/changes")
