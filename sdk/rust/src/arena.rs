//! The allocator of a Wasm guest: evaluations allocate from a static arena.
//!
//! Every evaluation is a fresh instance that is thrown away afterwards, so nothing needs freeing,
//! and growing the linear memory is the dearest thing that a small evaluation does. Once
//! `configure` has ended, blocks come one behind the other from an arena that is part of the
//! initial memory. What `describe` and `configure` allocate, and what no longer fits, comes from
//! the system's allocator.
//!
//! This is one of the SDK's two places with `unsafe`; the other is the generated code.
#![allow(unsafe_code, reason = "a global allocator deals in raw pointers")]

#[cfg(any(target_arch = "wasm32", test))]
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, UnsafeCell},
    ptr,
};

/// Enough for a request of some 30 KiB and what is parsed of it. Only pages that are touched
/// cost anything.
#[cfg(target_arch = "wasm32")]
const ARENA_BYTES: usize = 128 * 1024;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: Arena<ARENA_BYTES> = Arena::new();

/// From here on, blocks come from the arena. A no-op natively.
pub(crate) fn arm() {
    #[cfg(target_arch = "wasm32")]
    ALLOCATOR.arm();
}

/// A bump allocator over `N` bytes in front of the system's.
///
/// INVARIANT: `next <= N`; every byte at or behind `next` belongs to nobody.
#[cfg(any(target_arch = "wasm32", test))]
#[repr(C, align(16))]
struct Arena<const N: usize> {
    // First, so that they share their page with the first blocks.
    next: Cell<usize>,
    armed: Cell<bool>,
    bytes: UnsafeCell<[u8; N]>,
}

// SAFETY: guests are built for wasm32 without threads: nothing runs at the same time. (Tests keep
// their arena on one thread's stack.)
#[cfg(target_arch = "wasm32")]
unsafe impl<const N: usize> Sync for Arena<N> {}

#[cfg(any(target_arch = "wasm32", test))]
impl<const N: usize> Arena<N> {
    const fn new() -> Self {
        Self { next: Cell::new(0), armed: Cell::new(false), bytes: UnsafeCell::new([0; N]) }
    }

    fn arm(&self) {
        self.armed.set(true);
    }

    fn start(&self) -> *mut u8 {
        self.bytes.get().cast()
    }

    /// Where a block of the arena begins, counted from the arena's start; none for other blocks.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        let offset = block.addr().wrapping_sub(self.start().addr());
        (offset < N).then_some(offset)
    }

    fn bump(&self, layout: Layout) -> Option<*mut u8> {
        if !self.armed.get() {
            return None;
        }
        let free = self.start().addr() + self.next.get();
        let offset = self.next.get() + (free.next_multiple_of(layout.align()) - free);
        let end = offset.checked_add(layout.size())?;
        if end > N {
            return None;
        }
        self.next.set(end);
        Some(self.start().wrapping_add(offset))
    }
}

// SAFETY: blocks of the arena lie between `next` before and `next` after the call, which nobody
// else owns (INVARIANT), aligned as asked; others are the system's, and go back to it.
#[cfg(any(target_arch = "wasm32", test))]
unsafe impl<const N: usize> GlobalAlloc for Arena<N> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps `GlobalAlloc::alloc`'s contract, which is passed on.
        self.bump(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            // The last block gives its bytes back; they are behind `next` then.
            Some(offset) if offset + layout.size() == self.next.get() => self.next.set(offset),
            Some(_) => {}
            // SAFETY: a block outside of the arena came from `System` with this layout.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(offset) = self.offset(block) else {
            // SAFETY: as in `dealloc`; the new size is the caller's promise.
            return unsafe { System.realloc(block, layout, new_size) };
        };
        let is_last = offset + layout.size() == self.next.get();
        if is_last && new_size <= N - offset {
            self.next.set(offset + new_size);
            return block;
        }
        if new_size <= layout.size() {
            return block;
        }
        // SAFETY: `GlobalAlloc::realloc`'s caller promises that the new size is a valid layout.
        let wider = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: `new_size` is more than `layout.size()`, hence not zero.
        let moved = unsafe { self.alloc(wider) };
        if !moved.is_null() {
            // SAFETY: the old block has `layout.size()` bytes, the new one more, and both are
            // owned, so they do not overlap.
            unsafe { ptr::copy_nonoverlapping(block, moved, layout.size()) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: Layout = Layout::new::<u64>();

    fn armed() -> Arena<256> {
        let arena = Arena::new();
        arena.arm();
        arena
    }

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn before_it_is_armed_blocks_are_the_systems() {
        let arena = Arena::<256>::new();
        // SAFETY: the block is given back with its layout.
        unsafe {
            let block = arena.alloc(WORD);
            assert_eq!(arena.offset(block), None);
            arena.arm();
            arena.dealloc(block, WORD);
        }
        assert_eq!(arena.next.get(), 0);
    }

    #[test]
    fn blocks_are_aligned_and_do_not_overlap() {
        let arena = armed();
        // SAFETY: only addresses are looked at.
        unsafe {
            let one = arena.alloc(bytes(3));
            let two = arena.alloc(WORD);
            assert_eq!(two.addr() % 8, 0);
            assert!(two.addr() >= one.addr() + 3);
        }
    }

    #[test]
    fn the_last_block_grows_in_place_and_is_given_back() {
        let arena = armed();
        // SAFETY: every block is used with the layout that it has at that moment.
        unsafe {
            let block = arena.alloc(bytes(10));
            block.write_bytes(7, 10);
            assert_eq!(arena.realloc(block, bytes(10), 200), block);
            assert_eq!(arena.next.get(), 200);
            assert_eq!(block.add(9).read(), 7);
            arena.dealloc(block, bytes(200));
        }
        assert_eq!(arena.next.get(), 0);
    }

    #[test]
    fn another_block_moves_with_its_bytes_when_it_grows() {
        let arena = armed();
        // SAFETY: every block is used with the layout that it has at that moment.
        unsafe {
            let block = arena.alloc(bytes(10));
            block.write_bytes(7, 10);
            let last = arena.alloc(bytes(1));
            let moved = arena.realloc(block, bytes(10), 20);
            assert!(moved.addr() > last.addr());
            assert_eq!(moved.add(9).read(), 7);
            assert_eq!(arena.realloc(last, bytes(1), 1), last);
        }
    }

    #[test]
    fn what_does_not_fit_comes_from_the_system() {
        let arena = armed();
        // SAFETY: every block is used with the layout that it has at that moment.
        unsafe {
            let block = arena.alloc(bytes(250));
            block.write_bytes(7, 250);
            let moved = arena.realloc(block, bytes(250), 300);
            assert_eq!(arena.offset(moved), None);
            assert_eq!(moved.add(249).read(), 7);
            arena.dealloc(moved, bytes(300));
            let other = arena.alloc(bytes(257));
            assert_eq!(arena.offset(other), None);
            arena.dealloc(other, bytes(257));
        }
        assert!(arena.next.get() <= 256);
    }

    #[test]
    fn an_absurd_size_does_not_wrap_around() {
        let arena = armed();
        let absurd = Layout::from_size_align(isize::MAX as usize, 1).unwrap();
        assert_eq!(arena.bump(absurd), None);
    }
}
