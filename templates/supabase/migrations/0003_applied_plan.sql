-- The plan (START, BUSINESS …) that a tenant was last applied with: whether a change of plan is a step down shows only
-- against it.

ALTER TABLE temoctl.tenants ADD COLUMN plan text NOT NULL DEFAULT '';
