//! In-Shop Clothes Retrieval: `list_eval_partition.txt`: a count, a head, then image_name, item_id, evaluation_status.

use std::path::Path;

use skueye_models::Fault;

use super::{Numbers, about, bad_row, below, lines};
use crate::retrieval::set::TestSet;

pub(super) fn read(root: &Path) -> Result<TestSet, Fault> {
    let beside = root.join("list_eval_partition.txt");
    let list = match beside.is_file() {
        true => beside,
        false => root.join("Eval/list_eval_partition.txt"),
    };
    let mut numbers = Numbers::default();
    let mut set = TestSet {
        about: about(
            "the pictures marked query ask those marked gallery (Liu et al. 2016); recall@1, 10, 20, 30",
            &[1, 10, 20, 30],
        ),
        enrolment: Vec::new(),
        queries: Vec::new(),
        lines: None,
    };
    for line in lines(&list)?
        .iter()
        .skip(2)
        .filter(|line| !line.trim().is_empty())
    {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [path, item, status] = cells[..] else {
            return Err(bad_row("image_name item_id evaluation_status", line, &list));
        };
        let side = match status {
            "train" => continue,
            "query" => &mut set.queries,
            "gallery" => &mut set.enrolment,
            _ => return Err(bad_row("train, query or gallery", status, &list)),
        };
        // Some copies have the pictures in `Img`, beside the list's own `img`.
        let path = [root.to_owned(), root.join("Img")]
            .into_iter()
            .map(|folder| below(&folder, path, &list))
            .collect::<Result<Vec<_>, Fault>>()?
            .into_iter()
            .reduce(|plain, other| {
                if plain.is_file() || !other.is_file() {
                    plain
                } else {
                    other
                }
            });
        side.extend(path.map(|path| numbers.picture(path, item)));
    }
    Ok(set)
}
