//! A gallery in a file, memory-mapped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use skueye_models::{Code, EmbeddingId, Fault};

use crate::format::{Layout, damaged};
use crate::map;
use crate::view::GalleryView;

/// An open gallery file. It takes address space but no private memory: its pages are the file's.
///
/// Opening checks the structure only; [`GalleryView::verify`] reads everything. The file must not be changed in place
/// while it is open; replace it by renaming another over it, and readers go on with the one they opened.
#[derive(Debug)]
pub struct Gallery {
    map: Mmap,
    layout: Layout,
    path: PathBuf,
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
        let map = map::read_only(&file).map_err(|e| Fault::io("map", path, &e))?;
        let layout = Layout::parse(&map).map_err(|fault| fault.at(path))?;
        Ok(Self {
            map,
            layout,
            path: path.to_owned(),
        })
    }

    /// The gallery's content.
    pub fn view(&self) -> GalleryView<'_> {
        GalleryView::of(&self.map, self.layout)
    }

    /// The path it was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As [`GalleryView::verify`], naming the path.
    pub fn verify(&self) -> Result<(), Fault> {
        self.view().verify().map_err(|fault| fault.at(&self.path))
    }

    /// As [`GalleryView::expect_embedding_id`], naming the path.
    pub fn expect_embedding_id(&self, id: EmbeddingId) -> Result<(), Fault> {
        let outcome = self.view().expect_embedding_id(id);
        outcome.map_err(|fault| fault.at(&self.path))
    }
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
