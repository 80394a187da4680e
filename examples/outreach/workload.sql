-- What the platform asks of its database, one named statement a block.
--
-- $1 is the team wherever a statement binds one. Every other parameter stands in a plain comparison with its
-- column, or in the column's place in VALUES or SET, so that a value for it can be drawn from that column.

-- name: inbox_by_bucket
-- What waits in one bucket of a team's inbox.
SELECT id, lead_id, latest_message_id, priority, assigned_to, unread, updated_at
FROM inbox_items
WHERE team_id = $1 AND current_bucket = $2
LIMIT 200;

-- name: queue_by_priority
-- The next hundred sends of a team: most urgent first, then the longest due.
SELECT id, campaign_id, lead_id, channel, priority, scheduled_at
FROM campaign_queue
WHERE team_id = $1
ORDER BY priority DESC, scheduled_at ASC
LIMIT 100;

-- name: messages_by_status
-- A team's messages in one state, for the delivery monitor.
SELECT id, lead_id, channel, to_address, sent_at, created_at
FROM messages
WHERE team_id = $1 AND status = $2
LIMIT 200;

-- name: scheduled_events_by_status
-- A team's events in one state, for the scheduler.
SELECT id, kind, lead_id, campaign_id, scheduled_at, attempts
FROM scheduled_events
WHERE team_id = $1 AND status = $2
LIMIT 200;

-- name: leads_by_status
-- One column of a team's pipeline board.
SELECT id, first_name, last_name, company, score, assigned_to, last_contacted_at
FROM leads
WHERE team_id = $1 AND status = $2
LIMIT 100;

-- name: intelligence_by_event_type
-- What one kind of model decision has cost a team.
SELECT count(*) AS decisions, sum(tokens) AS tokens, sum(cost) AS cost, avg(latency_ms) AS latency_ms
FROM intelligence_log
WHERE team_id = $1 AND event_type = $2;

-- name: inbox_bucket_counts
-- The figures beside the bucket names.
SELECT current_bucket, count(*) AS items, count(*) FILTER (WHERE unread) AS unread
FROM inbox_items
WHERE team_id = $1
GROUP BY current_bucket;

-- name: inbox_with_lead_and_message
-- One bucket with the lead's name and the last words said.
SELECT i.id, l.first_name, l.last_name, l.status, m.direction, m.body, m.created_at
FROM inbox_items i
JOIN leads l ON l.id = i.lead_id AND l.team_id = i.team_id
LEFT JOIN messages m ON m.id = i.latest_message_id AND m.team_id = i.team_id
WHERE i.team_id = $1 AND i.current_bucket = $2
LIMIT 50;

-- name: inbox_workload_by_member
-- How much waits for whom.
SELECT s.full_name, count(i.id) AS items
FROM team_members s
LEFT JOIN inbox_items i ON i.team_id = s.team_id AND i.assigned_to = s.user_id
WHERE s.team_id = $1
GROUP BY s.id, s.full_name
ORDER BY items DESC;

-- name: inbox_confident_suggestions
-- Items for which the model is sure enough to answer by itself.
SELECT id, lead_id, suggestion ->> 'reply' AS reply
FROM inbox_items
WHERE team_id = $1 AND (suggestion ->> 'confidence')::numeric > 0.9;

-- name: lead_by_email
-- Search for a lead of the team by e-mail address.
SELECT id, first_name, last_name, phone, company, status
FROM leads
WHERE team_id = $1 AND email = $2;

-- name: lead_by_external_id
-- Is this row of the CRM imported already?
SELECT id, updated_at
FROM leads
WHERE team_id = $1 AND integration_id = $2 AND external_id = $3;

-- name: leads_by_name
-- Search for leads by the beginning of the last name.
SELECT id, first_name, last_name, email
FROM leads
WHERE team_id = $1 AND last_name ILIKE 'mo%'
ORDER BY lower(last_name), lower(first_name)
LIMIT 25;

-- name: leads_by_campaign_source
-- Leads by a custom field, as text.
SELECT id, first_name, last_name, score
FROM leads
WHERE team_id = $1 AND custom_fields ->> 'source' = 'referral';

-- name: leads_motivated
-- Leads by what their custom fields contain.
SELECT id, first_name, last_name, score
FROM leads
WHERE team_id = $1 AND custom_fields @> '{"motivated": true}';

-- name: leads_gone_quiet
-- Open leads that nobody has contacted since a date.
SELECT id, first_name, last_name, status, last_contacted_at
FROM leads
WHERE team_id = $1 AND status IN ('contacted', 'replied', 'qualified') AND last_contacted_at < $2
LIMIT 100;

-- name: lead_score_histogram
-- How a team's leads spread over the scores.
SELECT width_bucket(score, 0, 100, 10) AS bucket, count(*) AS leads
FROM leads
WHERE team_id = $1
GROUP BY bucket
ORDER BY bucket;

-- name: leads_by_place
-- Where a team's leads are.
SELECT state, city, count(*) AS leads, round(avg(score), 1) AS score
FROM leads
WHERE team_id = $1
GROUP BY state, city
ORDER BY leads DESC
LIMIT 20;

-- name: unified_lead_card
-- Everything that the lead page shows, in one row.
SELECT l.id, l.status, l.score, k.display_name, k.best_phone, k.best_email, k.engagement, k.card, p.confidence
FROM leads l
JOIN unified_lead_cards k ON k.lead_id = l.id AND k.team_id = l.team_id
LEFT JOIN personas p ON p.id = k.persona_id AND p.team_id = k.team_id
WHERE l.team_id = $1 AND l.id = $2;

-- name: activities_of_lead
-- A lead's history, newest first.
SELECT a.activity, a.actor, a.details, a.occurred_at
FROM leads l
JOIN lead_activities a ON a.lead_id = l.id AND a.team_id = l.team_id
WHERE l.team_id = $1 AND l.id = $2
ORDER BY a.occurred_at DESC
LIMIT 50;

-- name: conversation_of_lead
-- All messages with one lead, in order.
SELECT m.id, m.direction, m.channel, m.status, m.body, m.created_at
FROM leads l
JOIN messages m ON m.lead_id = l.id AND m.team_id = l.team_id
WHERE l.team_id = $1 AND l.id = $2
ORDER BY m.created_at;

-- name: engaged_lead_cards
-- The cards worth a call today.
SELECT k.lead_id, k.display_name, k.best_phone, k.engagement
FROM unified_lead_cards k
WHERE k.team_id = $1 AND k.engagement > 80 AND k.card @> '{"do_not_call": false}';

-- name: activity_mix
-- What has been done with a team's leads since a date.
SELECT activity, count(*) AS times, count(DISTINCT lead_id) AS leads
FROM lead_activities
WHERE team_id = $1 AND occurred_at >= $2
GROUP BY activity;

-- name: messages_per_day
-- Messages by day and state, a week from a moment on.
SELECT date_trunc('day', created_at) AS day, status, count(*) AS messages, sum(price) AS price
FROM messages
WHERE team_id = $1 AND created_at >= $2 AND created_at < $2 + interval '7 days'
GROUP BY day, status
ORDER BY day, status;

-- name: failed_messages_by_code
-- Why messages were not delivered, by the carrier's code.
SELECT metadata ->> 'error_code' AS error_code, count(*) AS messages
FROM messages
WHERE team_id = $1 AND status IN ('failed', 'undelivered')
GROUP BY error_code
ORDER BY messages DESC;

-- name: flagged_messages
-- Messages that the content check has flagged.
SELECT id, lead_id, body
FROM messages
WHERE team_id = $1 AND metadata @> '{"flagged": true}';

-- name: delivery_by_campaign
-- Sent, delivered and answered by campaign.
SELECT c.id, c.name, count(m.id) AS messages,
    count(m.id) FILTER (WHERE m.status = 'delivered') AS delivered,
    count(m.id) FILTER (WHERE m.direction = 'inbound') AS replies
FROM campaigns c
LEFT JOIN messages m ON m.campaign_id = c.id AND m.team_id = c.team_id
WHERE c.team_id = $1
GROUP BY c.id, c.name;

-- name: carrier_latency
-- The carriers' answers in the week from a moment on.
SELECT provider, outcome, count(*) AS calls, percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS p95_ms
FROM outreach_logs
WHERE team_id = $1 AND created_at >= $2 AND created_at < $2 + interval '7 days'
GROUP BY provider, outcome;

-- name: campaigns_of_team
-- The campaign page: what runs, and what still waits in its queue.
SELECT c.id, c.name, c.channel, c.status, c.starts_at, count(q.id) AS waiting
FROM campaigns c
LEFT JOIN campaign_queue q ON q.campaign_id = c.id AND q.team_id = c.team_id
WHERE c.team_id = $1 AND c.status <> 'completed'
GROUP BY c.id
ORDER BY waiting DESC;

-- name: executions_of_campaign
-- The latest steps of one campaign. The executions carry no team: the campaign lends it.
SELECT e.id, e.lead_id, e.step, e.status, e.created_at
FROM campaigns c
JOIN campaign_executions e ON e.campaign_id = c.id
WHERE c.team_id = $1 AND c.id = $2
ORDER BY e.created_at DESC
LIMIT 100;

-- name: events_of_execution
-- What came of one step. Found by its key alone; nothing binds a team.
SELECT kind, details, occurred_at
FROM campaign_events
WHERE execution_id = $1
ORDER BY occurred_at;

-- name: campaign_funnel
-- Events by kind over all campaigns of a team: two tables away from the nearest team_id.
SELECT c.name, v.kind, count(*) AS events
FROM campaigns c
JOIN campaign_executions e ON e.campaign_id = c.id
JOIN campaign_events v ON v.execution_id = e.id
WHERE c.team_id = $1
GROUP BY c.name, v.kind;

-- name: failed_executions_since
-- Steps that failed since a date.
SELECT c.name, e.step, count(*) AS failures
FROM campaigns c
JOIN campaign_executions e ON e.campaign_id = c.id
WHERE c.team_id = $1 AND e.status = 'failed' AND e.created_at >= $2
GROUP BY c.name, e.step;

-- name: suppressed_in_queue
-- Queued sends that must not go out.
SELECT q.id, q.lead_id, s.reason
FROM campaign_queue q
JOIN leads l ON l.id = q.lead_id AND l.team_id = q.team_id
JOIN suppression_list s ON s.value = l.phone AND s.channel = q.channel AND s.team_id = q.team_id
WHERE q.team_id = $1;

-- name: suppression_check
-- May this address be contacted? Asked before every send.
SELECT reason, created_at
FROM suppression_list
WHERE team_id = $1 AND channel = $2 AND value = $3;

-- name: persona_contact_points
-- A persona with all its numbers and addresses.
SELECT p.id, p.first_name, p.last_name, h.phone, h.type, e.email
FROM personas p
LEFT JOIN persona_phones h ON h.persona_id = p.id AND h.team_id = p.team_id
LEFT JOIN persona_emails e ON e.persona_id = p.id AND e.team_id = p.team_id
WHERE p.team_id = $1 AND p.id = $2;

-- name: personas_reachable_by_mobile
-- How many personas can be texted, by where they came from.
SELECT p.source, count(DISTINCT p.id) AS personas
FROM personas p
JOIN persona_phones h ON h.persona_id = p.id AND h.team_id = p.team_id
WHERE p.team_id = $1 AND h.type = 'mobile'
GROUP BY p.source;

-- name: personas_by_attribute
-- Personas by what their attributes contain.
SELECT id, first_name, last_name, confidence
FROM personas
WHERE team_id = $1 AND attributes @> '{"veteran": true}';

-- name: persona_duplicates
-- Candidates of the nightly merge.
SELECT lower(last_name) AS last_name, birth_date, count(*) AS personas
FROM personas
WHERE team_id = $1 AND birth_date IS NOT NULL
GROUP BY lower(last_name), birth_date
HAVING count(*) > 1;

-- name: owners_with_equity
-- Property with more value than debt, and who owns it.
SELECT p.first_name, p.last_name, o.street, o.city, o.assessed_value - o.mortgage_balance AS equity
FROM property_owners o
JOIN personas p ON p.id = o.persona_id AND p.team_id = o.team_id
WHERE o.team_id = $1 AND o.assessed_value > o.mortgage_balance * 2
ORDER BY equity DESC
LIMIT 50;

-- name: skiptrace_spend
-- What tracing has cost by month, and how often it found somebody.
SELECT date_trunc('month', created_at) AS month, sum(cost) AS cost, sum(matched) AS matched, sum(total) AS total
FROM skiptrace_jobs
WHERE team_id = $1
GROUP BY month
ORDER BY month;

-- name: appointments_of_week
-- A team's calendar for the week from a moment on.
SELECT a.id, a.starts_at, a.duration_minutes, a.status, l.first_name, l.last_name
FROM appointments a
JOIN leads l ON l.id = a.lead_id AND l.team_id = a.team_id
WHERE a.team_id = $1 AND a.starts_at >= $2 AND a.starts_at < $2 + interval '7 days'
ORDER BY a.starts_at;

-- name: setting_of_team
-- One setting; read on nearly every request.
SELECT value
FROM team_settings
WHERE team_id = $1 AND name = $2 AND scope = $3;

-- name: leaderboard
-- The ten members with the most points.
SELECT s.user_id, m.full_name, s.points, s.appointments_booked
FROM user_stats s
LEFT JOIN team_members m ON m.team_id = s.team_id AND m.user_id = s.user_id
WHERE s.team_id = $1
ORDER BY s.points DESC
LIMIT 10;

-- name: intelligence_cost_per_day
-- What the models cost a team by day since a date.
SELECT date_trunc('day', created_at) AS day, event_type, sum(cost) AS cost
FROM intelligence_log
WHERE team_id = $1 AND created_at >= $2
GROUP BY day, event_type
ORDER BY day;

-- name: message_insert
-- Queue a message to a lead of the team.
INSERT INTO messages (team_id, lead_id, channel, from_address, to_address, body)
SELECT l.team_id, l.id, 'sms', '+12025550110', coalesce(l.phone, ''), 'Thank you, talk soon.'
FROM leads l
WHERE l.team_id = $1 AND l.id = $2;

-- name: intelligence_insert
-- Log a decision of a model.
INSERT INTO intelligence_log (team_id, event_type, model, tokens, latency_ms, cost)
VALUES ($1, $2, $3, 412, 850, 0.000618);

-- name: lead_set_status
-- Move a lead to another column of the board.
UPDATE leads SET status = $3, updated_at = now()
WHERE team_id = $1 AND id = $2;

-- name: inbox_mark_read
-- Somebody has opened the conversation.
UPDATE inbox_items SET unread = false, updated_at = now()
WHERE team_id = $1 AND id = $2;

-- name: queue_claim_next
-- A sender takes the most urgent send that no other sender has taken.
UPDATE campaign_queue SET locked_at = now(), attempts = attempts + 1
WHERE team_id = $1 AND id = (
    SELECT id
    FROM campaign_queue
    WHERE team_id = $1
    ORDER BY priority DESC, scheduled_at ASC
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING id, lead_id, payload;

-- name: message_totals_of_all_teams
-- FAULT: the status page adds up every team's messages, and shows the sum to whoever looks.
SELECT status, count(*) AS messages
FROM messages
GROUP BY status;

-- name: lead_by_email_in_any_team
-- FAULT: the sign-up form looks a lead up by e-mail alone, and may answer with another team's.
SELECT id, team_id, first_name, last_name, status
FROM leads
WHERE email = $1;

-- name: personas_traced
-- FAULT: the export of traced persons names no team and no end.
SELECT id, first_name, last_name, birth_date, attributes
FROM personas
WHERE source = 'skiptrace';
