//! Stanford Online Products: `Ebay_test.txt` with the columns image_id, class_id, super_class_id, path.

use std::path::Path;

use skueye_models::Fault;

use super::{Numbers, about, bad_row, below, lines};
use crate::retrieval::set::TestSet;

pub(super) fn read(root: &Path) -> Result<TestSet, Fault> {
    let list = root.join("Ebay_test.txt");
    let mut numbers = Numbers::default();
    let mut enrolment = Vec::new();
    for line in lines(&list)?
        .iter()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
    {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [_, class, _, path] = cells[..] else {
            return Err(bad_row(
                "image_id class_id super_class_id path",
                line,
                &list,
            ));
        };
        enrolment.push(numbers.picture(below(root, path, &list)?, class));
    }
    let protocol = "each of the 60,502 test pictures asks all others (Song et al. 2016); recall@1, 10, 100, 1000";
    Ok(TestSet {
        about: about(protocol, &[1, 10, 100, 1000]),
        enrolment,
        queries: Vec::new(),
        lines: None,
    })
}
