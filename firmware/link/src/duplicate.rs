//! The same product within a short time is one sale, not two.

use heapless::Deque;
use skueye_models::Gtin;

/// Remembers the last `N` products that were sent and when.
#[derive(Debug)]
pub struct DuplicateWindow<const N: usize = 16> {
    window_ms: u64,
    sent: Deque<(u64, u64), N>,
}

impl<const N: usize> DuplicateWindow<N> {
    /// A product is not sent again within `window_ms` of the last time it was sent; 0: every time.
    pub fn new(window_ms: u32) -> Self {
        const { assert!(N > 0, "a window must remember something") };
        Self {
            window_ms: window_ms.into(),
            sent: Deque::new(),
        }
    }

    /// Whether the product may be sent at `now_ms`; if so, it is remembered. Forms of one number are one product.
    ///
    /// When more than `N` different products fall into one window, the oldest is forgotten.
    pub fn admit(&mut self, gtin: Gtin, now_ms: u64) -> bool {
        let window = self.window_ms;
        while let Some((_, at)) = self.sent.front()
            && now_ms.saturating_sub(*at) >= window
        {
            self.sent.pop_front();
        }
        if self.sent.iter().any(|(value, _)| *value == gtin.value()) {
            return false;
        }
        if self.sent.is_full() {
            self.sent.pop_front();
        }
        self.sent.push_back((gtin.value(), now_ms)).is_ok()
    }

    /// The product was taken back: it may be sent again at once.
    pub fn forget(&mut self, gtin: Gtin) {
        self.sent.retain(|(value, _)| *value != gtin.value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gtin(body: u64) -> Gtin {
        Gtin::from_body(body, 13).unwrap()
    }

    #[test]
    fn a_product_is_sent_once_a_window() {
        let mut window = DuplicateWindow::<4>::new(500);
        assert!(window.admit(gtin(1), 0));
        assert!(window.admit(gtin(2), 100), "another product is not held up");
        assert!(!window.admit(gtin(1), 499));
        assert!(
            window.admit(gtin(1), 500),
            "the refused try at 499 does not prolong the window"
        );
        assert!(!window.admit(gtin(1), 999));
        window.forget(gtin(1));
        assert!(window.admit(gtin(1), 999) && !window.admit(gtin(1), 1000));
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_send_twice() {
        let mut window = DuplicateWindow::<4>::new(500);
        assert!(window.admit(gtin(1), 1000));
        assert!(!window.admit(gtin(1), 10));
    }

    #[test]
    fn zero_sends_every_time_and_a_full_memory_forgets_the_oldest() {
        let mut never = DuplicateWindow::<4>::new(0);
        assert!(never.admit(gtin(1), 5) && never.admit(gtin(1), 5));
        let mut window = DuplicateWindow::<2>::new(500);
        assert!(window.admit(gtin(1), 0) && window.admit(gtin(2), 0) && window.admit(gtin(3), 0));
        assert!(!window.admit(gtin(3), 1) && window.admit(gtin(1), 1));
    }
}
