//! What became of one frame at all sinks together. The link thread waits for it, but not for long, and not for sinks of which
//! it is known that they will take their time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use skueye_models::{Code, Fault, Gtin};

use super::mail::{Mail, Notice, held};
use crate::scanner::Sent;

/// How one sink stands.
#[derive(Debug, Default)]
pub struct State {
    name: String,
    trouble: Mutex<Option<Fault>>,
    /// Frames that it has not finished.
    waiting: AtomicUsize,
    /// Nobody is there to hear it, though that is no trouble of its own.
    alone: AtomicBool,
}

impl State {
    /// A sink of this name: a path or an address.
    pub fn new(name: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            ..Self::default()
        })
    }

    /// Its path or address.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What keeps it from its work now.
    pub fn trouble(&self) -> Option<Fault> {
        held(&self.trouble).clone()
    }

    /// Something keeps it from its work, or no longer does; answers whether that is another reason than before.
    pub fn set_trouble(&self, trouble: Option<Fault>) -> bool {
        let mut now = held(&self.trouble);
        let news = *now != trouble;
        *now = trouble;
        news
    }

    /// Nobody is there to hear it.
    pub fn set_alone(&self, alone: bool) {
        self.alone.store(alone, Ordering::Relaxed);
    }

    /// Whether a frame that is handed over now is likely to be done with in a moment.
    fn is_prompt(&self, brief: bool) -> bool {
        let away = self.alone.load(Ordering::Relaxed) || held(&self.trouble).is_some();
        self.waiting.load(Ordering::Relaxed) == 0 && (brief || !away)
    }
}

/// One frame on its way to all sinks.
#[derive(Debug, Default)]
pub struct Ticket {
    gtin: Option<Gtin>,
    /// It does not wait for tills that are away, so even they are soon done with it.
    brief: bool,
    state: Mutex<Outcome>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Outcome {
    open: usize,
    /// Of those, the ones that are worth waiting for.
    prompt: usize,
    worst: Sent,
    faults: Vec<Fault>,
    /// Nobody waits any more.
    late: bool,
}

impl Ticket {
    /// Of a product, or of a no-read; `brief` where it does not wait for a till that is away.
    pub fn new(gtin: Option<Gtin>, brief: bool) -> Self {
        Self {
            gtin,
            brief,
            ..Self::default()
        }
    }

    /// Waits for the sinks that are prompt. Of several outcomes the worst counts. Where some are still at it: pending; the
    /// mail is told later.
    pub fn wait(&self, patience: Duration) -> (Sent, Vec<Fault>) {
        let begin = Instant::now();
        let mut state = held(&self.state);
        while state.prompt > 0 {
            let Some(left) = patience.checked_sub(begin.elapsed()) else {
                break;
            };
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|e| e.into_inner()).0;
        }
        state.late = state.open > 0;
        let sent = match state.late {
            true => Sent::Pending,
            false => state.worst,
        };
        (sent, std::mem::take(&mut state.faults))
    }
}

/// One sink's part in a frame. Dropped without an outcome, it has failed.
pub struct Share {
    ticket: Arc<Ticket>,
    mail: Arc<Mail>,
    state: Arc<State>,
    prompt: bool,
    done: bool,
}

impl Share {
    /// One more sink that gets the frame.
    pub fn new(ticket: &Arc<Ticket>, mail: &Arc<Mail>, state: &Arc<State>) -> Self {
        let prompt = state.is_prompt(ticket.brief);
        Self::with(ticket.clone(), mail.clone(), state.clone(), prompt)
    }

    /// One more till of the same sink.
    pub fn split(&self) -> Self {
        let (ticket, mail) = (self.ticket.clone(), self.mail.clone());
        Self::with(ticket, mail, self.state.clone(), self.prompt)
    }

    fn with(ticket: Arc<Ticket>, mail: Arc<Mail>, state: Arc<State>, prompt: bool) -> Self {
        let mut outcome = held(&ticket.state);
        outcome.open += 1;
        outcome.prompt += usize::from(prompt);
        drop(outcome);
        state.waiting.fetch_add(1, Ordering::Relaxed);
        Self {
            ticket,
            mail,
            state,
            prompt,
            done: false,
        }
    }

    /// What became of it here.
    pub fn done(mut self, sent: Sent) {
        self.finish(sent, None);
    }

    /// It failed here.
    pub fn failed(mut self, fault: Fault) {
        self.finish(Sent::Failed, Some(fault));
    }

    fn finish(&mut self, sent: Sent, fault: Option<Fault>) {
        self.done = true;
        self.state.waiting.fetch_sub(1, Ordering::Relaxed);
        let mut outcome = held(&self.ticket.state);
        outcome.open -= 1;
        outcome.prompt -= usize::from(self.prompt);
        outcome.worst = outcome.worst.max(sent);
        match fault {
            Some(fault) if outcome.late => self.mail.tell(Notice::Fault(fault)),
            fault => outcome.faults.extend(fault),
        }
        if outcome.late && outcome.open == 0 {
            let (gtin, sent) = (self.ticket.gtin, outcome.worst);
            self.mail.tell(Notice::Late { gtin, sent });
        }
        drop(outcome);
        self.ticket.changed.notify_all();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if !self.done {
            let fault = Fault::new(
                Code::LinkWrite,
                "a till that stays connected",
                "its end before the frame was sent",
                "sell the item by hand; check the till's program",
            );
            self.finish(Sent::Failed, Some(fault.at(self.state.name())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn shares(states: &[&Arc<State>]) -> (Arc<Ticket>, Arc<Mail>, Vec<Share>) {
        let (ticket, mail) = (Arc::new(Ticket::default()), Arc::new(Mail::default()));
        let shares = states.iter().map(|s| Share::new(&ticket, &mail, s));
        let shares = shares.collect();
        (ticket, mail, shares)
    }

    fn late(sent: Sent) -> Notice {
        Notice::Late { gtin: None, sent }
    }

    #[test]
    fn of_several_outcomes_the_worst_counts() {
        let (a, b) = (State::new("a"), State::new("b"));
        let (ticket, _, mut both) = shares(&[&a, &b]);
        both.pop().unwrap().done(Sent::Sent);
        both.pop().unwrap().done(Sent::Disabled);
        assert_eq!(ticket.wait(LONG), (Sent::Sent, vec![]));
        let (ticket, _, mut both) = shares(&[&a, &b]);
        both.pop().unwrap().done(Sent::Sent);
        drop(both.pop());
        let (sent, faults) = ticket.wait(LONG);
        assert_eq!((sent, faults[0].code()), (Sent::Failed, Code::LinkWrite));
    }

    #[test]
    fn a_sink_in_trouble_or_at_work_is_not_waited_for_but_heard_later() {
        let (good, dead) = (State::new("good"), State::new("dead"));
        assert!(dead.set_trouble(Some(Fault::new(Code::LinkOpen, "", "", ""))));
        let (ticket, mail, mut both) = shares(&[&dead, &good]);
        both.pop().unwrap().done(Sent::Sent);
        assert_eq!(ticket.wait(LONG), (Sent::Pending, vec![]));
        assert!(
            !dead.is_prompt(false) && good.is_prompt(false),
            "the next frame is not waited for either"
        );
        dead.set_trouble(None);
        assert!(!dead.is_prompt(true), "it has work left");
        both.pop().unwrap().done(Sent::Sent);
        assert!(dead.is_prompt(false));
        assert_eq!(mail.notice(), Some(late(Sent::Sent)));
    }

    #[test]
    fn a_sink_that_is_slow_for_the_first_time_is_waited_for_in_vain_once() {
        let slow = State::new("slow");
        let (ticket, mail, mut one) = shares(&[&slow]);
        assert_eq!(ticket.wait(Duration::ZERO).0, Sent::Pending);
        let fault = Fault::new(Code::LinkHeld, "", "", "");
        one.pop().unwrap().failed(fault.clone());
        assert_eq!(mail.notice(), Some(Notice::Fault(fault)));
        assert_eq!(mail.notice(), Some(late(Sent::Failed)));
        assert_eq!(mail.notice(), None);
    }
}
