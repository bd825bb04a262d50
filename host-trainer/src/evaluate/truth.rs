//! Which product each picture shows.

use std::collections::HashMap;

/// Which product each row of the index and each query shows. A query of a product that has no row is unknown.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Product of each index row.
    pub index: Vec<usize>,
    /// Product of each query.
    pub queries: Vec<usize>,
    rows_of: HashMap<usize, usize>,
    /// Each row of the index asks all others.
    leave_one_out: bool,
}

impl Truth {
    /// From the product of each index row and of each query.
    pub fn new(index: Vec<usize>, queries: Vec<usize>) -> Self {
        let mut rows_of = HashMap::new();
        for product in &index {
            *rows_of.entry(*product).or_insert(0) += 1;
        }
        Self {
            index,
            queries,
            rows_of,
            leave_one_out: false,
        }
    }

    /// Of pictures of which each asks all others; the rankings must leave out the row that asks.
    pub fn leave_one_out(products: Vec<usize>) -> Self {
        Self {
            leave_one_out: true,
            ..Self::new(products.clone(), products)
        }
    }

    /// How many index rows show the product of `query`.
    pub fn relevant(&self, query: usize) -> usize {
        let rows = self.rows_of.get(&self.queries[query]);
        rows.copied()
            .unwrap_or(0)
            .saturating_sub(usize::from(self.leave_one_out))
    }

    /// Whether the index row `row` shows the product of `query`.
    pub fn is_right(&self, query: usize, row: usize) -> bool {
        let own = self.leave_one_out && row == query;
        !own && self.index[row] == self.queries[query]
    }

    /// The queries whose product is in the index.
    pub fn known(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.queries.len()).filter(|&query| self.relevant(query) > 0)
    }

    /// The queries whose product is not.
    pub fn unknown(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.queries.len()).filter(|&query| self.relevant(query) == 0)
    }
}
