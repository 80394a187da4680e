-- name: commerce
-- Products, orders with their lines, the customers who placed them, and refunds. Amounts are minor units.
CREATE SCHEMA commerce;

CREATE TABLE commerce.products (
    {common},
    sku text NOT NULL,
    name text NOT NULL,
    description text,
    prices jsonb NOT NULL DEFAULT '{}',
    tax_bp integer NOT NULL DEFAULT 0 CHECK (tax_bp BETWEEN 0 AND 10000),
    metadata jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT products_sku_key UNIQUE (organization_id, sku)
);
CREATE INDEX products_created_at ON commerce.products (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX products_updated_at ON commerce.products (organization_id, updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX products_name ON commerce.products (organization_id, name, id) WHERE archived_at IS NULL;

CREATE TABLE commerce.customers (
    {common},
    person_id uuid NOT NULL,
    note text,
    metadata jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT customers_person_key UNIQUE (organization_id, person_id),
    CONSTRAINT customers_person_fkey FOREIGN KEY (organization_id, person_id)
        REFERENCES identity.people (organization_id, id)
);
CREATE INDEX customers_created_at ON commerce.customers (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX customers_updated_at ON commerce.customers (organization_id, updated_at, id) WHERE archived_at IS NULL;

-- One row for each currency that a customer ordered in. Rows go with their customer. No CHECK is here: an upsert
-- that takes something off is checked as if it were a row of its own.
CREATE TABLE commerce.customer_statistics (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    customer_id uuid NOT NULL,
    currency text NOT NULL,
    orders bigint NOT NULL,
    spent_minor bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    first_order_at timestamptz,
    last_order_at timestamptz,
    PRIMARY KEY (organization_id, customer_id, currency),
    CONSTRAINT customer_statistics_customer_fkey FOREIGN KEY (organization_id, customer_id)
        REFERENCES commerce.customers (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE commerce.orders (
    {common},
    external_id text,
    content_hash bytea NOT NULL,
    customer_id uuid NOT NULL,
    person_id uuid NOT NULL,
    status text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    tax_mode text NOT NULL CHECK (tax_mode IN ('inclusive', 'exclusive')),
    discount jsonb,
    subtotal_minor bigint NOT NULL CHECK (subtotal_minor >= 0),
    discount_minor bigint NOT NULL CHECK (discount_minor BETWEEN 0 AND subtotal_minor),
    tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    paid_minor bigint NOT NULL DEFAULT 0 CHECK (paid_minor BETWEEN 0 AND total_minor),
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND paid_minor),
    payment_reference text,
    note text,
    metadata jsonb NOT NULL DEFAULT '{}',
    placed_at timestamptz,
    paid_at timestamptz,
    fulfilled_at timestamptz,
    cancelled_at timestamptz,
    CONSTRAINT orders_external_id_key UNIQUE (organization_id, external_id),
    CONSTRAINT orders_customer_fkey FOREIGN KEY (organization_id, customer_id)
        REFERENCES commerce.customers (organization_id, id)
);
CREATE INDEX orders_created_at ON commerce.orders (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX orders_updated_at ON commerce.orders (organization_id, updated_at, id) WHERE archived_at IS NULL;
CREATE INDEX orders_placed_at ON commerce.orders (organization_id, placed_at, id) WHERE archived_at IS NULL;
CREATE INDEX orders_total_minor ON commerce.orders (organization_id, total_minor, id) WHERE archived_at IS NULL;
CREATE INDEX orders_customer ON commerce.orders (organization_id, customer_id, placed_at, id);
CREATE INDEX orders_person ON commerce.orders (organization_id, person_id, created_at, id);
CREATE INDEX orders_status ON commerce.orders (organization_id, status, created_at, id) WHERE archived_at IS NULL;

CREATE TABLE commerce.order_items (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    order_id uuid NOT NULL,
    id uuid NOT NULL,
    position integer NOT NULL,
    product_id uuid,
    sku text,
    name text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
    discount jsonb,
    subtotal_minor bigint NOT NULL,
    line_discount_minor bigint NOT NULL CHECK (line_discount_minor >= 0),
    order_discount_minor bigint NOT NULL CHECK (order_discount_minor >= 0),
    tax_bp integer NOT NULL CHECK (tax_bp BETWEEN 0 AND 10000),
    tax_minor bigint NOT NULL CHECK (tax_minor >= 0),
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    refunded_quantity bigint NOT NULL DEFAULT 0 CHECK (refunded_quantity BETWEEN 0 AND quantity),
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND total_minor),
    PRIMARY KEY (organization_id, order_id, id),
    CONSTRAINT order_items_order_fkey FOREIGN KEY (organization_id, order_id)
        REFERENCES commerce.orders (organization_id, id),
    CONSTRAINT order_items_product_fkey FOREIGN KEY (organization_id, product_id)
        REFERENCES commerce.products (organization_id, id)
);
CREATE INDEX order_items_product ON commerce.order_items (organization_id, product_id, order_id);

-- What became of an order, and when: rows are added and never changed.
CREATE TABLE commerce.order_history (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    order_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    event text NOT NULL,
    status_before text,
    status text NOT NULL,
    amount_minor bigint,
    reason text,
    actor_kind text NOT NULL,
    actor_id uuid NOT NULL,
    PRIMARY KEY (organization_id, order_id, id),
    CONSTRAINT order_history_order_fkey FOREIGN KEY (organization_id, order_id)
        REFERENCES commerce.orders (organization_id, id)
);

CREATE TABLE commerce.refunds (
    {common},
    external_id text,
    content_hash bytea NOT NULL,
    order_id uuid NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    reason text,
    CONSTRAINT refunds_external_id_key UNIQUE (organization_id, external_id),
    CONSTRAINT refunds_order_fkey FOREIGN KEY (organization_id, order_id)
        REFERENCES commerce.orders (organization_id, id)
);
CREATE INDEX refunds_created_at ON commerce.refunds (organization_id, created_at, id) WHERE archived_at IS NULL;
CREATE INDEX refunds_order ON commerce.refunds (organization_id, order_id, created_at, id);

CREATE TABLE commerce.refund_items (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    refund_id uuid NOT NULL,
    order_id uuid NOT NULL,
    item_id uuid NOT NULL,
    quantity bigint NOT NULL CHECK (quantity >= 0),
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    PRIMARY KEY (organization_id, refund_id, item_id),
    CONSTRAINT refund_items_refund_fkey FOREIGN KEY (organization_id, refund_id)
        REFERENCES commerce.refunds (organization_id, id),
    CONSTRAINT refund_items_item_fkey FOREIGN KEY (organization_id, order_id, item_id)
        REFERENCES commerce.order_items (organization_id, order_id, id)
);
CREATE INDEX refund_items_item ON commerce.refund_items (organization_id, order_id, item_id);

-- name: summary
-- A customer in one row, with what other domains know of the person, as of the last refresh: see
-- tenfold_hub.commerce.summary. No key refers to customers: one who went is here until the next refresh.
CREATE TABLE commerce.customer_crm_summary (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    customer_id uuid NOT NULL,
    person_id uuid NOT NULL,
    given_name text,
    family_name text,
    email text,
    lifecycle_stage text NOT NULL,
    orders bigint NOT NULL,
    first_order_at timestamptz,
    last_order_at timestamptz,
    currencies jsonb NOT NULL,
    contact_id uuid,
    contact_score integer,
    last_contacted_at timestamptz,
    PRIMARY KEY (organization_id, customer_id)
);
CREATE INDEX customer_crm_summary_last_order_at
    ON commerce.customer_crm_summary (organization_id, last_order_at, customer_id);
CREATE INDEX customer_crm_summary_orders ON commerce.customer_crm_summary (organization_id, orders, customer_id);
CREATE INDEX customer_crm_summary_contact_score
    ON commerce.customer_crm_summary (organization_id, contact_score, customer_id);
CREATE INDEX customer_crm_summary_person ON commerce.customer_crm_summary (organization_id, person_id);

CREATE TABLE commerce.summary_refreshes (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    refreshed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id)
);
