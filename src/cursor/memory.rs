//! Cursors in memory, for flows in tests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{CursorError, CursorLease, CursorStore, Leased, StoredCursor};
use crate::model::{FlowName, Position};

/// Cursors that live as long as this value and its clones.
#[derive(Debug, Clone, Default)]
pub struct MemoryCursors {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    cursors: BTreeMap<String, Position>,
    leased_flows: Vec<String>,
    saves: u64,
}

impl MemoryCursors {
    /// Saves so far.
    pub fn saves(&self) -> u64 {
        self.lock().saves
    }

    /// The stored position of a flow.
    pub fn stored(&self, flow: &FlowName) -> Option<Position> {
        self.lock().cursors.get(&flow.text()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CursorStore for MemoryCursors {
    async fn lease(&self, flow: &FlowName) -> Result<Box<dyn CursorLease>, CursorError> {
        let flow = flow.text();
        let mut shared = self.lock();
        if shared.leased_flows.contains(&flow) {
            let holder = "this process".into();
            return Err(CursorError::Leased { flow, holder });
        }
        shared.leased_flows.push(flow.clone());
        Ok(Box::new(MemoryLease {
            flow,
            store: self.clone(),
        }))
    }

    async fn list(&self) -> Result<Vec<StoredCursor>, CursorError> {
        let shared = self.lock();
        let cursor = |(flow, position): (&String, &Position)| StoredCursor {
            flow: flow.clone(),
            position: Ok(position.clone()),
            saved_at: 0,
            saved_by: None,
        };
        Ok(shared.cursors.iter().map(cursor).collect())
    }

    async fn leased(&self, flow: &FlowName) -> Result<Option<Leased>, CursorError> {
        let is_leased = self.lock().leased_flows.contains(&flow.text());
        Ok(is_leased.then(|| Leased {
            by: "this process".into(),
            until: None,
        }))
    }

    fn location(&self, flow: &FlowName) -> String {
        format!("memory, {flow}")
    }
}

struct MemoryLease {
    flow: String,
    store: MemoryCursors,
}

#[async_trait]
impl CursorLease for MemoryLease {
    async fn load(&mut self) -> Result<Option<Position>, CursorError> {
        Ok(self.store.lock().cursors.get(&self.flow).cloned())
    }

    async fn save(&mut self, position: &Position) -> Result<(), CursorError> {
        let mut shared = self.store.lock();
        shared.saves += 1;
        shared.cursors.insert(self.flow.clone(), position.clone());
        Ok(())
    }

    async fn remove(&mut self) -> Result<(), CursorError> {
        self.store.lock().cursors.remove(&self.flow);
        Ok(())
    }

    async fn lost(&self) {
        std::future::pending().await
    }

    async fn release(self: Box<Self>) {}
}

impl Drop for MemoryLease {
    fn drop(&mut self) {
        let flow = &self.flow;
        self.store.lock().leased_flows.retain(|it| it != flow);
    }
}
