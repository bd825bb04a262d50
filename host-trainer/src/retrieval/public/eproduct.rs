//! eProduct (METHOD 5): this program's own layout. Its authors keep the labels of index and queries, so it is measured where
//! `truth/` says what they show; else `skueye-train evaluate --submission` writes what they score.

use std::path::Path;

use skueye_models::Fault;

use super::about;
use crate::data::Dataset;
use crate::evaluate::EvaluationSet;
use crate::retrieval::set::TestSet;

pub(super) fn read(root: &Path) -> Result<TestSet, Fault> {
    let set = EvaluationSet::load(&Dataset::open(root)?)?;
    let protocol =
        "query_part1 asks the index; MAR@10 is the challenge's measure (Yuan et al. 2021)";
    Ok(TestSet::of_evaluation(&set, about(protocol, &[]), 0, false))
}
