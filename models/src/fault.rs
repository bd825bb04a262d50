//! The one shape of every failure that a person may have to act on.
//!
//! A [`Fault`] carries a stable number that can be read out over a telephone, the path it concerns, what was expected,
//! what was found, and what to do about it. Numbers are never reused; `docs/errors.md` lists them and a test keeps
//! that page equal to [`Code::ALL`].
//!
//! | range | subject |
//! |---|---|
//! | 1xx | settings and command lines |
//! | 2xx | gallery files |
//! | 3xx | pictures and cameras |
//! | 4xx | models, manifests, embeddings |
//! | 5xx | data sets, titles, mining |
//! | 6xx | training, export, evaluation |
//! | 7xx | the link to the till, the operator page |
//! | 8xx | updates |
//! | 9xx | the machine: files, space, tools |

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($number:literal $name:ident $title:literal)*) => {
        /// A stable error number with its one-line title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Code { $(#[doc = $title] $name = $number,)* }

        impl Code {
            /// Every code there is, in ascending order.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// What happened, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }
        }
    };
}

codes! {
    101 SettingsSyntax "the settings file cannot be read"
    102 SettingsUnknownKey "the settings file has an unknown key"
    103 SettingsValue "a setting has a value out of its range"
    104 Usage "the command line does not fit"
    105 SettingsFallback "the settings are not used; the last good ones are"
    106 SettingsVersion "the settings are for another version of the program"
    108 SettingsReload "the changed settings are not used"
    109 SettingsRenamed "a setting has another name now"
    110 PageExposed "the operator page can be reached by other machines"
    201 GalleryDamaged "the gallery file is damaged"
    202 GalleryVersion "the gallery file has another format version"
    203 GalleryEmbeddingId "the gallery was made with another embedding"
    204 GalleryInput "a row or product cannot be put in a gallery"
    205 GalleryQuery "the query does not fit the gallery"
    206 GalleryCut "the gallery file was cut short while it was in use"
    207 GalleryJournalDamaged "the gallery's journal is damaged"
    208 GalleryJournalForeign "the journal belongs to another gallery"
    209 GalleryBusy "another program is changing the gallery"
    301 ImageDamaged "the picture cannot be decoded"
    302 ImageFormat "the picture has a format that is not supported"
    303 ImageSize "the picture has a size that is not supported"
    304 FrameShort "the frame holds fewer bytes than its size needs"
    305 CameraLost "the camera stopped delivering"
    306 ReplayEmpty "the replay folder holds no frames"
    307 CameraOpen "the camera cannot be opened"
    308 CameraSettings "the camera does not take the settings"
    309 FrameFlagged "the camera marked a frame as damaged"
    310 VideoFormat "the video cannot be replayed"
    401 ManifestSyntax "the model manifest cannot be read"
    402 ManifestValue "the model manifest has a value out of its range"
    403 ModelDamaged "the model file is damaged"
    404 ModelShape "the model has another input or output shape"
    405 ModelEmbeddingId "the model carries another embedding id"
    406 EmbeddingNotFinite "the embedding holds a value that is not finite"
    407 WeightsMismatch "the weights do not fit the network"
    408 WeightsFormat "the file holds no weights that can be read"
    409 RuntimeMissing "the runtime for the network cannot be used"
    410 EngineBuild "the engine for the network cannot be built"
    411 EngineCache "the folder of engines cannot be used"
    412 EngineFailed "the engine does not compute"
    413 GpuMissing "no GPU of NVIDIA can be used"
    414 PowerMode "the device is not in the power mode of the settings"
    501 DataEmpty "the data set holds no rows"
    502 DataColumn "the table lacks a column"
    503 DataRow "a row of the table cannot be read"
    504 TitleTooLong "a title is too long"
    505 DataMissingFile "a picture named in the table is missing"
    506 DataTooManyBad "too many pictures of the data set cannot be read"
    507 DataLayout "the folder has not the layout of a data set"
    508 MiningEmpty "no attribute is left after mining"
    509 GtinInvalid "the product number is not a valid GTIN"
    510 DataExists "the data folder already exists"
    511 DataDuplicate "the same picture is in two splits"
    512 DataConflict "two rows of the data set disagree"
    513 VocabularyDamaged "the attribute vocabulary is damaged"
    514 MiningPart "the counts of a shard are damaged"
    515 MiningParts "the parts do not belong together"
    516 ImportSource "the source cannot be imported"
    517 EmbeddingsDamaged "a file of embeddings is damaged"
    518 EmbeddingsMismatch "the embeddings do not belong to this work"
    519 EmbeddingsBusy "another process writes these embeddings"
    601 TrainingNan "the training loss is not a finite number"
    602 ParityFailed "the exported model does not compute what the trainer computed"
    603 TrainingUnavailable "this program was built without the training engine"
    604 RunFolderExists "the run folder already exists"
    605 WhiteningInput "whitening cannot be fitted"
    606 CheckpointDamaged "the checkpoint is damaged"
    607 CheckpointOther "the checkpoint belongs to another run"
    608 OutOfMemory "the training engine is out of memory"
    609 NoDevice "the device to compute on is not there"
    610 RunFolderDamaged "the folder is not a training run"
    611 ObjectiveMissing "the settings give the network nothing to learn"
    620 BenchSide "a side of the benchmark does not run"
    625 VectorsDamaged "the file of vectors cannot be read"
    626 VectorsMismatch "the vectors do not fit together"
    627 EnsembleDamaged "the ensemble's folder cannot be read"
    628 LabelsMismatch "the labels do not fit the vectors"
    629 NothingToMeasure "there is nothing to measure"
    640 RanksVariables "the variables that start several processes do not fit"
    641 RanksMeeting "the processes that train together did not meet"
    642 RankLost "another process of the training has ended or does not answer"
    643 RanksNccl "the GPUs cannot speak with each other in this installation"
    644 RankFailed "a process of the launched training failed"
    645 RanksDiffer "the processes that train together were started differently"
    650 StoreDamaged "a store of teacher vectors is damaged"
    651 StoreMismatch "the store of teacher vectors was made with another teacher or other settings"
    652 StoreBusy "another process writes this part of the store"
    653 StoreIncomplete "the store lacks teacher vectors"
    654 SoupMismatch "the runs cannot be averaged"
    655 WorkFolder "the folder holds other work, or damaged work"
    656 TeacherChanged "a teacher of the ensemble has changed"
    701 LinkOpen "the serial port cannot be opened"
    702 LinkWrite "the serial port does not take data"
    703 LinkTemplate "the output template cannot be used"
    704 LinkHeld "a frame did not reach the till in time"
    705 LinkBusy "too many frames wait for the till"
    706 WebhookRefused "the receiver does not take the events"
    707 SpoolUnusable "a spool of events cannot be used"
    708 SpoolFull "a spool of events is full"
    709 LinkListen "tills cannot connect to the device"
    711 AnswerLate "the presentation cannot be answered any more"
    712 EnrolStep "the enrolment is at another step"
    713 PageListen "the operator page cannot be served"
    714 PageAccess "the operator page's password is not as it should be"
    715 PageCode "the code or password is wrong"
    716 PageTries "there were too many wrong codes or passwords"
    717 PageLogin "this needs a login"
    718 PageRequest "the operator page cannot use the request"
    719 PageBusy "the device does not answer the operator page"
    801 BundleDamaged "the update bundle is damaged"
    802 BundleSignature "the update bundle is not signed by a known key"
    803 BundleRefused "the update bundle does not fit this device"
    804 BundleEpoch "the update bundle is older than this device allows"
    805 SlotDamaged "the installed set is damaged"
    806 TrialFailed "the new set failed its trial"
    807 TrialPending "another update is still on trial"
    808 UpdateSpace "there is not enough space for the update"
    809 NothingStaged "there is no such set on this device"
    810 StickCandidates "there is not exactly one bundle on the stick"
    811 StickMount "the stick cannot be read"
    812 HealthDeadline "the new set's health check did not end"
    813 BootControl "the system's own slots do not answer"
    814 EnrolledAside "enrolled products wait for another model"
    815 StickWrite "nothing can be written to the stick"
    816 UpdateBusy "another program changes the sets"
    901 Io "a file or folder cannot be read or written"
    902 ToolMissing "a tool that is needed is missing"
    903 FetchFailed "a package cannot be fetched"
    904 FetchChecksum "a fetched package has another checksum"
    910 LogUnwritable "the decision log cannot be written"
    911 LogDamaged "a log of the device is damaged"
    912 LogBusy "another program writes the decision log"
    913 NotRunning "the device program is not running"
    914 WipeUnsure "nothing was wiped"
    921 PartFailed "a part of the program failed and is started again"
    990 ScoresFallen "the scores of accepted answers have fallen"
}

impl Code {
    /// The number after the `E`.
    pub fn number(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{}", self.number())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A failure with its number, place, expectation, finding and remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Parts {
    code: Code,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    expected: String,
    got: String,
    remedy: String,
}

impl Fault {
    /// A fault of `code`: what was `expected`, what was `got`, and the `remedy` a person can apply.
    pub fn new(
        code: Code,
        expected: impl Into<String>,
        got: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self(Box::new(Parts {
            code,
            title: code.title(),
            path: None,
            expected: expected.into(),
            got: got.into(),
            remedy: remedy.into(),
        }))
    }

    /// The same fault, naming the file or device it concerns. A path that is already named stays.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path.get_or_insert_with(|| path.as_ref().to_owned());
        self
    }

    /// A failed file operation (`doing`: "read", "create", ...) with the system's own words.
    pub fn io(doing: &str, path: impl AsRef<Path>, error: &std::io::Error) -> Self {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path",
            std::io::ErrorKind::PermissionDenied => "give this user access to the path",
            std::io::ErrorKind::StorageFull => "free space on that file system",
            _ => "check the disk and the path",
        };
        Self::new(
            Code::Io,
            format!("to {doing} it"),
            error.to_string(),
            remedy,
        )
        .at(path)
    }

    /// The stable number.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The file or device it concerns.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.0.remedy
    }

    /// What was found.
    pub fn got(&self) -> &str {
        &self.0.got
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = &*self.0;
        write!(f, "{} {}", p.code, p.title)?;
        if let Some(path) = &p.path {
            write!(f, ": {}", path.display())?;
        }
        write!(
            f,
            ": expected {}, got {}; remedy: {}",
            p.expected, p.got, p.remedy
        )
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_so_none_is_used_twice() {
        assert!(Code::ALL.windows(2).all(|w| w[0].number() < w[1].number()));
    }

    #[test]
    fn a_fault_says_number_path_expected_got_and_remedy() {
        let fault = Fault::new(
            Code::DataColumn,
            "column UUID",
            "ID, TITLE",
            "rename the column",
        )
        .at("a/train.csv");
        assert_eq!(
            fault.to_string(),
            "E502 the table lacks a column: a/train.csv: expected column UUID, got ID, TITLE; remedy: rename the column"
        );
        let json = serde_json::to_value(&fault).unwrap();
        assert_eq!(json["code"], "E502");
        assert_eq!(json["path"], "a/train.csv");
    }

    #[test]
    fn the_innermost_path_stays() {
        let fault = Fault::new(Code::Io, "", "", "").at("inner").at("outer");
        assert_eq!(fault.path(), Some(Path::new("inner")));
    }
}
