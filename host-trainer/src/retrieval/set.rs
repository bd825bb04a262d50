//! The pictures of a benchmark: which are enrolled, which ask, and by what protocol.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use skueye_models::{Code, Fault};

use crate::evaluate::{EvaluationSet, Truth};

/// A picture with the number of the product that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its file.
    pub path: PathBuf,
    /// Its product.
    pub product: usize,
}

/// Where a set comes from.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Its name, as `--set` takes it.
    pub name: String,
    /// Whether its pictures were computed.
    pub synthetic: bool,
    /// Generator, packages or folder.
    pub source: String,
    /// Who asks and who answers, in a sentence.
    pub protocol: String,
    /// The k of the recalls that its authors report, besides those of every set.
    pub recalls: Vec<usize>,
}

/// Pictures that are enrolled and pictures that ask. A query whose product nobody enrolled is unknown.
#[derive(Debug, Clone)]
pub struct TestSet {
    /// Where it comes from.
    pub about: About,
    /// Enrolment pictures; those of one product in the order of enrolment.
    pub enrolment: Vec<Picture>,
    /// Queries; none where every enrolment picture asks all others.
    pub queries: Vec<Picture>,
    /// The product line of each product, by its number, where products have lines whose members differ in flavour or size.
    pub lines: Option<Vec<usize>>,
}

impl TestSet {
    /// Every picture asks all others.
    pub fn leaves_one_out(&self) -> bool {
        self.queries.is_empty()
    }

    /// The places of the first `shots` enrolment pictures of each product; of all without.
    pub fn first_shots(&self, shots: Option<usize>) -> Vec<usize> {
        let mut taken: HashMap<usize, usize> = HashMap::new();
        let within = |(_, picture): &(usize, &Picture)| {
            let count = taken.entry(picture.product).or_insert(0);
            *count += 1;
            shots.is_none_or(|shots| *count <= shots)
        };
        let pictures = self.enrolment.iter().enumerate();
        pictures.filter(within).map(|(at, _)| at).collect()
    }

    /// What gallery rows of `products` and the queries show.
    pub fn truth(&self, products: Vec<usize>) -> Truth {
        match self.leaves_one_out() {
            true => Truth::leave_one_out(products),
            false => {
                let queries = self.queries.iter().map(|picture| picture.product);
                Truth::new(products, queries.collect())
            }
        }
    }

    /// As [`Self::truth`], of lines: an answer of the same line is right. Queries whose product is unknown stay unknown.
    pub fn line_truth(&self, products: &[usize]) -> Option<Truth> {
        let lines = self.lines.as_ref()?;
        let known: HashSet<&usize> = products.iter().collect();
        let line = |(number, picture): (usize, &Picture)| match known.contains(&picture.product) {
            true => lines[picture.product],
            false => usize::MAX - number,
        };
        let queries = self.queries.iter().enumerate().map(line).collect();
        let rows = products.iter().map(|&product| lines[product]);
        Some(Truth::new(rows.collect(), queries))
    }

    /// Of a data set: its index is enrolled. Of the query pictures of each product the first `held` do not ask; with
    /// `by_camera` they are what is enrolled instead, so that both ways have the same queries.
    pub fn of_evaluation(set: &EvaluationSet, about: About, held: usize, by_camera: bool) -> Self {
        let picture = |path: &PathBuf, &product: &usize| Picture {
            path: path.clone(),
            product,
        };
        let index = set.index.iter().zip(&set.truth.index);
        let mut enrolment: Vec<Picture> = index.map(|(path, of)| picture(path, of)).collect();
        let known: HashSet<usize> = enrolment.iter().map(|picture| picture.product).collect();
        let (mut queries, mut before) = (Vec::new(), Vec::new());
        let mut seen: HashMap<usize, usize> = HashMap::new();
        for (path, of) in set.queries.iter().zip(&set.truth.queries) {
            let count = seen.entry(*of).or_insert(0);
            *count += 1;
            match *count > held {
                true => queries.push(picture(path, of)),
                false => before.push(picture(path, of)),
            }
        }
        if by_camera {
            before.retain(|picture| known.contains(&picture.product));
            enrolment = before;
        }
        Self {
            about,
            enrolment,
            queries,
            lines: None,
        }
    }

    /// Refuses a set in which nothing can be found (E629).
    pub fn checked(self) -> Result<Self, Fault> {
        let products: Vec<usize> = self.enrolment.iter().map(|p| p.product).collect();
        let known = self.truth(products).known().next();
        if known.is_some() {
            return Ok(self);
        }
        let expected = "a query whose product is enrolled";
        let remedy = "check the folder; a set without labels can only be submitted (skueye-train evaluate --submission)";
        let got = format!(
            "{} enrolment pictures and {} queries without one",
            self.enrolment.len(),
            self.queries.len()
        );
        Err(Fault::new(Code::NothingToMeasure, expected, got, remedy))
    }
}
