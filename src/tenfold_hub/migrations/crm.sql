-- name: crm
-- Companies, and the people of an organization as its contacts.
CREATE SCHEMA crm;

CREATE TABLE crm.companies (
    {common},
    name text NOT NULL,
    name_normal text NOT NULL,
    domain text,
    industry text,
    size text,
    employees integer CHECK (employees >= 0),
    revenue_minor bigint CHECK (revenue_minor >= 0),
    revenue_currency text CHECK (revenue_currency ~ '^[A-Z]{3}$'),
    score integer NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'prospect',
    priority text NOT NULL DEFAULT 'normal',
    custom jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT companies_domain_key UNIQUE (organization_id, domain)
);
CREATE INDEX companies_created_at ON crm.companies (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX companies_updated_at ON crm.companies (organization_id, updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX companies_name ON crm.companies (organization_id, name_normal, id) WHERE archived_at IS NULL;
CREATE INDEX companies_industry ON crm.companies (organization_id, industry, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX companies_status ON crm.companies (organization_id, status, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX companies_score ON crm.companies (organization_id, score, id) WHERE archived_at IS NULL;

CREATE TABLE crm.contacts (
    {common},
    person_id uuid NOT NULL,
    company_id uuid,
    status text NOT NULL DEFAULT 'active',
    source text,
    score integer NOT NULL DEFAULT 0,
    email_opt_in boolean NOT NULL DEFAULT false,
    sms_opt_in boolean NOT NULL DEFAULT false,
    call_opt_in boolean NOT NULL DEFAULT false,
    last_contacted_at timestamptz,
    custom jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT contacts_person_key UNIQUE (organization_id, person_id),
    CONSTRAINT contacts_person_fkey FOREIGN KEY (organization_id, person_id)
        REFERENCES identity.people (organization_id, id),
    CONSTRAINT contacts_company_fkey FOREIGN KEY (organization_id, company_id)
        REFERENCES crm.companies (organization_id, id)
);
CREATE INDEX contacts_created_at ON crm.contacts (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX contacts_updated_at ON crm.contacts (organization_id, updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX contacts_company ON crm.contacts (organization_id, company_id);
CREATE INDEX contacts_status ON crm.contacts (organization_id, status, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX contacts_score ON crm.contacts (organization_id, score, id) WHERE archived_at IS NULL;
