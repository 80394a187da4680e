-- name: people
-- Who people are in other systems, and which of them were merged.
CREATE TABLE identity.external_identities (
    {common},
    person_id uuid NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    CONSTRAINT external_identities_person_fkey FOREIGN KEY (organization_id, person_id)
        REFERENCES identity.people (organization_id, id)
);
CREATE UNIQUE INDEX external_identities_key ON identity.external_identities (organization_id, source, external_id) WHERE archived_at IS NULL;
CREATE INDEX external_identities_person ON identity.external_identities (organization_id, person_id, created_at, id);
CREATE INDEX external_identities_created_at ON identity.external_identities (organization_id, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE identity.merges (
    {common},
    survivor_id uuid NOT NULL,
    merged_ids jsonb NOT NULL,
    undo_until timestamptz NOT NULL,
    undone_at timestamptz
);
CREATE INDEX merges_created_at ON identity.merges (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX merges_survivor ON identity.merges (organization_id, survivor_id, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE identity.merge_images (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    merge_id uuid NOT NULL,
    step integer NOT NULL,
    place bigint NOT NULL,
    what text NOT NULL CHECK (what IN ('moved', 'changed', 'removed', 'added')),
    relation text NOT NULL,
    key jsonb NOT NULL,
    before jsonb,
    after jsonb,
    keep_until timestamptz NOT NULL,
    PRIMARY KEY (organization_id, merge_id, step, place),
    CONSTRAINT merge_images_merge_fkey FOREIGN KEY (organization_id, merge_id)
        REFERENCES identity.merges (organization_id, id)
);
CREATE INDEX merge_images_keep_until ON identity.merge_images (organization_id, keep_until);

CREATE TABLE identity.person_aliases (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    alias_id uuid NOT NULL,
    person_id uuid NOT NULL,
    merge_id uuid NOT NULL,
    PRIMARY KEY (organization_id, alias_id),
    CONSTRAINT person_aliases_person_fkey FOREIGN KEY (organization_id, person_id)
        REFERENCES identity.people (organization_id, id),
    CONSTRAINT person_aliases_merge_fkey FOREIGN KEY (organization_id, merge_id)
        REFERENCES identity.merges (organization_id, id)
);
CREATE INDEX person_aliases_person ON identity.person_aliases (organization_id, person_id);
CREATE INDEX person_aliases_merge ON identity.person_aliases (organization_id, merge_id);

-- name: access
-- Who works in which organization. A user has no organization, and nothing to read but since when their password
-- is what it is: the e-mail that an organization knows them by is their membership's.
CREATE TABLE identity.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Whoever logs in names the organization by its slug, before there is one that policies could go by.
CREATE TABLE identity.slugs (
    slug text PRIMARY KEY,
    id uuid NOT NULL
);
CREATE FUNCTION identity.keep_slug() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO identity.slugs (slug, id) VALUES (NEW.slug, NEW.id);
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_slug AFTER INSERT ON identity.organizations
    FOR EACH ROW EXECUTE FUNCTION identity.keep_slug();

CREATE TABLE identity.memberships (
    {common},
    user_id uuid NOT NULL REFERENCES identity.users (id),
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'read_only')),
    name text NOT NULL,
    email text NOT NULL,
    email_normal text NOT NULL,
    CONSTRAINT memberships_user_key UNIQUE (organization_id, user_id),
    CONSTRAINT memberships_email_key UNIQUE (organization_id, email_normal)
);
CREATE INDEX memberships_created_at ON identity.memberships (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX memberships_role ON identity.memberships (organization_id, role, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE identity.teams (
    {common},
    name text NOT NULL,
    description text
);
CREATE UNIQUE INDEX teams_name_key ON identity.teams (organization_id, name) WHERE archived_at IS NULL;
CREATE INDEX teams_created_at ON identity.teams (organization_id, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE identity.team_members (
    {common},
    team_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    CONSTRAINT team_members_team_fkey FOREIGN KEY (organization_id, team_id)
        REFERENCES identity.teams (organization_id, id),
    CONSTRAINT team_members_membership_fkey FOREIGN KEY (organization_id, membership_id)
        REFERENCES identity.memberships (organization_id, id)
);
CREATE UNIQUE INDEX team_members_key ON identity.team_members (organization_id, team_id, membership_id) WHERE archived_at IS NULL;
CREATE INDEX team_members_team ON identity.team_members (organization_id, team_id, created_at, id);
CREATE INDEX team_members_membership ON identity.team_members (organization_id, membership_id, created_at, id);
CREATE INDEX team_members_created_at ON identity.team_members (organization_id, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE identity.invites (
    {common},
    email text NOT NULL,
    email_normal text NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'read_only')),
    secret_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    CONSTRAINT invites_secret_hash_key UNIQUE (organization_id, secret_hash)
);
CREATE INDEX invites_created_at ON identity.invites (organization_id, created_at, id);

CREATE TABLE identity.sessions (
    {common},
    user_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT sessions_secret_hash_key UNIQUE (organization_id, secret_hash),
    CONSTRAINT sessions_member_fkey FOREIGN KEY (organization_id, user_id)
        REFERENCES identity.memberships (organization_id, user_id)
);
CREATE INDEX sessions_user ON identity.sessions (organization_id, user_id, created_at, id);
CREATE INDEX sessions_created_at ON identity.sessions (organization_id, created_at, id);
CREATE INDEX api_keys_created_at ON identity.api_keys (organization_id, created_at, id) WHERE archived_at IS NULL;
