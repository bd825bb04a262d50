//! `skueye gallery verify`

use serde::Serialize;
use skueye_agent::recognise::open_gallery;
use skueye_models::Fault;

use super::Target;
use super::info::Info;
use crate::cli::print;

/// What `verify` found.
#[derive(Debug, Serialize)]
struct Verified {
    verified: bool,
    #[serde(flatten)]
    info: Info,
}

pub fn run(target: &Target) -> Result<(), Fault> {
    // Opening reads the journal and checks all of it.
    let store = open_gallery(&target.file)?;
    store.snapshot().base().verify()?;
    let info = Info::of(&store);
    match target.json {
        true => print::json(&Verified {
            verified: true,
            info,
        }),
        false => print::line(&format!("sound\n{}", info.text())),
    }
}
