-- name: by_id
-- One person, as GET /v1/people/{id} asks.
SELECT id, version, created_at, updated_at, archived_at, given_name, family_name, email, phone, lifecycle_stage,
       owning_service, custom
  FROM identity.people WHERE organization_id = %(organization)s AND id = ANY(ARRAY[%(person)s]::uuid[])

-- name: by_email
-- One person by e-mail.
SELECT id, version, given_name, family_name, email FROM identity.people
 WHERE organization_id = %(organization)s AND email_normal = %(email)s AND archived_at IS NULL ORDER BY id LIMIT 1

-- name: joined
-- Person, customer and contact by the person's id.
SELECT p.*, c.id AS customer_id, k.id AS contact_id, k.status
  FROM identity.people AS p
  LEFT JOIN commerce.customers AS c ON c.organization_id = p.organization_id AND c.person_id = p.id
  LEFT JOIN crm.contacts AS k ON k.organization_id = p.organization_id AND k.person_id = p.id
 WHERE p.organization_id = %(organization)s AND p.id = %(person)s

-- name: contained
-- As the seed has it: a value somewhere in the JSON.
SELECT id FROM identity.people WHERE organization_id = %(organization)s AND custom @> '{"city": "Oslo"}' LIMIT 50

-- name: typed
-- As the hub has it: the values of a filterable field as typed rows.
SELECT t.id FROM objects.text_values AS v
  JOIN identity.people AS t ON t.organization_id = v.organization_id AND t.id = v.object_id
 WHERE v.organization_id = %(organization)s AND v.field_id = '00000000-0000-7000-8000-000000000001'
   AND NOT v.archived AND v.value = 'city7' AND t.organization_id = %(organization)s AND t.archived_at IS NULL
 ORDER BY v.created_at DESC, v.object_id DESC LIMIT 51

-- name: typed_rows
-- One value in a hundred of each person: what a filterable field with a city in it has.
INSERT INTO objects.text_values (organization_id, object_id, field_id, place, archived, "unique", created_at, value)
SELECT organization_id, id, '00000000-0000-7000-8000-000000000001', 0, false, false, created_at,
       'city' || abs(hashtext(id::text)) %% 100
  FROM identity.people WHERE organization_id = %(organization)s

-- name: page
-- The newest 50 contacts.
SELECT id, version, person_id, company_id, status, score, created_at, updated_at FROM crm.contacts
 WHERE organization_id = %(organization)s AND archived_at IS NULL ORDER BY updated_at DESC, id DESC LIMIT 51

-- name: page_of_status
-- The newest 50 active contacts.
SELECT id, version, person_id, company_id, status, score, created_at, updated_at FROM crm.contacts
 WHERE organization_id = %(organization)s AND archived_at IS NULL AND status = 'active'
 ORDER BY created_at DESC, id DESC LIMIT 51

-- name: middle
-- The person in the middle of the list: where a page at depth begins.
SELECT created_at, id FROM identity.people WHERE organization_id = %(organization)s AND archived_at IS NULL
 ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET %(half)s

-- name: first_page
-- The first 50 people.
SELECT id, version, email, created_at FROM identity.people
 WHERE organization_id = %(organization)s AND archived_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 51

-- name: deep_page
-- 50 people from the middle, by a cursor.
SELECT id, version, email, created_at FROM identity.people
 WHERE organization_id = %(organization)s AND archived_at IS NULL AND (created_at, id) < (%(at)s, %(after)s)
 ORDER BY created_at DESC, id DESC LIMIT 51

-- name: offset_page
-- The same 50 by OFFSET.
SELECT id, version, email, created_at FROM identity.people
 WHERE organization_id = %(organization)s AND archived_at IS NULL ORDER BY created_at DESC, id DESC
 LIMIT 51 OFFSET %(half)s

-- name: apart
-- Contacts and customers as the seed would have them apart: each with the person's columns.
CREATE SCHEMA bench_apart;
CREATE TABLE bench_apart.contacts AS SELECT p.* FROM identity.people AS p
  WHERE p.organization_id = %(organization)s ORDER BY id LIMIT 100000;
CREATE TABLE bench_apart.customers AS SELECT * FROM bench_apart.contacts ORDER BY md5(id::text) LIMIT 100;
CREATE INDEX ON bench_apart.contacts (organization_id, created_at, id);
CREATE INDEX ON bench_apart.customers (organization_id, created_at, id);
CREATE INDEX ON bench_apart.contacts (organization_id, email_normal);
CREATE INDEX ON bench_apart.customers (organization_id, email_normal);
ALTER TABLE bench_apart.contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE bench_apart.customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON bench_apart.contacts USING
  (organization_id = (SELECT NULLIF(current_setting('app.organization_id', true), '')::uuid));
CREATE POLICY own ON bench_apart.customers USING
  (organization_id = (SELECT NULLIF(current_setting('app.organization_id', true), '')::uuid));
GRANT USAGE ON SCHEMA bench_apart TO PUBLIC;
GRANT SELECT ON bench_apart.contacts, bench_apart.customers TO PUBLIC;
ANALYZE bench_apart.contacts; ANALYZE bench_apart.customers

-- name: union_page
-- The newest 50 of both, each human once.
SELECT id, email, created_at FROM bench_apart.contacts WHERE organization_id = %(organization)s
 UNION
SELECT id, email, created_at FROM bench_apart.customers WHERE organization_id = %(organization)s
 ORDER BY created_at DESC, id DESC LIMIT 51
