-- Locks an import that is about to be applied.
SELECT i.id, i.state, i.ledger_seq, i.attestation, i.facilities,
    EXISTS (SELECT FROM import_files f WHERE f.import_id = i.id) AS is_case
FROM imports i
WHERE i.id = %(id)s AND (i.key_id IS NOT DISTINCT FROM %(key_id)s OR %(sees_all)s)
FOR UPDATE
