//! Bounds a guest's memories and tables, all of them together.
//!
//! wasmtime's own `StoreLimits` bounds each memory by itself, so that a component of eight memories
//! would have eight times its limit.

use wasmtime::ResourceLimiter;
use writ_core::{FaultCode, Limits};

use crate::config::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};

/// Counts what a guest holds, and remembers what it was refused.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    table_elements_max: usize,
    memory_bytes: usize,
    table_elements: usize,
    refused: Option<FaultCode>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes_max: limits.memory_bytes_max,
            table_elements_max: limits.table_elements_max,
            memory_bytes: 0,
            table_elements: 0,
            refused: None,
        }
    }

    /// What the guest holds now. Memories never shrink, so this is also the most it held.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// The last thing that the guest was refused: as a rule why it trapped afterwards.
    pub(crate) fn refused(&self) -> Option<FaultCode> {
        self.refused
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if sum > self.memory_bytes_max {
            self.refused = Some(FaultCode::MemoryLimit);
            return Ok(false);
        }
        let grows = is_within(desired, maximum);
        if grows {
            self.memory_bytes = sum;
        }
        Ok(grows)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self.table_elements.saturating_add(desired.saturating_sub(current));
        if sum > self.table_elements_max {
            self.refused = Some(FaultCode::TableLimit);
            return Ok(false);
        }
        let grows = is_within(desired, maximum);
        if grows {
            self.table_elements = sum;
        }
        Ok(grows)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

/// Whether what grows has room by its own maximum. Where it has none, the guest is told so as Wasm says,
/// and was refused nothing by a limit.
fn is_within(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_none_or(|maximum| desired <= maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_share_one_limit() {
        let limits = Limits { memory_bytes_max: 3 << 16, ..Limits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(limiter.memory_growing(0, 2 << 16, None).unwrap());
        assert!(!limiter.memory_growing(0, 2 << 16, None).unwrap());
        assert_eq!(limiter.refused(), Some(FaultCode::MemoryLimit));
        assert!(limiter.memory_growing(0, 1 << 16, None).unwrap());
        assert_eq!(limiter.memory_bytes(), 3 << 16);
    }

    #[test]
    fn all_tables_share_one_limit() {
        let limits = Limits { table_elements_max: 10, ..Limits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(!limiter.table_growing(0, 1, None).unwrap());
        assert_eq!(limiter.refused(), Some(FaultCode::TableLimit));
    }

    #[test]
    fn what_a_memory_refuses_itself_is_not_counted() {
        let limits = Limits { memory_bytes_max: 10 << 16, ..Limits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(!limiter.memory_growing(0, 8 << 16, Some(4 << 16)).unwrap());
        assert_eq!((limiter.memory_bytes(), limiter.refused()), (0, None));
        assert!(limiter.memory_growing(0, 10 << 16, None).unwrap());
    }

    #[test]
    fn what_a_table_refuses_itself_is_not_counted() {
        let limits = Limits { table_elements_max: 10, ..Limits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(!limiter.table_growing(0, 8, Some(4)).unwrap());
        assert_eq!(limiter.refused(), None);
        assert!(limiter.table_growing(0, 10, None).unwrap());
    }

    #[test]
    fn what_is_over_both_is_over_the_limit() {
        let limits =
            Limits { memory_bytes_max: 1 << 16, table_elements_max: 10, ..Limits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(!limiter.memory_growing(0, 2 << 16, Some(1 << 16)).unwrap());
        assert_eq!(limiter.refused(), Some(FaultCode::MemoryLimit));
        assert!(!limiter.table_growing(0, 11, Some(10)).unwrap());
        assert_eq!(limiter.refused(), Some(FaultCode::TableLimit));
    }
}
