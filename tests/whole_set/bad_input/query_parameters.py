"""Invalid requests: query parameters of lists, counts, timelines and feeds."""

from api.rendering import pagination
from tests.whole_set.bad_input.invalid_requests import UNKNOWN_ID, refused, wrong_query
from tests.whole_set.bad_input.lists import LISTS, LISTS_WITH_CURSOR
from tests.whole_set.bad_input.valid_bodies import source

for path in LISTS:
    for value in (
        "0",
        "201",
        "1e9",
        "1000000000",
        "-1",
        "%205",
        "%2B5",
        "+5",
        "5%20",
        "%D9%A3",
        "5.0",
        "0x5",
        "1_0",
        "",
        "five",
        "null",
        "9" * 5000,
        "%00",
        "5%00",
        "5%0A",
    ):
        wrong_query(f"limit={value[:20]}", path, f"limit={value}", "/limit")
    wrong_query("an unknown parameter", path, "colour=red", "/colour", message="There are: ")
    for name in ("page", "offset"):
        wrong_query("a numbered page", path, f"{name}=2", f"/{name}", message="follow `next`")
    wrong_query("spaces around it", path, "limit=+7", "/limit", message="Remove the spaces")
    wrong_query("ignored, and unknown", path, "_=1&_=2&__=3", "/__")
    wrong_query("a parameter in another case", path, "LIMIT=5", "/LIMIT")
    wrong_query("a parameter without a name", path, "=5", "/")
    wrong_query("a key in the query", path, "key=constancia_x", "/key")
    wrong_query("a parameter twice", path, "limit=5&limit=5", "/limit")
    wrong_query("a parameter twice, once escaped", path, "limit=5&%6cimit=6", "/limit")
    wrong_query("an unknown parameter twice", path, "x=1&x=2", "/x")
    wrong_query("invalid UTF-8", path, "limit=%FF", "")
    wrong_query("invalid UTF-8 in a parameter's name", path, "%C3=1", "")
    wrong_query("a surrogate", path, "limit=%ED%A0%80", "")
for query, pointers in {
    "limit=0&colour=red&cursor=%20": ("/limit", "/colour", "/cursor"),
    "limit=0&limit=1&x=1": ("/limit", "/x"),
}.items():
    wrong_query(f"several faults at once: {query}", "/v1/sources", query, *pointers)
for query in ("q=%zz", "q=100%", "q=%4", "q=%C3%28"):
    wrong_query(f"invalid percent-encoding: {query}", "/v1/detainees", query, "")
for value in ("", "%20", "%00", "a%00b", "%E2%80%AE", "a%0Ab", "n" * 201, "%20%20"):
    wrong_query(f"q={value[:20]}", "/v1/detainees", f"q={value}", "/q")
for query in ("as_of=2026-01-09T12:00:00+00:00", "as_of=2026-01-09t12:00:00.5+04:00"):
    wrong_query(f"a plus: {query}", "/v1/counts", query, "/as_of", message="write %2B")
wrong_query("spaces around a name", "/v1/counts", "time_zone=+UTC&x=+1", "/time_zone", "/x")
wrong_query("a country", "/v1/counts", "country=ve", "/country", message="in capital letters")
for value in ("", "V-1", ":V-1", "Lista:V-1", "lista:", f"lista:{'9' * 201}", "lista:V%0A1"):
    query = f"external_id={value}"
    wrong_query(query[:40], "/v1/detainees", query, "/external_id")
for path in ("/v1/detainees", "/v1/release-events"):
    for value in ("", "2026-01-08", "yesterday"):
        wrong_query(f"updated_since={value}", path, f"updated_since={value}", "/updated_since")
wrong_query(
    "the past of updated records",
    "/v1/release-events",
    "updated_since=2026-01-08T00:00:00Z&recorded_as_of=2026-01-08T00:00:00Z",
    "/updated_since",
)
wrong_query("a status of custody", "/v1/detainees", "custody=free", "/custody")
wrong_query(
    "a search with filters",
    "/v1/detainees",
    "q=Ana&custody=detained&nationality=VE",
    *("/custody", "/nationality"),
)
for path in ("/v1/detainees", "/v1/release-events", "/v1/counts"):
    wrong_query("no such facility", path, f"facility_id={UNKNOWN_ID}", "/facility_id")
wrong_query("q twice", "/v1/detainees", "q=Ana&q=Eva", "/q")
for value in (
    "-1",
    "9007199254740992",
    "9223372036854775808",
    "18446744073709551616",
    "1e3",
    "",
    "x",
):
    wrong_query(f"after={value}", "/v1/changes", f"after={value}", "/after")
wrong_query("changes have no cursor", "/v1/changes", "cursor=abc", "/cursor")
for path in LISTS_WITH_CURSOR:
    for value in (
        "",
        "%20",
        "abc",
        "A",
        "AAAA",
        "a" * 200,
        "a" * 201,
        "%2B%2F%3D",
        "..%2F",
        "1",
        UNKNOWN_ID,
        "%00",
        "%E2%84%AA",
        "AAAAAAAAAAAA_w",
    ):
        wrong_query(f"cursor={value[:20]}", path, f"cursor={value}", "/cursor")
    wrong_query("a cursor of no table", path, "format=csv&cursor=abc", "/cursor")
for query, pointer in {
    "min_sources=0": "/min_sources",
    "min_sources=6": "/min_sources",
    "min_sources=2.0": "/min_sources",
    "facility_id=x": "/facility_id",
    "nationality=ve": "/nationality",
    "nationality=": "/nationality",
    "age_group=child": "/age_group",
    "sex=F": "/sex",
    "sex=null": "/sex",
    "release_kind=FULL": "/release_kind",
    "occurred_from=2026-02-30": "/occurred_from",
    "occurred_until=0000-01-01": "/occurred_until",
    "as_of=2125-01-01T00:00:00Z": "/as_of",
    "recorded_as_of=2125-01-01T00:00:00Z": "/recorded_as_of",
    "as_of=9999-12-31T23:59:59Z": "/as_of",
    "as_of=": "/as_of",
    "group_by=colour": "/group_by",
    "group_by=": "/group_by",
    "group_by=SEX": "/group_by",
    "group_by=sex,age_group": "/group_by",
    "group_by=sex&group_by=age_group": "/group_by",
    "announcement_id=x": "/announcement_id",
    "announcement_id=": "/announcement_id",
    f"announcement_id={UNKNOWN_ID}%00": "/announcement_id",
}.items():
    wrong_query(query, "/v1/counts", query, pointer)
    if query.startswith(("min_sources", "as_of", "recorded_as_of")):
        wrong_query(query, "/v1/release-events/$event/verification", query, pointer)
        wrong_query(query, "/v1/claims/$announcement/delivery", query, pointer)
    if query.startswith(("min_sources", "recorded_as_of")):
        wrong_query(query, "/v1/claims/$claim/comparison", query, pointer)
        wrong_query(query, "/v1/comparisons", query, pointer)
    if not query.startswith("group_by"):
        wrong_query(query, "/v1/counts/people", query, pointer)
    if query.startswith(("facility", "nationality")):
        wrong_query(query, "/v1/detainees", query, pointer)
    if query.startswith(
        ("min_sources", "as_of", "recorded", "facility", "announcement", "occurred")
    ):
        wrong_query(query, "/v1/release-events", query, pointer)
    if not query.startswith(("as_of", "recorded_as_of", "group_by")):
        wrong_query(query, "/v1/differences", f"from=2026-01-08&{query}", pointer)
    if not query.startswith(("as_of", "group_by")):
        wrong_query(query, "/v1/counts/timeline", f"from=2026-01-08&{query}", pointer)
for query, pointer in {
    "": "/from",
    "until=2026-01-09": "/from",
    "until_recorded=2026-01-09T00:00:00Z": "/from",
    "from=2026-01-09&until=2026-01-07": "/from",
    "from=2125-01-01": "/from",
    "from=0001-01-01": "/from",
    "from=2026-01-09&until=2125-01-01": "/until",
    "from_recorded=2125-01-01T00:00:00Z": "/from_recorded",
    "from=2026-01-09&until_recorded=2125-01-01T00:00:00Z": "/until_recorded",
    "from_recorded=2026-01-09T00:00:00Z&until_recorded=2026-01-08T00:00:00Z": "/from_recorded",
    "from_recorded=2026-01-09": "/from_recorded",
    "from=2026-01-09&as_of=2026-01-09T00:00:00Z": "/as_of",
}.items():
    wrong_query(query or "no moment", "/v1/differences", query, pointer)
for path in ("/v1/claims/$claim/comparison", "/v1/comparisons"):
    wrong_query("its moment is the claim's", path, "as_of=2026-01-09T12:00:00Z", "/as_of")
wrong_query("grouped", "/v1/counts/timeline", "from=2026-01-08&group_by=sex", "/group_by")
for query, pointer in {
    "kind=": "/kind",
    "kind=RELEASED": "/kind",
    "kind=arrested": "/kind",
    "kind=released&kind=detained": "/kind",
    "source_id=x": "/source_id",
    "announcement_id=x": "/announcement_id",
    "value=24": "/value",
}.items():
    wrong_query(query, "/v1/claims", query, pointer)
    wrong_query(query, "/v1/comparisons", query, pointer)
for query, pointer in {
    "facility_id=x": "/facility_id",
    "nationality=ve": "/nationality",
    "age_group=child": "/age_group",
}.items():
    wrong_query(query, "/v1/comparisons", query, pointer)
    wrong_query(query, "/v1/claims", query, pointer)

# Time zones: only files of time zones are read.
for value in (
    "",
    "Mars/Olympus",
    "america/caracas",
    "America",
    "America/",
    "/America/Caracas",
    "America//Caracas",
    "localtime",
    "Factory",
    "posixrules",
    "zone.tab",
    "tzdata.zi",
    "__init__",
    "../etc/passwd",
    "..%2F..%2Fetc%2Fpasswd",
    "/etc/passwd",
    "/dev/zero",
    "%2Fetc%2Flocaltime",
    "UTC%00",
    "UTC%0A",
    "%20UTC",
    "+04:00",
    "-04:00",
    "A" * 64,
    "A" * 65,
    "A" * 5000,
):
    for path in (
        "/v1/counts",
        "/v1/release-events/$event/verification",
        "/v1/claims/$claim/comparison",
        "/v1/claims/$announcement/delivery",
        "/v1/comparisons",
    ):
        wrong_query(f"time_zone={value[:30]}", path, f"time_zone={value}", "/time_zone")
    wrong_query(
        f"time_zone={value[:30]}",
        "/v1/counts/timeline",
        f"from=2026-01-08&time_zone={value}",
        "/time_zone",
    )
wrong_query(
    "no zone, and no moment",
    "/v1/counts",
    "time_zone=Mars/Olympus&as_of=2025-02-30T00:00:00Z",
    "/as_of",
    "/time_zone",
)

# Timelines.
for query, pointers in {
    "": ("/from",),
    "from=": ("/from",),
    "until=2026-01-09": ("/from",),
    "from=2026": ("/from",),
    "from=2026-01": ("/from",),
    "from=2026-1-8": ("/from",),
    "from=2026-02-30": ("/from",),
    "from=2026-13-01": ("/from",),
    "from=0000-01-01": ("/from",),
    "from=0001-01-01": ("/from",),
    "from=0001-01-01T00:00:00Z": ("/from",),
    "from=0001-12-31&bucket=month": ("/from",),
    "from=1000-01-01&bucket=month": ("/bucket",),
    "from=9999-12-31": ("/from",),
    "from=9999-12-31T23:59:59Z": ("/from",),
    "from=9999-12-31T23:59:59-14:00": ("/from",),
    "from=2125-01-01": ("/from",),
    "from=2125-01-01T00:00:00Z": ("/from",),
    "from=2026-01-08T00:00:00": ("/from",),
    "from=2026-01-08T25:00:00Z": ("/from",),
    "from=2026-01-08T00:00:60Z": ("/from",),
    "from=2026-01-08T00:00:00+00:00": ("/from",),
    "from=2026-01-08%00": ("/from",),
    "from=today": ("/from",),
    "from=" + "2" * 5000: ("/from",),
    "from=2026-01-08&from=2026-01-09": ("/from",),
    "from=2026-01-08&until=": ("/until",),
    "from=2026-01-08&until=2026-02-30": ("/until",),
    "from=2026-01-08&until=9999-12-31": ("/until",),
    "from=2026-01-08&until=9999-12-31T23:59:59.999999Z": ("/until",),
    "from=2026-01-08&until=2125-01-01": ("/until",),
    "from=2026-01-08&until=2026-01-07": ("/from",),
    "from=2026-01-08&until=0001-01-01": ("/from",),
    "from=2026-01-08T00:00:00Z&until=2026-01-08T00:00:00Z": ("/from",),
    "from=2026-01-08T00:00:00Z&until=2026-01-08T01:00:00%2B01:00": ("/from",),
    "from=2026-01-08&until=2026-01-07T23:59:59.999999Z": ("/from",),
    "from=2125-01-01&until=2125-01-02": ("/from", "/until"),
    "from=2026-02-30&until=2026-02-31": ("/from", "/until"),
    "from=2026-01-08&bucket=": ("/bucket",),
    "from=2026-01-08&bucket=year": ("/bucket",),
    "from=2026-01-08&bucket=DAY": ("/bucket",),
    "from=2026-01-08&bucket=minute": ("/bucket",),
    "from=2025-11-01&until=2025-12-31&bucket=hour": ("/bucket",),
    "from=0002-01-01&bucket=hour": ("/bucket",),
    "from=2020-01-01&until=2025-12-31&bucket=day": ("/bucket",),
    "from=1900-01-01&until=2025-12-31&bucket=week": ("/bucket",),
    "from=2026-01-08&limit=5": ("/limit",),
    "from=2026-01-08&as_of=2026-01-09T12:00:00Z": ("/as_of",),
    "From=2026-01-08": ("/From", "/from"),
    "from_=2026-01-08": ("/from_", "/from"),
    "bucket=year&time_zone=%20&min_sources=0": ("/from", "/bucket", "/time_zone", "/min_sources"),
}.items():
    wrong_query(f"a timeline: {query[:60]}", "/v1/counts/timeline", query, *pointers)

# Forms.
for path in (*LISTS, "/v1/counts", "/v1/claims/$claim/comparison"):
    for value in ("", "xml", "CSV", "jsonld", "atom", "text/csv", "csv%00", "csv,json"):
        wrong_query(f"format={value}", path, f"format={value}", "/format")
    for value in ("", "1", "True", "yes"):
        wrong_query(f"excel={value}", path, f"format=csv&excel={value}", "/excel")
    wrong_query("JSON for Excel", path, "excel=true", "/excel")
    wrong_query("a format twice", path, "format=csv&format=json", "/format")
for path, texts in {
    "/v1/feed": ("json", "csv", "rss", ""),
    "/v1/release-events/$event": ("csv", "ndjson", "atom", ""),
    "/v1/export": ("json", "csv", "ndjson"),
    "/v1/claims/$announcement/case": ("json", "ndjson"),
    "/v1/sources/$source": ("json", "csv"),
    "/v1/claims/$claim": ("json", "csv"),
    "/v1/claims/$announcement/delivery": ("json", "csv"),
    "/v1/release-events/$event/verification": ("json", "csv"),
    "/healthz": ("json",),
}.items():
    for value in texts:
        wrong_query(f"format={value}", path, f"format={value}", "/format")
refused(
    "a format of a write",
    "POST",
    "/v1/sources",
    "validation-error",
    "/format",
    body=source(),
    query="format=json",
)
for value in ("0", "201", "-1", "1.0", "five", ""):
    wrong_query(f"limit={value}", "/v1/feed", f"limit={value}", "/limit")
for name in ("cursor", "after", "status", "since"):
    wrong_query(f"a feed by {name}", "/v1/feed", f"{name}=1", f"/{name}")
wrong_query(
    "two moments ahead",
    "/v1/counts",
    "as_of=2125-01-01T00:00:00Z&recorded_as_of=2125-01-01T00:00:00Z",
    "/as_of",
    "/recorded_as_of",
)
for path in (
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/v1/sources/$source",
    "/v1/detentions/$detention",
    "/v1/export",
    "/v1/claims/$announcement/case",
):
    wrong_query("takes no parameters", path, "x=1", "/x")
wrong_query("100 parameters", "/v1/sources", "&".join("x" for _ in range(100)), "/x")
wrong_query("101 parameters", "/v1/sources", "&".join("x" for _ in range(101)), "")
wrong_query("only ampersands", "/v1/sources", "&" * 8000, "")
refused(
    "a parameter of a write",
    "POST",
    "/v1/sources",
    "validation-error",
    "/dry_run",
    body=source(),
    query="dry_run=1",
)

# Cursors whose moments the list itself would refuse.
for name, moments in {
    "in the future": ("9999-12-31", "2026-01-12", "9999-12-31", "2026-01-12"),
    "backwards": ("2026-01-12", "2026-01-08", "2026-01-12", "2026-01-12"),
}.items():
    asked = {"from_": "2026-01-08", "min_sources": 2, "sees_hidden": False}
    position = " ".join([*(f"{moment}T00:00:00Z" for moment in moments), UNKNOWN_ID])
    forged = pagination.encode("listDifferences", asked, position)
    query = f"from=2026-01-08&cursor={forged}"
    wrong_query(f"a cursor with moments {name}", "/v1/differences", query, "/cursor")

# A cursor of the pairs of sources.
pairs_cursor = pagination.encode("listDuplicates", {"resource": "source"}, UNKNOWN_ID)
for query, pointer in {
    "": "/resource",
    "resource=": "/resource",
    "resource=claim": "/resource",
    "resource=Source": "/resource",
    "resource=source&resource=detainee": "/resource",
    "resource=source&limit=0": "/limit",
    "resource=source&limit=201": "/limit",
    "resource=source&cursor=abc": "/cursor",
    f"resource=source&cursor={UNKNOWN_ID}": "/cursor",
    f"resource=detainee&cursor={pairs_cursor}": "/cursor",
    "resource=source&after=1": "/after",
}.items():
    refused(
        f"pairs with {query[:60]}",
        "GET",
        "/v1/duplicates",
        "validation-error",
        pointer,
        query=query,
    )
