//! Tests of one group side by side, tests of different groups never.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// Waits until no test of another group runs; others wait until what is returned is dropped.
///
/// It blocks its thread: each test has one of its own, with `#[tokio::test]` too.
pub fn gate(group: &'static str) -> Inside<'static> {
    static GATE: Gate = Gate::new();
    GATE.enter(group)
}

/// A test that is inside, until this is dropped.
#[must_use = "the gate is open to others once this is dropped"]
pub struct Inside<'g>(&'g Gate);

struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Whose tests are inside, if any are.
    group: &'static str,
    inside: usize,
    /// Those before the gate, first come first served, so that no group waits for ever.
    waiting: VecDeque<u64>,
    next: u64,
}

impl Gate {
    const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                group: "",
                inside: 0,
                waiting: VecDeque::new(),
                next: 0,
            }),
            changed: Condvar::new(),
        }
    }

    fn enter(&self, group: &'static str) -> Inside<'_> {
        let mut state = self.state();
        let own = state.next;
        state.next += 1;
        state.waiting.push_back(own);
        let stays_out = |it: &mut State| {
            let is_next = it.waiting.front() == Some(&own);
            !is_next || (it.inside > 0 && it.group != group)
        };
        let entered = self.changed.wait_while(state, stays_out);
        let mut state = entered.unwrap_or_else(PoisonError::into_inner);
        state.waiting.pop_front();
        state.group = group;
        state.inside += 1;
        // The next one may be of this group.
        self.changed.notify_all();
        Inside(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside<'_> {
    /// Also where a test has failed.
    fn drop(&mut self) {
        self.0.state().inside -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Barrier, atomic::AtomicUsize, atomic::Ordering::SeqCst},
        thread,
    };

    use super::*;

    #[test]
    fn tests_of_one_group_are_inside_at_the_same_time() {
        let gate = Gate::new();
        let both = Barrier::new(2);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let _inside = gate.enter("a");
                    // Returns only where the other is inside, too.
                    both.wait();
                });
            }
        });
    }

    #[test]
    fn tests_of_different_groups_never_are() {
        let gate = Gate::new();
        let inside = [const { AtomicUsize::new(0) }; 3];
        thread::scope(|scope| {
            for at in 0..12 {
                let (gate, inside) = (&gate, &inside);
                scope.spawn(move || {
                    let own = at % 3;
                    for _ in 0..200 {
                        let _inside = gate.enter(["a", "b", "c"][own]);
                        inside[own].fetch_add(1, SeqCst);
                        thread::yield_now();
                        let others = (0..3).filter(|it| *it != own);
                        let others: usize = others.map(|it| inside[it].load(SeqCst)).sum();
                        inside[own].fetch_sub(1, SeqCst);
                        assert_eq!(others, 0, "others are inside");
                    }
                });
            }
        });
    }

    #[test]
    fn who_comes_later_does_not_pass_a_group_that_waits() {
        let gate = Gate::new();
        let order = Mutex::new(Vec::new());
        let first = gate.enter("a");
        thread::scope(|scope| {
            for (already, group) in ["b", "a"].into_iter().enumerate() {
                let (gate, order) = (&gate, &order);
                let one = scope.spawn(move || {
                    let _inside = gate.enter(group);
                    order.lock().unwrap().push(group);
                });
                while gate.state().waiting.len() <= already && !one.is_finished() {
                    thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(order.into_inner().unwrap(), ["b", "a"]);
    }

    #[test]
    fn a_test_that_fails_leaves() {
        let gate = Gate::new();
        thread::scope(|scope| {
            let failing = scope.spawn(|| {
                let _inside = gate.enter("a");
                panic!("on purpose");
            });
            assert!(failing.join().is_err());
        });
        drop(gate.enter("b"));
    }
}
