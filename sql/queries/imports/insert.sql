-- Inserts a preview, before its rows.
INSERT INTO imports (
    key_id, state, ledger_seq, file_sha256, attestation, reading, totals, people, release_events,
    attestations
)
VALUES (
    %(key_id)s, 'previewed', %(ledger_seq)s, %(file_sha256)s, %(attestation)s, %(reading)s, '{}', 0, 0, 0
)
RETURNING id
