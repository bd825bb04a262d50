//! What people corrected: kept on the disk for the next training, and used at once against the same mistake.
//!
//! One JSON line for every answer, synced before it counts; a line that a power cut left unfinished is cut off at the next
//! start. A line holds the embedding that the device went by, as int8 codes with a scale, so that a look that comes nearer to
//! a mistake than to the product's own rows is not accepted again: a **hard negative**. Saying that such a look was right
//! after all takes the negative back.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use skueye_models::{Code, EmbeddingId, Fault, Gtin};
use skueye_vision::decode::read_bounded;

use super::lock;

/// The longest file that is read: some 50,000 corrections.
const MAX_BYTES: u64 = 64 << 20;
/// Mistakes that are looked at: 0.1 ms of each look.
const NEGATIVES: usize = 1024;
/// A look that is as near to a mistake as to the product's rows, to this cosine, counts as nearer: rounding and the noise of a
/// camera are of that size.
const TIE: f32 = 0.01;
/// From this cosine on two looks are the same.
const SAME: f32 = 0.9;

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// What the device had said first.
    pub said: Option<Gtin>,
    /// What it was; `None`: not that.
    pub was: Option<Gtin>,
    /// Of the model.
    pub embedding_id: String,
    /// Value of a code's unit.
    pub scale: f32,
    /// The embedding: codes in +-127.
    pub codes: Vec<i8>,
    /// The same answer, given before, was a mistake and counts no more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub undone: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Correction {
    /// An answer to a look with this embedding.
    pub fn new(said: Option<Gtin>, was: Option<Gtin>, id: EmbeddingId, probe: &[f32]) -> Self {
        let largest = probe.iter().fold(0.0f32, |max, value| max.max(value.abs()));
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        let code = |value: &f32| (value / scale).round().clamp(-127.0, 127.0) as i8;
        Self {
            said,
            was,
            embedding_id: id.to_string(),
            scale,
            codes: probe.iter().map(code).collect(),
            undone: false,
        }
    }

    fn cosine(&self, probe: &[f32]) -> f32 {
        let terms = self.codes.iter().zip(probe);
        terms
            .map(|(code, value)| f32::from(*code) * value)
            .sum::<f32>()
            * self.scale
    }

    fn values(&self) -> Vec<f32> {
        let value = |code: &i8| f32::from(*code) * self.scale;
        self.codes.iter().map(value).collect()
    }

    fn is_mistake(&self) -> bool {
        self.said.is_some() && self.said.map(Gtin::value) != self.was.map(Gtin::value)
    }
}

/// What people corrected.
#[derive(Debug)]
pub struct Feedback {
    path: PathBuf,
    /// Opened with the first answer. Apart from the rest, so that the frame path never waits for the disk.
    file: Mutex<Option<File>>,
    /// Mistakes that were made with the model in use.
    negatives: Mutex<Vec<Correction>>,
}

impl Feedback {
    /// The corrections at `path`. Nothing is read yet.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: Mutex::default(),
            negatives: Mutex::default(),
        }
    }

    /// Takes a correction back that was just given: on the disk when this returns. Errors: E901.
    pub(super) fn take_back(&self, given: Correction) -> Result<(), Fault> {
        let undone = Correction {
            undone: true,
            ..given
        };
        let mut file = lock(&self.file);
        self.write(&mut file, &undone)?;
        // The answer may have taken a negative back itself: all is learnt anew.
        let mut negatives = Vec::new();
        let own = read(&self.path)?.into_iter();
        let own = own.filter(|c| c.embedding_id == undone.embedding_id);
        own.for_each(|correction| learn(&mut negatives, correction));
        *lock(&self.negatives) = negatives;
        Ok(())
    }

    /// A run with a model begins: its mistakes are those that were corrected with it. A file that cannot be used is set
    /// aside and told (E911, E901): a device scans without it.
    pub(super) fn begin(&self, id: EmbeddingId) -> Option<Fault> {
        let mut file = lock(&self.file);
        let mut negatives = Vec::new();
        let of_model = id.to_string();
        let told = match read(&self.path) {
            Ok(all) => {
                let own = all.into_iter().filter(|c| c.embedding_id == of_model);
                own.for_each(|correction| learn(&mut negatives, correction));
                None
            }
            Err(fault) => {
                *file = None;
                set_aside(&self.path).err().or(Some(fault))
            }
        };
        *lock(&self.negatives) = negatives;
        told
    }

    /// Keeps an answer: on the disk when this returns. Errors: E901.
    pub(super) fn add(&self, correction: Correction) -> Result<(), Fault> {
        // Held to the end: what is learnt has the order of the file.
        let mut file = lock(&self.file);
        self.write(&mut file, &correction)?;
        learn(&mut lock(&self.negatives), correction);
        Ok(())
    }

    fn write(&self, file: &mut Option<File>, correction: &Correction) -> Result<(), Fault> {
        let mut line = serde_json::to_vec(correction).map_err(|e| damaged(&self.path, 0, &e))?;
        line.push(b'\n');
        let written = append(file, &self.path, &line);
        written.map_err(|error| Fault::io("append to", &self.path, &error))
    }

    /// Whether a person has said of just such a look that it is not `gtin`: it comes as near to that mistake as, with
    /// `score`, to the product's rows.
    pub(crate) fn contests(&self, probe: &[f32], gtin: Gtin, score: f32) -> bool {
        let negatives = lock(&self.negatives);
        let of_product = |c: &&Correction| c.said.is_some_and(|said| said.value() == gtin.value());
        let mut mistakes = negatives.iter().filter(of_product);
        mistakes.any(|mistake| mistake.cosine(probe) >= score - TIE)
    }

    /// Whether there is any mistake to look at.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.negatives).is_empty()
    }
}

fn learn(negatives: &mut Vec<Correction>, correction: Correction) {
    if let Some(was) = correction.was {
        let values = correction.values();
        let taken_back = |c: &Correction| {
            c.said.is_some_and(|said| said.value() == was.value()) && c.cosine(&values) > SAME
        };
        negatives.retain(|negative| !taken_back(negative));
    }
    if correction.is_mistake() {
        if negatives.len() == NEGATIVES {
            negatives.remove(0);
        }
        negatives.push(correction);
    }
}

/// Gives a file another name, which nothing has yet. Errors: E901.
fn set_aside(path: &Path) -> Result<(), Fault> {
    let other = |number: u32| path.with_extension(format!("aside-{number}"));
    let free = (1..).map(other).find(|other| !other.exists());
    let renamed = free.map_or(Ok(()), |other| std::fs::rename(path, other));
    renamed.map_err(|error| Fault::io("set aside", path, &error))
}

fn append(slot: &mut Option<File>, path: &Path, line: &[u8]) -> std::io::Result<()> {
    let file = match slot {
        Some(file) => file,
        None => slot.insert(OpenOptions::new().create(true).append(true).open(path)?),
    };
    let before = file.metadata()?.len();
    let written = file.write_all(line).and_then(|()| file.sync_data());
    if written.is_err() {
        // Half a line must not stand before the next one.
        let _ = file.set_len(before);
    }
    written
}

/// What counts of every whole line; what follows the last line's end is cut off.
fn read(path: &Path) -> Result<Vec<Correction>, Fault> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = read_bounded(path, MAX_BYTES, Code::LogDamaged)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |at| at + 1);
    if whole < bytes.len() {
        let file = OpenOptions::new().write(true).open(path);
        let cut = file.and_then(|file| file.set_len(whole as u64));
        cut.map_err(|error| Fault::io("cut an unfinished line off", path, &error))?;
    }
    let lines = bytes[..whole].split(|byte| *byte == b'\n');
    let lines = lines.enumerate().filter(|(_, line)| !line.is_empty());
    let mut counting: Vec<Correction> = Vec::new();
    for (at, line) in lines {
        let correction: Correction =
            serde_json::from_slice(line).map_err(|e| damaged(path, at + 1, &e))?;
        if !correction.undone {
            counting.push(correction);
            continue;
        }
        let given = Correction {
            undone: false,
            ..correction
        };
        if let Some(at) = counting.iter().rposition(|before| *before == given) {
            counting.remove(at);
        }
    }
    Ok(counting)
}

/// The corrections at `path` that were not taken back; none where there is no file. Errors: E901, E911.
pub fn counting(path: &Path) -> Result<Vec<Correction>, Fault> {
    read(path)
}

fn damaged(path: &Path, line: usize, error: &serde_json::Error) -> Fault {
    Fault::new(
        Code::LogDamaged,
        format!("a correction in line {line}"),
        error.to_string(),
        "nothing: the file was set aside and a new one begun; the technician may look at it",
    )
    .at(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: EmbeddingId = EmbeddingId([7; 16]);

    fn gtin(body: u64) -> Gtin {
        Gtin::from_body(body, 13).unwrap()
    }

    fn unit(direction: usize, tilt: f32) -> Vec<f32> {
        let mut values = [0.0; 32];
        values[direction] = 1.0;
        values[31] = tilt;
        let norm = (1.0 + tilt * tilt).sqrt();
        values.iter().map(|v| v / norm).collect()
    }

    fn mistake(said: u64, was: Option<u64>, probe: &[f32]) -> Correction {
        Correction::new(Some(gtin(said)), was.map(gtin), ID, probe)
    }

    fn opened(path: &Path) -> Feedback {
        let feedback = Feedback::new(path);
        assert_eq!(feedback.begin(ID), None);
        feedback
    }

    #[test]
    fn the_same_look_is_contested_also_after_a_restart_and_another_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feedback.jsonl");
        let feedback = opened(&path);
        assert!(feedback.is_empty());
        feedback.add(mistake(1, Some(2), &unit(3, 0.0))).unwrap();
        for feedback in [feedback, opened(&path)] {
            assert!(feedback.contests(&unit(3, 0.1), gtin(1), 0.8));
            assert!(
                !feedback.contests(&unit(3, 0.1), gtin(2), 0.8),
                "what it was"
            );
            assert!(
                !feedback.contests(&unit(4, 0.0), gtin(1), 0.8),
                "another look"
            );
            assert!(
                !feedback.contests(&unit(3, 0.5), gtin(1), 0.99),
                "nearer to the product"
            );
        }
    }

    #[test]
    fn saying_that_it_was_right_takes_the_mistake_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feedback.jsonl");
        let feedback = opened(&path);
        feedback.add(mistake(1, None, &unit(3, 0.0))).unwrap();
        feedback.add(mistake(1, Some(1), &unit(3, 0.1))).unwrap();
        assert!(feedback.is_empty() && opened(&path).is_empty());
    }

    #[test]
    fn a_line_that_was_cut_off_is_lost_alone_and_a_wrong_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feedback.jsonl");
        opened(&path).add(mistake(1, None, &unit(3, 0.0))).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, [&whole[..], &whole[..cut]].concat()).unwrap();
            let feedback = opened(&path);
            feedback.add(mistake(2, None, &unit(4, 0.0))).unwrap();
            assert_eq!(read(&path).unwrap().len(), 2);
        }
        std::fs::write(&path, b"{}\n").unwrap();
        let feedback = Feedback::new(&path);
        assert_eq!(feedback.begin(ID).unwrap().code(), Code::LogDamaged);
        assert!(!path.exists() && path.with_extension("aside-1").exists());
        assert_eq!(feedback.begin(ID), None);
    }

    #[test]
    fn while_an_answer_waits_for_the_disk_looks_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feedback.jsonl");
        let feedback = opened(&path);
        // A pipe takes nothing until somebody reads from it, as a disk that is busy.
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        std::thread::scope(|scope| {
            let adds = scope.spawn(|| feedback.add(mistake(1, None, &unit(3, 0.0))));
            while feedback.file.try_lock().is_ok() {
                std::thread::yield_now();
            }
            assert!(feedback.is_empty() && !feedback.contests(&unit(3, 0.0), gtin(1), 0.5));
            let reader = File::open(&path).unwrap();
            // A pipe cannot be synced, which a disk can.
            assert!(adds.join().unwrap().is_err());
            drop(reader);
        });
    }

    #[test]
    fn another_models_mistakes_are_kept_and_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feedback.jsonl");
        opened(&path).add(mistake(1, None, &unit(3, 0.0))).unwrap();
        let feedback = Feedback::new(&path);
        assert_eq!(feedback.begin(EmbeddingId([8; 16])), None);
        assert!(feedback.is_empty());
    }
}
