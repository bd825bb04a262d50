//! The right answers: a float32 search of everything.

use skueye_models::Fault;

use super::Task;

/// Of each query the numbers of the `k` rows with the largest dot product in f32, the best first; of equal ones the lower
/// number first. Rows and queries are taken as unit vectors.
pub fn nearest(task: &Task, k: usize) -> Result<Vec<Vec<u32>>, Fault> {
    let (dim, queries) = (task.dim, &task.queries);
    let mut best: Vec<Best> = task.each_query().map(|_| Best::new(k)).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = best.len().div_ceil(threads).max(1);
    task.for_rows(|first, rows| {
        std::thread::scope(|scope| {
            let parts = best.chunks_mut(share).zip(queries.chunks(share * dim));
            for (best, queries) in parts {
                scope.spawn(move || compare(first, rows, queries, dim, best));
            }
        });
        Ok(())
    })?;
    Ok(best.into_iter().map(Best::into_rows).collect())
}

/// Compares some rows, small enough for the cache, with all of a thread's queries.
fn compare(first: usize, rows: &[f32], queries: &[f32], dim: usize, best: &mut [Best]) {
    for (block, start) in rows.chunks(64 * dim).zip((first..).step_by(64)) {
        for (query, best) in queries.chunks_exact(dim).zip(best.iter_mut()) {
            for (row, number) in block.chunks_exact(dim).zip(start..) {
                best.offer(dot(row, query), number as u32);
            }
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 32];
    for (a, b) in a.as_chunks::<32>().0.iter().zip(b.as_chunks::<32>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The best of one query.
struct Best {
    k: usize,
    found: Vec<(f32, u32)>,
}

impl Best {
    fn new(k: usize) -> Self {
        Self {
            k,
            found: Vec::with_capacity(k + 1),
        }
    }

    /// Rows come in ascending order.
    fn offer(&mut self, score: f32, row: u32) {
        if self.found.len() < self.k || score > self.found[self.k - 1].0 {
            let at = self.found.partition_point(|(other, _)| *other >= score);
            self.found.insert(at, (score, row));
            self.found.truncate(self.k);
        }
    }

    fn into_rows(self) -> Vec<u32> {
        self.found.into_iter().map(|(_, row)| row).collect()
    }
}
