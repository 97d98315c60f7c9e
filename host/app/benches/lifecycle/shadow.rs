//! A policy that is evaluated beside the one that counts, and changes nothing.

use writ_testkit::server::Writ;

use crate::effort::{Effort, median, print};
use crate::load::{EVALUATION, Load};
use crate::question::Question;
use crate::sets;

pub(crate) fn measure(effort: Effort) {
    let (alone, shadowed) = (sets::one().start(), sets::one_in_the_shadow_of_another().start());
    for connections in [1, 32] {
        let mut ratios = Vec::new();
        for _ in 0..effort.rounds() {
            let before = p50_us(&alone, connections, effort);
            ratios.push(p50_us(&shadowed, connections, effort) / before);
        }
        print(&format!("shadow/{connections}/p50-of-without"), median(ratios.into_iter()));
    }
}

fn p50_us(server: &Writ, connections: usize, effort: Effort) -> f64 {
    let (address, key) = (server.address(), server.key());
    let (route, question, action) = (EVALUATION, Question::Varying, "read_file");
    Load { address, connections, route, question, action, key }.run(effort.turn()).p50_us
}
