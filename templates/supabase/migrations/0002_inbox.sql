-- Events that outside systems send us: each has its effect once, however often it is delivered and to however many
-- processes. Only that an event was handled is kept, never what stood in it.

CREATE TABLE temoctl.inbox (
  source text NOT NULL CHECK (source ~ '^[a-z][a-z0-9]*$'),
  event text NOT NULL CHECK (event <> ''),
  tenant_uid text NOT NULL,
  manager text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  taking text NOT NULL,  -- drawn by whoever handles it: one whose time ran out can't end it any more
  taken_until timestamptz NOT NULL,
  handled_at timestamptz,
  outcome text NOT NULL DEFAULT '',
  PRIMARY KEY (source, event),
  FOREIGN KEY (tenant_uid, manager) REFERENCES temoctl.tenants (tenant_uid, manager) ON UPDATE CASCADE
);
CREATE INDEX inbox_by_age ON temoctl.inbox (source, handled_at);
CREATE INDEX inbox_of_tenant ON temoctl.inbox (tenant_uid);

ALTER TABLE temoctl.inbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenants ON temoctl.inbox TO temoctl_service, temoctl_reader
  USING ((SELECT temoctl.is_operator()) OR manager = (SELECT temoctl.acting_manager()))
  WITH CHECK ((SELECT temoctl.is_operator()) OR manager = (SELECT temoctl.acting_manager()));

GRANT SELECT ON temoctl.inbox TO temoctl_service, temoctl_reader;
GRANT INSERT, UPDATE, DELETE ON temoctl.inbox TO temoctl_service;
