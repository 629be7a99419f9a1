"""The planner: desired × recorded × observed → a plan. Pure: it knows the model and nothing else.

decide      one case → one action: the truth table
candidates  which of several objects is the one meant, and what becomes of the others
resolve     references → values, as far as they are known before anything runs
diff        field by field: what differs, and whether the spec or the world changed it
gather      the three views of one resource brought together into one case
witness     what an outside witness says about the resource that it proves
order       which step needs which, and the order that follows
wording     the reasons, in business words
tenant      `plan_tenant`: all of the above for one tenant
select      a plan cut down to some addresses, for looking at
planfile    a plan as an authenticated file; `stale` says what changed since
document    a plan as the JSON document of the command line
"""

from temoctl.planner.select import select
from temoctl.planner.tenant import as_desired, plan_tenant

__all__ = ["as_desired", "plan_tenant", "select"]
