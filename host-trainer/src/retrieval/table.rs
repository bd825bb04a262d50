//! A benchmark as a person reads it.

use std::fmt::{Display, Formatter, Result};

use super::benchmark::Benchmark;
use super::figures::{Figures, Gallery};
use super::robustness::Robustness;

impl Display for Benchmark {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let kind = if self.synthetic { ", synthetic" } else { "" };
        writeln!(f, "{}{kind}: {}", self.set, self.protocol)?;
        writeln!(
            f,
            "{} pictures to enrol, {} queries; model {} at {} pixels, pretrained Lite0 at {}",
            self.enrolment, self.queries, self.embedding_id, self.size, self.pretrained_size
        )?;
        for gallery in &self.galleries {
            write!(f, "\n{gallery}")?;
        }
        if !self.pooling.is_empty() {
            writeln!(f, "\nentries of several shots, int8 gallery")?;
            header(f)?;
            for pooled in &self.pooling {
                let shots = pooled.shots.map_or("all".into(), |shots| shots.to_string());
                let name = format!(
                    "{}, {shots} shots, {} rows",
                    pooled.pooling.word(),
                    pooled.rows
                );
                line(f, &name, &pooled.figures)?;
            }
        }
        match &self.robustness {
            Some(robustness) => write!(f, "\n{robustness}"),
            None => Ok(()),
        }
    }
}

impl Display for Gallery {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let shots = self.shots.map_or("all".into(), |shots| shots.to_string());
        writeln!(
            f,
            "{shots} shots: {} rows of {} products; {} known and {} unknown queries",
            self.rows, self.products, self.known, self.unknown
        )?;
        header(f)?;
        self.figures
            .iter()
            .try_for_each(|figures| line(f, &figures.row.name, figures))
    }
}

fn header(f: &mut Formatter<'_>) -> Result {
    let [a, b, c, d, e, g] = ["R@1", "95 %", "MAR@10", "mAP@10", "AUROC", "FRR@1%FA"];
    writeln!(f, "  {:44} {a:>7} {b:>15} {c:>7} {d:>7} {e:>7} {g:>9}", "")
}

fn line(f: &mut Formatter<'_>, name: &str, figures: &Figures) -> Result {
    let metrics = &figures.row.metrics;
    let interval = figures.row.recall1_intervals.map_or(String::new(), |i| {
        format!("{:.3} - {:.3}", i.by_product.low, i.by_product.high)
    });
    let or_dash = |figure: Option<f64>| figure.map_or("-".into(), |figure| format!("{figure:.4}"));
    let (auroc, rejected) = (
        or_dash(metrics.auroc),
        or_dash(figures.false_reject_at_1_percent),
    );
    write!(
        f,
        "  {name:44} {:7.4} {interval:>15} {:7.4} {:7.4} {auroc:>7} {rejected:>9}",
        metrics.recall1, metrics.mar10, metrics.map10
    )?;
    if let Some(recall) = figures.line_recall1 {
        write!(f, "  line {recall:.4}")?;
    }
    for (k, recall) in &figures.recall_at {
        write!(f, "  R@{k} {recall:.4}")?;
    }
    writeln!(f)
}

impl Display for Robustness {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "worse pictures: {} shots, {} known queries, int8 gallery; clean R@1 {:.4}, MAR@10 {:.4}",
            self.shots, self.queries, self.clean_recall1, self.clean_mar10
        )?;
        let [a, b, c, d] = ["R@1", "lost", "MAR@10", "lost"];
        writeln!(f, "  {:64} {a:>7} {b:>7} {c:>7} {d:>7}", "")?;
        for worse in &self.worse {
            let name = format!(
                "{} {}: {} {}",
                worse.corruption, worse.level, worse.strength, worse.unit
            );
            writeln!(
                f,
                "  {name:64} {:7.4} {:6.1}% {:7.4} {:6.1}%",
                worse.recall1,
                100.0 * worse.recall1_lost,
                worse.mar10,
                100.0 * worse.mar10_lost
            )?;
        }
        Ok(())
    }
}
