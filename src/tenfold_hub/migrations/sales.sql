-- name: search
-- What is searched: one entry for each thing, the terms that find it, and the words of the organization with
-- the keys that a mistyped word shares with the right one. All of it is looked up by `=` or a range, which an
-- index serves under row-level security; it is made of what people, companies, leads and deals hold.
CREATE TABLE crm.search_entries (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    object_id uuid NOT NULL,
    kind text NOT NULL,
    title text NOT NULL,
    detail text,
    words text NOT NULL,
    marks text NOT NULL,
    PRIMARY KEY (organization_id, object_id)
);
CREATE TABLE crm.search_postings (
    organization_id uuid NOT NULL,
    term bigint NOT NULL,
    object_id uuid NOT NULL,
    PRIMARY KEY (organization_id, term, object_id)
);
CREATE TABLE crm.search_words (
    organization_id uuid NOT NULL,
    word text COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, word)
);
CREATE TABLE crm.search_keys (
    organization_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    word text COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, key, word)
);

-- name: fields
-- Who looks after contacts and companies, when and where somebody opted in, and what lists are filtered by.
ALTER TABLE crm.contacts
    ADD COLUMN owner_id uuid,
    ADD COLUMN job_title text,
    ADD COLUMN department text,
    ADD COLUMN language text,
    ADD COLUMN time_zone text,
    ADD COLUMN email_opt_in_at timestamptz,
    ADD COLUMN email_opt_in_source text,
    ADD COLUMN sms_opt_in_at timestamptz,
    ADD COLUMN sms_opt_in_source text,
    ADD COLUMN call_opt_in_at timestamptz,
    ADD COLUMN call_opt_in_source text,
    ADD CONSTRAINT contacts_owner_fkey FOREIGN KEY (organization_id, owner_id)
        REFERENCES identity.memberships (organization_id, user_id);
CREATE INDEX contacts_owner ON crm.contacts (organization_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;
CREATE INDEX contacts_email_opt_in ON crm.contacts (organization_id, email_opt_in, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX contacts_sms_opt_in ON crm.contacts (organization_id, sms_opt_in, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX contacts_call_opt_in ON crm.contacts (organization_id, call_opt_in, created_at, id) WHERE archived_at IS NULL;

ALTER TABLE crm.companies
    ADD COLUMN owner_id uuid,
    ADD COLUMN assigned_to uuid,
    ADD COLUMN parent_id uuid,
    ADD COLUMN website text,
    ADD COLUMN description text,
    ADD CONSTRAINT companies_owner_fkey FOREIGN KEY (organization_id, owner_id)
        REFERENCES identity.memberships (organization_id, user_id),
    ADD CONSTRAINT companies_assigned_to_fkey FOREIGN KEY (organization_id, assigned_to)
        REFERENCES identity.memberships (organization_id, user_id),
    ADD CONSTRAINT companies_parent_fkey FOREIGN KEY (organization_id, parent_id)
        REFERENCES crm.companies (organization_id, id);
CREATE INDEX companies_owner ON crm.companies (organization_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;
CREATE INDEX companies_assigned_to ON crm.companies (organization_id, assigned_to, created_at, id) WHERE assigned_to IS NOT NULL;
CREATE INDEX companies_parent ON crm.companies (organization_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX companies_size ON crm.companies (organization_id, size, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX companies_priority ON crm.companies (organization_id, priority, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX companies_employees ON crm.companies (organization_id, employees, id) WHERE archived_at IS NULL;
CREATE INDEX companies_revenue ON crm.companies (organization_id, revenue_minor, id) WHERE archived_at IS NULL;

-- name: points
-- E-mail addresses, phone numbers, accounts and postal addresses of contacts and of companies.
CREATE TABLE crm.contact_points (
    {common},
    contact_id uuid,
    company_id uuid,
    kind text NOT NULL,
    value text NOT NULL,
    value_normal text NOT NULL,
    provider text,
    label text,
    is_primary boolean NOT NULL DEFAULT false,
    CONSTRAINT contact_points_of_one CHECK (num_nonnulls(contact_id, company_id) = 1),
    CONSTRAINT contact_points_contact_fkey FOREIGN KEY (organization_id, contact_id)
        REFERENCES crm.contacts (organization_id, id),
    CONSTRAINT contact_points_company_fkey FOREIGN KEY (organization_id, company_id)
        REFERENCES crm.companies (organization_id, id)
);
CREATE UNIQUE INDEX contact_points_contact_key ON crm.contact_points (organization_id, contact_id, kind, value_normal) WHERE contact_id IS NOT NULL;
CREATE UNIQUE INDEX contact_points_company_key ON crm.contact_points (organization_id, company_id, kind, value_normal) WHERE company_id IS NOT NULL;
CREATE INDEX contact_points_value ON crm.contact_points (organization_id, value_normal) WHERE archived_at IS NULL;
CREATE INDEX contact_points_created_at ON crm.contact_points (organization_id, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE crm.addresses (
    {common},
    contact_id uuid,
    company_id uuid,
    label text,
    is_primary boolean NOT NULL DEFAULT false,
    street text,
    extra text,
    city text,
    region text,
    postal_code text,
    country text,
    CONSTRAINT addresses_of_one CHECK (num_nonnulls(contact_id, company_id) = 1),
    CONSTRAINT addresses_contact_fkey FOREIGN KEY (organization_id, contact_id)
        REFERENCES crm.contacts (organization_id, id),
    CONSTRAINT addresses_company_fkey FOREIGN KEY (organization_id, company_id)
        REFERENCES crm.companies (organization_id, id)
);
CREATE INDEX addresses_contact ON crm.addresses (organization_id, contact_id, created_at, id) WHERE contact_id IS NOT NULL;
CREATE INDEX addresses_company ON crm.addresses (organization_id, company_id, created_at, id) WHERE company_id IS NOT NULL;
CREATE INDEX addresses_created_at ON crm.addresses (organization_id, created_at, id) WHERE archived_at IS NULL;

-- name: sales
-- Pipelines with their stages, deals with the stages that they went through, and leads.
CREATE TABLE crm.pipelines (
    {common},
    name text NOT NULL,
    CONSTRAINT pipelines_name_key UNIQUE (organization_id, name)
);
CREATE INDEX pipelines_created_at ON crm.pipelines (organization_id, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE crm.stages (
    {common},
    pipeline_id uuid NOT NULL,
    name text NOT NULL,
    position integer NOT NULL,
    probability integer NOT NULL CHECK (probability BETWEEN 0 AND 100),
    outcome text NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'won', 'lost')),
    CONSTRAINT stages_pipeline_key UNIQUE (organization_id, pipeline_id, id),
    CONSTRAINT stages_pipeline_fkey FOREIGN KEY (organization_id, pipeline_id)
        REFERENCES crm.pipelines (organization_id, id)
);
CREATE INDEX stages_position ON crm.stages (organization_id, position, id) WHERE archived_at IS NULL;

CREATE TABLE crm.deals (
    {common},
    name text NOT NULL,
    pipeline_id uuid NOT NULL,
    stage_id uuid NOT NULL,
    status text NOT NULL,
    amount_minor bigint,
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    company_id uuid,
    owner_id uuid,
    expected_close date,
    stage_entered_at timestamptz NOT NULL,
    closed_at timestamptz,
    lost_reason text,
    source text,
    custom jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT deals_amount_has_currency CHECK (amount_minor IS NULL OR currency IS NOT NULL),
    CONSTRAINT deals_stage_fkey FOREIGN KEY (organization_id, pipeline_id, stage_id)
        REFERENCES crm.stages (organization_id, pipeline_id, id),
    CONSTRAINT deals_owner_fkey FOREIGN KEY (organization_id, owner_id)
        REFERENCES identity.memberships (organization_id, user_id),
    CONSTRAINT deals_company_fkey FOREIGN KEY (organization_id, company_id)
        REFERENCES crm.companies (organization_id, id)
);
CREATE INDEX deals_created_at ON crm.deals (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX deals_updated_at ON crm.deals (organization_id, updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX deals_of_stage ON crm.deals (organization_id, pipeline_id, stage_id);
CREATE INDEX deals_pipeline ON crm.deals (organization_id, pipeline_id, created_at, id) WHERE archived_at IS NULL;
-- The board reads amounts from it, and no row of the table where vacuum has been.
CREATE INDEX deals_in_stage ON crm.deals (organization_id, stage_id, created_at, id) INCLUDE (currency, amount_minor) WHERE archived_at IS NULL;
CREATE INDEX deals_status ON crm.deals (organization_id, status, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX deals_owner ON crm.deals (organization_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;
CREATE INDEX deals_company ON crm.deals (organization_id, company_id, created_at, id) WHERE company_id IS NOT NULL;
CREATE INDEX deals_expected_close ON crm.deals (organization_id, expected_close, id) WHERE archived_at IS NULL;
CREATE INDEX deals_amount ON crm.deals (organization_id, amount_minor, id) WHERE archived_at IS NULL;

CREATE TABLE crm.deal_contacts (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    deal_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, deal_id, contact_id),
    CONSTRAINT deal_contacts_deal_fkey FOREIGN KEY (organization_id, deal_id)
        REFERENCES crm.deals (organization_id, id),
    CONSTRAINT deal_contacts_contact_fkey FOREIGN KEY (organization_id, contact_id)
        REFERENCES crm.contacts (organization_id, id)
);
CREATE INDEX deal_contacts_contact ON crm.deal_contacts (organization_id, contact_id, deal_id);

CREATE TABLE crm.deal_moves (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    deal_id uuid NOT NULL,
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    from_stage_id uuid,
    stage_id uuid NOT NULL,
    seconds bigint,
    PRIMARY KEY (organization_id, deal_id, at, id),
    CONSTRAINT deal_moves_deal_fkey FOREIGN KEY (organization_id, deal_id)
        REFERENCES crm.deals (organization_id, id)
);

CREATE TABLE crm.leads (
    {common},
    name text NOT NULL,
    given_name text,
    family_name text,
    email text,
    phone text,
    company_name text,
    job_title text,
    status text NOT NULL DEFAULT 'new',
    source text,
    labels jsonb NOT NULL DEFAULT '[]',
    score integer NOT NULL DEFAULT 0,
    owner_id uuid,
    converted_at timestamptz,
    contact_id uuid,
    company_id uuid,
    deal_id uuid,
    CONSTRAINT leads_owner_fkey FOREIGN KEY (organization_id, owner_id)
        REFERENCES identity.memberships (organization_id, user_id),
    CONSTRAINT leads_contact_fkey FOREIGN KEY (organization_id, contact_id)
        REFERENCES crm.contacts (organization_id, id),
    CONSTRAINT leads_company_fkey FOREIGN KEY (organization_id, company_id)
        REFERENCES crm.companies (organization_id, id),
    CONSTRAINT leads_deal_fkey FOREIGN KEY (organization_id, deal_id) REFERENCES crm.deals (organization_id, id)
);
CREATE INDEX leads_created_at ON crm.leads (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX leads_updated_at ON crm.leads (organization_id, updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX leads_status ON crm.leads (organization_id, status, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX leads_source ON crm.leads (organization_id, source, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX leads_owner ON crm.leads (organization_id, owner_id, created_at, id) WHERE owner_id IS NOT NULL;
CREATE INDEX leads_score ON crm.leads (organization_id, score, id) WHERE archived_at IS NULL;
CREATE INDEX leads_contact ON crm.leads (organization_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX leads_company ON crm.leads (organization_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX leads_deal ON crm.leads (organization_id, deal_id) WHERE deal_id IS NOT NULL;

CREATE TABLE crm.lead_labels (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    label text NOT NULL,
    object_id uuid NOT NULL,
    PRIMARY KEY (organization_id, label, object_id),
    CONSTRAINT lead_labels_lead_fkey FOREIGN KEY (organization_id, object_id)
        REFERENCES crm.leads (organization_id, id)
);
CREATE INDEX lead_labels_lead ON crm.lead_labels (organization_id, object_id);

-- name: activities
-- What is done and to be done, what is noted, and the timeline of everything about a thing.
CREATE TABLE crm.activities (
    {common},
    kind text NOT NULL,
    subject text NOT NULL,
    body text,
    direction text,
    outcome text,
    priority text NOT NULL DEFAULT 'normal',
    starts_at timestamptz,
    ends_at timestamptz,
    due_at timestamptz,
    completed_at timestamptz,
    owner_id uuid,
    contact_id uuid,
    company_id uuid,
    deal_id uuid,
    lead_id uuid,
    about text,
    -- What is to be done has not taken place before it is done.
    took_place_at timestamptz GENERATED ALWAYS AS (
        CASE WHEN kind = 'task' THEN completed_at ELSE coalesce(completed_at, starts_at, created_at) END
    ) STORED,
    CONSTRAINT activities_owner_fkey FOREIGN KEY (organization_id, owner_id)
        REFERENCES identity.memberships (organization_id, user_id),
    CONSTRAINT activities_contact_fkey FOREIGN KEY (organization_id, contact_id)
        REFERENCES crm.contacts (organization_id, id),
    CONSTRAINT activities_company_fkey FOREIGN KEY (organization_id, company_id)
        REFERENCES crm.companies (organization_id, id),
    CONSTRAINT activities_deal_fkey FOREIGN KEY (organization_id, deal_id)
        REFERENCES crm.deals (organization_id, id),
    CONSTRAINT activities_lead_fkey FOREIGN KEY (organization_id, lead_id)
        REFERENCES crm.leads (organization_id, id)
);
CREATE INDEX activities_created_at ON crm.activities (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX activities_due_at ON crm.activities (organization_id, due_at, id) WHERE archived_at IS NULL;
CREATE INDEX activities_kind ON crm.activities (organization_id, kind, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX activities_owner ON crm.activities (organization_id, owner_id, due_at, id) WHERE owner_id IS NOT NULL;
CREATE INDEX activities_contact ON crm.activities (organization_id, contact_id, created_at, id) WHERE contact_id IS NOT NULL;
CREATE INDEX activities_company ON crm.activities (organization_id, company_id, created_at, id) WHERE company_id IS NOT NULL;
CREATE INDEX activities_deal ON crm.activities (organization_id, deal_id, created_at, id) WHERE deal_id IS NOT NULL;
CREATE INDEX activities_lead ON crm.activities (organization_id, lead_id, created_at, id) WHERE lead_id IS NOT NULL;
CREATE INDEX activities_contact_took_place ON crm.activities (organization_id, contact_id, kind, took_place_at)
    WHERE contact_id IS NOT NULL AND took_place_at IS NOT NULL AND archived_at IS NULL;
CREATE INDEX activities_company_took_place ON crm.activities (organization_id, company_id, kind, took_place_at)
    WHERE company_id IS NOT NULL AND took_place_at IS NOT NULL AND archived_at IS NULL;
CREATE INDEX activities_about ON crm.activities (organization_id, about, created_at, id) WHERE about IS NOT NULL;

CREATE TABLE crm.notes (
    {common},
    body text NOT NULL,
    pinned boolean NOT NULL DEFAULT false,
    contact_id uuid,
    company_id uuid,
    deal_id uuid,
    lead_id uuid,
    about text,
    CONSTRAINT notes_contact_fkey FOREIGN KEY (organization_id, contact_id)
        REFERENCES crm.contacts (organization_id, id),
    CONSTRAINT notes_company_fkey FOREIGN KEY (organization_id, company_id)
        REFERENCES crm.companies (organization_id, id),
    CONSTRAINT notes_deal_fkey FOREIGN KEY (organization_id, deal_id) REFERENCES crm.deals (organization_id, id),
    CONSTRAINT notes_lead_fkey FOREIGN KEY (organization_id, lead_id) REFERENCES crm.leads (organization_id, id)
);
CREATE INDEX notes_created_at ON crm.notes (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX notes_contact ON crm.notes (organization_id, contact_id, created_at, id) WHERE contact_id IS NOT NULL;
CREATE INDEX notes_company ON crm.notes (organization_id, company_id, created_at, id) WHERE company_id IS NOT NULL;
CREATE INDEX notes_deal ON crm.notes (organization_id, deal_id, created_at, id) WHERE deal_id IS NOT NULL;
CREATE INDEX notes_lead ON crm.notes (organization_id, lead_id, created_at, id) WHERE lead_id IS NOT NULL;
CREATE INDEX notes_about ON crm.notes (organization_id, about, created_at, id) WHERE about IS NOT NULL;

CREATE TABLE crm.timeline (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    id uuid NOT NULL,
    object_id uuid NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    source_id uuid NOT NULL,
    source text NOT NULL,
    summary jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX timeline_of_object ON crm.timeline (organization_id, object_id, at, id);
CREATE INDEX timeline_of_source ON crm.timeline (organization_id, source_id);

-- name: tags
-- Words that anything may be marked with.
CREATE TABLE crm.tags (
    {common},
    name text NOT NULL,
    name_normal text NOT NULL,
    colour text,
    CONSTRAINT tags_name_key UNIQUE (organization_id, name_normal)
);
CREATE INDEX tags_created_at ON crm.tags (organization_id, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE crm.taggings (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    tag_id uuid NOT NULL,
    object_id uuid NOT NULL,
    kind text NOT NULL,
    tagged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, tag_id, object_id),
    CONSTRAINT taggings_tag_fkey FOREIGN KEY (organization_id, tag_id) REFERENCES crm.tags (organization_id, id)
);
CREATE INDEX taggings_of_object ON crm.taggings (organization_id, object_id);

-- name: statistics
-- A table that nobody has analyzed yet is planned as if an organization had one row of it, and as if nearly all
-- were archived: a foreign key's check, or a search for an address, then takes any index that leads with the
-- organization, reads all its rows, and a first import takes time in the square of its rows. What is usual can
-- be said beforehand, from version 18 on.
DO $$
DECLARE
    told record;
BEGIN
    IF current_setting('server_version_num')::integer < 180000 THEN
        RETURN;
    END IF;
    FOR told IN
        SELECT n.nspname::text, c.relname::text, a.attname::text, a.attname = 'archived_at' AS archived
          FROM pg_namespace AS n
          JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind = 'r'
          JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname IN ('organization_id', 'archived_at')
         WHERE n.nspname IN ('identity', 'objects', 'crm')
    LOOP
        PERFORM pg_restore_attribute_stats(
            'schemaname', told.nspname, 'relname', told.relname, 'attname', told.attname, 'inherited', false,
            'null_frac', CASE WHEN told.archived THEN 0.98 ELSE 0 END::real,
            'avg_width', CASE WHEN told.archived THEN 8 ELSE 16 END,
            'n_distinct', CASE WHEN told.archived THEN -0.02 ELSE 10 END::real);
    END LOOP;
END
$$;
