//! The device's program, `skueye`: from camera frames to one answer for every item that is presented.
//!
//! | module | subject |
//! |---|---|
//! | [`camera`] | where the frames come from, and their pixels |
//! | [`desk`] | what the run loop and the people at the device share |
//! | [`config`] | the settings file, checked whole, with lines and suggestions |
//! | [`decision_log`] | what was decided and why, chained line by line |
//! | [`files`] | small files, written whole or not at all |
//! | [`sets`] | the set of the update folder that counts: tried, kept or given up |
//! | [`program`] | the program of a set in place of the one that the system starts |
//! | [`health`] | what a set on trial has to show before it is kept |
//! | [`moment`] | the moment at which nobody minds a change of sets |
//! | [`live`] | the gallery of a run, which changes while it goes on |
//! | [`recognise`] | model and gallery together: a region of a picture to the best products |
//! | [`vote`] | many frames' hits to one ranking |
//! | [`presentation`] | scenes and votes to exactly one outcome for each presentation |
//! | [`scanner`] | outcomes to the till, over every sink at once |
//! | [`sinks`] | a thread for each way to a till: serial line, pseudo-terminal, TCP, webhook |
//! | [`report`] | outcomes as JSON lines or text |
//! | [`latency`] | how long each stage took |
//! | [`metrics`] | what is counted, for Prometheus |
//! | [`requests`] | signals: to end, to read the settings again |
//! | [`secrets`] | texts that leave the device without what nobody else may know |
//! | [`service`] | what systemd is told: ready, alive, ending |
//! | [`status`] | what `skueye status` reads |
//! | [`lane`] | the fixed queues between the threads |
//! | [`pipeline`] | the threads: capture, recognise, link |
#![forbid(unsafe_code)]

pub mod camera;
pub mod config;
pub mod decision_log;
pub mod desk;
pub mod files;
pub mod health;
pub mod lane;
pub mod latency;
pub mod live;
pub mod metrics;
pub mod moment;
pub mod pipeline;
pub mod presentation;
pub mod program;
pub mod recognise;
pub mod report;
pub mod requests;
pub mod scanner;
pub mod secrets;
pub mod service;
pub mod sets;
pub mod sinks;
pub mod status;
pub mod vote;

pub use config::Config;
pub use pipeline::{Policy, run};
pub use recognise::Recogniser;
