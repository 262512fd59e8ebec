//! The C library's heap, which ggml and the rest of the program share: what is free in it goes back
//! to the system here. No allocation, no policy when to do so.

use std::ffi::c_int;

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    /// malloc_trim(3) of the GNU C library.
    fn malloc_trim(pad_bytes: usize) -> c_int;
}

/// Gives whole free pages back to the system. The GNU C library does so by itself at the heap's end
/// only, and after one large block was freed not even there. Other C libraries: nothing happens.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer, only gives back what is free, and may be called by any thread at
    // any time (malloc_trim(3): MT-Safe).
    unsafe {
        malloc_trim(0);
    }
}
