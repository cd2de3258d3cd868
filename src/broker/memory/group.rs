//! How the members of a group in memory share partitions: a partition goes to another member only
//! when the one that has it has released it.

use std::collections::{BTreeMap, VecDeque};

/// The group of one topic.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// What each member has not heard of yet.
    members: BTreeMap<u64, VecDeque<Change>>,
    /// By partition.
    shares: Vec<Share>,
    pub committed: BTreeMap<i32, i64>,
}

/// A decision of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) enum Change {
    Assigned(Vec<i32>),
    Revoked(Vec<i32>),
}

#[derive(Debug, Clone, Copy, Default)]
struct Share {
    owner: Option<u64>,
    /// The owner was told to release it.
    leaving: bool,
    /// Who is to have it.
    wanted: Option<u64>,
}

impl Group {
    /// Lets a member in.
    pub fn join(&mut self, member: u64, partitions: usize) {
        self.shares.resize(partitions, Share::default());
        self.members.insert(member, VecDeque::new());
        self.distribute();
        self.rebalance();
    }

    /// Lets a member go, with all that it had.
    pub fn leave(&mut self, member: u64) {
        self.members.remove(&member);
        for share in &mut self.shares {
            if share.owner == Some(member) {
                (share.owner, share.leaving) = (None, false);
            }
        }
        self.distribute();
        self.rebalance();
    }

    /// A member has released partitions.
    pub fn release(&mut self, member: u64, partitions: &[i32]) {
        for partition in partitions {
            let share = usize::try_from(*partition)
                .ok()
                .and_then(|it| self.shares.get_mut(it));
            if let Some(share) = share.filter(|it| it.owner == Some(member)) {
                (share.owner, share.leaving) = (None, false);
            }
        }
        self.rebalance();
    }

    /// Takes every partition from its member, for the next one.
    pub fn rotate(&mut self) {
        let members: Vec<u64> = self.members.keys().copied().collect();
        let mut revoked = BTreeMap::<u64, Vec<i32>>::new();
        for (partition, share) in self.shares.iter_mut().enumerate() {
            let Some(owner) = share.owner else { continue };
            let next = members.iter().position(|it| *it == owner).unwrap_or(0) + 1;
            share.wanted = members.get(next % members.len().max(1)).copied();
            if !share.leaving {
                share.leaving = true;
                revoked.entry(owner).or_default().push(partition as i32);
            }
        }
        self.notify(revoked, Change::Revoked);
    }

    /// What a member has not heard of yet.
    pub fn next_change(&mut self, member: u64) -> Option<Change> {
        self.members.get_mut(&member)?.pop_front()
    }

    /// Whether messages of the partition are for this member.
    pub fn is_owner(&self, member: u64, partition: i32) -> bool {
        let share = usize::try_from(partition)
            .ok()
            .and_then(|it| self.shares.get(it));
        share.is_some_and(|it| it.owner == Some(member) && !it.leaving)
    }

    /// Decides who is to have what: as even as can be, and moving no more than it must.
    fn distribute(&mut self) {
        let mut loads: BTreeMap<u64, usize> = self.members.keys().map(|it| (*it, 0)).collect();
        let most = self.shares.len().div_ceil(loads.len().max(1));
        for share in &mut self.shares {
            let load = share.wanted.and_then(|it| loads.get_mut(&it));
            match load.filter(|it| **it < most) {
                Some(load) => *load += 1,
                None => share.wanted = None,
            }
        }
        for share in self.shares.iter_mut().filter(|it| it.wanted.is_none()) {
            let Some((member, load)) = loads.iter_mut().min_by_key(|(_, load)| **load) else {
                continue;
            };
            *load += 1;
            share.wanted = Some(*member);
        }
    }

    /// Moves every share a step towards the one who is to have it.
    fn rebalance(&mut self) {
        let mut assigned = BTreeMap::<u64, Vec<i32>>::new();
        let mut revoked = BTreeMap::<u64, Vec<i32>>::new();
        for (partition, share) in self.shares.iter_mut().enumerate() {
            let partition = partition as i32;
            match (share.owner, share.wanted) {
                (None, Some(member)) => {
                    share.owner = Some(member);
                    assigned.entry(member).or_default().push(partition);
                }
                (Some(owner), wanted) if wanted != Some(owner) && !share.leaving => {
                    share.leaving = true;
                    revoked.entry(owner).or_default().push(partition);
                }
                _ => (),
            }
        }
        self.notify(revoked, Change::Revoked);
        self.notify(assigned, Change::Assigned);
    }

    fn notify(&mut self, changes: BTreeMap<u64, Vec<i32>>, change: fn(Vec<i32>) -> Change) {
        for (member, partitions) in changes {
            if let Some(unheard) = self.members.get_mut(&member) {
                unheard.push_back(change(partitions));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_moves_only_when_it_is_released() {
        let mut group = Group::default();
        group.join(1, 4);
        assert_eq!(
            group.next_change(1),
            Some(Change::Assigned(vec![0, 1, 2, 3]))
        );
        group.join(2, 4);
        assert_eq!(group.next_change(2), None);
        let Some(Change::Revoked(moving)) = group.next_change(1) else {
            panic!("nothing was revoked");
        };
        assert_eq!(moving.len(), 2);
        assert!(!group.is_owner(1, moving[0]));
        group.release(1, &moving);
        assert_eq!(group.next_change(2), Some(Change::Assigned(moving)));
        group.leave(1);
        let Some(Change::Assigned(rest)) = group.next_change(2) else {
            panic!("nothing was taken over");
        };
        assert_eq!(rest.len(), 2);
    }

    #[test]
    fn a_group_of_one_gets_back_what_it_releases() {
        let mut group = Group::default();
        group.join(1, 2);
        group.next_change(1);
        group.rotate();
        assert_eq!(group.next_change(1), Some(Change::Revoked(vec![0, 1])));
        assert_eq!(group.next_change(1), None);
        group.release(1, &[0, 1]);
        assert_eq!(group.next_change(1), Some(Change::Assigned(vec![0, 1])));
    }
}
