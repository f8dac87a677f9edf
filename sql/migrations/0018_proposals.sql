-- Proposals: writes about hidden people by `contribute` keys.

-- The response to such a write would depend on hidden days and events. So the write is stored, and its
-- key gets the same response in every case. It has an effect once an `edit` key accepts it.
CREATE TABLE proposals (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key_id uuid NOT NULL CONSTRAINT proposal_is_of_an_api_key REFERENCES api_keys,
    resource text NOT NULL CONSTRAINT proposal_is_of_a_known_resource
        CHECK (resource IN ('detainee', 'detention', 'release_event')),
    detainee_id uuid NOT NULL CONSTRAINT proposal_is_about_a_detainee REFERENCES detainees,
    -- The record to update or to void. Null for a new record until the proposal is accepted.
    record_id uuid,
    action text NOT NULL CONSTRAINT proposal_is_of_a_known_action
        CHECK (action IN ('create', 'update', 'void')),
    -- The fields of the request body, by the names of the contract.
    body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'open' CONSTRAINT proposal_has_a_known_state
        CHECK (state IN ('open', 'accepted', 'rejected')),
    decided_at timestamptz,
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT decided_proposal_has_a_moment CHECK ((state = 'open') = (decided_at IS NULL)),
    CONSTRAINT proposal_has_its_record CHECK (
        record_id IS NOT NULL OR (action = 'create' AND state <> 'accepted')
    )
);

CREATE INDEX proposals_of_key ON proposals (key_id, id);
CREATE INDEX proposals_by_state ON proposals (state, id);

CREATE TRIGGER decision_is_final BEFORE UPDATE ON proposals
    FOR EACH ROW WHEN (old.state <> 'open')
    EXECUTE FUNCTION refuse_change('The decision');

GRANT SELECT, INSERT, UPDATE (record_id, state, decided_at, reason, updated_at) ON proposals
TO constancia_service;

-- The proposals that a caller sees: those of its own key, without the reason of a rejection, and with
-- scope `edit` all of them.
CREATE FUNCTION visible_proposals(sees_hidden boolean, key_id uuid) RETURNS TABLE (
    id uuid, key_id uuid, resource text, detainee_id uuid, record_id uuid, action text,
    body jsonb, state text, decided_at timestamptz, reason text,
    created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.id, p.key_id, p.resource, p.detainee_id, p.record_id, p.action, p.body, p.state,
        p.decided_at, CASE WHEN $1 THEN p.reason END, p.created_at, p.updated_at
    FROM proposals p
    WHERE $1 OR p.key_id = $2;
END;
