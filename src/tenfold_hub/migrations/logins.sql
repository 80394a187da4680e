-- name: passwords
-- What users prove who they are by, and how often somebody failed to. The application has no right to these
-- tables: it asks the functions below, each of which tells it what one login needs, and no more.
CREATE TABLE identity.passwords (
    user_id uuid PRIMARY KEY REFERENCES identity.users (id),
    email_normal text NOT NULL,
    form text NOT NULL,
    verifier bytea NOT NULL
);
CREATE INDEX passwords_email ON identity.passwords (email_normal, user_id);

CREATE TABLE identity.failed_logins (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account bytea NOT NULL,
    source bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX failed_logins_account ON identity.failed_logins (account, at);
CREATE INDEX failed_logins_source ON identity.failed_logins (source, at);
CREATE INDEX failed_logins_at ON identity.failed_logins (at);

-- Known to nobody but the functions.
CREATE TABLE identity.login_secret (
    alone boolean PRIMARY KEY DEFAULT true CHECK (alone),
    secret bytea NOT NULL
);
INSERT INTO identity.login_secret (secret)
VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

-- name: functions
-- Of an e-mail or an address: what nobody can work out, or back, who has not the secret.
CREATE FUNCTION identity.keyed(purpose text, said text) RETURNS bytea
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(s.secret || sha256(convert_to(keyed.purpose || chr(31) || keyed.said, 'UTF8')))
      FROM identity.login_secret AS s
$$;

-- A source that is not known has no key, so that what fails there is counted for the account alone.
CREATE FUNCTION identity.source_key(said text) RETURNS bytea
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN source_key.said = '' THEN ''::bytea ELSE identity.keyed('source', source_key.said) END
$$;

-- Seconds until another try: of an account from one source, of an account from anywhere, and of any account
-- from one source. As many tries may fail within a quarter of an hour as the offsets say, and one.
CREATE FUNCTION identity.login_wait(account bytea, source bytea) RETURNS integer
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH since AS MATERIALIZED (SELECT clock_timestamp() - interval '15 minutes' AS at)
    SELECT coalesce(max(greatest(1, ceil(extract(epoch FROM f.at - (SELECT at FROM since)))::integer)), 0)
      FROM ((SELECT l.at FROM identity.failed_logins AS l
              WHERE l.account = login_wait.account AND l.source = login_wait.source
                AND l.at > (SELECT at FROM since) ORDER BY l.at DESC OFFSET 9 LIMIT 1)
            UNION ALL
            (SELECT l.at FROM identity.failed_logins AS l
              WHERE l.account = login_wait.account
                AND l.at > (SELECT at FROM since) ORDER BY l.at DESC OFFSET 49 LIMIT 1)
            UNION ALL
            (SELECT l.at FROM identity.failed_logins AS l
              WHERE l.source = login_wait.source AND l.source <> ''
                AND l.at > (SELECT at FROM since) ORDER BY l.at DESC OFFSET 99 LIMIT 1)) AS f
$$;

-- The same, for who goes on to try: others who try the account, or from there, come after this transaction.
CREATE FUNCTION identity.login_turn(account bytea, source bytea) RETURNS integer
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(encode(account, 'hex'), 7305));
    IF source <> '' THEN
        PERFORM pg_advisory_xact_lock(hashtextextended(encode(source, 'hex'), 7306));
    END IF;
    RETURN identity.login_wait(account, source);
END
$$;

-- Each failure takes away two that count no more: there are never many more than count.
CREATE FUNCTION identity.login_failed(account bytea, source bytea) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM identity.failed_logins
     WHERE id IN (SELECT l.id FROM identity.failed_logins AS l
                   WHERE l.at < clock_timestamp() - interval '15 minutes'
                   ORDER BY l.at LIMIT 2 FOR UPDATE SKIP LOCKED);
    INSERT INTO identity.failed_logins (account, source) VALUES (login_failed.account, login_failed.source)
$$;

-- The member of the transaction's organization who has this e-mail and proves it; null for anybody else.
CREATE FUNCTION identity.login_tried(
    email text, source text, form text, proof bytea, archived boolean, OUT member uuid, OUT wait integer
)
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account_key bytea := identity.keyed('account', email);
    source_key bytea := identity.source_key(source);
BEGIN
    wait := identity.login_turn(account_key, source_key);
    IF wait > 0 THEN
        RETURN;
    END IF;
    SELECT p.user_id INTO member
      FROM identity.memberships AS m
      JOIN identity.passwords AS p ON p.user_id = m.user_id
     WHERE m.organization_id = NULLIF(current_setting('app.organization_id', true), '')::uuid
       AND m.email_normal = login_tried.email AND (login_tried.archived OR m.archived_at IS NULL)
       AND p.form = login_tried.form AND p.verifier = sha256(login_tried.proof);
    IF member IS NULL THEN
        PERFORM identity.login_failed(account_key, source_key);
    ELSE
        DELETE FROM identity.failed_logins AS l WHERE l.account = account_key AND l.source = source_key;
    END IF;
END
$$;

-- name: opened
-- What the application may ask. Each answers for the transaction's organization, but for these two: an
-- organization is found by its slug, which has to be known, and there is a salt for every e-mail, whether
-- somebody has it or not.
CREATE FUNCTION identity.organization_named(slug text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id FROM identity.slugs AS s WHERE s.slug = organization_named.slug
$$;

CREATE FUNCTION identity.login_asked(email text, source text, OUT salt bytea, OUT wait integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT substr(identity.keyed('salt', login_asked.email), 1, 16),
           identity.login_wait(
               identity.keyed('account', login_asked.email), identity.source_key(login_asked.source))
$$;

-- The live member who has this e-mail and proves it; null for anybody else.
CREATE FUNCTION identity.login_proved(
    email text, source text, form text, proof bytea, OUT member uuid, OUT wait integer
)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.member, t.wait
      FROM identity.login_tried(
          login_proved.email, login_proved.source, login_proved.form, login_proved.proof, false) AS t
$$;

-- The user for whom somebody accepts an invitation. Who is a member of the organization, or was, has to prove
-- the password that they have. Of all others with this e-mail the one is found who has this password, and where
-- there is none a user is made: so nobody learns of an e-mail whether somebody has it in another organization.
-- A user who is made counts as a try that failed, since it may have been a guess.
CREATE FUNCTION identity.user_joined(
    email text, source text, form text, proof bytea, OUT member uuid, OUT wait integer
)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account_key bytea := identity.keyed('account', email);
BEGIN
    wait := identity.login_turn(account_key, identity.source_key(source));
    IF wait > 0 THEN
        RETURN;
    END IF;
    PERFORM FROM identity.memberships AS m
      WHERE m.organization_id = NULLIF(current_setting('app.organization_id', true), '')::uuid
        AND m.email_normal = user_joined.email;
    IF FOUND THEN
        SELECT t.member, t.wait INTO member, wait
          FROM identity.login_tried(email, source, form, proof, true) AS t;
        RETURN;
    END IF;
    SELECT p.user_id INTO member FROM identity.passwords AS p
     WHERE p.email_normal = user_joined.email AND p.form = user_joined.form
       AND p.verifier = sha256(user_joined.proof)
     ORDER BY p.user_id LIMIT 1;
    IF member IS NULL THEN
        member := gen_random_uuid();
        INSERT INTO identity.users (id) VALUES (member);
        INSERT INTO identity.passwords (user_id, email_normal, form, verifier)
        VALUES (member, user_joined.email, user_joined.form, sha256(user_joined.proof));
        PERFORM identity.login_failed(account_key, '');
    END IF;
END
$$;

-- Another password for the member who proves the one that they have; sessions end that began before.
CREATE FUNCTION identity.password_changed(
    email text, source text, form text, proof bytea, changed bytea, OUT member uuid, OUT wait integer
)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT t.member, t.wait INTO member, wait
      FROM identity.login_tried(email, source, form, proof, false) AS t;
    UPDATE identity.passwords SET verifier = sha256(changed) WHERE user_id = member;
    UPDATE identity.users SET password_changed_at = now() WHERE id = member;
END
$$;
