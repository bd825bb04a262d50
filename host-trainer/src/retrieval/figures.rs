//! What is measured of one gallery.

use std::collections::BTreeMap;

use serde::Serialize;
use skueye_models::{Fault, Whitening};

use super::set::TestSet;
use crate::ensemble::{Ensemble, Member};
use crate::evaluate::{
    Bootstrap, CANDIDATES, Interval, OpenSet, Row, RowFigures, Truth, device_rows, float_ranking,
    recall_within, reranked_row,
};
use crate::vectors::{UnitVectors, Vectors};
use crate::whitening::{Choice, Recipe, whiten};

/// The share of unknown items that may pass where false rejects are read off.
const FALSE_ACCEPTS: f64 = 0.01;

/// One way of answering with what it is worth.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Retrieval.
    #[serde(flatten)]
    pub row: RowFigures,
    /// Share of known items below the threshold that 1 % of the unknown ones reach; none without unknown items.
    pub false_reject_at_1_percent: Option<f64>,
    /// 95 % interval of it, products resampled.
    pub false_reject_interval: Option<Interval>,
    /// Share of the known queries whose first answer is of the right product line; none without lines.
    pub line_recall1: Option<f64>,
    /// Recall at the k that the set's authors report.
    pub recall_at: BTreeMap<usize, f64>,
}

/// All ways on one gallery.
#[derive(Debug, Clone, Serialize)]
pub struct Gallery {
    /// Shots of each product at most; none for all that there are.
    pub shots: Option<usize>,
    /// Rows of the gallery.
    pub rows: usize,
    /// Products of the gallery.
    pub products: usize,
    /// Queries whose product is in it.
    pub known: usize,
    /// Queries whose product is not.
    pub unknown: usize,
    /// The ways.
    pub figures: Vec<Figures>,
}

/// Vectors of enrolment pictures and queries by one network.
#[derive(Clone)]
pub struct Sides {
    /// The enrolment pictures.
    pub index: Vectors,
    /// The queries; the enrolment pictures again where one is left out at a time.
    pub queries: Vectors,
}

/// A network that is measured raw and whitened.
pub struct Measured {
    /// What its rows are called in files.
    pub key: String,
    /// What its rows are called for people.
    pub name: String,
    /// Its vectors.
    pub sides: Sides,
    /// What is done to them.
    pub recipe: Recipe,
    /// Its map, fitted on all enrolment pictures.
    pub whitening: Option<Whitening>,
}

impl Sides {
    /// The gallery's rows are the enrolment pictures `at`.
    fn select(&self, at: &[usize], leave_one_out: bool) -> Self {
        Self {
            index: self.index.select(at),
            queries: match leave_one_out {
                true => self.queries.select(at),
                false => self.queries.clone(),
            },
        }
    }

    fn units(self, whitening: Option<&Whitening>) -> Result<(UnitVectors, UnitVectors), Fault> {
        let unit = |vectors: Vectors| match whitening {
            Some(map) => whiten(&vectors, map)?.normalised(),
            None => vectors.normalised(),
        };
        Ok((unit(self.index)?, unit(self.queries)?))
    }
}

/// One gallery of `set`, about to be measured.
pub struct Question<'a> {
    set: &'a TestSet,
    at: Vec<usize>,
    products: Vec<usize>,
    truth: Truth,
    bootstrap: Bootstrap,
}

impl<'a> Question<'a> {
    /// The gallery of the first `shots` of each product.
    pub fn new(set: &'a TestSet, shots: Option<usize>, bootstrap: Bootstrap) -> Self {
        let at = set.first_shots(shots);
        let products: Vec<usize> = at.iter().map(|&at| set.enrolment[at].product).collect();
        Self {
            set,
            at,
            truth: set.truth(products.clone()),
            products,
            bootstrap,
        }
    }

    /// The product of each gallery row.
    pub fn products(&self) -> &[usize] {
        &self.products
    }

    /// A network's unit vectors for this gallery and for the queries.
    pub fn units(&self, sides: &Sides) -> Result<(UnitVectors, UnitVectors), Fault> {
        self.select(sides).units(None)
    }

    fn select(&self, sides: &Sides) -> Sides {
        sides.select(&self.at, self.set.leaves_one_out())
    }

    fn depth(&self) -> usize {
        let most = self.set.about.recalls.iter().copied().max();
        // One more, since a picture that asks finds itself.
        most.unwrap_or(0).max(CANDIDATES) + 1
    }

    fn float(
        &self,
        key: &str,
        name: &str,
        (index, queries): &(UnitVectors, UnitVectors),
    ) -> Result<Row, Fault> {
        Ok(Row {
            key: key.to_owned(),
            name: name.to_owned(),
            on_device: false,
            rankings: float_ranking(index, queries, self.depth())?,
        })
    }

    /// Raw and whitened rows of each of `networks`; of several the ensemble of their whitened vectors, as it is and re-ranked.
    pub fn of_networks(&self, networks: &[Measured]) -> Result<Vec<Row>, Fault> {
        let mut rows = Vec::new();
        for network in networks {
            let sides = self.select(&network.sides);
            let (key, name) = (&network.key, &network.name);
            let raw = sides.clone().units(None)?;
            rows.push(self.float(&format!("{key}_raw"), &format!("{name}, raw"), &raw)?);
            if let Some(whitening) = &network.whitening {
                let whitened = sides.units(Some(whitening))?;
                let name = format!("{name}, whitened ({})", network.recipe);
                rows.push(self.float(&format!("{key}_whitened"), &name, &whitened)?);
            }
        }
        Ok(rows)
    }

    /// The rows of several `networks` as one. Errors: E103 for one network named twice, E626.
    pub fn of_ensemble(&self, networks: &[Measured]) -> Result<Vec<Row>, Fault> {
        let member = |network: &Measured| {
            let choice = Choice {
                recipe: network.recipe,
                whitening: network.whitening.clone(),
                tried: Vec::new(),
            };
            Member::new(&network.key, network.sides.index.dim(), 1.0, choice)
        };
        let ensemble = Ensemble::new(networks.iter().map(member).collect::<Result<_, _>>()?)?;
        let sides: Vec<Sides> = networks.iter().map(|n| self.select(&n.sides)).collect();
        let index: Vec<&Vectors> = sides.iter().map(|side| &side.index).collect();
        let queries: Vec<&Vectors> = sides.iter().map(|side| &side.queries).collect();
        let joined = (ensemble.join(&index)?, ensemble.join(&queries)?);
        let row = self.float("ensemble", "Ensemble", &joined)?;
        let mut rows = vec![row];
        if !self.set.leaves_one_out() {
            rows.push(reranked_row(&rows[0], &joined.0, &joined.1)?);
        }
        Ok(rows)
    }

    /// The rows of a release: each arithmetic with its key, name and vectors; the first one's in the device's gallery; the
    /// same re-ranked.
    pub fn of_student(&self, ways: &[(&str, &str, Sides)]) -> Result<Vec<Row>, Fault> {
        let mut rows = Vec::new();
        for (key, name, sides) in ways {
            rows.push(self.float(key, name, &self.units(sides)?)?);
        }
        if let Some((_, _, sides)) = ways.first() {
            let (index, queries) = self.units(sides)?;
            let products = &self.products;
            rows.extend(device_rows(
                "student", "Student", &index, &queries, products,
            )?);
        }
        if self.set.leaves_one_out() {
            // The query itself is the first of the candidates that re-ranking looks at: that is another question.
            rows.retain(|row| !row.key.ends_with("_reranked"));
        }
        Ok(rows)
    }

    /// What `rows` are worth.
    pub fn gallery(&self, shots: Option<usize>, rows: Vec<Row>) -> Gallery {
        let known = self.truth.known().count();
        let products: std::collections::HashSet<&usize> = self.products.iter().collect();
        Gallery {
            shots,
            rows: self.products.len(),
            products: products.len(),
            known,
            unknown: self.truth.queries.len() - known,
            figures: rows
                .into_iter()
                .map(|row| figures(self.set, &self.truth, row, &self.bootstrap))
                .collect(),
        }
    }
}

/// What `row` is worth on the queries of `truth`.
pub fn figures(set: &TestSet, truth: &Truth, mut row: Row, bootstrap: &Bootstrap) -> Figures {
    if set.leaves_one_out() {
        let rankings = row.rankings.iter_mut().enumerate();
        rankings.for_each(|(own, ranking)| ranking.retain(|hit| hit.row != own));
    }
    let depth = row.rankings.iter().map(Vec::len).max().unwrap_or(0);
    let reached = |k: &&usize| {
        **k <= depth
            || row
                .rankings
                .iter()
                .all(|r| r.len() + 1 >= truth.index.len())
    };
    let recalls = set.about.recalls.iter().filter(reached);
    let recall_at = recalls.map(|&k| (k, recall_within(&row.rankings, truth, k)));
    let open_set = OpenSet::new(&row.rankings, truth, None, bootstrap);
    let points = open_set.iter().flat_map(|open| &open.operating_points);
    let point = points
        .into_iter()
        .find(|point| point.false_accept_rate == FALSE_ACCEPTS);
    Figures {
        line_recall1: set
            .line_truth(&truth.index)
            .map(|lines| recall_within(&row.rankings, &lines, 1)),
        recall_at: recall_at.collect(),
        row: row.figures(truth, bootstrap),
        false_reject_at_1_percent: point.map(|point| point.point.false_reject),
        false_reject_interval: point
            .and_then(|point| point.false_reject_intervals)
            .map(|intervals| intervals.by_product),
    }
}
