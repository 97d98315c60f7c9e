//! Which points there are on a database, and whose life passes each.

use writ::points::NAMES;
use writ_store::points::{self, POSTGRES, SQLITE};

use crate::plan::{Carried, Plan};
use crate::world::Database;

/// Every point that a host on this database passes.
pub(crate) fn of(database: Database) -> Vec<&'static str> {
    let own = match database {
        Database::Sqlite => SQLITE,
        Database::Postgres => POSTGRES,
    };
    [points::NAMES, own, NAMES].concat()
}

/// A life that passes a point.
pub(crate) fn plan(point: &str) -> Plan {
    const PARTS: &[(&str, Plan)] = &[
        ("endpoint", Plan::Called { repeatable: true }),
        ("decisions", Plan::Question),
        ("denied", Plan::Denied),
        ("rejected", Plan::Rejected),
        ("expired", Plan::Expired),
        ("clock", Plan::Expired),
        // A channel whose host has died is still for some seconds: there is no hurry.
        ("channel", Plan::Expired),
        ("due", Plan::Expired),
        ("cancel", Plan::Cancelled),
        ("unknown", Plan::Carried(Carried::Forgotten)),
        ("resolve", Plan::Carried(Carried::Resolved)),
        ("failed", Plan::Carried(Carried::Failed)),
        ("call", Plan::Nested),
        ("resumed", Plan::Payout { rejected: false }),
        ("suspended", Plan::Payout { rejected: false }),
        ("journal", Plan::Payout { rejected: false }),
        ("tool", Plan::Payout { rejected: false }),
        ("worker", Plan::Payout { rejected: false }),
    ];
    let found = PARTS.iter().find(|(part, _)| point.contains(part));
    found.map_or(Plan::Carried(Carried::Succeeded), |(_, plan)| *plan)
}
