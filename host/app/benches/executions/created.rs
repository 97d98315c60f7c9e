//! From the question to an execution that is allowed and stored.

use writ_testkit::postgres::TestDatabase;
use writ_testkit::server::Writ;

use crate::effort::{Effort, median, print};
use crate::load::{EVALUATION, Load};
use crate::question::Question;
use crate::sets;
use crate::world::{EXECUTIONS, migrate};

/// Connections that ask at once, of a server and of `pgbench`.
const MANY: usize = 32;
/// How many rows `pgbench` changes are chosen from, in hundred thousands.
const SCALE: &str = "10";

pub(crate) fn measure(effort: Effort) {
    on_sqlite(effort);
    on_postgres(effort);
}

/// Against plain decisions of the same server, in turns.
fn on_sqlite(effort: Effort) {
    let server = sets::one().start();
    let (mut created, mut shares) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds() {
        let decided = per_second(&server, EVALUATION, effort);
        created.push(per_second(&server, EXECUTIONS, effort));
        shares.extend(created.last().map(|created| created / decided));
    }
    print("executions/created/per-second", median(created.into_iter()));
    print("executions/created/of-decisions", median(shares.into_iter()));
}

/// Against `pgbench`'s simple update (one row changed and one added, each transaction on disk) on the
/// same cluster, in turns.
fn on_postgres(effort: Effort) {
    let database = TestDatabase::create();
    database.durable();
    database.run("pgbench", &["-i", "-q", "-s", SCALE]);
    migrate(&database);
    let server = sets::one().with_store(&database.url()).start();
    let (mut created, mut shares) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds() {
        let updated = simple_update(&database, effort);
        created.push(per_second(&server, EXECUTIONS, effort));
        shares.extend(created.last().map(|created| created / updated));
    }
    print("executions/postgres/created/per-second", median(created.into_iter()));
    print("executions/postgres/created/of-simple-update", median(shares.into_iter()));
}

fn per_second(server: &Writ, route: &'static str, effort: Effort) -> f64 {
    let (address, key) = (server.address(), server.key());
    let (question, action) = (Question::Varying, "read_file");
    Load { address, connections: MANY, route, question, action, key }
        .run(effort.turn())
        .per_second()
}

/// Transactions a second.
fn simple_update(database: &TestDatabase, effort: Effort) -> f64 {
    let (clients, seconds) = (MANY.to_string(), effort.turn().as_secs().max(1).to_string());
    let arguments = ["-n", "-b", "simple-update", "-j", "2", "-c", &clients, "-T", &seconds];
    let told = database.run("pgbench", &arguments);
    let figure = told.lines().find_map(|line| line.strip_prefix("tps = "));
    let figure = figure.and_then(|figure| figure.split(' ').next());
    figure.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no figure: {told}"))
}
