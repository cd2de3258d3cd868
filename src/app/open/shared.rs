//! Values that are made once and shared.

use std::{collections::HashMap, hash::Hash};

use tokio::sync::Mutex;

/// Values that are made once for each key.
pub(super) struct Shared<K, V>(Mutex<HashMap<K, V>>);

impl<K: Eq + Hash, V: Clone> Shared<K, V> {
    pub(in crate::app) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    pub(in crate::app) async fn get<E>(
        &self,
        key: K,
        make: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        let mut made = self.0.lock().await;
        if let Some(value) = made.get(&key) {
            return Ok(value.clone());
        }
        let value = make().await?;
        made.insert(key, value.clone());
        Ok(value)
    }

    /// Those that were made; they are made anew when they are asked for again.
    pub(in crate::app) async fn take(&self) -> Vec<V> {
        let made = std::mem::take(&mut *self.0.lock().await);
        made.into_values().collect()
    }
}
