//! Where on a fixed stage the item lies, and whether it lies still.
//!
//! A model of the empty stage is learnt from the first frames, which must show it empty, and follows slow changes of
//! the light. What differs from it is an item or a hand. One [`Scene`] comes out for every frame:
//!
//! ```text
//! Learning -> Empty -> Moving -> Still(region) -> Moving -> Empty -> ...
//! ```

mod background;
mod blob;
mod grid;

use skueye_models::Fault;

use crate::picture::{Region, RgbImage};
use crate::resample::Resampler;
use background::Background;
use blob::BlobFinder;
use grid::{CellBox, Grid};

/// How the stage is watched. Shares are of 1; levels are of 256.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Columns of the reduced picture on which everything is computed; its rows follow from the frame's shape.
    pub grid_width: u32,
    /// Frames from which the empty stage is learnt at the start.
    pub learn_frames: u32,
    /// A cell has changed when its luma and chroma together differ from the empty stage by more levels.
    pub change_level: f32,
    /// The least share of the stage that an item covers.
    pub min_area: f32,
    /// Space left around the item, as a share of its longer side.
    pub margin: f32,
    /// Whether the region is widened to a square, as listing photos show their products unstretched.
    pub square: bool,
    /// A cell has moved when it differs from the frame before by more levels.
    pub motion_level: f32,
    /// The scene moves when more cells have moved than this share of the item's box.
    pub motion_share: f32,
    /// Frames without motion after which the item lies still.
    pub still_frames: u32,
    /// Frames without an item after which the stage is empty.
    pub empty_frames: u32,
    /// How much of each frame enters the model of the empty stage where nothing has changed.
    pub adapt: f32,
    /// After so many frames of one still scene the stage is learnt again: the camera was moved, or something was left.
    pub relearn_frames: u32,
    /// Where items lie, in pixels, instead of the place that is found.
    pub fixed: Option<Region>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grid_width: 96,
            learn_frames: 3,
            change_level: 26.0,
            min_area: 0.01,
            margin: 0.06,
            square: true,
            motion_level: 20.0,
            motion_share: 0.04,
            still_frames: 2,
            empty_frames: 2,
            adapt: 0.02,
            relearn_frames: 900,
            fixed: None,
        }
    }
}

/// What the stage shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// The empty stage is being learnt.
    Learning,
    /// No item.
    Empty,
    /// Something moves, or has not yet lain still for long enough, or has only just left.
    Moving,
    /// An item lies still here.
    Still(Region),
}

/// Something on the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Where it is, with a margin.
    pub region: Region,
    /// Whether all of it is in the picture: it does not reach the edge.
    pub whole: bool,
}

/// One frame's scene and the measures behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// What the stage shows.
    pub scene: Scene,
    /// The share of the stage that the largest changed blob covers.
    pub area: f32,
    /// Cells that moved since the frame before, as a share of the item's box.
    pub motion: f32,
    /// The light, relative to the model of the empty stage.
    pub gain: f32,
}

/// Watches one stage. It takes its memory with the first frame, and anew when the frames change their size.
#[derive(Debug)]
pub struct Localiser {
    settings: Settings,
    resampler: Resampler,
    frame_size: (u32, u32),
    current: Grid,
    previous: Grid,
    background: Background,
    blobs: BlobFinder,
    learnt: u32,
    still_run: u32,
    absent_run: u32,
}

impl Localiser {
    /// Watches with these settings.
    pub fn new(settings: Settings) -> Self {
        let current = Grid::default();
        Self {
            settings,
            resampler: current.resampler(),
            frame_size: (0, 0),
            current,
            previous: Grid::default(),
            background: Background::default(),
            blobs: BlobFinder::default(),
            learnt: 0,
            still_run: 0,
            absent_run: 0,
        }
    }

    /// How it watches.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes the next frame. Refuses an empty picture and one that does not hold the fixed region (E303).
    pub fn observe(&mut self, frame: &RgbImage) -> Result<Observation, Fault> {
        if let Some(fixed) = self.settings.fixed {
            fixed.check(frame)?;
        }
        if self.frame_size != (frame.width(), frame.height()) {
            self.restart(frame);
        }
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.fill(&mut self.resampler, frame)?;
        if self.learnt < self.settings.learn_frames.max(1) {
            self.learnt += 1;
            let share = 1.0 / self.learnt as f32;
            self.background.blend(&self.current, share, |_| true);
            return Ok(self.learning());
        }
        Ok(self.judge())
    }

    /// Everything of the last frame that is as large as an item, the largest first; at most 16. Nothing while the stage is
    /// learnt. With a fixed place: that place, while something lies there.
    pub fn items(&self) -> impl Iterator<Item = Item> {
        let stage = self.stage_cells();
        let learnt = self.learnt >= self.settings.learn_frames.max(1);
        let blobs = self.blobs.blobs().iter().filter(move |_| learnt);
        let most = if self.settings.fixed.is_some() {
            1
        } else {
            usize::MAX
        };
        let least = self.settings.min_area * stage.cells() as f32;
        let large = blobs.filter(move |(_, cells)| *cells as f32 >= least);
        large.take(most).map(move |(cells, _)| Item {
            region: self.region(*cells),
            whole: self.settings.fixed.is_some() || cells.is_inside(stage),
        })
    }

    fn restart(&mut self, frame: &RgbImage) {
        self.frame_size = (frame.width(), frame.height());
        let columns = self.settings.grid_width.clamp(8, frame.width().max(8));
        let rows = u64::from(columns) * u64::from(frame.height());
        let rows = (rows / u64::from(frame.width().max(1))).clamp(8, 1024) as u32;
        self.current = Grid::new(columns, rows);
        self.previous = Grid::new(columns, rows);
        self.resampler = self.current.resampler();
        self.background = Background::new(&self.current);
        self.blobs = BlobFinder::new(columns, rows);
        self.relearn();
    }

    fn relearn(&mut self) {
        (self.learnt, self.still_run, self.absent_run) = (0, 0, 0);
    }

    fn learning(&self) -> Observation {
        Observation {
            scene: Scene::Learning,
            area: 0.0,
            motion: 0.0,
            gain: 1.0,
        }
    }

    fn judge(&mut self) -> Observation {
        let stage = self.stage_cells();
        let gain = self.background.gain(&self.current);
        let level = self.settings.change_level;
        self.background
            .mark_changed(&self.current, gain, level, stage, self.blobs.mask_mut());
        let blob = self.blobs.find().first().copied();
        let area = blob.map_or(0.0, |(_, cells)| cells as f32 / stage.cells() as f32);
        let item = blob.map(|(cells, _)| cells);
        let item = item.filter(|_| area >= self.settings.min_area);
        let moved = self
            .current
            .moved_cells(&self.previous, self.settings.motion_level, stage);
        let motion = moved as f32 / item.unwrap_or(stage).cells() as f32;
        let scene = self.step(item, motion > self.settings.motion_share);
        self.adapt(scene);
        Observation {
            scene,
            area,
            motion,
            gain,
        }
    }

    /// The state machine: runs of frames with and without an item decide.
    fn step(&mut self, item: Option<CellBox>, moves: bool) -> Scene {
        let Some(item) = item else {
            self.still_run = 0;
            self.absent_run = self.absent_run.saturating_add(1);
            return match self.absent_run >= self.settings.empty_frames {
                true => Scene::Empty,
                false => Scene::Moving,
            };
        };
        self.absent_run = 0;
        self.still_run = if moves { 0 } else { self.still_run + 1 };
        if self.still_run >= self.settings.relearn_frames.max(1) {
            self.relearn();
            return Scene::Learning;
        }
        match self.still_run >= self.settings.still_frames {
            true => Scene::Still(self.region(item)),
            false => Scene::Moving,
        }
    }

    /// An empty stage is followed everywhere, so that crumbs fade in; beside an item only where nothing has changed.
    fn adapt(&mut self, scene: Scene) {
        let mask = self.blobs.mask();
        let follow = |at: usize| scene == Scene::Empty || !mask[at];
        let share = self.settings.adapt;
        self.background.blend(&self.current, share, follow);
    }

    /// The cells in which items lie.
    fn stage_cells(&self) -> CellBox {
        match self.settings.fixed {
            Some(fixed) => self.current.cells_of(fixed, self.frame_size),
            None => self.current.all_cells(),
        }
    }

    fn region(&self, item: CellBox) -> Region {
        match self.settings.fixed {
            Some(fixed) => fixed,
            None => self.current.region_of(
                item,
                self.frame_size,
                self.settings.margin,
                self.settings.square,
            ),
        }
    }
}

#[cfg(test)]
mod tests;
