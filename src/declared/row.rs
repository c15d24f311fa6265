//! The properties of a resource while it is put together.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::estate::ResourceType;

/// One value for each property of a type, in the order of its fields: a large plan has tens of thousands of these, and
/// names in each of them would be most of the memory.
pub(super) struct Row {
    kind: Arc<ResourceType>,
    values: Vec<Option<Json>>,
}

impl Row {
    /// Nothing yet.
    pub(super) fn new(kind: &Arc<ResourceType>) -> Self {
        Self { kind: Arc::clone(kind), values: vec![None; kind.properties.fields.len()] }
    }

    fn at(&self, name: &str) -> Option<usize> {
        self.kind.properties.field(name).map(|(at, _)| at)
    }

    /// The value of a property, if it has one.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        self.values[self.at(name)?].as_ref()
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        let at = self.at(name)?;
        self.values[at].as_mut()
    }

    /// The value of a property of the type, to fill.
    pub(super) fn entry(&mut self, name: &str) -> &mut Option<Json> {
        let at = self.at(name).unwrap_or_else(|| unreachable!("internal error: {} has no `{name}`", self.kind.name));
        &mut self.values[at]
    }

    /// Sets a property of the type.
    pub(super) fn insert(&mut self, name: &str, value: Json) {
        *self.entry(name) = Some(value);
    }

    /// All values.
    pub(super) fn values(&self) -> impl Iterator<Item = &Json> {
        self.values.iter().flatten()
    }

    /// The same, to change them.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Json> {
        self.values.iter_mut().flatten()
    }

    /// With the names.
    pub(super) fn into_map(self) -> Map<String, Json> {
        let named = self.kind.properties.fields.iter().zip(self.values);
        named.filter_map(|(field, value)| Some((field.name.clone(), value?))).collect()
    }
}
