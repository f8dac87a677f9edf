-- Lists the people behind a count at a moment of record time, each with the event by which they count.
-- Names are those of today. `detainee_id` and `release_event_id` are of the surviving records, and
-- `key` is the person as then recorded, who keeps a place in the list.
-- At most `max_scanned` people are compared.
SELECT l.key, l.detainee_id, l.name, l.is_named, l.status, rfc3339(l.since) AS since,
    l.is_rearrested, l.release_event_id, l.occurred_on::text AS occurred_on, l.release_kind,
    l.facility_id, (
        SELECT r.entry ->> 'name' FROM recorded(l.facility_id, a.moment) r
    ) AS facility_name, l.independent_sources, l.independent_denials,
    l.detainee_id IS NOT NULL AS is_met, l.ends_scan
FROM (
    SELECT q.as_of, q.moment, %(min_sources)s::integer AS required,
        %(sees_hidden)s::boolean AS sees_hidden, (
            q.facility_ids, q.nationality, q.age_group, q.sex, q.release_kind, q.announcement_id,
            q.occurred_from, q.occurred_until
        )::count_filters AS filters
    FROM count_questions(%(questions)s) q
) a
CROSS JOIN LATERAL (
    SELECT k.key, k.ends_scan, p.detainee_id, p.name, p.is_named, p.status, p.since,
        p.is_rearrested, p.release_event_id, p.occurred_on, p.release_kind, p.facility_id,
        p.independent_sources, p.independent_denials
    FROM (
        SELECT d.id AS key, row_number() OVER (ORDER BY d.id) = %(max_scanned)s AS ends_scan
        FROM detainees d
        CROSS JOIN LATERAL (
            -- This status and the conditions on the present record skip people who cannot match. People who
            -- were hidden later are skipped whatever their values then, unless the public may know them
            -- today, so that no page or cursor tells these values.
            SELECT substr(o.status_codes, a.required, 1) AS code, o.groups
            FROM person_statuses o
            WHERE o.detainee_id = d.id AND o.published_from <= a.as_of
                AND o.recorded_from <= a.moment AND a.moment < o.recorded_until
            ORDER BY o.published_from DESC
            LIMIT 1
        ) o
        WHERE true
            AND d.id = ANY (ARRAY(SELECT e.id FROM people_of_release_events(ARRAY(SELECT t.id FROM release_events_ever_at((a.filters).facility_ids, a.sees_hidden) t), a.moment) e)) -- if selects_facilities
            AND d.id = ANY (ARRAY(SELECT e.id FROM people_of_release_events(ARRAY(SELECT t.id FROM release_events_ever_of((a.filters).announcement_id) t), a.moment) e)) -- if announcement_id
            AND o.code = ANY (%(codes)s) -- if codes
        AND d.id = ANY (ARRAY(SELECT e.id FROM people_of_release_events(ARRAY(SELECT t.id FROM release_events_ever_of_status(%(rare_status)s, a.required) t), a.moment) e)) -- if rare_status
        AND (SELECT bool_or(t.status_codes = ANY (ARRAY(SELECT unnest(codes_of_status(%(frequent_status)s, %(min_sources)s))))) FROM release_events_perhaps_of(d.id, NULL, NULL, NULL) e JOIN release_event_statuses t ON t.release_event_id = e.id) -- if frequent_status
            AND CASE WHEN a.sees_hidden OR NOT is_hidden(d.age_group, d.withheld) THEN coalesce(o.groups ->> 'age_group', 'unknown') IN ((a.filters).age_group, undisclosed()) ELSE disclosed_age_group(d.age_group, d.withheld, 'infinity') = (a.filters).age_group END -- if age_group
            AND (a.sees_hidden OR NOT is_hidden(d.age_group, d.withheld)) -- if sex
            AND o.groups ->> 'sex' IN ((a.filters).sex, undisclosed()) -- if sex
            AND (a.sees_hidden OR NOT is_hidden(d.age_group, d.withheld)) -- if nationality
            AND ((a.filters).nationality = ANY (d.nationalities) OR (SELECT l.recorded_at > a.moment FROM ledger l WHERE l.resource_id = d.id ORDER BY l.seq DESC LIMIT 1)) -- if nationality
            AND EXISTS (SELECT FROM release_events_perhaps_of(d.id, (a.filters).occurred_from, NULL, NULL) e) -- if occurred_from
            AND EXISTS (SELECT FROM release_events_perhaps_of(d.id, NULL, (a.filters).occurred_until, NULL) e) -- if occurred_until
            AND EXISTS (SELECT FROM release_events_perhaps_of(d.id, NULL, NULL, (a.filters).release_kind) e) -- if release_kind
            AND d.id > %(after)s -- if after
        ORDER BY d.id
        LIMIT %(max_scanned)s
    ) k
    LEFT JOIN LATERAL (
        SELECT p.detainee_id, v.name, v.is_named, c.status, s.since, c.is_rearrested,
            p.release_event_id, c.occurred_on, c.release_kind, f.facility_id,
            c.independent_sources, c.independent_denials
        FROM (
            SELECT c.status, c.is_rearrested, c.release_event_id, c.detention_id, c.occurred_on,
                c.release_kind, c.independent_sources, c.independent_denials
            FROM counted_person(
                k.key, a.as_of, a.moment, a.required, a.filters, a.sees_hidden
            ) c
            WHERE true
                AND c.status = %(status)s -- if status
                AND c.is_rearrested -- if is_rearrested
            OFFSET 0
        ) c
        CROSS JOIN LATERAL listed_person(k.key, c.release_event_id, a.filters, a.sees_hidden) p
        CROSS JOIN LATERAL (
            SELECT v.name, v.is_named FROM visible_detainees(a.sees_hidden) v
            WHERE v.id = p.detainee_id
            OFFSET 0
        ) v
        CROSS JOIN LATERAL status_holds_since(
            c.release_event_id, a.as_of, a.moment, a.required, (a.filters).release_kind, c.status
        ) s
        CROSS JOIN LATERAL (
            -- That of a hidden person only if it is also the one that the public may know today.
            SELECT CASE
                WHEN NOT p.is_redacted OR r.facility_id = (
                    SELECT t.facility_id FROM visible_detentions(false) t
                    WHERE t.id = p.detention_id
                ) THEN r.facility_id
            END AS facility_id
            FROM recorded_values(k.key, c.detention_id, a.moment, a.sees_hidden) r
        ) f
        WHERE p.is_listed
    ) p ON true
    WHERE p.detainee_id IS NOT NULL OR k.ends_scan
    ORDER BY k.key
    LIMIT %(limit)s
) l
