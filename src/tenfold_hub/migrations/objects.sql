-- name: objects
-- What an organization defines for itself: fields, kinds of things, and what belongs to what.
CREATE SCHEMA objects;

CREATE TABLE objects.definitions (
    {common},
    name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{1,59}$'),
    singular text NOT NULL,
    plural text NOT NULL,
    description text,
    label_field text,
    CONSTRAINT definitions_name_key UNIQUE (organization_id, name)
);
CREATE INDEX definitions_created_at ON objects.definitions (organization_id, created_at, id)
    WHERE archived_at IS NULL;

CREATE TABLE objects.fields (
    {common},
    object text NOT NULL,
    key text NOT NULL CHECK (key ~ '^[a-z][a-z0-9_]{0,59}$'),
    label text NOT NULL,
    description text,
    type text NOT NULL,
    required boolean NOT NULL DEFAULT false,
    "unique" boolean NOT NULL DEFAULT false,
    filterable boolean NOT NULL DEFAULT false,
    "default" jsonb,
    rules jsonb NOT NULL DEFAULT '{}',
    options jsonb NOT NULL DEFAULT '[]',
    visibility text NOT NULL DEFAULT 'shown',
    position integer NOT NULL DEFAULT 0,
    -- Of its values' rows: none, being filled, complete, being cleared; how many things were done; the last one.
    state text NOT NULL DEFAULT 'none' CHECK (state IN ('none', 'filling', 'ready', 'clearing')),
    filled bigint NOT NULL DEFAULT 0,
    filled_to uuid,
    CONSTRAINT fields_key_key UNIQUE (organization_id, object, key)
);
CREATE INDEX fields_created_at ON objects.fields (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX fields_position ON objects.fields (organization_id, object, position, id) WHERE archived_at IS NULL;

-- Counts the changes of the fields of one kind of thing: who kept the definitions sees whether they still hold.
CREATE TABLE objects.revisions (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    object text NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (organization_id, object)
);

-- Values of the fields that lists are filtered by, each in the form that it is compared in; NULL for a thing
-- that has none. `place` counts the values of one thing. The things are of other schemas, so no key refers to
-- them. created_at and archived are the thing's, so that one range of the index is a list in its order.
CREATE TABLE objects.text_values (
    organization_id uuid NOT NULL,
    object_id uuid NOT NULL,
    field_id uuid NOT NULL,
    place smallint NOT NULL,
    archived boolean NOT NULL,
    "unique" boolean NOT NULL,
    created_at timestamptz NOT NULL,
    value text COLLATE "C",
    PRIMARY KEY (organization_id, object_id, field_id, place)
);
CREATE INDEX text_values_value
    ON objects.text_values (organization_id, field_id, archived, value, created_at, object_id);
CREATE UNIQUE INDEX text_values_unique ON objects.text_values (organization_id, field_id, value) WHERE "unique";

CREATE TABLE objects.number_values (
    organization_id uuid NOT NULL,
    object_id uuid NOT NULL,
    field_id uuid NOT NULL,
    place smallint NOT NULL,
    archived boolean NOT NULL,
    "unique" boolean NOT NULL,
    created_at timestamptz NOT NULL,
    value bigint,
    PRIMARY KEY (organization_id, object_id, field_id, place)
);
CREATE INDEX number_values_value
    ON objects.number_values (organization_id, field_id, archived, value, created_at, object_id);
CREATE UNIQUE INDEX number_values_unique ON objects.number_values (organization_id, field_id, value) WHERE "unique";

-- Who writes things holds the definitions of their kind shared, who changes definitions holds them alone, to the
-- end of the transaction. The answer is the revision as it is once they are held: within a volatile function
-- each statement sees what was committed before it, which a statement with the lock in itself does not.
CREATE FUNCTION objects.hold(organization uuid, kind text, alone boolean) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog AS $$
DECLARE
    place bigint := hashtextextended(organization::text || '/' || kind, 7304);
BEGIN
    IF alone THEN
        PERFORM pg_advisory_xact_lock(place);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(place);
    END IF;
    RETURN coalesce(
        (SELECT r.revision FROM objects.revisions AS r WHERE r.organization_id = $1 AND r.object = $2), 0);
END $$;

CREATE TABLE objects.records (
    {common},
    definition_id uuid NOT NULL,
    custom jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT records_definition_fkey FOREIGN KEY (organization_id, definition_id)
        REFERENCES objects.definitions (organization_id, id)
);
CREATE INDEX records_created_at ON objects.records (organization_id, definition_id, created_at, id)
    WHERE archived_at IS NULL;
CREATE INDEX records_updated_at ON objects.records (organization_id, definition_id, updated_at, id)
    WHERE archived_at IS NULL;
CREATE INDEX records_definition ON objects.records (organization_id, definition_id, id);

CREATE TABLE objects.association_types (
    {common},
    name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,59}$'),
    label text NOT NULL,
    inverse_label text NOT NULL,
    from_object text NOT NULL,
    to_object text NOT NULL,
    most_from integer CHECK (most_from > 0),
    most_to integer CHECK (most_to > 0),
    CONSTRAINT association_types_name_key UNIQUE (organization_id, name)
);
CREATE INDEX association_types_created_at ON objects.association_types (organization_id, created_at, id)
    WHERE archived_at IS NULL;

CREATE TABLE objects.associations (
    {common},
    type text NOT NULL,
    from_object text NOT NULL,
    from_id uuid NOT NULL,
    to_object text NOT NULL,
    to_id uuid NOT NULL,
    label text,
    CONSTRAINT associations_type_fkey FOREIGN KEY (organization_id, type)
        REFERENCES objects.association_types (organization_id, name)
);
CREATE UNIQUE INDEX associations_pair_key ON objects.associations (organization_id, type, from_id, to_id)
    WHERE archived_at IS NULL;
CREATE INDEX associations_created_at ON objects.associations (organization_id, created_at, id)
    WHERE archived_at IS NULL;
CREATE INDEX associations_from ON objects.associations (organization_id, from_id, created_at, id);
CREATE INDEX associations_to ON objects.associations (organization_id, to_id, created_at, id);
CREATE INDEX associations_type ON objects.associations (organization_id, type, created_at, id);
