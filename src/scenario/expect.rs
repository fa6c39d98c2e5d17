//! Expectations: whether they make sense, and whether they hold.

use super::check::Problem;
use super::plan::Plan;
use super::schema::Scenario;

/// Complains about expectations that speak of things which are not there.
pub(super) fn check(_scenario: &Scenario, _plan: &Plan, _problems: &mut Vec<Problem>) {}
