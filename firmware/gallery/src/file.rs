//! A gallery in a file, memory-mapped, or in memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use skueye_models::{Code, EmbeddingId, Fault};

use crate::format::{Layout, damaged};
use crate::guard::Guard;
use crate::view::GalleryView;

/// An open gallery file. It takes address space but no private memory: its pages are the file's.
///
/// Opening checks the structure only; [`GalleryView::verify`] reads everything. The file must not be changed in place
/// while it is open; replace it by renaming another over it, and readers go on with the one they opened. Should it be cut
/// short all the same, reads find zeros and [`Gallery::intact`] says so.
#[derive(Debug)]
pub struct Gallery {
    content: Content,
    layout: Layout,
    path: PathBuf,
}

#[derive(Debug)]
enum Content {
    Mapped(Guard),
    Memory(Vec<u8>),
}

impl Content {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(guard) => guard.bytes(),
            Self::Memory(bytes) => bytes,
        }
    }
}

impl Gallery {
    /// Maps and checks the file at `path`. A symbolic link is followed; what it leads to must be a regular file, not
    /// empty. Faults: [`Code::Io`], [`Code::GalleryDamaged`], [`Code::GalleryVersion`], each with the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Fault> {
        let path = path.as_ref();
        // Looked at before it is opened: opening a pipe or a device can block or have effects.
        expect_regular(
            path,
            &fs::metadata(path).map_err(|e| Fault::io("open", path, &e))?,
        )?;
        let file = File::open(path).map_err(|e| Fault::io("open", path, &e))?;
        let metadata = file.metadata().map_err(|e| Fault::io("open", path, &e))?;
        expect_regular(path, &metadata)?;
        let len = usize::try_from(metadata.len()).map_err(|_| {
            damaged("a file that fits in memory", metadata.len().to_string()).at(path)
        })?;
        let guard = Guard::map(&file, len).map_err(|e| Fault::io("map", path, &e))?;
        Self::over(Content::Mapped(guard), path)
    }

    /// A gallery of `bytes`, as if read from `path`.
    pub fn from_bytes(bytes: Vec<u8>, path: impl AsRef<Path>) -> Result<Self, Fault> {
        Self::over(Content::Memory(bytes), path.as_ref())
    }

    fn over(content: Content, path: &Path) -> Result<Self, Fault> {
        let layout = Layout::parse(content.bytes()).map_err(|fault| fault.at(path))?;
        let gallery = Self {
            content,
            layout,
            path: path.to_owned(),
        };
        gallery.intact()?;
        Ok(gallery)
    }

    /// The gallery's content.
    pub fn view(&self) -> GalleryView<'_> {
        GalleryView::of(self.content.bytes(), self.layout)
    }

    /// The path it was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a file that was cut short after it was opened and of which the missing part was read: what was found since
    /// means nothing. To be asked after a search and before its hits are believed. [`Code::GalleryCut`].
    pub fn intact(&self) -> Result<(), Fault> {
        match &self.content {
            Content::Mapped(guard) if guard.is_broken() => Err(Fault::new(
                Code::GalleryCut,
                "the file to stay as it was opened",
                "a part of it is gone",
                "install the gallery again, replacing the file by rename, and restart",
            )
            .at(&self.path)),
            _ => Ok(()),
        }
    }

    /// What tells this gallery from others, for a journal that belongs to it.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            len: self.content.bytes().len() as u64,
            crc: self.layout.header_crc,
        }
    }

    /// Length and checksum in text: what tells this gallery from others, for logs.
    pub fn fingerprint(&self) -> String {
        let Identity { len, crc } = self.identity();
        format!("{len}-{crc:08x}")
    }

    /// As [`GalleryView::verify`], naming the path.
    pub fn verify(&self) -> Result<(), Fault> {
        let verified = self.view().verify();
        self.intact()?;
        verified.map_err(|fault| fault.at(&self.path))
    }

    /// As [`GalleryView::expect_embedding_id`], naming the path.
    pub fn expect_embedding_id(&self, id: EmbeddingId) -> Result<(), Fault> {
        let outcome = self.view().expect_embedding_id(id);
        outcome.map_err(|fault| fault.at(&self.path))
    }
}

/// Length and header's checksum of a file; the header holds the checksums of all sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

fn expect_regular(path: &Path, metadata: &fs::Metadata) -> Result<(), Fault> {
    if !metadata.is_file() {
        let got = format!("{:?}", metadata.file_type());
        return Err(Fault::new(
            Code::Io,
            "a regular file",
            got,
            "give the path of a gallery (.skg)",
        )
        .at(path));
    }
    if metadata.len() == 0 {
        return Err(damaged("a gallery", "an empty file").at(path));
    }
    Ok(())
}
