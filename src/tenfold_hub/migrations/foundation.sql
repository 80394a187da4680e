-- name: hub
-- The audit log, and the answers that an Idempotency-Key had.
CREATE SCHEMA hub;

CREATE TABLE hub.audit_entries (
    organization_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    id uuid NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid NOT NULL,
    request_id text NOT NULL DEFAULT '',
    action text NOT NULL,
    resource text NOT NULL,
    object_id uuid NOT NULL,
    before jsonb,
    after jsonb,
    PRIMARY KEY (organization_id, at, id)
) PARTITION BY RANGE (at);
CREATE TABLE hub.audit_entries_rest PARTITION OF hub.audit_entries DEFAULT;
CREATE INDEX audit_entries_of_object ON hub.audit_entries (organization_id, object_id, at);

CREATE TABLE hub.idempotency_keys (
    organization_id uuid NOT NULL,
    credential_id uuid NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    id uuid NOT NULL,
    body_hash bytea NOT NULL,
    status integer NOT NULL,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, credential_id, route, key)
);
CREATE INDEX idempotency_keys_created_at ON hub.idempotency_keys (organization_id, created_at);

-- name: identity
-- Organizations, who works in them, their keys, and the people they know.
CREATE SCHEMA identity;

CREATE TABLE identity.organizations (
    id uuid PRIMARY KEY,
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,62}$'),
    name text NOT NULL,
    plan text NOT NULL DEFAULT 'free',
    settings jsonb NOT NULL DEFAULT '{}',
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz,
    CONSTRAINT organizations_slug_key UNIQUE (slug)
);

CREATE TABLE identity.api_keys (
    {common},
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    scopes jsonb NOT NULL DEFAULT '[]',
    expires_at timestamptz,
    CONSTRAINT api_keys_secret_hash_key UNIQUE (organization_id, secret_hash)
);

CREATE TABLE identity.people (
    {common},
    given_name text,
    family_name text,
    email text,
    email_normal text,
    phone text,
    phone_normal text,
    name_key text,
    lifecycle_stage text NOT NULL DEFAULT 'subscriber',
    owning_service text NOT NULL DEFAULT 'hub',
    custom jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX people_email ON identity.people (organization_id, email_normal, id) WHERE archived_at IS NULL AND email_normal IS NOT NULL;
CREATE INDEX people_phone ON identity.people (organization_id, phone_normal, id) WHERE archived_at IS NULL AND phone_normal IS NOT NULL;
CREATE INDEX people_name_key ON identity.people (organization_id, name_key, id) WHERE archived_at IS NULL AND name_key IS NOT NULL;
CREATE INDEX people_created_at ON identity.people (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX people_updated_at ON identity.people (organization_id, updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX people_stage ON identity.people (organization_id, lifecycle_stage, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX people_family_name ON identity.people (organization_id, family_name, id) WHERE archived_at IS NULL;
