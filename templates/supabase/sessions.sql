-- The conversation tables all tenants share, separated by row-level security. Owned by `platform`.
--
-- Plain SQL: `psql -v schema=temo_sessions -f sessions.sql` runs it too; temoctl puts the schema's quoted name in for
-- :"schema". It runs in one transaction and may be run again at any time: what is there stays, what is missing or new
-- is added. A tenant logs in with a role of its own; `seats` says which tenant a role speaks for, and only the owner
-- of these tables can write there. What a role sees and writes is decided by its seat, not by the query.

create schema if not exists :"schema";
revoke all on schema :"schema" from public;

-- Who speaks for whom. Roles never read this table: they ask current_tenant().
create table if not exists :"schema".seats (
  role_name  name primary key,
  tenant_uid text not null unique,
  created_at timestamptz not null default now()
);
revoke all on :"schema".seats from public;

-- session_user is the login itself: neither SET ROLE nor SECURITY DEFINER changes it.
create or replace function :"schema".current_tenant() returns text
  language sql stable security definer set search_path = pg_catalog, pg_temp
  return (select tenant_uid from :"schema".seats where role_name = session_user);
revoke all on function :"schema".current_tenant() from public;

-- Whether a tenant is served (no row: it is). temoctl writes it; tenants' roles read their own row and write none.
-- `since` is when the payment was due that failed, `until` when a warning ends. `why` isn't meant for customers.
create table if not exists :"schema".standings (
  tenant_uid text primary key,
  state      text not null default 'active' check (state in ('active', 'warned', 'suspended')),
  why        text not null default '',
  since      timestamptz,
  until      timestamptz,
  source     text not null default 'apply',
  updated_at timestamptz not null default now()
);

-- What it is worth now: a warning whose time is up is a suspension, whether or not anybody has come to write it.
create or replace function :"schema".current_standing() returns text
  language sql stable security definer set search_path = pg_catalog, pg_temp
  return coalesce(
    (select case when state = 'warned' and until <= now() then 'suspended' else state end
     from :"schema".standings where tenant_uid = :"schema".current_tenant()),
    'active');
revoke all on function :"schema".current_standing() from public;

-- One conversation of one customer on one channel.
create table if not exists :"schema".wa_sessions (
  tenant_uid      text not null default :"schema".current_tenant(),
  channel         text not null,
  chat_id         text not null,
  customer        text not null default '',
  language        text not null default '',
  state           text not null default 'open',
  context         jsonb not null default '{}',
  started_at      timestamptz not null default now(),
  last_message_at timestamptz not null default now(),
  primary key (tenant_uid, channel, chat_id)
);
-- When this customer was last told that nobody answers for now.
alter table :"schema".wa_sessions add column if not exists noticed_at timestamptz;

-- Messages in and out, by trace id: one row each however often a message is delivered.
create table if not exists :"schema".wa_buffer_messages (
  id         bigint generated always as identity primary key,
  tenant_uid text not null default :"schema".current_tenant(),
  channel    text not null,
  chat_id    text not null,
  trace      text not null,
  direction  text not null default 'in' check (direction in ('in', 'out')),
  body       text not null default '',
  created_at timestamptz not null default now(),
  handled_at timestamptz,
  unique (tenant_uid, trace, direction)
);
create index if not exists wa_buffer_messages_by_chat
  on :"schema".wa_buffer_messages (tenant_uid, channel, chat_id, created_at);

create or replace function :"schema".make_payment_status() returns void language plpgsql as $body$
begin
  create type :"schema".payment_status as enum ('no_payment_link', 'payment_link_sent', 'paid');
exception when duplicate_object then null;
end
$body$;
select :"schema".make_payment_status();
drop function :"schema".make_payment_status();

create table if not exists :"schema".sessions_statuses (
  tenant_uid     text not null default :"schema".current_tenant(),
  channel        text not null,
  chat_id        text not null,
  payment_status :"schema".payment_status not null default 'no_payment_link',
  updated_at     timestamptz not null default now(),
  primary key (tenant_uid, channel, chat_id)
);

alter table :"schema".wa_sessions enable row level security;
alter table :"schema".wa_buffer_messages enable row level security;
alter table :"schema".sessions_statuses enable row level security;
alter table :"schema".standings enable row level security;

drop policy if exists own_tenant on :"schema".wa_sessions;
create policy own_tenant on :"schema".wa_sessions
  using (tenant_uid = (select :"schema".current_tenant()))
  with check (tenant_uid = (select :"schema".current_tenant()));
drop policy if exists own_tenant on :"schema".wa_buffer_messages;
create policy own_tenant on :"schema".wa_buffer_messages
  using (tenant_uid = (select :"schema".current_tenant()))
  with check (tenant_uid = (select :"schema".current_tenant()));
drop policy if exists own_tenant on :"schema".sessions_statuses;
create policy own_tenant on :"schema".sessions_statuses
  using (tenant_uid = (select :"schema".current_tenant()))
  with check (tenant_uid = (select :"schema".current_tenant()));
drop policy if exists own_tenant on :"schema".standings;
create policy own_tenant on :"schema".standings for select
  using (tenant_uid = (select :"schema".current_tenant()));
