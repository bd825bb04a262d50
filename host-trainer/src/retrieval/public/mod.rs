//! Readers of public data sets as their authors hand them out. None is fetched: who has one names its folder.
//!
//! | set | what is read | who asks whom |
//! |---|---|---|
//! | `stanford-online-products` | `Ebay_test.txt` | every test picture asks all others |
//! | `in-shop` | `Eval/list_eval_partition.txt` (or beside `img`) | `query` asks `gallery` |
//! | `products-10k` | `train.csv`, `test.csv` or `test_kaggletest.csv`, with labels | test asks train |
//! | `rp2k` | `all/train/CLASS`, `all/test/CLASS` (or without `all`) | test asks train |
//! | `eproduct` | its folder with ground truth beside it | queries ask the index |

mod eproduct;
mod in_shop;
mod products10k;
mod rp2k;
mod stanford;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use skueye_models::{Code, Fault};

use super::set::{About, Picture, TestSet};

/// A public data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Song et al. 2016.
    StanfordOnlineProducts,
    /// DeepFashion's In-Shop Clothes Retrieval, Liu et al. 2016.
    InShop,
    /// Bai et al. 2020.
    Products10K,
    /// Peng et al. 2020.
    Rp2k,
    /// Yuan et al. 2021.
    EProduct,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::StanfordOnlineProducts,
        Self::InShop,
        Self::Products10K,
        Self::Rp2k,
        Self::EProduct,
    ];

    /// As `--set` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::StanfordOnlineProducts => "stanford-online-products",
            Self::InShop => "in-shop",
            Self::Products10K => "products-10k",
            Self::Rp2k => "rp2k",
            Self::EProduct => "eproduct",
        }
    }
}

/// Reads the set in `root`. Errors: E507 for a folder of another layout, E503 for a row, E505 for a missing picture, E901.
pub fn read(layout: Layout, root: &Path) -> Result<TestSet, Fault> {
    let mut sides = match layout {
        Layout::StanfordOnlineProducts => stanford::read(root)?,
        Layout::InShop => in_shop::read(root)?,
        Layout::Products10K => products10k::read(root)?,
        Layout::Rp2k => rp2k::read(root)?,
        Layout::EProduct => eproduct::read(root)?,
    };
    sides.about.name = layout.name().to_owned();
    sides.about.source = root.display().to_string();
    let pictures = sides.enrolment.iter().chain(&sides.queries);
    match pictures
        .map(|picture| &picture.path)
        .find(|path| !path.is_file())
    {
        None => Ok(sides),
        Some(missing) => {
            let remedy = "unpack the data set completely, or name its folder with --root";
            let fault = Fault::new(
                Code::DataMissingFile,
                "the picture that the list names",
                "none",
                remedy,
            );
            Err(fault.at(missing))
        }
    }
}

/// Products by their names in lists and folders, numbered as they come.
#[derive(Default)]
struct Numbers(HashMap<String, usize>);

impl Numbers {
    fn of(&mut self, name: &str) -> usize {
        let next = self.0.len();
        *self.0.entry(name.to_owned()).or_insert(next)
    }

    fn picture(&mut self, path: PathBuf, product: &str) -> Picture {
        let product = self.of(product);
        Picture { path, product }
    }
}

fn about(protocol: &str, recalls: &[usize]) -> About {
    About {
        protocol: protocol.to_owned(),
        recalls: recalls.to_vec(),
        ..About::default()
    }
}

/// The lines of the list at `path`. Errors: E507 where it is not there, E901.
fn lines(path: &Path) -> Result<Vec<String>, Fault> {
    let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            let remedy = "name the folder that holds the data set as its authors pack it";
            Fault::new(
                Code::DataLayout,
                "a list of pictures",
                "no such file",
                remedy,
            )
            .at(path)
        }
        _ => Fault::io("read", path, &e),
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// `path` below `root`, which it may not leave. Errors: E503.
fn below(root: &Path, path: &str, list: &Path) -> Result<PathBuf, Fault> {
    let plain = |part: std::path::Component| matches!(part, std::path::Component::Normal(_));
    match !path.is_empty() && Path::new(path).components().all(plain) {
        true => Ok(root.join(path)),
        false => Err(bad_row("a path inside the data set", path, list)),
    }
}

fn bad_row(expected: &str, got: &str, list: &Path) -> Fault {
    let remedy = "restore the list from the data set's archive";
    Fault::new(Code::DataRow, expected, format!("{got:?}"), remedy).at(list)
}
