-- name: exchange
-- What a hub exchanges with the world: webhooks and their deliveries, imports, exports.
CREATE SCHEMA exchange;

CREATE TABLE exchange.webhooks (
    {common},
    url text NOT NULL,
    topics jsonb NOT NULL,
    description text,
    active boolean NOT NULL DEFAULT true,
    disabled_reason text
);
CREATE INDEX webhooks_created_at ON exchange.webhooks (organization_id, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE exchange.webhook_secrets (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    webhook_id uuid NOT NULL,
    id uuid NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    PRIMARY KEY (organization_id, webhook_id, id),
    CONSTRAINT webhook_secrets_webhook_fkey FOREIGN KEY (organization_id, webhook_id)
        REFERENCES exchange.webhooks (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE exchange.deliveries (
    {common},
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    object text NOT NULL,
    payload jsonb NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed', 'discarded')),
    attempts integer NOT NULL DEFAULT 0,
    last_status integer,
    last_error text,
    delivered_at timestamptz,
    tries jsonb NOT NULL DEFAULT '[]',
    place bigint GENERATED ALWAYS AS IDENTITY,
    due_at timestamptz NOT NULL DEFAULT now(),
    since timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT deliveries_event_key UNIQUE (organization_id, webhook_id, event_id),
    CONSTRAINT deliveries_webhook_fkey FOREIGN KEY (organization_id, webhook_id)
        REFERENCES exchange.webhooks (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX deliveries_created_at ON exchange.deliveries (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX deliveries_webhook ON exchange.deliveries (organization_id, webhook_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX deliveries_status ON exchange.deliveries (organization_id, status, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX deliveries_due ON exchange.deliveries (organization_id, webhook_id, due_at, place) WHERE status = 'pending';
CREATE INDEX deliveries_object ON exchange.deliveries (organization_id, webhook_id, object, place) WHERE status = 'pending';

CREATE TABLE exchange.imports (
    {common},
    kind text NOT NULL,
    mode text NOT NULL,
    format text NOT NULL,
    mapping jsonb NOT NULL,
    match jsonb NOT NULL,
    blanks text NOT NULL,
    status text NOT NULL CHECK (status IN ('uploading', 'queued', 'running', 'done', 'failed', 'canceled')),
    columns jsonb NOT NULL DEFAULT '[]',
    rows_total bigint,
    rows_done bigint NOT NULL DEFAULT 0,
    rows_created bigint NOT NULL DEFAULT 0,
    rows_updated bigint NOT NULL DEFAULT 0,
    rows_failed bigint NOT NULL DEFAULT 0,
    error text,
    started_at timestamptz,
    finished_at timestamptz,
    next_chunk integer NOT NULL DEFAULT 0,
    actor_kind text NOT NULL,
    actor_id uuid NOT NULL,
    scopes jsonb NOT NULL
);
CREATE INDEX imports_created_at ON exchange.imports (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX imports_unfinished ON exchange.imports (organization_id) WHERE status IN ('uploading', 'queued', 'running');

CREATE TABLE exchange.import_chunks (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    import_id uuid NOT NULL,
    place integer NOT NULL,
    rows bytea NOT NULL,
    PRIMARY KEY (organization_id, import_id, place),
    CONSTRAINT import_chunks_import_fkey FOREIGN KEY (organization_id, import_id)
        REFERENCES exchange.imports (organization_id, id) ON DELETE CASCADE
);
ALTER TABLE exchange.import_chunks ALTER COLUMN rows SET STORAGE EXTERNAL;

CREATE TABLE exchange.import_failures (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    import_id uuid NOT NULL,
    line bigint NOT NULL,
    cells text NOT NULL,
    error text NOT NULL,
    PRIMARY KEY (organization_id, import_id, line),
    CONSTRAINT import_failures_import_fkey FOREIGN KEY (organization_id, import_id)
        REFERENCES exchange.imports (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE exchange.exports (
    {common},
    kind text NOT NULL,
    format text NOT NULL,
    gzip boolean NOT NULL,
    fields jsonb NOT NULL,
    filters jsonb NOT NULL,
    archived boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed', 'canceled')),
    rows_done bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    error text,
    started_at timestamptz,
    finished_at timestamptz,
    expires_at timestamptz,
    next_part integer NOT NULL DEFAULT 0,
    position text,
    actor_kind text NOT NULL,
    actor_id uuid NOT NULL,
    scopes jsonb NOT NULL
);
CREATE INDEX exports_created_at ON exchange.exports (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX exports_unfinished ON exchange.exports (organization_id) WHERE status IN ('uploading', 'queued', 'running');

CREATE TABLE exchange.export_parts (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    export_id uuid NOT NULL,
    place integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (organization_id, export_id, place),
    CONSTRAINT export_parts_export_fkey FOREIGN KEY (organization_id, export_id)
        REFERENCES exchange.exports (organization_id, id) ON DELETE CASCADE
);
ALTER TABLE exchange.export_parts ALTER COLUMN content SET STORAGE EXTERNAL;

-- name: partitions
-- Whoever maintains may have partitions of the audit log made, and cannot name anything else.
CREATE FUNCTION hub.make_audit_partitions(months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first date;
    name text;
    made integer := 0;
BEGIN
    FOR ahead IN 0 .. least(months, 24) LOOP
        first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
        name := 'audit_entries_' || to_char(first, 'YYYY_MM');
        CONTINUE WHEN to_regclass('hub.' || name) IS NOT NULL;
        BEGIN
            EXECUTE format(
                'CREATE TABLE hub.%I PARTITION OF hub.audit_entries FOR VALUES FROM (%L) TO (%L)',
                name, first::timestamp AT TIME ZONE 'UTC',
                (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
        EXCEPTION WHEN check_violation THEN
            -- Entries of this month are in the partition for the rest already, and stay there.
            CONTINUE;
        END;
        EXECUTE format('ALTER TABLE hub.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE hub.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY of_organization ON hub.%I USING (organization_id ='
            ' (SELECT NULLIF(current_setting(''app.organization_id'', true), '''')::uuid))'
            ' WITH CHECK (organization_id ='
            ' (SELECT NULLIF(current_setting(''app.organization_id'', true), '''')::uuid))', name);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
REVOKE ALL ON FUNCTION hub.make_audit_partitions(integer) FROM PUBLIC;

-- Whoever maintains may have those dropped that ended so many months ago, and none of the last three.
CREATE FUNCTION hub.drop_audit_partitions(months integer) RETURNS integer
    LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    dropped integer := 0;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'hub.audit_entries'::regclass AND c.relname ~ '^audit_entries_[0-9]{4}_[0-9]{2}$'
           AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
               <= now() AT TIME ZONE 'UTC' - make_interval(months => greatest(months, 3))
         ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE hub.%I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
REVOKE ALL ON FUNCTION hub.drop_audit_partitions(integer) FROM PUBLIC;
SELECT hub.make_audit_partitions(3);
