-- The 164 rows that the platform held on the day of the audit: two pilot teams, their people, and what
-- the product sets up for a new team. No lead has been imported and no message sent.
-- Loads after schema.sql into empty tables. People, firms and numbers are invented.

INSERT INTO teams (id, name, slug, plan, timezone, monthly_message_limit, created_at) VALUES
    (1, 'Harbor Lane Realty', 'harbor-lane', 'growth', 'America/New_York', 25000, '2024-11-04 09:12:00-05'),
    (2, 'Cedar Point Lending', 'cedar-point', 'trial', 'America/Chicago', 1000, '2024-12-11 15:40:00-06');
SELECT setval(pg_get_serial_sequence('teams', 'id'), 2);

INSERT INTO team_members (team_id, user_id, email, full_name, role) VALUES
    (1, 'user_2pXa', 'dana@harborlane.example', 'Dana Whitlock', 'owner'),
    (1, 'user_2pXb', 'luis@harborlane.example', 'Luis Ferreira', 'admin'),
    (1, 'user_2pXc', 'mei@harborlane.example', 'Mei Tanaka', 'member'),
    (1, 'user_2pXd', 'omar@harborlane.example', 'Omar Haddad', 'member'),
    (1, 'user_2pXe', 'ruth@harborlane.example', 'Ruth Okafor', 'viewer'),
    (2, 'user_2qYa', 'paul@cedarpoint.example', 'Paul Lindqvist', 'owner'),
    (2, 'user_2qYb', 'ines@cedarpoint.example', 'Ines Moreau', 'member');

INSERT INTO team_invitations (team_id, email, role, token_hash, invited_by, expires_at) VALUES
    (1, 'sam@harborlane.example', 'member', md5('invitation 1'), 'user_2pXa', '2025-01-06 00:00:00+00'),
    (2, 'kofi@cedarpoint.example', 'admin', md5('invitation 2'), 'user_2qYa', '2025-01-09 00:00:00+00');

INSERT INTO team_settings (team_id, name, scope, value)
SELECT teams.id, setting.name, setting.scope, setting.value::jsonb
FROM teams CROSS JOIN (VALUES
    ('quiet_hours', 'team', '{"from": "20:00", "to": "08:00"}'),
    ('sms_provider', 'team', '{"provider": "carrier-one"}'),
    ('daily_digest', 'team', '{"enabled": true, "at": "07:30"}'),
    ('opt_out_words', 'team', '["stop", "unsubscribe", "quit"]'),
    ('autopilot', 'worker', '{"enabled": false}'),
    ('model', 'worker', '{"temperature": 0.4}'),
    ('notifications', 'user', '{"email": true, "push": false}')
) AS setting (name, scope, value);

INSERT INTO api_keys (team_id, name, key_hash, key_prefix, scopes) VALUES
    (1, 'CRM import', md5('key 1'), 'ol_live_4f', '{leads:read,leads:write}'),
    (1, 'Reporting', md5('key 2'), 'ol_live_9c', '{reports:read}'),
    (2, 'CRM import', md5('key 3'), 'ol_live_d1', '{leads:read,leads:write}');

INSERT INTO integrations (id, team_id, name, provider, settings, credentials_ref) VALUES
    ('int_harbor_crm', 1, 'Main CRM', 'crm', '{"sync": "hourly", "owner_field": "agent"}', 'vault:harbor/crm'),
    ('int_harbor_tel', 1, 'Telephony', 'telephony', '{"region": "us-east"}', 'vault:harbor/tel'),
    ('int_harbor_cal', 1, 'Calendar', 'calendar', '{"slot_minutes": 30}', 'vault:harbor/cal'),
    ('int_cedar_tel', 2, 'Telephony', 'telephony', '{"region": "us-central"}', 'vault:cedar/tel');

INSERT INTO worker_phone_assignments (team_id, worker, phone, purpose) VALUES
    (1, 'opener', '+12025550110', 'first contact'),
    (1, 'closer', '+12025550111', 'appointments'),
    (2, 'opener', '+12025550120', 'first contact'),
    (2, 'closer', '+12025550121', 'appointments');

INSERT INTO worker_voice_configs (team_id, worker, voice, speed)
SELECT teams.id, config.worker, config.voice, config.speed
FROM teams CROSS JOIN (VALUES ('opener', 'alloy', 1.05), ('closer', 'verse', 0.95))
    AS config (worker, voice, speed);

INSERT INTO worker_personalities (team_id, worker, traits, greeting)
SELECT teams.id, worker.name, worker.traits::jsonb, worker.greeting
FROM teams CROSS JOIN (VALUES
    ('opener', '{"warmth": 0.8, "brevity": 0.9}', 'Hi there, quick question for you.'),
    ('closer', '{"warmth": 0.6, "patience": 0.9}', 'Good to hear from you again.'),
    ('researcher', '{"curiosity": 0.9}', NULL)
) AS worker (name, traits, greeting);

INSERT INTO ai_sdr_avatars (id, team_id, name, tone, biography) VALUES
    ('ava_harbor_1', 1, 'Grace', 'friendly', 'Ten years in residential sales.'),
    ('ava_harbor_2', 1, 'Theo', 'direct', 'Knows every street of the harbor quarter.'),
    ('ava_cedar_1', 2, 'Nina', 'calm', 'Explains a loan in three sentences.'),
    ('ava_cedar_2', 2, 'Walt', 'formal', NULL);

INSERT INTO sdr_campaign_configs (team_id, avatar_id, max_follow_ups) VALUES
    (1, 'ava_harbor_1', 4), (1, 'ava_harbor_2', 2), (2, 'ava_cedar_1', 5);

INSERT INTO prompts (team_id, name, purpose, body, version)
SELECT teams.id, prompt.name, prompt.purpose, prompt.body, prompt.version
FROM teams CROSS JOIN (VALUES
    ('classify_reply', 'inbox', 'Sort the reply into one bucket. Answer with the bucket''s slug.', 3),
    ('draft_reply', 'inbox', 'Draft an answer of at most two sentences.', 2),
    ('score_lead', 'leads', 'Give a score from 0 to 100 and the reason.', 1),
    ('summarize_thread', 'inbox', 'Summarize the conversation for the card.', 1),
    ('first_message', 'campaigns', 'Write a first message that names the street.', 4),
    ('follow_up', 'campaigns', 'Write a follow-up that adds something new.', 2),
    ('objection', 'campaigns', 'Answer the objection without pressing.', 1),
    ('merge_personas', 'personas', 'Say whether these two records are one person.', 1),
    ('call_script', 'voice', 'Write an opening for a call of one minute.', 1)
) AS prompt (name, purpose, body, version);

INSERT INTO message_templates (team_id, name, channel, subject, body, variables)
SELECT teams.id, template.name, template.channel::outreach_channel, template.subject, template.body,
    template.variables::jsonb
FROM teams CROSS JOIN (VALUES
    ('Introduction', 'sms', NULL, 'Hi {{first_name}}, this is {{sender}}.', '["first_name", "sender"]'),
    ('Reminder', 'sms', NULL, 'See you tomorrow at {{time}}.', '["time"]'),
    ('Missed call', 'sms', NULL, 'Sorry we missed you. When suits you?', '[]'),
    ('Thank you', 'sms', NULL, 'Thank you for your time, {{first_name}}.', '["first_name"]'),
    ('Introduction', 'email', 'A short question', 'Dear {{first_name}}, ...', '["first_name"]'),
    ('Documents', 'email', 'What we need from you', 'Please send us {{documents}}.', '["documents"]'),
    ('Follow-up', 'email', 'Following up', 'I wanted to come back to you on this.', '[]'),
    ('Voicemail', 'voice', NULL, 'Hello, I am calling about your enquiry.', '[]')
) AS template (name, channel, subject, body, variables);

INSERT INTO initial_messages (team_id, channel, body, variant)
SELECT teams.id, 'sms', message.body, message.variant
FROM teams CROSS JOIN (VALUES
    ('Hi {{first_name}}, are you still at {{street}}?', 'A'),
    ('{{first_name}}, a quick question about {{street}}.', 'B'),
    ('Good morning {{first_name}}, is this a good number for you?', 'C'),
    ('Hi {{first_name}}, would you look at an offer?', 'D'),
    ('{{first_name}}, may I ask who looks after {{street}}?', 'E')
) AS message (body, variant);

INSERT INTO cadence_templates (team_id, name, steps, days)
SELECT teams.id, cadence.name, cadence.steps::jsonb, cadence.days
FROM teams CROSS JOIN (VALUES
    ('Gentle', '[{"day": 0, "channel": "sms"}, {"day": 7, "channel": "email"}]', 14),
    ('Standard', '[{"day": 0, "channel": "sms"}, {"day": 3, "channel": "sms"}, {"day": 8, "channel": "voice"}]', 10),
    ('Persistent', '[{"day": 0, "channel": "sms"}, {"day": 2, "channel": "voice"}, {"day": 4, "channel": "email"}]', 21)
) AS cadence (name, steps, days);

INSERT INTO response_buckets (team_id, slug, title, position, auto_reply)
SELECT teams.id, bucket.slug, bucket.title, bucket.position, bucket.slug = 'unsubscribe'
FROM teams CROSS JOIN (VALUES
    ('needs_review', 'Needs review', 0), ('interested', 'Interested', 1), ('question', 'Question', 2),
    ('later', 'Not now', 3), ('wrong_number', 'Wrong number', 4), ('unsubscribe', 'Unsubscribe', 5)
) AS bucket (slug, title, position);

INSERT INTO conversation_labels (team_id, name, keywords)
SELECT teams.id, label.name, label.keywords::text[]
FROM teams CROSS JOIN (VALUES
    ('Price', '{price,cost,offer}'), ('Timing', '{when,soon,later}'), ('Family', '{wife,husband,mother}'),
    ('Angry', '{lawyer,report,stop}'), ('Referral', '{friend,neighbor}')
) AS label (name, keywords);

INSERT INTO lead_labels (team_id, name, category)
SELECT teams.id, label.name, label.category
FROM teams CROSS JOIN (VALUES
    ('Hot', 'temperature'), ('Cold', 'temperature'), ('Absentee owner', 'property'), ('Do not call', 'compliance')
) AS label (name, category);

INSERT INTO content_categories (id, team_id, name, position)
SELECT 'cat_' || teams.id || '_' || category.position, teams.id, category.name, category.position
FROM teams CROSS JOIN (VALUES ('Guides', 0), ('Scripts', 1), ('Pictures', 2)) AS category (name, position);

INSERT INTO content_items (team_id, category_id, title, kind, body, published)
SELECT teams.id, 'cat_' || teams.id || '_' || item.category, item.title, item.kind, item.body, true
FROM teams CROSS JOIN (VALUES
    (0, 'How a sale goes', 'article', 'From the first call to the signature.'),
    (0, 'Fees explained', 'article', 'What costs how much, and when.'),
    (1, 'First call', 'script', 'Hello, my name is ...'),
    (1, 'Call back', 'script', 'You asked me to call again.')
) AS item (category, title, kind, body);

INSERT INTO knowledge_documents (team_id, title, source_url, body, chunks) VALUES
    (1, 'Listing agreement', NULL, 'Terms under which the firm sells a home.', 12),
    (1, 'Neighborhood guide', 'https://harborlane.example/guide', 'Schools, parks and trains by quarter.', 31),
    (1, 'Fair housing rules', NULL, 'What may not be asked or said.', 8),
    (2, 'Loan products', 'https://cedarpoint.example/loans', 'Rates, terms and who may apply.', 17),
    (2, 'Required disclosures', NULL, 'What must be said before an offer.', 6);

INSERT INTO workflows (id, team_id, name, trigger, steps, enabled) VALUES
    ('wf_harbor_reply', 1, 'Sort replies', '{"on": "message.received"}', '[{"do": "classify"}, {"do": "bucket"}]', true),
    ('wf_harbor_book', 1, 'Offer a time', '{"on": "bucket.interested"}', '[{"do": "draft"}, {"do": "ask"}]', false),
    ('wf_cedar_reply', 2, 'Sort replies', '{"on": "message.received"}', '[{"do": "classify"}]', true);

INSERT INTO automation_plays (team_id, workflow_id, name, definition)
SELECT teams.id, CASE teams.id WHEN 1 THEN 'wf_harbor_reply' END, play.name, play.definition::jsonb
FROM teams CROSS JOIN (VALUES
    ('Wake old leads', '{"older_than_days": 90}'), ('Birthday greeting', '{"channel": "sms"}'),
    ('Ask for a review', '{"after": "appointment.held"}')
) AS play (name, definition);

INSERT INTO saved_searches (team_id, name, filters, shared, created_by) VALUES
    (1, 'Replied this week', '{"status": "replied", "days": 7}', true, 'user_2pXa'),
    (1, 'High score, not booked', '{"min_score": 80, "status": "qualified"}', false, 'user_2pXc'),
    (2, 'New in Illinois', '{"status": "new", "state": "IL"}', true, 'user_2qYa');
