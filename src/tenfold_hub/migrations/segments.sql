-- name: segments
-- Segments, who is in them, and when time alone will change that.
CREATE TABLE crm.segments (
    {common},
    name text NOT NULL,
    name_normal text NOT NULL,
    description text,
    kind text NOT NULL CHECK (kind IN ('static', 'dynamic')),
    resource text NOT NULL,
    rule jsonb,
    types jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'ready' CHECK (state IN ('computing', 'ready', 'failed', 'clearing', 'cleared')),
    computed bigint NOT NULL DEFAULT 0,
    computed_to uuid,
    computation uuid NOT NULL,
    CONSTRAINT segments_rule_of_dynamic CHECK ((kind = 'dynamic') = (rule IS NOT NULL))
);
CREATE UNIQUE INDEX segments_name_key ON crm.segments (organization_id, resource, name_normal) WHERE archived_at IS NULL;
CREATE INDEX segments_created_at ON crm.segments (organization_id, created_at, id) WHERE archived_at IS NULL;

-- What a static segment is told to hold, whether it is live or archived.
CREATE TABLE crm.segment_picks (
    organization_id uuid NOT NULL,
    segment_id uuid NOT NULL,
    object_id uuid NOT NULL,
    resource text NOT NULL,
    picked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, segment_id, object_id),
    CONSTRAINT segment_picks_segment_fkey FOREIGN KEY (organization_id, segment_id)
        REFERENCES crm.segments (organization_id, id)
);
CREATE INDEX segment_picks_of_object ON crm.segment_picks (organization_id, object_id);

-- Members of all segments: live things only. They and what is due refer to segments without a foreign key: whoever
-- writes them holds the rules, and so knows that the segment is there, and none is ever deleted; the check takes
-- longer than the row itself, and locks the segment's row for each of its writers.
CREATE TABLE crm.segment_members (
    organization_id uuid NOT NULL,
    segment_id uuid NOT NULL,
    object_id uuid NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, segment_id, object_id)
);
CREATE INDEX segment_members_of_object ON crm.segment_members (organization_id, object_id, segment_id);

-- When the next condition on the time that has passed begins or ceases to hold.
CREATE TABLE crm.segment_dues (
    organization_id uuid NOT NULL,
    segment_id uuid NOT NULL,
    object_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, segment_id, object_id)
);
CREATE INDEX segment_dues_due_at ON crm.segment_dues (organization_id, due_at, segment_id, object_id);

-- How many members there are: the sum of its rows. As many as there were writers at once, so that none waits.
CREATE TABLE crm.segment_counts (
    organization_id uuid NOT NULL,
    segment_id uuid NOT NULL,
    id uuid NOT NULL,
    members bigint NOT NULL,
    PRIMARY KEY (organization_id, segment_id, id),
    CONSTRAINT segment_counts_segment_fkey FOREIGN KEY (organization_id, segment_id)
        REFERENCES crm.segments (organization_id, id)
);

CREATE TABLE crm.segment_revisions (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    revision uuid NOT NULL,
    PRIMARY KEY (organization_id)
);

-- Holds the rules of an organization's segments to the end of the transaction: shared by who keeps members,
-- alone for who changes rules. The answer is the revision as it is once they are held: within a volatile
-- function each statement sees what was committed before it.
CREATE FUNCTION crm.hold_segments(organization uuid, alone boolean) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
DECLARE
    place bigint := hashtextextended(organization::text, 7306);
BEGIN
    IF alone THEN
        PERFORM pg_advisory_xact_lock(place);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(place);
    END IF;
    RETURN (SELECT r.revision FROM crm.segment_revisions AS r WHERE r.organization_id = $1);
END $$;

CREATE TABLE crm.saved_searches (
    {common},
    name text NOT NULL,
    resource text NOT NULL,
    filters jsonb NOT NULL DEFAULT '[]',
    sort text NOT NULL DEFAULT '',
    fields jsonb NOT NULL DEFAULT '[]',
    visibility text NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'shared')),
    made_by uuid NOT NULL,
    -- Who sees it: its maker, or nobody in particular.
    audience uuid NOT NULL
);
CREATE INDEX saved_searches_created_at ON crm.saved_searches (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX saved_searches_audience ON crm.saved_searches (organization_id, audience, created_at, id) WHERE archived_at IS NULL;
