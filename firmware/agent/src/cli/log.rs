//! `skueye log`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use skueye_agent::decision_log::day::time_of_day;
use skueye_agent::decision_log::entry::Decision;
use skueye_agent::decision_log::report::DayReport;
use skueye_agent::decision_log::{Day, Entry, Line, Verified, days, reading, verify};
use skueye_agent::report::printable;
use skueye_agent::{Config, sets};
use skueye_models::{Code, Fault, Verdict};

use super::print;

/// The commands of `skueye log`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Every line of a day.
    Show {
        #[command(flatten)]
        place: Place,
        /// The day, YYYY-MM-DD by the device's clock; without it the newest of which there are lines.
        #[arg(long, value_name = "DAY")]
        day: Option<Day>,
        /// The last N lines only.
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
    /// Prove that no line was changed, taken out or put in.
    Verify {
        #[command(flatten)]
        place: Place,
    },
    /// A day in figures: verdicts, what people corrected, what was taken for what.
    Report {
        #[command(flatten)]
        place: Place,
        /// The day, YYYY-MM-DD by the device's clock; without it the newest of which there are lines.
        #[arg(long, value_name = "DAY")]
        day: Option<Day>,
    },
}

/// Where the log lies.
#[derive(Debug, Args)]
pub struct Place {
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = "kiosk.toml")]
    config: PathBuf,
    /// In place of the settings' log folder.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl Place {
    fn folder(&self) -> Result<PathBuf, Fault> {
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let config = sets::in_use(&Config::load(&self.config)?)?;
        config.log.folder.ok_or_else(|| {
            Fault::new(
                Code::SettingsValue,
                "log.folder in the settings",
                "no log",
                "set log.folder, or name the folder with --folder",
            )
            .at(&self.config)
        })
    }
}

impl Command {
    pub fn run(self) -> Result<ExitCode, Fault> {
        match self {
            Self::Show { place, day, last } => show(&place, day, last),
            Self::Verify { place } => check(&place),
            Self::Report { place, day } => report(&place, day),
        }
    }
}

fn show(place: &Place, day: Option<Day>, last: Option<usize>) -> Result<ExitCode, Fault> {
    let folder = place.folder()?;
    let Some(day) = chosen(&folder, day)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let read = reading::day(&folder, day)?;
    let skipped = last.map_or(0, |last| read.lines.len().saturating_sub(last));
    for line in &read.lines[skipped..] {
        match place.json {
            true => print::json(line)?,
            false => print::line(&text(line))?,
        }
    }
    if read.damaged > 0 {
        eprintln!(
            "skueye: {} lines cannot be read; run skueye log verify",
            read.damaged
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The day asked for, or the newest.
fn chosen(folder: &std::path::Path, day: Option<Day>) -> Result<Option<Day>, Fault> {
    match day {
        Some(day) => Ok(Some(day)),
        None => Ok(days(folder)?.pop()),
    }
}

fn check(place: &Place) -> Result<ExitCode, Fault> {
    let verified = verify(&place.folder()?)?;
    match place.json {
        true => print::json(&Checked {
            sound: verified.is_sound(),
            verified: &verified,
        })?,
        false => print_verified(&verified)?,
    }
    Ok(ExitCode::from(u8::from(!verified.is_sound())))
}

#[derive(Serialize)]
struct Checked<'v> {
    sound: bool,
    #[serde(flatten)]
    verified: &'v Verified,
}

fn print_verified(verified: &Verified) -> Result<(), Fault> {
    let Verified {
        files,
        lines,
        starts,
        ..
    } = verified;
    print::line(&format!("{lines} lines in {files} files, {starts} starts"))?;
    if let (Some(first), Some(last), Some(digest)) =
        (verified.first, verified.last, verified.digest)
    {
        print::line(&format!("lines {first} to {last}, digest {digest}"))?;
    }
    if verified.dropped > 0 {
        print::line(&format!("{} lines could not be written", verified.dropped))?;
    }
    if verified.torn_bytes > 0 {
        let bytes = verified.torn_bytes;
        print::line(&format!(
            "{bytes} bytes of a line that is not whole at the end"
        ))?;
    }
    for broken in &verified.problems {
        print::line(&format!(
            "BROKEN {} line {}: {}",
            broken.file, broken.line, broken.what
        ))?;
    }
    print::line(if verified.is_sound() {
        "sound"
    } else {
        "not sound"
    })
}

fn report(place: &Place, day: Option<Day>) -> Result<ExitCode, Fault> {
    let folder = place.folder()?;
    let today = Day::of(skueye_agent::decision_log::system_clock());
    let day = chosen(&folder, day)?.unwrap_or(today);
    let report = DayReport::new(day, &reading::day(&folder, day)?);
    match place.json {
        true => print::json(&report)?,
        false => print_report(&report)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_report(report: &DayReport) -> Result<(), Fault> {
    let DayReport {
        day,
        starts,
        presentations,
        accepted,
        asked,
        rejected,
        ..
    } = report;
    print::line(&format!(
        "{day}: {presentations} presentations in {starts} starts"
    ))?;
    print::line(&format!(
        "  accepted {accepted}, of which {} taken back",
        report.taken_back
    ))?;
    print::line(&format!(
        "  asked    {asked}, of which {} the best candidate",
        report.best_chosen
    ))?;
    print::line(&format!("  rejected {rejected}"))?;
    if let Some(share) = report.accepted_per_1000 {
        print::line(&format!(
            "  {share:.1} of 1,000 accepted and not taken back"
        ))?;
    }
    if report.failed > 0 {
        print::line(&format!("  {} not taken by the till", report.failed))?;
    }
    for (reason, times) in &report.reasons {
        print::line(&format!("  withheld {times:>4} {reason}"))?;
    }
    for pair in &report.confusions {
        let was = match (pair.was, &pair.was_title) {
            (Some(was), title) => format!("{was} {}", printable(title.as_deref().unwrap_or(""))),
            (None, _) => "something else".into(),
        };
        let said = printable(&pair.said_title);
        print::line(&format!(
            "  confused {:>4} {} {said} was {was}",
            pair.times, pair.said
        ))?;
    }
    for asked in &report.most_asked {
        let title = printable(&asked.title);
        print::line(&format!(
            "  asked    {:>4} {} {title}",
            asked.times, asked.gtin
        ))?;
    }
    for (code, times) in &report.faults {
        print::line(&format!("  fault    {times:>4} {code}"))?;
    }
    if report.dropped + report.damaged > 0 {
        let (dropped, damaged) = (report.dropped, report.damaged);
        print::line(&format!(
            "  missing  {dropped} lines not written, {damaged} not readable"
        ))?;
    }
    Ok(())
}

/// One line for people.
fn text(line: &Line) -> String {
    let what = match &line.entry {
        Entry::File { day, .. } => format!("{day}"),
        Entry::Start(setup) => format!(
            "start, model {}, gallery {}",
            setup.model,
            printable(&setup.gallery)
        ),
        Entry::Event(decision) => decision_text(decision),
        Entry::Correction {
            presentation,
            said,
            was,
        } => {
            let said = said.map_or("nothing".into(), |said| said.to_string());
            let was = was.map_or("something else".into(), |was| was.to_string());
            format!("{presentation:>5} corrected: {said} was {was}")
        }
        Entry::Undone { presentation } => format!("{presentation} answer taken back"),
        Entry::TakenBack {
            presentation,
            gtin,
            sent,
        } => format!(
            "{presentation} till: {gtin} taken back: {}",
            printable(sent)
        ),
        Entry::Late { gtin, sent, .. } => {
            let gtin = gtin.map_or("no-read".into(), |gtin| gtin.to_string());
            format!("till: {gtin} {}", printable(sent))
        }
        Entry::Fault(fault) => {
            let path = fault.path.as_deref().unwrap_or("");
            format!(
                "{} {} {} ({} times)",
                fault.code,
                printable(path),
                printable(&fault.got),
                fault.times
            )
        }
        Entry::Set { release, step, .. } => {
            format!("set {} {}", printable(release), printable(step))
        }
        Entry::Gap { lines, why } => format!(
            "GAP: {lines} lines could not be written: {}",
            printable(why)
        ),
        Entry::Cut { bytes } => format!("{bytes} bytes of a line were cut off after a power cut"),
        Entry::Wiped { files } => format!("wiped: {files} files before this"),
        Entry::End {
            frames,
            presentations,
        } => {
            format!("end, {frames} frames, {presentations} presentations")
        }
    };
    let (number, boot) = (line.number, line.boot);
    format!("{number:>7} {boot:>4} {} {what}", time_of_day(line.time))
}

fn decision_text(decision: &Decision) -> String {
    let verdict = match decision.verdict {
        Verdict::Accept => "accept",
        Verdict::Ask => "ask   ",
        Verdict::Reject => "reject",
    };
    let best = match decision.candidates.first() {
        Some(best) => format!("{} {:.3} {}", best.gtin, best.score, printable(&best.title)),
        None => "nothing".into(),
    };
    let reason = match &decision.reason {
        Some(reason) => format!(" ({})", printable(reason)),
        None => String::new(),
    };
    let (number, sent) = (decision.presentation, printable(&decision.sent));
    format!("{number:>5} {verdict} {best}{reason}, {sent}")
}
