//! Weight soups (arXiv 2203.05482): the average of networks that were trained from one start.

use skueye_models::network::Weights;
use skueye_models::{Code, Fault};

/// The mean of each parameter of `ingredients`, which are weights of one network. Errors: E654 where there are none, or
/// where names or shapes differ.
pub fn average(ingredients: &[&Weights]) -> Result<Weights, Fault> {
    let (first, others) = ingredients
        .split_first()
        .ok_or_else(|| refuse("no run".into()))?;
    let share = 1.0 / ingredients.len() as f64;
    let mut soup = Weights::default();
    for (name, param) in &first.0 {
        let mut sums: Vec<f64> = param.data.iter().map(|&v| f64::from(v)).collect();
        for weights in others {
            let other = weights.0.get(name).filter(|p| p.shape == param.shape);
            let other = other.ok_or_else(|| refuse(format!("{name} in one run alone")))?;
            let values = other.data.iter().map(|&v| f64::from(v));
            sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
        }
        let mean = sums.into_iter().map(|sum| (sum * share) as f32).collect();
        soup.insert(name.clone(), param.shape.clone(), mean);
    }
    match others
        .iter()
        .find(|weights| weights.0.len() != first.0.len())
    {
        Some(other) => Err(refuse(format!(
            "{} and {} parameters",
            first.0.len(),
            other.0.len()
        ))),
        None => Ok(soup),
    }
}

/// What a greedy soup came to.
#[derive(Debug, Clone)]
pub struct Greedy {
    /// The average.
    pub weights: Weights,
    /// Which ingredients are in it, in the order of their merit.
    pub taken: Vec<usize>,
    /// What `judge` says of it.
    pub figure: f64,
    /// What it says of each ingredient.
    pub alone: Vec<f64>,
}

/// Begins with the best of `ingredients` and takes each further one, the better first, for which the average does not get
/// worse by `judge` (the larger the better). It is never worse than the best ingredient. `settle` finishes every average
/// of several. Errors: E654, those of `judge` and `settle`.
pub fn greedy(
    ingredients: &[&Weights],
    mut settle: impl FnMut(Weights) -> Result<Weights, Fault>,
    mut judge: impl FnMut(&Weights) -> Result<f64, Fault>,
) -> Result<Greedy, Fault> {
    let alone: Vec<f64> = ingredients
        .iter()
        .map(|weights| judge(weights))
        .collect::<Result<_, Fault>>()?;
    let mut order: Vec<usize> = (0..ingredients.len()).collect();
    order.sort_by(|&a, &b| alone[b].total_cmp(&alone[a]).then(a.cmp(&b)));
    let best = *order.first().ok_or_else(|| refuse("no run".into()))?;
    let mut soup = Greedy {
        weights: average(&[ingredients[best]])?,
        taken: vec![best],
        figure: alone[best],
        alone: Vec::new(),
    };
    for &next in &order[1..] {
        let taken: Vec<usize> = soup.taken.iter().copied().chain([next]).collect();
        let weights = average(&taken.iter().map(|&i| ingredients[i]).collect::<Vec<_>>())?;
        let weights = settle(weights)?;
        let figure = judge(&weights)?;
        if figure >= soup.figure {
            (soup.weights, soup.taken, soup.figure) = (weights, taken, figure);
        }
    }
    soup.alone = alone;
    Ok(soup)
}

fn refuse(got: String) -> Fault {
    Fault::new(
        Code::SoupMismatch,
        "runs of one network from one start",
        got,
        "name runs of the same network, made with the same settings but for seed, rate or data order",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(values: &[f32]) -> Weights {
        let mut weights = Weights::default();
        weights.insert("w", vec![values.len()], values.to_vec());
        weights
    }

    #[test]
    fn the_average_is_the_mean_and_other_networks_are_refused() {
        let (a, b) = (weights(&[1.0, 4.0]), weights(&[3.0, 0.0]));
        assert_eq!(average(&[&a, &b]).unwrap().data("w"), [2.0, 2.0]);
        let other = weights(&[1.0]);
        assert_eq!(
            average(&[&a, &other]).unwrap_err().code(),
            Code::SoupMismatch
        );
        let mut more = weights(&[1.0, 1.0]);
        more.insert("v", vec![1], vec![0.0]);
        for pair in [[&a, &more], [&more, &a]] {
            assert_eq!(average(&pair).unwrap_err().code(), Code::SoupMismatch);
        }
        assert_eq!(average(&[]).unwrap_err().code(), Code::SoupMismatch);
    }

    #[test]
    fn a_greedy_soup_takes_what_helps_and_leaves_what_spoils() {
        // The nearer to 2, the better: 1.5 is best alone, 2.5 makes it perfect, 9 would spoil it.
        let all = [weights(&[9.0]), weights(&[1.5]), weights(&[2.6])];
        let judge = |w: &Weights| Ok(-f64::from((w.data("w")[0] - 2.0).abs()));
        let soup = greedy(&all.each_ref(), Ok, judge).unwrap();
        assert_eq!(soup.taken, [1, 2]);
        assert!((soup.weights.data("w")[0] - 2.05).abs() < 1e-6);
        assert_eq!(soup.alone.len(), 3);
        assert!(soup.figure >= soup.alone.iter().copied().fold(f64::MIN, f64::max));
    }
}
